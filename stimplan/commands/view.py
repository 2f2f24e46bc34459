"""`stimplan view`: the 3-D scene of a run, in a window, in a browser, or as a file for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped, write_whole
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.view.scene_parts import Scene

_SCENE, _OVERVIEW = "scene.html", "overview.png"


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
    scene, page, notices = _scene(args)
    files = _written(scene, page, args)
    opened = None if files and not args.browser else _opened(scene, files.get("html", page), args)
    if args.json:
        show_json(
            console,
            {
                "scene": str(page or ""), "field_digest": scene.digest, "opened": opened,
                "files": {kind: str(path) for kind, path in files.items()},
                "layers": [{"id": one.id, "triangles": len(one.triangles)} for one in scene.layers],
                "notices": list(notices),
            },
        )  # fmt: skip
        return 0
    lines = [f"Scene: {path}" for path in files.values()]
    if opened is None and not files:
        lines = [f"Scene: {page}", "There is no display here; open the page in any browser, it needs no network."]
    elif opened == "browser":
        lines += [f"Opened in the browser: {files.get('html', page)}"]
    show_lines(console, [*lines, *(line for notice in notices for line in wrapped(notice))])
    return 0


def _scene(args: argparse.Namespace) -> tuple[Scene, Path | None, tuple[str, ...]]:
    """The scene, the page it is on where it is needed on one, and what whoever sees it must know.

    A folder whose page is gone or damaged has it drawn again from its field; the new page takes its place where no
    other file was asked for.
    """
    from stimplan.view.scene_html import read_scene

    result: Path = args.result
    if result.is_file():
        return read_scene(result), result, ()
    from stimplan.exchange.result_record import SUMMARY, read_record
    from stimplan.view.scene_again import scene_again, scene_in

    found = scene_in(result, read_record(result / SUMMARY))
    if not isinstance(found, str):
        return found, result / _SCENE, ()
    scene, notices = scene_again(result, found)
    if args.html is not None or (args.glb is not None and not args.browser):
        return scene, None, notices
    _keep(scene, result)
    return scene, result / _SCENE, notices


def _keep(scene: Scene, folder: Path) -> None:
    """Write a scene that was drawn again into its folder.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    try:
        write_whole(folder / _SCENE, _page(scene, folder / _OVERVIEW), is_new=False)
    except OSError as error:
        what = f"cannot be written ({error.strerror}); name another file with --html FILE"
        raise InputError(Problem("", what, file=str(folder / _SCENE))) from None


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


def _written(scene: Scene, page: Path | None, args: argparse.Namespace) -> dict[str, Path]:
    files: dict[str, Path] = {}
    if args.html is not None:
        is_there = page is not None and page.name == _SCENE
        content = page.read_bytes() if page is not None and is_there else _page(scene, page or args.result / _OVERVIEW)
        write_whole(args.html, content, is_new=False)
        files["html"] = args.html
    if args.glb is not None:
        from stimplan.view.scene_glb import glb_bytes

        write_whole(args.glb, glb_bytes(scene), is_new=False)
        files["glb"] = args.glb
    return files


def _page(scene: Scene, source: Path) -> str:
    """The scene as a page of its own, with the picture of a page or the overview for browsers that cannot turn it."""
    from stimplan.view.scene_html import picture_of, scene_page

    if not source.is_file():
        return scene_page(scene)
    picture = source.read_bytes() if source.suffix == ".png" else picture_of(source)
    return scene_page(scene, picture_png=picture)


def _opened(scene: Scene, page: Path | None, args: argparse.Namespace) -> str | None:
    """What was opened, if anything could be."""
    from stimplan.view.scene_window import has_display, scene_plotter

    if not has_display():
        return None
    if args.browser and page is not None:
        import webbrowser

        return "browser" if webbrowser.open(page.resolve().as_uri()) else None
    scene_plotter(scene).show()
    return "window"
