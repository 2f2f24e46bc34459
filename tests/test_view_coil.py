"""The picture of a coil: its own winding, its handle, and the sense of its current."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from coils import nine_turns
from runs import small_head

from stimplan.coil import catalogue_coil
from stimplan.coil_field import solve_coil
from stimplan.coil_on_head import coil_placement
from stimplan.pose import pose_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.view.coil import current_arrows, plot_coil, scene_coil, wings_of


def placed(coil, didt_A_per_s=1e6):
    pose = pose_on_scalp(small_head(), np.array([0.0, 0.03, 0.0795]), handle=Handle(from_midline_rad=0.0),
                         distance_m=0.045)  # fmt: skip
    return coil_placement(coil, pose_m=pose, didt_A_per_s=didt_A_per_s, head=small_head())


@pytest.mark.parametrize(
    ("name", "count"),
    [("figure8-70mm-9-turns", 2), ("magventure-mc-b70", 2), ("magstim-110mm-double-cone", 2),
     ("magstim-90mm-circular", 1), ("h-coil-principle", 0)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["wire", "dipoles"])
def test_a_coil_has_its_wings_whatever_it_is_made_of(name, count, kind):
    wings = wings_of(catalogue_coil(name, kind=kind))
    assert len(wings) == count
    if count == 2:
        assert wings[0].axis[2] * wings[1].axis[2] < 0  # a figure-8 turns one way on the left, the other on the right


def test_wire_and_dipoles_of_one_coil_turn_alike():
    wire, dipoles = (wings_of(catalogue_coil("magventure-mc-b70", kind=kind)) for kind in ("wire", "dipoles"))
    for one, other in zip(wire, dipoles, strict=True):
        assert one.axis == pytest.approx(other.axis, abs=0.1)


def test_the_arrows_in_the_middle_run_against_the_field_that_a_rising_current_makes():
    placement = placed(catalogue_coil("figure8-70mm-9-turns"))
    arrows = current_arrows(placement)
    assert len(arrows) == 6
    middle = min(arrows, key=lambda one: np.linalg.norm((one[0] + one[1]) / 2 - placement.pose_m[:3, 3]))
    field = solve_coil(small_head(), placement)
    below = np.argmin(np.linalg.norm(small_head().centers_m - 0.068 * placement.pose_m[:3, 2] * -1, axis=1))
    assert (middle[1] - middle[0]) @ field.E_V_per_m[below] < 0


def test_a_falling_current_turns_the_arrows_round():
    coil = catalogue_coil("figure8-70mm-9-turns")
    for (tail, tip), (other_tail, other_tip) in zip(
        current_arrows(placed(coil)), current_arrows(placed(coil, -1e6)), strict=True
    ):
        assert tip - tail == pytest.approx(other_tail - other_tip)


def test_the_scene_has_winding_case_handle_and_arrows_on_the_head():
    placement = placed(catalogue_coil("figure8-70mm-9-turns"))
    plotter = scene_coil(placement, size=(120, 120))
    try:
        assert {"scalp", "coil, winding", "coil, case", "coil, handle", "current"} <= set(plotter.actors)
    finally:
        plotter.close()
    without = attrs.evolve(placement, coil=catalogue_coil("h-coil-principle"))
    plotter = scene_coil(without, size=(120, 120))
    try:
        assert "current" not in plotter.actors
    finally:
        plotter.close()


def test_the_figure_names_the_handle_in_every_view_and_says_where_the_field_points():
    placement = placed(nine_turns())
    figure = plot_coil(placement, field=solve_coil(small_head(), placement), title="a coil")
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words.count("handle") == 3
    foot = " ".join(text.get_text() for text in figure.texts)
    assert "points away from the handle" in foot and "dI/dt 1 A/µs" in foot and "handle 0°" in foot
