"""How far something in the body is from the coil or the electrodes: an interval, never a guess.

Straight lines between points of the template head (MNI). The person's own head differs by some millimetres, which is
said in the message; a distance measured on the person goes before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from stimplan.montage import Point
from stimplan.safety.cases import twelve_digits
from stimplan.safety.screening_rules import Outcome, read_data
from stimplan.sites import known_sites, resolve_site
from stimplan.units import to_si

if TYPE_CHECKING:
    from stimplan.montage import Electrode
    from stimplan.protocol import Block, Protocol


@attrs.frozen
class Source:
    """Where the stimulation comes from: a coil or an electrode, whose outline reaches from `inner_m` to `outer_m`."""

    label: str
    center_m: Point
    inner_m: float
    outer_m: float
    how: str


@attrs.frozen
class Span:
    """What is known about a distance: it is at least `low_m` and at most `high_m`; None where it is not known."""

    low_m: float | None
    high_m: float | None
    how: str

    def is_beyond(self, limit_m: float) -> Outcome:
        """Whether the distance is above a limit for certain ("holds"), at or below it ("broken"), or undecided.

        A distance that is not finite decides nothing.
        """
        if self.high_m is not None and self.high_m <= limit_m:
            return "broken"
        if self.low_m is not None and limit_m < self.low_m < math.inf:
            return "holds"
        return "unknown"


UNKNOWN = Span(None, None, "its place is not given")


def sources_of(protocol: Protocol, positions_m: Mapping[str, Point] | None = None) -> tuple[Source, ...]:
    """Coils or electrodes of a protocol with their places on the template head.

    Parameters
    ----------
    protocol : Protocol
    positions_m : mapping of str to 3-tuple, optional
        Places by the label of the electrode or block, m, such as those of a placement on a head model; they replace
        the nominal ones.

    Returns
    -------
    tuple of Source
        Without those whose place is not known.
    """
    given = positions_m or {}
    magnetic = protocol.magnetic
    if magnetic is None:
        return tuple(_electrode(electrode, given) for electrode in protocol.electrodes)
    found = [_coil(magnetic.coil.family, block, number, given) for number, block in enumerate(magnetic.blocks, start=1)]
    return tuple(source for source in found if source is not None)


def is_complete(protocol: Protocol, sources: tuple[Source, ...]) -> bool:
    """Whether every coil position and every electrode has a place."""
    wanted = len(protocol.magnetic.blocks) if protocol.magnetic is not None else len(protocol.electrodes)
    return len(sources) == wanted


def _electrode(electrode: Electrode, given: Mapping[str, Point]) -> Source:
    how = f"the electrode at {electrode.label}"
    center = given.get(electrode.label)
    if center is None:
        site = electrode.site
        center = known_sites()[resolve_site(site)] if isinstance(site, str) else site
    return Source(electrode.label, center, electrode.shape.inradius_m, electrode.shape.outradius_m, how)


def _coil(family: str, block: Block, number: int, given: Mapping[str, Point]) -> Source | None:
    label = block.label or f"block {number}"
    reach = read_data("implants.json")["coil_reach_mm"]
    outer = to_si(reach[family], "mm")
    placement = block.placement
    center = given.get(label)
    how = "the centre of the coil"
    if center is None and placement.site is not None:
        center, how = known_sites()[resolve_site(placement.site)], f"the centre of the coil at {placement.site}"
    if center is None and placement.pose_m is not None:
        x, y, z = (row[3] for row in placement.pose_m[:3])
        center = (x, y, z)
    target = placement.mni_m
    if center is None and target is not None:
        site = min(known_sites(), key=lambda name: math.dist(known_sites()[name], target))
        center, how = known_sites()[site], f"the centre of the coil, taken to be at {site}, the site nearest the target"
    return None if center is None else Source(label, center, 0.0, outer, how)


def span_to(position_m: Point, sources: tuple[Source, ...], *, is_complete: bool) -> Span:
    """Distance from a point to the nearest coil or electrode.

    A point at a distance d from the centre of an outline that holds a disc of radius r and lies in one of radius R is
    between max(0, d - R) and max(0, d - r) from it. For a coil r is 0 and R the far end of its housing. Rounded to
    twelve significant digits, as every derived number that is compared with a limit.
    """
    if not sources:
        return attrs.evolve(UNKNOWN, how="the place of the stimulation is not known")
    spans = [(math.dist(position_m, one.center_m), one) for one in sources]
    low = min(max(0.0, distance - one.outer_m) for distance, one in spans)
    high, nearest = min((max(0.0, distance - one.inner_m), i) for i, (distance, one) in enumerate(spans))
    how = f"in a straight line on the template head from {spans[nearest][1].how}"
    return Span(twelve_digits(low) if is_complete else None, twelve_digits(high), how)


def span_of_region(region: str) -> Span:
    """What a region of the body says about the distance from anything at the head."""
    record = read_data("implants.json")["regions"][region]
    low, high = (
        None if value is None else to_si(value, "mm") for value in (record["at_least_mm"], record["at_most_mm"])
    )
    return Span(low, high, f"by the region of the body ({region})")
