"""Whatever is thrown at the reader, it answers with a protocol or with its own error."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from test_protocol_broken import good
from test_protocol_kinds_broken import KINDS

from stimplan.errors import ProtocolError
from stimplan.protocol import read_protocol

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["C3", "tDCS", "ring", "circle", "saline_sponge", "hd-ring-12", 1e300, -1e-300, 10**90])
)
JSON = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["type", "site", "mni_mm", "label"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of a tree but its root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, item in children:
        found += places(item, (*path, key))
    return found


SAMPLES = [make() for make in (good, *KINDS)]


def changes_of(tree: Any) -> st.SearchStrategy[list[tuple[Any, Any]]]:
    return st.lists(st.tuples(st.sampled_from(places(tree)), JSON), min_size=1, max_size=3)


CHANGED = st.one_of([st.tuples(st.just(tree), changes_of(tree)) for tree in SAMPLES])


@settings(max_examples=600, deadline=None)
@given(CHANGED, st.booleans())
def test_any_value_anywhere_is_read_or_refused_with_a_place(changed: tuple[Any, Any], is_text: bool) -> None:
    tree, changes = copy.deepcopy(changed[0]), changed[1]
    for path, value in changes:
        node: Any = tree
        try:
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = value
        except (TypeError, LookupError):  # an earlier change took this place away
            continue
    try:
        read_protocol(json.dumps(tree) if is_text else tree)
    except ProtocolError as error:
        assert error.problems
        assert all(problem.where.startswith("$") and problem.what for problem in error.problems)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text().map(lambda text: "{" + text))
def test_any_text_is_refused_politely(text: str) -> None:
    try:
        read_protocol(text)
    except ProtocolError as error:
        assert str(error)
