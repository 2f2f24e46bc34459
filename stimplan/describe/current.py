"""Sentences about a stimulation by electrodes: what, where, how long, and what it adds up to."""

from __future__ import annotations

from itertools import groupby

from stimplan.describe.words import (
    bare,
    counted,
    inner,
    listed,
    point_text,
    rounded,
    shown,
    signed,
    site_text,
    time_text,
)
from stimplan.montage import Circle, Electrode, Rectangle, Shape
from stimplan.protocol import (
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    NoiseWaveform,
    OscillatingWaveform,
    Protocol,
    PulsedWaveform,
    SinusoidalWaveform,
)
from stimplan.protocol.totals import totals_of
from stimplan.sites import electrode_products, materials


def electric_sentences(protocol: Protocol, stimulation: ElectricStimulation) -> list[str]:
    """Placement, electrodes, waveform and derived totals of a session."""
    return [
        placement_text(stimulation),
        *[f"{names}: {what}" for names, what in electrode_groups(stimulation)],
        waveform_text(stimulation),
        ramp_text(stimulation.waveform),
        pause_text(stimulation.waveform),
        totals_text(protocol, stimulation),
    ]


def placement_text(stimulation: ElectricStimulation) -> str:
    """Every electrode with its place and its current."""
    return f"{counted(len(stimulation.electrodes), 'electrode')}: " + ", ".join(
        electrode_text(stimulation, electrode) for electrode in stimulation.electrodes
    )


def electrode_text(stimulation: ElectricStimulation, electrode: Electrode) -> str:
    """Role, place and current of one electrode."""
    role = role_of(stimulation, electrode)
    parts = [f"{role} {place_of(electrode)} {signed(electrode.current_A, 'mA')}".strip()]
    if electrode.phase_rad is not None:
        parts.append(f"phase {shown(electrode.phase_rad, 'deg')}")
    if electrode.offset_A is not None:
        parts.append(f"offset {signed(electrode.offset_A, 'mA')}")
    return " ".join(parts) if len(parts) == 1 else f"{parts[0]} ({', '.join(parts[1:])})"


def role_of(stimulation: ElectricStimulation, electrode: Electrode) -> str:
    """anode, cathode, return or the channel."""
    if electrode.channel is not None:
        return f"channel {electrode.channel}"
    if stimulation.waveform.type not in ("direct", "oscillating"):
        return ""
    side = electrode.offset_A if electrode.offset_A else electrode.current_A
    alone = sum(one.current_A < 0 for one in stimulation.electrodes) == 1
    return "anode" if side > 0 else "cathode" if alone else "return"


def place_of(electrode: Electrode) -> str:
    """Site or position, and the label where it says more."""
    place = point_text(electrode.site) if isinstance(electrode.site, tuple) else site_text(electrode.site)
    is_plain = electrode.label in (place, str(electrode.site)) or isinstance(electrode.site, tuple)
    return f"at {place}" if is_plain else f"at {place} ({electrode.label})"


def electrode_groups(stimulation: ElectricStimulation) -> list[tuple[str, str]]:
    """Electrodes of the same make together: their names, and what they are."""

    def make(electrode: Electrode) -> str:
        return f"{shape_text(electrode.shape)}, {layers_text(electrode)}"

    groups: dict[str, list[str]] = {}
    for electrode in stimulation.electrodes:
        groups.setdefault(make(electrode), []).append(electrode.label)
    if len(groups) == 1:
        return [("both" if len(stimulation.electrodes) == 2 else "all", next(iter(groups)))]
    return [(f"electrode{'s' if len(names) > 1 else ''} {listed(names)}", what) for what, names in groups.items()]


def shape_text(shape: Shape) -> str:
    """Outline with its sizes and area."""
    area = rounded(shape.area_m2, "cm2")
    if isinstance(shape, Circle):
        return f"round, {shown(shape.diameter_m, 'mm')} across ({area})"
    if isinstance(shape, Rectangle):
        turn = f", turned by {shown(shape.rotation_rad, 'deg')}"
        return f"pads of {bare(shape.width_m, 'mm')} × {shown(shape.height_m, 'mm')} ({area}{turn})"
    inner, outer = bare(shape.inner_diameter_m, "mm"), shown(shape.outer_diameter_m, "mm")
    return f"rings of {inner} mm inner and {outer} outer diameter ({area})"


def layers_text(electrode: Electrode) -> str:
    """Layers from the skin outwards, and the product where it is known."""
    known = materials()
    texts = [
        f"{shown(layer.thickness_m, 'mm')} of {inner(known[layer.material].title)}"
        if layer.material in known
        else f"{shown(layer.thickness_m, 'mm')} of {layer.material}"
        for layer in electrode.layers
    ]
    product = electrode_products().get(electrode.product or "")
    return ", then ".join(texts) + (f" ({product.title})" if product else "")


