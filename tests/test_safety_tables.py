"""Tables of limits: every cell as the evidence has it, the strict look-up, and what lies beyond a table."""

import json
import math

import pytest

from stimplan.errors import InputError
from stimplan.resources import data_path
from stimplan.safety import load_rules

RULES = {rule.id: rule for rule in load_rules().rules}
RATE, PERCENT = "pulse_rate_Hz", "threshold_intensity_fraction"

# typed from safety evidence 1.1 and 1.2, part B; > marks the longest that was tested
W98 = {
    1: (">1800", ">1800", ">1800", ">360", ">50"),
    5: (">10", ">10", ">10", ">10", ">10"),
    10: (">5", ">5", ">5", "4.2", "2.9"),
    20: ("2.05", "2.05", "1.6", "1.0", "0.55"),
    25: ("1.28", "1.28", "0.84", "0.4", "0.24"),
}
C97 = {
    1: (">270", ">270", ">180", "50"),
    5: ("10", "10", "10", "10"),
    10: ("5", "5", "3.2", "2.2"),
    20: ("1.5", "1.2", "0.8", "0.4"),
    25: ("1.0", "0.7", "0.3", "0.2"),
}
TABLES = {"TMS-TRAIN-W98": (W98, (90, 100, 110, 120, 130)), "TMS-TRAIN-C97": (C97, (100, 110, 120, 130))}
CELLS = [
    (rule_id, rate, percent, float(cell.lstrip(">")), cell.startswith(">"))
    for rule_id, (rows, columns) in TABLES.items()
    for rate, cells in rows.items()
    for percent, cell in zip(columns, cells, strict=True)
]
RAPID2 = {  # evidence 1.5: 63000 / J, rounded down, and the highest frequency
    "DEV-RAPID2-ON": (1000, 694.5, 510.5, 390.8, 250),
    "DEV-RAPID2-FMAX-0": (30, 25, 20, 18, 15),
    "DEV-RAPID2-FMAX-1": (50, 45, 40, 35, 25),
    "DEV-RAPID2-FMAX-2": (97, 80, 68, 57, 41),
}


def train(rule_id, duration_s, rate_Hz, percent):
    given = {"train_duration_s": duration_s, RATE: rate_Hz, PERCENT: percent, "is_conventional": 1.0}
    return RULES[rule_id].in_profile("research-ifcn2021").judgement(given.get)


@pytest.mark.parametrize(("rule_id", "rate", "percent", "limit", "is_censored"), CELLS)
def test_a_cell_holds_at_its_limit_and_breaks_one_ulp_past_it(rule_id, rate, percent, limit, is_censored):
    at = train(rule_id, limit, rate, percent / 100)
    past = train(rule_id, math.nextafter(limit, math.inf), rate, percent / 100)
    assert (at.outcome, past.outcome) == ("holds", "broken")
    assert (past.is_censored, past.is_beyond) == (is_censored, False)
    assert past.must.limits == (limit,)
    assert past.severity == ("warn" if is_censored and rate == 1 else "justify")


@pytest.mark.parametrize(("rule_id", "rate", "percent", "limit", "_"), CELLS)
def test_just_above_a_row_or_a_column_the_next_one_holds(rule_id, rate, percent, limit, _):
    rows, columns = TABLES[rule_id]
    rates = list(rows)
    above = {25: None}.get(rate, rates[min(rates.index(rate) + 1, 4)])
    faster = train(rule_id, limit, math.nextafter(rate, math.inf), percent / 100)
    if above is None:
        assert faster.is_beyond and faster.outcome == "broken" and faster.severity == "justify"
    else:
        assert faster.must.limits == (float(rows[above][columns.index(percent)].lstrip(">")),)
    stronger = train(rule_id, limit, rate, math.nextafter(percent / 100, math.inf))
    if percent == 130:
        assert stronger.is_beyond and stronger.outcome == "broken" and stronger.severity == "justify"
    else:
        assert stronger.must.limits == (float(rows[rate][columns.index(percent) + 1].lstrip(">")),)


