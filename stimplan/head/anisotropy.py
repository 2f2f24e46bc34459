"""Anisotropic conductivity from diffusion tensors: the eigenvectors are shared, the eigenvalues are mapped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.fem.tensor import matrices, six_of
from stimplan.head.model import HeadModel
from stimplan.head.tensor_volume import TensorVolume, read_tensor_volume

Array = NDArray[np.float64]

# The caps of the program SimNIBS (its options aniso_maxratio and aniso_maxcond); white matter ex vivo is 7 to 10 times
# as conductive along the fibres as across (Nicholson 1965, doi:10.1016/0014-4886(65)90126-3).
LARGEST_RATIO = 10.0
LARGEST_S_PER_M = 2.0
# Tuch et al. 2001, doi:10.1073/pnas.171473898: 0.844 +- 0.0545 S s/mm³, read in the abstract; times 1e-6 m²/s for a
# diffusivity of 1 mm²/s and 1e9 mm³/m³.
_TUCH_S_PER_M = 844.0
# Mean diffusivity of living brain is about 0.7e-3 mm²/s; beyond these the unit is another.
_DIFFUSIVITY_MM2_PER_S = (1e-4, 5e-3)
# A file in the head's space holds tensors in nearly all of the tissue.
_LEAST_COVERAGE = 0.5

_SOURCES = {
    "vn": "normalised to the volume of the isotropic conductivity, Güllmar et al. 2010, "
    "doi:10.1016/j.neuroimage.2010.02.014; Opitz et al. 2011, doi:10.1016/j.neuroimage.2011.06.069",
    "vc": "volume constraint with one ratio along to across the fibres, Wolters et al. 2006, "
    "doi:10.1016/j.neuroimage.2005.10.014",
    "dir": "diffusion times one factor, Tuch et al. 2001, doi:10.1073/pnas.171473898; the factor fits the isotropic "
    "conductivities, Rullmann et al. 2009, doi:10.1016/j.neuroimage.2008.09.009",
    "tuch": "diffusion in mm²/s times 0.844 S s/mm³, Tuch et al. 2001, doi:10.1073/pnas.171473898",
    "mc": "isotropic, the mean conductivity that the direct mapping gives, Opitz et al. 2011, "
    "doi:10.1016/j.neuroimage.2011.06.069",
}
MAPPINGS = tuple(_SOURCES)
# Those whose eigenvalues have the ratios of the diffusion, as far as the cap allows.
_KEEPS_RATIO = ("vn", "dir", "tuch")


def with_tensors(
    head: HeadModel,
    tensors: TensorVolume | str | Path,
    *,
    mapping: str = "vn",
    order: str | None = None,
    tissues: Sequence[str] = ("white_matter",),
) -> HeadModel:
    """The same head with conductivity tensors from a diffusion tensor volume.

    Parameters
    ----------
    head : HeadModel
    tensors : TensorVolume, str or Path
        Diffusion tensors in the space of the head, or the NIfTI file of them.
    mapping : {"vn", "vc", "dir", "tuch", "mc"}
        "vn": the eigenvalues' geometric mean is the isotropic conductivity of the tissue. "vc": the same volume, and
        10 times as conductive along the main direction as across it. "dir": one factor for all, so that the mean
        conductivities fit the isotropic ones. "tuch": the measured factor, for tensors in mm²/s. "mc": isotropic,
        the geometric mean of "dir".
    order : str, optional
        Order of the file's six numbers, see `read_tensor_volume`.
    tissues : sequence of str
        Tissues that get tensors.

    Returns
    -------
    HeadModel
        Its provenance has a record `anisotropy`: mapping, factor, what was capped, what was missing. Eigenvalues are
        at least a tenth of the largest, and at most 2 S/m. An element without a sound voxel around its centre keeps
        the isotropic conductivity, and is counted.

    Raises
    ------
    HeadError
        Unknown mapping or tissue, a file that cannot be used, or tensors in less than half of a tissue.
    """
    if mapping not in _SOURCES:
        raise HeadError(Problem("anisotropy", f"{mapping!r} is not known; there is {', '.join(MAPPINGS)}"))
    volume = tensors if isinstance(tensors, TensorVolume) else read_tensor_volume(tensors, order=order)
    labels = [head.tissue_named(name).label for name in tissues]
    chosen = np.flatnonzero(np.isin(head.tissue, labels))
    diffusion, counts = volume.at(head.centers_m[chosen])
    has_tensor = np.asarray(np.isfinite(diffusion).all(axis=1))
    coverage = _coverage(head, chosen, has_tensor, tissues)
    chosen = chosen[has_tensor]
    values, vectors = np.linalg.eigh(matrices(diffusion[has_tensor]))
    sigma = head.sigma_S_per_m[chosen]
    mapped, factor = _mapped(mapping, values, sigma, head.volumes_m3[chosen], head.tissue[chosen])
    capped = _capped(mapped)
    full = np.zeros((len(head.tets), 6))
    full[chosen] = six_of(np.einsum("mik,mk,mjk->mij", vectors, capped, vectors))
    record = {
        "mapping": mapping,
        "source": _SOURCES[mapping],
        "tissues": list(tissues),
        "tensors": dict(volume.record),
        "coverage": coverage,
        "elements": len(chosen),
        "isotropic_elements": int((~has_tensor).sum()),
        **counts,
        **_caps(mapping, values, mapped),
        "factor_S_per_m": factor,
        "median_ratio": float(np.median(capped[:, 2] / capped[:, 0])),
    }
    return attrs.evolve(head, tensors_S_per_m=full, provenance={**head.provenance, "anisotropy": record})


def _coverage(
    head: HeadModel, chosen: NDArray[np.int64], has_tensor: NDArray[np.bool_], tissues: Sequence[str]
) -> dict[str, float]:
    """Share of each tissue's volume that has tensors; too little means another space."""
    shares: dict[str, float] = {}
    problems = []
    for name in tissues:
        of = head.tissue[chosen] == head.tissue_named(name).label
        volumes = head.volumes_m3[chosen][of]
        shares[name] = float(volumes[has_tensor[of]].sum() / volumes.sum())
        if not shares[name] >= _LEAST_COVERAGE:
            what = (
                f"only {shares[name]:.0%} of {name} lies where the file has tensors; is it in the space of this head?"
            )
            problems.append(Problem("tensors", what))
    if problems:
        raise HeadError(problems)
    return shares


