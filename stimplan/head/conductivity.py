"""Conductivities of tissues, each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from stimplan.errors import HeadError, Problem
from stimplan.head.model import Tissue

_WAGNER = "Wagner et al. 2004, IEEE Trans Biomed Eng 51(9):1586-1598, doi:10.1109/TBME.2004.827925"
_OPITZ = "Opitz et al. 2015, NeuroImage 109:140-150, doi:10.1016/j.neuroimage.2015.01.033"

# Name -> conductivity (S/m) and its source. The values are those that SimNIBS tabulates with these sources, so that
# results can be compared; Wagner et al. give 0.276 for grey matter.
CONDUCTIVITIES_S_PER_M: Mapping[str, tuple[float, str]] = {
    "white_matter": (0.126, _WAGNER),
    "gray_matter": (0.275, _WAGNER),
    "csf": (1.654, _WAGNER),
    "bone": (0.010, _WAGNER),
    "scalp": (0.465, _WAGNER),
    "eyes": (0.5, _OPITZ),
    "compact_bone": (0.008, _OPITZ),
    "spongy_bone": (0.025, _OPITZ),
}


def tissues_of(labels: Mapping[str, int], conductivities_S_per_m: Mapping[str, float] | None = None) -> list[Tissue]:
    """Tissues with their conductivities, sorted by label.

    Parameters
    ----------
    labels : mapping of str to int
        Label of each tissue, by name.
    conductivities_S_per_m : mapping of str to float, optional
        Conductivities to use instead of the table's, S/m.

    Raises
    ------
    HeadError
        Every unknown tissue, every conductivity that is not positive and finite, every one that is missing.
    """
    given = dict(conductivities_S_per_m or {})
    problems = []
    for name, value in given.items():
        where = f"conductivities_S_per_m[{name!r}]"
        if name not in labels:
            problems.append(Problem(where, f"this head has no such tissue; it has {', '.join(labels)}"))
        elif isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
            problems.append(Problem(where, f"must be positive and finite, got {value!r} S/m"))
    for name in labels:
        if name not in CONDUCTIVITIES_S_PER_M and name not in given:
            problems.append(Problem(f"conductivities_S_per_m[{name!r}]", "has no default; state it"))
    if problems:
        raise HeadError(problems)
    return [
        Tissue(label, name, float(given[name]), "set by the user")
        if name in given
        else Tissue(label, name, *CONDUCTIVITIES_S_PER_M[name])
        for name, label in sorted(labels.items(), key=lambda item: item[1])
    ]