def waveform_text(stimulation: ElectricStimulation) -> str:
    """Kind of current and its time at the full level."""
    waveform = stimulation.waveform
    convention = stimulation.amplitude_convention
    unknown = "" if stimulation.is_size_known else ", whether sizes are peak, peak-to-peak or RMS is not reported"
    size = f", sizes given as {convention}" if convention else unknown
    return f"{kind_text(waveform)}{size}, {shown(waveform.duration_s, 'min')} at the full level"


def kind_text(waveform: DirectWaveform) -> str:
    """Kind of current with its frequencies."""
    match waveform:
        case SinusoidalWaveform():
            return f"alternating current, {_frequency(waveform)}"
        case OscillatingWaveform():
            return f"current that oscillates on top of a direct current, {_frequency(waveform)}"
        case NoiseWaveform():
            low, high = (None if f is None else shown(f, "Hz") for f in (waveform.band_low_Hz, waveform.band_high_Hz))
            edges = f"from {low or 'a frequency that is not reported'} to {high or 'one that is not reported'}"
            shape = f", {waveform.distribution} distribution" if waveform.distribution else ""
            return f"random noise {edges if low or high else '(band not reported)'}{shape}"
        case PulsedWaveform():
            width, gap = shown(waveform.pulse_width_s, "ms"), shown(waveform.pulse_gap_s, "ms")
            each = " per phase" if waveform.polarity == "biphasic" else ""
            rate = rounded(waveform.frequency_Hz, "Hz")
            return f"{waveform.polarity} pulses of {width}{each} with gaps of {gap} ({rate})"
        case InterferenceWaveform():
            carriers = listed([shown(f, "Hz") for f in waveform.carriers_Hz])
            beats = listed([rounded(f, "Hz", 6) for f in waveform.beats_Hz])
            return f"temporal interference of carriers at {carriers} (envelope {beats})"
    return "direct current"


def _frequency(waveform: SinusoidalWaveform | OscillatingWaveform) -> str:
    note = f" ({waveform.frequency_note})" if waveform.frequency_note else ""
    if waveform.frequency_Hz is None:
        return f"at each person's own frequency{note}"
    return f"{shown(waveform.frequency_Hz, 'Hz')}{note}"


def ramp_text(waveform: DirectWaveform) -> str:
    """Ramps, or that they are not reported."""
    up, down = waveform.ramp_up_s, waveform.ramp_down_s
    if up is None and down is None:
        return "ramps not reported"
    texts = [
        f"{'up' if way == 'up' else 'down'} over {shown(time, 's')}" if time is not None else f"{way} not reported"
        for way, time in (("up", up), ("down", down))
    ]
    return f"ramped {listed(texts)}, on top of that time"


def pause_text(waveform: DirectWaveform) -> str:
    """Pauses within the session."""
    pauses = waveform.intermittence
    if pauses is None:
        return ""
    return f"within that time {shown(pauses.on_s, 's')} on and {shown(pauses.off_s, 's')} off in turn"


def totals_text(protocol: Protocol, stimulation: ElectricStimulation) -> str:
    """What is derived from the fields, never typed: current, densities, charge, time."""
    totals = totals_of(protocol)
    bound = "" if totals.is_duration_complete else " without the ramps that are not reported"
    parts = [f"session {time_text(totals.session_duration_s)}{bound}"]
    convention = stimulation.amplitude_convention
    if protocol.total_current_A is not None:
        size = f" {convention}" if convention else ""
        parts.append(f"current through the head {rounded(protocol.total_current_A, 'mA')}{size}")
    if protocol.max_current_density_A_per_m2 is not None:
        parts.append(f"at most {rounded(protocol.max_current_density_A_per_m2, 'A_per_m2')} under an electrode")
    if totals.charge_per_session_C is not None:
        rectified = "" if convention is None else "rectified "
        course = (
            ""
            if protocol.course.sessions == 1
            else f" ({rounded(totals.charge_per_course_C or 0.0, 'C')} in the course)"
        )
        parts.append(
            f"{rectified}charge {rounded(totals.charge_per_session_C, 'C')} per session{course}, ramps not counted"
        )
    if protocol.max_charge_density_C_per_m2 is not None:
        parts.append(f"at most {rounded(protocol.max_charge_density_C_per_m2, 'C_per_m2')} per session")
    return "derived: " + ", ".join(parts)


def compact_currents(stimulation: ElectricStimulation) -> str:
    """Sizes of the currents without repetition, for a title: `2 mA`, `0.5 and 2 mA`."""
    sizes = sorted({abs(electrode.current_A) for electrode in stimulation.electrodes if electrode.current_A > 0})
    sizes = sizes or sorted({abs(electrode.current_A) for electrode in stimulation.electrodes})
    return listed([bare(size, "mA") for size, _ in groupby(sizes)]) + " mA"
