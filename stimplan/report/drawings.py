"""Every figure of the report by its file's name, drawn of a run that was computed now or lies in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from stimplan.view.drawable import Drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stimplan.placement import Placement

Progress = Callable[[str, float], None]


def draw_figures(shown: Drawable, progress: Progress, *, only: Collection[str] | None = None) -> dict[str, bytes]:
    """Figures of the report as PNG, by file name.

    Parameters
    ----------
    shown : Drawable
    progress : callable
    only : collection of str, optional
        Names of those wanted; all by default.
    """
    from stimplan.view.paper import png_bytes

    drawings = drawings_of(shown)
    wanted = {name: draw for name, draw in drawings.items() if only is None or name in only}
    pictures = {}
    for done, (name, draw) in enumerate(wanted.items()):
        progress("drawing", 0.4 + 0.5 * done / len(wanted))
        pictures[name] = png_bytes(draw())
    return pictures


def drawings_of(shown: Drawable) -> dict[str, Callable[[], Figure]]:
    """What draws each figure of the report, in its order."""
    drawings = _magnetic(shown) if shown.blocks else _electric(shown)
    if shown.protocol.course.sessions == 1:
        del drawings["course.png"]
    return drawings


def _magnetic(shown: Drawable) -> dict[str, Callable[[], Figure]]:
    """What draws each figure of stimulation by a coil."""
    from stimplan import view
    from stimplan.view.coil import plot_coil
    from stimplan.view.scene_parts import scene_of_drawable
    from stimplan.view.scene_window import plot_scene

    drawings: dict[str, Callable[[], Figure]] = {
        "overview.png": lambda: plot_scene(scene_of_drawable(shown)),
        "session.png": lambda: view.plot_session(shown.protocol),
        "course.png": lambda: view.plot_course(shown.protocol),
    }
    for block in shown.blocks:
        title = shown.coil_name if shown.is_one_block else f"{block.label}: {shown.coil_name}"
        field, start = block.exposure.field, block.start
        if field.placement is not None:
            placed = cast(Any, field.placement)
            drawings[f"{start}coil.png"] = partial(
                plot_coil, placed, field=field, title=title, handle_rad=block.handle_rad
            )
        drawings[f"{start}field_surface.png"] = partial(view.plot_surface_field, block.exposure)
        if block.has_normal:
            drawings[f"{start}field_normal.png"] = partial(view.plot_cortical_normal, field)
        drawings[f"{start}field_slices.png"] = partial(view.plot_slices, block.exposure, cross_m=block.cross_m)
    return drawings


def _electric(shown: Drawable) -> dict[str, Callable[[], Figure]]:
    """What draws each figure of stimulation by electrodes."""
    from stimplan import view
    from stimplan.view.overview import plot_overview
    from stimplan.view.topomap import has_scalp_map

    exposure, placement = shown.exposure, shown.exposure.field.placement
    roi, name = shown.target, shown.target_name
    drawings: dict[str, Callable[[], Figure]] = {
        "overview.png": lambda: plot_overview(exposure, roi=roi, roi_name=name),
        "montage.png": lambda: view.plot_montage(cast("Placement", placement)),
        "session.png": lambda: view.plot_session(shown.protocol),
        "course.png": lambda: view.plot_course(shown.protocol),
        "field_surface.png": lambda: view.plot_surface_field(exposure),
        "field_normal.png": lambda: view.plot_cortical_normal(exposure.field),
        "field_slices.png": lambda: view.plot_slices(exposure, cross_m=shown.cross_m),
        "field_phase.png": lambda: view.plot_phase(exposure),
        "field_cycle.png": lambda: view.plot_cycle(exposure),
        "field_carriers.png": lambda: view.plot_carriers(exposure),
        "scalp_potential.png": lambda: view.plot_scalp_potential(exposure),
    }
    is_shown = {
        "montage.png": placement is not None,  # of a folder whose electrodes do not lie on its mesh
        "field_normal.png": shown.has_normal,  # only a direct current's field keeps its direction
        "field_phase.png": "quadrature" in exposure.fields,
        "field_cycle.png": "in phase" in exposure.fields,
        "field_carriers.png": exposure.main.id == "envelope",
        "scalp_potential.png": has_scalp_map(exposure.field.head),
    }
    return {name: draw for name, draw in drawings.items() if is_shown.get(name, True)}
