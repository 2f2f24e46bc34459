"""Atlases: volumes of labels in MNI space, shipped or named by their path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, InputError, Problem
from stimplan.head.tensor_volume import world_from_voxel
from stimplan.resources import package_path
from stimplan.values import frozen_array, frozen_mapping

Array = NDArray[np.float64]

SHIPPED = ("brodmann", "schaefer100-approx")
SIDES = ("left", "right")
_FOLDER = "atlases"
_SUFFIXES = (".nii", ".nii.gz", ".mgz", ".mgh")


@attrs.frozen(eq=False)
class Atlas:
    """A volume of labels in MNI space.

    Attributes
    ----------
    name : str
        Of a shipped atlas, or the file's.
    title : str
    labels : mapping of int to str
        Name of every label; of a file without a table the numbers themselves.
    volume : (i, j, k) int array
    mni_from_voxel : (4, 4) array
        m.
    record : mapping
        Source, licence, citation and caution of a shipped one.
    """

    name: str
    title: str
    labels: Mapping[int, str]
    volume: NDArray[np.int32]
    mni_from_voxel: Array
    record: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)

    def at(self, mni_m: Array) -> NDArray[np.int32]:
        """(p,) label of the voxel nearest to each point (p, 3); 0 outside of the grid."""
        voxel_from_mni = np.linalg.inv(self.mni_from_voxel)
        nearest = np.rint(mni_m @ voxel_from_mni[:3, :3].T + voxel_from_mni[:3, 3]).astype(np.int64)
        on_grid = np.all((nearest >= 0) & (nearest < self.volume.shape), axis=1)
        found = np.zeros(len(mni_m), dtype=np.int32)
        found[on_grid] = self.volume[tuple(nearest[on_grid].T)]
        return found


@attrs.frozen
class AtlasRoi:
    """The part of a tissue that an atlas gives one label.

    Attributes
    ----------
    atlas : str
        Name of a shipped atlas, or a path.
    label : int
    label_name : str
    side : {"left", "right"} or None
        Of the midline of MNI space, which itself counts as right; None is both sides.
    tissue : str or None
        None is the default tissue of the head.
    """

    atlas: str
    label: int
    label_name: str
    side: str | None = None
    tissue: str | None = None

    @property
    def description(self) -> str:
        """A few words for a report."""
        name = self.atlas if self.atlas in SHIPPED else Path(self.atlas).name
        return f"{self.label_name}{f', {self.side}' if self.side else ''} ({name})"


def atlas_roi(atlas: str | Path, label: str | int, *, side: str | None = None, tissue: str | None = None) -> AtlasRoi:
    """A label of an atlas.

    Parameters
    ----------
    atlas : str or Path
        A shipped one, see `SHIPPED`, its short name (`ba`, `schaefer100`), or a volume of labels in MNI space. Names
        of the labels of a file are read from a table beside it, `NAME.json` with `{"1": "…"}` or `NAME.txt` with
        a number and a name in each line.
    label : str or int
        Name or number; `46` and `BA 46` are the same Brodmann area.
    side : {"left", "right"}, optional
        Of an atlas whose labels are those of both hemispheres.
    tissue : str, optional
        Grey matter if left out.

    Raises
    ------
    InputError
        No such atlas, label or side (with the nearest), or a file that cannot be read.
    """
    if side is not None and side not in SIDES:
        raise InputError(Problem("side", f"is left or right, got {side!r}"))
    found = load_atlas(atlas)
    number = _number(found, label)
    return AtlasRoi(found.name if found.name in SHIPPED else str(atlas), number, found.labels[number], side, tissue)


def inside_label(roi: AtlasRoi, mni_m: Array) -> NDArray[np.bool_]:
    """(p,) whether each point of MNI space (p, 3) has the label of a region."""
    inside: NDArray[np.bool_] = load_atlas(roi.atlas).at(mni_m) == roi.label
    if roi.side is not None:
        inside &= (mni_m[:, 0] < 0) if roi.side == "left" else (mni_m[:, 0] >= 0)
    return inside


def load_atlas(name: str | Path) -> Atlas:
    """A shipped atlas by its name, or one from a file.

    Raises
    ------
    InputError
        No such atlas, or a file that is no volume of labels.
    """
    names = _short_names()
    if str(name) in names:
        return _shipped(names[str(name)])
    path = Path(name)
    if not str(name).lower().endswith(_SUFFIXES):
        near = get_close_matches(str(name), list(names), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"{str(name)!r} is neither shipped ({', '.join(SHIPPED)}) nor a file (.nii, .nii.gz, .mgz){hint}"
        raise InputError(Problem("atlas", what))
    try:
        stamp = path.stat()
    except OSError as error:
        raise InputError(Problem("atlas", error.strerror or "cannot be read", file=str(path))) from None
    return _from_file(path, stamp.st_mtime_ns, stamp.st_size)


def atlas_record(name: str) -> dict[str, Any]:
    """What is known about a shipped atlas, without its volume: title, labels, source, licence, citation, caution."""
    record: dict[str, Any] = json.loads(package_path(_FOLDER, f"{name}.json").read_text(encoding="utf-8"))
    return record


@lru_cache(maxsize=1)
def _short_names() -> dict[str, str]:
    return {name: name for name in SHIPPED} | {atlas_record(name)["alias"]: name for name in SHIPPED}


@lru_cache(maxsize=len(SHIPPED))
def _shipped(name: str) -> Atlas:
    record = atlas_record(name)
    labels = {int(number): text for number, text in record.pop("labels").items()}
    volume, affine = _read(package_path(_FOLDER, f"{name}.nii.gz"))
    return Atlas(name, record["title"], labels, volume, affine, record)


@lru_cache(maxsize=2)
def _from_file(path: Path, _changed_ns: int, _size: int) -> Atlas:
    volume, affine = _read(path)
    numbers = [int(number) for number in np.unique(volume) if number]
    if not numbers:
        raise InputError(Problem("atlas", f"all {volume.size:,} voxels are 0: there is no label in it", file=str(path)))
    names = _table(path)
    labels = {number: names.get(number, str(number)) for number in numbers}
    return Atlas(path.name, path.name, labels, volume, affine)


def _read(path: Path) -> tuple[NDArray[np.int32], Array]:
    from stimplan.head.readers.nifti import read_raw, values_of

    try:
        raw = read_raw(path)
        values, affine = values_of(raw)[0], world_from_voxel(raw.header, str(path))
    except HeadError as error:
        raise InputError([attrs.evolve(problem, where="atlas") for problem in error.problems]) from None
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int32)
    if values.dtype.kind == "f" and not np.array_equal(whole, values):
        count = int((whole != values).sum())
        what = f"labels are whole numbers, {count:,} of {values.size:,} voxels are none: is it a map of probabilities?"
        raise InputError(Problem("atlas", what, file=str(path)))
    return frozen_array(whole, name="volume", shape=(None, None, None), dtype=np.int32), affine


def _table(path: Path) -> dict[int, str]:
    """Names beside a file, where there are any."""
    base = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    as_json, as_text = path.with_name(base + ".json"), [path.with_name(n) for n in (base + ".txt", base + ".nii.txt")]
    try:
        if as_json.is_file():
            tree = json.loads(as_json.read_text(encoding="utf-8"))
            return {int(number): str(name) for number, name in tree.get("labels", tree).items()}
        for file in filter(Path.is_file, as_text):
            rows = [line.split(None, 2) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
            return {int(row[0]): row[1] for row in rows}
    except (ValueError, AttributeError, IndexError, OSError) as error:
        what = f"the table of names beside it cannot be read ({error}); expected a number and a name for each label"
        raise InputError(Problem("atlas", what, file=str(path))) from None
    return {}


def _number(atlas: Atlas, label: str | int) -> int:
    wanted = str(label).strip()
    by_name = {name.lower(): number for number, name in atlas.labels.items()}
    for key in (wanted.lower(), f"ba {wanted}".lower(), wanted.lower().replace("ba", "ba ", 1)):
        if key in by_name:
            return by_name[key]
    if wanted.isdecimal() and int(wanted) in atlas.labels:
        return int(wanted)
    near = get_close_matches(wanted.lower(), list(by_name), n=1, cutoff=0.5)
    some = ", ".join(list(atlas.labels.values())[:8])
    hint = f"; did you mean {atlas.labels[by_name[near[0]]]!r}?" if near else ""
    what = f"{wanted!r} is none of the {len(atlas.labels)} labels of {atlas.name} ({some}, …){hint}"
    raise InputError(Problem("label", what))
