"""What of a protocol a NIBS-BIDS dataset holds, as the protocol's own values with everything else left out.

A dataset says how one session was delivered. It has no word for the course, the evidence, the sham arm and much
else. `bids_view` is the part it has words for; `not_carried` lists, by their paths in the protocol file, the values of
a protocol that are not in it.

Some things can be said in two ways that mean the same. The view has the way of NIBS-BIDS:

* a group of equal pulses at equal times is a pattern, not a stimulus of several pulses
* pulses of unequal size have the absolute size of each, relative to 100 % of the reference (or 1 A/µs, or 1 V/m)
* the phase of a current is at least 0 and below 180 degrees, its sign says the rest
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.bids.places import refuse_tapes
from stimplan.exchange.bids.tables import exact_product, held_text
from stimplan.montage import Electrode, Rectangle
from stimplan.protocol import (
    Block,
    Coil,
    Course,
    ElectricStimulation,
    Intensity,
    MagneticStimulation,
    OscillatingWaveform,
    Pattern,
    Protocol,
    SinusoidalWaveform,
    Stimulator,
    Target,
    Threshold,
    protocol_tree,
)
from stimplan.units import from_si, to_si

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.placement import Placement

# A measured threshold is an entry of IntensitySet under one of these names.
THRESHOLDS = ("rMT", "aMT", "1mV")


@attrs.frozen
class BidsView:
    """What a dataset holds of one protocol.

    Attributes
    ----------
    id : str
    description : str or None
        One line for people: the protocol's title.
    technique : str
        tDCS, tACS, tRNS, otDCS, tPCS, TI or TMS; HD-tDCS is a tDCS with small electrodes.
    stimulation : ElectricStimulation or MagneticStimulation
        With None, or nothing, where NIBS-BIDS has no word.
    target : Target or None
        Without a radius.
    """

    id: str
    description: str | None
    technique: str
    stimulation: ElectricStimulation | MagneticStimulation
    target: Target | None = None


def bids_view(protocol: Protocol, *, placement: Placement | None = None) -> BidsView:
    """The part of a protocol that NIBS-BIDS has words for.

    Parameters
    ----------
    protocol : Protocol
    placement : Placement, optional
        The montage on a head: electrodes at a position then lie where the scalp is.

    Raises
    ------
    InputError
        The stimulation cannot be said in NIBS-BIDS at all; every reason is listed.
    """
    refuse_tapes(protocol, is_placed=placement is not None)
    canonical = _canonical(protocol)
    stimulation = canonical.stimulation
    if isinstance(stimulation, ElectricStimulation):
        held: ElectricStimulation | MagneticStimulation = _held_electric(stimulation, placement)
    else:
        held = _held_magnetic(stimulation)
    technique = "tDCS" if protocol.modality == "HD-tDCS" else protocol.modality
    target = _held_target(canonical, held)
    if target is not None and placement is not None and not is_mni(placement.head):
        target = attrs.evolve(target, mni_m=None)  # one file of positions has one coordinate system
    return BidsView(protocol.id, held_text(protocol.title, in_cell=False), technique, held, target)


def is_mni(head: HeadModel) -> bool:
    """Whether a head's own coordinates are MNI coordinates."""
    matrix = None if head.warp is not None else head.mni_from_head
    rows = None if matrix is None else matrix.tolist()
    return rows == [[float(i == k) for k in range(4)] for i in range(4)]


def not_carried(protocol: Protocol) -> tuple[str, ...]:
    """Paths in the protocol file of every value that a dataset does not hold, such as `$.course.sessions`."""
    view = bids_view(protocol)
    held = protocol_from(view, course=protocol.course)
    have, want = protocol_tree(held), protocol_tree(_canonical(protocol))
    for tree in (have, want):
        del tree["schema_version"]
    del have["course"]
    return tuple(differences(have, want, "$"))


