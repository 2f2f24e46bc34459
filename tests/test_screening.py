"""Forms, what a person is or has, and the whole check with a subject."""

import json
import math
import re

import attrs
import pytest
from people import CONSERVATIVE, LABEL, PROFILES, RESEARCH, TES, TMS, answered, healthy, tdcs
from safety_vectors import Loose

from stimplan.cli import run as run_cli
from stimplan.commands.screen import ask_items
from stimplan.errors import InputError
from stimplan.protocol import read_protocol
from stimplan.safety import check, load_profiles, load_rules, read_subject, screening_findings
from stimplan.safety.in_force import TOLD_BY_SUBJECT
from stimplan.safety.person import person_findings
from stimplan.safety.screening_rules import FormItem, PersonRule, load_forms, load_screening, read_data
from stimplan.safety.subject import FormAnswer, HealthCondition, Implant, Medication, Subject

FAMILY = {"tass": TMS, "tes": TES}
ITEMS = [(form.id, item) for form in load_forms().values() for item in form.items]
STATUS_OF = {"block": "stop", "justify": "stop", "warn": "warn", "info": "pass"}


def having(*conditions, form="tass", **changes):
    return healthy(form, conditions=tuple(HealthCondition(name) for name in conditions), **changes)


def found(subject, protocol, profile=RESEARCH):
    plan = read_protocol(protocol) if isinstance(protocol, str) else protocol
    return {finding.rule_id: finding for finding in screening_findings(subject, plan, profile)}


def status(rule_id, subject, protocol, profile=RESEARCH):
    finding = found(subject, protocol, profile).get(rule_id)
    return None if finding is None else (finding.status, finding.severity)


# --- forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("form", "item"), ITEMS, ids=[item.id for _, item in ITEMS])
def test_every_item_is_judged_for_yes_no_and_unknown(form, item, profile):
    severity = dict(item.profiles)[profile]
    for answer, expected in (("yes", STATUS_OF[severity]), ("no", "pass"), ("unknown", "unknown")):
        assert status(item.id, answered(form, item.item, answer), FAMILY[form], profile) == (expected, severity)
    nobody = Subject(id="x")
    assert status(item.id, nobody, FAMILY[form], profile) == ("unknown", severity)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_yes_to_any_of_the_thirteen_items_needs_a_reason_or_blocks(profile):
    for item in load_forms()["tass"].items:
        assert found(answered("tass", item.item, "yes"), TMS, profile)[item.id].status == "stop"


def test_only_the_cochlear_implant_blocks_in_every_profile_and_devices_where_the_label_governs():
    blocking = {p: {i.item for i in load_forms()["tass"].items if dict(i.profiles)[p] == "block"} for p in PROFILES}
    assert blocking == {RESEARCH: {"5"}, LABEL: {"5", "8", "9", "10"}, CONSERVATIVE: {"5", "8", "9", "10"}}


def test_what_the_person_said_is_shown_and_missing_details_are_asked_for():
    told = found(answered("tass", "2", "yes", "once, at school"), TMS)["SCREEN-TASS-02"].message
    assert "Noted: once, at school." in told
    assert "Nothing is noted" in found(answered("tass", "2", "yes"), TMS)["SCREEN-TASS-02"].message
    assert "not judged" in found(answered("tass", "8", "yes"), TMS)["SCREEN-TASS-08"].message


