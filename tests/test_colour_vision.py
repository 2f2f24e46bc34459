"""Colour maps are read by people without red or green receptors too; the measure fails for maps that mislead."""

from __future__ import annotations

import numpy as np
import pytest

from stimplan.errors import InputError
from stimplan.view.colour_vision import VISIONS, lab_of, legibility, simulate
from stimplan.view.paper import ANODE, CATHODE, FIELD_CMAP
from stimplan.view.style import DEPTH_CMAP, PHASE_CMAP, ROI, signed_cmap

OURS = [(FIELD_CMAP, "sequential"), (DEPTH_CMAP, "sequential"), (PHASE_CMAP, "cyclic"), (signed_cmap(), "diverging")]


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("cmap", "kind"), OURS, ids=["field", "depth", "phase", "signed"])
def test_every_colour_map_in_use_is_legible(cmap, kind, vision):
    found = legibility(cmap, vision, kind=kind)
    assert found.is_legible, found


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    ("cmap", "kind"), [("jet", "sequential"), ("jet", "diverging"), ("rainbow", "sequential"), ("turbo", "sequential")]
)
def test_a_rainbow_is_not(cmap, kind, vision):
    assert not legibility(cmap, vision, kind=kind).is_legible


@pytest.mark.parametrize("vision", ["protanopia", "deuteranopia"])
def test_red_to_green_looks_the_same_at_both_ends_without_red_or_green_receptors(vision):
    assert legibility("RdYlGn", "normal", kind="diverging").is_legible
    found = legibility("RdYlGn", vision, kind="diverging")
    assert not found.is_legible and found.least_distance < 2.3


def test_a_circle_of_hues_is_not_legible():
    assert not legibility("hsv", "deuteranopia", kind="cyclic").is_legible


def test_the_signed_map_is_even():
    assert legibility(signed_cmap(), kind="diverging").evenness > 0.85
    assert legibility("RdBu_r", kind="diverging").evenness < 0.6


@pytest.mark.parametrize("vision", VISIONS)
def test_anode_cathode_and_outline_are_told_apart(vision):
    from matplotlib.colors import to_rgb

    lab = lab_of(simulate([to_rgb(one) for one in (ANODE, CATHODE, ROI)], vision))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(lab[first] - lab[second]) > 20


def test_greys_stay_grey_and_red_darkens_for_a_protanope():
    greys = np.repeat(np.linspace(0, 1, 5)[:, None], 3, axis=1)
    for vision in VISIONS:
        np.testing.assert_allclose(simulate(greys, vision), greys, atol=2e-3)
    assert lab_of(simulate([1.0, 0, 0], "protanopia"))[0, 0] < 0.8 * lab_of([1.0, 0, 0])[0, 0]


def test_lab_is_that_of_the_standard():
    """White, black, and sRGB red: L* 53.24, a* 80.09, b* 67.20 (known values of the CIE formulas under D65)."""
    np.testing.assert_allclose(lab_of([[1, 1, 1], [0, 0, 0], [1, 0, 0]]),
                               [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.02)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate([0.1, 0.2, 0.3], "blue"), "colour vision is one of"),
        (lambda: simulate([0.1, 0.2, 2.0], "normal"), "from 0 to 1"),
        (lambda: simulate([[0.1, 0.2]], "normal"), "numbers from 0 to 1"),
        (lambda: simulate([0.1, 0.2, float("nan")], "normal"), "from 0 to 1"),
        (lambda: legibility("no such map"), "no colour map"),
        (lambda: legibility("viridis", kind="wavy"), "one of sequential"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
