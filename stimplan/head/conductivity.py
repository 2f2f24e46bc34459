"""Conductivities of tissues: presets as data, each value with its source and its spread."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from numbers import Real

import attrs

from stimplan.errors import HeadError, Problem
from stimplan.head.model import HeadModel, Tissue
from stimplan.resources import package_path
from stimplan.units import to_si

# In the order they are listed; the files are in the folder `conductivities`.
PRESETS = ("simnibs", "roast", "mccann2019")
DEFAULT_PRESET = "simnibs"
BY_USER = "set by the user"

# What a person may ask for, S/m: a factor of ten and more beyond all values reported in vivo (the presets' ranges), so
# that only a slip is caught: mS/m for S/m, or a resistivity.
_PLAUSIBLE_S_PER_M: Mapping[str, tuple[float, float]] = {
    "white_matter": (0.005, 3.0),
    "gray_matter": (0.005, 3.0),
    "csf": (0.1, 5.0),
    "bone": (1e-4, 0.5),
    "compact_bone": (1e-4, 0.5),
    "spongy_bone": (1e-4, 0.5),
    "scalp": (0.01, 5.0),
    "eyes": (0.05, 5.0),
    "blood": (0.05, 5.0),
    "muscle": (0.01, 5.0),
    "cartilage": (0.01, 5.0),
    "fat": (0.001, 1.0),
}


@attrs.frozen
class Reference:
    """Where a number is from.

    Attributes
    ----------
    citation : str
    doi : str
    access : {"read", "secondary", "recalled"}
        Read in the source, read in a text that quotes it, or from memory.
    """

    citation: str
    doi: str
    access: str

    def __str__(self) -> str:
        return f"{self.citation}, doi:{self.doi}"


@attrs.frozen
class Conductivity:
    """The conductivity of one tissue in one preset.

    Attributes
    ----------
    tissue : str
    value_S_per_m : float
    source : Reference
    range_S_per_m : (float, float) or None
        Smallest and largest value that `range_source` reports or works with.
    range_source : Reference or None
    sd_S_per_m : float or None
        Standard deviation over the studies of a review.
    note : str
    """

    tissue: str
    value_S_per_m: float
    source: Reference
    range_S_per_m: tuple[float, float] | None = None
    range_source: Reference | None = None
    sd_S_per_m: float | None = None
    note: str = ""


@attrs.frozen
class Preset:
    """A set of conductivities that belong together."""

    name: str
    title: str
    tissues: Mapping[str, Conductivity]


@cache
def read_preset(name: str) -> Preset:
    """The preset of that name.

    Raises
    ------
    HeadError
        There is no such preset.
    """
    if name not in PRESETS:
        near = get_close_matches(str(name).lower(), PRESETS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise HeadError(Problem("conductivities", f"{name!r} is no preset; there is {', '.join(PRESETS)}{hint}"))
    data = json.loads(package_path("head", "conductivities", f"{name}.json").read_text(encoding="utf-8"))
    sources = {key: Reference(**source) for key, source in data["sources"].items()}
    tissues = {
        tissue: Conductivity(
            tissue,
            float(value["S_per_m"]),
            sources[value["source"]],
            range_S_per_m=tuple(value["range_S_per_m"]) if "range_S_per_m" in value else None,
            range_source=sources[value["range_source"]] if "range_source" in value else None,
            sd_S_per_m=value.get("sd_S_per_m"),
            note=value.get("note", ""),
        )
        for tissue, value in data["tissues"].items()
    }
    return Preset(data["name"], data["title"], tissues)


# Name -> conductivity (S/m) and its source, of the default preset.
CONDUCTIVITIES_S_PER_M: Mapping[str, tuple[float, str]] = {
    name: (one.value_S_per_m, str(one.source)) for name, one in read_preset(DEFAULT_PRESET).tissues.items()
}


def tissues_of(
    labels: Mapping[str, int],
    conductivities: str | Mapping[str, float] | None = None,
    *,
    own: Mapping[str, tuple[float, str]] | None = None,
) -> list[Tissue]:
    """Tissues with their conductivities, sorted by label.

    Parameters
    ----------
    labels : mapping of str to int
        Label of each tissue, by name.
    conductivities : str or mapping of str to float, optional
        Name of a preset, or conductivities to use instead of the default preset's, S/m.
    own : mapping of str to (float, str), optional
        Conductivity and source of what no preset knows: plates, lesions.

    Raises
    ------
    HeadError
        An unknown preset, every unknown tissue, every conductivity that cannot be, every one that is missing.
    """
    preset = conductivities if isinstance(conductivities, str) else DEFAULT_PRESET
    given = {} if conductivities is None or isinstance(conductivities, str) else dict(conductivities)
    extra = own or {}
    problems = conductivity_problems(given, tuple(labels))
    for name in labels:
        if name not in CONDUCTIVITIES_S_PER_M and name not in given and name not in extra:
            problems.append(Problem(f"conductivities_S_per_m[{name!r}]", "has no default; state it"))
    if problems:
        raise HeadError(problems)
    stated = {name: (float(value), BY_USER) for name, value in given.items()}
    stated = {**extra, **stated}
    return [
        Tissue(label, name, *stated[name]) if name in stated else _tissue(label, name, preset)
        for name, label in sorted(labels.items(), key=lambda item: item[1])
    ]


def _tissue(label: int, name: str, preset: str) -> Tissue:
    """A tissue with its conductivity in a preset, or in the default one where the preset does not know it."""
    known = read_preset(preset).tissues
    if name in known:
        one = known[name]
        return Tissue(label, name, one.value_S_per_m, str(one.source))
    value, source = CONDUCTIVITIES_S_PER_M[name]
    return Tissue(label, name, value, f"{source} (preset {DEFAULT_PRESET!r}; {preset!r} has no {name})")


def with_preset(head: HeadModel, preset: str) -> HeadModel:
    """The same head with the conductivities of a preset; a tissue that no preset knows keeps its own.

    Raises
    ------
    HeadError
        There is no such preset, or it knows none of the head's tissues.
    """
    known = read_preset(preset).tissues
    if not any(tissue.name in known for tissue in head.tissues):
        have = ", ".join(tissue.name for tissue in head.tissues)
        raise HeadError(Problem("conductivities", f"preset {preset!r} knows none of this head's tissues: {have}"))
    tissues = tuple(
        _tissue(one.label, one.name, preset) if one.name in CONDUCTIVITIES_S_PER_M else one for one in head.tissues
    )
    return head.with_tissues(tissues)


def conductivity_problems(given: Mapping[str, float], tissues: tuple[str, ...]) -> list[Problem]:
    """Everything that is wrong with conductivities a person set, S/m by tissue.

    Parameters
    ----------
    given : mapping of str to float
    tissues : tuple of str
        The tissues there are.
    """
    problems = []
    for name, value in given.items():
        where = f"conductivities_S_per_m[{name!r}]"
        if name not in tissues:
            near = get_close_matches(name, tissues, n=1)
            kinds = [kind for kind in ("compact_bone", "spongy_bone") if kind in tissues]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            hint = f"; its bone is {' and '.join(kinds)}: name each" if name == "bone" and kinds else hint
            problems.append(Problem(where, f"this head has no such tissue; it has {', '.join(tissues)}{hint}"))
        elif isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
            problems.append(Problem(where, f"must be positive and finite, got {value!r} S/m"))
        elif fault := implausible(name, float(value)):
            problems.append(Problem(where, fault))
    return problems


def implausible(tissue: str, value_S_per_m: float) -> str:
    """What is implausible about a conductivity, S/m; empty where nothing is, or nothing is known of the tissue."""
    if tissue not in _PLAUSIBLE_S_PER_M:
        return ""
    low, high = _PLAUSIBLE_S_PER_M[tissue]
    if low <= value_S_per_m <= high:
        return ""
    meant = to_si(value_S_per_m, "mS_per_m")
    hint = f"; {value_S_per_m:g} mS/m would be {meant:g}" if low <= meant <= high else ""
    return f"{value_S_per_m:g} S/m cannot be {tissue} ({low:g} to {high:g} S/m){hint}"


def with_settings(head: HeadModel, conductivities_S_per_m: Mapping[str, float], *, source: str = BY_USER) -> HeadModel:
    """The same head with conductivities that a person or a protocol set, checked for slips of the unit.

    Parameters
    ----------
    head : HeadModel
    conductivities_S_per_m : mapping of str to float
        By tissue, S/m.
    source : str
        Who set them; it stands in the report beside each.

    Raises
    ------
    HeadError
        Every unknown tissue, and every conductivity that cannot be.
    """
    if not conductivities_S_per_m:
        return head
    problems = conductivity_problems(conductivities_S_per_m, tuple(tissue.name for tissue in head.tissues))
    if problems:
        raise HeadError(problems)
    tissues = tuple(
        attrs.evolve(one, conductivity_S_per_m=float(conductivities_S_per_m[one.name]), source=source)
        if one.name in conductivities_S_per_m
        else one
        for one in head.tissues
    )
    return head.with_tissues(tissues)


@cache
def materials() -> Mapping[str, Conductivity]:
    """What plates are made of, by name."""
    data = json.loads(package_path("head", "conductivities", "materials.json").read_text(encoding="utf-8"))
    return {
        name: Conductivity(
            name, float(one["S_per_m"]), Reference(**data["sources"][one["source"]]), note=one.get("note", "")
        )
        for name, one in data["materials"].items()
    }


def own_conductivity(name: str, value_S_per_m: float | None) -> tuple[float, str] | None:
    """Conductivity and source of what a lesion is made of; None for a tissue that presets know.

    Raises
    ------
    HeadError
        Neither a tissue nor a material, and no conductivity is given.
    """
    if value_S_per_m is not None:
        return value_S_per_m, BY_USER
    if name in materials():
        return materials()[name].value_S_per_m, str(materials()[name].source)
    if name in CONDUCTIVITIES_S_PER_M:
        return None
    near = get_close_matches(name, (*CONDUCTIVITIES_S_PER_M, *materials()), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(materials())
    what = f"{name!r} is neither a tissue nor a material ({known}); give its conductivity, S/m{hint}"
    raise HeadError(Problem("lesion", what))
