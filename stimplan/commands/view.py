"""`stimplan view`: the 3-D scene of a run, in a window, in a browser, or as a file for others."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, write_whole
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.view.scene_parts import Scene

_SCENE = "scene.html"


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`view RESULT`."""
    parser = add_command(commands, "view", "look at the field of a run in 3-D: window, browser, or a file for others")
    parser.add_argument("result", type=Path, metavar="RESULT", help="folder of a run, or a page with its scene")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the scene as one page that opens offline")
    parser.add_argument(
        "--glb", type=Path, metavar="FILE", help="write the scene as binary glTF, for other 3-D programs"
    )
    parser.add_argument("--browser", action="store_true", help="open the page in the browser, not a window")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the files asked for; without any, open a window where there is a display, else name the page."""
    _check_names(args)
    page = scene_page_of(args.result)
    from stimplan.view.scene_html import read_scene

    scene = read_scene(page)
    check_same_run(scene, args.result)
    files = _written(scene, page, args)
    opened = None if files and not args.browser else _opened(scene, files.get("html", page), args)
    if args.json:
        show_json(
            console,
            {
                "scene": str(page), "field_digest": scene.digest, "opened": opened,
                "files": {kind: str(path) for kind, path in files.items()},
                "layers": [{"id": one.id, "triangles": len(one.triangles)} for one in scene.layers],
            },
        )  # fmt: skip
        return 0
    lines = [f"Scene: {path}" for path in files.values()]
    if opened is None and not files:
        lines = [f"Scene: {page}", "There is no display here; open the page in any browser, it needs no network."]
    elif opened == "browser":
        lines += [f"Opened in the browser: {files.get('html', page)}"]
    show_lines(console, lines)
    return 0


def _check_names(args: argparse.Namespace) -> None:
    problems = []
    for option, path, ending in (("--html", args.html, ".html"), ("--glb", args.glb, ".glb")):
        if path is None:
            continue
        if path.suffix.lower() != ending:
            problems.append(Problem(option, f"must end in {ending}, got {str(path)!r}"))
        elif not path.parent.is_dir():
            problems.append(Problem(option, f"there is no folder {str(path.parent)!r}"))
    if problems:
        raise InputError(problems)


def scene_page_of(result: Path) -> Path:
    """The page with the scene of a run.

    Raises
    ------
    InputError
        There is none.
    """
    page = result / _SCENE if result.is_dir() else result
    if page.is_file():
        return page
    if result.is_dir() and (result / "summary.json").is_file():
        what = "this run has no scene: it was made with --no-figures or by an older version; run it again"
        raise InputError(Problem("", what, file=str(page)))
    raise InputError(Problem("", "is not there; name the folder of a finished run", file=str(page)))


def check_same_run(scene: Scene, result: Path) -> None:
    """Refuse a scene that shows another field than the folder's summary speaks of.

    Raises
    ------
    InputError
        They differ, or the summary cannot be read.
    """
    if not result.is_dir():
        return
    from stimplan.exchange.result_folder import read_record

    found = read_record(result / "summary.json").get("field")
    digest = found.get("digest") if isinstance(found, Mapping) else None
    if digest != scene.digest:
        what = f"shows field {scene.digest[:16]}, summary.json speaks of {str(digest)[:16]}: they are of different runs"
        raise InputError(Problem("", what, file=str(result / _SCENE)))


def _written(scene: Scene, page: Path, args: argparse.Namespace) -> dict[str, Path]:
    files: dict[str, Path] = {}
    if args.html is not None:
        write_whole(args.html, _page(scene, page), is_new=False)
        files["html"] = args.html
    if args.glb is not None:
        from stimplan.view.scene_glb import glb_bytes

        write_whole(args.glb, glb_bytes(scene), is_new=False)
        files["glb"] = args.glb
    return files


def _page(scene: Scene, source: Path) -> str | bytes:
    """The scene as a page of its own: as it lies there, or taken out of a report."""
    from stimplan.view.scene_html import picture_of, scene_page

    return source.read_bytes() if source.name == _SCENE else scene_page(scene, picture_png=picture_of(source))


def _opened(scene: Scene, page: Path, args: argparse.Namespace) -> str | None:
    """What was opened, if anything could be."""
    from stimplan.view.scene_window import has_display, scene_plotter

    if not has_display():
        return None
    if args.browser:
        import webbrowser

        return "browser" if webbrowser.open(page.resolve().as_uri()) else None
    scene_plotter(scene).show()
    return "window"
