"""Current sliders that keep the sum zero: what one electrode takes, the others give back. Exact, in the file's mA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

import attrs

from stimplan.errors import InputError, Problem

# Sliders move in steps of 1 µA; a current that is finer already keeps its digits.
_COARSEST_DIGIT = -3
_DIGITS = 60
_TURN_DEG = 360
_SAME_ANGLE_DEG = Decimal("1e-9")


@attrs.frozen
class Channel:
    """The electrodes whose currents must cancel, and how.

    Attributes
    ----------
    members : tuple of int
        Their numbers in the montage.
    signs : tuple of {1, -1} or None
        Which way each counts, where they all swing together; None where their phases differ otherwise: then only all
        sizes together can change.
    """

    members: tuple[int, ...]
    signs: tuple[int, ...] | None


def move_current(currents_mA: Sequence[Decimal], index: int, wanted_mA: Decimal, *, limit_mA: Decimal) -> list[Decimal]:
    """Currents after one slider was moved: their sum is exactly zero and none is beyond the limit.

    The others of opposite sign take the difference, each in proportion to its current; only what they cannot take
    goes to those of the same sign. The wanted current itself is cut at the limit.

    Parameters
    ----------
    currents_mA : sequence of Decimal
        At least two; their sum is zero.
    index : int
        Which slider was moved.
    wanted_mA : Decimal
        Where to.
    limit_mA : Decimal
        Most current of one electrode, either way, mA.

    Raises
    ------
    InputError
        Fewer than two currents, a sum other than zero, a number that is not finite, or a limit that is not above
        zero or is below a current that is there already.
    """
    _refuse(currents_mA, index, wanted_mA, limit_mA)
    digit = min([_COARSEST_DIGIT, *(_exponent(value) for value in currents_mA)])
    unit = Decimal(1).scaleb(digit)
    with localcontext() as context:
        context.prec = _DIGITS
        ticks = [int(value / unit) for value in currents_mA]
        limit = int(limit_mA / unit)
        aim = max(-limit, min(limit, int((wanted_mA / unit).to_integral_value())))
        return [(tick * unit).normalize() + 0 for tick in _shared(ticks, index, aim, limit)]


def _shared(ticks: list[int], index: int, aim: int, limit: int) -> list[int]:
    """The same in whole steps."""
    role = _sign(ticks[index]) or _sign(aim)
    others = [number for number in range(len(ticks)) if number != index]
    opposite = [number for number in others if _sign(ticks[number]) != role]
    same = [number for number in others if number not in opposite]
    left = -aim - sum(ticks[number] for number in others)  # what the others have to change by, together
    made = list(ticks)
    made[index] = aim
    for group in (opposite, same):
        left = _give(made, group, left, limit)
    return made


def _give(made: list[int], group: Sequence[int], amount: int, limit: int) -> int:
    """Spread a change over a group in proportion to its sizes, within the limit; what did not fit is returned."""
    while amount:
        end = _sign(amount) * limit
        free = [number for number in group if made[number] != end]
        # Electrodes without a current stay without one as long as the others have room.
        free = [number for number in free if made[number]] or free
        if not free:
            break
        weights = [abs(made[number]) or 1 for number in free]
        for number, share in zip(free, _parts(amount, weights), strict=True):
            target = max(-limit, min(limit, made[number] + share))
            amount -= target - made[number]
            made[number] = target
    return amount


def _parts(amount: int, weights: Sequence[int]) -> list[int]:
    """A whole number in whole parts in proportion to weights, by the largest remainders; they sum to it exactly."""
    total = sum(weights)
    size = abs(amount)
    parts = [size * weight // total for weight in weights]
    rest = sorted(range(len(weights)), key=lambda number: (-(size * weights[number] % total), number))
    for number in rest[: size - sum(parts)]:
        parts[number] += 1
    return [_sign(amount) * part for part in parts]


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def _refuse(currents_mA: Sequence[Decimal], index: int, wanted_mA: Decimal, limit_mA: Decimal) -> None:
    if len(currents_mA) < 2:
        raise InputError(Problem("currents", f"at least two electrodes are needed, got {len(currents_mA)}"))
    if not all(value.is_finite() for value in (*currents_mA, wanted_mA, limit_mA)):
        raise InputError(Problem("currents", "every current and the limit must be finite numbers of mA"))
    if not 0 <= index < len(currents_mA):
        raise InputError(Problem("index", f"there is no electrode {index} among {len(currents_mA)}"))
    if sum(currents_mA) != 0:
        raise InputError(Problem("currents", f"the currents must sum to zero, they sum to {sum(currents_mA)} mA"))
    largest = max(abs(value) for value in currents_mA)
    if not limit_mA > 0 or limit_mA < largest:
        raise InputError(
            Problem("limit", f"must be above zero and not below the {largest} mA there are: {limit_mA} mA")
        )


def channels_of(electrodes: Sequence[Mapping[str, Any]]) -> tuple[Channel, ...]:
    """Which electrodes of a protocol file cancel each other, by their current source and their phase.

    Parameters
    ----------
    electrodes : sequence of mapping
        As in the file: `current_mA`, and where there is one `channel` and `phase_deg`.
    """
    sources: dict[int, list[int]] = {}
    for number, electrode in enumerate(electrodes):
        sources.setdefault(int(electrode.get("channel") or 0), []).append(number)
    return tuple(
        Channel(tuple(members), _signs([Decimal(electrodes[number].get("phase_deg") or 0) for number in members]))
        for members in sources.values()
    )


def _signs(phases_deg: Sequence[Decimal]) -> tuple[int, ...] | None:
    """1 for the phase of the first, -1 for the opposite one; None where there is another phase among them."""
    signs = []
    for phase in phases_deg:
        turned = (phase - phases_deg[0]) % _TURN_DEG
        distance, sign = min((abs(turned - angle), sign) for angle, sign in ((0, 1), (180, -1), (360, 1)))
        if distance > _SAME_ANGLE_DEG:
            return None
        signs.append(sign)
    return tuple(signs)


def move_electrode_current(
    electrodes: Sequence[Mapping[str, Any]], index: int, wanted_mA: Decimal, *, limit_mA: Decimal
) -> list[Decimal]:
    """Currents of all electrodes of a file after one slider was moved; each current source stays balanced.

    Where the phases of a sinusoid differ by anything but half a turn, all currents of the source change by the same
    factor, the only change that keeps their sum zero at every moment.

    Parameters
    ----------
    electrodes : sequence of mapping
        As in the file.
    index, wanted_mA, limit_mA
        As in `move_current`.

    Raises
    ------
    InputError
        As in `move_current`.
    """
    currents = [Decimal(electrode["current_mA"]) for electrode in electrodes]
    channel = next(one for one in channels_of(electrodes) if index in one.members)
    of_channel = [currents[number] for number in channel.members]
    place = channel.members.index(index)
    if channel.signs is None:
        moved = _scaled(of_channel, place, wanted_mA, limit_mA)
    else:
        signed = [sign * value for sign, value in zip(channel.signs, of_channel, strict=True)]
        found = move_current(signed, place, channel.signs[place] * wanted_mA, limit_mA=limit_mA)
        moved = [sign * value + 0 for sign, value in zip(channel.signs, found, strict=True)]
    for number, value in zip(channel.members, moved, strict=True):
        currents[number] = value
    return currents


def _scaled(currents_mA: Sequence[Decimal], place: int, wanted_mA: Decimal, limit_mA: Decimal) -> list[Decimal]:
    before = currents_mA[place]
    largest = max(abs(value) for value in currents_mA)
    if before == 0 or not wanted_mA.is_finite() or largest > limit_mA:
        return list(currents_mA)
    most = limit_mA / largest
    factor = max(-most, min(most, wanted_mA / before))
    return [value if factor == 1 else (value * factor).normalize() + 0 for value in currents_mA]


def slider_limit_mA(electrodes: Sequence[Mapping[str, Any]]) -> Decimal:
    """End of the sliders, mA: what is tested for direct current, or the next whole mA above what is there already.

    It only bounds the sliders; what is too much is said by the safety rules. 4 mA is the highest direct current of
    the trials that Bikson et al. 2016 (doi:10.1016/j.brs.2016.06.004) reviewed.
    """
    largest = max((abs(Decimal(one["current_mA"])) for one in electrodes), default=Decimal(0))
    return max(Decimal(4), Decimal(math.ceil(largest)))
