"""Primary field of a coil by the fast multipole method: an extra, for coils of very many elements.

The sums of `stimplan.fem.tms` cost points times elements, this about points plus elements. Measured at 398,000 nodes on
two cores with other work on them (`benchmarks/tms.py --fmm`, tolerance 1e-4): 1,152 dipoles 0.3 s directly and 4.4 s
so; 14,112 dipoles 3.5 and 7.5 s; 115,200 dipoles 33 and 29 s. Below some 100,000 elements the direct sums are faster,
and they are exact to 5e-7; coils in use have a few thousand.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError, MissingExtra
from stimplan.fem.tms import MU0_OVER_4_PI

Array = NDArray[np.float64]


def fmm_potential(
    points_m: ArrayLike, positions_m: ArrayLike, vectors: ArrayLike, *, is_dipoles: bool, tolerance: float = 1e-6
) -> Array:
    """Vector potential of current elements or magnetic dipoles, as of `stimplan.fem.tms`.

    Parameters
    ----------
    points_m : (n, 3) array
    positions_m : (k, 3) array
    vectors : (k, 3) array
        Current times length, A m, or magnetic moments, A m²; or their rates of change.
    is_dipoles : bool
    tolerance : float
        Relative precision the method is asked for, 1e-12 to 1e-1.

    Returns
    -------
    (n, 3) array
        T m.

    Raises
    ------
    MissingExtra
        The package fmm3dpy is not installed.
    InputError
        Numbers that are not finite, or another tolerance.
    """
    library = _library()
    points, places, strengths = (np.asarray(one, dtype=np.float64) for one in (points_m, positions_m, vectors))
    for name, one in (("points", points), ("positions", places), ("vectors", strengths)):
        if one.ndim != 2 or one.shape[1] != 3 or not np.isfinite(one).all():
            raise InputError(f"{name} are (n, 3) finite numbers, got shape {one.shape}")
    if not 1e-12 <= tolerance <= 1e-1:
        raise InputError(f"the tolerance is 1e-12 to 0.1, got {tolerance!r}")
    columns = {"sources": places.T.copy(), "charges": strengths.T.copy(), "targets": points.T.copy()}
    found = library.lfmm3d(eps=tolerance, nd=3, pgt=2 if is_dipoles else 1, **columns)
    scale = MU0_OVER_4_PI / _unit(library)
    if not is_dipoles:
        return scale * found.pottarg.T
    # Component c of the strengths as charges has the potential sum m_c/d with gradients g[c]; A = grad(1/d) x m.
    g = found.gradtarg
    return scale * np.stack([g[2][1] - g[1][2], g[0][2] - g[2][0], g[1][0] - g[0][1]], axis=1)


@lru_cache(maxsize=1)
def _unit(library: Any) -> float:
    """Potential that the library gives a unit charge at unit distance: 1, or 1/4pi since its version 2."""
    one = library.l3ddir(sources=np.zeros((3, 1)), charges=np.ones(1), targets=np.array([[1.0], [0], [0]]), pgt=1)
    return float(np.ravel(one.pottarg)[0])


def _library() -> ModuleType:
    try:
        import fmm3dpy
    except ImportError:
        raise MissingExtra(
            "the fast multipole method needs the package fmm3dpy: pip install stimplan[fmm]; the direct sums do not"
        ) from None
    return fmm3dpy