@pytest.mark.parametrize("rule_id", TABLES)
@pytest.mark.parametrize(
    ("rate", "percent", "row", "column"), [(18, 1.15, 20, 120), (0.3, 0.5, 1, 0), (6, 1.3, 10, 130)]
)
def test_the_next_higher_row_and_column_are_taken(rule_id, rate, percent, row, column):
    rows, columns = TABLES[rule_id]
    cell = rows[row][columns.index(column) if column else 0]
    assert train(rule_id, 0.1, rate, percent).must.limits == (float(cell.lstrip(">")),)


@pytest.mark.parametrize("rule_id", TABLES)
@pytest.mark.parametrize("nothing", [None, math.nan])
def test_what_is_not_known_is_not_looked_up(rule_id, nothing):
    assert train(rule_id, nothing, 10, 1.2).outcome == "unknown"
    assert train(rule_id, 1.0, nothing, 1.2).outcome == "unknown"
    assert train(rule_id, 1.0, 10, nothing).outcome == "unknown"


@pytest.mark.parametrize("rule_id", [*TABLES, "TI-I", "DEV-RAPID2-ON"])
def test_a_table_is_asked_with_one_number_an_axis(rule_id):
    table = RULES[rule_id].table
    numbers = tuple(axis.values[0] for axis in table.axes)
    assert table.find(numbers)[0] == table.cells[0][0]
    for wrong in (numbers[1:], (*numbers, 1.0)):
        with pytest.raises((ValueError, TypeError)):
            table.find(wrong)


@pytest.mark.parametrize("rule_id", TABLES)
def test_infinite_numbers_break_a_table(rule_id):
    assert train(rule_id, math.inf, 10, 1.2).outcome == "broken"
    assert train(rule_id, 1.0, math.inf, 1.2).outcome == "broken"
    assert train(rule_id, 1.0, 10, math.inf).outcome == "broken"


def test_the_second_table_is_the_first_less_a_quarter_where_it_was_derived():
    # the factor was read in the abstract; it pins the recalled cells from 10 Hz on
    for rate in (10, 20, 25):
        for column, percent in enumerate((100, 110, 120, 130)):
            first = W98[rate][column + 1]
            if not first.startswith(">"):
                assert float(C97[rate][column]) == pytest.approx(0.75 * float(first), abs=0.08), (rate, percent)


@pytest.mark.parametrize("rule_id", RAPID2)
def test_the_device_tables_are_looked_up_at_the_next_higher_output(rule_id):
    rule = RULES[rule_id]
    known = {condition.quantity: 1.0 for condition in rule.applies_if}
    for output, limit in zip((0.5, 0.6, 0.7, 0.8, 1.0), RAPID2[rule_id], strict=True):
        at = {**known, "output_fraction": output, rule.must.quantity: limit}
        past = {**at, rule.must.quantity: math.nextafter(limit, math.inf)}
        below = {**at, "output_fraction": output - 0.05}
        assert rule.judge(at.get) == "holds" and rule.judge(past.get) == "broken"
        assert rule.judgement(below.get).must.limits == (limit,)
    assert rule.judgement({**known, "output_fraction": 1.01, rule.must.quantity: 1.0}.get).is_beyond
    assert rule.judge({**known, "output_fraction": None, rule.must.quantity: 1.0}.get) == "skipped"


def test_the_energies_behind_the_pulses_per_minute_are_those_of_the_evidence():
    for joule, limit in zip((63.0, 90.7, 123.4, 161.2, 252.0), RAPID2["DEV-RAPID2-ON"], strict=True):
        assert 0 <= 63000 / joule - limit < 0.1


@pytest.mark.parametrize(
    ("carrier_Hz", "limit_mA"),
    [(100, 7), (2000, 7), (2500, 7), (3000, 8.4), (3750, 10.5), (4000, 11.2), (5000, 14), (5001, 14), (50000, 14)],
)
def test_the_current_of_temporal_interference_rises_with_the_carrier(carrier_Hz, limit_mA):
    def judge(current_A, carrier=carrier_Hz):
        return RULES["TI-I"].judgement({"electrode_current_size_A": current_A, "electrode_carrier_Hz": carrier}.get)

    (limit,) = judge(0.0).must.limits
    assert limit == pytest.approx(limit_mA / 1000, rel=1e-12)
    assert judge(limit).outcome == "holds" and judge(math.nextafter(limit, 1)).outcome == "broken"
    assert judge(0.001, None).outcome == judge(0.001, math.nan).outcome == "unknown"


