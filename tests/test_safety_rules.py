"""Every shipped rule, one by one: at its limit, past it, without a number, and with a wrong limit or operator."""

import json
import math
import re
from pathlib import Path

import attrs
import jsonschema
import pytest

from stimplan.errors import InputError, ResourceError
from stimplan.resources import data_path
from stimplan.safety import load_rules, loading
from stimplan.safety.loading import BASES
from stimplan.safety.quantities import QUANTITIES
from stimplan.safety.rules import Statement
from stimplan.safety.values import NOTICE
from stimplan.units import _TO_SI, from_si, si_key, to_si

RULES = load_rules().rules
WITH_LIMIT = [rule for rule in RULES if rule.must.limits]
FILE = data_path("safety", "rules", "tes.json")
FILES = sorted(data_path("safety", "rules").glob("*.json"))
DC_I = [rule.id for rule in load_rules(FILE).rules].index("TES-DC-I")
FLIPS = {"<=": ("<", ">=", ">"), "<": ("<=", ">", ">="), ">=": (">", "<=", "<"), ">": (">=", "<", "<=")}


def judge(rule, value):
    """Outcome for a value of the rule's own quantity, where all its conditions are met."""
    given = {}
    for condition in rule.applies_if:
        step = {"<": -1e-3, ">": 1.0, "known": 1.0}.get(condition.op, 0.0)
        given[condition.quantity] = (condition.limits or (0.0,))[0] + step
    for axis in rule.table.axes if rule.table else ():
        given[axis.quantity] = axis.values[0]
    given[rule.must.quantity] = value
    return rule.judge(given.get)


def outcomes(rule):
    return [rule.judge(dict(vector.given).get) for vector in rule.vectors]


def unit_of(statement):
    """One display unit in SI."""
    return to_si(1, statement.display_unit) if statement.display_unit else 1.0


def with_must(rule, **changes):
    return attrs.evolve(rule, must=attrs.evolve(rule.must, **changes))


def ids(rules):
    return {"argvalues": rules, "ids": [rule.id for rule in rules]}


@pytest.mark.parametrize("rule", **ids(RULES))
def test_every_vector_of_a_rule_has_the_outcome_it_promises(rule):
    assert outcomes(rule) == [vector.expect for vector in rule.vectors]


@pytest.mark.parametrize("rule", **ids(WITH_LIMIT))
def test_a_rule_holds_at_its_limit_and_breaks_one_ulp_past_it(rule):
    for number, limit in enumerate(rule.must.limits):
        is_lower = rule.must.op in (">=", ">") or (rule.must.op == "between" and number == 0)
        past = math.nextafter(limit, -math.inf if is_lower else math.inf)
        inside = math.nextafter(limit, math.inf if is_lower else -math.inf)
        is_strict = rule.must.op in ("<", ">")
        assert judge(rule, limit) == ("broken" if is_strict else "holds")
        assert judge(rule, past) == "broken"
        assert judge(rule, inside) == "holds"


@pytest.mark.parametrize("rule", **ids(RULES))
def test_a_rule_never_passes_what_is_not_a_finite_number(rule):
    assert judge(rule, math.nan) == "unknown"
    assert judge(rule, math.inf) == "broken"
    assert judge(rule, -math.inf) == "broken"
    is_own = any(c.op == "known" and c.quantity == rule.must.quantity for c in rule.applies_if)
    assert judge(rule, None) == ("skipped" if is_own else "unknown")


@pytest.mark.parametrize(
    ("value", "badness"), [(0.25, 0.75), (1.0, 0.0), (1.5, -0.5), (4.0, -1.0), (5.0, 0.0), (7.0, 2.0)]
)
def test_between_two_limits_the_worse_value_is_the_further_one_outside(value, badness):
    assert Statement("train_duration_s", "between", (1.0, 5.0), "s").badness(value) == badness


@pytest.mark.parametrize("rule", **ids(RULES))
@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_no_statement_holds_for_what_is_not_finite(rule, nothing):
    assert rule.must.holds(nothing) is False
    assert [condition.holds(nothing) for condition in rule.applies_if] == [False] * len(rule.applies_if)


@pytest.mark.parametrize("rule", **ids([rule for rule in RULES if rule.applies_if]))
@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_condition_that_cannot_be_decided_never_excuses(rule, nothing):
    given = {condition.quantity: nothing for condition in rule.applies_if}
    given |= {
        axis.quantity: given.get(axis.quantity, axis.values[0]) for axis in (rule.table.axes if rule.table else ())
    }
    given[rule.must.quantity] = given.get(rule.must.quantity, rule.must.limits[0] if rule.must.limits else 1.0)
    is_known = [condition.op == "known" for condition in rule.applies_if]
    assert rule.judge(given.get) == ("skipped" if any(is_known) and nothing is None else "unknown")


