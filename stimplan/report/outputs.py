"""The files a run leaves behind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from stimplan.exchange import (
    grid_around,
    maps_on,
    stacked_volumes,
    tetrahedron_at,
    volume_names,
    write_nifti,
    write_vtu,
)
from stimplan.exchange.fsaverage import FSAVERAGE5, surface_names, write_surfaces
from stimplan.exchange.result_exposure import MOST_BLOCKS
from stimplan.exposure import exposure_of
from stimplan.report.drawings import Progress, draw_figures
from stimplan.report.light import small_pictures
from stimplan.report.page import CAPTIONS, render
from stimplan.report.record import json_text
from stimplan.view.drawable import drawable_of

if TYPE_CHECKING:
    from stimplan.exchange.fsaverage import AverageSurface
    from stimplan.exposure import Exposure
    from stimplan.field import Field
    from stimplan.runs.result import RunResult

FIELD_NIFTI = "field.nii.gz"
MESH = "field.vtu"
REPORT = "report.html"
LIGHT = "report-light.html"
SCENE = "scene.html"
SUMMARY = "summary.json"
# Every name a run may write: what an older run left under one of them goes when a new one arrives.
_BLOCK_FIGURES = ("coil.png", "field_surface.png", "field_normal.png", "field_slices.png")
_OF_BLOCKS = tuple(
    f"block{number}_{name}" for number in range(2, MOST_BLOCKS + 1) for name in (FIELD_NIFTI, MESH, *_BLOCK_FIGURES)
)
NAMES = (
    FIELD_NIFTI,
    MESH,
    *surface_names(FSAVERAGE5),
    *surface_names(""),
    *CAPTIONS,
    *_OF_BLOCKS,
    SCENE,
    LIGHT,
    REPORT,
    SUMMARY,
)

# NIfTI has room for 15 characters.
_SHORT = {"envelope": "depth"}


def write_outputs(
    result: RunResult,
    folder: Path,
    *,
    with_figures: bool,
    surface: AverageSurface | None = None,
    progress: Progress,
) -> dict[str, str]:
    """Write everything but the summary; the field on an average surface too, where one is given.

    Returns
    -------
    dict
        SHA-256 of each file by its name, in the order they were written.

    Raises
    ------
    OSError
        A file could not be written completely.
    """
    figures: dict[str, bytes] = {}
    # Compressing volumes and drawing pictures take about as long; the second core has nothing else to do.
    with ThreadPoolExecutor(1) as second:
        progress("writing volumes and drawing", 0.0)
        volumes = second.submit(_write_all_volumes, result, folder)
        for start, exposure in _exposures(result).items():
            write_vtu(folder / f"{start}{MESH}", exposure)
        if with_figures:
            figures = draw_figures(drawable_of(result), progress)
        progress("writing volumes", 0.9)
        volumes.result()
    for name, data in figures.items():
        (folder / name).write_bytes(data)
    progress("writing the report", 0.95)
    if surface is not None:
        write_surfaces(folder, result.exposure, surface)
    _write_pages(result, folder, figures)
    return {path.name: _sha256(path) for path in sorted(folder.iterdir())}


def _write_pages(result: RunResult, folder: Path, figures: Mapping[str, bytes]) -> None:
    """The report; where pictures were asked for with the scene in it, on its own, and without it to be mailed."""
    record, scene = result.record(), None
    if figures:
        from stimplan.view import scene_of_run, write_scene_html

        scene = scene_of_run(result)
        write_scene_html(scene, folder / SCENE, picture_png=figures["overview.png"])
        light = render(record, small_pictures(figures), is_light=True)
        (folder / LIGHT).write_text(light, encoding="utf-8")
    (folder / REPORT).write_text(render(record, figures, scene=scene), encoding="utf-8")


def write_summary(result: RunResult, folder: Path) -> None:
    """Write the record of a run, the file that says the folder is complete."""
    (folder / SUMMARY).write_text(json_text(result.record()), encoding="utf-8")


def _exposures(result: RunResult) -> dict[str, Exposure]:
    """What is written, by the start of its files' names: blocks of a coil that differ have files of their own."""
    if result.coil is None:
        return {"": result.exposure}
    return {block.start: block.exposure for block in drawable_of(result).blocks}


def _write_all_volumes(result: RunResult, folder: Path) -> None:
    for start, exposure in _exposures(result).items():
        write_volumes(exposure, folder, start=start)


def write_volumes(shown: Field | Exposure, folder: Path, *, start: str = "") -> None:
    """Write the maps at 1 mm as volumes of one file, made of the fields as `Field.at` gives them; 0 outside the head.

    The main map first, then the three components of its vectors where it has any (|E|, Ex, Ey and Ez of a direct
    current), then every other map; a comment in the header names them.
    """
    exposure = exposure_of(shown)
    grid = grid_around(exposure.field.head)
    values = stacked_volumes(exposure, maps_on(grid, exposure, tetrahedron_at(exposure.field.head, grid)))
    is_direct = exposure.main.id == "magnitude"
    what = "volumes |E|, Ex, Ey, Ez" if is_direct else f"first volume: {exposure.main.title}"
    write_nifti(
        folder / f"{start}{FIELD_NIFTI}",
        values,
        grid,
        name="E_V_per_m" if is_direct else f"{_SHORT.get(exposure.main.id, exposure.main.id)}_V_per_m",
        description=f"stimplan {exposure.digest[:16]}; V/m; {what}; 0 outside",
        volumes=volume_names(exposure),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
