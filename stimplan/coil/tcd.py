"""Coils of several elements in JSON, `.tcd`: dipoles, wire and grids, with cases, stimulators and deformations.

Lengths are in mm, moments in A m² and grids in T m, for one ampere. Numbers are nested lists, or the bytes of 64-bit
numbers packed by zlib and written in base64. Deformations (a wing that turns, a part that slides) stand at their
initial value unless others are asked for; an element's are applied in the order it lists them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan.coil.files import MAX_BYTES, decoded, place_problem, provenance_of, read_raw, write_whole
from stimplan.coil.values import AGrid, Casing, Coil, Dipoles, Element, Segments, Stimulator
from stimplan.errors import CoilError, Problem
from stimplan.resources import package_path
from stimplan.strict_json import parse, show_path

Array = NDArray[np.float64]

MM_PER_M = 1000.0


def read_tcd(path: Path, *, deformations: Sequence[float] | None = None) -> Coil:
    """Read a `.tcd` coil file.

    Parameters
    ----------
    path : Path
    deformations : sequence of float, optional
        Value of each deformation range of the file, mm or degrees; by default the initial ones.

    Raises
    ------
    CoilError
        Everything that is wrong with the file, by JSON path.
    """
    data = read_raw(path)
    document = parse(decoded(data, path.name), file=path.name, max_characters=MAX_BYTES)
    problems = [*document.problems]
    if not problems:
        problems += _schema_problems(document.tree, path.name)
    if problems:
        raise CoilError(problems)
    reader = _Reader(document.tree, path.name)
    coil = reader.coil(path, provenance_of(path, data), deformations)
    if reader.problems or coil is None:
        raise CoilError(reader.problems)
    return coil


def write_tcd(coil: Coil, path: Path, *, is_binary: bool = True) -> None:
    """Write a coil as `.tcd`; numbers come back to the last bit or the one before it (metres are not millimetres).

    Parameters
    ----------
    coil : Coil
        Deformations are not part of it: they are written as they stand.
    path : Path
    is_binary : bool
        Pack the numbers of dipoles, wire and the case.
    """
    pack = _packed if is_binary else _listed
    tree: dict[str, Any] = {"name": coil.name, "coilElementList": [_element_tree(one, pack) for one in coil.elements]}
    stimulators = [_stimulator_tree(one) for one in coil.stimulators] or [{"name": "unknown"}]
    tree["stimulatorList"] = stimulators
    if coil.casing is not None:
        tree["coilCasing"] = 0
        points, faces = coil.casing.points_m * MM_PER_M, coil.casing.triangles.astype(np.int64)
        tree["coilModels"] = [{"points": pack(points), "faces": pack(faces)}]
    write_whole(path, (json.dumps(tree, indent=1, allow_nan=False) + "\n").encode())


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(package_path("coil", "tcd.schema.json").read_text(encoding="utf-8")))


def _schema_problems(tree: Any, file: str) -> list[Problem]:
    found = []
    for error in _validator().iter_errors(tree):
        what = error.message if len(error.message) <= 200 else f"{error.message[:120]} … {error.message[-60:]}"
        found.append(Problem(show_path(tuple(error.absolute_path)), what, file))
    return sorted(found, key=lambda problem: problem.where)


class _Reader:
    """Makes values of a tree that fits the schema, and collects what the schema cannot see."""

    def __init__(self, tree: Mapping[str, Any], file: str) -> None:
        self.tree, self.file, self.problems = tree, file, list[Problem]()

    def coil(self, path: Path, origin: Mapping[str, str], deformations: Sequence[float] | None) -> Coil | None:
        """The coil, or None where there are problems."""
        motions = self._motions(deformations)
        stimulators = tuple(self._stimulator(n, one) for n, one in enumerate(self.tree.get("stimulatorList", [])))
        elements = [self._element(n, one, motions) for n, one in enumerate(self.tree["coilElementList"])]
        casing = self._casing(motions)
        last = max(len(stimulators) - 1, 0)
        for number, one in enumerate(self.tree["coilElementList"]):
            if one["stimulator"] > last:
                self._say(f"$.coilElementList[{number}].stimulator", f"there is no stimulator {one['stimulator']}")
        if self.problems:
            return None
        states = {"deformations": [float(value) for value in self._states(deformations)]}
        facts = {key: self.tree[key] for key in ("brand", "version") if key in self.tree}
        return Coil(
            name=self.tree.get("name") or path.stem,
            elements=tuple(one for one in elements if one is not None),
            source=f"file {path.name}",
            casing=casing,
            stimulators=tuple(one for one in stimulators if one is not None),
            provenance={**origin, "format": "tcd", **facts, **states},
        )

    def _say(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what, self.file))

    def _states(self, deformations: Sequence[float] | None) -> Sequence[float]:
        initial = [float(one["initial"]) for one in self.tree.get("deformRangeList", [])]
        return initial if deformations is None else deformations

    def _motions(self, deformations: Sequence[float] | None) -> list[Array]:
        """(4, 4) matrix of each deformation, m."""
        ranges, states = self.tree.get("deformRangeList", []), self._states(deformations)
        if len(states) != len(ranges):
            self._say("$.deformRangeList", f"the coil has {len(ranges)} deformation ranges, got {len(states)} values")
            return []
        for number, (one, state) in enumerate(zip(ranges, states, strict=True)):
            low, high = (float(value) for value in one["range"])
            if not low <= state <= high:
                self._say(f"$.deformRangeList[{number}]", f"{state:g} is not in the range from {low:g} to {high:g}")
        found = []
        for number, one in enumerate(self.tree.get("deformList", [])):
            where, index = f"$.deformList[{number}]", one["deformRange"]
            if index >= len(ranges):
                self._say(where, f"there is no deformation range {index}")
                found.append(np.eye(4))
                continue
            found.append(self._motion(where, one, float(states[index])))
        return found

    def _motion(self, where: str, one: Mapping[str, Any], state: float) -> Array:
        matrix = np.eye(4)
        if one["type"] != "rot2p":
            matrix["xyz".index(one["type"]), 3] = state / MM_PER_M
            return matrix
        first, second = (np.array([float(v) for v in one[key]]) / MM_PER_M for key in ("point1", "point2"))
        length = np.linalg.norm(second - first)
        if not length > 0:
            self._say(where, "point1 and point2 are the same; they are to be two points of the axis")
            return matrix
        from scipy.spatial.transform import Rotation

        matrix[:3, :3] = Rotation.from_rotvec((second - first) / length * np.radians(state)).as_matrix()
        matrix[:3, 3] = first - matrix[:3, :3] @ first
        return matrix

    def _element(self, number: int, one: Mapping[str, Any], motions: list[Array]) -> Element | None:
        where = f"$.coilElementList[{number}]"
        motion = self._chained(where, one.get("deformations", []), motions)
        name, stimulator = one.get("name", ""), one["stimulator"]
        if one["type"] == 3:
            return self._grid(where, one, motion)
        points = self._numbers(f"{where}.points", one["points"], 3)
        values = self._numbers(f"{where}.values", one["values"], 3)
        if points is None or values is None:
            return None
        if len(points) != len(values):
            self._say(where, f"{len(points)} points but {len(values)} values")
            return None
        places = points / MM_PER_M @ motion[:3, :3].T + motion[:3, 3]
        vectors = values @ motion[:3, :3].T
        what = place_problem(places, "millimetres") or ("" if vectors.any() else "all values are zero")
        if what:
            self._say(where, what)
        if one["type"] == 1:
            return Dipoles(places, vectors, name, stimulator)
        return Segments(places, vectors / MM_PER_M, name, stimulator)

    def _grid(self, where: str, one: Mapping[str, Any], motion: Array) -> AGrid | None:
        if isinstance(one["data"], str):
            what = (
                "a packed grid is a Python pickle, which may hold a program; give nested lists, or a .nii.gz beside it"
            )
            self._say(f"{where}.data", what)
            return None
        try:
            data = np.array(one["data"], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            data = np.empty(0)
        if data.ndim != 4 or data.shape[3] != 3 or not np.isfinite(data).all() or min(data.shape[:3]) < 2:
            self._say(f"{where}.data", f"expected finite numbers in (i, j, k, 3) with i, j, k >= 2, got {data.shape}")
            return None
        affine = np.array([[float(value) for value in row] for row in one["affine"]])
        if not np.array_equal(affine[3], [0, 0, 0, 1]) or not abs(np.linalg.det(affine[:3, :3])) > 0:
            self._say(f"{where}.affine", "expected an invertible matrix with the last row 0 0 0 1")
            return None
        affine[:3] /= MM_PER_M
        return AGrid(data @ motion[:3, :3].T, motion @ affine, one.get("name", ""), one["stimulator"])

    def _chained(self, where: str, numbers: Sequence[int], motions: list[Array]) -> Array:
        matrix = np.eye(4)
        for index in numbers:
            if index >= len(motions):
                self._say(f"{where}.deformations", f"there is no deformation {index}")
            else:
                matrix = motions[index] @ matrix
        return matrix

    def _casing(self, motions: list[Array]) -> Casing | None:
        """The coil's case and those of its elements as one surface."""
        models = self.tree.get("coilModels", [])
        wanted = [("$.coilCasing", self.tree["coilCasing"], np.eye(4))] if "coilCasing" in self.tree else []
        for number, one in enumerate(self.tree["coilElementList"]):
            where = f"$.coilElementList[{number}]"
            if "elementCasing" in one:
                motion = self._chained(where, one.get("deformations", []), motions) if motions else np.eye(4)
                wanted.append((f"{where}.elementCasing", one["elementCasing"], motion))
        points: list[Array] = []
        faces: list[NDArray[np.int64]] = []
        for where, index, motion in wanted:
            if index >= len(models):
                self._say(where, f"there is no coil model {index}")
                continue
            at = self._numbers(f"$.coilModels[{index}].points", models[index]["points"], 3)
            corners = self._numbers(f"$.coilModels[{index}].faces", models[index]["faces"], 3, is_whole=True)
            if at is None or corners is None:
                continue
            if corners.min() < 0 or corners.max() >= len(at):
                self._say(f"$.coilModels[{index}].faces", f"a face has a point that is not among the {len(at)}")
                continue
            faces.append(corners.astype(np.int64) + sum(map(len, points)))
            points.append(at / MM_PER_M @ motion[:3, :3].T + motion[:3, 3])
        return Casing(np.concatenate(points), np.concatenate(faces)) if points and not self.problems else None

    def _stimulator(self, number: int, one: Mapping[str, Any]) -> Stimulator | None:
        where = f"$.stimulatorList[{number}]"
        waves = []
        for at, wave in enumerate(one.get("waveformList", [])):
            place = f"{where}.waveformList[{at}]"
            columns = {
                key: self._numbers(f"{place}.{key}", wave[key], 1) for key in ("time", "signal", "fit") if key in wave
            }
            if any(values is None for values in columns.values()):
                continue
            if len({len(values) for values in columns.values() if values is not None}) > 1:
                self._say(place, "time and signal have different lengths")
                continue
            lists = {key: values.ravel().tolist() for key, values in columns.items() if values is not None}
            waves.append({"name": wave.get("name", ""), "time_s": lists.pop("time"), **lists})
        rate = float(one["maxdIdt"]) if "maxdIdt" in one else None
        return Stimulator(one.get("name", ""), one.get("brand", ""), rate, tuple(waves))

    def _numbers(self, where: str, value: Any, width: int, *, is_whole: bool = False) -> Array | None:
        """(n, width) finite numbers of a nested list or a packed text; None where they are none."""
        what = ""
        try:
            array = _unpacked(value, is_whole=is_whole) if isinstance(value, str) else np.array(value, dtype=np.float64)
            if isinstance(value, str) or width == 1:
                array = array.reshape(-1, width)
            if array.ndim != 2 or array.shape[1] != width or not len(array):
                what = f"expected rows of {width} numbers, got an array of shape {array.shape}"
            elif not np.isfinite(array).all():
                what = f"{int((~np.isfinite(array)).sum())} numbers are not finite"
            elif is_whole and not np.array_equal(array, np.round(array)):
                what = "expected whole numbers"
            else:
                return array.astype(np.float64)
        except (TypeError, ValueError, OverflowError, zlib.error) as error:
            what = f"these are no numbers: {error}"
        self._say(where, what)
        return None


