"""The potential at the 10-10 sites as a scalp map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.model import HeadModel
from stimplan.view.paper import FAINT, INK, new_figure
from stimplan.view.style import signed_cmap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stimplan.field import Field

_TEN_TEN = re.compile(r"(Fp|AF|F|FT|FC|T|C|TP|CP|P|PO|O|I)(z|[1-9]|10)")
# Names of the 10-20 system that the 10-10 system replaced by T7, T8, P7, P8.
_OLD_NAMES = frozenset({"T3", "T4", "T5", "T6"})
# The sites the map is drawn around.
_FRAME = ("Cz", "Fpz", "Oz", "T7", "T8")
# Radius of the drawn head; MNE draws nose and ears around it. Its value only sets the scale of the drawing.
_RIM = 0.095
# How far the map goes on beyond the lowest site.
_MARGIN = 0.006


def ten_ten_sites(head: HeadModel) -> tuple[str, ...]:
    """Names of the 10-10 sites this head knows, each place once."""
    return tuple(name for name in head.sites_m if _TEN_TEN.fullmatch(name) and name not in _OLD_NAMES)


def has_scalp_map(head: HeadModel) -> bool:
    """Whether the head has the sites a scalp map is drawn around."""
    return set(_FRAME) <= set(head.sites_m)


def moment_of(exposure: Exposure) -> str:
    """In words, the moment whose potential is drawn: all parts of the waveform at their largest; "" where constant."""
    if "in phase" in exposure.fields:
        return "when the largest current peaks"
    if exposure.main.id == "envelope":
        return "all carriers at their peak"
    words = {"noise": "at one standard deviation", "oscillation": "at the upper turn", "pulse": "during a pulse"}
    return next((words[name] for name in exposure.fields if name in words), "")


def site_potentials_V(shown: Field | Exposure, sites: tuple[str, ...]) -> NDArray[np.float64]:
    """Potential of the scalp node nearest to each site at that moment, against the mean of all of them, V."""
    from scipy.spatial import cKDTree

    exposure = exposure_of(shown)
    head = exposure.field.head
    nodes = np.unique(head.scalp)
    _, nearest = cKDTree(head.nodes_m[nodes]).query([head.sites_m[name] for name in sites])
    parts = [field for name, field in exposure.fields.items() if name != "quadrature"]
    values = np.sum([field.potential_V[nodes[nearest]] for field in parts], axis=0)
    return values - values.mean()


def flat_positions(head: HeadModel, sites: tuple[str, ...]) -> NDArray[np.float64]:
    """(k, 2) azimuthal equidistant map of the sites: Cz in the middle, the circle Fpz-T7-Oz-T8 at radius `_RIM`.

    Raises
    ------
    InputError
        The head lacks one of Cz, Fpz, Oz, T7, T8.
    """
    missing = [name for name in _FRAME if name not in head.sites_m]
    if missing:
        raise InputError(f"head {head.name!r} has no {', '.join(missing)}; a scalp map is drawn around them")
    vertex, front, back, left, right = (np.array(head.sites_m[name]) for name in _FRAME)
    center = (front + back + left + right) / 4
    up = (vertex - center) / np.linalg.norm(vertex - center)
    ahead = front - back - np.dot(front - back, up) * up
    ahead /= np.linalg.norm(ahead)
    offset = np.array([head.sites_m[name] for name in sites]) - center
    height, forward, sideways = offset @ up, offset @ ahead, offset @ np.cross(ahead, up)
    angle = np.arctan2(np.hypot(forward, sideways), height)
    azimuth = np.arctan2(forward, sideways)
    at = dict(zip(sites, angle, strict=True))
    # The rim passes through the four sites, which do not lie on one circle of a real head.
    rim = np.cos(azimuth) ** 2 * (at["T7"] + at["T8"]) / 2 + np.sin(azimuth) ** 2 * (at["Fpz"] + at["Oz"]) / 2
    return _RIM * (angle / rim)[:, None] * np.column_stack([np.cos(azimuth), np.sin(azimuth)])


def plot_scalp_potential(shown: Field | Exposure) -> Figure:
    """Map of the scalp potential at the 10-10 sites, average reference, drawn by MNE.

    Raises
    ------
    InputError
        The head lacks the sites the map is drawn around.
    """
    import mne.viz
    from matplotlib.patheffects import withStroke

    exposure = exposure_of(shown)
    field, moment = exposure.field, moment_of(exposure)
    sites = ten_ten_sites(field.head)
    places = flat_positions(field.head, sites)
    values_mV = 1e3 * site_potentials_V(exposure, sites)
    reach = float(np.abs(values_mV).max()) or 1.0
    figure = new_figure(3.4, 3.0)
    axes = figure.add_axes((0.03, 0.02, 0.80, 0.84 if moment else 0.90))
    stimulated = {patch.electrode.site for patch in field.placement.electrodes} if field.placement else set()
    image, _ = mne.viz.plot_topomap(
        values_mV,
        places,
        axes=axes,
        cmap=signed_cmap(),
        vlim=(-reach, reach),
        contours=8,
        show=False,
        extrapolate="head",
        sphere=(0.0, 0.0, 0.0, _RIM),
        mask=np.array([name in stimulated for name in sites]),
        mask_params={"marker": "s", "markersize": 5, "markerfacecolor": "white", "markeredgecolor": INK},
        names=[f"{name}\n" if name in stimulated else "" for name in sites],
    )
    reach_m = float(np.hypot(*places.T).max()) + _MARGIN
    axes.set(xlim=(-reach_m, reach_m), ylim=(-reach_m, reach_m))
    for name in axes.texts:
        name.set(fontsize=7, fontweight="bold", path_effects=[withStroke(linewidth=1.5, foreground="white")])
    bar = figure.colorbar(image, cax=figure.add_axes((0.85, 0.25, 0.03, 0.5)))
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_linewidth(0.5)
    title = "scalp potential, mV (average of the sites = 0)"
    axes.set_title(f"{title}\n{moment}" if moment else title, fontsize=8, color=INK)
    for letter, place in (("L", 0.08), ("R", 0.92)):
        axes.text(place, 0.1, letter, transform=axes.transAxes, fontsize=9, weight="bold", color=FAINT, ha="center")
    return figure
