"""The words of NIBS-BIDS v6.3: columns, allowed values, fields, units.

Taken from the proposal's own text (specification/nibs-bids.md of the NIBS-BIDS repository, "NIBS-BIDS proposal v6.3",
with the corrections its table of issues dates 2026-08-24). Facts only; the sentences are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

NIBS_BIDS_VERSION = "6.3"
NIBS_BIDS_TEXT = "NIBS-BIDS proposal v6.3, text with the corrections of 2026-08-24"
BIDS_VERSION = "1.10.0"
DELIMITER = "|"
NOT_AVAILABLE = "n/a"

Need = Literal["required", "recommended", "optional"]
Kind = Literal["text", "number"]


@attrs.frozen
class Column:
    """One column: how far it is asked for, what its cells are, and the unit stimplan writes ("" where it has none)."""

    need: Need
    kind: Kind
    text: str
    unit: str = ""


def _text(text: str, need: Need = "optional") -> Column:
    return Column(need, "text", text)


def _number(text: str, unit: str = "", need: Need = "optional") -> Column:
    return Column(need, "number", text, unit)


_AXES = {
    f"element_{axis}dir_{part}": _number(f"{part} component of the element's {axis} axis, {meaning}")
    for axis, meaning in (
        ("x", "the cross product of its y and z axes"),
        (
            "y",
            "as in SimNIBS matsimnibs: +y is the prolongation of a coil's handle line, so the handle itself lies "
            "at -y; for an electrode the direction of its height",
        ),
        ("z", "pointing from the element into the head"),
    )
    for part in "xyz"
}

NIBS_COLUMNS: Mapping[str, Column] = {
    "nibs_event_id": _text("Name of a set of stimulation parameters; *_events.tsv refers to it", "required"),
    "nibs_type": _text("Kind of stimulation", "required"),
    "stimulator_id": _text("Device that makes the waveform, an entry of StimulatorSet", "recommended"),
    "nibs_element_id": _text("Coil or electrodes that deliver it, entries of ElementSet", "recommended"),
    "stimulus_shape": _text("Waveform of the base stimulus", "recommended"),
    "stimulus_intensity": _number("Amplitude of the base stimulus", "mA", "recommended"),
    "stimulus_duration": _number("Duration of the base stimulus, its ramps included", "s", "recommended"),
    "first_inflection": _text("First deflection of the induced current"),
    "current_direction": _text("Direction of the current in the coil's winding"),
    "ramp_up": _number("Linear ramp of the current at the start of the block", "s"),
    "ramp_down": _number("Linear ramp of the current at the end of the block", "s"),
    "frequency": _number("Frequency of the oscillation", "Hz"),
    "starting_phase": _number("Phase of the oscillation at its start", "deg"),
    "offset": _number("Constant current added to the oscillation", "mA"),
    "noise_type": _text("Spectral character of the noise"),
    "frequency_low": _number("Lower end of the noise's band", "Hz"),
    "frequency_high": _number("Upper end of the noise's band", "Hz"),
    "distribution": _text("Distribution of the noise's amplitude"),
    "stimulus_description": _text("A waveform the vocabulary has no word for, in words"),
    "intensity_reference": _text("What the intensity is relative to, an entry of IntensitySet, or absolute"),
    "intensity_scaling": _text("Factor on the value of the reference, or absolute"),
    "stimulus_count": _number("Number of this delivery; for counting only"),
    "stimulus_validation": _text("Whether the delivery was verified"),
    "subject_feedback": _text("What the participant felt"),
    "status": _text("Quality of what the row describes"),
    "status_description": _text("The status in words"),
    "timestamp": _text("Time at which the stimulation started, ISO 8601"),
    "electric_field_target": _number("Electric field at the target", "V/m"),
    "electric_field_max": _number("Largest electric field", "V/m"),
    "electric_field_units": _text("Unit of the electric fields"),
    "electric_field_model_name": _text("Model the electric fields are from"),
    "electric_field_model_version": _text("Version of that model"),
    "contact_impedance": _number("Measured impedance of each electrode", "kOhm"),
    "measured_current_intensity": _number("Current the device reports", "mA"),
    "measured_voltage_intensity": _number("Voltage the device reports", "V"),
    "current_statistics": _text("The device's summary of the current"),
    "measured_peak_negative_pressure": _number("Peak negative pressure"),
    "spatial_peak_pulse_average_intensity": _number("Spatial-peak pulse-average intensity"),
    "spatial_peak_temporal_average_intensity": _number("Spatial-peak temporal-average intensity"),
    "mechanical_index": _number("Mechanical index"),
    "thermal_index": _number("Thermal index"),
}
PATTERN_COLUMNS: Mapping[str, Column] = {
    "count": _number("Units of the layer below in one unit of this layer"),
    "interval": _number("Time from the start of one unit of the layer below to the start of the next", "s"),
    "frequency": _number("Units of the layer below per second", "Hz"),
    "duration": _number("Duration of the layer, the interval after its last unit included", "s"),
    "intensity": _number("Amplitude of each unit", "%"),
}
MARKER_COLUMNS: Mapping[str, Column] = {
    "nibs_position_id": _text("Name of one placement of one element; *_events.tsv refers to it", "required"),
    "nibs_element_id": _text("Element at this position, an entry of ElementSet in *_nibs.json", "recommended"),
    "position_label": _text("Site of the 10-05 system, or a nerve", "recommended"),
    "position_description": _text("The placement in words; for a coil, where its handle points"),
    "position_group": _text("Montage the placement belongs to"),
    **{f"element_centre_{c}": _number(f"{c} coordinate of the element's centre", "mm", "recommended") for c in "xyz"},
    **_AXES,
    "element_distance": _number("Distance from the element's surface to the scalp", "mm", "recommended"),
    **{f"target_{c}": _number(f"{c} coordinate of the place that is meant", "mm") for c in "xyz"},
    "target_label": _text("Name of the place that is meant"),
    "peeling_depth": _number("Depth of the target below the surface, as a neuronavigation system gives it", "mm"),
    **{f"efield_max_{c}": _number(f"{c} coordinate of the largest electric field", "mm") for c in "xyz"},
}
EVENT_COLUMNS: Mapping[str, Column] = {
    "onset": _number("Start of the delivery, from the start of the stimulation block", "s", "required"),
    "duration": _number("Duration of the delivery", "s", "required"),
    "nibs_event_id": _text("What was delivered, a row of *_nibs.tsv", "required"),
    "nibs_position_id": _text("Where, one row of *_markers.tsv for each element, in the elements' order"),
}
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "nibs": NIBS_COLUMNS,
    "markers": MARKER_COLUMNS,
    "events": EVENT_COLUMNS,
}

NIBS_TYPES = {
    "TMS": "Transcranial magnetic stimulation",
    "tES": "Transcranial electrical stimulation",
    "TUS": "Transcranial ultrasound stimulation",
    "PNS": "Peripheral nerve stimulation",
}
SHAPES_OF: Mapping[str, tuple[str, ...]] = {
    "TMS": ("Monophasic", "Biphasic", "Halfsine", "Custom"),
    "tES": ("Rectangle", "Sinusoid", "Noise", "Custom"),
    "TUS": ("Sinusoid", "Custom"),
    # A nerve is stimulated by a coil, by electrodes or by ultrasound.
    "PNS": ("Monophasic", "Biphasic", "Halfsine", "Rectangle", "Sinusoid", "Noise", "Custom"),
}
LEVELS: Mapping[str, tuple[str, ...]] = {
    "nibs_type": tuple(NIBS_TYPES),
    "stimulus_shape": SHAPES_OF["PNS"],
    "first_inflection": ("rising", "descending"),
    "current_direction": ("cl", "co", "cl-co", "co-cl", "other"),
    "intensity_reference": ("rMT", "aMT", "1mV", "e-field", "absolute"),
    "stimulus_validation": ("verified", "observed", "not_verified", "unknown"),
}
ELEMENT_TYPES = ("coil", "electrode", "transducer")
ELECTRODE_ROLES = ("anode", "cathode", "return", "ground", "other")
TRANSDUCER_TYPES = ("single-element", "phased-array", "planar", "custom")
LENGTH_UNITS = ("m", "mm", "cm", "n/a")

# Name in the text before 2026-08-24, in v6.2, or in drafts of v6.3 -> name now; in the sidecar and in its sets.
RENAMED_KEYS: Mapping[str, str] = {
    "ManufacturerModelName": "ManufacturersModelName",
    "ManufacturerSerialNumber": "DeviceSerialNumber",
    "SoftwareVersion": "SoftwareVersions",
    "CoilSet": "ElementSet",
    "ElectrodeSet": "ElementSet",
    "TransducerSet": "ElementSet",
    "StimulusSet": "the columns stimulus_* and pattern<index>_* of *_nibs.tsv",
    "StimulationSystem": "the column nibs_type of *_nibs.tsv",
}
RENAMED_COLUMNS: Mapping[str, str] = {
    "event_id": "nibs_event_id",
    "element_id": "nibs_element_id",
    "position_id": "nibs_position_id",
    "coil_id": "nibs_element_id",
    "electrode_id": "nibs_element_id",
    "transducer_id": "nibs_element_id",
    "stim_id": "nibs_event_id",
    "target_id": "nibs_position_id in *_events.tsv",
    "event_part": "one row with | between the elements",
    "stim_count": "stimulus_count",
}

# unit in a sidecar -> suffix of stimplan.units; the words are what older files write
UNITS: Mapping[str, str] = {
    "s": "s",
    "ms": "ms",
    "us": "us",
    "µs": "us",
    "min": "min",
    "Hz": "Hz",
    "kHz": "kHz",
    "A": "A",
    "mA": "mA",
    "uA": "uA",
    "V": "V",
    "m": "m",
    "cm": "cm",
    "mm": "mm",
    "deg": "deg",
    "Ohm": "ohm",
    "kOhm": "kohm",
    "V/m": "V_per_m",
    "A/us": "A_per_us",
    "A/µs": "A_per_us",
    "% Maximum Stimulator Output": "percent",
    "%MSO": "percent",
}
UNIT_WORDS: Mapping[str, str] = {
    "second": "s",
    "seconds": "s",
    "millisecond": "ms",
    "milliseconds": "ms",
    "microsecond": "us",
    "microseconds": "us",
    "minute": "min",
    "minutes": "min",
    "hertz": "Hz",
    "milliampere": "mA",
    "milliamperes": "mA",
    "millimeter": "mm",
    "millimeters": "mm",
    "millimetre": "mm",
    "millimetres": "mm",
    "degree": "deg",
    "degrees": "deg",
}


def column(table: str, name: str) -> Column | None:
    """The column of a table ("nibs", "markers", "events"); None where the proposal has no such column."""
    known = COLUMNS[table].get(name)
    if known is not None or table != "nibs":
        return known
    layer, _, part = name.partition("_")
    is_layer = layer.startswith("pattern") and layer.removeprefix("pattern").isdigit()
    return PATTERN_COLUMNS.get(part) if is_layer and layer != "pattern0" else None
