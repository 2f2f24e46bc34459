"""Protocols of every modality that the tests of waveforms and timelines share, as published where there is a name."""

from __future__ import annotations

from typing import Any

from stimplan.protocol import Protocol, read_protocol

PAD = {"type": "rectangle", "width_mm": 50, "height_mm": 70, "rotation_deg": 0}
DISC = {"type": "circle", "diameter_mm": 12}


def electrode(site: str, current_mA: float, *, shape: dict[str, Any] = PAD, **more: Any) -> dict[str, Any]:
    layer = (
        {"material": "saline_sponge", "thickness_mm": 5}
        if shape is PAD
        else {"material": "electrode_gel", "thickness_mm": 3}
    )
    return {"site": site, "shape": shape, "layers": [layer], "current_mA": current_mA, **more}


def electric(modality: str, electrodes: list[dict[str, Any]], waveform: dict[str, Any], **more: Any) -> Protocol:
    """A protocol of current; `convention` and `course` are arguments, the rest are keys of the file."""
    convention = more.pop("convention", None)
    stimulation = {"electrodes": electrodes, "waveform": {"ramp_up_s": 10, "ramp_down_s": 20, **waveform}}
    if convention:
        stimulation["amplitude_convention"] = convention
    return _protocol(modality, stimulation, **more)


def magnetic(*blocks: dict[str, Any], **more: Any) -> Protocol:
    """A protocol of pulses."""
    coil = {"family": "figure-8", "model": None, "manufacturer": None}
    return _protocol("TMS", {"coil": coil, "stimulator": None, "blocks": list(blocks)}, **more)


