"""Pictures: each `scene_` function returns a pyvista Plotter, each `plot_` function a matplotlib Figure.

Nothing here opens a window or writes a file unless asked: `write_png(figure, path)` and `write_figure` write pictures,
`write_animation` what an `animate_` function made.
"""

from stimplan.view.animate import animate_cycle, animate_turn, write_animation
from stimplan.view.calendar import plot_course
from stimplan.view.coil import plot_coil
from stimplan.view.colour_vision import legibility
from stimplan.view.compare import plot_comparison, plot_difference, scene_compared
from stimplan.view.cortical import plot_cortical_normal, scene_cortical_normal
from stimplan.view.cut import plot_cut, scene_cut_plane
from stimplan.view.envelope import plot_envelope
from stimplan.view.flow import plot_arrows, plot_streamlines, scene_arrows, scene_streamlines
from stimplan.view.head_quality import plot_head_quality
from stimplan.view.montage import plot_montage, scene_montage
from stimplan.view.overview import plot_overview, scene_overview
from stimplan.view.paper import write_figure, write_png
from stimplan.view.preview import plot_preview, scene_preview
from stimplan.view.scene_html import write_scene_html
from stimplan.view.scene_parts import scene_of, scene_of_run
from stimplan.view.sites import plot_sites, scene_sites
from stimplan.view.slices import plot_slices
from stimplan.view.surface import plot_surface_field, scene_surface_field
from stimplan.view.timeline import plot_session
from stimplan.view.topomap import plot_scalp_potential
from stimplan.view.waveform_field import plot_carriers, plot_cycle, plot_phase

__all__ = [
    "animate_cycle",
    "animate_turn",
    "legibility",
    "plot_arrows",
    "plot_carriers",
    "plot_coil",
    "plot_comparison",
    "plot_cortical_normal",
    "plot_course",
    "plot_cut",
    "plot_cycle",
    "plot_difference",
    "plot_envelope",
    "plot_head_quality",
    "plot_montage",
    "plot_overview",
    "plot_phase",
    "plot_preview",
    "plot_scalp_potential",
    "plot_session",
    "plot_sites",
    "plot_slices",
    "plot_streamlines",
    "plot_surface_field",
    "scene_arrows",
    "scene_compared",
    "scene_cortical_normal",
    "scene_cut_plane",
    "scene_montage",
    "scene_of",
    "scene_of_run",
    "scene_overview",
    "scene_preview",
    "scene_sites",
    "scene_streamlines",
    "scene_surface_field",
    "write_animation",
    "write_figure",
    "write_png",
    "write_scene_html",
]
