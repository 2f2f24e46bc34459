"""A site's policy: each change has a reason, a name and a date, does what it says, and is listed."""

import attrs
import pytest
from people import CONSERVATIVE, RESEARCH, TES, TMS, answered, healthy

from stimplan.commands.output import PROFILES_HELP
from stimplan.errors import InputError
from stimplan.protocol import read_protocol
from stimplan.safety import apply_site_policy, check, load_profiles, load_rules, read_site_policy
from stimplan.safety.screening_rules import load_screening
from stimplan.safety.site_policy import apply_to_screening

SHORTER = {
    "rule": "TES-DC-T",
    "direction": "stricter",
    "limit": 20,
    "display_unit": "min",
    "reason": "the chairs are booked",
    "name": "Dr A. Example",
    "date": "2026-11-01",
}


def tree(*changes, **more):
    return {"schema_version": 1, "site": "Ward 3", "profile": RESEARCH, "changes": list(changes), **more}


def changed(**values):
    """The change above with other values; None takes one out."""
    return {key: value for key, value in {**SHORTER, **values}.items() if value is not None}


def of_severity(rule, direction, severity):
    return changed(rule=rule, direction=direction, severity=severity, limit=None, display_unit=None)


def faults(source):
    with pytest.raises(InputError) as caught:
        read_site_policy(source)
    return {problem.where for problem in caught.value.problems}


def misfit(change):
    with pytest.raises(InputError) as caught:
        check(read_protocol(TES), site_policy=read_site_policy(tree(change)))
    return str(caught.value)


def status(report, rule_id):
    return next(((f.status, f.severity) for f in report.findings if f.rule_id == rule_id), None)


def test_a_stricter_limit_is_the_one_that_counts_and_is_listed():
    plan = read_protocol(TES)  # 30 min
    report = check(plan, site_policy=read_site_policy(tree(SHORTER)))
    assert status(check(plan), "TES-DC-T") == ("pass", "justify")
    assert status(report, "TES-DC-T") == ("stop", "justify")
    (told,) = [f for f in report.findings if f.rule_id == "SITE-POLICY"]
    for words in ("TES-DC-T", "stricter", "40 min", "20 min", "the chairs are booked", "Dr A. Example", "2026-11-01"):
        assert words in told.message
    assert told.severity == "info"


def test_the_report_names_the_site_and_what_the_profile_alone_would_have_said():
    plan = read_protocol("fregni-2006-pain")
    policy = read_site_policy(tree(changed(limit=10)))
    report, plain = check(plan, site_policy=policy), check(plan)
    assert "Ward 3" in report.profile and "Ward 3" in report.rule_set_version
    assert report.rule_set_digest != plain.rule_set_digest
    assert report.other_profiles[RESEARCH].verdict == plain.verdict != report.verdict == "stop"
    assert report.other_profiles[RESEARCH].differing == ("TES-DC-T",)


def test_help_names_the_policy_profiles_there_are():
    default, *others = (profile.id for profile in load_profiles())
    assert f"policy profile: {default} (default), {others[0]} or {others[1]}" == PROFILES_HELP and len(others) == 2


def test_a_laxer_severity_counts_for_rules_about_a_person_too():
    plan = read_protocol(TMS)
    person = answered("tass", "11", "yes")
    policy = read_site_policy(tree(of_severity("SCREEN-TASS-11", "laxer", "warn")))
    assert status(check(plan, subject=person), "SCREEN-TASS-11") == ("stop", "justify")
    assert status(check(plan, subject=person, site_policy=policy), "SCREEN-TASS-11") == ("warn", "warn")


def test_a_limit_about_a_person_can_be_changed():
    policy = read_site_policy(tree(changed(rule="PERSON-TMS-SLEEP", limit=6, display_unit="")))
    plan, tired = read_protocol(TMS), healthy(sleep_hours=5.0)
    assert status(check(plan, subject=tired), "PERSON-TMS-SLEEP") == ("pass", "warn")
    assert status(check(plan, subject=tired, site_policy=policy), "PERSON-TMS-SLEEP") == ("warn", "warn")


