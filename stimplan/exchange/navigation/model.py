"""What a neuronavigation file says, in one form for all of them; and the checks every reader shares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import CoilError, InputError, Problem
from stimplan.pose import CoilPose
from stimplan.units import from_si, to_si

Array = NDArray[np.float64]
Numbers = Sequence[Sequence[Decimal]]

MAX_BYTES = 50_000_000
# Nobody's head is farther from the origin of its image; a file in micrometres or in voxels of a stack is.
FARTHEST_MM = 1000
MOST_PROBLEMS = 100
_NOWHERE = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
_MOST_EXPONENT = 300  # beyond it a number does not fit a double
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@attrs.frozen
class NavigationTarget:
    """A planned position of a coil, or one that was recorded with a pulse.

    Attributes
    ----------
    name : str
    pose : CoilPose
        In the coordinates of the file's image (RAS, m), coil frame of `stimplan.pose`.
    didt_A_per_s : float or None
        Rate of change of the coil current, A/s.
    mso_fraction : float or None
        Stimulator output, 1 for 100 %.
    recorded_at : str or None
        Date and time as the file gives it, ISO 8601.
    elapsed_s : float or None
        Time since the recording began, s.
    mep_V : tuple of (channel, V)
        Peak-to-peak amplitude of the muscle's response in each channel that has one.
    is_recorded : bool
        Where a coil was, not where it was planned to be.
    """

    name: str
    pose: CoilPose
    didt_A_per_s: float | None = None
    mso_fraction: float | None = None
    recorded_at: str | None = None
    elapsed_s: float | None = None
    mep_V: tuple[tuple[str, float], ...] = ()
    is_recorded: bool = False


@attrs.frozen
class Skipped:
    """An entry without a position: its name, its place in the file, and why."""

    name: str
    where: str
    why: str


@attrs.frozen
class NavigationFile:
    """Everything that was read from a file.

    Attributes
    ----------
    format : str
        Key of `stimplan.exchange.navigation.FORMATS`.
    coordinate_system : str
        As the file states it, or that it does not.
    targets : tuple of NavigationTarget
    skipped : tuple of Skipped
        Entries without a position, such as pulses while the coil was not tracked.
    notices : tuple of str
        What was left aside or could not be checked.
    image : mapping or None
        Header values of the image the positions belong to, where the file has them (visor2).
    """

    format: str
    coordinate_system: str
    targets: tuple[NavigationTarget, ...]
    skipped: tuple[Skipped, ...] = ()
    notices: tuple[str, ...] = ()
    image: Mapping[str, Any] | None = None


@attrs.define
class Findings:
    """What a reader has gathered so far: targets, entries without a position, faults."""

    file: str
    targets: list[NavigationTarget] = attrs.Factory(list)
    skipped: list[Skipped] = attrs.Factory(list)
    problems: list[Problem] = attrs.Factory(list)
    notices: list[str] = attrs.Factory(list)

    def fault(self, where: str, what: str) -> None:
        """Note a fault."""
        self.problems.append(Problem(where, what, file=self.file))

    def skip(self, where: str, name: str, why: str) -> None:
        """Note an entry that has no position."""
        self.skipped.append(Skipped(name, where, why))

    def take(self, where: str, name: str, matrix: Numbers, *, axes: Array, **rest: Any) -> None:
        """Take an entry by its matrix.

        Parameters
        ----------
        where, name : str
        matrix : 4 (or 3) rows of 4 numbers
            From the vendor's coil frame to RAS coordinates, translation in mm.
        axes : (3, 3) array
            Vendor's axes times this are those of `stimplan.pose`.
        rest :
            Other attributes of the target; without `is_recorded` it is recorded where one of them says something.
        """
        rest.setdefault("is_recorded", any(value not in (None, ()) for value in rest.values()))
        if not any(value for row in matrix[:3] for value in row):
            return self.skip(where, name, "the matrix is zero: the coil was not tracked")
        if [list(row) for row in matrix[:3]] == _NOWHERE:
            return self.skip(where, name, "the matrix is that of no position at all: the coil was not tracked")
        center_mm = [row[3] for row in matrix[:3]]
        if not all(abs(value) <= FARTHEST_MM for value in center_mm):
            return self.fault(where, f"{name!r} is {max(map(abs, center_mm)):.6g} mm from the origin; is the unit mm?")
        full = np.eye(4)
        full[: len(matrix)] = [[float(value) for value in row] for row in matrix]
        full[:3, 3] = [to_si(value, "mm") for value in center_mm]
        full[:3, :3] = full[:3, :3] @ axes + 0.0  # no negative zeros
        try:
            self.targets.append(NavigationTarget(name, CoilPose(full), **rest))
        except CoilError as error:
            for problem in error.problems:
                self.fault(where, f"{name!r}: {problem.what}")

    def result(self, format_name: str, coordinate_system: str, image: Mapping[str, Any] | None = None) -> Any:
        """The file's content, or every fault at once.

        Raises
        ------
        InputError
            There are faults, or no entry at all.
        """
        if not self.problems and not self.targets and not self.skipped:
            self.fault("", "there are no positions of a coil in this file")
        if self.problems:
            kept = self.problems[:MOST_PROBLEMS]
            if len(self.problems) > MOST_PROBLEMS:
                kept.append(Problem("", f"and {len(self.problems) - MOST_PROBLEMS} more faults", file=self.file))
            raise InputError(kept)
        return NavigationFile(
            format_name, coordinate_system, tuple(self.targets), tuple(self.skipped), tuple(self.notices), image
        )


def number(text: str) -> Decimal:
    """A decimal number as files have it.

    Raises
    ------
    ValueError
        Anything else, NaN and infinity included; the message says what.
    """
    stripped = text.strip()
    if len(stripped) <= 60 and _NUMBER.fullmatch(stripped):
        value = Decimal(stripped)
        if not value or abs(value.adjusted()) <= _MOST_EXPONENT:
            return value
    hint = "; write a decimal point" if re.fullmatch(r"[+-]?\d+,\d+", stripped) else ""
    raise ValueError(f"{stripped[:40]!r} is not a number{hint}")


def matrix_text(pose: CoilPose, axes: Array, *, flips: tuple[int, int, int] = (1, 1, 1)) -> list[list[str]]:
    """Three rows of four numbers as text: a pose in a vendor's coil frame, translation in mm.

    Parameters
    ----------
    pose : CoilPose
    axes : (3, 3) array
        As in `Findings.take`.
    flips : 3 ints
        Sign of each coordinate: (-1, -1, 1) for LPS.
    """
    turn = pose.matrix_m[:3, :3] @ axes.T
    return [
        [*(f"{flip * value + 0.0:.17f}" for value in row), _millimetres(flip * center)]
        for flip, row, center in zip(flips, turn, pose.center_m, strict=True)
    ]


def matrix_rows(pose: CoilPose, axes: Array) -> list[list[float]]:
    """Four rows of four numbers for a JSON file: a pose in a vendor's coil frame, translation in mm."""
    return [*([float(value) for value in row] for row in matrix_text(pose, axes)), [0.0, 0.0, 0.0, 1.0]]


def _millimetres(length_m: float) -> str:
    value = from_si(float(length_m), "mm")
    # Less than a picometre is nothing.
    return f"{value:f}" if value and value.adjusted() > -12 else "0"


def read_text(path: Path) -> str:
    """Text of a file.

    Raises
    ------
    InputError
        No such file, a folder, larger than 50 MB, or not UTF-8.
    """
    what = ""
    try:
        if path.is_dir():
            what = "this is a folder; expected a file"
        elif path.exists() and not path.is_file():
            what = "this is a pipe or a device, no ordinary file"
        else:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                what = f"the file has more than {MAX_BYTES // 10**6} MB; such files have some hundred kB"
            elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
                what = "the file is UTF-16; save it as UTF-8"
            else:
                return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
    raise InputError(Problem("", what, file=str(path)))


def check_names(targets: Sequence[NavigationTarget]) -> None:
    """Refuse names no file can hold.

    Raises
    ------
    InputError
        Tabs, line ends and other control characters.
    """
    bad = [target.name for target in targets if _UNPRINTABLE.search(target.name)]
    if bad:
        raise InputError([Problem("", f"the name {name!r} holds a control character; rename it") for name in bad])
