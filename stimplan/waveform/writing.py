"""Waveforms and pulses as files that a stimulator's software can read: complete, or not there at all."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem, naming
from stimplan.notice import NOTICE
from stimplan.protocol import Block, Intensity, Protocol
from stimplan.waveform.choices import Choices
from stimplan.waveform.pulses import Pulses, list_pulses
from stimplan.waveform.sampling import Waveforms, count_rows, sample_session, session_chunks

FORMATS = (".csv", ".npy", ".npz")
# Files hold whole nanoamperes: finer than any stimulator, and exact as decimals.
_STEPS_PER_A = 10**9
_DECIMALS_OF_MA = 6


def write_waveform(
    path: Path | str,
    protocol: Protocol,
    rate_Hz: float,
    *,
    window_s: tuple[float, float | None] = (0.0, None),
    choices: Choices | None = None,
) -> int:
    """Write the samples of a session as CSV, .npy or .npz, by the name's ending; currents in mA.

    Currents are rounded to 1 nA so that every row sums to zero exactly: what is left of the rounding goes to the
    electrode with the largest current. In a .npy the fields of a row are named like the columns of the CSV
    (`time_s`, `F3_mA`, …); a .npz holds `time_s`, `current_mA`, `labels`, `rate_Hz` and `about`.

    Parameters
    ----------
    path : Path
        An older file is replaced when the new one is complete.
    protocol : Protocol
    rate_Hz : float
    window_s : (start, stop)
        As in `sample_session`.
    choices : Choices, optional

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    InputError
        The file cannot be written there, or as `sample_session`.
    """
    path = _checked(path, FORMATS)
    window: dict[str, Any] = {"start_s": window_s[0], "stop_s": window_s[1], "choices": choices}
    rows = count_rows(protocol, rate_Hz, **window)
    if path.suffix.lower() == ".npz":
        waves = sample_session(protocol, rate_Hz, **window)
        with replaced(path) as file:
            np.savez(file, time_s=waves.time_s, current_mA=balanced_nA(waves) / 1e6, labels=np.array(waves.labels),
                     rate_Hz=waves.rate_Hz, about=np.array(about(protocol, waves)))  # fmt: skip
        return rows
    chunks = session_chunks(protocol, rate_Hz, **window)
    with replaced(path) as file:
        if path.suffix.lower() == ".npy":
            _write_npy(file, chunks, rows)
        else:
            _write_csv(file, chunks, protocol)
    return rows


def write_pulses(path: Path | str, protocol: Protocol, *, choices: Choices | None = None) -> int:
    """Write the pulses of a session as CSV: time, intensity, block; and the paired nerve where there is one.

    Returns
    -------
    int
        Pulses written.

    Raises
    ------
    InputError
        The file cannot be written there, or as `list_pulses`.
    """
    path = _checked(path, (".csv",))
    pulses = list_pulses(protocol, choices=choices)
    with replaced(path) as file:
        file.write(pulses_text(protocol, pulses, choices or Choices()).encode("utf-8"))
    return len(pulses.time_s)


def pulses_text(protocol: Protocol, pulses: Pulses, choices: Choices) -> str:
    """The pulses as CSV text, with a header that says what the numbers are."""
    assert protocol.magnetic is not None
    blocks = protocol.magnetic.blocks
    lines = [*_identity(protocol), "time_s: from the first pulse"]
    for number, block in enumerate(blocks, 1):
        scale = block.intensity
        unit = f"% of {scale.reference}" if scale.value_fraction is not None else "% of " + _absolute(scale)
        lines.append(f"block {number}: intensity in {unit}" + (f" ({block.label})" if block.label else ""))
    has_own = any(block.timing.stimulus.intensities for block in blocks)
    if has_own:
        lines.append("intensity_of: what 100 % is for this pulse; pulses of one stimulus have different references")
    if choices.gap_s is not None and any(block.gap_s is None for block in blocks[:-1]):
        lines.append(f"gaps between blocks: not reported; here {choices.gap_s:g} s, chosen")
    has_nerve = bool(np.isfinite(pulses.nerve_time_s).any())
    columns = ["time_s", "intensity_percent", "block"]
    columns += [*(["intensity_of"] if has_own else []), *(["nerve_time_s"] if has_nerve else [])]
    percents, references = _intensities(pulses, blocks)
    rows = zip(pulses.time_s.tolist(), percents, (pulses.block + 1).tolist(), strict=True)
    body = [f"{time:.6f},{percent:.6g},{block}" for time, percent, block in rows]
    if has_own:
        body = [f"{row},{reference}" for row, reference in zip(body, references, strict=True)]
    if has_nerve:
        times = ["" if np.isnan(time) else f"{time:.6f}" for time in pulses.nerve_time_s.tolist()]
        body = [f"{row},{time}" for row, time in zip(body, times, strict=True)]
    return "".join(f"{line}\n" for line in [*_comments(lines), ",".join(columns), *body])


def _intensities(pulses: Pulses, blocks: Sequence[Block]) -> tuple[list[float], list[str]]:
    """Percent of every pulse, and of what."""
    full = [_percent_of(block.intensity) for block in blocks]
    percents = pulses.relative_intensity * np.array([percent for percent, _ in full])[pulses.block]
    references = [full[block][1] for block in pulses.block.tolist()]
    for number, block in enumerate(blocks):
        for place, own in enumerate(block.timing.stimulus.intensities):
            if own is not None:
                here = np.flatnonzero(pulses.block == number)[place :: block.timing.stimulus.pulses]
                percents[here], reference = _percent_of(own)
                for row in here.tolist():
                    references[row] = reference
    return percents.tolist(), references


def _percent_of(intensity: Intensity) -> tuple[float, str]:
    if intensity.value_fraction is not None:
        return 100 * intensity.value_fraction, str(intensity.reference)
    return 100.0, _absolute(intensity)


def _absolute(intensity: Any) -> str:
    if intensity.didt_A_per_s is not None:
        return f"{intensity.didt_A_per_s / 1e6:g} A/µs"
    return f"{intensity.field_V_per_m:g} V/m at the target"


def balanced_nA(waves: Waveforms) -> NDArray[np.int64]:
    """Currents as whole nA whose rows sum to zero exactly, (n, electrodes)."""
    steps = np.rint(waves.current_A * _STEPS_PER_A).astype(np.int64)
    largest = np.argmax(np.abs(waves.current_A).max(axis=0))
    off = steps.sum(axis=1)
    # More than a rounding per electrode would mean that the currents themselves do not balance.
    assert np.abs(off).max(initial=0) <= 2 * steps.shape[1], "currents that do not sum to zero"
    steps[:, largest] -= off
    return steps


def column_names(waves: Waveforms) -> list[str]:
    """Names of the columns: the time, and each electrode with its unit."""
    return ["time_s", *(f"{label}_mA" for label in waves.labels)]


def about(protocol: Protocol, waves: Waveforms) -> list[str]:
    """What a file must say about itself, line by line."""
    convention = protocol.electric.amplitude_convention if protocol.electric else None
    said = f" (the protocol gives them as {convention})" if convention else ""
    return [
        *_identity(protocol),
        f"rate: {waves.rate_Hz:g} Hz; time_s: from the start of the session",
        f"currents: momentary, into the head, mA{said}; hold each until the next sample",
        *waves.notes,
    ]


def _identity(protocol: Protocol) -> list[str]:
    return [f"stimplan {protocol.modality} protocol {protocol.id}, digest {protocol.digest[:16]}", NOTICE]


def _comments(lines: Iterable[str]) -> list[str]:
    return ["# " + " ".join(line.split()) for line in lines]


def _write_csv(file: IO[bytes], chunks: Iterator[Waveforms], protocol: Protocol) -> None:
    for number, waves in enumerate(chunks):
        if number == 0:
            header = io.StringIO()
            header.writelines(f"{line}\n" for line in _comments(about(protocol, waves)))
            csv.writer(header, lineterminator="\n").writerow(column_names(waves))
            file.write(header.getvalue().encode("utf-8"))
        form = "%.9f" + f",%.{_DECIMALS_OF_MA}f" * len(waves.labels) + "\n"
        table = np.column_stack([waves.time_s, balanced_nA(waves) / 10**_DECIMALS_OF_MA]).tolist()
        file.write("".join(form % tuple(row) for row in table).encode("ascii"))


def _write_npy(file: IO[bytes], chunks: Iterator[Waveforms], rows: int) -> None:
    for number, waves in enumerate(chunks):
        if number == 0:
            # The header of this format is plain ASCII; a label that is not gives way to its number.
            names = [
                name if name.isascii() else f"electrode_{column}_mA" for column, name in enumerate(column_names(waves))
            ]
            header = {"descr": [(name, "<f8") for name in names], "fortran_order": False, "shape": (rows,)}
            np.lib.format.write_array_header_1_0(file, header)
        table = np.column_stack([waves.time_s, balanced_nA(waves) / 10**_DECIMALS_OF_MA])
        file.write(np.ascontiguousarray(table, "<f8").tobytes())


def _checked(path: Path | str, endings: tuple[str, ...]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in endings:
        raise InputError(Problem(str(path), f"must end in {' or '.join(endings)}"))
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder; name a file" if path.is_dir() else f"the folder {path.parent} does not exist"
        raise InputError(Problem(str(path), what))
    return path


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write that takes the path's place when the block ends well, and is gone where it does not."""
    with naming(path):
        handle, name = tempfile.mkstemp(prefix=".stimplan-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            # mkstemp makes files for the owner only; a result is for whoever may read the folder.
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