@pytest.mark.parametrize("rule", **ids(WITH_LIMIT))
def test_a_limit_that_is_a_thousandth_off_is_caught_by_a_vector(rule):
    expected = [vector.expect for vector in rule.vectors]
    for number, limit in enumerate(rule.must.limits):
        for factor in (0.999, 1.001):
            # nothing is a thousandth of zero: there a thousandth of the display unit is added
            wrong = limit * factor if limit else (factor - 1) * unit_of(rule.must)
            limits = tuple(wrong if i == number else other for i, other in enumerate(rule.must.limits))
            assert outcomes(with_must(rule, limits=limits)) != expected, (limits, "goes unnoticed")


def other_units(suffix, *, is_same_kind):
    """Other suffixes of files whose SI unit is the same, or another."""
    kind = si_key(f"x_{suffix}") if suffix else ""
    return [name for name in _TO_SI if name != suffix and (si_key(f"x_{name}") == kind) == is_same_kind]


@pytest.mark.parametrize("rule", **ids([rule for rule in WITH_LIMIT if rule.must.display_unit]))
def test_a_limit_in_the_wrong_unit_is_caught_by_a_vector(rule):
    expected = [vector.expect for vector in rule.vectors]
    numbers = [from_si(limit, rule.must.display_unit) for limit in rule.must.limits]
    for suffix in other_units(rule.must.display_unit, is_same_kind=True):
        limits = tuple(to_si(number, suffix) for number in numbers)
        if limits != rule.must.limits:  # mA/cm² and 10 A/m² are one unit by two names only where their factor is
            assert outcomes(with_must(rule, limits=limits)) != expected, (suffix, "goes unnoticed")


@pytest.mark.parametrize("rule", **ids([rule for rule in WITH_LIMIT if rule.must.display_unit]))
def test_a_value_in_the_wrong_unit_does_not_get_the_answer_of_the_right_one(rule):
    for number, limit in enumerate(rule.must.limits):
        is_lower = rule.must.op in (">=", ">") or (rule.must.op == "between" and number == 0)
        written = from_si(limit, rule.must.display_unit)
        for suffix in other_units(rule.must.display_unit, is_same_kind=True):
            value = to_si(written, suffix)
            if (value < limit) if is_lower else (value > limit):
                assert judge(rule, value) == "broken", (suffix, "passes")


@pytest.mark.parametrize("rule", **ids(RULES))
def test_a_unit_of_another_kind_is_refused_when_the_rules_are_read(tmp_path, rule):
    (tree,) = [
        json.loads(file.read_text(encoding="utf-8")) for file in FILES if f'"id": "{rule.id}"' in file.read_text()
    ]
    (raw,) = [one for one in tree["rules"] if one["id"] == rule.id]
    suffix = other_units(rule.must.display_unit, is_same_kind=False)[0]
    found = problems_of(tmp_path, {**tree, "rules": [{**raw, "display_unit": suffix}]})
    assert any("is not a unit of" in problem for problem in found), found


@pytest.mark.parametrize("rule", **ids([rule for rule in WITH_LIMIT if rule.must.op != "between"]))
def test_a_wrong_operator_is_caught_by_a_vector(rule):
    expected = [vector.expect for vector in rule.vectors]
    for op in FLIPS[rule.must.op]:
        assert outcomes(with_must(rule, op=op)) != expected, (op, "goes unnoticed")


@pytest.mark.parametrize("rule", **ids([rule for rule in RULES if any(c.limits for c in rule.applies_if)]))
def test_a_wrong_condition_is_caught_by_a_vector(rule):
    expected = [vector.expect for vector in rule.vectors]
    for number, condition in enumerate(rule.applies_if):
        wrong = [attrs.evolve(condition, op=op) for op in FLIPS.get(condition.op, ())]
        for end, limit in enumerate(condition.limits):
            step = limit * 1e-3 or (to_si(1, condition.display_unit) * 1e-3 if condition.display_unit else 1.0)
            step = step if condition.display_unit else 1.0  # a count is wrong by one
            for moved in (limit + step, limit - step):
                limits = tuple(moved if i == end else other for i, other in enumerate(condition.limits))
                wrong.append(attrs.evolve(condition, limits=limits))
        for other in wrong:
            conditions = tuple(other if i == number else c for i, c in enumerate(rule.applies_if))
            assert outcomes(attrs.evolve(rule, applies_if=conditions)) != expected, (other, "goes unnoticed")
    assert outcomes(attrs.evolve(rule, applies_if=())) != expected


@pytest.mark.parametrize("rule", **ids(RULES))
def test_a_rule_names_its_source(rule):
    citation = rule.citation
    assert len(citation.text) > 15
    assert citation.locator
    assert citation.doi is None or re.fullmatch(r"10\.\d{4,9}/\S+", citation.doi)
    if citation.access == "read":
        assert citation.quote
    if citation.verified_by:
        assert citation.access == "read"
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d", citation.verified_on)
        assert len(citation.quote.split()) <= 40
    if rule.basis in ("observed_envelope", "guideline_text", "animal_threshold", "consensus_table"):
        assert citation.doi or "PMC" in citation.locator


