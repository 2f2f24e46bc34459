"""Numbers that only show where somebody looks at them directly: constants of the quantities, words of findings."""

import math
from types import SimpleNamespace

import attrs
import pytest
from people import healthy
from safety_vectors import PAD_35, THRESHOLD, block, interference, itbs, tacs, tdcs, tms, trains

from stimplan.errors import InputError
from stimplan.montage import Layer
from stimplan.protocol import read_protocol
from stimplan.safety import check, load_rules, read_site_policy
from stimplan.safety.quantities import QUANTITIES, Case
from stimplan.safety.rules import Statement


def measure(name, tree, number=0):
    protocol = read_protocol(tree)
    blocks = protocol.stimulation.blocks if protocol.magnetic else ()
    return QUANTITIES[name].measure(Case(protocol, block=blocks[number] if blocks else None))


def test_the_published_theta_burst_does_not_differ_from_itself():
    assert measure("theta_deviation_fraction", tms(itbs(80, "aMT"))) == 0
    assert measure("theta_deviation_fraction", tms(block([(3, 0.02), (200, 0.2)], 80, "aMT"))) == 0
    triplet = {"pulses": 3, "intervals_ms": [20, 20]}
    assert measure("theta_deviation_fraction", tms(block([(200, 0.2)], 80, "aMT", stimulus=triplet))) == 0
    with_a_level_of_one = tms(block([(1, 0.01), (3, 0.02), (10, 0.2), (20, 10)], 80, "aMT"))
    assert measure("theta_deviation_fraction", with_a_level_of_one) == 0


@pytest.mark.parametrize(
    ("patterns", "deviation"),
    [
        ([(4, 0.02), (10, 0.2), (20, 10)], 1 / 3),  # four pulses for three
        ([(3, 0.0125), (10, 0.2), (20, 10)], 0.6),  # 80 Hz for 50 Hz
        ([(3, 0.02), (12, 0.2), (20, 10.4)], 0.2),  # 2.4 s on for 2 s
        ([(3, 0.02), (10, 0.2), (20, 14)], 0.5),  # 12 s off for 8 s
        ([(3, 0.02), (100, 0.25)], 0.2),  # 4 bursts a second for 5
    ],
)
def test_the_difference_from_the_published_theta_burst_is_that_of_its_worst_number(patterns, deviation):
    assert measure("theta_deviation_fraction", tms(block(patterns, 80, "aMT"))) == pytest.approx(deviation, rel=1e-9)


@pytest.mark.parametrize(("interval_ms", "is_four"), [(100, 1), (100.05, 0)])
def test_four_pulses_further_apart_than_a_tenth_of_a_second_are_a_train(interval_ms, is_four):
    tree = tms(block([(9, 5)], 90, "aMT", stimulus={"pulses": 4, "intervals_ms": [interval_ms] * 3}))
    assert measure("is_quadripulse", tree) == is_four


@pytest.mark.parametrize(
    ("measured", "seconds"), [("each-session", 0), ("daily", 86400), ("weekly", 604800), ("once", math.inf)]
)
def test_how_often_a_threshold_is_measured_is_told_in_seconds(measured, seconds):
    tree = tms({**trains(10, 100, 4, 26, 10), "threshold": {**THRESHOLD, "measured": measured}}, sessions=10)
    assert measure("threshold_interval_s", tree) == seconds
    assert measure("threshold_reported", tree) == 1


@pytest.mark.parametrize("measured", ["each-session", "once"])
def test_in_a_single_session_a_threshold_is_measured_for_it_either_way(measured):
    tree = tms({**trains(10, 100, 4, 26, 10), "threshold": {**THRESHOLD, "measured": measured}}, sessions=1)
    assert measure("threshold_interval_s", tree) == 0


