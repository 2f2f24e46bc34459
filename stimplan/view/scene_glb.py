"""A scene as binary glTF 2.0 (`.glb`), which Blender, PowerPoint, Windows, macOS and web viewers open.

Written from the specification (Khronos Group, glTF 2.0, ISO/IEC 12113:2022). Lengths are metres; the file's root turns
head coordinates (x right, y front, z up) to glTF's (y up, the head looks along +z). The values are in the file too, as
`_VALUE_0` and so on, beside the colours that show the first of them.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stimplan import __version__
from stimplan.errors import naming
from stimplan.fem.surface import point_normals
from stimplan.view.scene_parts import Layer, Scene, Shade, scene_of_run

if TYPE_CHECKING:
    from stimplan.runs.result import RunResult

_MAGIC, _VERSION, _JSON, _BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_FLOAT, _UINT32, _UINT16 = 5126, 5125, 5123
_VERTICES, _CORNERS = 34962, 34963
# x, y, z, w: half a turn about the axis between y and z takes (x, y, z) to (-x, z, y).
_ROOT_TURN = [0.0, 0.7071067811865476, 0.7071067811865476, 0.0]
_NO_VALUE_GREY = 0.73


def write_glb(shown: RunResult | Scene, path: str | Path) -> None:
    """Write a scene as one `.glb` file.

    Parameters
    ----------
    shown : RunResult or Scene
    path : str or Path

    Raises
    ------
    OSError
        The file could not be written.
    """
    scene = shown if isinstance(shown, Scene) else scene_of_run(shown)
    with naming(path):
        Path(path).write_bytes(glb_bytes(scene))


def glb_bytes(scene: Scene) -> bytes:
    """The file's content; the same for the same scene."""
    tree: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"stimplan {__version__}",
                  "extras": {"notice": scene.notice, "caution": scene.caution, "field_digest": scene.digest,
                             "title": scene.title, "unit": "m"}},
        "scene": 0,
        "scenes": [{"name": scene.title, "nodes": [0]}],
        "nodes": [{"name": "head", "rotation": _ROOT_TURN, "children": list(range(1, 1 + len(scene.layers)))}],
        "meshes": [], "materials": [], "accessors": [], "bufferViews": [],
    }  # fmt: skip
    block = bytearray()
    for number, layer in enumerate(scene.layers):
        tree["nodes"].append({"name": layer.title, "mesh": number, "extras": {"id": layer.id, "group": layer.group}})
        _add_layer(layer, tree, block)
    tree["buffers"] = [{"byteLength": len(block)}]
    text = json.dumps(tree, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    block += b"\0" * (-len(block) % 4)
    length = 12 + 8 + len(text) + 8 + len(block)
    return b"".join(
        [
            struct.pack("<3I", _MAGIC, _VERSION, length),
            struct.pack("<2I", len(text), _JSON), text,
            struct.pack("<2I", len(block), _BINARY), bytes(block),
        ]
    )  # fmt: skip


def _add_layer(layer: Layer, tree: dict[str, Any], block: bytearray) -> None:
    attributes = {
        "POSITION": _add(tree, block, layer.points_m.astype("<f4"), with_range=True),
        "NORMAL": _add(tree, block, _normals(layer).astype("<f4")),
    }
    if layer.shades:
        attributes["COLOR_0"] = _add(tree, block, vertex_colours(layer.shades[0]))
    for place, shade in enumerate(layer.shades):
        values = np.nan_to_num(shade.values, nan=0.0).astype("<f4")  # NaN is not allowed; grey says there is none
        attributes[f"_VALUE_{place}"] = _add(tree, block, values)
    corners = _add(tree, block, layer.triangles.astype("<u4").ravel(), target=_CORNERS)
    tree["materials"].append(_material(layer))
    extras = [
        {"what": one.range.what, "unit": one.range.unit, "ends": one.range.ends, "limits": list(one.range.limits),
         "attribute": f"_VALUE_{place}", "is_coloured": place == 0}
        for place, one in enumerate(layer.shades)
    ]  # fmt: skip
    part = {"attributes": attributes, "indices": corners, "material": len(tree["materials"]) - 1, "mode": 4}
    tree["meshes"].append({"name": layer.title, "primitives": [part], "extras": {"values": extras}})


def _material(layer: Layer) -> dict[str, Any]:
    red, green, blue = (
        (1.0, 1.0, 1.0)
        if layer.shades
        else _linear(np.array([int(layer.colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255).tolist()
    )
    material: dict[str, Any] = {
        "name": layer.title, "doubleSided": True,
        "pbrMetallicRoughness": {"baseColorFactor": [red, green, blue, layer.opacity], "metallicFactor": 0.0,
                                 "roughnessFactor": 0.85},
    }  # fmt: skip
    if layer.opacity < 1:
        material["alphaMode"] = "BLEND"
    return material


def vertex_colours(shade: Shade) -> NDArray[np.uint16]:
    """(p, 4) colours of values; glTF multiplies in linear light, so the table's sRGB is undone."""
    low, high = shade.range.limits
    there = np.isfinite(shade.values)
    place = np.clip((np.where(there, shade.values, low) - low) / (high - low), 0, 1)
    colours = shade.colours[np.rint(255 * place).astype(int)] / 255
    colours[~there] = _NO_VALUE_GREY
    rgba = np.column_stack([_linear(colours), np.ones(len(colours))])
    return np.rint(65535 * rgba).astype("<u2")


def _linear(srgb: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Linear light of sRGB, both 0 to 1 (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _normals(layer: Layer) -> NDArray[np.float64]:
    """(p, 3) unit normals, mean of the triangles around each point by area; up where there is none."""
    normals = point_normals(np.asarray(layer.points_m, dtype=np.float64), layer.triangles.astype(np.int32))
    return np.where(normals.any(axis=1, keepdims=True), normals, [0.0, 0.0, 1.0])


def _add(
    tree: dict[str, Any], block: bytearray, values: NDArray[Any], *, target: int = _VERTICES, with_range: bool = False
) -> int:
    """Append an array to the block; return the number of its accessor."""
    block += b"\0" * (-len(block) % 4)
    data = np.ascontiguousarray(values).tobytes()
    tree["bufferViews"].append({"buffer": 0, "byteOffset": len(block), "byteLength": len(data), "target": target})
    block += data
    accessor: dict[str, Any] = {
        "bufferView": len(tree["bufferViews"]) - 1,
        "componentType": {"f4": _FLOAT, "u4": _UINT32, "u2": _UINT16}[values.dtype.str[1:]],
        "count": len(values),
        "type": "SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}",
    }
    if values.dtype.str[1:] == "u2":
        accessor["normalized"] = True
    if with_range:
        accessor["min"], accessor["max"] = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    tree["accessors"].append(accessor)
    return len(tree["accessors"]) - 1