def protocol_from(view: BidsView, *, course: Course, **more: Any) -> Protocol:
    """A protocol from what a dataset holds and what it cannot.

    Parameters
    ----------
    view : BidsView
    course : Course
        No dataset says how often a session is meant to be given.
    more
        Other attributes of the protocol.

    Raises
    ------
    InputError
        The values make no protocol.
    """
    given = {
        "id": view.id,
        "title": view.description,
        "modality": view.technique,
        "stimulation": view.stimulation,
        "target": view.target,
        **more,
    }
    return Protocol(course=course, **given)


def differences(have: Any, want: Any, path: str = "$") -> Iterator[str]:
    """Paths of what `want` has and `have` has not, or has otherwise."""
    if isinstance(want, dict):
        for name, item in want.items():
            other = have.get(name) if isinstance(have, dict) else None
            yield from differences(other, item, f"{path}.{name}")
    elif isinstance(want, list) and want:
        for number, item in enumerate(want):
            other = have[number] if isinstance(have, list) and number < len(have) else None
            yield from differences(other, item, f"{path}[{number}]")
    elif want not in (None, [], have):
        yield path


def _canonical(protocol: Protocol) -> Protocol:
    """The same protocol, said in the way of NIBS-BIDS; nothing is left out."""
    stimulation = protocol.stimulation
    problems: list[Problem] = []
    if isinstance(stimulation, ElectricStimulation):
        same: ElectricStimulation | MagneticStimulation = _one_phase(stimulation, problems)
    else:
        blocks = tuple(_plain_block(block, number, problems) for number, block in enumerate(stimulation.blocks))
        same = attrs.evolve(stimulation, blocks=blocks)
    if problems:
        raise InputError(problems)
    return attrs.evolve(protocol, stimulation=same)


def _one_phase(stimulation: ElectricStimulation, problems: list[Problem]) -> ElectricStimulation:
    """Currents of one phase, as signed numbers that sum to zero; channels one after the other."""
    if stimulation.waveform.type == "temporal-interference":
        electrodes = sorted(stimulation.electrodes, key=lambda electrode: electrode.channel or 0)
        return attrs.evolve(stimulation, electrodes=tuple(electrodes))
    if stimulation.waveform.type == "noise" and any(electrode.offset_A for electrode in stimulation.electrodes):
        what = "noise on a direct current; NIBS-BIDS v6.3 has an offset for sinusoids only"
        problems.append(Problem("$.stimulation.electrodes", what))
    if stimulation.waveform.type != "sinusoidal":
        return stimulation
    folded = [_folded(electrode) for electrode in stimulation.electrodes]
    if len({electrode.phase_rad for electrode in folded}) > 1:
        what = (
            "the currents have more than one phase; NIBS-BIDS v6.3 needs intensities that sum to zero, which currents "
            "of several phases do not; keep the protocol file itself with the dataset"
        )
        problems.append(Problem("$.stimulation.electrodes", what))
        return stimulation
    return attrs.evolve(stimulation, electrodes=tuple(folded))


def _folded(electrode: Electrode) -> Electrode:
    """The same current with a phase of at least 0 and below 180 degrees; I∠φ = -I∠(φ - 180°)."""
    degrees = from_si(electrode.phase_rad or 0.0, "deg")
    turns, rest = divmod(degrees, 180)
    if rest < 0:
        turns, rest = turns - 1, rest + 180
    if turns == 0:
        return attrs.evolve(electrode, phase_rad=electrode.phase_rad or 0.0)
    current = electrode.current_A if turns % 2 == 0 else -electrode.current_A
    return attrs.evolve(electrode, current_A=current, phase_rad=to_si(rest, "deg"))


def _held_electric(stimulation: ElectricStimulation, placement: Placement | None) -> ElectricStimulation:
    centers = {} if placement is None else {patch.electrode.label: patch.center_m for patch in placement.electrodes}
    channels = sorted({electrode.channel or 0 for electrode in stimulation.electrodes})
    electrodes = []
    for electrode in stimulation.electrodes:
        site = electrode.site
        if electrode.label in centers and not isinstance(site, str):
            x, y, z = centers[electrode.label]
            site = (float(x), float(y), float(z))
        electrodes.append(_held_electrode(electrode, site, channels))
    waveform = stimulation.waveform
    if isinstance(waveform, SinusoidalWaveform | OscillatingWaveform):
        waveform = attrs.evolve(waveform, frequency_note=None)
    return attrs.evolve(stimulation, electrodes=tuple(electrodes), waveform=waveform)