@pytest.mark.parametrize(("count", "most"), [(100_000, 600.0), (100_001, None)])
def test_as_many_pulses_as_a_file_may_have_are_looked_through_and_no_more(count, most):
    base = read_protocol(tms(block([(40, 0.1)], 100)))
    one = base.stimulation.blocks[0]
    pattern = attrs.evolve(one.timing.patterns[0], count=count)
    case = Case(base, block=attrs.evolve(one, timing=attrs.evolve(one.timing, patterns=(pattern,))))
    assert QUANTITIES["pulses_in_busiest_minute"].measure(case) == most


def test_one_session_a_day_is_a_day_apart_to_the_second():
    assert measure("session_spacing_s", tdcs(2, 20, PAD_35, sessions=5)) == 86400


@pytest.mark.parametrize(("excess_A", "shown_A"), [(1e-15, 1e-15), (3e-16, 0.0)])
def test_currents_balance_to_the_femtoampere(excess_A, shown_A):
    base = read_protocol(interference((1, 1), (2000, 2010)))
    first, *others = base.electrodes
    two = [attrs.evolve(electrode, channel=1, current_A=0.0) for electrode in others]
    pads = (attrs.evolve(first, channel=1, current_A=excess_A), *two)

    class Loose:
        electrodes, waveform, stimulation = pads, base.waveform, base.stimulation

    assert QUANTITIES["current_imbalance_A"].measure(Case(Loose)) == pytest.approx(shown_A, rel=1e-9, abs=1e-18)


@pytest.mark.parametrize("offset_A", [None, 0.0])
def test_an_offset_that_is_not_there_is_balanced(offset_A):
    pads = [SimpleNamespace(current_A=size, offset_A=offset_A) for size in (0.001, -0.001)]
    protocol = SimpleNamespace(electrodes=pads, waveform=SimpleNamespace(type="oscillating"))
    assert QUANTITIES["current_imbalance_A"].measure(Case(protocol)) == 0


def test_rules_are_read_once():
    assert load_rules() is load_rules()


@pytest.mark.parametrize(("value", "shown"), [(0.5, 1.0), (1.0, 5.0), (3.0, 5.0), (7.0, 5.0), (None, 5.0)])
def test_between_two_limits_the_one_that_was_broken_is_shown_else_the_upper_one(value, shown):
    assert Statement("train_duration_s", "between", (1.0, 5.0), "s").limit_for(value) == shown


def test_a_current_too_small_to_be_meant_names_the_lower_limit():
    (one,) = [f for f in check(read_protocol(tdcs(0.002, 20, PAD_35))).findings if f.rule_id == "TES-DATA-I"]
    assert (one.status, one.limit, one.limit_text) == ("stop", 0.0001, "0.1 mA to 20 mA")


MOST_4_MA = Statement("total_current_A", "<=", (0.004,), "mA")


@pytest.mark.parametrize(
    ("value_A", "text"),
    [
        (0.002 / 3.5, "0.5714 mA"),  # far from the limit: four digits are enough
        (0.004, "4 mA"),
        (0.004000000000001, "4.000000000001 mA"),  # as many digits as show that it is above
        (0.0040000000000001, "4 mA"),  # a difference that no number of a protocol has
        (math.inf, "infinite"),
        (math.nan, ""),
        (None, ""),
    ],
)
def test_a_value_is_written_with_as_many_digits_as_it_takes_to_tell_it_from_its_limit(value_A, text):
    assert MOST_4_MA.value_text(value_A) == text


@pytest.mark.parametrize("layers", [(), None, (Layer("gel", None),), (Layer("gel", 0.001), Layer("gel", None))])
def test_layers_that_are_not_given_are_not_layers_of_no_thickness(layers):
    case = Case(None, electrode=SimpleNamespace(layers=layers))
    assert QUANTITIES["electrode_layers_m"].measure(case) is None
    assert QUANTITIES["electrode_thinnest_layer_m"].measure(case) is None


@pytest.mark.parametrize("convention", ["peak", "peak-to-peak", "RMS"])
def test_a_convention_is_given_or_it_is_not(convention):
    assert measure("convention_given", tacs((1, -1), 20, PAD_35, convention=convention)) == 1


