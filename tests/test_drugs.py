"""Drugs: recognised by code or exact name, never by a part of one; and what each list means."""

import json

import pytest

from stimplan.resources import data_path
from stimplan.safety.drugs import drug_findings, load_drugs, normalised, recognise
from stimplan.safety.screening_rules import DrugRule, load_screening
from stimplan.safety.subject import Medication, Subject

RESEARCH, LABEL, CONSERVATIVE = "research-ifcn2021", "device-label-us", "conservative"

# The lists of the evidence, by international name
STRONG = frozenset(
    [
        "ethanol",
        "amitriptyline",
        "amphetamine",
        "chlorpromazine",
        "clozapine",
        "cocaine",
        "doxepin",
        "MDMA",
        "foscarnet",
        "ganciclovir",
        "imipramine",
        "ketamine",
        "maprotiline",
        "nortriptyline",
        "phencyclidine",
        "ritonavir",
        "theophylline",
    ]
)
RELATIVE = frozenset(
    [
        "ampicillin",
        "aripiprazole",
        "carmustine",
        "bupropion",
        "chlorambucil",
        "chloroquine",
        "citalopram",
        "ciclosporin",
        "cytarabine",
        "duloxetine",
        "fluoxetine",
        "fluphenazine",
        "fluvoxamine",
        "haloperidol",
        "imipenem",
        "isoniazid",
        "levofloxacin",
        "lithium",
        "mefloquine",
        "methotrexate",
        "metronidazole",
        "mirtazapine",
        "olanzapine",
        "paroxetine",
        "pimozide",
        "quetiapine",
        "reboxetine",
        "risperidone",
        "sertraline",
        "venlafaxine",
        "vincristine",
        "ziprasidone",
        "mianserin",
    ]
)


def findings(*medications, family="TMS", profile=RESEARCH):
    rules = load_screening().in_profile(profile).of_family(family)
    listed = None if medications == (None,) else medications
    return drug_findings(tuple(r for r in rules if isinstance(r, DrugRule)), Subject(id="x", medications=listed))


def status(rule_id, *medications, **kwargs):
    return {f.rule_id: (f.status, f.severity) for f in findings(*medications, **kwargs)}.get(rule_id)


def names_of(match):
    return {drug.name for drug in match.drugs}


@pytest.mark.parametrize("name", sorted(STRONG))
def test_each_drug_of_the_strong_list_needs_a_reason(name):
    assert "strong" in recognise(Medication(name)).classes
    for profile in (RESEARCH, LABEL, CONSERVATIVE):
        assert status("DRUG-TMS-STRONG", Medication(name), profile=profile) == ("stop", "justify")


@pytest.mark.parametrize("name", sorted(RELATIVE))
def test_each_drug_of_the_relative_list_warns(name):
    assert recognise(Medication(name)).classes == {"relative"}
    assert status("DRUG-TMS-RELATIVE", Medication(name)) == ("warn", "warn")
    assert status("DRUG-TMS-RELATIVE", Medication(name), profile=CONSERVATIVE) == ("stop", "justify")


@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("  Amitriptylin  ", "amitriptyline"),
        ("SAROTEN", "amitriptyline"),
        ("Quétiapine", "quetiapine"),
        ("que\u0301tiapine", "quetiapine"),  # the accent as a letter of its own
        ("Elontril", "bupropion"),
        ("gamma‑hydroxybutyrate", "sodium oxybate"),  # a dash that is no hyphen
        ("BCNU", "carmustine"),
        ("Cytosine  arabinoside", "cytarabine"),
        ("cyclosporine", "ciclosporin"),
        ("Tavor", "lorazepam"),
        ("Valproinsäure", "valproic acid"),
        ("amoxicillin", "penicillins"),
        ("Cefuroxim", "cephalosporins"),
        ("Ritalin", "sympathomimetics"),
    ],
)
def test_other_names_and_brands_are_found(name, ingredient):
    assert names_of(recognise(Medication(name))) == {ingredient}


@pytest.mark.parametrize(
    "name",
    [
        "chlorpropamide",  # not chlorpromazine
        "clomipramine",  # not imipramine
        "trimipramine",
        "desipramine",
        "doxazosin",  # not doxepin
        "doxycycline",
        "norfloxacin",  # not levofloxacin
        "penicillamine",  # not penicillin
        "iproniazid",  # not isoniazid
        "amphotericin b",  # not amphetamine
        "methotrimeprazine",  # not methotrexate
        "lopinavir",  # not ritonavir
        "amitriptyline and perphenazine",
        "Amitriptylin 25 mg",
        "no clozapine",
        "cloz",
        "lithi um",
        "nortriptyline-like",
        "hydroxychloroquine",
        "valpro",
        "",
    ],
)
def test_a_name_that_only_looks_like_a_drug_is_not_it(name):
    assert recognise(Medication(name)).drugs == ()


