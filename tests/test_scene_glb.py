"""The scene as `.glb`: the structure that the glTF 2.0 specification asks for, the colours and the unit."""

from __future__ import annotations

import json
import struct

import attrs
import numpy as np
import pytest
from runs import small_head, small_run

from stimplan.notice import NOTICE
from stimplan.view.scene_glb import glb_bytes, vertex_colours, write_glb
from stimplan.view.scene_parts import scene_of_run

_SIZES = {5126: 4, 5125: 4, 5123: 2}
_TYPES = {5126: "<f4", 5125: "<u4", 5123: "<u2"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@pytest.fixture(scope="module")
def scene():
    return scene_of_run(small_run())


def opened(data):
    """Header and chunks of a file, each checked against the lengths it states."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    found, at = [], 12
    while at < len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        assert size % 4 == 0 and at + 8 + size <= len(data)
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    assert [kind for kind, _ in found] == [b"JSON", b"BIN\0"]
    return json.loads(found[0][1]), found[1][1]


def array(tree, block, number):
    accessor = tree["accessors"][number]
    view = tree["bufferViews"][accessor["bufferView"]]
    size, width = _SIZES[accessor["componentType"]], _WIDTHS[accessor["type"]]
    assert (
        view["byteOffset"] % size == 0 and view["byteOffset"] + view["byteLength"] <= tree["buffers"][0]["byteLength"]
    )
    assert accessor["count"] * size * width == view["byteLength"]
    raw = block[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    values = np.frombuffer(raw, _TYPES[accessor["componentType"]])
    return values.reshape(-1, width) if width > 1 else values


def test_the_file_has_the_structure_of_gltf(scene):
    tree, block = opened(glb_bytes(scene))
    assert tree["asset"]["version"] == "2.0" and tree["asset"]["extras"]["notice"] == NOTICE
    assert tree["buffers"][0]["byteLength"] <= len(block) < tree["buffers"][0]["byteLength"] + 4
    assert len(tree["meshes"]) == len(scene.layers) == len(tree["nodes"]) - 1
    for mesh, layer in zip(tree["meshes"], scene.layers, strict=True):
        (part,) = mesh["primitives"]
        points, corners = array(tree, block, part["attributes"]["POSITION"]), array(tree, block, part["indices"])
        assert corners.max() < len(points) and len(corners) == 3 * len(layer.triangles)
        accessor = tree["accessors"][part["attributes"]["POSITION"]]
        np.testing.assert_array_equal(accessor["min"], points.min(axis=0))
        np.testing.assert_array_equal(accessor["max"], points.max(axis=0))
        normals = array(tree, block, part["attributes"]["NORMAL"])
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
        assert 0 <= part["material"] < len(tree["materials"])
        for name, number in part["attributes"].items():
            assert len(array(tree, block, number)) == len(points), name


def test_lengths_are_metres_and_the_values_go_along(scene):
    tree, block = opened(glb_bytes(scene))
    part = tree["meshes"][0]["primitives"][0]
    points = array(tree, block, part["attributes"]["POSITION"])
    np.testing.assert_allclose(points, scene.layers[0].points_m, atol=1e-7)
    assert np.ptp(points, axis=0).max() == pytest.approx(2 * 0.070, rel=0.05)
    first = tree["meshes"][0]["extras"]["values"][0]
    assert first["unit"] == "V/m" and first["limits"] == list(scene.layers[0].shades[0].range.limits)
    values = array(tree, block, part["attributes"][first["attribute"]])
    np.testing.assert_allclose(values, np.nan_to_num(scene.layers[0].shades[0].values), rtol=1e-6)


def test_the_root_turns_the_head_upright_and_facing_the_viewer(scene):
    x, y, z, w = opened(glb_bytes(scene))[0]["nodes"][0]["rotation"]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    np.testing.assert_allclose(turn @ [0, 0, 1], [0, 1, 0], atol=1e-12)  # up in the head is up
    np.testing.assert_allclose(turn @ [0, 1, 0], [0, 0, 1], atol=1e-12)  # the nose looks at the viewer
    np.testing.assert_allclose(turn @ [1, 0, 0], [-1, 0, 0], atol=1e-12)  # whose left hand is the head's right


def test_colours_are_those_of_the_scale_in_linear_light(scene):
    shade = scene.layers[0].shades[0]
    three = attrs.evolve(shade, values=np.array([shade.range.low, shade.range.high, np.nan]))
    colours = vertex_colours(three) / 65535
    srgb = np.where(colours <= 0.0031308, 12.92 * colours, 1.055 * colours ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(255 * srgb[:, :3], [shade.colours[0], shade.colours[-1], 3 * [0.73 * 255]], atol=0.05)
    assert (colours[:, 3] == 1).all()


def test_the_scalp_is_seen_through_and_the_pads_are_not(scene):
    tree, _ = opened(glb_bytes(scene))
    modes = {one["name"]: one.get("alphaMode", "OPAQUE") for one in tree["materials"]}
    assert {name: modes[name] for name in ("Cortex", "Scalp", "F3", "F4")} == {
        "Cortex": "OPAQUE", "Scalp": "BLEND", "F3": "OPAQUE", "F4": "OPAQUE"
    }  # fmt: skip


def test_another_program_reads_the_same_surface(scene, tmp_path):
    import pyvista

    write_glb(scene, tmp_path / "scene.glb")
    read = pyvista.read(tmp_path / "scene.glb")
    assert sum(part.n_cells for part in read.recursive_iterator()) == sum(len(one.triangles) for one in scene.layers)


def test_the_same_scene_gives_the_same_bytes(scene):
    assert glb_bytes(scene) == glb_bytes(scene_of_run(small_run()))
    assert len(small_head().scalp) == len(scene.layers[1].triangles)
