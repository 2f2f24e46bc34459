"""The quick yes of `fits` is that of jsonschema, for the shipped schemas and for schemas made at random."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_protocol_mutated import at, faults, leaves, samples
from test_subject import FULL

from stimplan import strict_json
from stimplan.protocol import schema_check, schema_fit
from stimplan.protocol.schema_check import schema_faults
from stimplan.protocol.schema_fit import fits
from stimplan.protocol.schemas import known_versions, schema
from stimplan.resources import data_path

SUBJECT = json.loads(data_path("safety", "schema", "subject-1.schema.json").read_text(encoding="utf-8"))
SITE = json.loads(data_path("safety", "schema", "site-policy-1.schema.json").read_text(encoding="utf-8"))
PROTOCOLS = [schema(version) for version in known_versions()]
POLICY = {
    "schema_version": 1, "site": "Ward 3", "profile": "conservative",
    "changes": [{"rule": "TES-ITV", "direction": "stricter", "limit": 36, "display_unit": "h",
                 "reason": "people come from far", "name": "Dr A. Example", "date": "2026-02-01"}],
}  # fmt: skip
SOUND = [(tree, PROTOCOLS[-1]) for tree in samples().values()] + [(FULL, SUBJECT), (POLICY, SITE)]
ODD = (None, True, False, 0, 1, -1, 2, 5.5, 1e6, "", " ", "x", "1", "active", [], [1], ["a"], {}, {"a": 1}, "x" * 3000)


def is_valid(tree, schema) -> bool:
    """What jsonschema says, with the numbers of a strict file."""
    return schema_check._validator_class()(schema).is_valid(tree)


def strict(tree):
    return strict_json.from_mapping({"tree": tree}).tree["tree"]


def damaged(tree, random_source):
    """A tree with one to three values taken out, put in or replaced."""
    new = copy.deepcopy(tree)
    for _ in range(random_source.randint(1, 3)):
        path, _ = random_source.choice(list(leaves(new)))
        parent, value = at(new, path[:-1]), copy.deepcopy(random_source.choice(ODD))
        match random_source.randint(0, 3):
            case 0:
                del parent[path[-1]]
            case 1 if isinstance(parent, dict):
                parent[random_source.choice(["type", "note", "extra", "label"])] = value
            case 2 if isinstance(parent, list):
                parent.append(value)
            case _:
                parent[path[-1]] = value
    return new


@pytest.mark.parametrize("number", range(len(SOUND)))
def test_sound_files_of_every_kind_fit_without_the_library(number, monkeypatch):
    monkeypatch.setattr(schema_check, "_validator_class", lambda: pytest.fail("jsonschema was asked"))
    tree, one = SOUND[number]
    assert schema_faults(strict(tree), one) == []


@pytest.mark.parametrize("number", range(len(SOUND)))
def test_every_single_fault_is_judged_as_jsonschema_does(number):
    tree, one = SOUND[number]
    for _, _, broken in list(faults(tree))[::7] if one is PROTOCOLS[-1] else ():
        found = strict(broken)
        assert fits(found, one) == is_valid(found, one)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(range(len(SOUND))))
def test_damaged_files_are_judged_as_jsonschema_does(source, number):
    tree, one = SOUND[number]
    found = strict(damaged(tree, source))
    for judged in {id(each): each for each in (one, *PROTOCOLS, SUBJECT)}.values():
        assert fits(found, judged) == is_valid(found, judged)


# schemas made at random from the same words

NUMBERS = st.one_of(st.integers(-3, 3), st.decimals("-3", "3", places=1), st.sampled_from([Decimal("1.0"), Decimal(2)]))
WORDS = st.sampled_from(["a", "b", "c", "ab", "", " "])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.just(strict_json.Refused("no"))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
TYPES = st.sampled_from(sorted(schema_fit._IS_OF_TYPE))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), WORDS)


def _schemas(inner):
    return st.fixed_dictionaries({}, optional={
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "const": SCALARS, "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "pattern": st.sampled_from(["^a", "b$", r"\S"]), "maxLength": st.integers(0, 2),
        "minimum": st.integers(-2, 2), "maximum": st.integers(-2, 2), "exclusiveMinimum": st.integers(-2, 2),
        "minItems": st.integers(0, 2), "maxItems": st.integers(0, 2), "items": inner,
        "required": st.lists(WORDS, max_size=2, unique=True), "properties": st.dictionaries(WORDS, inner, max_size=2),
        "additionalProperties": inner, "allOf": st.lists(inner, min_size=1, max_size=2), "not": inner,
        "if": inner, "then": inner, "else": inner, "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
        "description": WORDS,
    })  # fmt: skip


SCHEMAS = st.recursive(st.one_of(st.booleans(), _schemas(st.booleans())), _schemas, max_leaves=6)
LEAF = _schemas(st.booleans()).map(lambda one: {key: item for key, item in one.items() if key != "$ref"})


@settings(max_examples=500, deadline=None)
@given(VALUES, _schemas(SCHEMAS), LEAF, LEAF)
def test_random_schemas_are_understood_as_jsonschema_does(value, made, one, two):
    whole = {**made, "$defs": {"one": one, "two": two}}
    assert fits(value, whole) == is_valid(value, whole)


def test_the_random_schemas_use_every_word_and_the_shipped_ones_no_other():
    used = set()
    for one in (*PROTOCOLS, SUBJECT, SITE):
        used |= words_of(one)
    known = set(schema_fit._KEYWORDS) | schema_fit._SAYS_NOTHING
    assert used <= known
    assert set(schema_fit._KEYWORDS) == {*PARTS} - {"then", "else", "description"}


PARTS = {
    "type", "const", "enum", "pattern", "maxLength", "minimum", "maximum", "exclusiveMinimum", "minItems", "maxItems",
    "items", "required", "properties", "additionalProperties", "allOf", "not", "if", "then", "else", "$ref",
    "description",
}  # fmt: skip


def words_of(one) -> set[str]:
    """Every keyword of a schema, also below."""
    if not isinstance(one, dict):
        return set()
    found = set(one)
    for word, value in one.items():
        named = value.values() if word in ("properties", "$defs") else value if word == "allOf" else [value]
        if word in ("properties", "$defs", "allOf", "items", "additionalProperties", "not", "if", "then", "else"):
            found |= set().union(*map(words_of, named))
    return found


@pytest.mark.parametrize(
    "one",
    [{"uniqueItems": True}, {"const": [1]}, {"enum": [{}]}, {"$ref": "other.json"}, {"not": {"minLength": 9}}],
)
def test_what_is_not_understood_is_never_a_yes_and_is_left_to_jsonschema(one):
    for value in ([], [1], [1, 1], {}, "a"):
        assert not fits(value, one)
    if "$ref" not in one:
        assert bool(schema_faults([1, 1], one)) != is_valid([1, 1], one)


def test_a_whole_check_of_sound_files_never_loads_the_library(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(random.Random(0).choice(SOUND[:-2])[0]), encoding="utf-8")
    (tmp_path / "person.json").write_text(json.dumps({**FULL, "id": "P-0042"}), encoding="utf-8")
    code = (
        "import io, sys; from stimplan.cli import run;"
        "assert run(['check', 'own.json', '--subject', 'person.json'], io.StringIO()) in (0, 3);"
        "print([name for name in ('jsonschema', 'rich', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