def test_what_is_not_recognised_is_unknown_and_names_what_looks_alike():
    (found,) = [f for f in findings(Medication("chlorpropamide")) if f.status == "unknown"]
    assert found.rule_id == "DRUG-UNKNOWN"
    assert "not recognised, not judged" in found.message
    assert "chlorpromazine" in found.message
    assert status("DRUG-TMS-STRONG", Medication("chlorpropamide")) == ("pass", "justify")


@pytest.mark.parametrize(
    ("atc", "classes"),
    [
        ("N06AA09", {"strong"}),
        ("N06AB06", {"relative"}),
        ("J01DC02", {"relative"}),  # a cephalosporin that is not listed by name
        ("N05BA12", {"withdrawal", "tes-excluded"}),
        ("N05CA19", {"withdrawal"}),  # thiopental, by its group
        ("J01GB06", {"ototoxic"}),
        ("N03AX14", {"tes-excluded"}),
        ("N02BE01", set()),
    ],
)
def test_an_atc_code_leads_to_its_ingredient_or_group(atc, classes):
    match = recognise(Medication(atc=atc))
    assert match.drugs and match.classes == classes


@pytest.mark.parametrize("atc", ["N06AA99", "N06AX22", "A01AA01"])
def test_a_code_that_is_not_in_the_table_says_nothing(atc):
    assert recognise(Medication(atc=atc)).drugs == ()
    assert status("DRUG-UNKNOWN", Medication(atc=atc)) == ("unknown", "justify")


def test_an_rxnorm_id_is_compared_as_a_whole():
    assert names_of(recognise(Medication(rxnorm="704"))) == {"amitriptyline"}
    assert recognise(Medication(rxnorm="70")).drugs == ()
    assert recognise(Medication(rxnorm="7041")).drugs == ()


def test_a_name_and_a_code_that_disagree_are_both_judged_and_said():
    wrong = Medication("metformin", atc="N06AA09")
    assert recognise(wrong).is_conflict
    assert status("DRUG-CONFLICT", wrong) == ("stop", "justify")
    assert status("DRUG-TMS-STRONG", wrong) == ("stop", "justify")
    assert not recognise(Medication("lorazepam", atc="N05BA06")).is_conflict
    assert not recognise(Medication("amoxicillin", atc="J01CA04")).is_conflict
    assert not recognise(Medication("a brand nobody knows", atc="N06AA09")).is_conflict


@pytest.mark.parametrize(("answer", "expected"), [("yes", "stop"), ("unknown", "unknown"), ("no", "pass")])
def test_a_tranquilliser_matters_when_it_is_stopped(answer, expected):
    for family, rule in (("TMS", "DRUG-TMS-WITHDRAWAL"), ("tES", "DRUG-TES-WITHDRAWAL")):
        assert status(rule, Medication("diazepam", withdrawn=answer), family=family) == (expected, "justify")
    assert status("DRUG-TMS-STRONG", Medication("diazepam", withdrawn=answer)) == ("pass", "justify")


@pytest.mark.parametrize(("answer", "expected"), [("yes", "warn"), ("unknown", "unknown"), ("no", "pass")])
def test_a_change_of_dose_warns_for_drugs_that_move_the_threshold(answer, expected):
    assert status("DRUG-TMS-DOSE-CHANGE", Medication("sertraline", dose_changed=answer)) == (expected, "warn")
    assert status("DRUG-TMS-DOSE-CHANGE", Medication("metformin", dose_changed=answer)) == ("pass", "warn")


def test_ototoxic_drugs_are_judged_for_hearing_and_not_as_a_seizure_hazard():
    for name in ("gentamicin", "cisplatin", "Aminoglykoside"):
        assert recognise(Medication(name)).classes == {"ototoxic"}
        assert status("DRUG-TMS-OTOTOXIC", Medication(name)) == ("warn", "warn")
        assert status("DRUG-TMS-STRONG", Medication(name)) == ("pass", "justify")


def test_the_seizure_lists_are_not_applied_to_currents_but_the_trial_exclusions_are():
    found = {f.rule_id for f in findings(Medication("amitriptyline"), family="tES")}
    assert "DRUG-TMS-STRONG" not in found
    for name in ("lamotrigine", "lorazepam"):
        assert status("DRUG-TES-EXCLUDED", Medication(name), family="tES") == ("warn", "warn")
        assert status("DRUG-TES-EXCLUDED", Medication(name), family="tES", profile=LABEL) == ("stop", "justify")


def test_a_list_nobody_asked_for_is_unknown_and_an_empty_one_is_an_answer():
    assert status("DRUG-LIST", None) == ("unknown", "justify")
    assert [(f.rule_id, f.status) for f in findings()] == [("DRUG-LIST", "pass")]
    assert status("DRUG-LIST-TES", None, family="tES") == ("unknown", "warn")


