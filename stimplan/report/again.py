"""The report of a finished run, made again from what lies in its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stimplan.errors import InputError, Problem
from stimplan.report.light import small_pictures
from stimplan.report.page import CAPTIONS, render

_SCENE = "scene.html"
_LIGHT_LIMIT = 1_000_000


def pictures_in(folder: Path) -> dict[str, bytes]:
    """The figures that a run left in its folder, by name, those of later blocks of a coil after the first.

    Raises
    ------
    OSError
        One of them cannot be read.
    """
    pictures = {name: folder / name for name in CAPTIONS if (folder / name).is_file()}
    later = [path for path in folder.glob("block*_*.png") if re.fullmatch(r"block\d+_(.+)", path.name)]
    for path in sorted(later, key=lambda one: (int(one.name[5:].partition("_")[0]), one.name)):
        if path.name.partition("_")[2] in CAPTIONS:
            pictures[path.name] = path
    return {name: path.read_bytes() for name, path in pictures.items()}


def report_again(folder: Path, record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """The whole report, with the scene where the folder has one.

    Raises
    ------
    InputError
        The record or the scene is not of this version.
    """
    scene = None
    if (folder / _SCENE).is_file():
        from stimplan.view.scene_html import read_scene

        scene = read_scene(folder / _SCENE)
    return _rendered(folder, record, pictures, scene=scene).encode("utf-8")


def light_report(folder: Path, record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """The report without the scene, below a megabyte.

    Raises
    ------
    InputError
        The record is not of this version, or has so much text that no picture has room.
    """
    page = _rendered(folder, record, small_pictures(pictures), is_light=True).encode("utf-8")
    if len(page) > _LIGHT_LIMIT:
        what = f"a light report of it has {len(page) / 1e6:.2f} MB, above 1 MB, even with the smallest pictures"
        raise InputError(Problem("", what, file=str(folder)))
    return page


def pdf_report(folder: Path, record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """The report as PDF; see `stimplan.report.pdf`.

    Raises
    ------
    InputError
        The record is not of this version.
    MissingExtra
        Nothing on this machine can print it.
    """
    from stimplan.report.pdf import pdf_bytes

    return pdf_bytes(_rendered(folder, record, pictures))


def _rendered(folder: Path, record: Mapping[str, Any], pictures: Mapping[str, bytes], **how: Any) -> str:
    import jinja2

    try:
        return render(record, pictures, **how)
    except (KeyError, TypeError, jinja2.UndefinedError) as error:
        what = f"is no record of this version ({type(error).__name__}: {error}); run it again"
        raise InputError(Problem("", what, file=str(folder / "summary.json"))) from None