def _held_electrode(electrode: Electrode, site: Any, channels: list[int]) -> Electrode:
    bare = Electrode(site, electrode.shape, (), 0.0)
    own = Electrode(electrode.site, electrode.shape, (), 0.0).label
    label = bare.label if electrode.label == own else held_text(electrode.label) or bare.label
    shape = electrode.shape
    return attrs.evolve(
        electrode,
        site=site,
        label=label,
        shape=attrs.evolve(shape, rotation_rad=0.0) if isinstance(shape, Rectangle) else shape,
        channel=None if electrode.channel is None else channels.index(electrode.channel) + 1,
    )


def _plain_block(block: Block, number: int, problems: list[Problem]) -> Block:
    """A block whose stimulus is one pulse, or several of unequal size at equal times."""
    where = f"$.stimulation.blocks[{number}]"
    stimulus, patterns = block.timing.stimulus, block.timing.patterns
    if len(set(stimulus.intervals_s)) > 1:
        what = "the pulses come at unequal times; NIBS-BIDS v6.3 has one interval for each layer of a pattern"
        problems.append(Problem(f"{where}.timing.stimulus.intervals_ms", what))
        return block
    if stimulus.intensities:
        what = "each pulse has its own intensity; NIBS-BIDS v6.3 has one reference for all pulses of a stimulus"
        problems.append(Problem(f"{where}.timing.stimulus.intensities", what))
        return block
    intensity, sizes = block.intensity, stimulus.relative_intensities
    if sizes:
        intensity, sizes = _absolute_sizes(intensity, sizes)
    if sizes and stimulus.pulses == 1:
        intensity, sizes = _scaled(intensity, sizes[0]), ()
    if not sizes and stimulus.pulses > 1:
        patterns = (Pattern(stimulus.pulses, stimulus.intervals_s[0]), *patterns)
        stimulus = attrs.evolve(stimulus, pulses=1, intervals_s=())
    timing = attrs.evolve(
        block.timing, stimulus=attrs.evolve(stimulus, relative_intensities=sizes), patterns=tuple(patterns)
    )
    return attrs.evolve(block, timing=timing, intensity=intensity)


def _absolute_sizes(intensity: Intensity, sizes: tuple[float, ...]) -> tuple[Intensity, tuple[float, ...]]:
    """Sizes relative to a base of 100 %, 1 A/µs or 1 V/m instead of the block's own."""
    base, amount = intensity_base(intensity)
    products = [exact_product(amount, from_si(size, "percent")) for size in sizes]
    return base, tuple(to_si(product, "percent") for product in products)


def intensity_base(intensity: Intensity) -> tuple[Intensity, Decimal]:
    """An intensity as a base (100 %, 1 A/µs, 1 V/m) and the factor on it."""
    if intensity.didt_A_per_s is not None:
        return Intensity(didt_A_per_s=to_si(1, "A_per_us")), from_si(intensity.didt_A_per_s, "A_per_us")
    if intensity.field_V_per_m is not None:
        return Intensity(field_V_per_m=1.0), from_si(intensity.field_V_per_m, "V_per_m")
    percent = from_si(intensity.value_fraction or 0.0, "percent")
    return attrs.evolve(intensity, value_fraction=1.0), exact_product(percent, Decimal("0.01"))


def scaled_intensity(base: Intensity, factor: Decimal) -> Intensity:
    """A base times a factor."""
    if base.didt_A_per_s is not None:
        return Intensity(didt_A_per_s=to_si(factor, "A_per_us"))
    if base.field_V_per_m is not None:
        return Intensity(field_V_per_m=to_si(factor, "V_per_m"))
    return attrs.evolve(base, value_fraction=to_si(exact_product(factor, 100), "percent"))


def _scaled(base: Intensity, size: float) -> Intensity:
    return scaled_intensity(base, exact_product(from_si(size, "percent"), Decimal("0.01")))


