"""What a schema cannot say about the place of an electrode or a coil: names, and forms measured with a tape.

Everything here works on the JSON tree, in file units; where the schema has already found a value of the wrong kind, the
checks that need it pass it over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.errors import MontageError
from stimplan.protocol.plausible import plain
from stimplan.protocol.schema_check import Fault, is_number
from stimplan.site_forms import ENDS, HOTSPOT, STARTS, most_fraction, needs_side
from stimplan.sites import resolve_site
from stimplan.strict_json import JsonPath

# In the 10-05 system M1 and M2 are the mastoids; in papers on stimulation M1 is nearly always the motor cortex.
_AMBIGUOUS = {
    "m1": "is the left mastoid in montage 'colin27_1005' but the motor cortex in most papers; "
    "write 'C3' or 'C4' for the motor cortex, 'TP9' for the mastoid",
    "m2": "is the right mastoid in montage 'colin27_1005'; write 'TP10' for it",
}
ELECTRODE_FORMS = ("position_mm", "beam_f3", "tape", "anterior_of")
COIL_FORMS = ("beam_f3", "tape", "anterior_of")


def site_faults(site: Any, path: JsonPath) -> Iterator[Fault]:
    """A name that is no site, or one that means two places."""
    if not isinstance(site, str) or not site.strip():
        return
    if site.strip().lower() in _AMBIGUOUS:
        yield Fault(path, f"{site!r} {_AMBIGUOUS[site.strip().lower()]}")
        return
    try:
        resolve_site(site)
    except MontageError as error:
        yield Fault(path, str(error))


def place_faults(site: Any, path: JsonPath, forms: tuple[str, ...]) -> Iterator[Fault]:
    """Faults of a site by name, or of an object that holds one of the forms."""
    if not isinstance(site, dict):
        yield from site_faults(site, path)
        return
    given = [name for name in forms if name in site]
    if not given and not set(site) - set(forms):
        meant = "centre of the electrode (position_mm) or " if "position_mm" in forms else "the form "
        yield Fault((*path, forms[0]), f"missing; expected {meant}one of beam_f3, tape, anterior_of")
    elif len(given) > 1:
        yield Fault((*path, given[1]), f"give one of {' and '.join(given)}, not both")
    tape, anterior = site.get("tape"), site.get("anterior_of")
    if isinstance(tape, dict):
        yield from _tape(tape, (*path, "tape"))
    if isinstance(anterior, dict) and anterior.get("site") != HOTSPOT:
        yield from site_faults(anterior.get("site"), (*path, "anterior_of", "site"))


def _tape(tape: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    sizes = [key for key in ("distance_cm", "percent") if key in tape]
    if len(sizes) != 1:
        what = "give one of distance_cm and percent, not both" if sizes else "missing; expected distance_cm or percent"
        yield Fault((*path, sizes[-1] if sizes else "distance_cm"), what)
    start, along, towards = (tape.get(key) for key in ("from", "along", "towards"))
    if not isinstance(along, str) or along not in ENDS or not isinstance(start, str):
        return
    if start not in STARTS[along]:
        yield Fault((*path, "from"), f"the {along} arc is measured from {', '.join(STARTS[along])}; got {start!r}")
        return
    yield from _side(along, start, towards, path)
    yield from _reach(tape, along, start, path)


def _side(along: str, start: str, towards: Any, path: JsonPath) -> Iterator[Fault]:
    """A side that is missing, or that the arc does not lead to."""
    sides = [end for end in ENDS[along] if end != start]
    if towards is None:
        if needs_side(along, start):
            yield Fault((*path, "towards"), f"missing; from {start} say towards {' or '.join(sides)}")
    elif isinstance(towards, str) and towards not in sides:
        what = f"from {start} the {along} arc leads towards {' or '.join(sides)}; got {towards!r}"
        yield Fault((*path, "towards"), what)


def _reach(tape: Mapping[str, Any], along: str, start: str, path: JsonPath) -> Iterator[Fault]:
    """A place beyond the end of the arc."""
    most = Decimal(most_fraction(along, start))
    percent, distance, arc = (tape.get(key) for key in ("percent", "distance_cm", "arc_cm"))
    if is_number(percent) and percent > 100 * most:
        what = f"{percent} % from {start} is beyond the end of the {along} arc (at most {plain(100 * most)} %)"
        yield Fault((*path, "percent"), what + "; measure from the other side")
    if is_number(distance) and is_number(arc) and distance > arc * most:
        longest = plain(arc * most)
        what = f"{distance} cm from {start} is beyond the end of an arc of {arc} cm (at most {longest} cm)"
        yield Fault((*path, "distance_cm"), what)
