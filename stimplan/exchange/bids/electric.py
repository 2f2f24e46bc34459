"""Stimulation through electrodes, as rows of the tables and back.

One row of *_nibs.tsv, or one for each channel of temporal interference. Pulses are pattern1 and the session's
on-times pattern2; a direct or alternating current with pauses has its on-times as pattern1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.exchange.bids.sheets import (
    NotUnderstood,
    Sheets,
    Source,
    by_id,
    cell,
    cells,
    joined,
    one,
    point_cells,
    present,
    read_point,
    si_exact,
    si_value,
    size_of,
)
from stimplan.exchange.bids.tables import Row, cell_parts, exact_product, exact_sum, number_text
from stimplan.exchange.bids.view import BidsView, is_whole
from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring, Shape
from stimplan.protocol import (
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    Intermittence,
    NoiseWaveform,
    OscillatingWaveform,
    PulsedWaveform,
    SinusoidalWaveform,
    Target,
)
from stimplan.sites import electrode_products, known_sites
from stimplan.units import from_si, to_si

if TYPE_CHECKING:
    from stimplan.placement import Patch, Placement

BIPHASIC = "Biphasic rectangular pulse of current: two phases of equal width and opposite polarity"
_SHAPES = {
    "direct": "Rectangle",
    "sinusoidal": "Sinusoid",
    "noise": "Noise",
    "oscillating": "Sinusoid",
    "pulsed": "Rectangle",
    "temporal-interference": "Sinusoid",
}
TECHNIQUES = {
    "direct": "tDCS",
    "sinusoidal": "tACS",
    "noise": "tRNS",
    "oscillating": "otDCS",
    "pulsed": "tPCS",
    "temporal-interference": "TI",
}
# The proposal has no column for it; the sidecar says what the column means.
CONVENTIONS = {
    "peak": "Stimulus intensity, peak",
    "peak-to-peak": "Stimulus intensity, peak-to-peak",
    "RMS": "Stimulus intensity, RMS",
}


def write_electric(view: BidsView, placement: Placement | None) -> Sheets:
    """The rows of an electric stimulation."""
    stimulation = view.stimulation
    assert isinstance(stimulation, ElectricStimulation)
    sheets = Sheets(sets={"ElementSet": []})
    patches = {} if placement is None else {patch.electrode.label: patch for patch in placement.electrodes}
    names = {electrode.label: f"E{number}" for number, electrode in enumerate(stimulation.electrodes, start=1)}
    for electrode in stimulation.electrodes:
        name, is_direct = names[electrode.label], stimulation.waveform.type == "direct"
        sheets.sets["ElementSet"].append(_element(electrode, name, is_direct))
        sheets.markers.append(_marker(electrode, name, patches.get(electrode.label), view.target))
    channels = sorted({electrode.channel or 0 for electrode in stimulation.electrodes})
    for channel in channels:
        own = [electrode for electrode in stimulation.electrodes if (electrode.channel or 0) == channel]
        row_id = view.id if len(channels) == 1 else f"{view.id}_{channel}"
        ids = [names[electrode.label] for electrode in own]
        row = {"nibs_event_id": row_id, "nibs_type": "tES", "nibs_element_id": joined(ids)}
        sheets.nibs.append(present({**row, **_waveform_cells(stimulation, own)}))
        where = joined(f"P{name}" for name in ids)
        lasts = number_text(planned_duration_s(stimulation.waveform))
        sheets.events.append({"onset": "0", "duration": lasts, "nibs_event_id": row_id, "nibs_position_id": where})
    if stimulation.amplitude_convention is not None:
        name = CONVENTIONS[stimulation.amplitude_convention]
        about = f"Current of each electrode, {stimulation.amplitude_convention}, in the order of nibs_element_id"
        sheets.notes["stimulus_intensity"] = {"LongName": name, "Description": about}
    return sheets


def planned_duration_s(waveform: DirectWaveform) -> Decimal:
    """Ramps and session, s, exactly."""
    parts = (waveform.ramp_up_s or 0.0, waveform.duration_s, waveform.ramp_down_s or 0.0)
    return exact_sum(from_si(part, "s") for part in parts)


def _element(electrode: Electrode, name: str, is_direct: bool) -> dict[str, Any]:
    role = "other" if not is_direct or electrode.current_A == 0 else "anode" if electrode.current_A > 0 else "cathode"
    word, lengths, about = _outline(electrode.shape)
    values = [from_si(length, "mm") for length in lengths]
    entry: dict[str, Any] = {"ElementID": name, "ElementType": "electrode", "ElectrodeRole": role}
    if electrode.product is not None:
        entry["ModelName"] = electrode.product
    size = {"Value": values if len(values) > 1 else values[0], "Units": "mm", "Description": about}
    entry |= {"Shape": word, "ElectrodeSize": size}
    if electrode.layers:
        inner = electrode.layers[:-1] or electrode.layers
        thick = [from_si(layer.thickness_m, "mm") for layer in electrode.layers]
        told = "of each layer, from the skin outwards" if len(thick) > 1 else "of the contact medium"
        entry["Thickness"] = {"Value": thick if len(thick) > 1 else thick[0], "Units": "mm", "Description": told}
        entry["ElectrodeContactMedium"] = " + ".join(layer.material for layer in inner)
        if len(electrode.layers) > 1:
            entry["Material"] = electrode.layers[-1].material
    return entry


def _outline(shape: Shape) -> tuple[str, list[float], str]:
    match shape:
        case Circle():
            return "circular", [shape.diameter_m], "diameter"
        case Rectangle():
            return "rectangular", [shape.width_m, shape.height_m], "width and height"
        case Ring():
            return "ring", [shape.inner_diameter_m, shape.outer_diameter_m], "inner and outer diameter"


def _marker(electrode: Electrode, name: str, patch: Patch | None, target: Target | None) -> dict[str, str]:
    is_named = isinstance(electrode.site, str)
    center = patch.center_m if patch is not None else electrode.site if isinstance(electrode.site, tuple) else None
    row: dict[str, str | None] = {
        "nibs_position_id": f"P{name}",
        "nibs_element_id": name,
        "position_label": electrode.site if isinstance(electrode.site, str) else None,
        "position_description": electrode.label if electrode.label != _own_label(electrode) else None,
        **point_cells("element_centre", center),
    }
    if patch is not None and (is_named or center is not None):
        row |= _axes(patch)
    if target is not None:
        row |= {"target_label": target.label, **point_cells("target", target.mni_m)}
    return present(row)


def _own_label(electrode: Electrode) -> str:
    return Electrode(electrode.site, electrode.shape, (), 0.0).label


def _axes(patch: Patch) -> dict[str, str]:
    """z into the head, y along the height of the electrode, x = y × z."""
    import numpy as np

    z = -patch.normal / np.linalg.norm(patch.normal)
    y = patch.up - (patch.up @ z) * z
    y /= np.linalg.norm(y)
    axes = {"x": np.cross(y, z), "y": y, "z": z}
    return {
        f"element_{axis}dir_{part}": number_text(Decimal(repr(float(value))))
        for axis, vector in axes.items()
        for part, value in zip("xyz", vector, strict=True)
    }


def _waveform_cells(stimulation: ElectricStimulation, own: Sequence[Electrode]) -> dict[str, str | None]:
    """The cells of one row that say the waveform."""
    waveform = stimulation.waveform
    row: dict[str, str | None] = {
        "stimulus_shape": _SHAPES[waveform.type],
        "stimulus_intensity": cells((electrode.current_A for electrode in own), "mA"),
        "stimulus_duration": number_text(planned_duration_s(waveform)),
        "ramp_up": cell(waveform.ramp_up_s, "s"),
        "ramp_down": cell(waveform.ramp_down_s, "s"),
        "intensity_reference": "absolute",
        "intensity_scaling": "absolute",
    }
    match waveform:
        case SinusoidalWaveform():
            row |= {"frequency": cell(waveform.frequency_Hz, "Hz"), "starting_phase": cell(own[0].phase_rad, "deg")}
        case OscillatingWaveform():
            offsets = cells((electrode.offset_A or 0.0 for electrode in own), "mA")
            row |= {"frequency": cell(waveform.frequency_Hz, "Hz"), "offset": offsets}
        case InterferenceWaveform():
            row["frequency"] = cell(waveform.carriers_Hz[(own[0].channel or 1) - 1], "Hz")
        case NoiseWaveform():
            row |= {"frequency_low": cell(waveform.band_low_Hz, "Hz"), "distribution": waveform.distribution}
            row["frequency_high"] = cell(waveform.band_high_Hz, "Hz")
        case PulsedWaveform():
            return row | _pulse_cells(waveform)
    return row | _pause_cells(waveform, 1) if waveform.intermittence is not None else row


def _pause_cells(waveform: DirectWaveform, layer: int) -> dict[str, str | None]:
    """The on-times of a session as a layer of the pattern; without pauses it is one on-time."""
    lasts, pauses = from_si(waveform.duration_s, "s"), waveform.intermittence
    if pauses is None:
        return _layer(layer, interval=lasts, lasts=lasts)
    on, off = from_si(pauses.on_s, "s"), from_si(pauses.off_s, "s")
    row = _layer(layer, interval=exact_sum((on, off)), lasts=lasts)
    return row if layer > 1 else {**row, "stimulus_duration": number_text(on)}


def _pulse_cells(waveform: PulsedWaveform) -> dict[str, str | None]:
    width, gap = from_si(waveform.pulse_width_s, "s"), from_si(waveform.pulse_gap_s, "s")
    phases = 2 if waveform.polarity == "biphasic" else 1
    pulse = exact_product(width, phases)
    lasts = waveform.intermittence.on_s if waveform.intermittence is not None else waveform.duration_s
    row = _layer(1, interval=exact_sum((pulse, gap)), lasts=from_si(lasts, "s"))
    row |= _pause_cells(waveform, 2)
    row["stimulus_duration"] = number_text(pulse)
    return row | ({"stimulus_shape": "Custom", "stimulus_description": BIPHASIC} if phases == 2 else {})


def _layer(number: int, *, interval: Decimal, lasts: Decimal) -> dict[str, str | None]:
    """One layer; its count is left out where the last unit is cut short."""
    count = lasts / interval
    is_exact = is_whole(count) and exact_product(count, interval) == lasts
    name = f"pattern{number}"
    row: dict[str, str | None] = {f"{name}_interval": number_text(interval), f"{name}_duration": number_text(lasts)}
    return {f"{name}_count": number_text(count) if is_exact else None, **row}


def read_electric(source: Source, rows: Sequence[Row]) -> ElectricStimulation:
    """The electric stimulation of one row, or of the rows of several channels.

    Raises
    ------
    NotUnderstood
        The rows say something that no protocol has.
    """
    is_paired = len(rows) > 1
    electrodes = []
    for channel, row in enumerate(rows, start=1):
        electrodes += _read_electrodes(source, row, channel if is_paired else None)
    if is_paired:
        carriers = [si_value(source, row, "frequency") for row in rows]
        known = tuple(carrier for carrier in carriers if carrier is not None)
        if len(known) < len(rows):
            raise NotUnderstood(source, "frequency", "a channel without its carrier")
        waveform: DirectWaveform = InterferenceWaveform(**_read_times(source, rows[0], 1), carriers_Hz=known)
    else:
        waveform = _read_waveform(source, rows[0])
    if len({electrode.label for electrode in electrodes}) < len(electrodes):  # then a description is no name
        electrodes = [attrs.evolve(electrode, label=_own_label(electrode)) for electrode in electrodes]
    described = source.sidecar.get("stimulus_intensity")
    name = described.get("LongName") if isinstance(described, Mapping) else None
    told = next((key for key, value in CONVENTIONS.items() if value == name), "peak")
    return ElectricStimulation(tuple(electrodes), waveform, None if waveform.type == "direct" else told)  # type: ignore[arg-type]


def _read_waveform(source: Source, row: Row) -> DirectWaveform:
    shape = row.get("stimulus_shape")
    if shape == "Sinusoid":
        frequency = si_value(source, row, "frequency")
        cls = OscillatingWaveform if cell_parts(row, "offset") else SinusoidalWaveform
        return cls(**_read_times(source, row, 1), frequency_Hz=frequency)
    if shape == "Noise":
        band = [si_value(source, row, name) for name in ("frequency_low", "frequency_high")]
        told = next(iter(cell_parts(row, "distribution")), None)
        if told not in ("gaussian", "uniform", None):
            raise NotUnderstood(source, "distribution", f"{told!r} is not gaussian or uniform")
        times = _read_times(source, row, 1)
        return NoiseWaveform(**times, band_low_Hz=band[0], band_high_Hz=band[1], distribution=told)  # type: ignore[arg-type]
    is_biphasic = shape == "Custom" and row.get("stimulus_description") == BIPHASIC
    if shape != "Rectangle" and not is_biphasic:
        raise NotUnderstood(source, "stimulus_shape", f"{shape!r} is no waveform of a protocol")
    if not is_biphasic and not cell_parts(row, "pattern2_interval"):
        return DirectWaveform(**_read_times(source, row, 1))
    pulse, period = (_needed(source, row, name) for name in ("stimulus_duration", "pattern1_interval"))
    width = pulse / 2 if is_biphasic else pulse
    gap = exact_sum((period, -pulse))
    polarity = "biphasic" if is_biphasic else "monophasic"
    on = _needed(source, row, "pattern1_duration")
    times = _read_times(source, row, 2, on=on)
    return PulsedWaveform(
        **times,
        pulse_width_s=to_si(width, "s"),
        pulse_gap_s=to_si(gap, "s"),
        polarity=polarity,  # type: ignore[arg-type]
    )


def _needed(source: Source, row: Row, name: str) -> Decimal:
    value = one(si_exact(source, row, name), source, name)
    if value is None and name.endswith("_duration") and name.startswith("pattern"):
        layer = name.removesuffix("_duration")
        value = exact_product(_needed(source, row, f"{layer}_count"), _needed(source, row, f"{layer}_interval"))
    if value is None and name.endswith("_interval"):
        value = 1 / _needed(source, row, name.replace("_interval", "_frequency"))
    if value is None:
        raise NotUnderstood(source, name, "is missing, and a protocol needs it")
    return value


def _read_times(source: Source, row: Row, layer: int, *, on: Decimal | None = None) -> dict[str, Any]:
    """Duration, ramps and pauses; `on` is the length of one on-time where a lower layer says it."""
    ramps = {f"{name}_s": si_value(source, row, name) for name in ("ramp_up", "ramp_down")}
    if not cell_parts(row, f"pattern{layer}_interval") and not cell_parts(row, f"pattern{layer}_frequency"):
        whole = _needed(source, row, "stimulus_duration")
        rest = exact_sum((whole, *(-from_si(ramp, "s") for ramp in ramps.values() if ramp is not None)))
        if rest <= 0:
            raise NotUnderstood(source, "stimulus_duration", "is not longer than its ramps, which are part of it")
        return {"duration_s": to_si(rest, "s"), **ramps, "intermittence": None}
    period, lasts = (_needed(source, row, f"pattern{layer}_{part}") for part in ("interval", "duration"))
    on = _needed(source, row, "stimulus_duration") if on is None else on
    off = exact_sum((period, -on))
    pauses = Intermittence(on_s=to_si(on, "s"), off_s=to_si(off, "s")) if off > 0 else None
    return {"duration_s": to_si(lasts, "s"), **ramps, "intermittence": pauses}


def _read_electrodes(source: Source, row: Row, channel: int | None) -> list[Electrode]:
    names = cell_parts(row, "nibs_element_id")
    currents = si_exact(source, row, "stimulus_intensity")
    event = source.events.get(row["nibs_event_id"], {})
    places = cell_parts(event, "nibs_position_id")
    if not len(names) == len(currents) == len(places) > 0:
        what = f"{len(names)} elements, {len(currents)} intensities and {len(places)} positions do not belong together"
        raise NotUnderstood(source, "nibs_element_id", what)
    offsets = si_exact(source, row, "offset")
    phases = si_exact(source, row, "starting_phase") or [Decimal(0)]
    phases = phases * len(names) if len(phases) == 1 else phases
    is_plain = channel is None and row.get("stimulus_shape") == "Sinusoid" and not offsets
    found = []
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        found.append(
            _read_electrode(
                source,
                (name, place),
                current_A=to_si(currents[number], "mA"),
                phase_rad=to_si(phases[number], "deg") if is_plain and number < len(phases) else None,
                offset_A=to_si(offsets[number], "mA") if number < len(offsets) else None,
                channel=channel,
            )
        )
    return found


def _read_electrode(source: Source, names: tuple[str, str], **electric: Any) -> Electrode:
    entry = by_id(source.sidecar.get("ElementSet"), "ElementID").get(names[0])
    marker = source.markers.get(names[1])
    if entry is None or marker is None:
        lost = names[0] if entry is None else names[1]
        raise NotUnderstood(source, "nibs_element_id", f"{lost!r} is described nowhere")
    label = marker.get("position_label", "")
    site = label if label in known_sites() else read_point(source, marker, "element_centre")
    if site is None:
        raise NotUnderstood(source, "position_label", f"{names[1]!r} has no 10-05 site and no coordinates")
    model = entry.get("ModelName")
    electrode = Electrode(
        site,
        _read_shape(source, entry),
        _read_layers(source, entry),
        product=model if model in electrode_products() else None,
        **electric,
    )
    if not cell_parts(marker, "position_description"):
        return electrode
    return attrs.evolve(electrode, label=marker["position_description"])


def _read_shape(source: Source, entry: Mapping[str, Any]) -> Shape:
    word, lengths = str(entry.get("Shape")).lower(), size_of(source, entry, "ElectrodeSize")
    about = str((entry.get("ElectrodeSize") or {}).get("Description", "diameter")).lower()
    if word in ("circular", "circle", "round", "disc") and len(lengths) == 1:
        return Circle(2 * lengths[0] if "radius" in about else lengths[0])
    if word in ("rectangular", "rectangle", "square") and len(lengths) == 2:
        return Rectangle(*lengths)
    if word in ("ring", "annular") and len(lengths) == 2:
        return Ring(*lengths)
    raise NotUnderstood(source, "ElementSet.Shape", f"{word!r} with {len(lengths)} lengths is no shape of a protocol")


def _read_layers(source: Source, entry: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Contact medium and material with their thicknesses; none where the dataset does not give one for each."""
    medium, outer = entry.get("ElectrodeContactMedium"), entry.get("Material")
    names = [*(str(medium).split(" + ") if medium else []), *([str(outer)] if outer else [])]
    thick = size_of(source, entry, "Thickness")
    return tuple(Layer(*pair) for pair in zip(names, thick, strict=True)) if len(names) == len(thick) else ()
