"""What the safety rules say of every protocol of the library, as a stored vector, and against the evidence table."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from stimplan.protocol import list_protocols, read_protocol
from stimplan.safety import check

ROOT = Path(__file__).resolve().parent.parent


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("library_verdicts", ROOT / "tools" / "library_verdicts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()
STORED = json.loads(TOOL.FILE.read_text(encoding="utf-8"))


def test_every_protocol_of_the_library_has_a_stored_verdict_and_no_other_has_one() -> None:
    assert list(STORED) == [entry.id for entry in list_protocols()]
    assert TOOL.FILE.read_text(encoding="utf-8") == TOOL.text_of(STORED)


@pytest.mark.parametrize("name", [entry.id for entry in list_protocols()])
def test_a_library_protocol_gets_its_stored_verdict(name: str) -> None:
    assert TOOL.verdict_of(name) == STORED[name], "tools/library_verdicts.py writes the file anew; look at each change"


# By hand from the evidence table of published protocols (its part 4): rules that trip, and rules that must not.
W98, C97, ITI, HCOIL = "TMS-TRAIN-W98", "TMS-TRAIN-C97", "TMS-ITI", "TMS-HCOIL"
J = "TES-J-0.08"
EVIDENCE: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("oreardon-2007-10hz", {C97: "stop"}, (W98, ITI, "TMS-PULSES-SESSION")),
    ("george-2010-opt-tms", {C97: "stop"}, (W98, ITI)),
    ("dash-19min-10hz", {C97: "stop"}, (W98, ITI)),
    ("three-d-10hz", {C97: "stop"}, (W98, ITI)),
    ("three-d-itbs", {"TMS-TBS-RMT": "warn"}, ("TMS-TBS-PATTERN",)),
    ("saint", {"TMS-PULSES-TBS": "warn"}, ("TMS-PULSES-DAY", "TMS-PULSES-COURSE", "TMS-ACCEL")),
    ("snt-2022", {"TMS-PULSES-TBS": "warn"}, ("TMS-PULSES-DAY", "TMS-PULSES-COURSE", "TMS-ACCEL")),
    ("huang-2005-itbs", {}, ("TMS-TBS-PATTERN", "TMS-TBS-RMT", "TMS-PULSES-TBS")),
    ("huang-2005-ctbs", {}, ("TMS-TBS-PATTERN", "TMS-TBS-RMT", "TMS-PULSES-TBS")),
    ("niche-2018-1hz-contralesional", {C97: "warn"}, (W98,)),  # a cell of what was tested, at 1 Hz: shown, no stop
    ("levkovitz-2015-h1", {W98: "stop", C97: "stop", HCOIL: "warn"}, (ITI,)),
    ("carmi-2019-h7-ocd", {C97: "stop", HCOIL: "warn"}, (W98, ITI)),
    ("zangen-2021-h4-smoking", {HCOIL: "warn"}, (W98, C97, ITI)),
    ("modirrousta-2018-twice-daily", {"TMS-ACCEL-RTMS": "warn"}, (W98, C97)),
    ("qps", {}, ("TMS-QPS-ISI", "TMS-QPS-PERIOD", "TMS-QPS-PULSES", "TMS-QPS-INT")),
    ("m1-so", {}, (J, "TES-DC-Q")),
    ("select-tdcs", {}, (J, "TES-DC-Q")),  # 2 mA on 25 cm² is the limit itself
    ("elect-tdcs", {}, (J, "TES-DC-Q")),
    ("woodham-2025-home", {J: "warn"}, ("TES-DC-Q",)),
    ("boggio-2008-depression", {}, (J, "TES-DC-Q")),
    ("fregni-2006-pain", {}, (J, "TES-DC-Q")),
    ("fregni-2005-stroke", {}, (J, "TES-DC-Q")),
    ("chhatbar-2017-4ma", {J: "warn"}, ("TES-DC-Q",)),  # 7.2 C is the limit itself
    ("terney-2008-trns", {}, (J,)),
    # The table reads 2 mA as the peak; the source does not say what it is, so nothing is judged that needs it.
    ("zhou-2022-alzheimers", {"TACS-CONV": "unknown", J: "unknown"}, ()),
]


@pytest.mark.parametrize(("name", "trips", "holds"), EVIDENCE, ids=[row[0] for row in EVIDENCE])
def test_the_rules_trip_where_the_evidence_table_says(name: str, trips: dict[str, str], holds: tuple[str, ...]) -> None:
    statuses: dict[str, set[str]] = {}
    for finding in check(read_protocol(name)).findings:
        statuses.setdefault(finding.rule_id, set()).add(finding.status)
    assert {rule: statuses.get(rule, set()) - {"pass"} for rule in trips} == {k: {v} for k, v in trips.items()}
    assert {rule: statuses.get(rule) for rule in holds} == {rule: {"pass"} for rule in holds}