@pytest.mark.parametrize(
    ("form", "item", "changes"),
    [
        ("tass", "1", {"conditions": (HealthCondition("epilepsy"),)}),
        ("tass", "3", {"conditions": (HealthCondition("traumatic-brain-injury"),)}),
        ("tass", "4", {"hearing_problem": "yes"}),
        ("tass", "5", {"implants": (Implant("cochlear-implant"),)}),
        ("tass", "6", {"pregnant": "yes"}),
        ("tass", "7", {"implants": (Implant("aneurysm-clip"),)}),
        ("tass", "8", {"implants": (Implant("vagus-nerve-stimulator"),)}),
        ("tass", "9", {"implants": (Implant("pacemaker"),)}),
        ("tass", "10", {"implants": (Implant("implanted-pump"),)}),
        ("tass", "11", {"medications": (Medication("metformin"),)}),
        ("tes", "5", {"implants": (Implant("skull-plate"),)}),
        ("tes", "6", {"conditions": (HealthCondition("stroke-aphasia"),)}),
    ],
)
def test_a_no_that_the_rest_of_the_file_contradicts_is_not_a_no(form, item, changes):
    finding = found(healthy(form, **changes), FAMILY[form])[f"SCREEN-{form.upper()}-{int(item):02d}"]
    assert finding.status == "stop"
    assert "correct one of them" in finding.message


def test_the_form_of_the_other_kind_of_stimulation_does_not_count():
    only_tes = found(healthy("tes"), TMS)
    assert not any(rule.startswith("SCREEN-TES") for rule in only_tes)
    assert {only_tes[item.id].status for item in load_forms()["tass"].items} == {"unknown"}


# --- what a person is or has ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "condition", "protocol", "by_profile"),
    [
        ("PERSON-TMS-EPILEPSY", "epilepsy", TMS, ("justify", "justify", "justify")),
        ("PERSON-TMS-LESION", "stroke-motor", TMS, ("justify", "justify", "justify")),
        ("PERSON-TMS-LESION", "traumatic-brain-injury", TMS, ("justify", "justify", "justify")),
        ("PERSON-TMS-SKULL", "skull-defect", TMS, ("justify", "justify", "justify")),
        ("PERSON-TMS-ALCOHOLISM", "alcohol-use-disorder", TMS, ("justify", "justify", "justify")),
        ("PERSON-TMS-SYNCOPE", "syncope", TMS, ("warn", "warn", "warn")),
        ("PERSON-TMS-MANIA", "bipolar-depression", TMS, ("warn", "warn", "warn")),
        ("PERSON-TMS-HEARING", "tinnitus", TMS, ("warn", "warn", "justify")),
        ("PERSON-TES-EPILEPSY", "seizure-history", TES, ("justify", "justify", "justify")),
        ("PERSON-TES-LESION", "stroke-aphasia", TES, ("justify", "justify", "justify")),
        ("PERSON-TES-SKULL", "skull-defect", TES, ("justify", "justify", "justify")),
        ("PERSON-TES-MANIA", "psychosis", TES, ("warn", "justify", "justify")),
        ("PERSON-TES-SUICIDALITY", "suicidality", TES, ("justify", "justify", "justify")),
        ("PERSON-TES-MIGRAINE", "migraine", TES, ("info", "justify", "warn")),
        ("PERSON-TES-HEART", "heart-disease", TES, ("warn", "justify", "justify")),
        ("PERSON-TES-WITHDRAWAL", "substance-withdrawal", TES, ("justify", "justify", "justify")),
        ("PERSON-TES-BREASTFEEDING", "breastfeeding", TES, ("info", "justify", "warn")),
    ],
)
def test_a_condition_is_judged_by_its_profile_and_unknown_where_nobody_asked(rule, condition, protocol, by_profile):
    for profile, severity in zip(PROFILES, by_profile, strict=True):
        assert status(rule, having(condition), protocol, profile) == (STATUS_OF[severity], severity)
        assert status(rule, healthy(), protocol, profile) == ("pass", severity)
        nobody_asked = healthy(conditions=None, hearing_problem="unknown")
        assert status(rule, nobody_asked, protocol, profile) == ("unknown", severity)


@pytest.mark.parametrize(
    ("answer", "sex", "expected"),
    [
        ("yes", "female", "stop"),
        ("no", "female", "pass"),
        ("unknown", "female", "unknown"),
        ("unknown", None, "unknown"),
        ("unknown", "other", "unknown"),
        ("unknown", "male", "pass"),
    ],
)
def test_pregnancy_is_unknown_unless_answered(answer, sex, expected):
    for rule, protocol in (("PERSON-TMS-PREGNANT", TMS), ("PERSON-TES-PREGNANT", TES)):
        assert status(rule, healthy(pregnant=answer, sex=sex), protocol) == (expected, "justify")


