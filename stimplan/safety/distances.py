"""How far something in the body is from the coil or the electrodes: an interval, never a guess.

Straight lines between points, from where the electrodes lie on a simulated head, or else from their nominal places on
the template head (MNI). On the person they lie elsewhere by some millimetres: that much is taken off the least distance
and never off the greatest, so that an implant that may be too near is not passed. A distance measured on the person
goes before all of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from stimplan.montage import Point
from stimplan.safety.cases import twelve_digits
from stimplan.safety.screening_rules import Outcome, read_data
from stimplan.safety.simulated import Simulated, Space
from stimplan.sites import known_sites, resolve_site
from stimplan.units import text, to_si

if TYPE_CHECKING:
    from stimplan.montage import Electrode
    from stimplan.protocol import Block, Protocol


@attrs.frozen
class Source:
    """Where the stimulation comes from: a coil or an electrode, whose outline reaches from `inner_m` to `outer_m`.

    `how` names it and the head on which its place was found.
    """

    label: str
    center_m: Point
    inner_m: float
    outer_m: float
    how: str


@attrs.frozen
class _Outline:
    """A coil or an electrode before its place on a head is known; `nominal_m` is that on the template head."""

    label: str
    what: str
    inner_m: float
    outer_m: float
    nominal_m: Point | None
    nominal: str = ""


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


def uncertainty_m() -> float:
    """How much nearer something may be on a person than on a model of the head, m (`safety/implants.json`)."""
    return to_si(read_data("implants.json")["position_uncertainty"]["mm"], "mm")


def distance_to(position_m: Point, space: Space, *, protocol: Protocol, simulated: Simulated | None = None) -> Span:
    """Distance from a point in the body to the nearest coil or electrode of a protocol.

    Parameters
    ----------
    position_m : 3-tuple
        m.
    space : {"MNI", "head"}
        Coordinates of the point. "head" are those of the head model that was simulated.
    protocol : Protocol
    simulated : Simulated, optional
        Where the electrodes lie on a head; the nominal places on the template head where it has no MNI coordinates,
        or none was given.
    """
    if space == "head" and simulated is None:
        return attrs.evolve(UNKNOWN, how="its place is given on the person's own head, which was not simulated")
    sources = sources_of(protocol, simulated, space=space)
    return span_to(position_m, sources, is_complete=is_complete(protocol, sources))


def sources_of(protocol: Protocol, simulated: Simulated | None = None, *, space: Space = "MNI") -> tuple[Source, ...]:
    """Coils or electrodes of a protocol with their places.

    Parameters
    ----------
    protocol : Protocol
    simulated : Simulated, optional
        Its places replace the nominal ones, by the label of the electrode or block.
    space : {"MNI", "head"}

    Returns
    -------
    tuple of Source
        Without those whose place is not known.
    """
    given = (simulated.positions_m(space) if simulated is not None else None) or {}
    found = []
    for outline in _outlines(protocol):
        if simulated is not None and outline.label in given:
            how = f"{outline.what} as placed on the head {simulated.head!r}"
            found.append(Source(outline.label, given[outline.label], outline.inner_m, outline.outer_m, how))
        elif space == "MNI" and outline.nominal_m is not None:
            how = f"{outline.what}{outline.nominal} on the template head"
            found.append(Source(outline.label, outline.nominal_m, outline.inner_m, outline.outer_m, how))
    return tuple(found)


def is_complete(protocol: Protocol, sources: tuple[Source, ...]) -> bool:
    """Whether every coil position and every electrode has a place."""
    wanted = len(protocol.magnetic.blocks) if protocol.magnetic is not None else len(protocol.electrodes)
    return len(sources) == wanted


def _outlines(protocol: Protocol) -> list[_Outline]:
    magnetic = protocol.magnetic
    if magnetic is None:
        return [_of_electrode(electrode) for electrode in protocol.electrodes]
    outer_m = to_si(read_data("implants.json")["coil_reach_mm"][magnetic.coil.family], "mm")
    return [_of_coil(block, number, outer_m) for number, block in enumerate(magnetic.blocks, start=1)]


def _of_electrode(electrode: Electrode) -> _Outline:
    site, shape = electrode.site, electrode.shape
    center: Point | None = None  # what is found with a tape measure lies somewhere only on a head
    if isinstance(site, str):
        center = known_sites()[resolve_site(site)]
    elif isinstance(site, tuple):
        center = site
    what = f"the electrode at {electrode.label}"
    return _Outline(electrode.label, what, shape.inradius_m, shape.outradius_m, center)


def _of_coil(block: Block, number: int, outer_m: float) -> _Outline:
    placement = block.placement
    center: Point | None = None
    nominal = ""
    if isinstance(placement.site, str):
        center, nominal = known_sites()[resolve_site(placement.site)], f" at {placement.site}"
    elif placement.pose_m is not None:
        x, y, z = (row[3] for row in placement.pose_m[:3])
        center = (x, y, z)
    elif placement.mni_m is not None:
        target = placement.mni_m
        site = min(known_sites(), key=lambda name: math.dist(known_sites()[name], target))
        center, nominal = known_sites()[site], f", taken to be at {site}, the site nearest the target,"
    return _Outline(block.label or f"block {number}", "the centre of the coil", 0.0, outer_m, center, nominal)


def span_to(position_m: Point, sources: tuple[Source, ...], *, is_complete: bool) -> Span:
    """Distance from a point to the nearest coil or electrode.

    A point at a distance d from the centre of an outline that holds a disc of radius r and lies in one of radius R is
    between max(0, d - R) and max(0, d - r) from it; the uncertainty of its place is taken off the first. For a coil
    r is 0 and R the far end of its housing. Rounded to twelve significant digits, as every derived number that is
    compared with a limit.
    """
    if not sources:
        return attrs.evolve(UNKNOWN, how="the place of the stimulation is not known")
    slack_m = uncertainty_m()
    spans = [(math.dist(position_m, one.center_m), one) for one in sources]
    low = min(max(0.0, distance - one.outer_m - slack_m) for distance, one in spans)
    high, nearest = min((max(0.0, distance - one.inner_m), i) for i, (distance, one) in enumerate(spans))
    how = f"in a straight line from {spans[nearest][1].how} (on a person it may be {text(slack_m, 'm')} nearer)"
    return Span(twelve_digits(low) if is_complete else None, twelve_digits(high), how)


def span_of_region(region: str) -> Span:
    """What a region of the body says about the distance from anything at the head."""
    record = read_data("implants.json")["regions"][region]
    low, high = (
        None if value is None else to_si(value, "mm") for value in (record["at_least_mm"], record["at_most_mm"])
    )
    return Span(low, high, f"by the region of the body ({region})")
