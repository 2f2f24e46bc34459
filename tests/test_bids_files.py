"""The files of a NIBS-BIDS dataset: what stands in them, what other laboratories write, and what is refused."""

from __future__ import annotations

import json
import math
import shutil
from io import StringIO
from pathlib import Path

import pytest
from spheres import ball
from test_bids_check import tms

from stimplan import cli
from stimplan.errors import InputError
from stimplan.exchange.bids import (
    Entities,
    SessionRecord,
    bids_view,
    check_bids,
    not_carried,
    protocol_from,
    read_bids,
    write_bids,
)
from stimplan.placement import place
from stimplan.protocol import Pattern, dump_protocol, protocol_tree, read_protocol


def paired(**changes) -> dict:
    """A protocol file with one electric montage."""
    electrodes = [
        {"site": "F3", "shape": {"type": "circle", "diameter_mm": 25}, "current_mA": 1, "phase_deg": 0},
        {"site": "F4", "shape": {"type": "circle", "diameter_mm": 25}, "current_mA": 1, "phase_deg": 180},
    ]
    for electrode in electrodes:
        electrode["layers"] = [{"material": "electrode_gel", "thickness_mm": 2}]
    waveform = {"type": "sinusoidal", "frequency_Hz": 10, "duration_min": 20, "ramp_up_s": 10, "ramp_down_s": None}
    return {
        "schema_version": 2,
        "id": "alpha",
        "title": None,
        "modality": "tACS",
        "stimulation": {"electrodes": electrodes, "amplitude_convention": "peak", "waveform": waveform},
        "course": {"sessions": 1, "sessions_per_day": 1, "min_gap_h": None, "schedule": None},
        **changes,
    }


