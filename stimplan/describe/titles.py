"""Library id and title of a protocol, made from its fields."""

from __future__ import annotations

import re

from stimplan.describe.current import compact_currents
from stimplan.describe.plan_text import condition_text
from stimplan.describe.words import bare, counted, listed, number, point_text, shown
from stimplan.montage import Electrode
from stimplan.protocol import Block, ElectricStimulation, MagneticStimulation, Protocol
from stimplan.protocol.totals import pulses_per_session
from stimplan.protocol.trains import train_of

_LONGEST_ID = 64
_LONGEST_TITLE = 200


def title_of(protocol: Protocol) -> str:
    """The protocol's own title, or one made from its fields."""
    return protocol.title or generated_title(protocol)


def generated_title(protocol: Protocol) -> str:
    """Title from the fields: kind, places, dose, course, indication.

    Returns
    -------
    str
        `"tDCS, F3 (+) and F4 (-), 2 mA, 30 min, 12 sessions, for depression"`, at most 200 characters.
    """
    if isinstance(protocol.stimulation, MagneticStimulation):
        parts = _magnetic(protocol.stimulation)
    else:
        parts = _electric(protocol, protocol.stimulation)
    parts.append(counted(protocol.course.sessions, "session"))
    condition = condition_text(protocol)
    title = ", ".join([*parts, *([f"for {condition}"] if condition else [])])
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def suggest_id(protocol: Protocol) -> str:
    """Id for the library from the fields: small letters, digits and hyphens, at most 64 characters.

    Returns
    -------
    str
        `"tdcs-f3-f4-2ma-30min-12x-depression"`.
    """
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        block = stimulation.blocks[0]
        kinds = dict.fromkeys(train_of(block).name for block in stimulation.blocks)
        words = ["tms", *kinds, str(block.placement.site or ""), f"{pulses_per_session(stimulation)}p"]
    else:
        named = [str(electrode.site) for electrode in stimulation.electrodes if not isinstance(electrode.site, tuple)]
        words = [protocol.modality, *named[:3], compact_currents(stimulation).replace(" and ", "-")]
        words.append(f"{bare(stimulation.waveform.duration_s, 'min')}min")
    words += [f"{protocol.course.sessions}x", protocol.indication.condition if protocol.indication else ""]
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(word.replace(" ", "") for word in words if word).lower())
    return slug.strip("-") if len(slug) <= _LONGEST_ID else slug[: _LONGEST_ID + 1].rpartition("-")[0].strip("-")


def _electric(protocol: Protocol, stimulation: ElectricStimulation) -> list[str]:
    waveform = stimulation.waveform
    convention = f" {stimulation.amplitude_convention}" if stimulation.amplitude_convention else ""
    frequency = getattr(waveform, "frequency_Hz", None)
    parts = [protocol.modality + (f" at {number(round(frequency, 3))} Hz" if frequency else ""), _montage(stimulation)]
    return [*parts, compact_currents(stimulation) + convention, shown(waveform.duration_s, "min")]


def _montage(stimulation: ElectricStimulation) -> str:
    is_named = not any(isinstance(electrode.site, tuple) for electrode in stimulation.electrodes)
    if stimulation.waveform.type == "temporal-interference" or len(stimulation.electrodes) > 6 or not is_named:
        return counted(len(stimulation.electrodes), "electrode")
    if stimulation.waveform.type in ("direct", "oscillating"):
        signs = [f"{_site(one)} ({'+' if one.current_A > 0 else '-'})" for one in stimulation.electrodes]
        return listed(signs)
    return listed(_sites(stimulation))


def _sites(stimulation: ElectricStimulation) -> list[str]:
    return [_site(electrode) for electrode in stimulation.electrodes]


def _site(electrode: Electrode) -> str:
    return point_text(electrode.site) if isinstance(electrode.site, tuple) else str(electrode.site)


def _magnetic(stimulation: MagneticStimulation) -> list[str]:
    names = listed(list(dict.fromkeys(_block(block) for block in stimulation.blocks)))
    intensity = stimulation.blocks[0].intensity
    strength = ""
    if intensity.value_fraction is not None and intensity.reference is not None:
        strength = f" at {shown(intensity.value_fraction, 'percent')} {intensity.reference}"
    return [f"TMS, {names}", f"{counted(pulses_per_session(stimulation), 'pulse')}{strength}"]


def _block(block: Block) -> str:
    train, place = train_of(block), block.placement
    rate = ""
    if train.name in ("repetitive", "paired-pulse") and train.frequency_Hz:
        rate = f" {number(round(train.frequency_Hz, 3))} Hz"
    where = f" over {place.site}" if place.site else f" at MNI {point_text(place.mni_m)}" if place.mni_m else ""
    return f"{train.name.replace('-', ' ')}{rate}{where}"
