"""The slow part of a session: ramps, times on, pauses, as straight pieces."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.protocol import DirectWaveform

PieceKind = Literal["ramp up", "on", "off", "ramp down"]
# Below any time between samples: a sample that falls on an edge belongs to what begins there.
_EDGE_S = 1e-9


@attrs.frozen
class Piece:
    """A time in which the level changes evenly from one value to another; 1 is the full level."""

    kind: PieceKind
    start_s: float
    stop_s: float
    first: float
    last: float


def pieces(waveform: DirectWaveform, *, ramp_s: float | None = None) -> tuple[Piece, ...]:
    """The level of a session from its start to its end.

    The ramps are linear and come on top of the duration. Pauses begin and end in steps, for the format has no ramps
    for them. A pause at the very end is no pause: the ramp down follows the last time on, and the rest is silence.

    Parameters
    ----------
    waveform : DirectWaveform
        Or any of the other waveforms.
    ramp_s : float, optional
        For ramps that are not reported; None makes them steps.
    """
    up, down = ((ramp_s or 0.0) if ramp is None else ramp for ramp in (waveform.ramp_up_s, waveform.ramp_down_s))
    made = [Piece("ramp up", 0.0, up, 0.0, 1.0)] if up else []
    for kind, start, stop in _on_and_off(waveform):
        made.append(Piece(kind, up + start, up + stop, *((1.0, 1.0) if kind == "on" else (0.0, 0.0))))
    end = up + waveform.duration_s + down
    if down:
        made.append(Piece("ramp down", made[-1].stop_s, made[-1].stop_s + down, 1.0, 0.0))
    if end - made[-1].stop_s > _EDGE_S:
        made.append(Piece("off", made[-1].stop_s, end, 0.0, 0.0))
    return tuple(made)


def _on_and_off(waveform: DirectWaveform) -> list[tuple[PieceKind, float, float]]:
    """Times on and off within the duration, s, up to the end of the last time on."""
    pauses = waveform.intermittence
    if pauses is None:
        return [("on", 0.0, waveform.duration_s)]
    period = pauses.on_s + pauses.off_s
    whole = math.floor(waveform.duration_s / period + 1e-9)
    ons = [(number * period, number * period + pauses.on_s) for number in range(whole)]
    rest = waveform.duration_s - whole * period
    if rest > _EDGE_S:
        ons.append((whole * period, whole * period + min(rest, pauses.on_s)))
    made: list[tuple[PieceKind, float, float]] = []
    for start, stop in ons:
        if made:
            made.append(("off", made[-1][2], start))
        made.append(("on", start, stop))
    return made


def session_s(waveform: DirectWaveform, *, ramp_s: float | None = None) -> float:
    """Length of a session with the ramps that are reported (and `ramp_s` for each that is not), s."""
    return pieces(waveform, ramp_s=ramp_s)[-1].stop_s


def level_at(parts: tuple[Piece, ...], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level at times, 0 to 1; 0 before the start and from the end on."""
    starts = np.array([piece.start_s for piece in parts])
    stops = np.array([piece.stop_s for piece in parts])
    firsts = np.array([piece.first for piece in parts])
    slopes = (np.array([piece.last for piece in parts]) - firsts) / (stops - starts)
    number = np.searchsorted(starts, time_s + _EDGE_S, side="right") - 1
    inside = (number >= 0) & (time_s + _EDGE_S < stops[-1])
    number = np.where(inside, number, 0)
    level = firsts[number] + slopes[number] * (time_s - starts[number])
    return np.where(inside, np.clip(level, 0.0, 1.0), 0.0)