def rows(path: Path) -> list[dict[str, str]]:
    columns, *lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [dict(zip(columns, line, strict=True)) for line in lines]


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_library_protocol_becomes_the_tables_of_the_proposal(tmp_path):
    write_bids(read_protocol("select-tdcs"), tmp_path)
    (nibs,), (event,) = (rows(tmp_path / f"sub-01/nibs/sub-01_task-rest_{kind}.tsv") for kind in ("nibs", "events"))
    assert (nibs["nibs_type"], nibs["stimulus_shape"], nibs["stimulus_intensity"]) == ("tES", "Rectangle", "2|-2")
    assert (nibs["nibs_element_id"], event["nibs_position_id"]) == ("E1|E2", "PE1|PE2")
    sidecar = json.loads((tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.json").read_text())
    assert sidecar["stimulus_intensity"]["Units"] == "mA"
    assert sidecar["stimulus_intensity"]["Delimiter"] == "|"
    assert [element["ElectrodeRole"] for element in sidecar["ElementSet"]] == ["anode", "cathode"]
    assert "v6.3" in sidecar["nibs_event_id"]["Description"]
    about = json.loads((tmp_path / "dataset_description.json").read_text())
    assert "v6.3" in about["GeneratedBy"][0]["Description"]
    assert about["BIDSVersion"] == "1.10.0"
    assert rows(tmp_path / "participants.tsv") == [{"participant_id": "sub-01"}]
    assert rows(tmp_path / "sub-01/sub-01_scans.tsv")[0]["filename"] == "nibs/sub-01_task-rest_nibs.tsv"


def test_ramps_are_part_of_the_stimulus_as_in_the_proposals_example(tmp_path):
    write_bids(read_protocol(paired()), tmp_path)
    (nibs,) = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.tsv")
    assert (nibs["stimulus_duration"], nibs["ramp_up"]) == ("1210", "10")
    assert "ramp_down" not in nibs  # not reported


def test_currents_in_antiphase_become_signs_that_sum_to_zero(tmp_path):
    write_bids(read_protocol(paired()), tmp_path)
    (nibs,) = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.tsv")
    assert (nibs["stimulus_intensity"], nibs["starting_phase"]) == ("1|-1", "0")


def test_currents_of_three_phases_are_refused_because_they_do_not_sum_to_zero(tmp_path):
    tree = paired()
    third = {**tree["stimulation"]["electrodes"][0], "site": "Oz"}
    tree["stimulation"]["electrodes"].append(third)
    for electrode, phase in zip(tree["stimulation"]["electrodes"], (0, 120, 240), strict=True):
        electrode["phase_deg"] = phase
    with pytest.raises(InputError, match="more than one phase"):
        write_bids(read_protocol(tree), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_pulses_at_unequal_times_are_refused(tmp_path):
    tree = tms()
    tree["stimulation"]["blocks"][0]["timing"]["stimulus"] = {"pulses": 3, "intervals_ms": [2, 10]}
    with pytest.raises(InputError, match="one interval for each layer"):
        write_bids(read_protocol(tree), tmp_path / "data")


def test_intermittent_theta_burst_has_three_layers(tmp_path):
    tree = tms()
    layers = [{"count": 3, "interval_s": 0.02}, {"count": 10, "interval_s": 0.2}, {"count": 20, "interval_s": 10}]
    tree["stimulation"]["blocks"] = tree["stimulation"]["blocks"][1:]
    tree["stimulation"]["blocks"][0]["timing"] = {"stimulus": {"pulses": 1}, "patterns": layers}
    write_bids(read_protocol(tree), tmp_path)
    (nibs,) = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.tsv")
    assert [nibs[f"pattern{k}_{part}"] for k in (1, 2, 3) for part in ("count", "interval")] == [
        "3", "0.02", "10", "0.2", "20", "10",
    ]  # fmt: skip
    assert (nibs["stimulus_intensity"], nibs["intensity_reference"]) == ("60", "absolute")


def test_a_pose_is_written_in_columns_and_the_handle_in_words(tmp_path):
    tree = tms()
    block = tree["stimulation"]["blocks"][1]
    block["placement"]["pose_mm"] = [[0.6, -0.8, 0, -40], [0.8, 0.6, 0, -20], [0, 0, 1, 80], [0, 0, 0, 1]]
    block["placement"]["handle"] = {"from_midline_deg": 45}
    write_bids(read_protocol(tree), tmp_path)
    marker = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_markers.tsv")[1]
    assert [marker[f"element_ydir_{part}"] for part in "xyz"] == ["-0.8", "0.6", "0"]
    assert [marker[f"element_centre_{part}"] for part in "xyz"] == ["-40", "-20", "80"]
    assert "[coil handle 45 deg from the midline" in marker["position_description"]
    sidecar = json.loads((tmp_path / "sub-01/nibs/sub-01_task-rest_markers.json").read_text())
    assert "the handle itself lies at -y" in sidecar["element_ydir_x"]["Description"]
    (session,) = read_bids(tmp_path)
    assert session.view.stimulation.blocks[1].placement.handle.from_midline_rad == pytest.approx(math.pi / 4)


def test_measured_thresholds_give_the_delivered_intensities(tmp_path):
    record = SessionRecord("completed", (50.0, 4.0), thresholds=(("rMT", 0.5),))
    write_bids(read_protocol(tms()), tmp_path, record=record)
    first = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.tsv")[0]
    assert (first["pattern1_intensity"], first["intensity_scaling"]) == ("35|50", "0.7|1")
    (session,) = read_bids(tmp_path)
    assert session.record == record


def test_the_record_of_a_session_comes_back(tmp_path):
    record = SessionRecord(
        "stopped",
        (600.5,),
        start="2026-03-01T09:30:00",
        status_description="headache",
        subject_feedback="itching under the anode",
        validation="observed",
        impedances_ohm=(5000.0, 6100.0),
    )
    write_bids(read_protocol("select-tdcs"), tmp_path, record=record, entities=Entities("x1", session="2"))
    (session,) = read_bids(tmp_path)
    assert session.record == record
    assert session.entities == Entities("x1", session="2")
    assert rows(tmp_path / "sub-x1/ses-2/sub-x1_ses-2_scans.tsv")[0]["acq_time"] == record.start


@pytest.mark.parametrize(
    "record, place",
    [
        (SessionRecord("n/a", (60.0,)), "record.status"),
        (SessionRecord("completed", ()), "record.durations_s"),
        (SessionRecord("completed", (60.0,), impedances_ohm=(1.0,)), "record.impedances_ohm"),
        (SessionRecord("completed", (60.0,), validation="sure"), "record.validation"),
        (SessionRecord("completed", (60.0,), start="yesterday"), "record.start"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(tmp_path, record, place):
    with pytest.raises(InputError) as error:
        write_bids(read_protocol("select-tdcs"), tmp_path / "data", record=record)
    assert [problem.where for problem in error.value.problems] == [place]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("label", ["a-b", "", "ü", "a b"])
def test_labels_are_letters_and_digits(label):
    with pytest.raises(InputError, match="BIDS label"):
        Entities(label)


def test_nothing_is_overwritten_without_force(tmp_path):
    write_bids(read_protocol("select-tdcs"), tmp_path)
    before = files(tmp_path)
    with pytest.raises(InputError, match="is there already"):
        write_bids(read_protocol(paired()), tmp_path)
    assert files(tmp_path) == before
    write_bids(read_protocol(paired()), tmp_path, force=True)
    (session,) = read_bids(tmp_path)
    assert session.view.id == "alpha"
    assert check_bids(tmp_path) == ()


def test_force_leaves_no_table_of_an_older_run_behind(tmp_path):
    tree = tms()
    del tree["stimulation"]["blocks"][0]["gap_s"]  # then each block has a table of its own
    write_bids(read_protocol(tree), tmp_path)
    assert len(list(tmp_path.glob("sub-01/nibs/*_nibs.tsv"))) == 2
    write_bids(read_protocol("select-tdcs"), tmp_path, force=True)
    (session,) = read_bids(tmp_path)
    assert session.protocol == read_protocol("select-tdcs")
    assert [row["filename"] for row in rows(tmp_path / "sub-01/sub-01_scans.tsv")] == ["nibs/sub-01_task-rest_nibs.tsv"]


def test_a_dataset_keeps_its_own_files(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"Name": "Ours", "BIDSVersion": "1.8.0"}')
    (tmp_path / "README").write_text("ours")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-07\t30\n")
    (tmp_path / ".bidsignore").write_text("extra/")
    (tmp_path / "sub-01").mkdir()
    scans = tmp_path / "sub-01" / "sub-01_scans.tsv"
    scans.write_text("filename\tacq_time\neeg/sub-01_task-rest_eeg.vhdr\tn/a\n")
    write_bids(read_protocol("select-tdcs"), tmp_path)
    write_bids(read_protocol(paired()), tmp_path, entities=Entities("07", session="1"))
    assert json.loads((tmp_path / "dataset_description.json").read_text())["Name"] == "Ours"
    assert not (tmp_path / "README.md").exists()
    assert rows(tmp_path / "participants.tsv") == [
        {"participant_id": "sub-07", "age": "30"},
        {"participant_id": "sub-01", "age": "n/a"},
    ]
    assert [row["filename"] for row in rows(scans)] == [
        "eeg/sub-01_task-rest_eeg.vhdr",
        "nibs/sub-01_task-rest_nibs.tsv",
    ]
    assert (tmp_path / ".bidsignore").read_text() == "extra/\n**/nibs\n"
    assert [session.view.id for session in read_bids(tmp_path)] == ["select-tdcs", "alpha"]


def test_a_failure_on_the_way_leaves_the_dataset_as_it_was(tmp_path, monkeypatch):
    write_bids(read_protocol("select-tdcs"), tmp_path)
    before = files(tmp_path)
    moved = []
    replace = Path.replace

    def fails(self, target):
        moved.append(target)
        if len(moved) == 5:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails)
        with pytest.raises(OSError, match="No space"):
            write_bids(read_protocol(paired()), tmp_path, entities=Entities("02"), force=True)
        assert len(moved) >= 5
    assert files(tmp_path) == before
    assert not list(tmp_path.glob(".stimplan-*"))
    assert not (tmp_path / "sub-02").exists()


def test_a_folder_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InputError, match="cannot be made"):
        write_bids(read_protocol("select-tdcs"), tmp_path / "data")


def test_the_placement_gives_centres_and_axes(tmp_path):
    head = ball()
    protocol = read_protocol("select-tdcs")
    placement = place(protocol, head)
    write_bids(protocol, tmp_path, placement=placement)
    marker = rows(tmp_path / "sub-01/nibs/sub-01_task-rest_markers.tsv")[0]
    patch = placement.electrodes[0]
    center = [float(marker[f"element_centre_{part}"]) / 1e3 for part in "xyz"]
    into_head = [float(marker[f"element_zdir_{part}"]) for part in "xyz"]
    assert center == pytest.approx(list(patch.center_m))
    assert into_head == pytest.approx(list(-patch.normal), abs=1e-9)
    system = json.loads((tmp_path / "sub-01/nibs/sub-01_task-rest_coordsystem.json").read_text())
    assert head.name in system["NIBSCoordinateSystemDescription"]
    assert check_bids(tmp_path) == ()
    (session,) = read_bids(tmp_path)
    assert session.view == bids_view(protocol, placement=placement)
    said = {problem.where.split(", ")[1].rpartition("_")[0] for problem in session.not_understood}
    assert said == {"element_centre", "element_xdir", "element_ydir", "element_zdir"}


def test_an_edited_table_is_reported_against_the_plan(tmp_path):
    write_bids(read_protocol("select-tdcs"), tmp_path)
    path = tmp_path / "sub-01/nibs/sub-01_task-rest_nibs.tsv"
    path.write_text(path.read_text().replace("2|-2", "1|-1"))
    (session,) = read_bids(tmp_path)
    assert set(session.differences) == {
        "$.stimulation.electrodes[0].current_mA",
        "$.stimulation.electrodes[1].current_mA",
    }
    assert session.protocol == read_protocol("select-tdcs")


def test_whatever_is_not_carried_is_listed():
    protocol = read_protocol("select-tdcs")
    listed = not_carried(protocol)
    assert "$.course.sessions" in listed
    assert "$.source.citation" in listed
    assert not any(path.startswith("$.stimulation.waveform") for path in listed)
    leaves = set(tree_leaves(protocol_tree(protocol), "$")) - {"$.schema_version"}
    view = protocol_from(bids_view(protocol), course=protocol.course)
    held = {path for path in tree_leaves(protocol_tree(view), "$") if not path.startswith("$.course")}
    assert leaves == set(listed) | (held & leaves)


def tree_leaves(tree, path):
    if isinstance(tree, dict) and tree:
        return [leaf for key, value in tree.items() for leaf in tree_leaves(value, f"{path}.{key}")]
    if isinstance(tree, list) and tree:
        return [leaf for number, value in enumerate(tree) for leaf in tree_leaves(value, f"{path}[{number}]")]
    return [] if tree in (None, [], {}) else [path]


def test_a_dataset_without_the_plan_makes_a_protocol_again_with_a_course(tmp_path):
    protocol = read_protocol(paired())
    write_bids(protocol, tmp_path)
    shutil.rmtree(tmp_path / "sourcedata")
    (session,) = read_bids(tmp_path)
    made = protocol_from(session.view, course=protocol.course)
    assert read_protocol(dump_protocol(made)) == made
    assert bids_view(made) == bids_view(protocol)


def foreign(root: Path, *, nibs: str, sidecar: dict, markers: str, events: str) -> None:
    """A dataset as another laboratory writes it."""
    folder = root / "sub-001" / "nibs"
    folder.mkdir(parents=True)
    stem = "sub-001_task-rest_acq-a"
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    for kind, table in (("nibs", nibs), ("markers", markers), ("events", events)):
        (folder / f"{stem}_{kind}.tsv").write_text(table.replace(" ", "\t"))
        described = sidecar if kind == "nibs" else {"nibs_position_id": {"Delimiter": "|"}}
        (folder / f"{stem}_{kind}.json").write_text(json.dumps(described))


def test_other_units_other_layers_and_areas_are_understood(tmp_path):
    number = {"Format": "number"}
    foreign(
        tmp_path,
        nibs="nibs_event_id nibs_type nibs_element_id stimulus_shape stimulus_duration pattern1_count "
        "pattern1_interval pattern2_frequency pattern2_duration pattern3_count pattern3_interval "
        "intensity_reference intensity_scaling\n"
        "iTBS TMS coil Biphasic 200 3 20 5 2 20 10000 aMT 0.8\n",
        sidecar={
            "ElementSet": [
                {"ElementID": "coil", "ElementType": "coil", "CoilShape": "figure-of-eight", "SerialNumber": "7"}
            ],
            "IntensitySet": [{"IntensityID": "aMT", "Value": 40, "Units": "% Maximum Stimulator Output"}],
            "stimulus_duration": {"Units": "us"},
            "pattern1_count": number,
            "pattern1_interval": {"Units": "ms"},
            "pattern2_frequency": {"Units": "Hz"},
            "pattern2_duration": {"Units": "s"},
            "pattern3_count": number,
            "pattern3_interval": {"Units": "ms"},
        },
        markers="nibs_position_id nibs_element_id position_label\nM1 coil C3\n",
        events="onset duration nibs_event_id nibs_position_id\n0 192 iTBS M1\n400 192 iTBS M1\n",
    )
    assert check_bids(tmp_path) == ()
    (session,) = read_bids(tmp_path)
    (block,) = session.view.stimulation.blocks
    assert block.timing.patterns == (Pattern(3, 0.02), Pattern(10, 0.2), Pattern(20, 10.0))
    assert (block.intensity.value_fraction, block.intensity.reference) == (0.8, "aMT")
    told = {problem.where for problem in session.not_understood}
    assert told == {"iTBS", "iTBS, stimulus_duration", "ElementSet.SerialNumber"}


@pytest.mark.parametrize(
    "change, where",
    [
        (("tES", "TUS"), "nibs_type"),
        (("Rectangle", "Custom"), "stimulus_shape"),
        (("2|-2", "2|x"), "stimulus_intensity"),
        (("2|-2", "2|-1"), ""),
        (("E1|E2", "E1|E9"), "nibs_element_id"),
        (("1200", "n/a"), "stimulus_duration"),
    ],
)
def test_what_is_no_protocol_is_said_and_not_guessed(tmp_path, change, where):
    element = {"ElementType": "electrode", "ElectrodeRole": "other", "Shape": "rectangular"}
    size = {"ElectrodeSize": {"Value": [5, 7], "Units": "cm"}, "ElectrodeContactMedium": "saline"}
    table = (
        "nibs_event_id nibs_type nibs_element_id stimulus_shape stimulus_intensity stimulus_duration\n"
        "a tES E1|E2 Rectangle 2|-2 1200\n"
    )
    parts = {
        "sidecar": {
            "ElementSet": [{"ElementID": name, **element, **size} for name in ("E1", "E2")],
            "stimulus_intensity": {"Units": "mA", "Delimiter": "|"},
            "stimulus_duration": {"Units": "s"},
            "nibs_element_id": {"Delimiter": "|"},
        },
        "markers": "nibs_position_id nibs_element_id position_label\nP1 E1 C3\nP2 E2 Fp2\n",
        "events": "onset duration nibs_event_id nibs_position_id\n0 1200 a P1|P2\n",
    }
    foreign(tmp_path / "sound", nibs=table, **parts)
    (sound,) = read_bids(tmp_path / "sound")
    assert sound.view.stimulation.electrodes[0].shape.width_m == 0.05
    assert {problem.where for problem in sound.not_understood} == {"ElementSet.ElectrodeContactMedium"}
    foreign(tmp_path / "other", nibs=table.replace(*change), **parts)
    (other,) = read_bids(tmp_path / "other")
    assert other.view is None
    (problem,) = other.not_understood
    assert where in problem.where
    assert problem.file == "sub-001/nibs/sub-001_task-rest_acq-a_nibs.tsv"


def test_a_folder_without_stimulation_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        read_bids(tmp_path)


def test_a_broken_table_is_refused_with_its_line(tmp_path):
    write_bids(read_protocol("select-tdcs"), tmp_path)
    path = tmp_path / "sub-01/nibs/sub-01_task-rest_events.tsv"
    path.write_text(path.read_text() + "0\t1\n")
    with pytest.raises(InputError, match="line 3"):
        read_bids(tmp_path)


def test_the_command_writes_and_reads(tmp_path):
    out = StringIO()
    args = ["bids", "write", "select-tdcs", str(tmp_path), "--subject", "03", "--session", "a", "--json"]
    assert cli.run(args, stdout=out, stderr=StringIO()) == 0
    assert "$.course.sessions" in json.loads(out.getvalue())["not_carried"]
    assert cli.run(args, stdout=StringIO(), stderr=StringIO()) == 2
    assert cli.run([*args, "--force"], stdout=StringIO(), stderr=StringIO()) == 0
    out = StringIO()
    assert cli.run(["bids", "read", str(tmp_path), "--json"], stdout=out, stderr=StringIO()) == 0
    (session,) = json.loads(out.getvalue())["sessions"]
    assert (session["name"], session["technique"], session["has_plan"]) == ("sub-03_ses-a_task-rest", "tDCS", True)
    out = StringIO()
    assert cli.run(["bids", "read", str(tmp_path)], stdout=out, stderr=StringIO()) == 0
    assert "planned, no record of a session" in out.getvalue()
