"""Where the rows of a lead field are kept: in memory, or in an HDF5 file that appears when it is complete.

While a lead field is computed its blocks are separate files, each written beside its place and renamed: after a kill
at any moment those that are there are whole. HDF5 itself does not survive that.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.head.cortex import Cortex
from stimplan.values import digest

Array = NDArray[np.float64]

_FORMAT = "stimplan lead field 1"


@attrs.frozen(eq=False)
class Rows:
    """The columns of a lead field, one row each.

    Attributes
    ----------
    potential : (e, n) array-like
        V/A at the nodes of the head; an array, or a dataset of an open file.
    cortex : (e, p, 3) array-like
        V/m/A at the points of the cortex, single precision.
    residual : float
        The largest of all columns.
    record : dict
        Head, conductivities, electrodes and how they were solved, as plain JSON data.
    """

    potential: Any
    cortex: Any
    residual: float
    record: dict[str, Any]


class Sink:
    """Takes blocks of rows and gives them back whole; one run of `compute_lead_field` owns it.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """

    def __init__(self, path: str | Path | None, record: dict[str, Any], cortex: Cortex) -> None:
        self._path, self._record, self._cortex = None if path is None else Path(path), record, cortex
        self._blocks: dict[int, dict[str, Any]] = {}
        self._parts: Path | None = None
        if self._path is not None:
            self._parts = self._path.with_name(f"{self._path.name}.parts-{digest(record)[:16]}")
            _make_folder(self._parts)

    def has(self, start: int) -> bool:
        """Whether this block is there from an earlier run, and sound."""
        if self._parts is None:
            return start in self._blocks
        return _read_block(self._block_path(start)) is not None

    def add(self, start: int, potential: Array, *, cortex: NDArray[np.float32], residual: float) -> None:
        """Take the rows from `start` on."""
        block = {"potential": np.ascontiguousarray(potential), "cortex": cortex, "residual": np.float64(residual)}
        if self._parts is None:
            self._blocks[start] = block
        else:
            _write_block(self._block_path(start), block)

    def complete(self) -> Rows:
        """All rows, the last of them minus the sum of the others."""
        if self._parts is None or self._path is None:
            blocks = [self._blocks[start] for start in sorted(self._blocks)]
            potential = _with_last(np.concatenate([block["potential"] for block in blocks]))
            cortex = _with_last(np.concatenate([block["cortex"] for block in blocks]))
            return Rows(potential, cortex, max(float(block["residual"]) for block in blocks), self._record)
        _write_file(self._path, sorted(self._parts.glob("columns-*.npz")), self._record, self._cortex)
        shutil.rmtree(self._parts, ignore_errors=True)
        return open_rows(self._path)

    def _block_path(self, start: int) -> Path:
        assert self._parts is not None
        return self._parts / f"columns-{start:05d}.npz"


def rows_there(path: str | Path | None, record: dict[str, Any]) -> Rows | None:
    """The lead field with this record that an earlier run finished, if there is one.

    Raises
    ------
    InputError
        The file exists and holds something else.
    """
    if path is None or not Path(path).exists():
        return None
    rows = open_rows(Path(path))
    if rows.record != record:
        differing = ", ".join(sorted(key for key in record if rows.record.get(key) != record[key])) or "something"
        raise InputError(
            Problem(str(path), f"exists and holds another lead field ({differing} differ); name another file")
        )
    return rows


def open_rows(path: Path) -> Rows:
    """Open a finished lead field.

    Raises
    ------
    InputError
        There is no such file, or it is not a whole lead field.
    """
    import h5py

    if not path.is_file():
        raise InputError(Problem(str(path), "there is no such file; stimplan leadfield makes one"))
    try:
        file = h5py.File(path, "r")
        rows = Rows(file["potential_V_per_A"], file["cortex_E_V_per_m_per_A"], float(file.attrs["residual"]),
                    json.loads(file.attrs["record"]))  # fmt: skip
        is_whole = (
            file.attrs["format"] == _FORMAT
            and file.attrs["seal"] == _seal(rows)
            and len(rows.potential) == len(rows.cortex) == len(rows.record["electrodes"])
        )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(Problem(str(path), f"is no lead field of this program ({error})")) from None
    if not is_whole:
        raise InputError(Problem(str(path), "is damaged, or of another version; make it again"))
    return rows


def _seal(rows: Rows) -> str:
    """Digest of the record and of a few rows: reading all of a large file would take longer than using it."""
    last = len(rows.potential) - 1
    return digest(rows.record, rows.residual, np.asarray(rows.potential[last]), np.asarray(rows.cortex[last]))


def _with_last(rows: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([rows, -rows.sum(axis=0, keepdims=True)])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(folder.parent), f"cannot be written to ({error.strerror})")) from None


def _write_block(path: Path, block: dict[str, Any]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, seal=np.bytes_(digest(block).encode()), **block)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _read_block(path: Path) -> dict[str, Any] | None:
    """The rows of a block file, or None where there is none or it is not what was written."""
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as file:
            block = {name: file[name] for name in ("potential", "cortex", "residual")}
            seal = bytes(file["seal"]).decode()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    block["residual"] = np.float64(block["residual"])
    return block if seal == digest(block) else None


def _write_file(path: Path, parts: list[Path], record: dict[str, Any], cortex: Cortex) -> None:
    """Put the blocks together, one after the other, in a file beside the place, and rename it."""
    import h5py

    count, temporary = len(record["electrodes"]), path.with_name(f".{path.name}.part")
    try:
        with h5py.File(temporary, "w") as file:
            start, residual, sums = 0, 0.0, None
            for part in parts:
                block = _read_block(part)
                if block is None:
                    raise InputError(Problem(str(part), "was damaged while it lay there; start again"))
                if sums is None:
                    sums = [np.zeros_like(block["potential"][0]), np.zeros_like(block["cortex"][0])]
                    sets = _datasets(file, count, block)
                stop = start + len(block["potential"])
                for number, name in enumerate(("potential", "cortex")):
                    sets[number][start:stop] = block[name]
                    sums[number] += block[name].sum(axis=0)
                start, residual = stop, max(residual, float(block["residual"]))
            assert sums is not None
            for dataset, total in zip(sets, sums, strict=True):
                dataset[start] = -total
            _describe(file, record, cortex, residual)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _datasets(file: Any, count: int, block: dict[str, Any]) -> list[Any]:
    """Empty datasets, a row a chunk: a montage reads the rows of its electrodes and nothing else."""
    made = []
    for name, rows in (("potential_V_per_A", block["potential"]), ("cortex_E_V_per_m_per_A", block["cortex"])):
        shape = (count, *rows.shape[1:])
        made.append(file.create_dataset(name, shape=shape, dtype=rows.dtype, chunks=(1, *rows.shape[1:])))
    return made


def _describe(file: Any, record: dict[str, Any], cortex: Cortex, residual: float) -> None:
    """What the numbers are, for whoever opens the file with another program."""
    file["electrodes"] = [name.encode() for name in record["electrodes"]]
    file["cortex_points_m"], file["cortex_triangles"] = cortex.points_m, cortex.triangles
    file["potential_V_per_A"].attrs.update(units="V/A", axes="electrode, node of the head")
    file["cortex_E_V_per_m_per_A"].attrs.update(units="V/m/A", axes="electrode, point, x y z (RAS)")
    file["cortex_points_m"].attrs["units"] = "m"
    file.attrs["format"], file.attrs["residual"] = _FORMAT, residual
    file.attrs["record"] = json.dumps(record, sort_keys=True)
    rows = Rows(file["potential_V_per_A"], file["cortex_E_V_per_m_per_A"], residual, record)
    file.attrs["seal"] = _seal(rows)
