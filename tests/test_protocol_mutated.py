"""One fault each in files of every kind of the library: the first message must name the place of the fault."""

from __future__ import annotations

import copy
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from test_protocol_kinds_broken import KINDS

from stimplan.errors import ProtocolError
from stimplan.protocol import list_protocols, read_protocol, train_of
from stimplan.strict_json import show_path
from stimplan.units import split_key

Tree = dict[str, Any]
Path = tuple[str | int, ...]

# Where no message can know the very place: a current out of balance is said of all electrodes.
_SHARED = {"current_mA": ("stimulation", "electrodes"), "offset_mA": ("stimulation", "electrodes")}


@attrs.frozen
class Mutant:
    """A file with one fault, and the path that should be named first."""

    kind: str
    fault: str
    where: str
    tree: Tree = attrs.field(repr=False, eq=False)


def kind_of(tree: Tree) -> str:
    """Modality, for coils with the name of the first block's pattern."""
    protocol = read_protocol(tree)
    return protocol.modality if protocol.magnetic is None else f"TMS {train_of(protocol.magnetic.blocks[0]).name}"


def samples() -> dict[str, Tree]:
    """One sound file of every kind: the library's first, and for kinds the library has not, one made here."""
    trees = [json.loads(entry.path.read_text(encoding="utf-8")) for entry in list_protocols()]
    found: dict[str, Tree] = {}
    for tree in [*trees, *(make() for make in KINDS)]:
        found.setdefault(kind_of(tree), tree)
    return found


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every key of every object, with its value; the certainty has no part in what is delivered."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        if (*path, key) != ("certainty",):
            yield (*path, key), item
            yield from leaves(item, (*path, key))


def at(tree: Tree, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def changed(tree: Tree, path: Path, value: Any) -> Tree:
    new = copy.deepcopy(tree)
    at(new, path[:-1])[path[-1]] = value
    return new


def renamed(tree: Tree, path: Path, name: str) -> Tree:
    new = copy.deepcopy(tree)
    parent = at(new, path[:-1])
    pairs = [(name if key == path[-1] else key, item) for key, item in parent.items()]
    parent.clear()
    parent.update(pairs)
    return new


def faults(tree: Tree) -> Iterator[tuple[str, str, Tree]]:
    """(kind of fault, path that should be named, tree) for every place where the fault can be made."""
    for path, value in leaves(tree):
        key, where = path[-1], show_path(path)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(key, int):
            continue
        if len(key) > 4:
            typo = key[:2] + key[3:]
            yield "misspelt key", show_path((*path[:-1], typo)), renamed(tree, path, typo)
        if is_number:
            yield "number as text", where, changed(tree, path, f"{value}")
            yield "not a number", where, changed(tree, path, float("nan"))
            if value > 0 and split_key(key)[1] and key not in ("rotation_deg", "phase_deg", "from_midline_deg"):
                yield "a thousand times", show_path(path), changed(tree, path, value * 1000)
                yield "a millionth", show_path(path), changed(tree, path, value * 1e-6)
            if key in _SHARED and value:
                yield "out of balance", show_path(_SHARED[key]), changed(tree, path, value * 1.1)
            if key in ("count", "pulses", "sessions", "sessions_per_day"):
                yield "half of one", where, changed(tree, path, value + 0.5)
                yield "minus", where, changed(tree, path, -value)
        if isinstance(value, str) and key in ("modality", "type", "reference", "family", "grade", "direction", "name"):
            yield "unknown word", where, changed(tree, path, "Xyzzy" if key != "name" else 3)
        if key in ("site", "towards") and isinstance(value, str):
            yield "unknown site", where, changed(tree, path, "Q7x")
        if key == "material":
            yield "unknown material", where, changed(tree, path, "chewing_gum")
        if key in (
            "stimulation",
            "course",
            "waveform",
            "blocks",
            "coil",
            "timing",
            "stimulus",
            "shape",
            "pulses",
            "count",
        ):
            without = copy.deepcopy(tree)
            del at(without, path[:-1])[key]
            yield "missing", where, without
    other = "TMS" if tree["modality"] != "TMS" else "tDCS"
    yield "another modality", "$.modality", changed(tree, ("modality",), other)
    yield "condition unknown", "$.indication.condition", changed(tree, ("indication",), {"condition": "Xyzzy"})
    yield "version of the future", "$.schema_version", changed(tree, ("schema_version",), 99)


def timing_faults(tree: Tree) -> Iterator[tuple[str, str, Tree]]:
    """Timing that does not compute."""
    for number, block in enumerate(tree["stimulation"].get("blocks", ())):
        patterns = block["timing"]["patterns"]
        base: Path = ("stimulation", "blocks", number, "timing", "patterns")
        for k in range(1, len(patterns)):
            inner = patterns[k - 1]["count"] * patterns[k - 1]["interval_s"]
            path = (*base, k, "interval_s")
            yield "train too long", show_path(path), changed(tree, path, round(inner * 0.9, 6))
        for k, pattern in enumerate(patterns):
            yield (
                "too many",
                show_path((*base, k, "count")),
                changed(tree, (*base, k, "count"), pattern["count"] * 10**6),
            )


def mutants() -> list[Mutant]:
    """At least a hundred, drawn evenly from every kind of file and every kind of fault, the same in every run."""
    chooser = random.Random(20261122)
    made = []
    for kind, tree in sorted(samples().items()):
        by_fault: dict[str, list[tuple[str, str, Tree]]] = {}
        for one in (*faults(tree), *timing_faults(tree)):
            by_fault.setdefault(one[0], []).append(one)
        for _, group in sorted(by_fault.items()):
            for fault, where, broken in chooser.sample(group, min(3, len(group))):
                made.append(Mutant(kind, fault, where, broken))
    return made


def first_place(tree: Tree) -> str:
    try:
        read_protocol(tree)
    except ProtocolError as error:
        return error.problems[0].where
    return "no fault found"


def test_the_first_message_names_the_place_of_the_fault_in_nineteen_of_twenty_files(capsys) -> None:
    made = mutants()
    misses = [(one, got) for one in made if (got := first_place(one.tree)) != one.where]
    with capsys.disabled():
        lines = [f"\n{len(made)} mutated files of {len({one.kind for one in made})} kinds, {len(misses)} misses"]
        lines += [f"  {one.kind}, {one.fault}: {one.where} was called {got}" for one, got in misses]
        sys.stdout.write("\n".join(lines) + "\n")
    assert len(made) >= 100
    assert len(misses) <= 0.05 * len(made)


def test_the_samples_are_sound_and_of_every_kind() -> None:
    kinds = set(samples())
    assert {"tDCS", "HD-tDCS", "tACS", "tRNS", "otDCS", "tPCS", "TI"} <= kinds
    assert {"TMS iTBS", "TMS cTBS", "TMS repetitive"} <= kinds


@pytest.mark.parametrize("fault", ["misspelt key", "a thousand times", "train too long", "another modality"])
def test_every_kind_of_fault_is_among_the_mutants(fault: str) -> None:
    assert fault in {one.fault for one in mutants()}