@pytest.mark.parametrize(("age", "expected"), [(1.99, "stop"), (2.0, "pass"), (None, "unknown")])
def test_small_children_have_no_acoustic_data(age, expected):
    assert status("PERSON-TMS-INFANT", healthy(age_years=age), TMS) == (expected, "justify")


@pytest.mark.parametrize(("age", "expected"), [(17.99, "stop"), (18.0, "pass"), (None, "unknown")])
def test_the_label_is_for_adults(age, expected):
    for rule, protocol in (("PERSON-TMS-CHILD", TMS), ("PERSON-TES-ADULT", TES)):
        assert status(rule, healthy(age_years=age), protocol, LABEL) == (expected, "justify")


@pytest.mark.parametrize(
    ("age", "current_mA", "one", "two"),
    [
        (11.9, 1.0, "pass", "pass"),
        (11.9, 1.001, "stop", "pass"),
        (11.9, 2.001, "stop", "stop"),
        (12.0, 2.0, None, "pass"),
        (17.9, 2.001, None, "stop"),
        (18.0, 4.0, None, None),
        (None, 2.0, "unknown", "unknown"),
    ],
)
def test_currents_for_children_need_a_reason_above_their_caps(age, current_mA, one, two):
    subject = healthy("tes", age_years=age)
    for rule, expected in (("PERSON-TES-CHILD-1MA", one), ("PERSON-TES-CHILD-2MA", two)):
        assert status(rule, subject, tdcs(current_mA)) == (None if expected is None else (expected, "justify"))


@pytest.mark.parametrize(("hours", "expected"), [(3.99, "warn"), (4.0, "pass"), (None, "unknown")])
def test_little_sleep_warns(hours, expected):
    assert status("PERSON-TMS-SLEEP", healthy(sleep_hours=hours), TMS) == (expected, "warn")
    assert status("PERSON-TMS-SLEEP", healthy(sleep_hours=3.99), TMS, CONSERVATIVE) == ("stop", "justify")


@pytest.mark.parametrize(("units", "expected"), [(3.01, "warn"), (3.0, "pass"), (None, "unknown")])
def test_alcohol_warns(units, expected):
    assert status("PERSON-TMS-ALCOHOL", healthy(alcohol_units_24h=units), TMS) == (expected, "warn")


@pytest.mark.parametrize(("answer", "expected"), [("yes", "warn"), ("no", "pass"), ("unknown", "unknown")])
def test_recreational_drugs_and_hearing_warn(answer, expected):
    assert status("PERSON-TMS-RECREATIONAL", healthy(recreational_drugs_24h=answer), TMS) == (expected, "warn")
    assert status("PERSON-TMS-HEARING", healthy(hearing_problem=answer), TMS) == (expected, "warn")


@pytest.mark.parametrize(("answer", "expected"), [("yes", "pass"), ("no", "stop"), ("unknown", "unknown")])
def test_dementia_asks_for_the_capacity_to_consent(answer, expected):
    for condition, protocol in (("alzheimers-disease", TMS), ("disorders-of-consciousness", TES)):
        subject = having(condition, capacity_to_consent=answer)
        assert status("PERSON-CONSENT", subject, protocol) == (expected, "justify")
    assert status("PERSON-CONSENT", healthy(capacity_to_consent=answer), TMS) is None
    assert status("PERSON-CONSENT-MILD", having("huntingtons-disease", capacity_to_consent="unknown"), TMS) == (
        "unknown",
        "warn",
    )


def test_parkinsons_disease_asks_for_implants():
    subject = having("parkinsons-disease", implants=None)
    assert status("PERSON-PARKINSON-IMPLANTS", subject, TMS) == ("unknown", "justify")
    assert status("PERSON-PARKINSON-IMPLANTS", having("parkinsons-disease"), TES) == ("pass", "justify")
    assert status("PERSON-PARKINSON-IMPLANTS", healthy(implants=None), TMS) is None