# --- broken tables ----------------------------------------------------------------------------------------------


def tree_with(changes, rule_id="TMS-TRAIN-W98", *, table=None):
    tree = json.loads(data_path("safety", "rules", "tms.json").read_text(encoding="utf-8"))
    (rule,) = [rule for rule in tree["rules"] if rule["id"] == rule_id]
    rule.update(changes)
    rule["table"].update(table or {})
    return {**tree, "rules": [rule]}


def problems(tmp_path, tree):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_rules(path)
    return "\n".join(map(str, caught.value.problems))


AXIS = {"quantity": RATE, "display_unit": "Hz", "values": [1, 5, 10, 20, 25]}
CELL = [">1800", ">1800", ">1800", ">360", ">50"]


@pytest.mark.parametrize(
    ("changes", "table", "what"),
    [
        ({"limit": 4}, {}, "has the limit null"),
        ({"op": "between"}, {}, "has the limit null"),
        ({}, {"lookup": "nearest"}, "is not one of next_higher, linear"),
        ({}, {"lookup": "linear"}, "a linear table has one column"),
        ({}, {"rows": {**AXIS, "quantity": "happiness"}}, "is not one of"),
        ({}, {"rows": {**AXIS, "display_unit": "s"}}, "is not a unit of"),
        ({}, {"rows": {**AXIS, "values": [1, 5, 20, 10, 25]}}, "rising"),
        ({}, {"rows": {**AXIS, "values": [1, 5, 5, 20, 25]}}, "rising"),
        ({}, {"rows": {**AXIS, "values": []}}, "list of numbers"),
        ({}, {"rows": {**AXIS, "values": [1, 5, "10", 20, 25]}}, "list of numbers"),
        ({}, {"rows": {**AXIS, "surprise": 1}}, "unknown key"),
        ({}, {"columns": None}, "one cell a column"),
        ({}, {"cells": [CELL] * 4}, "one row of cells a row"),
        ({}, {"cells": [CELL] * 4 + [CELL[:4]]}, "one cell a column"),
        ({}, {"cells": [CELL] * 4 + [[*CELL[:4], "<5"]]}, "expected cells such as"),
        ({}, {"cells": [CELL] * 4 + [[*CELL[:4], 5]]}, "expected cells such as"),
        ({}, {"cells": [CELL] * 4 + [[]]}, "expected cells such as"),
        ({}, {"cells": [CELL] * 4 + ["5"]}, "expected cells such as"),
        ({}, {"censored_rows": {"2": "warn"}}, "is not a row of the table"),
        ({}, {"censored_rows": {"one": "warn"}}, "is not a row of the table"),
        ({}, {"censored_rows": {">1": "warn"}}, "is not a row of the table"),
        ({}, {"rows": None}, "has the wrong type"),
        ({}, {"censored_rows": {"1": "fine"}}, "is not one of"),
        ({}, {"message": {"censored": "x"}}, "is missing"),
        ({"profiles": {}}, {}, "at least one profile"),
        ({"profiles": {"nobody": "warn"}}, {}, "is not one of"),
        ({"profiles": {"conservative": "fine"}}, {}, "is not one of"),
        ({"message": {"holds": "{row}", "broken": "{rows}"}}, {}, "unknown placeholder {rows}"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, changes, table, what):
    assert what in problems(tmp_path, tree_with(changes, table=table))


def test_a_fault_of_a_table_is_not_taken_for_one_of_the_messages_that_speak_of_it(tmp_path):
    told = problems(tmp_path, tree_with({}, table={"rows": {**AXIS, "values": []}}))
    assert "list of numbers" in told and "unknown placeholder" not in told


def test_row_and_column_belong_to_rules_with_a_table(tmp_path):
    tree = tree_with({})
    tree["rules"][0].update(table=None, limit=4, message={"holds": "{row}", "broken": "{column}"}, test_vectors=[])
    assert "unknown placeholder {row}" in problems(tmp_path, tree)


def test_a_table_that_is_sound_is_read(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(tree_with({})), encoding="utf-8")
    (rule,) = load_rules(path).rules
    assert rule.table == RULES["TMS-TRAIN-W98"].table
