"""Current sliders: whatever is moved, the sum stays exactly zero and no current passes the limit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stimplan.app.panels.balance import channels_of, move_current, move_electrode_current, slider_limit_mA
from stimplan.errors import InputError
from stimplan.protocol.electric import CurrentInput, imbalances

LIMIT = Decimal(4)


def mA(*values):
    return [Decimal(str(value)) for value in values]


@st.composite
def balanced(draw):
    """Currents of 2 to 8 electrodes in µA or finer that sum to zero, none beyond the limit."""
    count = draw(st.integers(2, 8))
    digits = draw(st.sampled_from([3, 4, 6]))
    top = 4 * 10**digits
    values = draw(st.lists(st.integers(-top, top), min_size=count - 1, max_size=count - 1))
    last = -sum(values)
    if abs(last) > top:
        values = [value // count for value in values]
        last = -sum(values)
    return [Decimal(value).scaleb(-digits) for value in (*values, last)]


@given(balanced(), st.data())
def test_sum_stays_exactly_zero_and_no_current_passes_the_limit(currents, data):
    index = data.draw(st.integers(0, len(currents) - 1))
    wanted = data.draw(st.decimals(-6, 6, places=4))
    moved = move_current(currents, index, wanted, limit_mA=LIMIT)
    assert sum(moved) == 0
    assert all(abs(value) <= LIMIT for value in moved)
    reached = max(-LIMIT, min(LIMIT, wanted))
    assert abs(moved[index] - reached) <= Decimal("0.0005")


@given(balanced(), st.data())
def test_electrodes_of_the_same_role_stay_where_the_others_can_take_the_difference(currents, data):
    index = data.draw(st.integers(0, len(currents) - 1))
    sign = (currents[index] > 0) - (currents[index] < 0)
    if sign == 0:
        return
    wanted = sign * data.draw(st.decimals("0.5", 4, places=3))
    moved = move_current(currents, index, wanted, limit_mA=LIMIT)
    others = [n for n in range(len(currents)) if n != index]
    opposite = [n for n in others if currents[n] * sign <= 0]
    room = LIMIT * len(opposite)
    needed = -wanted - sum(currents[n] for n in others if n not in opposite)
    if abs(needed) <= room:
        assert all(moved[n] == currents[n] for n in others if n not in opposite)


def test_two_electrodes_mirror_each_other():
    assert move_current(mA(2, -2), 0, Decimal("1.3"), limit_mA=LIMIT) == mA(1.3, -1.3)
    assert move_current(mA(2, -2), 1, Decimal("-0.7"), limit_mA=LIMIT) == mA(0.7, -0.7)
    assert move_current(mA(2, -2), 0, Decimal(-1), limit_mA=LIMIT) == mA(-1, 1)


def test_the_ring_of_a_4x1_shares_equally():
    moved = move_current(mA(2, -0.5, -0.5, -0.5, -0.5), 0, Decimal(1), limit_mA=LIMIT)
    assert moved == mA(1, -0.25, -0.25, -0.25, -0.25)
    odd = move_current(mA(2, -0.5, -0.5, -0.5, -0.5), 0, Decimal("1.001"), limit_mA=LIMIT)
    assert sum(odd) == 0
    assert sorted(odd[1:]) == mA(-0.251, -0.25, -0.25, -0.25)


def test_a_return_that_is_moved_is_answered_by_the_centre():
    moved = move_current(mA(2, -0.5, -0.5, -0.5, -0.5), 1, Decimal(-1), limit_mA=LIMIT)
    assert moved == mA(2.5, -1, -0.5, -0.5, -0.5)


def test_what_the_opposite_electrodes_cannot_take_goes_to_the_others():
    moved = move_current(mA(4, -2, -2), 1, Decimal(-3), limit_mA=LIMIT)
    assert moved == mA(4, -3, -1)


@pytest.mark.parametrize(
    "currents, index, wanted, limit, fragment",
    [
        ([2], 0, 1, 4, "at least two"),
        ([2, -1], 0, 1, 4, "sum to zero"),
        ([2, -2], 5, 1, 4, "no electrode 5"),
        ([2, -2], 0, 1, 1, "limit|not below"),
        ([2, -2], 0, 1, 0, "above zero"),
        (["NaN", -2], 0, 1, 4, "finite"),
    ],
)
def test_what_cannot_be_balanced_is_refused_in_words(currents, index, wanted, limit, fragment):
    with pytest.raises(InputError, match=fragment):
        move_current(mA(*currents), index, Decimal(wanted), limit_mA=Decimal(limit))


def test_each_source_of_temporal_interference_is_balanced_on_its_own():
    electrodes = [
        {"current_mA": Decimal(1), "channel": 1},
        {"current_mA": Decimal(-1), "channel": 1},
        {"current_mA": Decimal(1), "channel": 2},
        {"current_mA": Decimal(-1), "channel": 2},
    ]
    assert move_electrode_current(electrodes, 2, Decimal("1.5"), limit_mA=LIMIT) == mA(1, -1, 1.5, -1.5)


def test_opposite_phases_count_as_opposite_signs():
    electrodes = [{"current_mA": Decimal(1), "phase_deg": 0}, {"current_mA": Decimal(1), "phase_deg": 180}]
    assert [one.signs for one in channels_of(electrodes)] == [(1, -1)]
    assert move_electrode_current(electrodes, 0, Decimal(2), limit_mA=LIMIT) == mA(2, 2)


@given(st.decimals("0.01", 9, places=3), st.integers(0, 2))
def test_three_phases_change_together_and_stay_balanced(wanted, index):
    electrodes = [{"current_mA": Decimal(1), "phase_deg": phase} for phase in (0, 120, 240)]
    moved = move_electrode_current(electrodes, index, wanted, limit_mA=LIMIT)
    inputs = [
        CurrentInput(current_mA=value, phase_rad=2.0943951023931953 * number) for number, value in enumerate(moved)
    ]
    assert imbalances(inputs, "sinusoidal") == []
    assert all(abs(value) <= LIMIT for value in moved)
    assert moved[index] == min(wanted, LIMIT)


def test_sliders_end_at_the_tested_current_or_above_what_is_there():
    assert slider_limit_mA([{"current_mA": Decimal(1)}]) == 4
    assert slider_limit_mA([{"current_mA": Decimal("-5.2")}]) == 6