def test_applying_a_policy_changes_neither_the_shipped_rules_nor_any_other_rule():
    before = load_rules().in_profile(RESEARCH)
    after = apply_site_policy(before, read_site_policy(tree(SHORTER)))
    assert load_rules().in_profile(RESEARCH) == before
    differing = [one.id for one, other in zip(before.rules, after.rules, strict=True) if one != other]
    assert differing == ["TES-DC-T"]
    (rule,) = [rule for rule in after.rules if rule.id == "TES-DC-T"]
    assert rule.must.limits == (1200.0,)
    people = load_screening().in_profile(RESEARCH)
    assert apply_to_screening(people, read_site_policy(tree(SHORTER))).rules == people.rules


@pytest.mark.parametrize("key", ["reason", "name", "date", "direction", "rule"])
def test_a_change_without_reason_name_date_or_direction_is_refused(key):
    assert faults(tree(changed(**{key: None}))) >= {f"$.changes[0].{key}"}
    assert faults(tree(changed(**{key: "  "}))) >= {f"$.changes[0].{key}"}


@pytest.mark.parametrize("date", ["2026-13-01", "2026-02-30", "1 November", "26-11-01"])
def test_a_day_that_is_none_is_refused(date):
    assert faults(tree(changed(date=date))) == {"$.changes[0].date"}


def test_every_fault_of_a_policy_is_named_at_once():
    broken = tree(
        changed(limit=None, display_unit=None), changed(severity="hard"), changed(display_unit=None), profile="researh"
    )
    assert faults({**broken, "sit": "x"}) == {
        "$.sit",
        "$.profile",
        "$.changes[0]",
        "$.changes[1].severity",
        "$.changes[1].rule",
        "$.changes[2].display_unit",
        "$.changes[2].rule",
    }
    assert faults('{"schema_version": 1, "site": "x", "profile": "conservative", "changes": []}') == {"$.changes"}
    assert faults("[") and faults("none.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(rule="TES-DC-TT"), "did you mean 'TES-DC-T'"),
        (changed(limit=60), "says stricter, but is laxer"),
        (changed(direction="laxer"), "says laxer, but is stricter"),
        (changed(limit=40), "leaves the rule as it is"),
        (changed(severity="warn"), "laxer and stricter"),
        (changed(display_unit="mA"), "not a unit"),
        (changed(display_unit=""), "not a unit"),
        (changed(limit=[10, 20]), "takes 1 number"),
        (changed(rule="SCREEN-TASS-01"), "no limit of its own"),
        (changed(rule="TMS-TRAIN-W98"), "no limit of its own"),
        (of_severity("SCREEN-TASS-01", "stricter", "warn"), "says stricter, but is laxer"),
        (changed(rule="PERSON-TMS-SLEEP", limit=3, display_unit=""), "says stricter, but is laxer"),
        (changed(rule="PERSON-TMS-ALCOHOL", limit=4, display_unit=""), "says stricter, but is laxer"),
        (changed(rule="IMPLANT-TMS-METAL-10CM", limit=50, display_unit="mm"), "says stricter, but is laxer"),
    ],
)
def test_a_change_that_does_not_fit_its_rule_or_its_own_words_is_refused(change, words):
    assert words in misfit(change)


def test_a_range_is_stricter_where_it_is_narrower_and_refused_upside_down():
    narrow = changed(rule="TES-DATA-AREA", limit=[1, 100], display_unit="cm2")
    assert status(check(read_protocol(TES), site_policy=read_site_policy(tree(narrow))), "TES-DATA-AREA")
    assert "lower limit comes first" in misfit(changed(rule="TES-DATA-AREA", limit=[100, 1], display_unit="cm2"))
    assert "laxer and stricter" in misfit(changed(rule="TES-DATA-AREA", limit=[1, 300], display_unit="cm2"))


@pytest.mark.parametrize(
    ("limit", "direction"), [([1, 200], "stricter"), ([0.1, 100], "stricter"), ([0.05, 200], "laxer")]
)
def test_each_end_of_a_range_has_its_own_direction(limit, direction):
    (rule,) = [rule for rule in load_rules().rules if rule.id == "TES-DATA-AREA"]
    assert (rule.must.op, rule.must.limits) == ("between", (1e-5, 0.02))  # 0.1 to 200 cm²
    plan = read_protocol(TES)
    change = changed(rule="TES-DATA-AREA", limit=limit, display_unit="cm2", direction=direction)
    assert check(plan, site_policy=read_site_policy(tree(change)))
    other = {"stricter": "laxer", "laxer": "stricter"}[direction]
    assert f"it says {other}, but is {direction}" in misfit({**change, "direction": other})


