"""Pulses in time: ideal ones by their shape, and measured ones from a table.

A pulse is the rate of change of the coil current, which the field follows, as a share of its largest size. The current
starts at zero and ends there, so that the rate's integral is zero: a table whose integral is far from it is cut off,
has an offset, or is the current itself, and is refused.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.coil.files import decoded, read_raw
from stimplan.coil.values import Coil
from stimplan.errors import CoilError, Problem
from stimplan.units import to_si
from stimplan.values import array_eq, frozen_array

Array = NDArray[np.float64]
Shape = Literal["monophasic", "biphasic", "half-sine"]

SHAPES: tuple[Shape, ...] = ("monophasic", "biphasic", "half-sine")
# Of the integral of the rate's size: what remains of its own integral in a measured table, at most.
MOST_NET = 0.1
# Pulses of stimulators last from some ten microseconds to a millisecond or two; a table may go on after them.
SHORTEST_S, LONGEST_S = 10e-6, 20e-3
FEWEST = 8
_UNITS: Mapping[str, str] = MappingProxyType({"time_s": "s", "time_ms": "ms", "time_us": "us"})
_SIGNALS = ("didt", "stim", "signal")
# Of an ideal monophasic pulse: how many times as long as its rise the current takes to fall to e^-7 of the peak.
_TAIL = 10.0


def _column(values: ArrayLike) -> Array:
    return frozen_array(values, name="waveform", shape=(None,))


@attrs.frozen
class Waveform:
    """The rate of change of the coil current in one pulse.

    Attributes
    ----------
    name : str
    time_s : (n,) array
        Increasing.
    didt_share : (n,) array
        Share of the largest rate, -1 to 1.
    source : str
        A file, or the formula.
    """

    name: str
    time_s: Array = attrs.field(converter=_column, eq=array_eq)
    didt_share: Array = attrs.field(converter=_column, eq=array_eq)
    source: str

    def __attrs_post_init__(self) -> None:
        what = _fault(self.time_s, self.didt_share)
        if what:
            raise CoilError(Problem(self.name, what))

    @property
    def current_share(self) -> Array:
        """(n,) coil current as a share of its largest size."""
        steps = np.diff(self.time_s) * (self.didt_share[1:] + self.didt_share[:-1]) / 2
        current = np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(current / np.abs(current).max())

    @property
    def duration_s(self) -> float:
        """From the first to the last moment at which the rate is above a hundredth of its largest, s."""
        active = self.time_s[np.abs(self.didt_share) > 0.01]
        return float(active[-1] - active[0])

    @property
    def shape(self) -> Shape:
        """The nearest of the three shapes: by the sign of the current, and by how large the rate's second phase is."""
        current, didt = self.current_share, self.didt_share
        largest = current[np.argmax(np.abs(current))]
        if (-current * np.sign(largest)).max() > 1 / 3:
            return "biphasic"
        first = didt[np.argmax(np.abs(didt) > 1 / 2)]
        return "half-sine" if (-didt * np.sign(first)).max() > 1 / 2 else "monophasic"

    def as_record(self) -> dict[str, Any]:
        """As `Stimulator.waveforms` and `.tcd` files hold it."""
        return {"name": self.name, "time_s": self.time_s.tolist(), "signal": self.didt_share.tolist()}


def ideal_waveform(shape: Shape, *, period_s: float, samples: int = 400) -> Waveform:
    """An ideal pulse: a period of an undamped circuit of coil and capacitor, half of one, or a quarter that dies away.

    Parameters
    ----------
    shape : {"monophasic", "biphasic", "half-sine"}
    period_s : float
        Of the circuit, s: the rate starts as its cosine.
    samples : int

    Raises
    ------
    CoilError
        Another shape, or a period that no stimulator has.

    Notes
    -----
    Monophasic: from a quarter of the period on the current decays critically damped, (1 + wt) exp(-wt) with w = 2 pi /
    period, as it does through a diode and a resistor. Real pulses are damped; measured ones are better.
    """
    if shape not in SHAPES:
        raise CoilError(f"a pulse is one of {', '.join(map(repr, SHAPES))}, got {shape!r}")
    if not SHORTEST_S <= period_s <= LONGEST_S or not samples >= FEWEST:
        raise CoilError(f"a period of 10 µs to 20 ms and {FEWEST} samples or more, got {period_s!r} s, {samples!r}")
    w = 2 * math.pi / period_s
    length = {"biphasic": period_s, "half-sine": period_s / 2, "monophasic": period_s / 4 * (1 + _TAIL)}[shape]
    time = np.linspace(0.0, length, samples)
    rate = np.cos(w * time)
    if shape == "monophasic":
        after = np.maximum(time - period_s / 4, 0.0)
        rate = np.where(time <= period_s / 4, rate, -w * after * np.exp(-w * after))
    return Waveform(shape, time, rate, f"ideal {shape} pulse of a circuit with a period of {period_s * 1e6:g} µs")