def test_a_busiest_minute_may_begin_after_the_first_pulse():
    # 0 and 1 s, then four pulses from 60 s on: the minute from 1 s has five, the one from 0 s two
    base = read_protocol(tms(block([], 100)))
    one = base.stimulation.blocks[0]
    stimulus = attrs.evolve(one.timing.stimulus, pulses=6, intervals_s=(1.0, 59.0, 0.1, 0.1, 0.1))
    case = Case(base, block=attrs.evolve(one, timing=attrs.evolve(one.timing, stimulus=stimulus)))
    assert QUANTITIES["pulses_in_busiest_minute"].measure(case) == 5


@pytest.mark.parametrize(("patterns", "rate_Hz"), [([(1, 0.01), (40, 0.1)], 10), ([(2, 0.05), (10, 1)], 20)])
def test_what_is_not_repeated_has_no_rate(patterns, rate_Hz):
    assert measure("fastest_rate_Hz", tms(block(patterns, 100))) == rate_Hz


# --- rules, person and site together --------------------------------------------------------------------------


def person_and_site(profile="research-ifcn2021"):
    change = {
        "rule": "TES-DC-T",
        "direction": "stricter",
        "limit": 20,
        "display_unit": "min",
        "reason": "the chairs are booked",
        "name": "Dr A. Example",
        "date": "2026-11-01",
    }
    site = {"schema_version": 1, "site": "Ward 3", "profile": profile, "changes": [change]}
    return healthy("tes"), read_site_policy(site)


def test_whoever_and_wherever_is_judged_is_part_of_what_was_asked():
    case, (person, site) = read_protocol(tdcs(2, 20, PAD_35)), person_and_site()
    alone = check(case)
    reports = [
        check(case, subject=person),
        check(case, site_policy=site),
        check(case, subject=person, site_policy=site),
    ]
    assert alone.rule_set_digest == load_rules().digest
    assert len({alone.rule_set_digest, *(report.rule_set_digest for report in reports)}) == 4
    forms = ["form tdcs" in report.rule_set_version or "form tes" in report.rule_set_version for report in reports]
    assert forms == [True, False, True]


def test_what_a_subject_file_tells_is_no_longer_listed_as_not_judged():
    case, (person, _) = read_protocol(tdcs(2, 20, PAD_35)), person_and_site()
    without, told = check(case).not_judged, check(case, subject=person).not_judged
    gone = [note for note in without if note not in told]
    assert gone and all(note.startswith(("The person:", "Age:", "Implants and metal")) for note in gone)
    assert any(note.startswith("Impedance") for note in told)


def test_a_site_changes_its_own_profile_and_no_other():
    case, (_, site) = read_protocol(tdcs(2, 20, PAD_35)), person_and_site("conservative")
    assert check(case, profile="conservative", site_policy=site).profile == "conservative, changed by Ward 3"
    with pytest.raises(InputError, match="changes the profile 'conservative'"):
        check(case, site_policy=site)


def test_a_site_without_a_person_asks_nothing_about_a_person():
    case, (person, site) = read_protocol(tdcs(2, 20, PAD_35)), person_and_site()
    rules = {rule.id for rule in load_rules().rules}
    about_people = {f.rule_id for f in check(case, subject=person).findings} - rules
    assert about_people
    assert not about_people & {f.rule_id for f in check(case, site_policy=site).findings}
    assert about_people <= {f.rule_id for f in check(case, subject=person, site_policy=site).findings}


def test_the_findings_of_one_status_are_those_and_no_others():
    report = check(read_protocol(tdcs(4, 40, PAD_35)))
    assert {finding.rule_id for finding in report.of_status("stop")} == {"TES-DC-Q"}
    assert {finding.rule_id for finding in report.of_status("warn")} == {"TES-DC-Q-DAY", "TES-J-0.08"}
