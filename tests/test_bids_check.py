"""The NIBS-BIDS checker: sound datasets pass, and each kind of fault gives its finding at its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from stimplan import cli
from stimplan.errors import InputError
from stimplan.exchange.bids import Entities, SessionRecord, check_bids, write_bids
from stimplan.protocol import list_protocols, read_protocol

STEM = "sub-01/nibs/sub-01_task-rest"
COIL = "sub-02/nibs/sub-02_task-rest"


def tms(**changes):
    """Two places of one protocol: a paired pulse at a site, a train at a pose."""
    place = {"site": "C3", "method": "hot spot"}
    pose = [[1, 0, 0, -40], [0, 1, 0, -20], [0, 0, 1, 80], [0, 0, 0, 1]]
    base = {"pulse": {"shape": "biphasic", "current_direction": None}, "threshold": None}
    blocks = [
        {
            **base,
            "timing": {
                "stimulus": {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [70, 100]},
                "patterns": [{"count": 10, "interval_s": 5}],
            },
            "intensity": {"value_percent": 100, "reference": "rMT"},
            "placement": place,
            "gap_s": 60,
        },
        {
            **base,
            "timing": {"stimulus": {"pulses": 1}, "patterns": [{"count": 40, "interval_s": 0.1}]},
            "intensity": {"value_percent": 60, "reference": "MSO"},
            "placement": {"pose_mm": pose, "method": "robot"},
        },
    ]
    return {
        "schema_version": 2,
        "id": "both",
        "title": "Two blocks",
        "modality": "TMS",
        "stimulation": {
            "coil": {"family": "figure-8", "model": "D70"},
            "stimulator": {"manufacturer": "Magstim", "model": "Rapid2"},
            "blocks": blocks,
        },
        "course": {"sessions": 1, "sessions_per_day": 1, "min_gap_h": None, "schedule": None},
        **changes,
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One tDCS and one TMS session, delivered and measured."""
    root = tmp_path / "data"
    tdcs = read_protocol("select-tdcs")
    record = SessionRecord("completed", (1860.0,), start="2026-03-01T09:30:00", impedances_ohm=(5000.0, 6000.0))
    write_bids(tdcs, root, record=record)
    coil = SessionRecord("completed", (50.0, 4.0), thresholds=(("rMT", 0.5),))
    write_bids(read_protocol(tms()), root, record=coil, entities=Entities("02"))
    return root


def test_a_sound_dataset_has_no_finding(dataset):
    assert check_bids(dataset) == ()


def test_every_protocol_of_the_library_makes_a_dataset_without_an_error(tmp_path):
    refused = set()
    for number, entry in enumerate(list_protocols()):
        try:
            write_bids(read_protocol(entry.id), tmp_path, entities=Entities(f"{number:03d}"))
        except InputError as error:
            refused.add(entry.id)
            assert "NIBS-BIDS v6.3 has one reference" in str(error)
    assert refused == {"kujirai-1993-sici"}  # its two pulses have different references
    findings = check_bids(tmp_path)
    assert [str(finding) for finding in findings if finding.severity == "error"] == []
    assert {finding.rule for finding in findings} <= {"reference-value", "onset"}


Change = Callable[[Path], None]


def text(file: str, old: str, new: str) -> Change:
    """Replace a piece of text."""

    def change(root: Path) -> None:
        have = (root / file).read_text(encoding="utf-8")
        assert old in have, f"{old!r} is not in {file}:\n{have}"
        (root / file).write_text(have.replace(old, new, 1), encoding="utf-8", newline="")

    return change


def cell(file: str, line: int, column: str, value: str) -> Change:
    """Set a cell of a table, adding the column where it is new."""

    def change(root: Path) -> None:
        lines = [one.split("\t") for one in (root / file).read_text(encoding="utf-8").splitlines()]
        if column not in lines[0]:
            lines = [[*one, column if number == 0 else "n/a"] for number, one in enumerate(lines)]
        lines[line - 1][lines[0].index(column)] = value
        (root / file).write_text("\n".join("\t".join(one) for one in lines) + "\n", encoding="utf-8")

    return change