def test_light_sensitive_seizures_matter_for_alternating_current_only():
    subject = having("photosensitive-epilepsy", form="tes")
    assert status("PERSON-TES-PHOTOSENSITIVE", subject, "alexander-2019-depression") == ("stop", "justify")
    assert status("PERSON-TES-PHOTOSENSITIVE", subject, TES) is None


def test_a_condition_without_a_rule_is_named_as_not_judged():
    finding = found(having("ptsd", "amyotrophic-lateral-sclerosis"), TMS)["PERSON-NO-RULE"]
    assert finding.severity == "info"
    assert "amyotrophic lateral sclerosis" in finding.message and "no rule here looks at it" in finding.message
    assert "PERSON-NO-RULE" not in found(having("epilepsy"), TMS)


@pytest.mark.parametrize(
    ("rule", "condition"), [("PERSON-TES-SKULL-SITE", "skull-defect"), ("PERSON-TES-SKIN", "skin-lesion")]
)
def test_a_defect_or_a_wound_under_an_electrode_blocks(rule, condition):
    # the electrodes are discs of radius 25 mm at (0, 0, 100) and (100, 0, 0) mm; the margin is 10 mm, and a place that
    # was computed may be 18 mm nearer on a person
    places = {(0.035, 0.0, 0.1): "stop", (0.0351, 0.0, 0.1): "unknown", (0.0, 0.0, 0.0): "pass", None: "unknown"}
    for place, expected in places.items():
        person = healthy("tes", conditions=(HealthCondition(condition, place),))
        assert status(rule, person, tdcs()) == (expected, "block")
    seen = {"yes": "stop", "no": "pass", "unknown": "unknown"}
    for answer, expected in seen.items():
        person = healthy("tes", conditions=(HealthCondition(condition, None, answer),))
        assert status(rule, person, tdcs()) == (expected, "block")
    assert status(rule, healthy("tes"), tdcs()) == ("pass", "block")
    assert status(rule, healthy("tes", conditions=None), tdcs()) == ("unknown", "block")


def test_every_rule_about_a_person_can_fail_and_every_condition_is_known():
    own = read_data("screening/person.json")["conditions"]
    for rule in load_screening().rules:
        assert set(dict(rule.profiles)) <= set(PROFILES)
        if isinstance(rule, PersonRule | FormItem):
            for name in rule.conditions:
                read_subject({"schema_version": 1, "id": "x", "conditions": [{"id": name}]})
    used = {name for rule in load_screening().rules if isinstance(rule, PersonRule) for name in rule.conditions}
    assert set(own) <= used


# --- the whole check ------------------------------------------------------------------------------------------


def test_a_person_with_nothing_found_leaves_the_verdict_of_the_protocol():
    plan = read_protocol("fregni-2006-pain")
    assert check(plan, subject=healthy("tes")).verdict == check(plan).verdict
    assert all(f.status == "pass" for f in screening_findings(healthy("tes"), plan))


def test_a_person_nobody_asked_makes_the_verdict_unknown():
    plan = read_protocol("fregni-2006-pain")
    assert check(plan, subject=Subject(id="x")).verdict == "unknown"


@pytest.mark.parametrize("person", [{"age": 8}, "s.json", 3])
def test_what_is_no_subject_is_refused(person):
    with pytest.raises(InputError, match="read_subject"):
        check(read_protocol(TES), subject=person)


def test_the_report_says_which_rules_about_a_person_were_asked():
    plan = read_protocol(TMS)
    with_person, without = check(plan, subject=healthy()), check(plan)
    assert "form tass" in with_person.rule_set_version and "form tass" not in without.rule_set_version
    assert without.rule_set_digest == load_rules().digest != with_person.rule_set_digest


def test_the_other_profiles_judge_the_person_too():
    plan = read_protocol(TMS)
    report = check(plan, subject=healthy(implants=(Implant("pacemaker", distance_m=0.4),)))
    assert "IMPLANT-TMS-DEVICE-LABEL" in report.other_profiles[LABEL].differing


