"""A montage changed by a click: electrodes that come and go, while the currents stay in balance."""

from __future__ import annotations

from decimal import Decimal

import attrs

from stimplan.errors import InputError, Problem
from stimplan.montage import Electrode, Status
from stimplan.protocol import Protocol
from stimplan.protocol.electric import ElectricStimulation
from stimplan.sites import resolve_site
from stimplan.units import from_si, to_si


def toggle_site(protocol: Protocol, site: str) -> Protocol:
    """The protocol without its electrode at a site, or with one more there, which has no current yet.

    Raises
    ------
    InputError
        A coil; a montage of several channels or phases, whose electrodes belong together; the last electrode of its
        sign; no such site.
    """
    name = resolve_site(site)
    electric = _plain(protocol)
    here = [one for one in electric.electrodes if isinstance(one.site, str) and resolve_site(one.site) == name]
    changed = _without(electric, here[0]) if here else _with(electric, name)
    return attrs.evolve(protocol, stimulation=changed, certainty=_kept_certainty(protocol))


def _plain(protocol: Protocol) -> ElectricStimulation:
    """The stimulation, where one electrode may come or go without a meaning that only its maker knows."""
    electric = protocol.electric
    if electric is None:
        raise InputError(f"{protocol.id} has a coil; electrodes cannot be put beside it")
    if any(one.channel is not None or one.phase_rad or one.offset_A is not None for one in electric.electrodes):
        what = "its electrodes have channels, phases or offsets that belong together; change them in the form"
        raise InputError(Problem(protocol.id, what))
    return electric


def _with(electric: ElectricStimulation, name: str) -> ElectricStimulation:
    """One more electrode, made as the others; its current is for the person to set."""
    kinds = {(one.shape, one.layers, one.product) for one in electric.electrodes}
    model = electric.electrodes[-1] if len(kinds) == 1 else _smallest(electric)
    added = Electrode(site=name, shape=model.shape, layers=model.layers, current_A=0.0, product=model.product)
    return attrs.evolve(electric, electrodes=(*electric.electrodes, added))


def _smallest(electric: ElectricStimulation) -> Electrode:
    return min(electric.electrodes, key=lambda one: one.shape.area_m2)


def _without(electric: ElectricStimulation, gone: Electrode) -> ElectricStimulation:
    """One electrode fewer; those of its sign take its current over in equal parts."""
    left = [one for one in electric.electrodes if one is not gone]
    takers = [one for one in left if one.current_A * gone.current_A > 0]
    if gone.current_A and not takers:
        word = "into" if gone.current_A > 0 else "out of"
        what = f"is the only electrode by which current flows {word} the head; move it, or put another there first"
        raise InputError(Problem(gone.label, what))
    shares = _equal_parts(from_si(gone.current_A, "mA"), len(takers)) if gone.current_A else []
    share_of = {id(taker): share for taker, share in zip(takers, shares, strict=True)}
    electrodes = tuple(
        attrs.evolve(one, current_A=to_si(from_si(one.current_A, "mA") + share_of[id(one)], "mA"))
        if id(one) in share_of
        else one
        for one in left
    )
    return attrs.evolve(electric, electrodes=electrodes)


def _equal_parts(total_mA: Decimal, count: int) -> list[Decimal]:
    """Parts of whole µA or finer that sum to the total exactly."""
    exponent = total_mA.normalize().as_tuple().exponent
    unit = Decimal(1).scaleb(min(-3, exponent if isinstance(exponent, int) else -3))
    ticks = int(total_mA / unit)
    sign = 1 if ticks > 0 else -1
    each, rest = divmod(abs(ticks), count)
    return [sign * (each + (number < rest)) * unit for number in range(count)]


def _kept_certainty(protocol: Protocol) -> tuple[tuple[str, Status], ...]:
    """What the file says of how its values are known, but for the electrodes: they are no longer the source's."""
    return tuple(pair for pair in protocol.certainty if not pair[0].startswith("$.stimulation.electrodes"))