def _held_magnetic(stimulation: MagneticStimulation) -> MagneticStimulation:
    coil, device = stimulation.coil, stimulation.stimulator
    thresholds = _held_thresholds(stimulation.blocks)
    blocks = [_held_block(block, thresholds) for block in stimulation.blocks]
    for number, (block, after) in enumerate(pairwise(blocks)):
        if not is_one_unit(block, after):  # they stand in two tables, each with its own zero of time
            blocks[number] = attrs.evolve(block, gap_s=None)
    blocks[-1] = attrs.evolve(blocks[-1], gap_s=None)
    return MagneticStimulation(
        coil=Coil(coil.family, held_text(coil.model)),
        stimulator=device and Stimulator(held_text(device.manufacturer), held_text(device.model)),
        blocks=tuple(blocks),
    )


def absolute_unit(block: Block) -> str:
    """Unit a block's intensity needs in the table's column: "A/us", or "" where percent of the output will do."""
    return "A/us" if block.intensity.didt_A_per_s is not None else ""


def is_one_unit(block: Block, other: Block) -> bool:
    """Whether two blocks can stand in one table."""
    return absolute_unit(block) == absolute_unit(other)


def _held_thresholds(blocks: tuple[Block, ...]) -> dict[str, Threshold | None]:
    """How each reference was measured, where all blocks that use it agree."""
    found: dict[str, set[Threshold | None]] = {}
    for block in blocks:
        how = block.threshold
        kept = Threshold(held_text(how.method), held_text(how.muscle), None, None) if how is not None else None
        found.setdefault(block.intensity.reference or "", set()).add(kept)
    return {name: hows.pop() for name, hows in found.items() if name in THRESHOLDS and len(hows) == 1}


def _held_block(block: Block, thresholds: dict[str, Threshold | None]) -> Block:
    is_phosphene = block.intensity.reference == "phosphene"  # the closed list of references does not have it
    threshold = thresholds.get(block.intensity.reference or "")
    is_measured = threshold is not None and (threshold.method is not None or threshold.muscle is not None)
    timing = block.timing
    patterns = tuple(attrs.evolve(pattern, name=None) for pattern in timing.patterns)
    stimulus = timing.stimulus
    if is_phosphene and stimulus.pulses > 1:
        patterns = (Pattern(stimulus.pulses, stimulus.intervals_s[0]), *patterns)
        stimulus = attrs.evolve(stimulus, pulses=1, intervals_s=(), relative_intensities=())
    place = block.placement
    peripheral = block.peripheral
    return attrs.evolve(
        block,
        label=held_text(block.label),
        pulse=attrs.evolve(block.pulse, current_direction=None),
        timing=attrs.evolve(timing, stimulus=stimulus, patterns=patterns),
        intensity=Intensity() if is_phosphene else block.intensity,
        threshold=threshold if is_measured else None,
        depth_adjusted=None,
        placement=attrs.evolve(place, method=held_text(place.method)),
        peripheral=peripheral
        and attrs.evolve(peripheral, nerve=held_text(peripheral.nerve) or "nerve", intensity=None),
    )


def _held_target(protocol: Protocol, held: ElectricStimulation | MagneticStimulation) -> Target | None:
    """The target's name and point; a coil aimed at a point of its own leaves no room for another."""
    target = protocol.target
    label = held_text(target.label) if target else None
    if target is None or label is None:
        return None
    is_free = isinstance(held, ElectricStimulation) or any(block.placement.mni_m is None for block in held.blocks)
    return Target(label, target.mni_m if is_free else None, None)


def span_s(block: Block) -> Decimal:
    """Time from the first to the last pulse of a block of the view, s, exactly."""
    stimulus, layers = block.timing.stimulus, list(block.timing.patterns)
    total = Decimal(0)
    if stimulus.pulses > 1:
        layers.insert(0, Pattern(stimulus.pulses, stimulus.intervals_s[0]))
    for layer in layers:
        total += exact_product(layer.count - 1, from_si(layer.interval_s, "s"))
    return total


def is_whole(value: Decimal) -> bool:
    """Whether a number is an integer."""
    return math.isfinite(value) and value == value.to_integral_value()
