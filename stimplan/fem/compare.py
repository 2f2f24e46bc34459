"""The two measures the field uses to compare a field with the true one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def rdm(field: ArrayLike, truth: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Relative difference measure: 0 for the same topography, at most 2.

    || a/||a|| - b/||b|| ||, with ||a||² = sum of weight times |a|². Meijs et al. 1989, doi:10.1109/10.16470.

    Parameters
    ----------
    field, truth : (n,) or (n, d) arrays
    weights : (n,) array, optional
        Volumes of the elements, for fields of which the elements differ in size.
    """
    a, b = _weighted(field, weights), _weighted(truth, weights)
    return float(np.linalg.norm(a / np.linalg.norm(a) - b / np.linalg.norm(b)))


def mag(field: ArrayLike, truth: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Magnification ||a|| / ||b||: 1 for the same size; weights as in `rdm`."""
    return float(np.linalg.norm(_weighted(field, weights)) / np.linalg.norm(_weighted(truth, weights)))


def _weighted(values: ArrayLike, weights: ArrayLike | None) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    array = array.reshape(len(array), -1)
    return array if weights is None else array * np.sqrt(np.asarray(weights, dtype=np.float64))[:, None]