def sidecar(file: str, change_tree: Callable[[dict], object]) -> Change:
    """Change a JSON file."""

    def change(root: Path) -> None:
        tree = json.loads((root / file).read_text(encoding="utf-8"))
        change_tree(tree)
        (root / file).write_text(json.dumps(tree), encoding="utf-8")

    return change


def both(*changes: Change) -> Change:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def new(file: str, data: bytes = b"{}") -> Change:
    return lambda root: (root / file).write_bytes(data) and None


def gone(file: str) -> Change:
    return lambda root: (root / file).unlink()


def drop(key: str) -> Callable[[dict], object]:
    return lambda tree: tree.pop(key)


def put(*path_and_value) -> Callable[[dict], object]:
    """Set `tree[a][b]… = value`."""
    *path, last, value = path_and_value

    def change(tree: dict) -> None:
        for step in path:
            tree = tree[step]
        tree[last] = value

    return change


NIBS, MARKERS, EVENTS = (f"{STEM}_{kind}.tsv" for kind in ("nibs", "markers", "events"))
NIBS_JSON, MARKERS_JSON, SYSTEM = f"{STEM}_nibs.json", f"{STEM}_markers.json", f"{STEM}_coordsystem.json"
T_NIBS, T_MARKERS, T_EVENTS = (f"{COIL}_{kind}.tsv" for kind in ("nibs", "markers", "events"))
T_JSON = f"{COIL}_nibs.json"
LAYER = {"Units": "Hz", "Description": "rate"}

