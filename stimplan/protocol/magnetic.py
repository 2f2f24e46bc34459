"""Stimulation by a coil: the coil, and blocks of pulses with their nested timing."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from stimplan.errors import Problem, ProtocolError
from stimplan.montage import Point
from stimplan.site_forms import SiteForm

CoilFamily = Literal["figure-8", "circular", "double-cone", "butterfly", "H-coil", "cap", "other"]
PulseShape = Literal["monophasic", "biphasic", "half-sine"]
CurrentDirection = Literal["PA", "AP", "LM", "ML"]
IntensityReference = Literal["rMT", "aMT", "MSO", "1mV", "phosphene"]
Row = tuple[float, float, float, float]


@attrs.frozen
class Coil:
    """The coil; None where the source does not report it."""

    family: CoilFamily
    model: str | None
    manufacturer: str | None = None
    file: str | None = None


@attrs.frozen
class Stimulator:
    """The stimulator; None where the source does not report it."""

    manufacturer: str | None
    model: str | None


@attrs.frozen
class Pulse:
    """Shape of the pulse, and direction of the (first) current it makes in the brain."""

    shape: PulseShape | None
    current_direction: CurrentDirection | None


@attrs.frozen
class Intensity:
    """How strong, in exactly one of three ways.

    Attributes
    ----------
    value_fraction : float or None
        Relative to `reference`, 1 for 100 %.
    reference : {"rMT", "aMT", "MSO", "1mV", "phosphene"} or None
        Resting or active motor threshold, stimulator output, intensity for 1 mV, phosphene threshold.
    didt_A_per_s : float or None
        Rate of change of the coil current, A/s.
    field_V_per_m : float or None
        Electric field at the target, V/m.
    """

    value_fraction: float | None = None
    reference: IntensityReference | None = None
    didt_A_per_s: float | None = None
    field_V_per_m: float | None = None

    def scaled(self, factor: float) -> Intensity:
        """The same kind of intensity, so many times as strong."""
        # twelve digits: products of decimal numbers, without the dust of binary ones
        value, rate, field = (
            None if size is None else float(f"{size * factor:.12g}")
            for size in (self.value_fraction, self.didt_A_per_s, self.field_V_per_m)
        )
        return Intensity(value, self.reference, rate, field)


def _count(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise ProtocolError(Problem(attribute.name, f"must be a whole number of at least 1, got {value!r}"))


def _interval(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ProtocolError(Problem(attribute.name, f"must be above 0 s, got {value!r}; pulses cannot come at once"))


def _intervals(instance: Stimulus, attribute: attrs.Attribute[Any], values: tuple[float, ...]) -> None:
    if len(values) != instance.pulses - 1:
        what = f"{instance.pulses} pulses have {instance.pulses - 1} intervals between them, got {len(values)}"
        raise ProtocolError(Problem(attribute.name, what))
    for value in values:
        _interval(instance, attribute, value)


@attrs.frozen
class Stimulus:
    """One stimulus: a pulse, a pair, four.

    Attributes
    ----------
    pulses : int
    intervals_s : tuple of float
        Times from each pulse to the next, s; one fewer than pulses.
    relative_intensities : tuple of float
        Intensity of each pulse relative to the block's, 1 for the same; empty where all are the same.
    intensities : tuple of (Intensity or None)
        Intensity of each pulse where they have different references (a conditioning pulse at 80 % of the active
        threshold before a test pulse that gives 1 mV); None for a pulse with the block's. Empty where all are the
        block's or relative to it.

    Raises
    ------
    ProtocolError
        No pulse, another number of intervals than between the pulses, or one that is not above 0.
    """

    pulses: int = attrs.field(default=1, validator=_count)
    intervals_s: tuple[float, ...] = attrs.field(default=(), validator=_intervals)
    relative_intensities: tuple[float, ...] = ()
    intensities: tuple[Intensity | None, ...] = ()


@attrs.frozen
class Pattern:
    """One level of repetition: how often the inner pattern comes, and the time from start to start, s.

    Raises
    ------
    ProtocolError
        The count is below 1, or the interval not above 0.
    """

    count: int = attrs.field(validator=_count)
    interval_s: float = attrs.field(validator=_interval)
    name: str | None = None


@attrs.frozen
class Timing:
    """When the pulses come: a stimulus, and its patterns from the inside out."""

    stimulus: Stimulus
    patterns: tuple[Pattern, ...]


@attrs.frozen
class Threshold:
    """How the threshold was measured; None where the source does not report it."""

    method: str | None
    muscle: str | None
    coil: str | None
    measured: Literal["each-session", "daily", "weekly", "once"] | None


@attrs.frozen
class Handle:
    """Where the handle points: an angle from the midline (0 backwards, positive to the left), or a site."""

    from_midline_rad: float | None = None
    towards: str | None = None


@attrs.frozen
class CoilPlacement:
    """Where the coil is: exactly one of a site, a point in the brain, a pose.

    Attributes
    ----------
    method : str or None
        How the place was found; None where the source does not report it.
    site : str, BeamF3, Tape, AnteriorOf or None
        10-05 site under the centre of the coil, or a place found with a tape measure.
    mni_m : 3-tuple or None
        Point in the brain the coil is aimed at, MNI, m.
    pose_m : 4 rows of 4 or None
        Matrix from coil to head coordinates, translation in m; y is the handle's axis only by `handle`.
    handle : Handle or None
    distance_m : float or None
        From the coil's case to the scalp, m.
    """

    method: str | None
    site: str | SiteForm | None = None
    mni_m: Point | None = None
    pose_m: tuple[Row, Row, Row, Row] | None = None
    handle: Handle | None = None
    distance_m: float | None = None


@attrs.frozen
class Peripheral:
    """Stimulation of a nerve paired with each pulse, `interval_s` before it (paired associative stimulation)."""

    nerve: str
    interval_s: float
    intensity: str | None


@attrs.frozen
class Block:
    """Pulses of one kind at one place.

    Attributes
    ----------
    pulse : Pulse
    timing : Timing
    intensity : Intensity
    threshold : Threshold or None
    placement : CoilPlacement
    label : str or None
    depth_adjusted : bool or None
        Whether the intensity was corrected for the distance from scalp to brain; None where it is not reported.
    peripheral : Peripheral or None
    gap_s : float or None
        Time from the last pulse of this block to the first of the next, s; None where it is not reported.
    """

    pulse: Pulse
    timing: Timing
    intensity: Intensity
    threshold: Threshold | None
    placement: CoilPlacement
    label: str | None = None
    depth_adjusted: bool | None = None
    peripheral: Peripheral | None = None
    gap_s: float | None = None

    @property
    def pulse_intensities(self) -> tuple[Intensity, ...]:
        """Intensity of each pulse of one stimulus, in their order."""
        stimulus = self.timing.stimulus
        if stimulus.intensities:
            return tuple(self.intensity if own is None else own for own in stimulus.intensities)
        return tuple(map(self.intensity.scaled, stimulus.relative_intensities)) or (self.intensity,) * stimulus.pulses


@attrs.frozen
class MagneticStimulation:
    """What a coil delivers in one session: blocks, one after the other."""

    coil: Coil
    stimulator: Stimulator | None
    blocks: tuple[Block, ...]
