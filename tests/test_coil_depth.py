"""Half-value depth and spread of coils on a sphere, against what Deng 2013 reports for their kinds."""

from __future__ import annotations

import numpy as np
import pytest
from coils import nine_turns

from stimplan.coil import AGrid, Coil, catalogue_coil, catalogue_entry, list_coils
from stimplan.coil.windings import circular, turn_radii, wind
from stimplan.coil_depth import BRAIN_RADIUS_M, HEAD_RADIUS_M, depth_and_spread, lift_m
from stimplan.errors import CoilError, InputError
from stimplan.fem.exact_tms import sphere_field

# doi:10.1016/j.brs.2012.02.005, abstract: figure-8 fields reach 0.9 to 3.4 cm deep and spread over 5 cm² or more,
# circular ones 1.0 to 3.5 cm and 34 cm². The paper's table of single coils was not at hand.
# Two wings that meet induce the pattern of a figure-8, however they are bent; so do strips with their returns above.
GIVEN = {
    "figure8-70mm-9-turns": (14.1, 15.0),
    "magstim-70mm-figure8": (13.8, 14.3),
    "magstim-90mm-circular": (17.7, 94.6),
    "magstim-110mm-double-cone": (19.6, 32.9),
    "magventure-d-b80": (16.1, 20.6),
    "magventure-mc-b70": (13.2, 13.4),
    "magventure-cool-b65": (13.0, 12.7),
    "h-coil-principle": (19.9, 35.1),
}
FIGURE_8, CIRCULAR = ((0.009, 0.034), 5e-4), ((0.010, 0.035), 34e-4)


def round_coil():
    turns = turn_radii(0.033, 0.0615, 14)
    return wind("round", circular(turns, layers_m=(-0.0065,)), source="test", kind="dipoles", elements=4)


@pytest.mark.parametrize("name", list_coils())
def test_coils_of_the_catalogue_are_as_deep_and_focal_as_their_kind(name):
    found = depth_and_spread(catalogue_coil(name), directions=1500, shells=30)
    (shallow, deep), least = CIRCULAR if catalogue_entry(name).family == "circular" else FIGURE_8
    assert shallow <= found.half_depth_m <= deep
    assert found.spread_m2 >= least
    # What these geometries give, so that nobody changes them unawares: mm and cm².
    depth_mm, spread_cm2 = GIVEN[name]
    assert found.half_depth_m * 1e3 == pytest.approx(depth_mm, rel=0.01)
    assert found.spread_m2 * 1e4 == pytest.approx(spread_cm2, rel=0.03)


def test_a_round_coil_is_deeper_and_far_less_focal():
    found = depth_and_spread(round_coil(), directions=1500, shells=30)
    (shallow, deep), least = CIRCULAR
    assert shallow <= found.half_depth_m <= deep
    assert found.spread_m2 >= least
    assert found.spread_m2 > 4 * 15e-4


def test_at_the_half_value_depth_below_the_middle_of_a_figure_8_the_field_is_half():
    coil = nine_turns(elements=4)
    found = depth_and_spread(coil, gap_m=0.0065, directions=1500, shells=10)
    flip = np.diag([-1.0, 1.0, -1.0])
    places = coil.positions_m @ flip + [0, 0, HEAD_RADIUS_M + 0.0065]
    moments = coil.elements[0].moments_A_m2_per_A @ flip
    axis = np.array([[0, 0, BRAIN_RADIUS_M], [0, 0, BRAIN_RADIUS_M - found.half_depth_m]])
    at = np.linalg.norm(sphere_field(axis, places, moments, radius_m=HEAD_RADIUS_M), axis=1)
    assert at[1] == pytest.approx(at[0] / 2, rel=0.01)


def test_wire_is_as_deep_and_focal_as_dipoles():
    one, other = (depth_and_spread(nine_turns(kind), gap_m=0.0065, directions=1500) for kind in ("wire", "dipoles"))
    assert one.half_depth_m == pytest.approx(other.half_depth_m, rel=1e-3)
    assert one.spread_m2 == pytest.approx(other.spread_m2, rel=5e-3)


def test_bent_wings_are_lifted_until_their_case_touches_the_sphere():
    coil = catalogue_coil("magstim-110mm-double-cone")
    bend = np.radians(40)  # half of 180 less the 100 degrees between the wings
    # The planes of the wings touch a sphere whose centre is its radius from them.
    assert lift_m(coil, 0.085) == pytest.approx(0.085 / np.cos(bend) - 0.085, abs=2e-4)
    assert lift_m(nine_turns(), 0.085) == 0
    assert lift_m(catalogue_coil("magstim-70mm-figure8"), 0.085) == 0


def test_coils_without_a_closed_form_and_coils_in_the_head_are_refused():
    grid = Coil("grid", (AGrid(np.ones((2, 2, 2, 3)), np.eye(4)),), source="test")
    with pytest.raises(CoilError, match="there is no closed form"):
        depth_and_spread(grid)
    with pytest.raises(InputError, match="not outside"):
        depth_and_spread(nine_turns(elements=4), gap_m=-0.02)
