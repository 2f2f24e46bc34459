"""A small ledger that has a row of every kind, for the tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from stimplan.ledger import Ledger, append, forms, open_ledger
from stimplan.protocol import read_protocol

BY = "R. Operator"
NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
_REST = {"schema_version": 2, "title": None, "source": None, "target": None, "indication": None, "population": None,
         "purpose": None, "certainty": {}}  # fmt: skip
SEVERE = [{"item": "headache", "severity": 4, "relation": 3}]


def tes_protocol(**course):
    """2 mA for 30 min over F3 and F4, ten sessions, one a day: 3.6 C each."""
    pad = {"shape": {"type": "rectangle", "width_mm": 50, "height_mm": 50, "rotation_deg": 0},
           "layers": [{"material": "saline_sponge", "thickness_mm": 6}]}  # fmt: skip
    return read_protocol({
        **_REST, "id": "ledger-tdcs", "modality": "tDCS",
        "stimulation": {
            "electrodes": [{"site": "F3", **pad, "current_mA": 2}, {"site": "F4", **pad, "current_mA": -2}],
            "waveform": {"type": "direct", "duration_min": 30, "ramp_up_s": 30, "ramp_down_s": 30},
        },
        "course": {"sessions": 10, "sessions_per_day": 1, "sessions_per_week": 5, "min_gap_h": 20, "schedule": None,
                   **course},
    })  # fmt: skip


def tms_protocol(measured: str | None = "weekly", **course):
    """Ten 10 Hz trains of a second at 110 % of the resting threshold: 100 pulses."""
    return read_protocol({
        **_REST, "id": "ledger-rtms", "modality": "TMS",
        "stimulation": {
            "coil": {"family": "figure-8", "model": None, "manufacturer": None, "file": None},
            "stimulator": None,
            "blocks": [{
                "label": None,
                "pulse": {"shape": "biphasic", "current_direction": None},
                "timing": {"stimulus": {"pulses": 1}, "patterns": [{"count": 10, "interval_s": 0.1},
                                                                   {"count": 10, "interval_s": 30}]},
                "intensity": {"value_percent": 110, "reference": "rMT"},
                "threshold": {"method": None, "muscle": None, "coil": None, "measured": measured},
                "placement": {"site": "F3", "method": None},
            }],
        },
        "course": {"sessions": 10, "sessions_per_day": 1, "min_gap_h": None, "schedule": None,
                   "sessions_per_week": None, **course},
    })  # fmt: skip


def start(path: Path, protocol, person: str = "P-0042") -> tuple[Ledger, int]:
    """A new ledger with one person and one plan."""
    from stimplan.protocol import dump_protocol

    ledger = open_ledger(path, create=True)
    append(ledger, "person", {"person": person}, by=BY)
    text = json.loads(dump_protocol(protocol))
    (plan,) = append(ledger, "plan", {"person": person, "protocol": text, "prescriber": "Dr. Prescriber"}, by=BY)
    return ledger, plan.seq


def session(plan: int, begin: str, **more) -> dict:
    return {"plan": plan, "start": begin, "duration_min": 30, "current_mA": 2, "operator": BY, **more}


def coil_session(plan: int, begin: str, **more) -> dict:
    return {"plan": plan, "start": begin, "duration_min": 5, "intensity_percent": 110, "intensity_reference": "rMT",
            "pulses": 100, "hearing_protection": True, "operator": BY, **more}  # fmt: skip


def answers(form: int = 0, **marks) -> list[dict]:
    """A whole questionnaire; `marks` are severities of the items that were there."""
    items = [name for name in forms()[form].item_ids if name != "other"]
    found = [{"item": name, "severity": marks.get(name.replace("-", "_"), 1)} for name in items]
    return [{**one, "relation": 3} if one["severity"] > 1 else one for one in found]


def filled(path: Path) -> Ledger:
    """A ledger with rows of every kind and no empty column in at least one row of each."""
    ledger, plan = start(path, tes_protocol())
    add = lambda kind, **record: append(ledger, kind, record, by=BY)[0].seq  # noqa: E731
    add("person", person="P-0043", note="second arm of the study")
    (coil,) = append(ledger, "plan", {"person": "P-0043", "prescriber": "Dr. P", "note": "after the first course",
                                      "protocol": json.loads(_text(tms_protocol()))}, by=BY)  # fmt: skip
    planned = add("planned-session", plan=plan, number=1, start="2026-03-02T09:00:00Z")
    one = add("session", **session(plan, "2026-03-02T09:00:00Z", planned=planned, aborted="itching at F3",
                                   note="repeated later", impedances_kohm={"F3": 5.2, "F4": 6}))  # fmt: skip
    measured = add("threshold", person="P-0043", at="2026-03-01T09:00:00Z", value_percent=55, reference="rMT",
                   method="relative frequency", muscle="first dorsal", coil="figure-8", operator=BY)  # fmt: skip
    append(ledger, "session", coil_session(coil.seq, "2026-03-02T11:00:00Z", threshold=measured), by=BY)
    event = append(ledger, "adverse-events", {"person": "P-0042", "session": one, "at": "2026-03-02T09:40:00Z",
                   "form": "tes-aeq", "answers": answers(itching=3)}, by=BY)[4].seq  # fmt: skip
    other = {"item": "other", "severity": 2, "relation": 2, "note": "metal taste"}
    add("adverse-events", person="P-0042", at="2026-03-02T20:00:00Z", form="spontaneous", answers=[other])
    add("resolution", event=event, at="2026-03-03T09:00:00Z", note="gone after an hour", name="Dr. P")
    add("override", person="P-0042", plan=plan, rule_id="LEDGER-SPACING", reason="The person travels tomorrow",
        name="Dr. P", role="prescriber", at="2026-03-03T08:00:00Z")  # fmt: skip
    wrong = append(ledger, "session", session(plan, "2026-03-03T09:00:00Z"), by=BY)[0].seq
    add("session", **session(plan, "2026-03-03T09:05:00Z"), corrects=wrong, correction_reason="The clock was wrong")
    gone = append(ledger, "session", session(plan, "2026-03-03T15:00:00Z"), by=BY)[0].seq
    add("retraction", row=gone, reason="It was written down twice")
    return ledger


def _text(protocol) -> str:
    from stimplan.protocol import dump_protocol

    return dump_protocol(protocol)
