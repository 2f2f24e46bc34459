"""Percentiles of values that stand for unequal parts of a whole: volumes of tetrahedra, areas around points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stimplan.errors import InputError


def weighted_percentiles(values: ArrayLike, weights: ArrayLike, percent: ArrayLike) -> tuple[float, ...]:
    """Smallest value for which the values up to it hold at least that percentage of the weight.

    It is always one of the values, does not change when a value is split into two with the same total weight, and
    with equal weights is numpy's percentile with method "inverted_cdf".

    Raises
    ------
    InputError
        No values, a weight that is negative or not finite, weights that sum to zero, NaN, or not between 0 and 100.
    """
    v, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    p = np.atleast_1d(np.asarray(percent, dtype=np.float64))
    is_fine = v.shape == w.shape and v.size > 0 and bool(np.all(w >= 0)) and 0 < w.sum() < float("inf")
    if not is_fine or np.isnan(v).any() or not np.all((p >= 0) & (p <= 100)):
        raise InputError("a percentile needs values without NaN, weights that are not negative, and 0 to 100 per cent")
    order = np.argsort(v[w > 0], kind="stable")
    v, cumulative = v[w > 0][order], np.cumsum(w[w > 0][order])
    # The sum of the weights is rounded; a percentage that falls on a step to within that rounding is on it.
    wanted = p / 100 * cumulative[-1] * (1 - 1e-12)
    return tuple(float(x) for x in v[np.minimum(np.searchsorted(cumulative, wanted), len(v) - 1)])