def read_waveform(path: str | Path) -> Waveform:
    """A measured pulse from a table with a header, `.tsv` or `.csv`.

    Parameters
    ----------
    path : str or Path
        Columns `time_s`, `time_ms` or `time_us`, and `didt`, `stim` or `signal` in any unit; others are not read. A
        bare `time` is refused: it does not say in what.

    Raises
    ------
    CoilError
        Everything that is wrong with the table, by line.
    """
    file = Path(path)
    text = decoded(read_raw(file), file.name)
    rows = list(csv.reader(io.StringIO(text), delimiter="," if file.suffix.lower() == ".csv" else "\t"))
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    times, signals = [n for n in names if n in _UNITS], [n for n in names if n in _SIGNALS]
    problems = []
    if len(times) != 1:
        hint = "; the column 'time' does not say its unit" if "time" in names else ""
        problems.append(Problem("line 1", f"expected one column of {', '.join(_UNITS)}, got {names}{hint}", file.name))
    if len(signals) != 1:
        problems.append(Problem("line 1", f"expected one column of {', '.join(_SIGNALS)}, got {names}", file.name))
    if problems:
        raise CoilError(problems)
    table = _table(rows, (names.index(times[0]), names.index(signals[0])), file.name)
    time = np.array([to_si(value, _UNITS[times[0]]) for value in table[:, 0]])
    size = float(np.abs(table[:, 1]).max(initial=0.0))
    if not size > 0:
        raise CoilError(Problem("the file", "the pulse is zero throughout", file.name))
    try:
        return Waveform(file.stem, time, table[:, 1] / size, f"file {file.name}")
    except CoilError as error:
        raise CoilError([Problem("the file", problem.what, file.name) for problem in error.problems]) from None


def shapes_of(coil: Coil) -> frozenset[Shape]:
    """Shapes of the pulses in the waveforms of a coil's stimulators; a table that is no pulse is left out."""
    found = set()
    for stimulator in coil.stimulators:
        for one in stimulator.waveforms:
            try:
                rate = np.asarray(one["signal"], dtype=np.float64)
                size = float(np.abs(rate).max(initial=0.0)) or 1.0
                found.add(Waveform(str(one["name"]), one["time_s"], rate / size, stimulator.name).shape)
            except (CoilError, KeyError, TypeError, ValueError):
                continue
    return frozenset(found)


def _table(rows: list[list[str]], columns: tuple[int, int], file: str) -> Array:
    """(n, 2) numbers of the two columns."""
    problems, found = [], []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            pair = [float(row[column]) for column in columns]
            if not all(map(math.isfinite, pair)):
                raise ValueError
            found.append(pair)
        except (ValueError, IndexError):
            problems.append(Problem(f"line {number}", f"expected finite numbers, got {row!r:.80}", file))
    if problems:
        raise CoilError(problems[:20])
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _fault(time: Array, rate: Array) -> str:
    """Why these are no pulse, or ""."""
    if len(time) != len(rate) or len(time) < FEWEST:
        return f"expected {FEWEST} samples or more of both, got {len(time)} times and {len(rate)} rates"
    steps = np.diff(time)
    if not (steps > 0).all():
        return f"time does not increase at sample {int(np.argmin(steps > 0)) + 2}"
    if not SHORTEST_S <= time[-1] - time[0] <= LONGEST_S:
        return f"the table is {(time[-1] - time[0]) * 1e3:.4g} ms long; pulses take 0.01 to 20 ms: is the unit right?"
    if not np.abs(rate).max() > 0:
        return "the pulse is zero throughout"
    size = float(steps @ (np.abs(rate[1:]) + np.abs(rate[:-1])) / 2)
    net = abs(float(steps @ (rate[1:] + rate[:-1]) / 2)) / size
    if not net <= MOST_NET:
        return (
            f"the rate of change adds up to {net:.0%} of its size instead of 0, so that the current does not return to "
            "zero: the table is cut off, has an offset, or is the current itself"
        )
    return ""
