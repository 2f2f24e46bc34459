"""How tissues conduct and polarise at a frequency, and what that means for a field that was solved without it.

A field is solved with one conductivity for each tissue and without any permittivity. The table here says by how much
that is wrong at a frequency: the displacement current beside the conduction current, and the conductivity beside that
at low frequencies. Below 1 kHz the table itself is in doubt, and says so.
"""

from __future__ import annotations

import cmath
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import attrs

from stimplan.errors import HeadError, Problem
from stimplan.head.conductivity import Reference, implausible
from stimplan.head.model import HeadModel, Tissue
from stimplan.resources import package_path

# Permittivity of free space, F/m (CODATA 2018).
EPSILON_0_F_PER_M = 8.8541878128e-12
# From here on the table's growth of a conductivity is used; the sets of conductivities hold below.
LOW_HZ = 1000.0
# What the table's fits cover, Hz.
_DATA_HZ = (10.0, 1e11)
_BRAIN = ("white_matter", "gray_matter")
_TERM_UNITS_S = (1e-12, 1e-9, 1e-6, 1e-3)


@attrs.frozen
class Dispersion:
    """Sum of four Cole-Cole terms for one tissue (Gabriel S, Lau & Gabriel C 1996, doi:10.1088/0031-9155/41/11/003).

    eps(w) = eps_inf + sum_n delta_n / (1 + (i w tau_n)^(1 - alpha_n)) + sigma / (i w eps_0)

    Attributes
    ----------
    tissue : str
    row : str
        Name of the tissue in the table.
    source : Reference
    eps_inf : float
    conductivity_S_per_m : float
        Of ions alone, at frequency zero, S/m.
    terms : tuple of (delta, tau_s, alpha)
    is_scaled : bool
        Whether the growth of its conductivity is applied to a head; `note` says why not.
    note : str
    """

    tissue: str
    row: str
    source: Reference
    eps_inf: float
    conductivity_S_per_m: float
    terms: tuple[tuple[float, float, float], ...]
    is_scaled: bool = True
    note: str = ""

    def permittivity(self, frequency_Hz: float) -> complex:
        """Complex relative permittivity; its imaginary part is minus conductivity / (omega eps_0).

        Raises
        ------
        HeadError
            The frequency is not positive and finite.
        """
        if not 0 < frequency_Hz < math.inf:
            raise HeadError(Problem("frequency_Hz", f"must be positive and finite, got {frequency_Hz!r} Hz"))
        omega = 2 * math.pi * frequency_Hz
        value = self.eps_inf + self.conductivity_S_per_m / (1j * omega * EPSILON_0_F_PER_M)
        for delta, tau_s, alpha in self.terms:
            value += delta / (1 + cmath.exp((1 - alpha) * cmath.log(1j * omega * tau_s)))
        return value

    def conductivity_at(self, frequency_Hz: float) -> float:
        """Conductivity with all losses, S/m."""
        return -self.permittivity(frequency_Hz).imag * 2 * math.pi * frequency_Hz * EPSILON_0_F_PER_M

    def growth(self, frequency_Hz: float, low_Hz: float = LOW_HZ) -> float:
        """Conductivity at a frequency over that at the low frequency; 1 below it."""
        return self.conductivity_at(max(frequency_Hz, low_Hz)) / self.conductivity_at(low_Hz)


@attrs.frozen
class TissueAtFrequency:
    """One tissue of a head at one frequency.

    Attributes
    ----------
    tissue : str
    relative_permittivity : float
    table_conductivity_S_per_m : float
        What the table has; not what the head was simulated with.
    displacement : float
        Displacement over conduction current, omega eps / sigma, with the head's own conductivity.
    displacement_in_table : float
        The same with the table's conductivity.
    growth : float
        Table's conductivity over that at 1 kHz; 1 below.
    """

    tissue: str
    relative_permittivity: float
    table_conductivity_S_per_m: float
    displacement: float
    displacement_in_table: float
    growth: float


