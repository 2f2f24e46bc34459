"""Whether a colour map can be read by people without red or green receptors too, measured.

A map is simulated as it looks without red or without green receptors (Machado, Oliveira & Fernandes 2009, IEEE Trans
Vis Comput Graph 15(6):1291-1298, doi:10.1109/TVCG.2009.113, matrices of severity 1) and in CIELAB it is asked how far
apart colours are that stand for values a tenth of the scale apart or more, and how far their lightness alone. Two
values that look the same are a wrong reading; a rainbow, whose lightness goes up and down, has many of equal lightness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

Array = NDArray[np.float64]

# Linear RGB to linear RGB; from the paper's Table, severity 1.0: protanopia and deuteranopia (no red, no green
# receptors), about 1 % of men each.
_MATRICES = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip
VISIONS = tuple(_MATRICES)

# sRGB to XYZ under D65 (IEC 61966-2-1), and that white.
_XYZ_FROM_RGB = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                          [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
_WHITE = np.array([0.95047, 1.0, 1.08883])

_COLOURS = 41
_APART = 0.1
# A difference of 2.3 in CIELAB is just seen side by side (Mahy, Van Eycken & Oosterlinck 1994, Color Res Appl
# 19:105-121); twice that, for colours in a picture lie apart.
LEAST_DISTANCE = 5.0
LEAST_LIGHTNESS = 2.5
# In how many stretches lightness must go one way: a diverging map and a circle turn once, in the middle.
_PARTS = {"sequential": 1, "diverging": 2, "cyclic": 2}


@attrs.frozen
class Legibility:
    """How well the values of a colour map can be told apart.

    Attributes
    ----------
    vision : str
        One of `VISIONS`.
    least_distance : float
        Of all pairs of values at least a tenth of the scale apart, the smallest distance of their colours in CIELAB.
    least_lightness : float
        The same of L* alone: over the whole of a sequential map, over each half of another; 0 where it turns back.
    evenness : float
        Smallest step of 40 over their mean: 1 in a perfectly even map.
    """

    vision: str
    least_distance: float
    least_lightness: float
    evenness: float

    @property
    def is_legible(self) -> bool:
        """Whether no two values a tenth of the scale apart look alike, and whether lightness alone shows the order."""
        return self.least_distance >= LEAST_DISTANCE and self.least_lightness >= LEAST_LIGHTNESS


def simulate(rgb: ArrayLike, vision: str) -> Array:
    """(k, 3) sRGB colours, 0 to 1, as they look to a person of a colour vision.

    Raises
    ------
    InputError
        No such vision, or colours that are not (k, 3) numbers from 0 to 1.
    """
    if vision not in _MATRICES:
        raise InputError(f"colour vision is one of {', '.join(VISIONS)}, got {vision!r}")
    colours = np.atleast_2d(np.asarray(rgb, dtype=np.float64))
    if colours.ndim != 2 or colours.shape[1] != 3 or not ((colours >= 0) & (colours <= 1)).all():
        raise InputError("colours are (k, 3) numbers from 0 to 1")
    seen = np.clip(_linear(colours) @ _MATRICES[vision].T, 0.0, 1.0)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)


def lab_of(rgb: ArrayLike) -> Array:
    """(k, 3) CIELAB lightness and colour (L*, a*, b*) of sRGB colours under D65 (CIE 15:2004)."""
    ratios = _linear(np.atleast_2d(np.asarray(rgb, dtype=np.float64))) @ _XYZ_FROM_RGB.T / _WHITE
    f = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])


def _linear(colours: Array) -> Array:
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def legibility(cmap: str | Colormap, vision: str = "normal", *, kind: str = "sequential") -> Legibility:
    """Measure a colour map as a person of a colour vision sees it.

    Parameters
    ----------
    cmap : str or Colormap
    vision : {"normal", "protanopia", "deuteranopia"}
    kind : {"sequential", "diverging", "cyclic"}
        Whether it shows more and less, two ways from a middle, or a circle whose ends mean the same.

    Raises
    ------
    InputError
        No such colour map, vision or kind.
    """
    from matplotlib import colormaps

    if isinstance(cmap, str):
        if cmap not in colormaps:
            raise InputError(f"there is no colour map {cmap!r}")
        cmap = colormaps[cmap]
    if kind not in _PARTS:
        raise InputError(f"a colour map is one of {', '.join(_PARTS)}, got {kind!r}")
    places = np.linspace(0, 1, _COLOURS)
    lab = lab_of(simulate(cmap(places)[:, :3], vision))
    apart = np.abs(places[:, None] - places)
    around = np.minimum(apart, 1 - apart) if kind == "cyclic" else apart
    distance = np.linalg.norm(lab[:, None] - lab, axis=2)
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    halves = np.array_split(np.arange(_COLOURS - 1), _PARTS[kind])
    return Legibility(
        vision=vision,
        least_distance=float(distance[around >= _APART - 1e-9].min()),
        least_lightness=min(_least_climb(lab[part[0] : part[-1] + 2, 0]) for part in halves),
        evenness=float(steps.min() / steps.mean()),
    )


def _least_climb(lightness: Array) -> float:
    """Least change of lightness over a tenth of the whole scale; 0 where it does not go one way all the time."""
    rises = np.diff(lightness)
    if not ((rises > 0).all() or (rises < 0).all()):
        return 0.0
    reach = round(_APART * (_COLOURS - 1))
    return float(np.abs(lightness[reach:] - lightness[:-reach]).min())
