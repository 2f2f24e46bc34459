"""The files a run leaves behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stimplan.exchange import field_on, grid_around, tetrahedron_at, write_nifti, write_vtu
from stimplan.exchange.fsaverage import FSAVERAGE5, surface_names, write_surfaces
from stimplan.report.page import CAPTIONS, render
from stimplan.report.record import json_text

if TYPE_CHECKING:
    from stimplan.exchange.fsaverage import AverageSurface
    from stimplan.field import Field
    from stimplan.pipeline import RunResult

FIELD_NIFTI = "field.nii.gz"
MESH = "field.vtu"
REPORT = "report.html"
SUMMARY = "summary.json"
# Every name a run may write: what an older run left under one of them goes when a new one arrives.
NAMES = (FIELD_NIFTI, MESH, *surface_names(FSAVERAGE5), *surface_names(""), *CAPTIONS, REPORT, SUMMARY)

Progress = Callable[[str, float], None]


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
        volumes = second.submit(write_volumes, result.field, folder)
        write_vtu(folder / MESH, result.field)
        if with_figures:
            figures = draw_figures(result, progress)
        progress("writing volumes", 0.9)
        volumes.result()
    for name, data in figures.items():
        (folder / name).write_bytes(data)
    progress("writing the report", 0.95)
    if surface is not None:
        write_surfaces(folder, result.field, surface)
    (folder / REPORT).write_text(render(result.record(), figures), encoding="utf-8")
    return {path.name: _sha256(path) for path in sorted(folder.iterdir())}


def write_summary(result: RunResult, folder: Path) -> None:
    """Write the record of a run, the file that says the folder is complete."""
    (folder / SUMMARY).write_text(json_text(result.record()), encoding="utf-8")


def write_volumes(field: Field, folder: Path) -> None:
    """Write |E|, Ex, Ey and Ez at 1 mm as four volumes of one file, as `Field.at` gives them; 0 outside the head."""
    grid = grid_around(field.head)
    vector = field_on(grid, field, tetrahedron_at(field.head, grid))
    values = np.concatenate([np.linalg.norm(vector, axis=-1, keepdims=True), vector], axis=-1)
    tag = f"stimplan {field.digest[:16]}; V/m; volumes |E|, Ex, Ey, Ez; 0 outside"
    write_nifti(folder / FIELD_NIFTI, values, grid, name="E_V_per_m", description=tag)


def draw_figures(result: RunResult, progress: Progress) -> dict[str, bytes]:
    """Every figure of the report as PNG, by file name."""
    from stimplan import view
    from stimplan.view.paper import png_bytes
    from stimplan.view.topomap import has_scalp_map

    field, placement = result.field, result.placement
    drawings = {
        "montage.png": lambda: view.plot_montage(placement),
        "session.png": lambda: view.plot_session(result.protocol),
        "course.png": lambda: view.plot_course(result.protocol),
        "field_surface.png": lambda: view.plot_surface_field(field),
        "field_slices.png": lambda: view.plot_slices(field, cross_m=result.point_of_interest_m),
        "scalp_potential.png": lambda: view.plot_scalp_potential(field),
    }
    if not has_scalp_map(result.head):
        del drawings["scalp_potential.png"]
    if result.protocol.course.sessions == 1:
        del drawings["course.png"]
    pictures = {}
    for done, (name, draw) in enumerate(drawings.items()):
        progress("drawing", 0.4 + 0.5 * done / len(drawings))
        pictures[name] = png_bytes(draw())
    return pictures


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