# name of the case -> (change, rule, severity, file, line, column)
BROKEN: dict[str, tuple[Change, str, str, str, int | None, str | None]] = {
    # the dataset and its files
    "no description": (gone("dataset_description.json"), "dataset", "error", "dataset_description.json", None, None),
    "no version": (
        sidecar("dataset_description.json", drop("BIDSVersion")),
        "dataset", "error", "dataset_description.json", None, "BIDSVersion",
    ),
    "unknown suffix": (new("sub-01/nibs/sub-01_task-rest_pulses.tsv"), "file-name", "error",
                       "sub-01/nibs/sub-01_task-rest_pulses.tsv", None, None),
    "another subject": (new("sub-01/nibs/sub-03_task-rest_nibs.json"), "file-name", "error",
                        "sub-01/nibs/sub-03_task-rest_nibs.json", None, None),
    "no task": (new("sub-01/nibs/sub-01_nibs.json"), "file-name", "error", "sub-01/nibs/sub-01_nibs.json", None, None),
    "entities out of order": (new("sub-01/nibs/sub-01_acq-a_task-rest_nibs.json"), "file-name", "error",
                              "sub-01/nibs/sub-01_acq-a_task-rest_nibs.json", None, None),
    "entity of v6.2": (new("sub-01/nibs/sub-01_task-rest_stimsys-tms_nibs.json"), "file-name", "error",
                       "sub-01/nibs/sub-01_task-rest_stimsys-tms_nibs.json", None, None),
    "unknown entity": (new("sub-01/nibs/sub-01_task-rest_coil-1_nibs.json"), "file-name", "error",
                       "sub-01/nibs/sub-01_task-rest_coil-1_nibs.json", None, None),
    "label with a hyphen": (new("sub-01/nibs/sub-01_task-re-st_nibs.json"), "file-name", "error",
                            "sub-01/nibs/sub-01_task-re-st_nibs.json", None, None),
    "no sidecar": (gone(NIBS_JSON), "sidecar", "error", NIBS, None, None),
    "no sidecar of events": (gone(f"{STEM}_events.json"), "sidecar", "error", EVENTS, None, None),
    "a timeline alone": (gone(NIBS), "companion", "error", EVENTS, None, None),
    # form
    "ragged row": (text(NIBS, "select-tdcs\ttES\t", "select-tdcs\ttES\tx\t"), "tsv-form", "error", NIBS, 2, None),
    "empty cell": (cell(MARKERS, 2, "target_label", ""), "tsv-form", "error", MARKERS, 2, "target_label"),
    "carriage returns": (text(EVENTS, "\n", "\r\n"), "tsv-form", "error", EVENTS, 1, None),
    "byte order mark": (text(EVENTS, "onset", "\ufeffonset"), "tsv-form", "error", EVENTS, 1, None),
    "not UTF-8": (new(EVENTS, b"onset\tduration\n\xff\xfe\t1\n"), "tsv-form", "error", EVENTS, 2, None),
    "empty table": (new(EVENTS, b""), "tsv-form", "error", EVENTS, 1, None),
    "column twice": (text(EVENTS, "duration", "onset"), "tsv-form", "error", EVENTS, 1, "onset"),
    "column without a name": (text(EVENTS, "onset\t", "\t"), "tsv-form", "error", EVENTS, 1, None),
    "no JSON": (new(NIBS_JSON, b"{"), "json-form", "error", NIBS_JSON, None, None),
    "key twice": (text(NIBS_JSON, "{", '{"TaskName": "a",'), "json-form", "error", NIBS_JSON, None, "$.TaskName"),
    # *_nibs.tsv
    "no type": (text(NIBS, "nibs_type", "kind"), "required-column", "error", NIBS, 1, "nibs_type"),
    "no id column": (text(NIBS, "nibs_event_id", "name"), "required-column", "error", NIBS, 1, "nibs_event_id"),
    "id missing": (cell(NIBS, 2, "nibs_event_id", "n/a"), "id-missing", "error", NIBS, 2, "nibs_event_id"),
    "id twice": (cell(T_NIBS, 3, "nibs_event_id", "both_1"), "id-unique", "error", T_NIBS, 3, "nibs_event_id"),
    "unknown type": (cell(NIBS, 2, "nibs_type", "TES"), "vocabulary", "error", NIBS, 2, "nibs_type"),
    "unknown shape": (cell(NIBS, 2, "stimulus_shape", "Square"), "vocabulary", "error", NIBS, 2, "stimulus_shape"),
    "shape of another type": (cell(NIBS, 2, "stimulus_shape", "Biphasic"), "shape-of-type", "error", NIBS, 2,
                              "stimulus_shape"),
    "custom without words": (cell(NIBS, 2, "stimulus_shape", "Custom"), "custom-description", "error", NIBS, 2,
                             "stimulus_description"),
    "unknown inflection": (cell(T_NIBS, 2, "first_inflection", "up"), "vocabulary", "error", T_NIBS, 2,
                           "first_inflection"),
    "unknown direction": (cell(T_NIBS, 2, "current_direction", "PA"), "vocabulary", "error", T_NIBS, 2,
                          "current_direction"),
    "coil direction for tES": (cell(NIBS, 2, "current_direction", "cl"), "direction-of-type", "error", NIBS, 2,
                               "current_direction"),
    "unknown validation": (cell(NIBS, 2, "stimulus_validation", "yes"), "vocabulary", "error", NIBS, 2,
                           "stimulus_validation"),
    "unknown reference": (cell(T_NIBS, 2, "intensity_reference", "RMT|RMT"), "vocabulary", "error", T_NIBS, 2,
                          "intensity_reference"),
    "scaling in words": (cell(T_NIBS, 2, "intensity_scaling", "80%|1"), "scaling", "error", T_NIBS, 2,
                         "intensity_scaling"),
    "factor on absolute": (cell(T_NIBS, 3, "intensity_scaling", "0.8"), "scaling", "error", T_NIBS, 3,
                           "intensity_scaling"),
    "scaling not aligned": (cell(T_NIBS, 2, "intensity_scaling", "0.7|1|1"), "alignment", "error", T_NIBS, 2,
                            "intensity_scaling"),
    "no number": (cell(NIBS, 2, "stimulus_duration", "20 min"), "number", "error", NIBS, 2, "stimulus_duration"),
    "negative duration": (cell(NIBS, 2, "stimulus_duration", "-5"), "negative", "error", NIBS, 2, "stimulus_duration"),
    "currents do not balance": (cell(NIBS, 2, "stimulus_intensity", "2|-1.9"), "tes-sum", "error", NIBS, 2,
                                "stimulus_intensity"),
    "one current for two": (cell(NIBS, 2, "stimulus_intensity", "2"), "alignment", "error", NIBS, 2,
                            "stimulus_intensity"),
    "three impedances": (cell(NIBS, 2, "contact_impedance", "5|5|5"), "alignment", "error", NIBS, 2,
                         "contact_impedance"),
    "no unit": (sidecar(NIBS_JSON, lambda tree: tree["stimulus_duration"].pop("Units")), "units", "error", NIBS, 1,
                "stimulus_duration"),
    "unit in words": (sidecar(NIBS_JSON, put("stimulus_duration", "Units", "seconds")), "unit-word", "warning",
                      NIBS_JSON, None, "stimulus_duration"),
    "no format": (sidecar(T_JSON, lambda tree: tree["pattern1_count"].pop("Format")), "format", "warning", T_NIBS, 1,
                  "pattern1_count"),
    "bar undeclared": (sidecar(NIBS_JSON, lambda tree: tree["nibs_element_id"].pop("Delimiter")), "delimiter", "error",
                       NIBS, 2, "nibs_element_id"),
    "frequency against interval": (
        both(cell(T_NIBS, 3, "pattern1_frequency", "5"), sidecar(T_JSON, put("pattern1_frequency", LAYER))),
        "layer-frequency", "error", T_NIBS, 3, "pattern1_frequency",
    ),
    "duration against count": (
        both(cell(T_NIBS, 3, "pattern1_duration", "5"), sidecar(T_JSON, put("pattern1_duration", {"Units": "s"}))),
        "layer-duration", "error", T_NIBS, 3, "pattern1_duration",
    ),
    "duration against frequency": (
        both(
            cell(T_NIBS, 3, "pattern1_interval", "n/a"),
            cell(T_NIBS, 3, "pattern1_frequency", "10"),
            cell(T_NIBS, 3, "pattern1_duration", "5"),
            sidecar(T_JSON, put("pattern1_duration", {"Units": "s"})),
            sidecar(T_JSON, put("pattern1_frequency", LAYER)),
        ),
        "layer-duration", "error", T_NIBS, 3, "pattern1_duration",
    ),
    "a layer is missing": (
        both(cell(T_NIBS, 3, "pattern1_count", "n/a"), cell(T_NIBS, 3, "pattern1_interval", "n/a"),
             cell(T_NIBS, 3, "pattern2_count", "2"), cell(T_NIBS, 3, "pattern2_interval", "9")),
        "layer-order", "error", T_NIBS, 3, "pattern2_count",
    ),
    "a layer says too little": (cell(T_NIBS, 3, "pattern1_interval", "n/a"), "layer-incomplete", "warning", T_NIBS, 3,
                                "pattern1_count"),
    "intensities against count": (cell(T_NIBS, 2, "pattern1_intensity", "35|40|50"), "layer-intensity", "error",
                                  T_NIBS, 2, "pattern1_intensity"),
    "intensities twice": (cell(T_NIBS, 2, "stimulus_intensity", "50"), "layer-intensity", "error", T_NIBS, 2,
                          "stimulus_intensity"),
    "a time nobody reads": (cell(NIBS, 2, "timestamp", "1 March"), "timestamp", "error", NIBS, 2, "timestamp"),
    "column of v6.2": (text(NIBS, "nibs_element_id", "electrode_id"), "old-column", "error", NIBS, 1, "electrode_id"),
    "column nobody knows": (cell(NIBS, 2, "stimulus_strength", "1"), "unknown-column", "warning", NIBS, 1,
                            "stimulus_strength"),
    # *_nibs.json
    "device unknown": (cell(T_NIBS, 2, "stimulator_id", "other"), "unresolved", "error", T_NIBS, 2, "stimulator_id"),
    "element unknown": (cell(NIBS, 2, "nibs_element_id", "E1|E9"), "unresolved", "error", NIBS, 2, "nibs_element_id"),
    "reference unknown": (sidecar(T_JSON, drop("IntensitySet")), "unresolved", "error", T_NIBS, 2,
                          "intensity_reference"),
    "device as one object": (sidecar(T_JSON, lambda t: t.update(StimulatorSet=t["StimulatorSet"][0])), "set-form",
                             "warning", T_JSON, None, "StimulatorSet"),
    "elements as text": (sidecar(T_JSON, put("ElementSet", ["coil_1"])), "set-form", "error", T_JSON, None,
                         "ElementSet"),
    "element without id": (sidecar(T_JSON, lambda t: t["ElementSet"][0].pop("ElementID")), "id-missing", "error",
                           T_JSON, None, "ElementSet.ElementID"),
    "element id with a bar": (sidecar(T_JSON, put("ElementSet", 0, "ElementID", "a|b")), "id-form", "error", T_JSON,
                              None, "ElementSet.ElementID"),
    "element twice": (sidecar(NIBS_JSON, put("ElementSet", 1, "ElementID", "E1")), "id-unique", "error", NIBS_JSON,
                      None, "ElementSet.ElementID"),
    "element of no type": (sidecar(T_JSON, put("ElementSet", 0, "ElementType", "Coil")), "element-type", "error",
                           T_JSON, None, "ElementSet.ElementType"),
    "electrode without a role": (sidecar(NIBS_JSON, lambda t: t["ElementSet"][0].pop("ElectrodeRole")),
                                 "electrode-role", "error", NIBS_JSON, None, "ElementSet.ElectrodeRole"),
    "transducer of no type": (sidecar(T_JSON, put("ElementSet", 0, "TransducerType", "big")), "transducer-type",
                              "error", T_JSON, None, "ElementSet.TransducerType"),
    "size without a unit": (sidecar(NIBS_JSON, lambda t: t["ElementSet"][0]["ElectrodeSize"].pop("Units")), "size",
                            "error", NIBS_JSON, None, "ElementSet.ElectrodeSize"),
    "threshold without a number": (sidecar(T_JSON, put("IntensitySet", 0, "Value", "50 %")), "reference-value",
                                   "error", T_JSON, None, "IntensitySet.Value"),
    "threshold not measured": (sidecar(T_JSON, put("IntensitySet", 0, "Value", "n/a")), "reference-value", "warning",
                               T_JSON, None, "IntensitySet.Value"),
    "threshold without a unit": (sidecar(T_JSON, lambda t: t["IntensitySet"][0].pop("Units")), "reference-units",
                                 "error", T_JSON, None, "IntensitySet.Units"),
    "threshold of another name": (sidecar(T_JSON, put("IntensitySet", 0, "IntensityID", "rmt")), "reference-word",
                                  "warning", T_JSON, None, "IntensitySet.IntensityID"),
    "old key": (sidecar(T_JSON, put("StimulatorSet", 0, "ManufacturerModelName", "x")), "old-key", "warning", T_JSON,
                None, "StimulatorSet.ManufacturerModelName"),
    "old type of a threshold": (sidecar(T_JSON, put("IntensitySet", 0, "Type", "x")), "old-key", "warning", T_JSON,
                                None, "IntensitySet.Type"),
    "navigation in the old place": (sidecar(T_JSON, put("NavigationSystem", {"Navigation": True})), "old-key",
                                    "warning", T_JSON, None, "NavigationSystem"),
    "modalities as text": (sidecar(T_JSON, put("ConcurrentModalities", "eeg")), "key-type", "error", T_JSON, None,
                           "ConcurrentModalities"),
    "task as number": (sidecar(T_JSON, put("TaskName", 1)), "key-type", "error", T_JSON, None, "TaskName"),
    "intensity is not the product": (cell(T_NIBS, 2, "pattern1_intensity", "35|70"), "delivered", "warning", T_NIBS, 2,
                                     "pattern1_intensity"),
    # *_events.tsv
    "no onset": (text(EVENTS, "onset", "time"), "required-column", "error", EVENTS, 1, "onset"),
    "onset in words": (cell(EVENTS, 2, "onset", "soon"), "number", "error", EVENTS, 2, "onset"),
    "onset not known": (cell(EVENTS, 2, "onset", "n/a"), "onset", "warning", EVENTS, 2, "onset"),
    "negative length": (cell(EVENTS, 2, "duration", "-1"), "negative", "error", EVENTS, 2, "duration"),
    "what was it": (cell(EVENTS, 2, "nibs_event_id", "tDCS"), "unresolved", "error", EVENTS, 2, "nibs_event_id"),
    "where was it": (cell(EVENTS, 2, "nibs_position_id", "PE1|PE7"), "unresolved", "error", EVENTS, 2,
                     "nibs_position_id"),
    "one position of two": (cell(EVENTS, 2, "nibs_position_id", "PE1"), "alignment", "error", EVENTS, 2,
                            "nibs_position_id"),
    "positions swapped": (cell(EVENTS, 2, "nibs_position_id", "PE2|PE1"), "element-order", "error", EVENTS, 2,
                          "nibs_position_id"),
    "never delivered": (cell(T_EVENTS, 3, "nibs_event_id", "both_1"), "unused", "warning", T_NIBS, 3, "nibs_event_id"),
    "out of order": (cell(T_EVENTS, 3, "onset", "-3"), "order", "warning", T_EVENTS, 3, "onset"),
    "no timeline": (both(gone(EVENTS), gone(f"{STEM}_events.json")), "no-events", "error", NIBS, None, None),
    # *_markers.tsv, *_coordsystem.json
    "no position id": (text(MARKERS, "nibs_position_id", "place"), "required-column", "error", MARKERS, 1,
                       "nibs_position_id"),
    "position twice": (cell(MARKERS, 3, "nibs_position_id", "PE1"), "id-unique", "error", MARKERS, 3,
                       "nibs_position_id"),
    "element of a position unknown": (cell(MARKERS, 3, "nibs_element_id", "E7"), "unresolved", "error", MARKERS, 3,
                                      "nibs_element_id"),
    "half a point": (cell(MARKERS, 2, "target_y", "n/a"), "point-whole", "error", MARKERS, 2, "target_x"),
    "half a pose": (cell(T_MARKERS, 3, "element_ydir_z", "n/a"), "point-whole", "error", T_MARKERS, 3,
                    "element_xdir_x"),
    "a long axis": (cell(T_MARKERS, 3, "element_ydir_y", "1.1"), "axis-unit", "error", T_MARKERS, 3, "element_ydir_x"),
    "a slanted axis": (
        both(cell(T_MARKERS, 3, "element_ydir_y", "0.8"), cell(T_MARKERS, 3, "element_ydir_x", "0.6")),
        "axis-orthogonal", "error", T_MARKERS, 3, "element_ydir_x",
    ),
    "left-handed": (cell(T_MARKERS, 3, "element_xdir_x", "-1"), "axis-handed", "error", T_MARKERS, 3,
                    "element_xdir_x"),
    "nowhere": (
        both(cell(T_MARKERS, 2, "position_label", "n/a"), cell(T_MARKERS, 2, "position_description", "n/a")),
        "nowhere", "warning", T_MARKERS, 2, "position_label",
    ),
    "coordinates of no system": (gone(SYSTEM), "coordsystem", "error", MARKERS, 1, "target_x"),
    "system without a name": (sidecar(SYSTEM, drop("NIBSCoordinateSystem")), "required-key", "error", SYSTEM, None,
                              "NIBSCoordinateSystem"),
    "system without a unit": (sidecar(SYSTEM, drop("NIBSCoordinateUnits")), "required-key", "error", SYSTEM, None,
                              "NIBSCoordinateUnits"),
    "two units of length": (sidecar(SYSTEM, put("NIBSCoordinateUnits", "cm")), "coordinate-units", "error", MARKERS, 1,
                            "target_x"),
    "unit of no length": (sidecar(SYSTEM, put("NIBSCoordinateUnits", "inch")), "length-unit", "error", SYSTEM, None,
                          "NIBSCoordinateUnits"),
    "other without words": (sidecar(SYSTEM, drop("NIBSCoordinateSystemDescription")), "system-described", "warning",
                            SYSTEM, None, "NIBSCoordinateSystem"),
    "a flat landmark": (sidecar(SYSTEM, put("AnatomicalLandmarkCoordinates", {"NAS": [1, 2]})), "landmark", "error",
                        SYSTEM, None, "AnatomicalLandmarkCoordinates"),
    "navigation unsaid": (sidecar(SYSTEM, put("NavigationSystem", {})), "navigation", "error", SYSTEM, None,
                          "NavigationSystem.Navigation"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_dataset_gives_the_right_finding(dataset, case):
    change, rule, severity, file, line, column = BROKEN[case]
    change(dataset)
    findings = check_bids(dataset)
    places = [(one.rule, one.severity, one.file, one.line) for one in findings]
    assert (rule, severity, file, line) in places, "\n".join(map(str, findings)) or "nothing was found"
    if column is not None:
        assert column in [one.column for one in findings if one.rule == rule and one.file == file]


def test_every_rule_of_the_checker_has_a_case_that_makes_it_fire():
    import re

    import stimplan.exchange.bids as package

    calls = r'(?:\.(?:error|warning|in_sidecar)|BidsFinding)\(\s*"([a-z-]+)"'
    sources = [path.read_text(encoding="utf-8") for path in Path(package.__file__).parent.glob("*.py")]
    rules = {rule for source in sources for rule in re.findall(calls, source)}
    assert len(rules) > 30
    assert rules == {rule for _, rule, *_ in BROKEN.values()}


def test_findings_say_what_to_do(dataset):
    BROKEN["currents do not balance"][0](dataset)
    (finding,) = check_bids(dataset)
    assert str(finding) == (
        f"{NIBS}: line 2, stimulus_intensity: the intensities sum to 0.1, not to 0; "
        "correct a current: what goes in comes out [tes-sum]"
    )


def test_a_dataset_without_stimulation_is_an_error(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (finding,) = check_bids(tmp_path)
    assert (finding.rule, finding.severity) == ("dataset", "error")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        check_bids(tmp_path / "nothing")


def test_sidecars_are_inherited_from_folders_above(dataset):
    (dataset / "task-rest_events.json").write_text('{"nibs_position_id": {"Delimiter": "|"}}')
    (dataset / f"{STEM}_events.json").unlink()
    (dataset / f"{COIL}_events.json").unlink()
    assert check_bids(dataset) == ()


def test_a_timeline_beside_a_recording_is_followed(dataset):
    eeg = dataset / "sub-01" / "eeg"
    eeg.mkdir()
    (dataset / EVENTS).rename(eeg / "sub-01_task-rest_events.tsv")
    (dataset / f"{STEM}_events.json").rename(eeg / "sub-01_task-rest_events.json")
    assert check_bids(dataset) == ()
    cell("sub-01/eeg/sub-01_task-rest_events.tsv", 2, "nibs_position_id", "PE1|PE7")(dataset)
    assert [one.rule for one in check_bids(dataset)] == ["unresolved"]


@pytest.mark.parametrize("case", [None, "currents do not balance", "threshold not measured"])
def test_the_command_ends_with_2_on_errors_alone(dataset, case):
    if case is not None:
        BROKEN[case][0](dataset)
    out = StringIO()
    code = cli.run(["bids", "check", str(dataset), "--json"], stdout=out, stderr=StringIO())
    data = json.loads(out.getvalue())
    assert code == (2 if case == "currents do not balance" else 0)
    assert len(data["findings"]) == (0 if case is None else 1)
