"""A sign-off that takes a simulated field: the rules about the field are judged, and it has to be of this protocol."""

import json
import math

import attrs
import pytest
from pages import Page
from people import healthy
from runs import small_run
from test_signoff import many, pages

from stimplan.cli import run as run_cli
from stimplan.errors import InputError
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.safety import Simulated, check
from stimplan.safety.subject import Implant
from stimplan.signoff import render_signoff, signoff_pdf, signoff_record

FIELD_RULE = "TES-BRAIN-J"
PLAN = "select-tdcs"


def written(folder, **changes):
    """A folder with the record of a run, and the protocol of it."""
    folder.mkdir(exist_ok=True)
    record = {**small_run().record(), **changes}
    (folder / "summary.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "plan.json").write_text(dump_protocol(small_run().protocol), encoding="utf-8")
    return folder


def signoff(capsys, folder, protocol, *more):
    code = run_cli(
        ["signoff", str(protocol), "--out", str(folder / "sheets"), "--result", str(folder), *more, "--json"]
    )
    return code, json.loads(capsys.readouterr().out)


def finding_of(record, rule_id):
    return next((one for points in record["groups"].values() for one in points if one["rule_id"] == rule_id), None)


def test_the_field_of_a_run_is_judged_and_named(tmp_path, capsys):
    folder = written(tmp_path / "run")
    code, record = signoff(capsys, folder, folder / "plan.json")
    assert code == (3 if record["verdict"] in ("stop", "unknown") else 0)
    found = finding_of(record, FIELD_RULE)
    measured = small_run().quantities["brain_current_density_p999_A_per_m2"]
    assert found["status"] == "pass"
    assert found["value_A_per_m2"] == pytest.approx(measured, rel=1e-12)
    assert not [note for note in record["not_judged"] if FIELD_RULE in note]
    assert record["simulation"]["head"] == "small"
    html = Page((folder / "sheets" / "select-tdcs-signoff.html").read_text(encoding="utf-8")).text
    assert "field on head small" in html
    assert "brain current density p999: " in html
    assert "field on head small" in " ".join(pages((folder / "sheets" / "select-tdcs-signoff.pdf").read_bytes()))


def test_without_a_result_the_field_is_listed_as_not_judged():
    protocol = read_protocol(PLAN)
    record = signoff_record(protocol, check(protocol))
    assert record["simulation"] is None
    assert finding_of(record, FIELD_RULE) is None
    assert any(FIELD_RULE in note for note in record["not_judged"])
    assert "field on head" not in Page(render_signoff(record)).text


def test_a_field_beyond_the_animal_threshold_is_on_the_sheet(tmp_path, capsys):
    field = dict(small_run().record()["field"])
    field["brain_current_density"] = {"brain_current_density_p999_A_per_m2": 7.0}
    folder = written(tmp_path / "run", field=field)
    _, record = signoff(capsys, folder, folder / "plan.json")
    assert finding_of(record, FIELD_RULE)["status"] == "warn"


def test_a_run_of_another_protocol_is_refused_by_both_digests(tmp_path, capsys):
    folder = written(tmp_path / "run")
    code, said = signoff(capsys, folder, "fregni-2006-pain")
    assert code == 2
    words = said["problems"][0]["what"]
    assert small_run().protocol.digest in words
    assert read_protocol("fregni-2006-pain").digest in words
    assert not (folder / "sheets").exists()


def test_a_record_is_not_signed_with_the_simulation_of_another_protocol():
    protocol, other = read_protocol(PLAN), Simulated("0" * 64, "somebody")
    with pytest.raises(InputError, match="0000"):
        signoff_record(protocol, check(protocol), simulated=other)


@pytest.mark.parametrize("text", [None, "", "[1, 2]", '{"field": NaN}', "no json"])
def test_a_folder_without_a_record_is_refused(text, tmp_path, capsys):
    folder = written(tmp_path / "run")
    path = folder / "summary.json"
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    code, said = signoff(capsys, folder, folder / "plan.json")
    assert code == 2
    assert said["problems"][0]["file"].endswith("summary.json")


def test_a_number_of_the_field_that_is_none_is_unknown_and_never_a_pass(tmp_path):
    protocol = read_protocol(PLAN)
    none = Simulated(protocol.digest, "somebody", {"brain_current_density_p999_A_per_m2": math.nan})
    report = check(protocol, field=none)
    record = signoff_record(protocol, report, simulated=none)
    assert finding_of(record, FIELD_RULE)["status"] == "unknown"
    assert record["simulation"]["lines"] == ["brain current density p999: not known"]
    assert signoff_pdf(record)


def test_places_of_the_run_go_into_the_distance_from_an_implant(tmp_path, capsys):
    from stimplan.safety import dump_subject

    folder = written(tmp_path / "run")
    place = small_run().record()["montage"]["electrodes"][0]["center_mni_m"]
    subject = healthy("tes", implants=(Implant("skull-plate", tuple(place)),))
    (folder / "subject.json").write_text(dump_subject(subject), encoding="utf-8")
    _, record = signoff(capsys, folder, folder / "plan.json", "--subject", str(folder / "subject.json"))
    found = finding_of(record, "IMPLANT-TES-SITE")
    assert found["status"] == "stop"
    assert "as placed on the head 'small'" in found["message"]


@pytest.mark.parametrize("count", [1, 8, 25])
def test_the_signatures_stay_on_the_first_page_with_a_field_named_there(count):
    protocol = read_protocol(PLAN)
    simulated = Simulated(protocol.digest, "a head with a rather long name, from somebody", {"peak_A_per_m2": 0.2})
    report = attrs.evolve(check(protocol), findings=tuple(many(count) + many(count, severity="block")))
    (first, *_) = pages(signoff_pdf(signoff_record(protocol, report, simulated=simulated)))
    assert "field on head a head with a rather long name" in first
    assert "Signature" in first
