"""The scene of a finished run: the page that lies in its folder, or drawn again from the field that lies there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stimplan.errors import InputError, Problem
from stimplan.exchange.result_exposure import RunAgain, read_exposure
from stimplan.exchange.result_record import SUMMARY, check_as_written, how_again
from stimplan.view.drawable import drawable_again
from stimplan.view.scene_html import SCENE, read_scene
from stimplan.view.scene_parts import Scene, scene_of_drawable


def scene_in(folder: Path, record: Mapping[str, Any]) -> Scene | str:
    """The scene of the page in a folder; where there is none, or not as it was written, why.

    Raises
    ------
    InputError
        The page shows another field than the folder's record speaks of.
    """
    page = folder / SCENE
    if not page.is_file():
        return f"{SCENE} is not there: the run was made with --no-figures, or the file was lost"
    try:
        check_as_written(folder, record, SCENE)
        scene = read_scene(page)
    except InputError as error:
        return f"{SCENE} is of no use: {error.problems[0].what.partition(';')[0]}"
    digest = record["field"]["digest"]
    if digest != scene.digest:
        what = (
            f"shows field {scene.digest[:16]}, {SUMMARY} speaks of {str(digest)[:16]}: they are of different runs; "
            f"delete it to have it drawn again from the field of the folder, or {how_again(folder, record)}"
        )
        raise InputError(Problem("", what, file=str(page)))
    return scene


def scene_again(folder: Path, why: str, *, run: RunAgain | None = None) -> tuple[Scene, tuple[str, ...]]:
    """The scene drawn again from the field in a folder, and what whoever sees it must know.

    Parameters
    ----------
    folder : Path
    why : str
        There is no page to take it from, as `scene_in` says it.
    run : RunAgain, optional
        Of the folder, where it was read before.

    Raises
    ------
    InputError
        The field cannot be read either.
    """
    try:
        found = read_exposure(folder) if run is None else run
        scene = scene_of_drawable(drawable_again(found))
    except InputError as error:
        what = f"{why}, and it cannot be drawn again"
        raise InputError([Problem("", what, file=str(folder / SCENE)), *error.problems]) from None
    return scene, (f"{why}. The scene was drawn again from the stored field.", *found.notices)
