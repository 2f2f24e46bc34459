"""Broken protocols of every kind but direct current: refused at the right place, with the sum written out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from test_protocol_broken import both, cut, good, problems_of, put

from stimplan.protocol import read_protocol

Tree = dict[str, Any]
WAVE = ("stimulation", "waveform")
EL = ("stimulation", "electrodes")
W, E = "$.stimulation.waveform", "$.stimulation.electrodes"


def alternating() -> Tree:
    """Two electrodes of 1 mA at 10 Hz, the second half a turn later."""
    tree = good()
    tree["modality"] = "tACS"
    tree["stimulation"] = {
        "electrodes": tree["stimulation"]["electrodes"],
        "amplitude_convention": "peak-to-peak",
        "waveform": {"type": "sinusoidal", "frequency_Hz": 10, "duration_min": 20, "ramp_up_s": 30, "ramp_down_s": 30},
    }
    for electrode, phase in zip(tree["stimulation"]["electrodes"], (0, 180), strict=True):
        electrode.update(current_mA=1, phase_deg=phase)
    return tree


def _of_kind(modality: str, waveform: Tree, *extra: Tree) -> Tree:
    tree = alternating()
    tree["modality"] = modality
    times = {key: tree["stimulation"]["waveform"][key] for key in ("duration_min", "ramp_up_s", "ramp_down_s")}
    tree["stimulation"]["waveform"] = {**waveform, **times}
    for electrode, current, more in zip(tree["stimulation"]["electrodes"], (1, -1), extra or ({}, {}), strict=True):
        del electrode["phase_deg"]
        electrode.update(current_mA=current, **more)
    return tree


def noise() -> Tree:
    return _of_kind("tRNS", {"type": "noise", "band_low_Hz": 100, "band_high_Hz": 640, "distribution": "gaussian"})


def oscillating() -> Tree:
    return _of_kind("otDCS", {"type": "oscillating", "frequency_Hz": 0.75}, {"offset_mA": 0.5}, {"offset_mA": -0.5})


def pulsed() -> Tree:
    return _of_kind("tPCS", {"type": "pulsed", "pulse_width_ms": 1, "pulse_gap_ms": 9, "polarity": "monophasic"})


def interference() -> Tree:
    """Two channels of two electrodes."""
    tree = _of_kind(
        "TI", {"type": "temporal-interference", "carriers_Hz": [2000, 2005]}, {"channel": 1}, {"channel": 1}
    )
    second = copy.deepcopy(tree["stimulation"]["electrodes"])
    for electrode, site in zip(second, ("P7", "P8"), strict=True):
        electrode.update(site=site, channel=2)
    tree["stimulation"]["electrodes"] += second
    return tree


def magnetic() -> Tree:
    """10 Hz, 4 s on and 26 s off, 75 times; then one block of single pulses."""
    block = {
        "pulse": {"shape": "biphasic", "current_direction": "PA"},
        "timing": {
            "stimulus": {"pulses": 1},
            "patterns": [{"count": 40, "interval_s": 0.1}, {"count": 75, "interval_s": 30}],
        },
        "intensity": {"value_percent": 120, "reference": "rMT"},
        "threshold": {"method": None, "muscle": "APB", "coil": None, "measured": "weekly"},
        "placement": {"site": "F3", "method": "Beam F3", "handle": {"from_midline_deg": 45}},
    }
    second = copy.deepcopy(block)
    second["timing"] = {"stimulus": {"pulses": 2, "intervals_ms": [3]}, "patterns": [{"count": 20, "interval_s": 5}]}
    tree = good()
    tree["modality"] = "TMS"
    tree["stimulation"] = {
        "coil": {"family": "figure-8", "model": None},
        "stimulator": None,
        "blocks": [{**block, "gap_s": 60}, second],
    }
    tree["published_totals"] = {"pulses_per_session": 3040}
    return tree


KINDS = [alternating, noise, oscillating, pulsed, interference, magnetic]
BLOCK = ("stimulation", "blocks", 0)
B0, B1 = "$.stimulation.blocks[0]", "$.stimulation.blocks[1]"
TIME, PLACE = (*BLOCK, "timing"), (*BLOCK, "placement")
PATTERNS = (*TIME, "patterns")
PAIR = ("stimulation", "blocks", 1, "timing", "stimulus")
OWN = {"value_percent": 80, "reference": "aMT"}
SITE_OUT = cut(*PLACE, "site")
IDENTITY = [[1, 0, 0, 40], [0, 1, 0, 50], [0, 0, 1, 60], [0, 0, 0, 1]]


def pose(*rows: list[float]) -> Callable[[Tree], None]:
    return both(SITE_OUT, put(*PLACE, "pose_mm", to=[*rows, *IDENTITY[len(rows) :]]))


# name, kind, change, path of the first problem, fragment of its sentence
BROKEN: list[tuple[str, Callable[[], Tree], Callable[[Tree], None], str, str]] = [
    ("tACS without convention", alternating, cut("stimulation", "amplitude_convention"),
     "$.stimulation.amplitude_convention", "missing; expected what current_mA means"),
    ("tACS convention unknown", alternating, put("stimulation", "amplitude_convention", to="rms"),
     "$.stimulation.amplitude_convention", "did you mean 'RMS'?"),
    ("direct current with convention", good, put("stimulation", "amplitude_convention", to="peak"),
     "$.stimulation.amplitude_convention", "leave it out: a direct current has one size only"),
    ("tACS without phase", alternating, cut(*EL, 0, "phase_deg"), f"{E}[0].phase_deg", "missing"),
    ("direct current with phase", good, put(*EL, 0, "phase_deg", to=90), f"{E}[0].phase_deg", "only tACS has it"),
    ("direct current with channel", good, put(*EL, 0, "channel", to=1), f"{E}[0].channel", "only TI has it"),
    ("tACS with offset", alternating, put(*EL, 0, "offset_mA", to=1), f"{E}[0].offset_mA", "only otDCS and tRNS"),
    ("phasors", alternating, put(*EL, 1, "phase_deg", to=90), E, "1∠0° + 1∠90° = 1.414∠45° mA"),
    ("phasors of unequal size", alternating, put(*EL, 1, "current_mA", to=0.5), E, "= 0.5∠0° mA"),
    ("phase in radians", alternating, put(*EL, 1, "phase_deg", to=3.1416), f"{E}[1].phase_deg", "radians?"),
    ("frequency in kilohertz", alternating, put(*WAVE, "frequency_Hz", to=0.001), f"{W}.frequency_Hz", "kilohertz"),
    ("frequency null", alternating, put(*WAVE, "frequency_Hz", to=None), f"{W}.frequency_note", "each person's own"),
    ("wave of another kind", alternating, put(*WAVE, "type", to="noise"), f"{W}.type", "expected 'sinusoidal'"),
    ("tACS called tDCS", alternating, put("modality", to="tDCS"), "$.modality", "write 'tACS'"),
    ("tDCS called TMS", good, put("modality", to="TMS"), "$.modality", "write 'tDCS'"),
    ("TMS called tRNS", magnetic, put("modality", to="tRNS"), "$.modality", "write 'TMS'"),
    ("band upside down", noise, put(*WAVE, "band_low_Hz", to=700), f"{W}.band_low_Hz", "got 700 Hz to 640 Hz"),
    ("noise without band", noise, cut(*WAVE, "band_high_Hz"), f"{W}.band_high_Hz", "missing"),
    ("noise out of balance", noise, put(*EL, 0, "current_mA", to=1.5), E, "+1.5 + -1 = +0.5 mA"),
    ("offsets", oscillating, put(*EL, 0, "offset_mA", to=0.7), E, "the offsets must sum to zero: +0.7 + -0.5 = +0.2"),
    ("offsets under noise", noise, both(put(*EL, 0, "offset_mA", to=0.7), put(*EL, 1, "offset_mA", to=-0.5)), E,
     "the offsets must sum to zero: +0.7 + -0.5 = +0.2"),
    ("no offset", oscillating, cut(*EL, 1, "offset_mA"), f"{E}[1].offset_mA", "missing"),
    ("offsets of zero", oscillating, both(put(*EL, 0, "offset_mA", to=0), put(*EL, 1, "offset_mA", to=0)), E,
     "write modality 'tACS'"),
    ("offset in microamperes", oscillating,
     both(put(*EL, 0, "offset_mA", to=500), put(*EL, 1, "offset_mA", to=-500)), f"{E}[0].offset_mA", "would be 0.5 mA"),
    ("pulse in seconds", pulsed, put(*WAVE, "pulse_width_ms", to=0.001), f"{W}.pulse_width_ms", "microseconds"),
    ("pulses without polarity", pulsed, cut(*WAVE, "polarity"), f"{W}.polarity", "missing"),
    ("pause longer than session", pulsed, put(*WAVE, "intermittence", to={"on_s": 1200, "off_s": 10}),
     f"{W}.intermittence.on_s", "20 min = 1200 s"),
    ("channel out of balance", interference, put(*EL, 2, "current_mA", to=2), E, "channel 2: the currents must sum"),
    ("channel of one electrode", interference, put(*EL, 3, "channel", to=1), E, "channel 1: the currents"),
    ("no channel", interference, cut(*EL, 0, "channel"), f"{E}[0].channel", "missing"),
    ("three carriers", interference, put(*WAVE, "carriers_Hz", to=[2000, 2005, 2010]), f"{W}.carriers_Hz",
     "need the channels [1, 2, 3], the electrodes have [1, 2]"),
    ("no beat", interference, put(*WAVE, "carriers_Hz", to=[2000, 2000]), f"{W}.carriers_Hz[1]", "2000 Hz = 0 Hz"),
    ("carrier in kilohertz", interference, put(*WAVE, "carriers_Hz", to=[2, 3]), f"{W}.carriers_Hz[0]", "kilohertz"),
    ("train longer than its interval", magnetic, put(*PATTERNS, 1, "interval_s", to=3), f"{B0}.timing.patterns[1]"
     ".interval_s", "40 × 0.1 s = 4 s does not fit into an interval of 3 s"),
    ("interval in milliseconds", magnetic, put(*PATTERNS, 0, "interval_s", to=100), f"{B0}.timing.patterns[0]"
     ".interval_s", "40 × 100 s = 4000 s does not fit into an interval of 30 s; milliseconds? 0.1 s would make 4 s"),
    ("too fast", magnetic, put(*PATTERNS, 0, "interval_s", to=0.0001), f"{B0}.timing.patterns[0].interval_s",
     "1 / 0.0001 s = 10000 Hz is implausible"),
    ("too many pulses", magnetic, put(*PATTERNS, 1, "count", to=75000), f"{B0}.timing.patterns[1].count",
     "40 × 75000 = 3000000 pulses"),
    ("a session of days", magnetic, put(*PATTERNS, 1, "interval_s", to=30000), f"{B0}.timing.patterns[1].interval_s",
     "75 × 30000 s = 2250000 s = 625 h"),
    ("half a pulse", magnetic, put(*PATTERNS, 0, "count", to=0.5), f"{B0}.timing.patterns[0].count", "whole number"),
    ("pair without interval", magnetic, cut(*PAIR, "intervals_ms"), f"{B1}.timing.stimulus.intervals_ms",
     "2 pulses have 1 times between them, got 0"),
    ("three intervals", magnetic, put(*PAIR, "intervals_ms", to=[3, 3]), f"{B1}.timing.stimulus.intervals_ms", "got 2"),
    ("relative intensities", magnetic, put(*PAIR, "relative_intensities_percent", to=[80]),
     f"{B1}.timing.stimulus.relative_intensities_percent", "2 pulses need as many relative intensities, got 1"),
    ("intensities of some pulses", magnetic, put(*PAIR, "intensities", to=[OWN, None, None]),
     f"{B1}.timing.stimulus.intensities", "2 pulses need as many intensities, got 3; null is the block's own"),
    ("intensities and relative ones", magnetic,
     both(put(*PAIR, "intensities", to=[OWN, None]), put(*PAIR, "relative_intensities_percent", to=[80, 100])),
     f"{B1}.timing.stimulus.intensities", "not both"),
    ("intensities without the block's", magnetic, put(*PAIR, "intensities", to=[OWN, OWN]),
     f"{B1}.timing.stimulus.intensities", "write null for the one that has it"),
    ("intensities of nothing", magnetic, put(*PAIR, "intensities", to=[None, None]),
     f"{B1}.timing.stimulus.intensities", "every pulse has the intensity of the block; leave this out"),
    ("intensities for a single pulse", magnetic, put(*TIME, "stimulus", "intensities", to=[OWN]),
     f"{B0}.timing.stimulus.intensities", "at least 2 entries"),
    ("own intensity without reference", magnetic, put(*PAIR, "intensities", to=[{"value_percent": 80}, None]),
     f"{B1}.timing.stimulus.intensities[0].reference", "missing; expected what 100 % is"),
    ("own intensity as fraction", magnetic,
     put(*PAIR, "intensities", to=[{"value_percent": 0.8, "reference": "aMT"}, None]),
     f"{B1}.timing.stimulus.intensities[0].value_percent", "would be 80 %"),
    ("own intensity of an unknown threshold", magnetic,
     put(*PAIR, "intensities", to=[{"value_percent": 80, "reference": "AMT"}, None]),
     f"{B1}.timing.stimulus.intensities[0].reference", "did you mean 'aMT'?"),
    ("own intensity as a number", magnetic, put(*PAIR, "intensities", to=[80, None]),
     f"{B1}.timing.stimulus.intensities[0]", "expected an object"),
    ("relative as fraction", magnetic, put(*PAIR, "relative_intensities_percent", to=[0.8, 100]),
     f"{B1}.timing.stimulus.relative_intensities_percent[0]", "a fraction?"),
    ("stimulus longer than interval", magnetic, put("stimulation", "blocks", 1, "timing", "patterns", 0, "interval_s",
     to=0.002), f"{B1}.timing.patterns[0].interval_s", "3 ms = 0.003 s of a stimulus does not fit"),
    ("intensity as fraction", magnetic, put(*BLOCK, "intensity", "value_percent", to=1.2),
     f"{B0}.intensity.value_percent", "1.2 would be 120 %"),
    ("intensity above the output", magnetic, put(*BLOCK, "intensity", to={"value_percent": 120, "reference": "MSO"}),
     f"{B0}.intensity.value_percent", "at most 100 %"),
    ("intensity without reference", magnetic, cut(*BLOCK, "intensity", "reference"), f"{B0}.intensity.reference",
     "missing; expected what 100 % is"),
    ("intensity twice", magnetic, put(*BLOCK, "intensity", "didt_A_per_us", to=80), f"{B0}.intensity.didt_A_per_us",
     "not both"),
    ("no intensity", magnetic, put(*BLOCK, "intensity", to={}), f"{B0}.intensity.value_percent", "expected one of"),
    ("output times share", magnetic, both(
        put("stimulation", "blocks", 1, "intensity", to={"value_percent": 90, "reference": "MSO"}),
        put(*PAIR, "relative_intensities_percent", to=[80, 120])),
     f"{B1}.timing.stimulus.relative_intensities_percent[1]", "90 % × 120 % = 108 %"),
    ("rate in amperes per second", magnetic, put(*BLOCK, "intensity", to={"didt_A_per_us": 8e7}),
     f"{B0}.intensity.didt_A_per_us", "amperes per second?"),
    ("no place", magnetic, SITE_OUT, f"{B0}.placement.site", "expected one of site, mni_mm, pose_mm"),
    ("two places", magnetic, put(*PLACE, "mni_mm", to=[-38, 44, 26]), f"{B0}.placement.mni_mm", "not both"),
    ("unknown site", magnetic, put(*PLACE, "site", to="F33"), f"{B0}.placement.site", "did you mean"),
    ("motor cortex or mastoid", magnetic, put(*PLACE, "site", to="M1"), f"{B0}.placement.site", "motor cortex"),
    ("two handles", magnetic, put(*PLACE, "handle", "towards", to="Cz"), f"{B0}.placement.handle", "not both"),
    ("handle to itself", magnetic, put(*PLACE, "handle", to={"towards": "F3"}), f"{B0}.placement.handle.towards",
     "the coil is at 'F3' itself"),
    ("pose not rigid", magnetic, pose([2, 0, 0, 40]), f"{B0}.placement.pose_mm", "they miss by 3"),
    ("pose left-handed", magnetic, pose([-1, 0, 0, 40]), f"{B0}.placement.pose_mm", "left-handed"),
    ("pose in metres", magnetic, pose([1, 0, 0, 0.04], [0, 1, 0, 0.05], [0, 0, 1, 0.06]), f"{B0}.placement.pose_mm",
     "metres? Write millimetres"),
    ("pose transposed", magnetic, pose([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [40, 50, 60, 1]),
     f"{B0}.placement.pose_mm[3]", "columns written as rows?"),
    ("pose overflows", magnetic, pose([1e200, 1e200, 0, 40]), f"{B0}.placement.pose_mm", "perpendicular"),
    ("gap after the end", magnetic, put("stimulation", "blocks", 1, "gap_s", to=10), f"{B1}.gap_s", "nothing follows"),
    ("coil of no family", magnetic, put("stimulation", "coil", "family", to="figure-of-8"), "$.stimulation.coil.family",
     "did you mean 'figure-8'?"),
    ("electrodes on a coil", magnetic, put("stimulation", "electrodes", to=[]), E, "unknown key"),
    ("published pulses", magnetic, put("published_totals", "pulses_per_session", to=3000),
     "$.published_totals.pulses_per_session", "published: 3000 pulses, but the fields give 40 × 75 + 2 × 20 = 3040"),
    ("published minutes", magnetic, put("published_totals", to={"session_duration_min": 30}),
     "$.published_totals.session_duration_min", "published: 30 min, but the fields give"),
    ("published charge", good, put("published_totals", to={"charge_per_session_C": 24}),
     "$.published_totals.charge_per_session_C", "published: 24 C, but the fields give 2.4 to 2.43 C"),
    ("charge of a coil", magnetic, put("published_totals", "charge_per_session_C", to=1),
     "$.published_totals.charge_per_session_C", "TMS has none"),
    ("gap shorter than a session", magnetic, put("course", "min_gap_h", to=0.5), "$.course.min_gap_h",
     "a session takes 39.65 min, longer than 30 min"),
    ("phases", good, put("course", "phases", to=[{"name": "acute", "sessions": 3}, {"name": "taper", "sessions": 1}]),
     "$.course.phases", "must sum to the course's 5: 3 + 1 = 4"),
    ("phase in too few weeks", good, put("course", "phases", to=[
        {"name": "acute", "sessions": 5, "weeks": 1, "sessions_per_week": 2}]), "$.course.phases[0].sessions",
     "1 weeks × 2 a week = 2"),
    ("more a day than in all", good, put("course", "sessions_per_day", to=6), "$.course.sessions_per_day",
     "6 a day are more than the 5"),
    ("a week of eight days", good, put("course", "sessions_per_week", to=8), "$.course.sessions_per_week",
     "7 days × 1 a day = 7"),
    ("gaps longer than a day", good, put("course", "sessions_per_day", to=2), "$.course.min_gap_h", "1 gaps × 24 h"),
    ("condition unknown", good, put("indication", to={"condition": "melancholy"}), "$.indication.condition",
     "no condition this program knows"),
    ("condition by another name", good, put("indication", to={"condition": "major depressive disorder"}),
     "$.indication.condition", "did you mean 'depression'?"),
    ("sham of a coil", good, put("sham", to={"type": "sham-coil"}), "$.sham.type", "belongs to TMS"),
    ("sham of a current", magnetic, put("sham", to={"type": "fade-in-fade-out"}), "$.sham.type", "a sham of currents"),
    ("grade without scheme", good, put("evidence", to={"grade": "A", "scheme": None, "design": "rct",
     "status": "read"}), "$.evidence.scheme", "needs its scheme"),
    ("more treated than there", good, put("result", to={"direction": "positive", "summary": "x", "n_active": 20,
     "n_total": 10}), "$.result.n_active", "more than the 10 in all"),
    ("result without words", good, put("result", to={"direction": "negative", "summary": None}), "$.result.summary",
     "needs its sentence"),
    ("scores upside down", good, put("outcomes", to=[{"measure": "HDRS", "low": 52, "high": 0}]), "$.outcomes[0].low",
     "got 52 to 0"),
    ("outcome after the end", good, put("outcomes", to=[{"measure": "HDRS", "at_sessions": [0, 9]}]),
     "$.outcomes[0].at_sessions[1]", "session 9 does not come"),
    ("reporting item unknown", good, put("reporting", to={"agee": "x"}), "$.reporting.agee", "did you mean 'age'?"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_good_one_of_each_kind_is_good(kind: Callable[[], Tree]) -> None:
    assert read_protocol(kind()).modality == kind()["modality"]


@pytest.mark.parametrize(
    ("kind", "change", "where", "fragment"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_a_broken_protocol_is_refused_at_its_place(kind, change, where: str, fragment: str) -> None:
    tree = kind()
    change(tree)
    found = problems_of(tree)
    assert found[0][0] == where, found
    assert fragment in found[0][1], found


def test_a_note_explains_a_published_total_that_differs_and_rounding_needs_none() -> None:
    tree = magnetic()
    tree["published_totals"] = {"pulses_per_session": 3000, "note": "the paper leaves the pairs out"}
    assert read_protocol(tree).published_totals.pulses_per_session == 3000
    tree["published_totals"] = {"session_duration_min": 40}
    assert read_protocol(tree).published_totals.session_duration_s == 2400


def test_a_rounded_interval_still_fits() -> None:
    tree = magnetic()
    tree["stimulation"]["blocks"][0]["timing"]["patterns"] = [
        {"count": 36, "interval_s": 0.0556},
        {"count": 10, "interval_s": 2},
    ]
    del tree["published_totals"]
    assert read_protocol(tree).magnetic.blocks[0].timing.patterns[1].interval_s == 2


def test_a_radian_phase_that_balances_is_still_noticed() -> None:
    tree = alternating()
    for electrode in tree["stimulation"]["electrodes"]:
        electrode["phase_deg"] = 3.14159
    tree["stimulation"]["electrodes"][1]["current_mA"] = -1
    assert problems_of(tree)[0] == (f"{E}[0].phase_deg", "3.14159° is implausible; radians? π is 180°")