def test_what_a_subject_tells_is_no_longer_listed_as_not_judged():
    for protocol in (TMS, TES):
        plan = read_protocol(protocol)
        for start in TOLD_BY_SUBJECT:
            assert any(note.startswith(start) for note in check(plan).not_judged)
            assert not any(note.startswith(start) for note in check(plan, subject=healthy()).not_judged)
        assert any("truth of the answers" in note for note in check(plan, subject=healthy()).not_judged)


def test_the_record_of_a_check_with_a_person_is_strict_json_and_holds_no_remarks():
    report = check(read_protocol(TMS), subject=healthy(notes="lives at 5 High Street"))
    text = json.dumps(report.record(), allow_nan=False)
    assert "High Street" not in text


def test_no_text_about_a_person_promises_safety_or_has_a_hole():
    everything = Subject(
        id="x",
        age_years=8.0,
        pregnant="yes",
        capacity_to_consent="no",
        hearing_problem="yes",
        recreational_drugs_24h="yes",
        answers=tuple((form, item.item, FormAnswer("yes")) for form, item in ITEMS),
        implants=tuple(
            Implant(kind, region=r) for kind in read_data("implants.json")["kinds"] for r in ("ear", "chest")
        ),
        medications=tuple(Medication(name, withdrawn="yes", dose_changed="yes") for name in ("Xanax", "MDMA", "foo")),
        conditions=tuple(HealthCondition(name) for name in read_data("screening/person.json")["conditions"]),
        sleep_hours=1.0,
        alcohol_units_24h=9.0,
    )
    for subject in (everything, Subject(id="x"), healthy()):
        for protocol in (TMS, TES, "alexander-2019-depression"):
            for profile in PROFILES:
                for one in screening_findings(subject, read_protocol(protocol), profile):
                    words = f"{one.title} {one.message}"
                    assert not re.search(r"\b(safe|safely|safety|approved?|harmless)\b", words.lower()), words
                    assert not re.search(r"[{}]|\bNone\b|\bnan\b", words), words
                    assert one.message[0].isupper() or one.message[0].isdigit() or one.place, words


def test_every_rule_says_where_it_is_from_and_claims_no_reading_without_one():
    for rule in load_screening().rules:
        citation = rule.citation
        assert citation.text and citation.locator and citation.access in ("read", "secondary", "recalled")
        assert citation.verified_by is None
        if citation.doi is None:
            assert rule.basis in ("device_label", "local_policy", "engineering"), rule.id
    assert {item.citation.access for item in load_forms()["tass"].items} == {"recalled"}


def test_no_id_is_used_twice_and_each_file_has_its_profiles():
    ids = [rule.id for rule in (*load_screening().rules, *load_rules().rules)]
    assert len(ids) == len(set(ids))
    assert {profile.id for profile in load_profiles()} == set(PROFILES)


# --- the command line -----------------------------------------------------------------------------------------


def test_the_questions_are_asked_one_after_the_other():
    form = load_forms()["tass"]
    words = iter(["no", "y", "at school", "what?", "?", "", *["n"] * 9])
    answers = ask_items(form, lambda question: next(words))
    assert answers["1"] == "no"
    assert answers["2"] == {"answer": "yes", "detail": "at school"}
    assert answers["3"] == answers["4"] == "unknown"
    assert len(answers) == 13


def test_a_form_that_ends_early_writes_nothing():
    def end(question):
        raise EOFError

    with pytest.raises(InputError, match="0 of 13"):
        ask_items(load_forms()["tass"], end)


