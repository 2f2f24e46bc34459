"""Sets of tissue probability maps, such as SPM's c1 to c6: the largest class of each voxel is its tissue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.mapping import LabelMapping, read_mapping
from stimplan.head.readers.found import Form, ReadHead
from stimplan.head.readers.header import HeaderReport, examine
from stimplan.head.readers.nifti import read_raw, values_of
from stimplan.head.readers.volume import finished, mapping_record, to_tissues

_CLASS = re.compile(r"c([1-6])(.+\.nii(?:\.gz)?)", flags=re.IGNORECASE)
_NEEDED = (1, 2, 3, 4, 5)
# Maps of one voxel add up to 1; 8-bit maps to within a few hundredths.
_LARGEST_VALUE = 1.01
# A voxel where all maps together know less than this is outside of the head (SPM may leave c6 out).
LEAST_SUM = 0.5
# The maps of one run share their grid to the last bit but for rounding.
_SAME_GRID_M = 1e-5


def maps_beside(path: Path) -> Mapping[int, Path]:
    """The maps c1 to c6 of a folder, or of the set that a file belongs to, by class; empty where there are none."""
    match = None if path.is_dir() else _CLASS.fullmatch(path.name)
    if match is None and not path.is_dir():
        return {}
    try:
        names = sorted((path if path.is_dir() else path.parent).iterdir())
    except OSError:
        return {}
    sets: dict[str, dict[int, Path]] = {}
    for one in names:
        found = _CLASS.fullmatch(one.name)
        if found:
            sets.setdefault(found[2], {})[int(found[1])] = one
    if match is not None:
        return sets.get(match[2], {})
    complete = {rest: maps for rest, maps in sets.items() if len(maps) >= 2}
    if len(complete) > 1:
        what = f"holds several sets of maps ({', '.join(sorted(complete))}); name one of the files"
        raise HeadError(Problem("", what, file=str(path)))
    return next(iter(complete.values()), {})


def read_probability_maps(path: Path, *, mapping: LabelMapping | None = None, form: Form | None = None) -> ReadHead:
    """Read a set of probability maps.

    Parameters
    ----------
    path : Path
        The folder of the maps, or one of them.
    mapping : LabelMapping, optional
        Tissue of each class; SPM's order if not given.
    form : {"sform", "qform"}, optional
        See `examine`.

    Raises
    ------
    HeadError
        A map is missing, lies on another grid, or holds values that are no probabilities.
    """
    mapping = mapping or read_mapping("spm")
    maps = maps_beside(path)
    missing = [f"c{number}" for number in _NEEDED if number not in maps]
    if missing:
        what = f"of the maps c1 to c6 {', '.join(missing)} are missing; SPM writes all six if asked (Native space)"
        raise HeadError(Problem("", what, file=str(path)))
    largest: NDArray[np.float32] | None = None
    total = classes = header = None
    for number, file in sorted(maps.items()):
        values, own = _probabilities(file, form)
        if largest is None or total is None or classes is None or header is None:
            largest, total, header = values.copy(), values.copy(), own
            classes = np.full(values.shape, number, dtype=np.uint8)
            continue
        _refuse_other_grid(header, own, file)
        total += values
        classes[values > largest] = number
        np.maximum(largest, values, out=largest)
    assert header is not None
    assert total is not None
    assert classes is not None
    classes[total < LEAST_SUM] = 0
    tissue, counts = to_tissues(classes, mapping, str(path))
    notes = [*header.findings]
    if 6 not in maps:
        notes.append(f"c6 is not there; voxels where the other maps add up to less than {LEAST_SUM:g} are outside")
    record: dict[str, Any] = {
        "files": [file.name for _, file in sorted(maps.items())],
        "labels": {str(label): count for label, count in counts.items()},
        "mapping": mapping_record(mapping),
    }
    return finished(tissue, header, notes=notes, record=record, file=str(path), lacking=mapping.incomplete)


def _probabilities(file: Path, form: Form | None) -> tuple[NDArray[np.float32], HeaderReport]:
    """One map, its values from 0 to 1."""
    raw = read_raw(file)
    header = examine(raw, form=form)
    values, scale = values_of(raw)
    if values.dtype.kind in "iu" and scale is None:
        what = f"holds whole numbers up to {values.max()}, expected probabilities from 0 to 1 (is scl_slope missing?)"
        if values.max() > 1:
            raise HeadError(Problem("values", what, file=str(file)))
    values = values.astype(np.float32)
    values[np.isnan(values)] = 0.0  # SPM writes NaN outside of its field of view
    if not (values.min() >= 0 and values.max() <= _LARGEST_VALUE):
        what = f"holds {values.min():.3g} to {values.max():.3g}, expected probabilities from 0 to 1"
        raise HeadError(Problem("values", what, file=str(file)))
    return values, header


def _refuse_other_grid(first: HeaderReport, other: HeaderReport, file: Path) -> None:
    is_same = first.shape == other.shape and np.allclose(
        first.head_from_voxel, other.head_from_voxel, rtol=0, atol=_SAME_GRID_M
    )
    if not is_same:
        what = "lies on another grid than the first map: size or orientation differ"
        raise HeadError(Problem("header", what, file=str(file)))