def test_below_a_limit_and_above_one_are_stricter_in_opposite_ways():
    # 5 s between trains must not be fallen below
    rest = changed(rule="TMS-ITI", limit=8, display_unit="s")
    assert check(read_protocol(TMS), site_policy=read_site_policy(tree(rest)))
    # the current of a direct stimulation has to stay below 4 mA in the conservative profile
    low = tree(changed(rule="TES-GUIDE-4MA", limit=3, display_unit="mA"), profile=CONSERVATIVE)
    assert check(read_protocol(TES), profile=CONSERVATIVE, site_policy=read_site_policy(low))


def test_a_change_of_both_severity_and_limit_is_one_way_or_refused():
    both = changed(rule="TES-DC-T", limit=20, severity="block")
    assert check(read_protocol(TES), site_policy=read_site_policy(tree(both)))
    assert "laxer and stricter" in misfit(changed(rule="TES-DC-T", limit=20, severity="warn"))


def test_a_change_of_a_limit_that_is_a_table_or_none_is_refused():
    assert "no limit of its own" in misfit(changed(rule="TMS-TRAIN-W98"))
    assert "no limit of its own" in misfit(changed(rule="IMPLANT-LIST", display_unit="mm"))


def test_a_policy_is_read_from_a_path_given_as_text_or_as_a_path(tmp_path):
    import json

    path = tmp_path / "site.json"
    path.write_text(json.dumps(tree(SHORTER)), encoding="utf-8")
    assert read_site_policy(str(path)) == read_site_policy(path) == read_site_policy(json.dumps(tree(SHORTER)))


def test_a_profile_that_is_not_known_is_answered_with_the_nearest_or_with_all():
    def said(profile):
        with pytest.raises(InputError) as caught:
            read_site_policy(tree(SHORTER, profile=profile))
        (problem,) = caught.value.problems
        return problem.what

    assert said("research-ifcn2012").endswith("did you mean 'research-ifcn2021'?")
    assert said("xyz").endswith(f"known are {RESEARCH}, device-label-us, {CONSERVATIVE}")


def test_what_a_site_changed_is_told_as_information_without_a_number():
    report = check(read_protocol(TES), site_policy=read_site_policy(tree(SHORTER)))
    (told,) = [one for one in report.findings if one.rule_id == "SITE-POLICY"]
    assert (told.status, told.censored, told.value, told.limit) == ("pass", False, None, None)


def test_a_policy_for_another_profile_is_refused():
    with pytest.raises(InputError, match="changes the profile"):
        check(read_protocol(TES), profile=CONSERVATIVE, site_policy=read_site_policy(tree(SHORTER)))


def test_a_policy_cannot_be_changed():
    policy = read_site_policy(tree(SHORTER))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.site = "Ward 4"


def test_the_command_line_takes_a_policy(tmp_path, capsys):
    import json

    from stimplan.cli import run

    path = tmp_path / "site.json"
    path.write_text(json.dumps(tree(SHORTER)))
    assert run(["check", TES, "--site-policy", str(path)]) == 3
    shown = capsys.readouterr().out
    assert "changed by Ward 3" in shown and "the chairs are booked" in shown


def test_a_limit_of_the_site_is_not_told_as_what_the_literature_found():
    policy = read_site_policy(tree(SHORTER, changed(rule="TES-DC-I", limit=1.5, display_unit="mA"), site="Ward {3}"))
    found = {one.rule_id: one for one in check(read_protocol(TES), site_policy=policy).findings}
    assert found["TES-DC-T"].message == (
        "30 min is outside the limit of 20 min that Ward {3} set; the rule's own is 40 min. Review it. "
        "Going on needs the written reason of a named clinician."
    )
    assert "1.5 mA that Ward {3} set; the rule's own is 4 mA" in found["TES-DC-I"].message
    assert "trials" not in found["TES-DC-I"].message
    assert found["TES-DC-I"].citation.startswith("Limit of Ward {3}. The rule: Bikson")


def test_a_limit_of_the_site_about_a_person_is_told_as_the_sites():
    policy = read_site_policy(tree(changed(rule="PERSON-TMS-SLEEP", limit=6, display_unit="")))
    report = check(read_protocol(TMS), subject=healthy(sleep_hours=5.0), site_policy=policy)
    (found,) = [one for one in report.findings if one.rule_id == "PERSON-TMS-SLEEP"]
    assert "Limit of Ward 3, 6; the rule's own is 4." in found.citation
