"""A scene as a page that turns under the hand and needs nothing but a browser: no network, no library, one file.

The page carries its arrays (`scene_pack`) and a viewer of our own (`scene_viewer.js`, WebGL 2). A browser without
WebGL shows a picture and says why. The page's policy lets nothing be loaded and no script run but this one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.errors import InputError, Problem, naming
from stimplan.resources import package_path
from stimplan.view.scene_cut import cut_data, cut_from
from stimplan.view.scene_pack import NO_VALUE, order_for_packing, pack, positions_as_codes, unpack, values_as_codes
from stimplan.view.scene_parts import Label, Layer, Scene, Shade, scene_of_run
from stimplan.view.style import ColourRange

if TYPE_CHECKING:
    from stimplan.runs.result import RunResult

SCENE = "scene.html"
FORMAT = 2
_MARK = '<script type="application/json" class="scene-data">'
_FALLBACK = '<div class="scene-fallback">'
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – stimplan</title>
<style>
{style}
</style>
</head>
<body class="scene-page">
<main>
<h1>{title}</h1>
{caution}{body}
</main>
<footer><p>{notice}</p></footer>
<script>{script}</script>
</body>
</html>
"""


def write_scene_html(shown: RunResult | Scene, path: str | Path, *, picture_png: bytes | None = None) -> None:
    """Write a scene as one page that opens offline.

    Parameters
    ----------
    shown : RunResult or Scene
    path : str or Path
    picture_png : bytes, optional
        Shown by a browser that has no WebGL.

    Raises
    ------
    OSError
        The file could not be written.
    """
    scene = shown if isinstance(shown, Scene) else scene_of_run(shown)
    with naming(path):
        Path(path).write_text(scene_page(scene, picture_png=picture_png), encoding="utf-8")


def scene_page(scene: Scene, *, picture_png: bytes | None = None) -> str:
    """The page of a scene."""
    return _PAGE.format(
        policy=content_policy(),
        title=escape(scene.title),
        style=viewer_style(),
        caution=f'<p class="scene-caution">{escape(scene.caution)}</p>\n' if scene.caution else "",
        body=scene_fragment(scene, picture_png=picture_png),
        notice=escape(scene.notice),
        script=viewer_script(),
    )


def scene_fragment(scene: Scene, *, picture_png: bytes | None = None) -> str:
    """The scene for a page that brings `viewer_style` and, at its end, `viewer_script` along."""
    picture = ""
    if picture_png is not None:
        address = "data:image/png;base64," + base64.b64encode(picture_png).decode("ascii")
        picture = f'<img src="{address}" alt="Picture of the scene">'
    return (
        '<div class="scene3d">\n'
        f"{_FALLBACK}{picture}<p>The scene that can be turned needs a browser with JavaScript and "
        f"WebGL 2.</p></div>\n{_MARK}{_as_script_data(payload(scene))}</script>\n</div>"
    )


def picture_of(path: str | Path) -> bytes | None:
    """The picture that a page shows where there is no WebGL; None where it has none."""
    text = Path(path).read_text(encoding="utf-8").partition(_FALLBACK)[2].partition("</div>")[0]
    address = text.partition('src="data:image/png;base64,')[2].partition('"')[0]
    return base64.b64decode(address) if address else None


def viewer_script() -> str:
    """The viewer; it starts every scene of the page it stands in."""
    return package_path("view", "scene_viewer.js").read_text(encoding="utf-8")


def viewer_style() -> str:
    """Style sheet of the viewer."""
    return package_path("view", "scene_viewer.css").read_text(encoding="utf-8")


