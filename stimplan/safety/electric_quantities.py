"""Quantities of stimulation by electrodes.

A current that is not direct is converted to its peak by the protocol's amplitude convention before anything is
compared (a factor of 2 between peak and peak-to-peak, 2.83 between RMS and peak-to-peak); without a convention it is
not known. The peak of Gaussian noise is half the width that holds 99 % of its values, as for "peak-to-peak".
"""

from __future__ import annotations

import cmath
import math
import re
from types import SimpleNamespace
from typing import Any

from stimplan.protocol import dose
from stimplan.safety.cases import Case, Row, flag, smallest, times, twelve_digits
from stimplan.safety.course_quantities import sessions_per_day

_FRONTAL = re.compile(r"(N|Fp|AFp|AF|AFF|F)(z|\d+)", re.IGNORECASE)


def _convention(protocol: Any) -> Any:
    """What `dose` asks of a stimulation: waveform and amplitude convention."""
    convention = getattr(getattr(protocol, "stimulation", None), "amplitude_convention", None)
    return SimpleNamespace(waveform=protocol.waveform, amplitude_convention=convention)


def _peak(protocol: Any, electrode: Any) -> float | None:
    """Largest |i(t)| of an electrode, A; None without a current or, where it is not direct, a convention."""
    stimulation = _convention(protocol)
    if electrode.current_A is None:
        return None
    if stimulation.waveform.type == "direct":
        return abs(electrode.current_A)
    if stimulation.amplitude_convention is None:
        return None
    peak = dose.peak_A(stimulation, electrode)
    if peak is None:
        sigma = dose.noise_sigma_A(stimulation, abs(electrode.current_A))
        peak = None if sigma is None else sigma * dose.NOISE_99_PERCENT_SIGMAS + abs(electrode.offset_A or 0.0)
    return None if peak is None else twelve_digits(peak)


def _mean(protocol: Any, electrode: Any) -> float | None:
    """Mean of |i(t)| while an electrode is on, A."""
    peak = _peak(protocol, electrode)
    if peak is None or protocol.waveform.type == "direct":
        return peak
    return dose.mean_rectified_A(_convention(protocol), electrode)


def _half_sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return twelve_digits(math.fsum(known) / 2) if known and len(known) == len(values) else None


def _electrode_current(case: Case) -> float | None:
    """Current into the head at this electrode, A: positive for an anode."""
    return case.electrode.current_A


def _electrode_current_size(case: Case) -> float | None:
    """Largest current at this electrode, without its sign, A."""
    return _peak(case.protocol, case.electrode)


def _electrode_area(case: Case) -> float | None:
    """Contact area, m²; a ring's hole does not count."""
    shape = case.electrode.shape
    return None if shape is None else twelve_digits(shape.area_m2)


def _layers(case: Case) -> list[float] | None:
    thickness = [layer.thickness_m for layer in case.electrode.layers or ()]
    return None if not thickness or None in thickness else thickness


def _thinnest_layer(case: Case) -> float | None:
    """Thickness of the thinnest layer between metal and skin, m; None where no layer is given."""
    thickness = _layers(case)
    return None if thickness is None else smallest(thickness)


def _all_layers(case: Case) -> float | None:
    """Thickness of all layers together, m; None where no layer is given."""
    thickness = _layers(case)
    return None if thickness is None else twelve_digits(sum(thickness))


def _over_area(value: float | None, case: Case) -> float | None:
    area = _electrode_area(case)
    if value is None or area is None:
        return None
    return twelve_digits(value / area) if area else math.inf


def _current_density(case: Case) -> float | None:
    """Mean current density of the largest current, |I| / A, under this electrode, A/m². At the rim it is higher."""
    return _over_area(_electrode_current_size(case), case)


def _charge_density(case: Case) -> float | None:
    """Mean charge density of one session, rectified charge over area, C/m²."""
    mean, duration = _over_area(_mean(case.protocol, case.electrode), case), _on_time(case)
    return None if mean is None or duration is None else twelve_digits(mean * duration)


def _duration(case: Case) -> float | None:
    """Time at the full level in one session, s, pauses included; ramps come on top."""
    return case.protocol.waveform.duration_s


def _on_time(case: Case) -> float | None:
    """Time at the full level without pauses, s."""
    duration = _duration(case)
    if duration is None or not math.isfinite(duration) or case.protocol.waveform.intermittence is None:
        return duration
    return dose.on_time_s(case.protocol.waveform)


def _total_current(case: Case) -> float | None:
    """Current through the head, A: half the sum of the largest |I| over the electrodes.

    For a balanced direct current this is what the anodes deliver together, the number on the stimulator's display.
    It is never below the current of a single electrode, so a limit on it holds for each electrode too. For an
    alternating current it is the largest that the phases allow.
    """
    return _half_sum([_peak(case.protocol, electrode) for electrode in case.protocol.electrodes])


def _total_peak_to_peak(case: Case) -> float | None:
    """Swing of the current through the head from its lowest to its highest value, 2 x peak, A."""
    total = _total_current(case)
    return None if total is None else twelve_digits(2 * total)


def _imbalance(case: Case) -> float | None:
    """|Sum of all electrode currents|, A; as phasors for tACS, the largest of the channels for TI, and of the offsets.

    What goes in must come out.
    """
    electrodes = case.protocol.electrodes
    if not electrodes or any(electrode.current_A is None for electrode in electrodes):
        return None
    kind = case.protocol.waveform.type
    groups: dict[Any, list[complex]] = {}
    for electrode in electrodes:
        phase = electrode.phase_rad if kind == "sinusoidal" else None
        channel = electrode.channel if kind == "temporal-interference" else None
        value = cmath.rect(electrode.current_A, phase) if phase else complex(electrode.current_A)
        groups.setdefault(channel, []).append(value)
        if kind == "oscillating":
            groups.setdefault("offset", []).append(complex(electrode.offset_A or 0))
    sums = [round(abs(sum(group)), 15) for group in groups.values()]  # to the femtoampere
    return math.nan if any(map(math.isnan, sums)) else max(sums)