def _unpacked(text: str, *, is_whole: bool) -> NDArray[Any]:
    """Numbers of base64 text of packed bytes: 64-bit, whole or floating."""
    packed = base64.b64decode(text, validate=True)
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, MAX_BYTES)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError(f"the packed bytes are cut off or more than {MAX_BYTES}")
    return np.frombuffer(data, dtype="<i8" if is_whole else "<f8")


def _packed(array: NDArray[Any]) -> str:
    data = np.ascontiguousarray(array, dtype="<i8" if array.dtype.kind == "i" else "<f8").tobytes()
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def _listed(array: NDArray[Any]) -> Any:
    return array.tolist()


def _element_tree(element: Element, pack: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": element.name} if element.name else {}
    tree["stimulator"] = element.stimulator
    if isinstance(element, AGrid):
        affine = element.coil_from_voxel.copy()
        affine[:3] *= MM_PER_M
        return {**tree, "type": 3, "data": element.potential_T_m_per_A.tolist(), "affine": affine.tolist()}
    points = pack(element.positions_m * MM_PER_M)
    if isinstance(element, Dipoles):
        return {**tree, "type": 1, "points": points, "values": pack(element.moments_A_m2_per_A)}
    return {**tree, "type": 2, "points": points, "values": pack(element.vectors_m * MM_PER_M)}


def _stimulator_tree(stimulator: Stimulator) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": stimulator.name, "brand": stimulator.brand}
    if stimulator.max_didt_A_per_s is not None:
        tree["maxdIdt"] = stimulator.max_didt_A_per_s
    if stimulator.waveforms:
        waves = [
            {("time" if key == "time_s" else key): value for key, value in w.items()} for w in stimulator.waveforms
        ]
        tree["waveformList"] = waves
    return tree