@attrs.frozen
class FrequencyJudgement:
    """How well a static field with conductivities for low frequencies describes one frequency.

    Attributes
    ----------
    frequency_Hz : float
    tissues : tuple of TissueAtFrequency
        Those the table knows.
    sentences : tuple of str
        For people: displacement current, conductivities, and what is doubtful about it, with sources.
    """

    frequency_Hz: float
    tissues: tuple[TissueAtFrequency, ...]
    sentences: tuple[str, ...]


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        package_path("head", "conductivities", "dispersion.json").read_text(encoding="utf-8")
    )
    return data


@cache
def dispersions() -> Mapping[str, Dispersion]:
    """The table, by the name of the tissue in a head."""
    sources = {key: Reference(**source) for key, source in _data()["sources"].items()}
    table = {}
    for tissue, row in _data()["tissues"].items():
        eps_inf, sigma, *rest = map(float, row["values"])
        terms = tuple(
            (rest[3 * k], rest[3 * k + 1] * unit_s, rest[3 * k + 2]) for k, unit_s in enumerate(_TERM_UNITS_S)
        )
        table[tissue] = Dispersion(
            tissue, row["row"], sources[row["source"]], eps_inf, sigma, terms,
            is_scaled=row.get("is_scaled", True), note=row.get("note", ""),
        )  # fmt: skip
    return table


def judge_frequencies(head: HeadModel, frequencies_Hz: Sequence[float]) -> tuple[FrequencyJudgement, ...]:
    """How well the static field of a head describes each frequency.

    Parameters
    ----------
    head : HeadModel
        With the conductivities the field is solved with.
    frequencies_Hz : sequence of float

    Raises
    ------
    HeadError
        A frequency is not positive and finite.
    """
    return tuple(_judged(head, float(frequency)) for frequency in frequencies_Hz)


def _judged(head: HeadModel, frequency_Hz: float) -> FrequencyJudgement:
    known = tuple(_at(tissue, frequency_Hz) for tissue in head.tissues if tissue.name in dispersions())
    if not known:
        what = f"At {frequency_Hz:g} Hz nothing is known: the table has none of this head's tissues."
        return FrequencyJudgement(frequency_Hz, (), (what,))
    sentences = (
        _displacement(known, frequency_Hz), _conductivities(head, known, frequency_Hz), *_wave(frequency_Hz),
        *_cautions(frequency_Hz),
    )  # fmt: skip
    return FrequencyJudgement(frequency_Hz, known, sentences)


def _at(tissue: Tissue, frequency_Hz: float) -> TissueAtFrequency:
    one = dispersions()[tissue.name]
    permittivity = one.permittivity(frequency_Hz).real
    current = 2 * math.pi * frequency_Hz * EPSILON_0_F_PER_M * permittivity
    conductivity = one.conductivity_at(frequency_Hz)
    return TissueAtFrequency(
        tissue=tissue.name,
        relative_permittivity=permittivity,
        table_conductivity_S_per_m=conductivity,
        displacement=current / tissue.conductivity_S_per_m,
        displacement_in_table=current / conductivity,
        growth=one.growth(frequency_Hz) if one.is_scaled else 1.0,
    )


def _displacement(tissues: Sequence[TissueAtFrequency], frequency_Hz: float) -> str:
    """What the displacement current is, in the brain and where it is largest, and what that does to the size."""
    most = max(tissues, key=lambda one: one.displacement)
    brain = [one.displacement for one in tissues if one.tissue in _BRAIN]
    inside = f"at most {_percent(max(brain))} in grey and white matter and " if brain else ""
    grows = math.hypot(1.0, most.displacement) - 1
    return (
        f"At {frequency_Hz:g} Hz, by the table of Gabriel et al. 1996 (doi:{_data()['sources']['model']['doi']}), the "
        f"displacement current is {inside}{_percent(most.displacement)} of the conduction "
        f"current in {_words(most.tissue)}, where it is largest; a quarter of a cycle ahead of it, it adds "
        f"{_percent(grows)} to the size of the current there and is left out."
    )


