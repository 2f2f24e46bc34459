"""Pictures: each `scene_` function returns a pyvista Plotter, each `plot_` function a matplotlib Figure.

Nothing here opens a window or writes a file unless asked: `write_png(figure, path)` writes.
"""

from stimplan.view.calendar import plot_course
from stimplan.view.cortical import plot_cortical_normal, scene_cortical_normal
from stimplan.view.montage import plot_montage, scene_montage
from stimplan.view.paper import write_png
from stimplan.view.scene_html import write_scene_html
from stimplan.view.scene_parts import scene_of, scene_of_run
from stimplan.view.slices import plot_slices
from stimplan.view.surface import plot_surface_field, scene_surface_field
from stimplan.view.timeline import plot_session
from stimplan.view.topomap import plot_scalp_potential
from stimplan.view.waveform_field import plot_carriers, plot_cycle, plot_phase

__all__ = [
    "plot_carriers",
    "plot_cortical_normal",
    "plot_course",
    "plot_cycle",
    "plot_montage",
    "plot_phase",
    "plot_scalp_potential",
    "plot_session",
    "plot_slices",
    "plot_surface_field",
    "scene_cortical_normal",
    "scene_montage",
    "scene_of",
    "scene_of_run",
    "scene_surface_field",
    "write_png",
    "write_scene_html",
]
