"""dA/dt by the fast multipole method, beside the direct sums."""

from __future__ import annotations

import numpy as np
import pytest
from coils import nine_turns
from spheres import sphere
from test_coil_field import placed

from stimplan.coil import AGrid, Coil
from stimplan.coil_field import solve_coil
from stimplan.coil_fmm import with_fmm
from stimplan.errors import CoilError, InputError, MissingExtra
from stimplan.fem import fmm

try:
    import fmm3dpy
except ImportError:
    fmm3dpy = None
needs_it = pytest.mark.skipif(fmm3dpy is None, reason="the extra fmm is not installed")


@needs_it
@pytest.mark.parametrize("kind", ["wire", "dipoles"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_it_agrees_with_the_direct_sums_as_well_as_asked(kind, tolerance):
    placement = placed(nine_turns(kind, 16 if kind == "wire" else 2))
    nodes = sphere().nodes_m[::7]
    direct = placement.dadt_V_per_m(nodes, is_double=True)
    fast = with_fmm(placement, tolerance=tolerance).dadt_V_per_m(nodes)
    assert np.abs(fast - direct).max() <= 5 * tolerance * np.abs(direct).max()


@needs_it
def test_solve_takes_it_like_any_other():
    placement = placed(nine_turns("wire", 16))
    one, other = solve_coil(sphere(), placement), solve_coil(sphere(), with_fmm(placement))
    assert np.abs(other.E_V_per_m - one.E_V_per_m).max() < 1e-4 * np.abs(one.E_V_per_m).max()


@needs_it
@pytest.mark.parametrize(
    "at, tolerance, reason",
    [
        ([[np.nan, 0, 0]], 1e-6, "points are"),
        ([[0.0, 0]], 1e-6, "points are"),
        ([[0.0, 0, 0]], 0.0, "the tolerance is"),
    ],
)
def test_what_has_no_field_is_refused(at, tolerance, reason):
    with pytest.raises(InputError, match=reason):
        fmm.fmm_potential(at, [[0, 0, 0.1]], [[1.0, 0, 0]], is_dipoles=False, tolerance=tolerance)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fmm3dpy", None)
    with pytest.raises(MissingExtra, match=r"pip install stimplan\[fmm\]"):
        fmm.fmm_potential([[0.0, 0, 0]], [[0, 0, 0.1]], [[1.0, 0, 0]], is_dipoles=False)


def test_a_grid_has_no_sums_and_the_gauge_is_the_plain_one_whatever_it_was():
    affine = np.diag([0.8, 0.8, 0.8, 1.0])
    affine[:3, 3] = -0.4
    grid = placed(Coil("uniform", (AGrid(np.ones((2, 2, 2, 3)), affine),), source="test"))
    with pytest.raises(CoilError, match="no sums to make faster"):
        with_fmm(grid)
    radial = placed(nine_turns("wire", 16), gauge="radial")
    assert radial.gauge_center_m is not None
    assert with_fmm(radial).gauge_center_m is None
