"""How a run is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from stimplan.coil import Coil
from stimplan.coil.waveforms import SHAPES
from stimplan.errors import InputError, Problem
from stimplan.head.dispersion import LOW_HZ
from stimplan.head.lesion import Lesion
from stimplan.protocol.magnetic import Handle, PulseShape
from stimplan.roi import Roi
from stimplan.safety import SitePolicy, Subject
from stimplan.safety.values import DEFAULT_PROFILE


def _positive(instance: object, attribute: attrs.Attribute[float | None], value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise InputError(Problem(attribute.name, f"must be a finite number above 0, got {value!r}"))


@attrs.frozen
class CoilOptions:
    """What a protocol leaves open about its coil and a person; every one of them is named in the report.

    Attributes
    ----------
    coil : Coil, str, Path or None
        Instead of the protocol's: an id of the catalogue or a file.
    folder : Path or None
        Where the coil file that the protocol names is; by default the current folder.
    handle : Handle or None
        For blocks that do not say where the handle points. Without it `ASSUMED_HANDLE` of `stimplan.runs.magnetic`
        is taken, which the report says.
    thresholds_fraction : mapping of str to float
        Measured thresholds of the person as fractions of the stimulator's output, by rMT, aMT, 1mV, phosphene.
    thresholds_didt_A_per_s : mapping of str to float
        The same as rates of the coil current, which some stimulators show.
    threshold_pulse : {"monophasic", "biphasic", "half-sine"} or None
        Shape of the pulses these thresholds were measured with, where it is known; a threshold of other pulses than a
        block's is not used for it.
    max_didt_A_per_s : float or None
        Rate at 100 % of the output, where the coil's file or catalogue entry does not state it.
    didt_A_per_s : float or None
        A rate that is assumed for all blocks, instead of what the protocol's intensity gives.
    stimulator : str or None
        Which stimulator is used, where the protocol does not say: some rules are about one kind.
    with_spread : bool
        Solve 14 moved poses of each block too, and give every figure with its spread.
    with_calibration : bool
        Compare the field at the target with that at the hand area, and carry the motor threshold over.
    """

    coil: Coil | str | Path | None = None
    folder: Path | None = None
    handle: Handle | None = None
    thresholds_fraction: Mapping[str, float] = attrs.field(factory=dict)
    thresholds_didt_A_per_s: Mapping[str, float] = attrs.field(factory=dict)
    threshold_pulse: PulseShape | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.in_(SHAPES))
    )
    max_didt_A_per_s: float | None = attrs.field(default=None, validator=_positive)
    didt_A_per_s: float | None = attrs.field(default=None, validator=_positive)
    stimulator: str | None = None
    with_spread: bool = True
    with_calibration: bool = False


@attrs.frozen
class RunOptions:
    """How a run is done; nothing here changes what is delivered to a person.

    Attributes
    ----------
    electrode_model : {"complete", "uniform"}
    solver : {"multigrid", "pardiso"}
        The built-in one, or the direct one of the extra `pardiso`; for electrodes.
    edge_mm : float, str or None
        Edge length of the head's mesh, mm, or the name of a preset; None leaves it to the head.
    head_labels, head_fiducials : str, Path or None
        Of a head that is given as a file: which label is which tissue, and the file with its fiducials.
    conductivity_preset : str or None
        Set of conductivities, see `stimplan.head.conductivity`; goes before the protocol's.
    conductivities_S_per_m : mapping of str to float
        Tissues whose conductivity is not that of the set, S/m.
    lesions : sequence of Lesion or str
        Laid over the head in their order; as text in the form of `stimplan.head.lesion.read_lesion`.
    dti, dti_order : str, Path or None
        File of diffusion tensors in the space of the head, and the order of its six numbers; white matter conducts by
        them. See `stimplan.head.tensor_volume`.
    anisotropy : {"vn", "vc", "dir", "tuch", "mc"}
        How diffusion becomes conductivity, see `stimplan.head.anisotropy`.
    conductivities_at_frequency : bool
        Let the conductivities grow to the frequency of the stimulation, by the table of `stimplan.head.dispersion`.
    conductivities_low_Hz : float
        Where they hold as they are; below 1 kHz the table's growth is doubtful.
    along : "normal", (3,) sequence or None
        Also measure the field's component along the inward normal of the cortex, or along a direction in head
        coordinates: for temporal interference the modulation depth along it.
    regions : sequence of region or str
        Measured too, see `stimplan.roi`; as text in the form of `stimplan.roi.read_roi`.
    even_if_stopped : bool
        Simulate although the verdict is stop or unknown; the report says so.
    with_figures : bool
        Draw the pictures.
    surface : str, Path or None
        Write the field on this average surface too: "fsaverage5", or a folder of FreeSurfer's; see
        `stimplan.exchange.fsaverage`.
    subject : Subject or None
        Whom the safety rules judge too; distances from implants are those on the head, once electrodes lie there.
    profile : str
        Policy profile of the safety rules.
    site_policy : SitePolicy or None
        A site's changes to it.
    coil : CoilOptions
        Of stimulation by a coil.
    """

    electrode_model: str = "complete"
    solver: str = "multigrid"
    edge_mm: float | str | None = None
    head_labels: str | Path | None = None
    head_fiducials: str | Path | None = None
    conductivity_preset: str | None = None
    conductivities_S_per_m: Mapping[str, float] = attrs.field(factory=dict)
    lesions: Sequence[Lesion | str] = ()
    dti: str | Path | None = None
    dti_order: str | None = None
    anisotropy: str = "vn"
    conductivities_at_frequency: bool = False
    conductivities_low_Hz: float = LOW_HZ
    along: str | Sequence[float] | None = None
    regions: Sequence[Roi | str] = ()
    even_if_stopped: bool = False
    with_figures: bool = True
    surface: str | Path | None = None
    subject: Subject | None = None
    profile: str = DEFAULT_PROFILE
    site_policy: SitePolicy | None = None
    coil: CoilOptions = attrs.field(factory=CoilOptions)
