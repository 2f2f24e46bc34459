"""What a protocol leaves open and somebody has to choose before a stimulator can run it."""

from __future__ import annotations

import math
from typing import Any, Literal

import attrs

from stimplan.errors import InputError, Problem
from stimplan.protocol import DirectWaveform, NoiseWaveform, Protocol


@attrs.frozen(kw_only=True)
class Choices:
    """Values for what a protocol does not report; they never replace what it does report.

    Attributes
    ----------
    seed : int
        Start of the random noise; the same seed gives the same noise, sample by sample.
    ramp_s : float or None
        For each ramp that is not reported, s. None: a step, and a note that says so.
    frequency_Hz : float or None
        A person's own frequency.
    band_Hz : 2-tuple or None
        Lowest and highest frequency of a noise.
    distribution : {"gaussian", "uniform"} or None
        Distribution of a noise.
    gap_s : float or None
        From the last pulse of a block to the first of the next, s.
    """

    seed: int = 0
    ramp_s: float | None = None
    frequency_Hz: float | None = None
    band_Hz: tuple[float, float] | None = None
    distribution: Literal["gaussian", "uniform"] | None = None
    gap_s: float | None = None

    def __attrs_post_init__(self) -> None:
        problems = []
        if not 0 <= self.seed < 2**63:
            problems.append(Problem("seed", f"must be 0 or a positive whole number below 2^63, got {self.seed}"))
        for name in ("ramp_s", "gap_s"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                problems.append(Problem(name, f"must be 0 s or more, got {value}"))
        if self.frequency_Hz is not None and not 0 < self.frequency_Hz < math.inf:
            problems.append(Problem("frequency_Hz", f"must be more than 0 Hz, got {self.frequency_Hz}"))
        if self.band_Hz is not None and not 0 <= self.band_Hz[0] < self.band_Hz[1] < math.inf:
            problems.append(Problem("band_Hz", f"must rise from 0 Hz or more, got {self.band_Hz}"))
        if problems:
            raise InputError(problems)


def settled(protocol: Protocol, choices: Choices) -> DirectWaveform:
    """The protocol's waveform with the choices put where it leaves something open; ramps keep their None.

    Raises
    ------
    InputError
        Something is still open, or was chosen although the protocol reports it. Every fault is listed.
    """
    waveform = protocol.waveform
    assert waveform is not None
    problems: list[Problem] = []
    filled: dict[str, Any] = {}
    for name, chosen, option in _open_fields(waveform, choices):
        reported = getattr(waveform, name)
        if reported is None and chosen is None:
            what = f"is not reported ({_note(waveform)}choose it with {option})"
            problems.append(Problem(f"{protocol.id}: {name}", what))
        elif reported is not None and chosen is not None and chosen != reported:
            problems.append(Problem(option, f"{protocol.id} reports {name} {reported}; leave {option} out"))
        elif reported is None:
            filled[name] = chosen
    if problems:
        raise InputError(problems)
    return attrs.evolve(waveform, **filled) if filled else waveform


def _open_fields(waveform: DirectWaveform, choices: Choices) -> list[tuple[str, object, str]]:
    """Attributes that must be known before sampling, what was chosen for them, and the option that chooses."""
    if isinstance(waveform, NoiseWaveform):
        low, high = choices.band_Hz or (None, None)
        return [
            ("band_low_Hz", low, "--band-hz"),
            ("band_high_Hz", high, "--band-hz"),
            ("distribution", choices.distribution, "--distribution"),
        ]
    if hasattr(waveform, "frequency_note"):
        return [("frequency_Hz", choices.frequency_Hz, "--frequency-hz")]
    return []


def _note(waveform: DirectWaveform) -> str:
    note = getattr(waveform, "frequency_note", None)
    return f"{note}; " if note else ""
