"""The dose: electrodes with their sites, sizes and currents, or a coil with its pose; times and numbers; saving."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.panels.balance import slider_limit_mA
from stimplan.app.panels.changes import (
    add_electrode,
    as_own,
    free_sites,
    move_offset,
    move_slider,
    read_number,
    remove_electrode,
    set_values,
    use_product,
)
from stimplan.app.panels.common import Latest, lay_out, shown_problems, whole_number, words
from stimplan.app.panels.fields import NOT_REPORTED, FormField, form_fields
from stimplan.app.panels.pose import draw_pose, place_values
from stimplan.errors import InputError, Problem, ProtocolError
from stimplan.montage import Circle, Rectangle, Ring, Shape
from stimplan.protocol import Protocol, dump_protocol, protocol_tree
from stimplan.sites import electrode_products, layout_sites
from stimplan.strict_json import JsonPath
from stimplan.units import from_si, text

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session
    from stimplan.montage import Electrode

_OWN_SIZE = "own size"
_SWINGING = ("sinusoidal", "noise", "temporal-interference")
_SIGNS = {"anode": "+", "cathode": "\u2212", "alternating": "~", "no current": "0"}


def sections_of(protocol: Protocol) -> list[tuple[str, tuple[FormField, ...]]]:
    """Groups of fields for a protocol, each with its title, as the schema of its file has them."""
    course, name = form_fields(protocol, ("course",)), ("Name", form_fields(protocol, (), ("id", "title")))
    if protocol.magnetic is None:
        here: JsonPath = ("stimulation",)
        size = [("How the currents are given", form_fields(protocol, here, ("amplitude_convention",)))]
        time = ("Time and ramps", form_fields(protocol, (*here, "waveform")))
        return [time, *(one for one in size if one[1]), ("Course", course), name]
    found = [("Coil", form_fields(protocol, ("stimulation", "coil"), ("family", "model", "manufacturer")))]
    for number, block in enumerate(protocol.magnetic.blocks):
        part = f" · {block.label or f'block {number + 1}'}" if len(protocol.magnetic.blocks) > 1 else ""
        at: JsonPath = ("stimulation", "blocks", number)
        found.append((f"Intensity{part}", form_fields(protocol, (*at, "intensity"))))
        for level, pattern in enumerate(block.timing.patterns):
            title = f"{(pattern.name or f'level {level + 1}').capitalize()}{part}"
            found.append((title, form_fields(protocol, (*at, "timing", "patterns", level), ("count", "interval_s"))))
        found.append((f"Pulse{part}", form_fields(protocol, (*at, "pulse"))))
    return [*found, ("Course", course), name]


def electrode_rows(protocol: Protocol) -> list[dict[str, Any]]:
    """The electrodes for the page: site, current, size, density."""
    rows = []
    waveform = protocol.waveform.type if protocol.waveform is not None else ""
    for number, one in enumerate(protocol.electrodes):
        size, role = from_si(one.current_A, "mA"), _role(one, waveform)
        rows.append(
            {
                "n": number,
                "label": one.label,
                "site": one.site if isinstance(one.site, str) else "",
                "place": one.label if not isinstance(one.site, str) else "",
                "mA": f"{size.normalize():f}",
                "said": f"{one.label}, {size.normalize():f} mA, {role}",
                "sign": _SIGNS[role],
                "role": role,
                "size": shape_text(one.shape),
                "product": one.product or _OWN_SIZE,
                "density": f"{one.current_density_A_per_m2 / 10:.3g} mA/cm²",
                "note": _note(one),
                "offset": "" if one.offset_A is None else f"{from_si(one.offset_A, 'mA').normalize():f}",
            }
        )
    return rows


def _role(electrode: Electrode, waveform: str) -> str:
    """What it is at every moment; where the current swings both ways it is anode and cathode in turn."""
    if electrode.current_A == 0:
        return "no current"
    if waveform in _SWINGING:
        return "alternating"
    return "anode" if electrode.current_A > 0 else "cathode"


def _note(electrode: Electrode) -> str:
    parts = []
    if electrode.phase_rad is not None:
        parts.append(f"phase {math.degrees(electrode.phase_rad):.4g}°")
    if electrode.offset_A is not None:
        parts.append(f"offset {text(electrode.offset_A, 'A')}")
    if electrode.channel is not None:
        parts.append(f"source {electrode.channel}")
    return ", ".join(parts)


def shape_text(shape: Shape) -> str:
    """Outline and area for people."""
    area = text(shape.area_m2, "m2")
    match shape:
        case Rectangle():
            return f"{1e3 * shape.width_m:g} × {1e3 * shape.height_m:g} mm, {area}"
        case Circle():
            return f"disc of {1e3 * shape.diameter_m:g} mm, {area}"
        case Ring():
            return f"ring of {1e3 * shape.inner_diameter_m:g} to {1e3 * shape.outer_diameter_m:g} mm, {area}"


def field_row(field: FormField) -> dict[str, Any]:
    """A field for the page."""
    return {
        "key": field.key,
        "label": field.title,
        "kind": field.kind,
        "value": field.shown,
        "choices": list(field.choices) if field.kind == "choice" else ["yes", "no"],
        "empty": NOT_REPORTED if field.may_be_null else "",
        "is_long": field.kind == "text",
        "help": field.help,
        "id": "field-" + "".join(sign if sign.isalnum() else "-" for sign in field.key[2:]),
    }


class _Dose:
    """The panel's part of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fields: dict[str, FormField] = {}
        state = session.state
        state.dose_products = [[name, one.title] for name, one in electrode_products().items()]
        state.dose_own_size = _OWN_SIZE
        state.dose_all_sites = list(layout_sites("10-10"))
        state.dose_faults, state.dose_refused = [], 0
        self._show(session.plan)
        session.on_plan(self._show)
        session.handler("dose_slide", Latest(session, self._slide))
        session.handler("dose_current", self._current)
        session.handler("dose_offset", self._offset)
        session.handler("dose_site", lambda n, site: self._put(n, "site", words(site, 40)))
        session.handler("dose_product", self._product)
        session.handler("dose_add", self._add)
        session.handler("dose_remove", lambda n: self._try(remove_electrode, whole_number(n)))
        session.handler("dose_set", self._set)
        session.handler("dose_place", self._place)
        session.handler("dose_handle", Latest(session, self._handle))
        session.handler("dose_distance", Latest(session, self._distance))
        session.handler("dose_own", lambda: self._try(as_own))
        session.handler("dose_text", lambda: dump_protocol(session.plan.protocol))

    def _show(self, plan: Plan, by: str = "") -> None:
        protocol, state = plan.protocol, self._session.state
        sections = sections_of(protocol)
        self._fields = {field.key: field for _, fields in sections for field in fields}
        state.dose_is_coil = protocol.magnetic is not None
        state.dose_electrodes = electrode_rows(protocol)
        state.dose_file = f"{protocol.id}.json"
        state.dose_is_published = protocol.source is not None
        if protocol.electric is not None:
            state.dose_limit = float(slider_limit_mA(protocol_tree(protocol)["stimulation"]["electrodes"]))
            for one in self._size_fields(protocol):
                self._fields[one.key] = one
        if by == "slider":
            return  # a slider changes nothing below, and is to answer at once
        if by != "dose":
            state.dose_faults = []
        state.dose_free = list(free_sites(protocol))
        state.dose_sections = [
            {"title": title, "fields": [field_row(field) for field in fields]} for title, fields in sections
        ]
        state.dose_sizes = [[field_row(one) for one in self._size_fields(protocol, n)] for n in self._numbers(protocol)]
        state.dose_poses = [draw_pose(block, number) for number, block in enumerate(self._blocks(protocol))]

    def _numbers(self, protocol: Protocol) -> range:
        return range(len(protocol.electrodes))

    def _blocks(self, protocol: Protocol) -> tuple[Any, ...]:
        return protocol.magnetic.blocks if protocol.magnetic is not None else ()

    def _size_fields(self, protocol: Protocol, number: int | None = None) -> tuple[FormField, ...]:
        numbers = self._numbers(protocol) if number is None else [number]
        return tuple(
            field
            for n in numbers
            for field in form_fields(protocol, ("stimulation", "electrodes", n, "shape"))
            if field.kind == "number"
        )

    def _slide(self, number: Any, value: Any) -> None:
        """On the way; what cannot be, such as no current at all in passing, is said where the slider comes to rest."""
        with suppress(InputError):
            wanted = read_number(words(str(value), 40))
            self._change(move_slider(self._session.plan.protocol, whole_number(number), wanted), by="slider")

    def _current(self, number: Any, value: Any) -> None:
        """A typed current; one beyond the sliders' end is refused in words, never cut in silence."""
        place, typed = whole_number(number), words(str(value), 40)

        def move(protocol: Protocol) -> Protocol:
            where = f"$.stimulation.electrodes[{place}].current_mA"
            wanted, end = read_number(typed), slider_limit_mA(protocol_tree(protocol)["stimulation"]["electrodes"])
            if abs(wanted) > end:
                what = (
                    f"{wanted} mA is beyond the {end} mA at which the sliders end; write more than that into the file"
                )
                raise ProtocolError(Problem(where, what))
            return move_slider(protocol, place, wanted)

        self._try(move)
        if not self._session.state.dose_faults:
            self._show(self._session.plan, by="dose")  # what a slider left out on its way

    def _offset(self, number: Any, value: Any) -> None:
        self._try(move_offset, whole_number(number), read_number(words(str(value), 40)))

    def _put(self, number: Any, key: str, value: Any) -> None:
        path = ("stimulation", "electrodes", whole_number(number), key)
        self._try(set_values, {path: value})

    def _product(self, number: Any, product: Any) -> None:
        if product != _OWN_SIZE:
            self._try(use_product, whole_number(number), words(product, 80))

    def _add(self, site: Any) -> None:
        self._try(add_electrode, words(site, 40))

    def _set(self, key: Any, value: Any) -> None:
        field = self._fields.get(words(key, 200))
        if field is None:
            raise InputError(Problem(str(key)[:80], "is no field of this protocol"))
        shown = value if isinstance(value, str | int | float) or value is None else str(value)

        def put(protocol: Protocol) -> Protocol:
            return set_values(protocol, {field.path: field.read(shown)})

        self._try(put)

    def _place(self, block: Any, site: Any) -> None:
        self._try(set_values, place_values(self._session.plan.protocol, whole_number(block), site=words(site, 40)))

    def _handle(self, block: Any, angle: Any) -> None:
        wanted = read_number(words(str(angle), 40))
        self._try(set_values, place_values(self._session.plan.protocol, whole_number(block), angle_deg=wanted))

    def _distance(self, block: Any, distance: Any) -> None:
        wanted = read_number(words(str(distance), 40))
        self._try(set_values, place_values(self._session.plan.protocol, whole_number(block), distance_mm=wanted))

    def _try(self, function: Any, *arguments: Any) -> None:
        """Change the protocol; what is wrong with a change is listed above the form, and the plan stays as it was."""
        try:
            changed = function(self._session.plan.protocol, *arguments)
        except InputError as error:
            self._session.state.dose_faults = shown_problems(error)
            # Counted, so that the page lays its fields out again: what was refused gives way to what the plan has.
            self._session.state.dose_refused += 1
            return
        self._session.state.dose_faults = []
        self._change(changed, by="dose")

    def _change(self, protocol: Protocol, *, by: str) -> None:
        self._session.change(attrs.evolve(self._session.plan, protocol=protocol), by=by)


def build(session: Session) -> None:
    """Lay the dose out."""
    _Dose(session)
    lay_out("dose")
