"""Conductivity of each element, a number or a symmetric tensor, and the current density it gives.

A tensor is six numbers in the order xx, yy, zz, xy, xz, yz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError

Array = NDArray[np.float64]

# Row and column of each of the six numbers.
ROWS, COLUMNS = (0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)


def matrices(tensors: ArrayLike) -> Array:
    """(m, 3, 3) symmetric matrices of (m, 6) tensors."""
    six = np.asarray(tensors, dtype=np.float64)
    full = np.empty((len(six), 3, 3))
    full[:, ROWS, COLUMNS] = six
    full[:, COLUMNS, ROWS] = six
    return full


def six_of(full: ArrayLike) -> Array:
    """(m, 6) tensors of (m, 3, 3) symmetric matrices."""
    return np.ascontiguousarray(np.asarray(full, dtype=np.float64)[:, ROWS, COLUMNS])


def is_positive_definite(tensors: ArrayLike) -> NDArray[np.bool_]:
    """(m,) whether each of (m, 6) tensors is finite and positive definite, by its leading minors."""
    six = np.asarray(tensors, dtype=np.float64)
    is_finite: NDArray[np.bool_] = np.asarray(np.isfinite(six).all(axis=1))
    xx, yy, zz, xy, xz, yz = np.where(is_finite[:, None], six, 0.0).T
    minor = xx * yy - xy * xy
    whole = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    is_definite: NDArray[np.bool_] = is_finite & (xx > 0) & (minor > 0) & (whole > 0)
    return is_definite


def checked_conductivity(conductivity_S_per_m: ArrayLike, n_tets: int) -> Array:
    """(m,) or (m, 6) conductivities, contiguous.

    Raises
    ------
    InputError
        Another shape, or values that are not positive (definite) and finite.
    """
    values = np.ascontiguousarray(conductivity_S_per_m, dtype=np.float64)
    if values.shape not in ((n_tets,), (n_tets, 6)):
        raise InputError(f"conductivities are ({n_tets},) numbers or ({n_tets}, 6) tensors, got {values.shape}")
    is_good = (values > 0) & np.isfinite(values) if values.ndim == 1 else is_positive_definite(values)
    if not is_good.all():
        kind = "conductivities are not positive and finite"
        kind = kind if values.ndim == 1 else "conductivity tensors are not positive definite and finite"
        raise InputError(f"{int((~is_good).sum())} {kind}")
    return values


def current_density(conductivity_S_per_m: Array, E_V_per_m: Array) -> Array:
    """Current density sigma E of each element.

    Parameters
    ----------
    conductivity_S_per_m : (m,) or (m, 6) array
    E_V_per_m : (m, 3) array

    Returns
    -------
    (m, 3) array
        A/m².
    """
    if conductivity_S_per_m.ndim == 1:
        return conductivity_S_per_m[:, None] * E_V_per_m
    xx, yy, zz, xy, xz, yz = conductivity_S_per_m.T
    x, y, z = E_V_per_m.T
    return np.stack([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], axis=1)