def _session_charge(case: Case) -> float | None:
    """Rectified charge of a session, C: mean current x time on at the full level, as dose tables give it (no ramps)."""
    mean = _half_sum([_mean(case.protocol, electrode) for electrode in case.protocol.electrodes])
    duration = _on_time(case)
    return None if mean is None or duration is None else twelve_digits(mean * duration)


def _daily_duration(case: Case) -> float | None:
    """Time at the full level on a day of stimulation, s."""
    return times(_duration(case), sessions_per_day(case))


def _daily_charge(case: Case) -> float | None:
    """Rectified charge on a day of stimulation, C."""
    return times(_session_charge(case), sessions_per_day(case))


def _course_charge(case: Case) -> float | None:
    """Rectified charge of the whole course, C."""
    return times(_session_charge(case), case.protocol.course.sessions)


def _ramps(case: Case) -> list[float | None]:
    return [case.protocol.waveform.ramp_up_s, case.protocol.waveform.ramp_down_s]


def _shortest_ramp(case: Case) -> float | None:
    """Shorter of ramp-up and ramp-down, s; None where one of them is not reported."""
    ramps = [ramp for ramp in _ramps(case) if ramp is not None]
    return smallest(ramps) if len(ramps) == 2 else None


def _shortest_reported_ramp(case: Case) -> float | None:
    """Shortest of the ramps that are reported, s."""
    return smallest([ramp for ramp in _ramps(case) if ramp is not None])


def _frequency(case: Case) -> float | None:
    """Frequency of an alternating or oscillating current, Hz; None where each person has their own."""
    return getattr(case.protocol.waveform, "frequency_Hz", None)


def _is_frontal(case: Case) -> float | None:
    """1 for an electrode on the forehead or over the frontal lobe by its 10-05 name; None for a free position."""
    site = case.electrode.site
    return flag(bool(_FRONTAL.fullmatch(site))) if isinstance(site, str) else None


def _lowest_carrier(case: Case) -> float | None:
    """Lowest carrier frequency of temporal interference, Hz."""
    return smallest(list(getattr(case.protocol.waveform, "carriers_Hz", ())))


def _electrode_carrier(case: Case) -> float | None:
    """Carrier frequency of the channel of this electrode, Hz."""
    carriers = getattr(case.protocol.waveform, "carriers_Hz", ())
    channels = sorted({electrode.channel for electrode in case.protocol.electrodes if electrode.channel is not None})
    channel = case.electrode.channel
    if channel is None or len(channels) != len(carriers):
        return None
    return carriers[channels.index(channel)]


def _convention_given(case: Case) -> float | None:
    """1 where the protocol says what its currents mean: peak, peak-to-peak or RMS."""
    return None if _convention(case.protocol).amplitude_convention is None else 1.0


def _band_high(case: Case) -> float | None:
    """Upper edge of the band of a noise, Hz."""
    return getattr(case.protocol.waveform, "band_high_Hz", None)


ELECTRIC: tuple[Row, ...] = (
    ("total_current_A", "A", "the total current", "protocol", _total_current),
    ("total_current_peak_to_peak_A", "A", "the total current, peak to peak", "protocol", _total_peak_to_peak),
    ("current_imbalance_A", "A", "the sum of the electrode currents", "protocol", _imbalance),
    ("session_duration_s", "s", "the duration of a session", "protocol", _duration),
    ("session_charge_C", "C", "the charge of a session", "protocol", _session_charge),
    ("daily_duration_s", "s", "the stimulation time per day", "protocol", _daily_duration),
    ("daily_charge_C", "C", "the charge per day", "protocol", _daily_charge),
    ("course_charge_C", "C", "the charge of the course", "protocol", _course_charge),
    ("shortest_ramp_s", "s", "the ramp-up or ramp-down time", "protocol", _shortest_ramp),
    ("shortest_reported_ramp_s", "s", "the shortest reported ramp", "protocol", _shortest_reported_ramp),
    ("alternating_frequency_Hz", "Hz", "the frequency of the current", "protocol", _frequency),
    ("band_high_Hz", "Hz", "the upper edge of the band", "protocol", _band_high),
    ("convention_given", "", "the amplitude convention", "protocol", _convention_given),
    ("lowest_carrier_Hz", "Hz", "the carrier frequency", "protocol", _lowest_carrier),
    ("electrode_current_A", "A", "the signed current of the electrode", "electrode", _electrode_current),
    ("electrode_current_size_A", "A", "the current of the electrode", "electrode", _electrode_current_size),
    ("electrode_area_m2", "m2", "the contact area of the electrode", "electrode", _electrode_area),
    ("electrode_thinnest_layer_m", "m", "the layers between metal and skin", "electrode", _thinnest_layer),
    ("electrode_layers_m", "m", "the layers between metal and skin", "electrode", _all_layers),
    ("electrode_carrier_Hz", "Hz", "the carrier frequency of the electrode", "electrode", _electrode_carrier),
    ("is_frontal", "", "whether the electrode lies in front", "electrode", _is_frontal),
    (
        "electrode_current_density_A_per_m2",
        "A_per_m2",
        "the current density at the electrode",
        "electrode",
        _current_density,
    ),
    (
        "electrode_charge_density_C_per_m2",
        "C_per_m2",
        "the charge density at the electrode",
        "electrode",
        _charge_density,
    ),
)
