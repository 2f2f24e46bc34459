"""Intensities: each way to state one from every other, the text of it, and what is missing by name."""

from __future__ import annotations

import attrs
import pytest
from coils import nine_turns

from stimplan.coil import Coil, Stimulator
from stimplan.coil.intensity import FORMS, Known, convert, shown
from stimplan.errors import CoilError
from stimplan.protocol.magnetic import Intensity

ALL = Known(
    thresholds_fraction={"rMT": 0.48, "aMT": 0.40, "1mV": 0.60, "phosphene": 0.64},
    max_didt_A_per_s=1.5e8,
    field_V_per_m_for_1_A_per_s=1.2e-6,
)


def stated(form, value):
    if form == "didt":
        return Intensity(didt_A_per_s=value)
    if form == "field":
        return Intensity(field_V_per_m=value)
    return Intensity(value_fraction=value, reference=form)


def test_120_per_cent_of_the_threshold_is_converted_with_every_step_shown():
    found = convert(Intensity(1.2, "rMT"), "field", ALL)
    assert found.value == pytest.approx(1.2 * 0.48 * 1.5e8 * 1.2e-6)
    assert found.steps == (
        "120% of rMT × 48% of the output at rMT = 57.6% of the output",
        "57.6% of the output × 150 A/µs at 100 % of the output = 86.4 A/µs",
        "86.4 A/µs × 1.2 V/m for 1 A/µs = 103.7 V/m",
    )
    assert str(found).startswith("120% of rMT × 48%")


def test_a_wanted_field_is_converted_back_to_the_setting():
    found = convert(Intensity(field_V_per_m=90.0), "rMT", ALL)
    assert found.value == pytest.approx(90 / 1.2e-6 / 1.5e8 / 0.48)
    assert found.steps == (
        "90 V/m / 1.2 V/m for 1 A/µs = 75 A/µs",
        "75 A/µs / 150 A/µs at 100 % of the output = 50% of the output",
        "50% of the output / 48% of the output at rMT = 104.2% of rMT",
    )


@pytest.mark.parametrize("have", FORMS)
@pytest.mark.parametrize("want", FORMS)
def test_there_and_back_is_the_same(have, want):
    start = convert(Intensity(0.5, "MSO"), have, ALL).value
    there = convert(stated(have, start), want, ALL)
    back = convert(stated(want, there.value), have, ALL)
    assert back.value == pytest.approx(start, rel=1e-12)
    assert bool(there.steps) == (have != want)


@pytest.mark.parametrize(
    "intensity, want, missing",
    [
        (Intensity(1.2, "rMT"), "MSO", ["thresholds_fraction.rMT"]),
        (Intensity(1.2, "rMT"), "aMT", ["thresholds_fraction.rMT", "thresholds_fraction.aMT"]),
        (Intensity(1.2, "rMT"), "didt", ["thresholds_fraction.rMT", "max_didt_A_per_s"]),
        (
            Intensity(1.2, "rMT"),
            "field",
            ["thresholds_fraction.rMT", "max_didt_A_per_s", "field_V_per_m_for_1_A_per_s"],
        ),
        (Intensity(0.6, "MSO"), "didt", ["max_didt_A_per_s"]),
        (Intensity(didt_A_per_s=1e8), "field", ["field_V_per_m_for_1_A_per_s"]),
        (Intensity(didt_A_per_s=1e8), "MSO", ["max_didt_A_per_s"]),
        (
            Intensity(field_V_per_m=100.0),
            "phosphene",
            ["thresholds_fraction.phosphene", "max_didt_A_per_s", "field_V_per_m_for_1_A_per_s"],
        ),
    ],
)
def test_every_missing_fact_is_named_at_once(intensity, want, missing):
    with pytest.raises(CoilError) as caught:
        convert(intensity, want, Known())
    assert [problem.where for problem in caught.value.problems] == missing
    assert all(problem.what.startswith("missing: ") for problem in caught.value.problems)


def test_what_needs_no_conversion_needs_no_facts():
    assert convert(Intensity(1.2, "rMT"), "rMT", Known()).value == 1.2
    assert str(convert(Intensity(1.2, "rMT"), "rMT", Known())) == "120% of rMT"


