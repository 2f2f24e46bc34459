"""Alternating fields as phasors: E(t) = Re(E exp(i w t)), whose tip draws an ellipse at every place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError

Array = NDArray[np.float64]
Phasor = NDArray[np.complex128]


def snapshot(E_V_per_m: ArrayLike, phase_rad: float) -> Array:
    """(m, 3) field at one moment of the cycle, Re(E exp(i phase)), V/m."""
    return (_phasor(E_V_per_m) * np.exp(1j * phase_rad)).real


def peak_amplitude(E_V_per_m: ArrayLike) -> Array:
    """(m,) largest |E(t)| of the cycle, V/m: the long half-axis of the ellipse.

    |E(t)|² = (|E|² + Re(E.E exp(2 i w t))) / 2 with E.E the product without conjugation, so its largest value is
    (|E|² + |E.E|) / 2.
    """
    size, turning = _squares(_phasor(E_V_per_m))
    return np.sqrt((size + turning) / 2)


def smallest_amplitude(E_V_per_m: ArrayLike) -> Array:
    """(m,) smallest |E(t)| of the cycle, V/m: zero where all components swing in phase."""
    size, turning = _squares(_phasor(E_V_per_m))
    return np.sqrt(np.maximum(size - turning, 0.0) / 2)


def rms_amplitude(E_V_per_m: ArrayLike) -> Array:
    """(m,) root of the mean of |E(t)|² over a cycle, V/m."""
    size, _ = _squares(_phasor(E_V_per_m))
    return np.sqrt(size / 2)


def peak_phase_rad(E_V_per_m: ArrayLike) -> Array:
    """(m,) moment of the cycle at which |E(t)| is largest, as a phase from 0 up to pi, rad; it comes twice a cycle."""
    phasor = _phasor(E_V_per_m)
    return np.mod(-np.angle(np.einsum("md,md->m", phasor, phasor)) / 2, np.pi)


def major_axis(E_V_per_m: ArrayLike) -> Array:
    """(m, 3) field at that moment, V/m: direction and size of the ellipse's long half-axis."""
    phasor = _phasor(E_V_per_m)
    return (phasor * np.exp(1j * peak_phase_rad(phasor))[:, None]).real


def _squares(phasor: Phasor) -> tuple[Array, Array]:
    size = np.einsum("md,md->m", phasor, phasor.conj()).real
    return size, np.abs(np.einsum("md,md->m", phasor, phasor))


def _phasor(E_V_per_m: ArrayLike) -> Phasor:
    phasor = np.asarray(E_V_per_m, dtype=np.complex128)
    if phasor.ndim != 2 or phasor.shape[1] != 3 or not np.isfinite(phasor).all():
        raise InputError(f"a phasor field is an (m, 3) array of finite complex numbers, got shape {phasor.shape}")
    return phasor
