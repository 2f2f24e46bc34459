"""A protocol with something changed, as pure functions: the tree of its file is changed and read strictly again."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from stimplan.app.panels.balance import move_current, move_electrode_current, slider_limit_mA
from stimplan.errors import Problem, ProtocolError
from stimplan.protocol import Protocol, protocol_tree, read_protocol
from stimplan.sites import electrode_products, layout_sites
from stimplan.strict_json import JsonPath, show_path

Tree = dict[str, Any]

# What was said about the published protocol and is no longer true of a changed one.
_OF_THE_PUBLICATION = ("published_totals", "evidence", "result")
_OF_THE_DOSE = ("schema_version", "modality", "target", "stimulation", "course", "simulation")
_SUFFIX = "-changed"
_LONGEST_ID, _LONGEST_NOTE, _LONGEST_TITLE = 64, 2000, 200
_NOTE = re.compile(r"^Not as published: changed in ([^;]+); the source does not describe that\. ?")
_ELECTRODE = re.compile(r"^\$\.stimulation\.electrodes\[(\d+)\]")


def set_values(protocol: Protocol, values: Mapping[JsonPath, Any]) -> Protocol:
    """The protocol with some values of its file replaced.

    A published protocol that is changed says so: its id, its title and the note of its source; what was known about
    the changed values, the published totals, the evidence and the result are taken out.

    Parameters
    ----------
    protocol : Protocol
    values : mapping of path to value
        In file units; None where the file has null; `...` takes a key out.

    Raises
    ------
    ProtocolError
        `.problems` lists every fault of the changed protocol with its place.
    """
    return _changed(protocol, values, lambda tree: _put_all(tree, values))


def move_slider(protocol: Protocol, index: int, wanted_mA: Decimal) -> Protocol:
    """The protocol after one current was moved; the others answer, see `balance.move_electrode_current`.

    Raises
    ------
    InputError
        There is no such electrode, or no such current.
    """
    electrodes = _electrodes(protocol)
    _refuse_index(electrodes, index)
    moved = move_electrode_current(electrodes, index, wanted_mA, limit_mA=slider_limit_mA(electrodes))
    paths: dict[JsonPath, Any] = {
        ("stimulation", "electrodes", number, "current_mA"): value
        for number, value in enumerate(moved)
        if value != electrodes[number]["current_mA"]
    }
    return set_values(protocol, paths) if paths else protocol


def move_offset(protocol: Protocol, index: int, wanted_mA: Decimal) -> Protocol:
    """The protocol after the direct current below an oscillation or noise was moved; the other offsets answer.

    Raises
    ------
    InputError
        There is no such electrode, or it has no offset.
    """
    electrodes = _electrodes(protocol)
    _refuse_index(electrodes, index)
    carrying = [number for number, one in enumerate(electrodes) if one.get("offset_mA") is not None]
    if index not in carrying:
        raise ProtocolError(Problem(f"$.stimulation.electrodes[{index}].offset_mA", "this electrode has no offset"))
    offsets = [Decimal(electrodes[number]["offset_mA"]) for number in carrying]
    limit = max(slider_limit_mA(electrodes), *(abs(one) for one in offsets))
    moved = move_current(offsets, carrying.index(index), wanted_mA, limit_mA=limit)
    return set_values(
        protocol,
        {
            ("stimulation", "electrodes", number, "offset_mA"): value
            for number, value in zip(carrying, moved, strict=True)
        },
    )


def add_electrode(protocol: Protocol, site: str) -> Protocol:
    """The protocol with one more electrode at a site, like the last one, without current yet.

    Raises
    ------
    ProtocolError
        The site is not known or not free.
    """
    electrodes = _electrodes(protocol)
    if not electrodes:
        raise ProtocolError(Problem("$.stimulation", "a coil has no electrodes"))
    fresh = {**copy.deepcopy(electrodes[-1]), "site": site, "current_mA": Decimal(0)}
    fresh.pop("label", None)
    if "offset_mA" in fresh:
        fresh["offset_mA"] = Decimal(0)
    path = ("stimulation", "electrodes", len(electrodes))
    return _changed(protocol, {path: fresh}, lambda tree: tree["stimulation"]["electrodes"].append(fresh))


def remove_electrode(protocol: Protocol, index: int) -> Protocol:
    """The protocol without one electrode; its current goes back to the others first.

    Raises
    ------
    ProtocolError
        There is no such electrode, or fewer than two with a current would stay.
    """
    electrodes = _electrodes(protocol)
    _refuse_index(electrodes, index)
    if len(electrodes) <= 2:
        raise ProtocolError(Problem("$.stimulation.electrodes", "at least two electrodes are needed"))
    emptied = _electrodes(move_slider(protocol, index, Decimal(0)))
    kept = [one for number, one in enumerate(emptied) if number != index]

    def cut(tree: Tree) -> None:
        tree["stimulation"]["electrodes"] = kept
        tree["certainty"] = _without_electrode(tree.get("certainty", {}), index)

    moved: dict[JsonPath, Any] = {
        ("stimulation", "electrodes", number, "current_mA"): None
        for number, (before, after) in enumerate(zip(electrodes, emptied, strict=True))
        if before["current_mA"] != after["current_mA"] or number == index
    }
    return _changed(protocol, moved, cut)


def use_product(protocol: Protocol, index: int, product: str) -> Protocol:
    """The protocol with a known electrode of `montages/electrodes.json` at one place: its outline and its layers.

    Raises
    ------
    ProtocolError
        No such electrode, or no such product; or it does not fit beside its neighbours.
    """
    electrodes = _electrodes(protocol)
    _refuse_index(electrodes, index)
    if product not in electrode_products():
        raise ProtocolError(Problem("$.stimulation.electrodes", f"{product!r} is not in montages/electrodes.json"))
    from stimplan.montage import Electrode
    from stimplan.protocol.layout import ELECTRODE

    known = electrode_products()[product]
    plain = ELECTRODE.write(Electrode("Cz", known.shape, known.layers, 0.001, product=product))
    at = ("stimulation", "electrodes", index)
    return set_values(protocol, {(*at, key): plain[key] for key in ("shape", "layers", "product")})


def as_own(protocol: Protocol) -> Protocol:
    """The dose of a protocol as the start of one's own: what is delivered, its course and its target, nothing else.

    Everything the publication said of itself is left out: title, people, sham, outcomes, evidence, source, how its
    values are known. Its id begins with "own-".
    """
    tree = protocol_tree(protocol)
    kept = {key: copy.deepcopy(tree[key]) for key in _OF_THE_DOSE if key in tree}
    name = f"own-{protocol.id.removeprefix('own-').removesuffix(_SUFFIX)}"
    return read_protocol({**kept, "id": name[:_LONGEST_ID].rstrip("-"), "title": None})


def free_sites(protocol: Protocol) -> tuple[str, ...]:
    """10-10 sites that carry no electrode, as they come in `montages/layouts.json`."""
    taken = {one["site"] for one in _electrodes(protocol) if isinstance(one["site"], str)}
    return tuple(site for site in layout_sites("10-10") if site not in taken)


def read_number(text: str) -> Decimal:
    """A typed number.

    Raises
    ------
    ProtocolError
        It is none; a decimal comma is named.
    """
    words = text.strip().replace("\u2212", "-")
    try:
        value = Decimal(words)
    except InvalidOperation:
        hint = f"; write {words.replace(',', '.')}" if re.fullmatch(r"[-+]?\d+,\d+", words) else ""
        raise ProtocolError(Problem("", f"expected a number, got {words[:40]!r}{hint}")) from None
    if not value.is_finite():
        raise ProtocolError(Problem("", f"expected a finite number, got {words[:40]!r}"))
    return value


def _electrodes(protocol: Protocol) -> list[Tree]:
    return list(protocol_tree(protocol)["stimulation"].get("electrodes", []))


def _refuse_index(electrodes: list[Tree], index: int) -> None:
    if not isinstance(index, int) or not 0 <= index < len(electrodes):
        raise ProtocolError(Problem("$.stimulation.electrodes", f"there is no electrode number {index!r}"))


def _changed(protocol: Protocol, values: Mapping[JsonPath, Any], edit: Callable[[Tree], Any]) -> Protocol:
    tree = copy.deepcopy(protocol_tree(protocol))
    _forget(tree, values)
    edit(tree)
    if ("course", "sessions") in values:
        # The parts and the visits of another number of sessions are not known.
        tree["course"].pop("phases", None)
        for outcome in tree.get("outcomes", ()):
            outcome.pop("at_sessions", None)
    if tree.get("source") is not None:
        _mark(tree, values)
    return read_protocol({key: value for key, value in tree.items() if key != "certainty" or value})


def _put_all(tree: Tree, values: Mapping[JsonPath, Any]) -> None:
    for path in values:
        if path[:2] == ("stimulation", "electrodes") and path[3] in ("shape", "layers"):
            # An electrode of another size is no longer that product.
            tree["stimulation"]["electrodes"][path[2]].pop("product", None)
    for path, value in values.items():
        place: Any = tree
        for step in path[:-1]:
            if isinstance(place, dict) and place.get(step) is None:
                place[step] = {}
            place = place[step]
        if value is ...:
            place.pop(path[-1], None)
        else:
            place[path[-1]] = value


def _forget(tree: Tree, values: Mapping[JsonPath, Any]) -> None:
    """Take out what was known about the changed values, and about anything above or below them."""
    places = [show_path(path) for path in values]

    def is_touched(known: str) -> bool:
        return any(_is_within(known, place) or _is_within(place, known) for place in places)

    tree["certainty"] = {path: status for path, status in tree.get("certainty", {}).items() if not is_touched(path)}


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))


def _without_electrode(certainty: Mapping[str, Any], index: int) -> Tree:
    """What is known about the other electrodes, under their new numbers."""
    kept = {}
    for path, status in certainty.items():
        found = _ELECTRODE.match(path)
        number = int(found[1]) if found else -1
        if number == index:
            continue
        kept[_ELECTRODE.sub(f"$.stimulation.electrodes[{number - 1}]", path) if number > index else path] = status
    return kept


def _mark(tree: Tree, values: Mapping[JsonPath, Any]) -> None:
    """Let a protocol that has a publication say that it is no longer what was published."""
    source = tree["source"]
    note = source.get("note") or ""
    before = _NOTE.match(note)
    parts = set(before[1].split(", ")) if before else set()
    parts |= {".".join(str(step) for step in path[:2] if not isinstance(step, int)) for path in values}
    rest = note[before.end() :] if before else note
    text = f"Not as published: changed in {', '.join(sorted(parts))}; the source does not describe that. {rest}"
    source["note"] = text.strip()[:_LONGEST_NOTE].strip()
    if before:
        return
    for key in _OF_THE_PUBLICATION:
        tree.pop(key, None)
    gone = tuple(f"$.{key}" for key in _OF_THE_PUBLICATION)
    tree["certainty"] = {path: one for path, one in tree["certainty"].items() if not path.startswith(gone)}
    if not tree["id"].endswith(_SUFFIX):
        tree["id"] = tree["id"][: _LONGEST_ID - len(_SUFFIX)].rstrip("-") + _SUFFIX
    if tree.get("title") and len(tree["title"]) <= _LONGEST_TITLE - 10:
        tree["title"] = f"{tree['title']} (changed)"
