"""The published protocols of the safety evidence as small protocol documents, typed from its table 4 by hand."""

from __future__ import annotations

from stimplan.protocol import Protocol

THRESHOLD = {
    "method": "5 of 10 responses",
    "muscle": "first dorsal interosseous",
    "coil": "figure-8",
    "measured": "daily",
}
SPONGE = [{"material": "saline_sponge", "thickness_mm": 4}]
GEL = [{"material": "electrode_gel", "thickness_mm": 4}]
SITES = ("C3", "Fp2", "F3", "F4", "Cz", "Pz")


def document(modality, stimulation, *, sessions=1, per_day=1, gap_h=None):
    """A protocol document with nothing but what is delivered."""
    return {
        "schema_version": 2,
        "id": "vector",
        "title": "A row of the evidence",
        "modality": modality,
        "stimulation": stimulation,
        "course": {"sessions": sessions, "sessions_per_day": per_day, "min_gap_h": gap_h, "schedule": None},
    }


def block(patterns, percent, reference="rMT", *, stimulus=None, **more):
    """A block of pulses; `patterns` lists (count, interval in s) from the inside out."""
    return {
        "pulse": {"shape": "biphasic", "current_direction": None},
        "timing": {
            "stimulus": stimulus or {"pulses": 1},
            "patterns": [{"count": count, "interval_s": interval_s} for count, interval_s in patterns],
        },
        "intensity": {"value_percent": percent, "reference": reference},
        "threshold": THRESHOLD,
        "placement": {"site": "F3", "method": "10-20 system"},
        **more,
    }


def tms(*blocks, coil="figure-8", stimulator=None, **course):
    """A TMS document."""
    stimulation = {"coil": {"family": coil, "model": None}, "stimulator": stimulator, "blocks": list(blocks)}
    return document("TMS", stimulation, **course)


def trains(rate_Hz, percent, on_s, off_s, count):
    """Conventional trains: `rate_Hz` for `on_s`, `off_s` pause, `count` times."""
    return block([(round(rate_Hz * on_s), 1 / rate_Hz), (count, on_s + off_s)], percent)


def itbs(percent, reference, trains_of_2_s=20):
    """Intermittent theta burst: 3 pulses at 50 Hz, 10 bursts at 5 Hz, every 10 s."""
    return block([(3, 0.02), (10, 0.2), (trains_of_2_s, 10)], percent, reference)


def electrode(site, current_mA, shape_mm, layers, **more):
    """An electrode; one size is a disc, two are a pad."""
    if len(shape_mm) == 1:
        shape = {"type": "circle", "diameter_mm": shape_mm[0]}
    else:
        shape = {"type": "rectangle", "width_mm": shape_mm[0], "height_mm": shape_mm[1], "rotation_deg": 0}
    return {"site": site, "shape": shape, "layers": layers, "current_mA": current_mA, **more}


def waveform(kind, minutes, **more):
    """A waveform with ramps of 30 s."""
    return {"type": kind, "duration_min": minutes, "ramp_up_s": 30, "ramp_down_s": 30, **more}


def tdcs(current_mA, minutes, shape_mm, *, sites=("C3", "Fp2"), **course):
    """Direct current between two pads."""
    pads = [electrode(site, sign * current_mA, shape_mm, SPONGE) for site, sign in zip(sites, (1, -1), strict=True)]
    return document("tDCS", {"electrodes": pads, "waveform": waveform("direct", minutes)}, **course)


def hd(currents_mA, minutes, **course):
    """Direct current between small gel electrodes of 12 mm."""
    sites = ("C3", "C1", "C5", "CP3", "FC3")
    discs = [electrode(site, mA, (12,), GEL) for site, mA in zip(sites, currents_mA, strict=False)]
    return document("HD-tDCS", {"electrodes": discs, "waveform": waveform("direct", minutes)}, **course)


def tacs(currents_mA, minutes, shape_mm, *, convention="peak", frequency_Hz=40, sites=SITES, **course):
    """Alternating current; the electrodes have the phase 0 or, with a negative current, 180 degrees."""
    layers = GEL if len(shape_mm) == 1 else SPONGE
    electrodes = [
        electrode(site, abs(mA), shape_mm, layers, phase_deg=0 if mA > 0 else 180)
        for site, mA in zip(sites, currents_mA, strict=False)
    ]
    wave = waveform("sinusoidal", minutes, frequency_Hz=frequency_Hz)
    stimulation = {"electrodes": electrodes, "amplitude_convention": convention, "waveform": wave}
    return document("tACS", stimulation, **course)


def trns(current_mA, minutes, shape_mm):
    """Random noise from 100 to 640 Hz between two pads, its peak given."""
    pads = [electrode("C3", current_mA, shape_mm, SPONGE), electrode("Fp2", -current_mA, shape_mm, SPONGE)]
    wave = waveform("noise", minutes, band_low_Hz=100, band_high_Hz=640, distribution="gaussian")
    return document("tRNS", {"electrodes": pads, "amplitude_convention": "peak", "waveform": wave})


def interference(currents_mA, carriers_Hz, minutes=30):
    """Temporal interference of two pairs of small electrodes."""
    pairs = (("F7", "P7"), ("F8", "P8"))
    electrodes = [
        electrode(site, sign * mA, (15,), GEL, channel=channel)
        for channel, (pair, mA) in enumerate(zip(pairs, currents_mA, strict=True), start=1)
        for site, sign in zip(pair, (1, -1), strict=True)
    ]
    wave = waveform("temporal-interference", minutes, carriers_Hz=list(carriers_Hz))
    return document("TI", {"electrodes": electrodes, "amplitude_convention": "peak", "waveform": wave})


def without(tree, *path):
    """The document without one of its values."""
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return tree


TEN_HZ = (10, 120, 4, 26, 75)  # Hz, %, s on, s off, trains
SAINT = {"sessions": 50, "per_day": 10, "gap_h": 1}
PAD_35, PAD_25, PAD_16, ROUND = (50, 70), (50, 50), (40, 40), (50,)


class Loose(Protocol):
    """A protocol that was never checked: it holds what `Protocol` refuses (NaN, a missing area ...)."""

    def __init__(self, **parts):
        object.__setattr__(self, "parts", parts)

    def __getattribute__(self, name):
        parts = object.__getattribute__(self, "parts")
        return parts[name] if name in parts else object.__getattribute__(self, name)