def _conductivities(head: HeadModel, tissues: Sequence[TissueAtFrequency], frequency_Hz: float) -> str:
    if "conductivities_at_Hz" in head.provenance:
        low_Hz, at_Hz = head.provenance["conductivities_low_Hz"], head.provenance["conductivities_at_Hz"]
        return f"The conductivities were let grow by the table from {low_Hz:g} Hz to {at_Hz:g} Hz, as asked."
    if frequency_Hz <= LOW_HZ:
        return f"The conductivities are meant for frequencies up to about {LOW_HZ:g} Hz, this one among them."
    most = max(tissues, key=lambda one: abs(one.growth - 1))
    change = abs(most.growth - 1)
    holds = "still hold" if change < 0.1 else "no longer hold"
    return (
        f"The conductivities for low frequencies {holds}: by the table they differ from those at {LOW_HZ:g} Hz by at "
        f"most {_percent(change)} ({_words(most.tissue)})."
    )


def _wave(frequency_Hz: float) -> tuple[str, ...]:
    wave = _data()["wave"]
    if frequency_Hz > wave["below_Hz"]:
        return (f"{frequency_Hz:g} Hz is beyond what a field without waves and induction was compared with.",)
    return (_cited(wave),)


def _cautions(frequency_Hz: float) -> tuple[str, ...]:
    """What is doubtful about the table at a frequency, each with its source."""
    return tuple(_cited(one) for one in _data()["cautions"] if frequency_Hz < one["below_Hz"])


def _cited(one: Mapping[str, Any]) -> str:
    access = "" if one["access"] == "read" else ", not read in the source"
    return f"{one['text'].rstrip('.')} ({one['citation']}, doi:{one['doi']}{access})."


def head_at_frequency(head: HeadModel, frequency_Hz: float, *, low_Hz: float = LOW_HZ) -> HeadModel:
    """The same head, each conductivity times the table's growth from a low frequency to this one.

    The sets of conductivities were measured in vivo; the table's own values at low frequencies are several times
    smaller. So only its growth is used, and by default only that above 1 kHz, where the table is less in doubt.

    Parameters
    ----------
    head : HeadModel
    frequency_Hz : float
    low_Hz : float
        Where the head's conductivities hold; below 1 kHz the table's growth is doubtful.

    Returns
    -------
    HeadModel
        Tissues that the table does not have, or whose row is another thing, are unchanged; their source says so.

    Raises
    ------
    HeadError
        A frequency is not positive and finite or outside the table's data, or a conductivity becomes implausible.
    """
    problems = [
        Problem(where, f"must lie between {_DATA_HZ[0]:g} and {_DATA_HZ[1]:g} Hz, the table's data; got {value!r} Hz")
        for where, value in (("frequency_Hz", frequency_Hz), ("low_Hz", low_Hz))
        if not _DATA_HZ[0] <= value <= _DATA_HZ[1]
    ]
    if problems:
        raise HeadError(problems)
    tissues = tuple(_grown(tissue, frequency_Hz, low_Hz) for tissue in head.tissues)
    for one in tissues:
        if fault := implausible(one.name, one.conductivity_S_per_m):
            problems.append(Problem("low_Hz", f"{fault}, at {frequency_Hz:g} Hz by its growth from {low_Hz:g} Hz"))
    if problems:
        raise HeadError(problems)
    told = {"conductivities_at_Hz": frequency_Hz, "conductivities_low_Hz": low_Hz}
    return attrs.evolve(head.with_tissues(tissues), provenance={**head.provenance, **told})


def _grown(tissue: Tissue, frequency_Hz: float, low_Hz: float) -> Tissue:
    one = dispersions().get(tissue.name)
    if one is None or not one.is_scaled:
        why = "the dispersion table does not have it" if one is None else one.note
        return attrs.evolve(tissue, source=f"{tissue.source}; as at low frequencies: {why}")
    growth = one.growth(frequency_Hz, low_Hz)
    source = (
        f"{tissue.source}; × {growth:.4g}, from {low_Hz:g} to {max(frequency_Hz, low_Hz):g} Hz by {one.source} "
        f"({one.row})"
    )
    return attrs.evolve(tissue, conductivity_S_per_m=tissue.conductivity_S_per_m * growth, source=source)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _words(name: str) -> str:
    return "CSF" if name == "csf" else name.replace("_", " ").replace("gray", "grey")