@pytest.mark.parametrize("rule", **ids([rule for rule in WITH_LIMIT if rule.citation.access != "recalled"]))
def test_the_quote_of_a_source_contains_the_limit(rule):
    number = rule.must.limit_text.split(" ")[0]
    is_house = rule.severity == "block" or (rule.citation.doi is None and rule.basis == "local_policy")
    is_count_of_one = not rule.must.display_unit and rule.must.limits[0] <= 1  # "there is one", "there is none"
    if is_house or is_count_of_one or rule.citation.quote is None or "derived" in rule.citation.locator:
        assert rule.citation.access != "read" or rule.citation.quote
        return
    assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", rule.citation.quote.replace(",", ""))


@pytest.mark.parametrize("rule", **ids(RULES))
def test_no_text_of_a_rule_promises_safety(rule):
    texts = [rule.title, rule.rationale, rule.message_holds, rule.message_broken, rule.population]
    texts += [rule.table.message_censored, rule.table.message_no_cell] if rule.table else []
    for text in texts:
        assert not re.search(
            r"\b(un)?safe(ly)?\b|\bapproved?\b|\bguarantee|harmless|no risk|\bcleared\b", text, re.I
        ), text
        assert text[-1] in ".!" or text in (rule.title, rule.population), text


def test_no_note_and_no_notice_promises_safety():
    for text in [NOTICE, *(note.text for note in load_rules().not_judged)]:
        assert not re.search(r"\b(un)?safe(ly)?\b|\bapproved?\b", text, re.I), text


@pytest.mark.parametrize("rule", **ids([rule for rule in RULES if rule.severity != "info" and rule.citation.doi]))
def test_a_broken_rule_asks_for_a_review(rule):
    assert "eview" in rule.message_broken
    if rule.table:
        assert "eview" in rule.table.message_censored and "eview" in rule.table.message_no_cell


@pytest.mark.parametrize("rule", **ids([rule for rule in RULES if rule.basis == "animal_threshold"]))
def test_an_animal_threshold_is_never_shown_as_a_limit_for_people(rule):
    assert rule.severity in ("warn", "info")
    assert re.search(r"animal|rats", rule.message_holds)
    assert re.search(r"animal|rats", rule.message_broken)


def test_ids_are_unique_and_bases_are_of_the_vocabulary():
    names = [rule.id for rule in RULES]
    assert len(set(names)) == len(names)
    assert {rule.basis for rule in RULES} <= set(BASES)


def test_every_quantity_says_what_it_is_and_ends_in_its_unit():
    for name, quantity in QUANTITIES.items():
        assert name == quantity.name
        assert not quantity.unit or name.endswith(f"_{quantity.unit}")
        assert quantity.scope == "field" or quantity.measure.__doc__
    assert {rule.must.quantity for rule in RULES} <= set(QUANTITIES)


# --- the files ------------------------------------------------------------------------------------------------