def content_policy() -> str:
    """What a page with a scene may do: run the viewer and no other script, and load nothing from anywhere."""
    digest = base64.b64encode(hashlib.sha256(viewer_script().encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def payload(scene: Scene) -> dict[str, Any]:
    """A scene as JSON data, its arrays packed."""
    arrays: dict[str, Any] = {}
    layers = [_layer_data(number, layer, arrays) for number, layer in enumerate(scene.layers)]
    cut = None if scene.cut is None else cut_data(scene.cut, arrays)
    index, text = pack(arrays)
    return {
        "format": FORMAT,
        "title": scene.title,
        "caution": scene.caution,
        "notice": scene.notice,
        "digest": scene.digest,
        "view": [float(x) for x in scene.view],
        "mni_from_scene": None if scene.mni_from_scene is None else np.asarray(scene.mni_from_scene).tolist(),
        "layers": layers,
        "cut": cut,
        "labels": [
            {"text": one.text, "point_m": one.point_m.tolist(), "colour": one.colour, "group": one.group}
            for one in scene.labels
        ],
        "arrays": index,
        "data": text,
    }


def _layer_data(number: int, layer: Layer, arrays: dict[str, Any]) -> dict[str, Any]:
    used, triangles = order_for_packing(layer.points_m, layer.triangles)
    codes, corner, step = positions_as_codes(layer.points_m[used])
    arrays[f"{number} points"], arrays[f"{number} corners"] = codes, triangles
    shades = []
    for place, shade in enumerate(layer.shades):
        name = f"{number} values {place}"
        arrays[name], low, high = values_as_codes(shade.values[used])
        scale = shade.range
        shades.append(
            {
                "array": name, "low": low, "high": high, "limits": [float(scale.low), float(scale.high)],
                "what": scale.what, "unit": scale.unit, "ends": scale.ends,
                "colours": base64.b64encode(np.ascontiguousarray(shade.colours, np.uint8).tobytes()).decode("ascii"),
            }
        )  # fmt: skip
    return {
        "id": layer.id, "title": layer.title, "group": layer.group, "colour": layer.colour,
        "opacity": layer.opacity, "is_cut": layer.is_cut, "points": f"{number} points",
        "corners": f"{number} corners", "origin_m": corner, "step_m": step, "shades": shades,
    }  # fmt: skip


def _as_script_data(tree: Any) -> str:
    """JSON that cannot end the element it stands in, nor start another."""
    text = json.dumps(tree, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def read_scene(path: str | Path) -> Scene:
    """Read the scene of a page that `write_scene_html` wrote.

    Raises
    ------
    InputError
        No such file, or no scene in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem("", f"cannot be read ({error})", file=str(path))) from None
    _, mark, rest = text.partition(_MARK)
    if not mark:
        raise InputError(Problem("", "holds no scene; run it again with this version", file=str(path)))
    try:
        tree = json.loads(rest.partition("</script>")[0])
        if tree["format"] != FORMAT:
            raise ValueError(f"format {tree['format']}, this version reads {FORMAT}")
        return _scene_from(tree)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        what = f"holds a scene that is damaged or of another version ({error}); run it again"
        raise InputError(Problem("", what, file=str(path))) from None


def _scene_from(tree: Mapping[str, Any]) -> Scene:
    arrays = unpack(tree["arrays"], tree["data"])
    mni = tree["mni_from_scene"]
    return Scene(
        title=tree["title"],
        layers=tuple(_layer_from(one, arrays) for one in tree["layers"]),
        labels=tuple(Label(one["text"], one["point_m"], one["colour"], one["group"]) for one in tree["labels"]),
        view=tree["view"],
        caution=tree["caution"],
        notice=tree["notice"],
        digest=tree["digest"],
        mni_from_scene=None if mni is None else np.asarray(mni, float).reshape(4, 4),
        cut=None if tree["cut"] is None else cut_from(tree["cut"], arrays),
    )


def _layer_from(one: Mapping[str, Any], arrays: Mapping[str, Any]) -> Layer:
    points = np.asarray(one["origin_m"], float) + arrays[one["points"]].T * float(one["step_m"])
    return Layer(
        id=one["id"], title=one["title"], group=one["group"], points_m=points, triangles=arrays[one["corners"]],
        colour=one["colour"], opacity=float(one["opacity"]), is_cut=bool(one["is_cut"]),
        shades=tuple(_shade_from(shade, arrays) for shade in one["shades"]),
    )  # fmt: skip


def _shade_from(one: Mapping[str, Any], arrays: Mapping[str, Any]) -> Shade:
    codes = arrays[one["array"]].astype(np.float64)
    values = one["low"] + codes / (NO_VALUE - 1) * (one["high"] - one["low"])
    values[codes == NO_VALUE] = np.nan
    low, high = one["limits"]
    table = np.frombuffer(base64.b64decode(one["colours"]), np.uint8).reshape(256, 3)
    return Shade(ColourRange(low, high, one["what"], one["unit"], one["ends"]), values, table)
