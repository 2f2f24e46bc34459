"""Numbers that only a slip explains: of the unit, of the decimal point. These are no safety limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.protocol.schema_check import Fault, is_number
from stimplan.strict_json import JsonPath
from stimplan.units import split_key

# key -> (least plausible, most plausible, what may have been meant), in the file's own unit. Zero is judged elsewhere.
_PLAUSIBLE: dict[str, tuple[str, str, str]] = {
    "current_mA": ("0.001", "20", "microamperes or amperes? Write milliamperes"),
    "offset_mA": ("0.001", "20", "microamperes or amperes? Write milliamperes"),
    "diameter_mm": ("1", "300", "centimetres or metres? Write millimetres"),
    "width_mm": ("10", "300", "centimetres or metres? Write millimetres"),
    "height_mm": ("10", "300", "centimetres or metres? Write millimetres"),
    "inner_diameter_mm": ("0.5", "300", "centimetres or metres? Write millimetres"),
    "outer_diameter_mm": ("1", "300", "centimetres or metres? Write millimetres"),
    "thickness_mm": ("0.01", "50", "micrometres or metres? Write millimetres"),
    "duration_min": ("0.05", "600", "seconds or hours? Write minutes"),
    "ramp_up_s": ("0.1", "600", "milliseconds or minutes? Write seconds"),
    "ramp_down_s": ("0.1", "600", "milliseconds or minutes? Write seconds"),
    "on_s": ("0.1", "7200", "milliseconds or hours? Write seconds"),
    "off_s": ("0.1", "7200", "milliseconds or hours? Write seconds"),
    "frequency_Hz": ("0.01", "10000", "kilohertz or a period? Write hertz"),
    "band_low_Hz": ("0.01", "10000", "kilohertz? Write hertz"),
    "band_high_Hz": ("1", "20000", "kilohertz? Write hertz"),
    "pulse_width_ms": ("0.01", "10000", "microseconds or seconds? Write milliseconds"),
    "pulse_gap_ms": ("0.01", "100000", "microseconds or seconds? Write milliseconds"),
    "min_gap_h": ("0.01", "1000", "seconds or days? Write hours"),
    "radius_mm": ("0.5", "100", "centimetres or metres? Write millimetres"),
    "didt_A_per_us": ("1", "500", "amperes per second? Write amperes per microsecond"),
    "field_V_per_m": ("0.1", "1000", "volts per millimetre? Write volts per metre"),
    "distance_mm": ("0.01", "50", "micrometres or metres? Write millimetres"),
    "interval_ms": ("0.1", "1000", "seconds or microseconds? Write milliseconds"),
    "gap_s": ("0.01", "86400", "milliseconds? Write seconds"),
    "weeks": ("0.1", "520", "days? Write weeks"),
    "session_duration_min": ("0.05", "600", "seconds or hours? Write minutes"),
    "charge_per_session_C": ("0.001", "200", "millicoulombs? Write coulombs"),
}
# key -> the same for each number of a list
_PLAUSIBLE_LISTS: dict[str, tuple[str, str, str]] = {
    "intervals_ms": ("0.5", "2000", "seconds or microseconds? Write milliseconds"),
    "carriers_Hz": ("200", "100000", "kilohertz? Write hertz"),
    "relative_intensities_percent": ("5", "500", "a fraction? Write percent"),
}
_FARTHEST_MM = 300
_LARGEST_MEANT_IN_METRES = Decimal("0.3")


def implausible(value: Any, path: JsonPath) -> Iterator[Fault]:
    """Numbers that only a mistaken unit explains, anywhere in the tree."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _PLAUSIBLE and is_number(item) and item != 0:
                what = _judge(key, item, _PLAUSIBLE[key])
                if what:
                    yield Fault((*path, key), what + _in_other_unit(key, item))
            yield from _implausible_entries(key, item, path)
            yield from implausible(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from implausible(item, (*path, number))


def _implausible_entries(key: str, values: Any, path: JsonPath) -> Iterator[Fault]:
    if key in _PLAUSIBLE_LISTS and isinstance(values, list):
        for number, value in enumerate(values):
            what = _judge(key, value, _PLAUSIBLE_LISTS[key]) if is_number(value) else ""
            if what:
                yield Fault((*path, key, number), what)


def is_plausible(key: str, value: Decimal | int) -> bool:
    """Whether a number could be meant in the key's unit; zero is, and so is what this table does not know."""
    return value == 0 or key not in _PLAUSIBLE or not _judge(key, value, _PLAUSIBLE[key])


def _judge(key: str, value: Decimal | int, limits: tuple[str, str, str]) -> str:
    least, most, meant = limits
    if Decimal(least) <= abs(Decimal(value)) <= Decimal(most):
        return ""
    unit = split_key(key)[1].replace("_per_", "/").replace("percent", "%")
    return f"{value} {unit} is implausible (expected {least} to {most} {unit}); {meant}".replace("  ", " ")


def _in_other_unit(key: str, value: Decimal | int) -> str:
    """For currents, say what the number would be as microamperes or amperes."""
    if key not in ("current_mA", "offset_mA"):
        return ""
    exact = Decimal(value)
    if abs(exact) > 20:
        return f": {exact} µA would be {(exact / 1000).normalize():f} mA" if abs(exact) <= 20000 else ""
    return f": {exact} A would be {(exact * 1000).normalize():f} mA" if abs(exact) > Decimal("1e-9") else ""


def positions(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Points that cannot be millimetres inside or on a head."""
    for path, point in _points(tree, ()):
        far = [x for x in point if abs(Decimal(x)) > _FARTHEST_MM]
        if far:
            what = f"{far[0]} mm is implausible (expected -{_FARTHEST_MM} to {_FARTHEST_MM} mm)"
            yield Fault(path, what + "; micrometres? Write millimetres")
        elif any(point) and path[-1] == "position_mm" and all(abs(x) < _LARGEST_MEANT_IN_METRES for x in point):
            what = f"{show_list(point)} mm is the middle of the head, not its scalp; metres? Write millimetres"
            yield Fault(path, what)


def _points(value: Any, path: JsonPath) -> Iterator[tuple[JsonPath, list[Any]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("position_mm", "mni_mm") and isinstance(item, list) and all(map(is_number, item)):
                yield (*path, key), item
            else:
                yield from _points(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _points(item, (*path, number))


def plain(value: Decimal | int) -> str:
    """A number without an exponent and without trailing zeros, where that is short."""
    value = Decimal(value).normalize()
    return f"{value:f}" if -9 <= value.adjusted() <= 15 else f"{value:.6g}"


def show_list(point: list[Any]) -> str:
    """A list as it looks in a message."""
    return "[" + ", ".join(map(str, point)) + "]"