def block(*patterns: tuple[int, float], stimulus: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Pulses in patterns of (count, interval in s), from the inside out."""
    names = more.pop("names", ())
    made = [{"count": count, "interval_s": interval} for count, interval in patterns]
    for pattern, name in zip(made, names, strict=False):
        pattern["name"] = name
    return {
        "label": None,
        "pulse": {"shape": "biphasic", "current_direction": None},
        "timing": {"stimulus": stimulus or {"pulses": 1}, "patterns": made},
        "intensity": {"value_percent": 120, "reference": "rMT"},
        "depth_adjusted": None,
        "threshold": None,
        "placement": {"site": "F3", "method": None},
        **more,
    }


def _protocol(modality: str, stimulation: dict[str, Any], **more: Any) -> Protocol:
    course = {"sessions": 1, "sessions_per_day": 1, "min_gap_h": None, "schedule": None}
    tree: dict[str, Any] = {
        "schema_version": 2,
        "id": more.pop("id", "made-for-a-test"),
        "title": more.pop("title", None),
        "modality": modality,
        "indication": None,
        "population": None,
        "purpose": None,
        "target": None,
        "stimulation": stimulation,
        "course": {**course, **more.pop("course", {})},
        "source": None,
        "certainty": {},
        **more,
    }
    return read_protocol(tree)


FIVE_A_WEEK = {"sessions": 30, "sessions_per_day": 1, "sessions_per_week": 5, "schedule": "5 a week for 6 weeks"}
# Theta burst: three pulses at 50 Hz every 200 ms.
BURST, THETA = (3, 0.02), (10, 0.2)


def tdcs(**waveform: Any) -> Protocol:
    pads = [electrode("F3", 2), electrode("F4", -2)]
    kind = {"type": "direct", "duration_min": 20, **waveform}
    return electric("tDCS", pads, kind, course=FIVE_A_WEEK, id="tdcs-f3-f4", title="2 mA over F3 and F4, 30 sessions")


def hd() -> Protocol:
    ring = [electrode(site, -0.5, shape=DISC) for site in ("FC5", "FC1", "CP5", "CP1")]
    kind = {"type": "direct", "duration_min": 20, "ramp_up_s": 30, "ramp_down_s": 30}
    return electric("HD-tDCS", [electrode("C3", 2, shape=DISC), *ring], kind, id="hd-4x1")


def intermittent() -> Protocol:
    return electric("tDCS", [electrode("F3", 0.26), electrode("F4", -0.26)],
                    {"type": "direct", "duration_min": 30, "intermittence": {"on_s": 15, "off_s": 15}})  # fmt: skip


def tacs(convention: str = "peak-to-peak", **waveform: Any) -> Protocol:
    pair = [electrode("F3", 1, phase_deg=0), electrode("P7", -0.5, phase_deg=0), electrode("P8", 0.5, phase_deg=180)]
    return electric("tACS", pair, {"type": "sinusoidal", "duration_min": 20, "frequency_Hz": 10, **waveform},
                    convention=convention, id="tacs-10-hz")  # fmt: skip


def three_phases() -> Protocol:
    trio = [electrode(site, 1, phase_deg=turn) for site, turn in (("F3", 0), ("F4", 120), ("Oz", 240))]
    return electric("tACS", trio, {"type": "sinusoidal", "duration_min": 1, "frequency_Hz": 5}, convention="peak")


def trns(convention: str = "peak-to-peak", **waveform: Any) -> Protocol:
    kind = {"type": "noise", "duration_min": 10, "band_low_Hz": 100, "band_high_Hz": 640, "distribution": "gaussian"}
    return electric("tRNS", [electrode("C3", 1), electrode("Fp2", -1)], {**kind, **waveform},
                    convention=convention, id="trns-high")  # fmt: skip


def otdcs(convention: str = "peak", size: float = 0.125) -> Protocol:
    pair = [electrode("F3", size, offset_mA=0.125), electrode("P8", -size, offset_mA=-0.125)]
    return electric("otDCS", pair, {"type": "oscillating", "duration_min": 5, "frequency_Hz": 0.75,
                                    "intermittence": {"on_s": 60, "off_s": 15}}, convention=convention)  # fmt: skip


def tpcs(polarity: str = "monophasic", convention: str = "peak") -> Protocol:
    kind = {"type": "pulsed", "duration_min": 2, "pulse_width_ms": 50, "pulse_gap_ms": 28.3, "polarity": polarity}
    return electric("tPCS", [electrode("C3", 2), electrode("Fp2", -2)], kind, convention=convention)


def interference() -> Protocol:
    four = [electrode("F3", 2, channel=1, shape=DISC), electrode("P7", -2, channel=1, shape=DISC),
            electrode("F4", 1, channel=2, shape=DISC), electrode("P8", -1, channel=2, shape=DISC)]  # fmt: skip
    return electric("TI", four, {"type": "temporal-interference", "duration_min": 20, "carriers_Hz": [2000, 2010]},
                    convention="peak", id="ti-10-hz")  # fmt: skip


def ten_hz() -> Protocol:
    return magnetic(block((40, 0.1), (75, 30)), course=FIVE_A_WEEK, id="ten-hz", title="10 Hz, 3000 pulses, left")


def itbs() -> Protocol:
    return magnetic(block(BURST, THETA, (20, 10), names=("burst", None, "train")), id="itbs")


def ctbs() -> Protocol:
    return magnetic(block(BURST, (200, 0.2)), id="ctbs")


def qps() -> Protocol:
    return magnetic(block((360, 5), stimulus={"pulses": 4, "intervals_ms": [5, 5, 5]}), id="qps-5")


def saint() -> Protocol:
    course = {"sessions": 50, "sessions_per_day": 10, "min_gap_h": 0.8333333333333334,
              "schedule": "10 a day on 5 days in a row", "sessions_per_week": 50}  # fmt: skip
    return magnetic(block(BURST, THETA, (60, 10)), course=course, id="saint", title="Accelerated iTBS")


def single() -> Protocol:
    return magnetic(block((20, 5)), id="single")


def paired() -> Protocol:
    stimulus = {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [67, 100]}
    return magnetic(block((10, 5), stimulus=stimulus), id="paired")


def pas() -> Protocol:
    return magnetic(
        block((90, 20), peripheral={"nerve": "median", "interval_ms": 25, "intensity": "300 %"}), id="pas-25"
    )


def bilateral(gap_s: float | None = None) -> Protocol:
    right = block((360, 1), label="right, 1 Hz", placement={"site": "F4", "method": None}, gap_s=gap_s)
    return magnetic(right, block((50, 0.1), (20, 30), label="left, 10 Hz"), id="bilateral")
