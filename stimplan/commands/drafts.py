"""A protocol file from a few answers: the tree that `stimplan new` checks and writes.

Nothing that is delivered to a person is filled in here. What a product's data sheet does not give and what has no
bearing on the dose but must be in the file (the angle of a pad) is marked as assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from stimplan.commands.questions import NOT_REPORTED
from stimplan.errors import InputError, Problem
from stimplan.montage import Electrode, Point
from stimplan.protocol.layout import ELECTRODE
from stimplan.sites import ALIASES, electrode_products, known_sites, resolve_site
from stimplan.units import from_si, text, to_si

Answers = Mapping[str, Any]

_CONTEXT = ("population", "purpose")
_RING_TOLERANCE_M = 0.012


def draft(answers: Answers) -> dict[str, Any]:
    """Tree of a protocol file from complete answers.

    Raises
    ------
    InputError
        An answer fits no known product, site or pattern, or the current cannot be shared exactly.
    """
    modality = answers["modality"]
    stimulation, certainty = (_magnetic if modality == "TMS" else _electric)(answers)
    tree: dict[str, Any] = {
        "schema_version": 2,
        "id": answers["id"],
        "title": answers.get("title"),
        "modality": modality,
        **({"indication": {"condition": _condition(answers["indication"])}} if answers.get("indication") else {}),
        **{key: answers[key] for key in _CONTEXT if answers.get(key)},
        "stimulation": stimulation,
        "course": {
            "sessions": answers["sessions"],
            "sessions_per_day": answers.get("sessions_per_day"),
            "min_gap_h": answers.get("min_gap_h"),
            "schedule": answers.get("schedule"),
        },
    }
    if answers.get("target"):
        tree["target"] = {"label": answers["target"], "mni_mm": None, "radius_mm": None}
    if certainty:
        tree["certainty"] = certainty
    return tree


def _condition(words: str) -> str:
    from stimplan.describe.search import find_condition

    return find_condition(words)


def _told(value: Any) -> Any:
    return None if value == NOT_REPORTED else value


def _electric(answers: Answers) -> tuple[dict[str, Any], dict[str, str]]:
    electrodes = _montage(answers)
    trees = [ELECTRODE.write(electrode) for electrode in electrodes]
    if answers["modality"] == "tACS":
        # The two currents are opposite at every moment by their signs; the common phase is free.
        trees = [{**tree, "phase_deg": 0} for tree in trees]
    up, down = answers.get("ramp_up_s", answers.get("ramp_s")), answers.get("ramp_down_s", answers.get("ramp_s"))
    timing = {"duration_min": answers["duration_min"], "ramp_up_s": _told(up), "ramp_down_s": _told(down)}
    convention = {} if answers["modality"] in ("tDCS", "HD-tDCS") else {
        "amplitude_convention": answers["amplitude_convention"]
    }  # fmt: skip
    stimulation = {"electrodes": trees, **convention, "waveform": {**_kind(answers), **timing}}
    return stimulation, _certainty(electrodes)


def _kind(answers: Answers) -> dict[str, Any]:
    match answers["modality"]:
        case "tACS":
            return {"type": "sinusoidal", "frequency_Hz": answers["frequency_Hz"]}
        case "tRNS":
            edges = {"band_low_Hz": answers["band_low_Hz"], "band_high_Hz": answers["band_high_Hz"]}
            return {"type": "noise", **edges, "distribution": answers.get("distribution")}
    return {"type": "direct"}


def _montage(answers: Answers) -> list[Electrode]:
    product = _product(answers["product"])
    current = Decimal(answers["current_mA"])
    if answers["modality"] == "HD-tDCS":
        returns = returns_of(answers)
        share = current / len(returns)
        if Fraction(share) * len(returns) != Fraction(current):
            what = f"{current} mA cannot be shared exactly by {len(returns)} returns; give 1, 2, 4 or 5 of them"
            raise InputError(Problem("--returns", what))
        placed = [(answers["center"], current), *((site, -share) for site in returns)]
    else:
        placed = [(answers["anode"], current), (answers["cathode"], -current)]
    return [
        Electrode(resolve_site(site), product.shape, product.layers, to_si(size, "mA"), product=product.id)
        for site, size in placed
    ]


def _product(name: str) -> Any:
    products = electrode_products()
    if name not in products:
        near = get_close_matches(name, products, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(products)}"
        raise InputError(Problem("--product", f"{name!r} is not in montages/electrodes.json; {hint}"))
    return products[name]


def _certainty(electrodes: Sequence[Electrode]) -> dict[str, str]:
    """What the table of products knows about its numbers, and the angle that nobody gave."""
    found: dict[str, str] = {}
    for number, electrode in enumerate(electrodes):
        at = f"$.stimulation.electrodes[{number}]"
        product = electrode_products()[electrode.product or ""]
        found.update({f"{at}.{place}": status for place, status in product.certainty})
        if hasattr(electrode.shape, "rotation_rad"):
            found[f"{at}.shape.rotation_deg"] = "assumed"
    return found


def returns_of(answers: Answers) -> list[str]:
    """The returns that are named, or four sites on a ring around the centre."""
    if answers.get("returns"):
        return list(answers["returns"])
    return ring_sites(answers["center"], to_si(answers["ring_radius_mm"], "mm"))


def ring_sites(center: str, radius_m: float) -> list[str]:
    """Four 10-05 sites around a centre, at right angles and as near to a distance as there are sites.

    Parameters
    ----------
    center : str
        10-05 site.
    radius_m : float
        Distance in a straight line from the centre to each of them, m.

    Raises
    ------
    InputError
        One of the four places has no site within 12 mm.
    """
    sites = {name: point for name, point in known_sites().items() if name not in ALIASES}
    name = resolve_site(center)
    middle = [sum(axis) / len(sites) for axis in zip(*sites.values(), strict=True)]
    origin = sites[name]
    out = _unit([a - b for a, b in zip(origin, middle, strict=True)])
    up = _across(out, (0.0, 0.0, 1.0) if abs(out[2]) < 0.95 else (0.0, 1.0, 0.0))
    side = (out[1] * up[2] - out[2] * up[1], out[2] * up[0] - out[0] * up[2], out[0] * up[1] - out[1] * up[0])
    found = []
    for way in (up, side, _turned(up), _turned(side)):
        wanted = tuple(o + radius_m * w for o, w in zip(origin, way, strict=True))
        ball = math.dist(origin, middle)
        there = tuple(m + ball * x for m, x in zip(middle, _unit([a - b for a, b in zip(wanted, middle, strict=True)]),
                                                   strict=True))  # fmt: skip
        nearest = min((site for site in sites if site != name), key=lambda site: math.dist(sites[site], there))
        found.append(nearest)
        miss_m = math.dist(sites[nearest], there)
        if miss_m > _RING_TOLERANCE_M:
            what = f"no site lies near {text(radius_m, 'm')} from {name} on every side; name the --returns yourself"
            raise InputError(Problem("--ring-radius-mm", what))
    if len(set(found)) < len(found):
        what = f"{text(radius_m, 'm')} around {name} is too narrow for four sites; name the --returns yourself"
        raise InputError(Problem("--ring-radius-mm", what))
    return found


def _unit(vector: Sequence[float]) -> Point:
    length = math.hypot(*vector)
    x, y, z = (value / length for value in vector)
    return x, y, z


def _across(out: Point, towards: Point) -> Point:
    along = sum(a * b for a, b in zip(out, towards, strict=True))
    return _unit([t - along * o for t, o in zip(towards, out, strict=True)])


def _turned(vector: Sequence[float]) -> Point:
    x, y, z = (-value for value in vector)
    return x, y, z


def _magnetic(answers: Answers) -> tuple[dict[str, Any], dict[str, str]]:
    place = {"mni_mm": answers["mni_mm"]} if answers.get("mni_mm") else {"site": answers["site"]}
    method = {"method": answers.get("threshold_method"), "muscle": answers.get("muscle"), "coil": None}
    has_threshold = any(method.values()) or answers.get("threshold_measured")
    block = {
        "pulse": {"shape": answers.get("pulse_shape"), "current_direction": answers.get("current_direction")},
        "timing": {"stimulus": {"pulses": 1}, "patterns": PATTERNS[answers["pattern"]](answers)},
        "intensity": {"value_percent": answers["intensity_percent"], "reference": answers["reference"]},
        "threshold": {**method, "measured": answers.get("threshold_measured")} if has_threshold else None,
        "placement": {**place, "method": answers.get("placement_method")},
    }
    coil = {"family": answers["coil_family"], "model": answers.get("coil_model")}
    return {"coil": coil, "stimulator": None, "blocks": [block]}, {}


def _itbs(answers: Answers) -> list[dict[str, Any]]:
    trains = _parts(answers["pulses"], 30, "iTBS has 30 pulses in a train")
    return [*_burst(10), {"count": trains, "interval_s": 10, "name": "train"}]


def _ctbs(answers: Answers) -> list[dict[str, Any]]:
    return _burst(_parts(answers["pulses"], 3, "theta burst stimulation has 3 pulses in a burst"))


def _burst(count: int) -> list[dict[str, Any]]:
    """Three pulses at 50 Hz every 200 ms, what the names mean (Huang 2005, doi 10.1016/j.neuron.2004.12.033)."""
    fast = {"count": 3, "interval_s": Decimal("0.02"), "name": "pulse"}
    return [fast, {"count": count, "interval_s": Decimal("0.2"), "name": "burst"}]


def _rtms(answers: Answers) -> list[dict[str, Any]]:
    hertz, count = Decimal(answers["frequency_Hz"]), answers["pulses_per_train"]
    if hertz <= 0:
        raise InputError(Problem("--frequency-Hz", f"must be above 0 Hz, got {hertz}"))
    inner = {"count": count, "interval_s": _seconds(1 / hertz), "name": "pulse"}
    if answers["trains"] == 1:
        return [inner]
    start_to_start = _seconds(count / hertz + Decimal(answers["inter_train_interval_s"]))
    return [inner, {"count": answers["trains"], "interval_s": start_to_start, "name": "train"}]


PATTERNS: Mapping[str, Callable[[Answers], list[dict[str, Any]]]] = {"iTBS": _itbs, "cTBS": _ctbs, "rTMS": _rtms}


def _seconds(value: Decimal) -> Decimal:
    """The shortest number that is the same double."""
    return from_si(to_si(value, "s"), "s")


def _parts(pulses: int, size: int, why: str) -> int:
    if pulses < size or pulses % size:
        raise InputError(Problem("--pulses", f"{pulses} is no multiple of {size}; {why}"))
    return pulses // size