def validator():
    schema = json.loads(data_path("safety", "schema", "rule-2.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_shipped_file_fits_its_schema(file):
    assert list(validator().iter_errors(json.loads(file.read_text(encoding="utf-8")))) == []


def write(tmp_path, tree) -> Path:
    path = tmp_path / "rules.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
    return path


def problems_of(tmp_path, tree):
    with pytest.raises(InputError) as caught:
        load_rules(write(tmp_path, tree))
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def tree():
    return json.loads(FILE.read_text(encoding="utf-8"))


def first(tree, **changes):
    tree["rules"][DC_I].update(changes)
    return tree


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"limit": None}, "takes 1 number"),
        ({"limit": "4"}, "takes 1 number"),
        ({"limit": [1, 2]}, "takes 1 number"),
        ({"limit": True}, "takes 1 number"),
        ({"limit": 10**400}, "takes 1 number"),
        ({"op": "~"}, "is not one of"),
        ({"op": "known", "limit": None}, "conditions only"),
        ({"op": "report", "limit": None}, "severity info"),
        ({"severity": "danger"}, "is not one of"),
        ({"basis": "feeling"}, "is not one of"),
        ({"unit": "mA"}, "is not the SI unit"),
        ({"display_unit": "min"}, "is not a unit of"),
        ({"display_unit": "milliampere"}, "is not a unit of"),
        ({"quantity": "happiness_A"}, "is not one of"),
        ({"title": " "}, "is empty"),
        ({"censored": 1}, "wrong type"),
        ({"modality": []}, "at least one name"),
        ({"modality": [1]}, "at least one name"),
        ({"modality": [""]}, "at least one name"),
        ({"surprise": 1}, "unknown key"),
        ({"message": {"holds": "{value}", "broken": "{whatever}"}}, "unknown placeholder {whatever}"),
        ({"message": {"holds": "{value}", "broken": "{value"}}, "expected '}'"),
        ({"message": {"holds": "{value}"}}, "is missing"),
        ({"test_vectors": [{"given": {"x_A": 1}, "expect": "holds", "note": ""}]}, "does not look at"),
        ({"test_vectors": [{"given": {"total_current_A": "x"}, "expect": "holds", "note": ""}]}, "number or null"),
        ({"test_vectors": [{"given": {}, "expect": "fine", "note": ""}]}, "is not one of"),
        ({"applies_if": [{"quantity": "total_current_A", "op": "<", "limit": 1}]}, "is missing"),
        ({"applies_if": "always"}, "wrong type"),
    ],
)
def test_a_broken_rule_is_refused(tmp_path, tree, changes, what):
    problems = problems_of(tmp_path, first(tree, **changes))
    assert any(what in problem and f"$.rules[{DC_I}]" in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"doi": "doi:10.1016/j.brs.2016.06.004"}, "is not a DOI"),
        ({"doi": None, "locator": "abstract"}, "needs a DOI"),
        ({"verified_on": None}, "belong together"),
        ({"verified_on": "yesterday"}, "expected a date"),
        ({"access": "recalled"}, "only a source that was read"),
        ({"quote": None}, "only a source that was read"),
        ({"access": "heard"}, "is not one of"),
    ],
)
def test_a_broken_citation_is_refused_by_loader_and_schema(tmp_path, tree, changes, what):
    tree["rules"][DC_I]["citation"].update(changes)
    assert any(what in problem for problem in problems_of(tmp_path, tree))
    if what != "needs a DOI":  # the schema does not know which bases are published ones
        assert list(validator().iter_errors(tree))


def test_all_problems_of_a_file_are_listed_at_once(tmp_path, tree):
    tree["rules"][0]["severity"] = "x"
    tree["rules"][1]["surprise"] = 1
    tree["rules"][2]["citation"]["doi"] = "nonsense"
    del tree["version"]
    problems = problems_of(tmp_path, tree)
    assert len(problems) == 1  # without a version nothing below can be trusted
    tree["version"] = "1.0.0"
    problems = problems_of(tmp_path, tree)
    assert [sum(f"$.rules[{i}]" in problem for problem in problems) for i in range(3)] == [1, 1, 1]


def test_two_rules_with_one_id_are_refused(tmp_path, tree):
    tree["rules"].append(tree["rules"][0])
    assert any("id of another rule" in problem for problem in problems_of(tmp_path, tree))
    with pytest.raises(InputError, match="id of another rule"):
        load_rules([FILE, FILE])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_limit_that_is_not_a_number_is_refused(tmp_path, tree, word):
    text = json.dumps(first(tree, limit="LIMIT")).replace('"LIMIT"', word)
    assert problems_of(tmp_path, text)


def test_a_key_that_is_there_twice_is_refused(tmp_path, tree):
    text = json.dumps(tree).replace('"op":', '"op": "<=", "op":', 1)
    assert any("more than once" in problem for problem in problems_of(tmp_path, text))


def test_a_file_that_is_no_json_or_not_there_is_refused(tmp_path):
    assert any("not JSON" in problem for problem in problems_of(tmp_path, "{"))
    assert any("expected an object" in problem for problem in problems_of(tmp_path, "[]"))
    with pytest.raises(InputError, match="no such file"):
        load_rules(tmp_path / "nowhere.json")


def test_a_damaged_installation_is_told_with_every_fault(tmp_path, monkeypatch, tree):
    tree["rules"][0]["severity"] = tree["rules"][1]["basis"] = "x"
    (tmp_path / "rules").mkdir()
    write(tmp_path / "rules", tree)
    monkeypatch.setattr(loading, "data_path", lambda *parts: tmp_path / "rules")
    with pytest.raises(ResourceError, match=r"(?s)rules are broken\n.*\$\.rules\[0\]\.severity.*\$\.rules\[1\]\.basis"):
        loading._shipped_rules.__wrapped__()


def test_a_file_without_rules_loads_as_an_empty_set(tmp_path, tree):
    assert load_rules(write(tmp_path, {**tree, "rules": []})).rules == ()


def test_the_digest_changes_with_every_word_and_number(tmp_path, tree):
    before = load_rules().digest
    assert load_rules(FILES).digest == before
    tree["rules"][DC_I]["rationale"] += " "
    assert load_rules(write(tmp_path, tree)).digest != before


def test_rules_nobody_compared_with_their_source_can_be_listed():
    unverified = load_rules().unverified
    assert "TES-J-0.08" in unverified
    assert "TES-DC-I" not in unverified