def test_more_than_the_stimulator_gives_is_refused_with_the_steps():
    with pytest.raises(CoilError, match=r"needs 108% of the output.*120% of rMT × 90%"):
        convert(Intensity(1.2, "rMT"), "didt", Known({"rMT": 0.9}, 1e8))
    with pytest.raises(CoilError, match="more than the stimulator gives"):
        convert(Intensity(didt_A_per_s=2e8), "MSO", ALL)
    assert convert(Intensity(1.0, "MSO"), "didt", ALL).value == 1.5e8


def test_the_rate_at_100_per_cent_is_the_coils_own():
    coil = Coil("x", nine_turns().elements, source="t", stimulators=(Stimulator("S", max_didt_A_per_s=1.1e8),))
    assert convert(Intensity(0.5, "MSO"), "didt", Known.of(coil)).value == pytest.approx(5.5e7)
    with pytest.raises(CoilError, match=r"dI/dt at 100 %"):
        convert(Intensity(0.5, "MSO"), "didt", Known.of(nine_turns()))


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: Known({"rMT": 48}), "at most 1, got 48"),
        (lambda: Known({"rMT": 0}), "above 0"),
        (lambda: Known({"rMT": float("nan")}), "above 0"),
        (lambda: Known({"RMT": 0.5}), "no threshold 'RMT'"),
        (lambda: Known(max_didt_A_per_s=-1.0), "above 0"),
        (lambda: Known(field_V_per_m_for_1_A_per_s=float("inf")), "above 0"),
        (lambda: convert(Intensity(1.2, "rMT"), "volts", ALL), "expressed in one of"),
        (lambda: convert(Intensity(), "MSO", ALL), "exactly one way"),
        (lambda: convert(Intensity(1.2, "rMT", didt_A_per_s=1e8), "MSO", ALL), "exactly one way"),
        (lambda: convert(Intensity(1.2, None), "MSO", ALL), "exactly one way"),
        (lambda: convert(Intensity(float("nan"), "MSO"), "didt", ALL), "finite number above 0"),
    ],
)
def test_facts_and_intensities_that_cannot_be_are_refused(make, reason):
    with pytest.raises(CoilError, match=reason):
        make()


def test_text_for_people_has_their_units():
    assert [shown(0.5, "MSO"), shown(1e8, "didt"), shown(85.0, "field")] == ["50% of the output", "100 A/µs", "85 V/m"]


def test_a_threshold_as_a_rate_needs_no_output_scale():
    known = Known(thresholds_didt_A_per_s={"rMT": 60e6})
    found = convert(Intensity(value_fraction=1.2, reference="rMT"), "didt", known)
    assert found.value == pytest.approx(72e6)
    assert found.steps == ("120% of rMT × 60 A/µs at rMT = 72 A/µs",)
    back = convert(Intensity(didt_A_per_s=72e6), "rMT", known)
    assert back.value == pytest.approx(1.2)
    assert back.steps == ("72 A/µs / 60 A/µs at rMT = 120% of rMT",)


def test_a_threshold_as_a_rate_and_another_as_a_share_meet_over_the_output_scale():
    known = Known({"aMT": 0.4}, 1.5e8, thresholds_didt_A_per_s={"rMT": 75e6})
    assert convert(Intensity(value_fraction=1.0, reference="rMT"), "MSO", known).value == pytest.approx(0.5)
    assert convert(Intensity(value_fraction=1.0, reference="aMT"), "rMT", known).value == pytest.approx(0.8)
    with pytest.raises(CoilError, match="dI/dt at 100 %"):
        convert(Intensity(value_fraction=1.0, reference="rMT"), "MSO", attrs.evolve(known, max_didt_A_per_s=None))


def test_a_threshold_is_known_in_one_way_only():
    with pytest.raises(CoilError, match="leave one of the two out"):
        Known({"rMT": 0.5}, thresholds_didt_A_per_s={"rMT": 60e6})
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(CoilError, match="a finite rate above 0"):
            Known(thresholds_didt_A_per_s={"rMT": wrong})