def _mapped(
    mapping: str, values: Array, sigma: Array, volumes_m3: Array, tissue: NDArray[np.uint8]
) -> tuple[Array, float | None]:
    """Conductivity eigenvalues (m, 3), ascending, and the factor of a linear mapping."""
    if mapping == "vn":
        # The ratio is capped first, so that what follows keeps the volume.
        return _volume_of(np.maximum(values, values[:, 2:] / LARGEST_RATIO), sigma), None
    if mapping == "vc":
        return _volume_of(np.tile([1.0, 1.0, LARGEST_RATIO], (len(values), 1)), sigma), None
    factor = _tuch_factor(values) if mapping == "tuch" else _fitted_factor(values, sigma, volumes_m3, tissue)
    linear = factor * values
    if mapping == "mc":
        linear = np.repeat(np.cbrt(linear.prod(axis=1))[:, None], 3, axis=1)
    return linear, factor


def _volume_of(values: Array, sigma: Array) -> Array:
    """Eigenvalues scaled to the geometric mean `sigma`."""
    return values * (sigma / np.cbrt(values.prod(axis=1)))[:, None]


def _fitted_factor(values: Array, sigma: Array, volumes_m3: Array, tissue: NDArray[np.uint8]) -> float:
    """Least-squares factor between the tissues' mean diffusivities and their conductivities.

    s = sum(d sigma) / sum(d²) over the tissues, d³ the mean over the tissue of the product of the eigenvalues.
    """
    pairs = []
    for label in np.unique(tissue):
        of = tissue == label
        mean = np.cbrt(np.average(values[of].prod(axis=1), weights=volumes_m3[of]))
        pairs.append((mean, sigma[of][0]))
    d, s = np.array(pairs).T
    return float((d * s).sum() / (d * d).sum())


def _tuch_factor(values: Array) -> float:
    """The measured factor, for tensors in mm²/s."""
    median = float(np.median(values.mean(axis=1)))
    low, high = _DIFFUSIVITY_MM2_PER_S
    if not low <= median <= high:
        what = f"the median diffusivity is {median:.3g}, in mm²/s it would be {low:g} to {high:g}; use 'dir' instead"
        raise HeadError(Problem("anisotropy", what))
    return _TUCH_S_PER_M


def _capped(values: Array) -> Array:
    """Eigenvalues no larger than 2 S/m and no smaller than a tenth of the largest."""
    below = np.minimum(values, LARGEST_S_PER_M)
    return np.maximum(below, below.max(axis=1, keepdims=True) / LARGEST_RATIO)


def _caps(mapping: str, diffusion: Array, mapped: Array) -> dict[str, Any]:
    """The caps, and how many elements each of them changed."""
    is_steep = diffusion[:, 2] > LARGEST_RATIO * diffusion[:, 0]
    return {
        "largest_ratio": LARGEST_RATIO,
        "elements_at_largest_ratio": int(is_steep.sum()) if mapping in _KEEPS_RATIO else 0,
        "largest_S_per_m": LARGEST_S_PER_M,
        "elements_at_largest_conductivity": int(np.any(mapped > LARGEST_S_PER_M, axis=1).sum()),
    }