def test_answers_become_a_subject_file_that_check_reads(tmp_path, capsys):
    answers, subject = tmp_path / "a.json", tmp_path / "s.json"
    answers.write_text('{"1": "no", "2": {"answer": "yes", "detail": "at school"}}')
    given = ["screen", "--form", "tass", "--answers", str(answers), "--out", str(subject)]
    assert run_cli([*given, "--id", "P-1"]) == 0
    assert read_subject(subject).answer_to("tass", "2") == FormAnswer("yes", "at school")
    assert "Still unknown: item 3" in capsys.readouterr().out
    assert run_cli([*given, "--subject", str(subject)]) == 2  # it is there already
    again = [*given, "--subject", str(subject), "--force"]
    again[2] = "tes"
    assert run_cli(again) == 0
    assert {form for form, _, _ in read_subject(subject).answers} == {"tass", "tes"}
    capsys.readouterr()
    assert run_cli(["check", TMS, "--subject", str(subject), "--profile", CONSERVATIVE, "--json"]) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["profile"] == CONSERVATIVE
    assert any(finding["rule_id"] == "SCREEN-TASS-02" for finding in record["findings"])


@pytest.mark.parametrize("arguments", [["--id", "P 1"], [], ["--id", "P1", "--subject", "none.json"]])
def test_answers_without_a_pseudonym_are_refused(arguments, tmp_path, capsys):
    answers = tmp_path / "a.json"
    answers.write_text('{"1": "no"}')
    command = ["screen", "--form", "tass", "--answers", str(answers), "--out", str(tmp_path / "s.json")]
    assert run_cli([*command, *arguments]) == 2
    assert not (tmp_path / "s.json").exists()