def test_drugs_of_one_class_share_a_finding_that_names_each():
    (found,) = [f for f in findings(Medication("Saroten"), Medication("clozapine")) if f.status == "stop"]
    assert found.place == "Saroten, clozapine"
    assert "Saroten (amitriptyline); clozapine" in found.message


def test_what_is_on_a_list_from_memory_only_says_so():
    (found,) = [f for f in findings(Medication("mianserin")) if f.status == "warn"]
    assert "from memory" in found.message
    withdrawal = next(f for f in findings(Medication("alcohol", withdrawn="yes")) if f.rule_id == "DRUG-TMS-WITHDRAWAL")
    assert "from memory" in withdrawal.message


def test_no_name_and_no_code_belongs_to_two_ingredients():
    tree = json.loads(data_path("safety", "drugs.json").read_text(encoding="utf-8"))
    names = [normalised(name) for drug in load_drugs() for name in drug.names]
    codes = [code for raw in tree["ingredients"] for code in raw["atc"]]
    rxnorm = [drug.rxnorm for drug in load_drugs() if drug.rxnorm]
    groups = [code for raw in tree["groups"] for code in raw["atc_groups"]]
    for keys in (names, codes, rxnorm, groups):
        assert len(keys) == len(set(keys))


def test_every_listed_ingredient_is_found_by_each_of_its_names_and_codes():
    for drug in load_drugs():
        for name in drug.names:
            assert recognise(Medication(name)).drugs == (drug,)
        for code in drug.atc:
            assert drug in recognise(Medication(atc=code)).drugs
        if drug.rxnorm:
            assert recognise(Medication(rxnorm=drug.rxnorm)).drugs == (drug,)


def test_the_members_of_the_evidence_lists_and_no_others_are_strong():
    strong = {drug.name for drug in load_drugs() if "strong" in dict(drug.classes)}
    counted_with = {"dexamphetamine", "lisdexamfetamine", "methamphetamine", "valganciclovir", "esketamine"}
    assert strong == STRONG | counted_with | {"aminophylline", "sodium oxybate"}
    assert all(drug.note for drug in load_drugs() if drug.name in counted_with | {"aminophylline"})


def test_an_open_question_about_a_drug_is_the_one_that_is_asked():
    open_one = {f.rule_id: f.message for f in findings(Medication("lorazepam"))}
    assert "whether it is being stopped (lorazepam)" in open_one["DRUG-TMS-WITHDRAWAL"]
    assert "whether the dose was changed (lorazepam)" in open_one["DRUG-TMS-DOSE-CHANGE"]


def test_a_note_is_shown_where_it_bears_on_the_list_and_the_ingredient_with_a_brand():
    vyvanse = next(f for f in findings(Medication("Vyvanse")) if f.status == "stop")
    assert vyvanse.message.startswith("Vyvanse (lisdexamfetamine; Turned into dexamphetamine")
    changed = next(f for f in findings(Medication("Tavor", dose_changed="yes")) if f.rule_id == "DRUG-TMS-DOSE-CHANGE")
    assert changed.message.startswith("Tavor (lorazepam): the dose was changed")
    both = Medication("Tavor", atc="N06AA09", withdrawn="yes")
    messages = {f.rule_id: f.message for f in findings(both)}
    assert messages["DRUG-TMS-STRONG"].startswith("Tavor (amitriptyline): ")
    assert messages["DRUG-TMS-WITHDRAWAL"].startswith("Tavor (lorazepam): ")
    assert messages["DRUG-CONFLICT"].startswith("Tavor (amitriptyline, lorazepam): ")
    # a note about a drug of another list stays out
    valganciclovir = Medication("valcyte", atc="N05BA06", withdrawn="yes")
    messages = {f.rule_id: f.message for f in findings(valganciclovir)}
    assert "ganciclovir" not in messages["DRUG-TMS-WITHDRAWAL"]


def test_a_note_about_a_list_stays_out_of_the_question_for_the_dose():
    (drug,) = [drug for drug in load_drugs() if drug.name == "lisdexamfetamine"]
    assert drug.note
    message = next(
        f.message for f in findings(Medication("Vyvanse", dose_changed="yes")) if f.rule_id == "DRUG-TMS-DOSE-CHANGE"
    )
    assert message.startswith("Vyvanse (lisdexamfetamine): ")


def test_a_name_that_is_known_has_nothing_that_looks_alike_and_no_conflict():
    assert recognise(Medication("sertraline")).nearest == ()
    assert not recognise(Medication("sertraline")).is_conflict
    assert 0 < len(recognise(Medication("sertralin x")).nearest) <= 3
