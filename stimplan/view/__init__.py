"""Pictures: each `scene_` function returns a pyvista Plotter, each `plot_` function a matplotlib Figure.

Nothing here opens a window or writes a file unless asked: `write_png(figure, path)` writes.
"""

from stimplan.view.calendar import plot_course
from stimplan.view.montage import plot_montage, scene_montage
from stimplan.view.paper import write_png
from stimplan.view.slices import plot_slices
from stimplan.view.surface import plot_surface_field, scene_surface_field
from stimplan.view.timeline import plot_session
from stimplan.view.topomap import plot_scalp_potential

__all__ = [
    "plot_course",
    "plot_montage",
    "plot_scalp_potential",
    "plot_session",
    "plot_slices",
    "plot_surface_field",
    "scene_montage",
    "scene_surface_field",
    "write_png",
]