def test_the_questions_are_listed_where_nobody_can_answer(capsys):
    assert run_cli(["screen", "--form", "tes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["items"]) == 18


def test_of_several_wounds_the_worst_counts_and_its_distance_is_kept():
    near, far = HealthCondition("skin-lesion", (0.03, 0.0, 0.1)), HealthCondition("skin-lesion", (0.0, 0.0, 0.0))
    for pair in ((near, far), (far, near)):
        finding = found(healthy("tes", conditions=pair), tdcs())["PERSON-TES-SKIN"]
        assert (finding.status, finding.value) == ("stop", 0.005)
    apart = found(healthy("tes", conditions=(far,)), tdcs())["PERSON-TES-SKIN"]
    assert (apart.status, apart.value) == ("pass", 0.057)  # 75 mm from the rim, 18 mm of it not certain
    assert apart.message.startswith("Not under an electrode: ")
    assert "at least 57 mm away in a straight line from the electrode at " in apart.message
    open_one = found(healthy("tes", conditions=(far, HealthCondition("skin-lesion"))), tdcs())["PERSON-TES-SKIN"]
    assert open_one.status == "unknown"


def test_a_rule_for_currents_of_children_without_its_number_judges_nothing():
    rules = [rule for rule in load_screening().in_profile(RESEARCH).rules if rule.id == "PERSON-TES-CHILD-1MA"]
    without = tuple(attrs.evolve(rule, limit=None) for rule in rules)
    (finding,) = person_findings(without, healthy("tes", age_years=8.0), tdcs())
    assert finding.status == "unknown"


@pytest.mark.parametrize(("item", "is_asked"), [("8", True), ("11", True), ("2", False)])
def test_a_yes_without_the_list_it_belongs_to_says_that_nothing_is_listed(item, is_asked):
    message = found(answered("tass", item, "yes", "noted"), TMS)[f"SCREEN-TASS-{int(item):02d}"].message
    assert ("names none" in message) == is_asked
    listed = {"implants": (Implant("vagus-nerve-stimulator"),), "medications": (Medication("metformin"),)}
    message = found(answered("tass", item, "yes", "noted", **listed), TMS)[f"SCREEN-TASS-{int(item):02d}"].message
    assert "names none" not in message


def test_a_condition_is_named_as_a_sentence_begins():
    seen = HealthCondition("skin-lesion", None, "yes", "eczema")
    lesion = found(healthy("tes", conditions=(seen,)), tdcs())["PERSON-TES-SKIN"]
    what = "Wound, inflammation or disease of the skin where electrodes may lie (eczema)"
    assert lesion.message.startswith(f"{what}, as seen: ")
    assert lesion.value is None
    apart = attrs.evolve(seen, at_electrode="no")
    free = found(healthy("tes", conditions=(apart,)), tdcs())["PERSON-TES-SKIN"]
    assert free.message == f"Not under an electrode: {what}, as seen."
    assert (lesion.censored, free.censored) == (False, False)


# Each rule about a person that compares a number: at its limit, one ulp past it, and without a number.

BY_NUMBER = {"age": "age_years", "sleep": "sleep_hours", "alcohol": "alcohol_units_24h"}
OF_A_PERSON = [
    rule
    for rule in load_screening().rules
    if isinstance(rule, PersonRule) and rule.limit and rule.looks_at in BY_NUMBER
]


def outcome_of(rule, value):
    """Outcome of one rule for a number of the person, whatever its severity."""
    strict = attrs.evolve(rule, severity="block")
    person = healthy("tes", **{BY_NUMBER[rule.looks_at]: value})
    (finding,) = person_findings((strict,), person, tdcs())
    return {"pass": "holds", "stop": "broken"}.get(finding.status, finding.status)


@pytest.mark.parametrize("rule", OF_A_PERSON, ids=lambda rule: rule.id)
def test_a_rule_about_a_person_holds_at_its_limit_and_breaks_one_ulp_past_it(rule):
    past, inside = (math.inf, -math.inf) if rule.is_upper_limit else (-math.inf, math.inf)
    assert outcome_of(rule, rule.limit) == "holds"
    assert outcome_of(rule, math.nextafter(rule.limit, past)) == "broken"
    assert outcome_of(rule, math.nextafter(rule.limit, inside)) == "holds"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rule", OF_A_PERSON, ids=lambda rule: rule.id)
def test_a_rule_about_a_person_never_passes_what_is_not_a_number(rule, nothing):
    assert outcome_of(rule, nothing) == "unknown"


CHILD_CURRENTS = [
    rule for rule in load_screening().rules if isinstance(rule, PersonRule) and rule.looks_at == "age-current"
]


@pytest.mark.parametrize("rule", CHILD_CURRENTS, ids=lambda rule: rule.id)
def test_a_rule_for_the_current_of_a_child_holds_at_its_limit_and_breaks_one_ulp_past_it(rule):
    child = healthy("tes", age_years=rule.under_years - 1)
    strict = attrs.evolve(rule, severity="block")

    def judged(current_A, person=child):
        pads = [attrs.evolve(one, current_A=math.copysign(current_A, one.current_A)) for one in tdcs().electrodes]
        plan = attrs.evolve(tdcs(), stimulation=attrs.evolve(tdcs().stimulation, electrodes=tuple(pads)))
        return [one.status for one in person_findings((strict,), person, plan)]

    assert judged(rule.limit) == ["pass"]
    # the total current is half of a sum, which is rounded to twelve digits
    assert judged(rule.limit * (1 + 1e-11)) == ["stop"]
    for nothing in (math.nan, math.inf, None):  # a protocol refuses such a current; a rule does not rely on it
        loose = Loose(modality="tDCS", magnetic=None, electrodes=(), total_current_A=nothing)
        assert [one.status for one in person_findings((strict,), child, loose)] == ["unknown"]
    for age in (None, math.nan, math.inf):
        assert judged(rule.limit, attrs.evolve(child, age_years=age)) == ["unknown"]
    assert judged(1.0, attrs.evolve(child, age_years=rule.under_years)) == []


def test_who_answered_a_whole_form_is_told_what_the_form_does_not_answer(tmp_path, capsys):
    from stimplan.cli import run as run_command

    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({str(item): "no" for item in range(1, 19)}), encoding="utf-8")
    file = tmp_path / "p.json"
    assert run_command(["screen", "--form", "tes", "--answers", str(answers), "--id", "p-1", "--out", str(file)]) == 0
    said = capsys.readouterr().out
    assert "18 of 18" in said and "conditions" in said and "The form does not ask these" in said
    assert run_command(["check", "m1-so", "--subject", str(file)]) == 3
    said = capsys.readouterr().out
    assert "the subject file has no list of conditions ([] says none)" in said and "nobody asked" not in said
