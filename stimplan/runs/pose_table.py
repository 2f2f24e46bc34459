"""Fields of many poses as a table: a grid, a cloud of jittered poses, a session of a navigator.

What was recorded with a pose (output of the stimulator, response of a muscle) stands beside its figures. A few fields
are in memory at a time; of each only its row is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil
from stimplan.coil_field import CoilField, CoilPlacement, solve_coils
from stimplan.coil_on_head import coil_placement
from stimplan.coil_search.target import Target, observed_V_per_m
from stimplan.errors import CoilError, Problem, naming
from stimplan.head import HeadModel
from stimplan.pose import CoilPose
from stimplan.roi import Roi, default_tissue, elements_in
from stimplan.runs.drive import UNIT_A_PER_S
from stimplan.runs.spread import figures_of
from stimplan.units import text

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

_FIGURES = ("mean", "median", "p99", "p999")


@attrs.frozen(eq=False)
class NamedPose:
    """A pose with its name and what is known about it.

    Attributes
    ----------
    name : str
    pose : CoilPose
    didt_A_per_s : float or None
        Rate of the current; None where it is not known, and the field is then that of 1 A/µs.
    rate_from : str
        `file` (reported by the stimulator), `output` (from a share of the stimulator's output), `given` (one rate for
        all poses) or `unit` (1 A/µs).
    beside : mapping of str to float
        What else is known, SI, by the name of its column: `mso_fraction`, `mep_1_V`, `scalp_distance_m`.
    """

    name: str
    pose: CoilPose
    didt_A_per_s: float | None = None
    rate_from: str = "given"
    beside: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class PoseTable:
    """One row for each pose.

    Attributes
    ----------
    names : tuple of str
    poses_m : (n, 4, 4) array
        Head from coil coordinates, m.
    didt_A_per_s : (n,) array
        What the row's figures are for.
    is_rate_known : (n,) bool array
        Whether that is the pose's own rate; else it is 1 A/µs.
    rate_from : tuple of str
        Where each rate is from; see `NamedPose`.
    beside : mapping of str to (n,) array
        What was known of each pose beforehand, by column; NaN where it was not.
    columns : mapping of str to (n,) array
        Figures of |E| by region, V/m: `gray_matter_mean_V_per_m` and so on; where it is largest: `peak_x_m` … ; and
        `target_V_per_m`, where there is a target.
    provenance : mapping
        Plain data: head, coil, their digests, residual.
    """

    names: tuple[str, ...]
    poses_m: Array
    didt_A_per_s: Array
    is_rate_known: NDArray[np.bool_]
    rate_from: tuple[str, ...]
    beside: Mapping[str, Array]
    columns: Mapping[str, Array]
    provenance: Mapping[str, Any]


def pose_table(
    head: HeadModel,
    coil: Coil,
    poses: Sequence[NamedPose],
    *,
    regions: Mapping[str, Roi] | None = None,
    target: Target | None = None,
    progress: Progress | None = None,
) -> PoseTable:
    """Solve the field of each pose and measure it.

    Parameters
    ----------
    head : HeadModel
    coil : Coil
    poses : sequence of NamedPose
    regions : mapping of str to region, optional
        Measured too, beside the tissue of interest; the name starts the columns.
    target : Target, optional
        Its value is measured too, as a search of poses has it.
    progress : callable, optional

    Raises
    ------
    CoilError
        No pose, or every pose that cannot be, by its name.
    SolveError
        A field did not converge; there is no table then.
    """
    placements = _placed(head, coil, poses)
    tissue = default_tissue(head)
    masks = {tissue: elements_in(head, None)}
    masks |= {name: elements_in(head, region) for name, region in (regions or {}).items()}
    inside, residual = np.flatnonzero(masks[tissue]), 0.0
    rows: list[dict[str, float]] = []
    for field in solve_coils(head, placements, progress=progress):
        rows.append(_row(field, masks, inside) | _at_target(field, target))
        residual = max(residual, field.residual)
    told = {"head": head.name, "head_digest": head.digest, "coil": coil.name, "coil_source": coil.source,
            "coil_digest": coil.digest, "tissue": tissue, "largest_residual": residual}  # fmt: skip
    if target is not None:
        told["target"] = f"{target.name}: {target.description}"
    return PoseTable(
        names=tuple(one.name for one in poses),
        poses_m=np.array([placement.pose_m for placement in placements]),
        didt_A_per_s=np.array([placement.didt_A_per_s[0] for placement in placements]),
        is_rate_known=np.array([one.didt_A_per_s is not None for one in poses]),
        rate_from=tuple("unit" if one.didt_A_per_s is None else one.rate_from for one in poses),
        beside=_beside(poses),
        columns={name: np.array([row[name] for row in rows]) for name in rows[0]},
        provenance=told,
    )


def _placed(head: HeadModel, coil: Coil, poses: Sequence[NamedPose]) -> list[CoilPlacement]:
    """The placements, or every one that cannot be."""
    if not poses:
        raise CoilError("there is no pose to solve")
    problems: list[Problem] = []
    placements = []
    for one in poses:
        rate = one.didt_A_per_s or UNIT_A_PER_S
        if coil.max_didt_A_per_s is not None and abs(rate) > coil.max_didt_A_per_s * (1 + 1e-9):
            most = f"{text(coil.max_didt_A_per_s, 'A_per_s', 4)} at 100 % of the stimulator's output with this coil"
            problems.append(Problem(one.name, f"{text(rate, 'A_per_s', 4)} is more than {most}"))
            continue
        try:
            placements.append(coil_placement(coil, pose_m=one.pose, didt_A_per_s=rate, head=head))
        except CoilError as error:
            problems += [Problem(one.name, problem.what) for problem in error.problems]
    if problems:
        raise CoilError(problems)
    return placements


def _row(field: CoilField, masks: Mapping[str, NDArray[np.bool_]], inside: NDArray[np.int64]) -> dict[str, float]:
    """The figures of one field, and where in the tissue it is largest."""
    sizes = np.linalg.norm(field.E_V_per_m[inside], axis=1)
    peak = int(np.argmax(sizes))
    row = {
        f"{where}_{name}_V_per_m": figures[name]
        for where, figures in figures_of(field, masks).items()
        for name in _FIGURES
    }
    place = field.head.centers_m[inside[peak]]
    return (
        row
        | {"peak_V_per_m": float(sizes[peak])}
        | {f"peak_{a}_m": float(v) for a, v in zip("xyz", place, strict=True)}
    )


def _at_target(field: CoilField, target: Target | None) -> dict[str, float]:
    """The value at the target, where there is one."""
    return {} if target is None else {"target_V_per_m": float(target.value(observed_V_per_m(field, target)))}


def _beside(poses: Sequence[NamedPose]) -> dict[str, Array]:
    """What is known beside the poses, by column; NaN where a pose has none."""
    names = dict.fromkeys(name for one in poses for name in sorted(one.beside))
    return {name: np.array([one.beside.get(name, np.nan) for one in poses]) for name in names}


def table_text(table: PoseTable) -> str:
    """The table as CSV, SI: name, centre, the coil's axes, rate, figures; comments at the top say what was computed."""
    axes = [f"{axis}_{component}" for axis in "xyz" for component in "xyz"]
    numbered = {**table.beside, **table.columns}
    header = ["name", "center_x_m", "center_y_m", "center_z_m", *axes, "didt_A_per_s", "is_rate_known", "rate_from"]
    lines = [f"# {name}: {value}" for name, value in table.provenance.items()]
    lines += [
        "# the figures of a row are for its didt_A_per_s; axes: z into the head, the handle at -y",
        "# rate_from: file (reported by the stimulator), output (from the share of its output), given, unit (1 A/µs)",
        ",".join([*header, *(_quoted(name) for name in numbered)]),
    ]
    for number, name in enumerate(table.names):
        matrix = table.poses_m[number]
        numbers = [*matrix[:3, 3], *matrix[:3, :3].T.ravel(), table.didt_A_per_s[number]]
        cells = [_quoted(name), *(f"{value:.9g}" for value in numbers), str(int(table.is_rate_known[number]))]
        figures = ["" if np.isnan(column[number]) else f"{column[number]:.6g}" for column in numbered.values()]
        lines.append(",".join([*cells, table.rate_from[number], *figures]))
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """A name as a CSV cell; what a spreadsheet would take for a formula is shown as text."""
    shown = f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
    shown = " ".join(shown.split())
    return '"' + shown.replace('"', '""') + '"' if any(c in shown for c in ',"') else shown


def write_table(table: PoseTable, path: Path) -> None:
    """Write a table as CSV or HDF5, by the ending; whole or not at all.

    Raises
    ------
    CoilError
        Another ending.
    OSError
        It cannot be written.
    """
    from stimplan.coil.files import write_whole

    ending = path.suffix.lower()
    if ending == ".csv":
        write_whole(path, table_text(table).encode("utf-8"))
    elif ending in (".h5", ".hdf5"):
        write_whole(path, _hdf5_bytes(table))
    else:
        raise CoilError(Problem("--out", f"a table is written as .csv or .h5, got {path.name!r}"))


def _hdf5_bytes(table: PoseTable) -> bytes:
    """`names`, `poses_m` (n, 4, 4), `didt_A_per_s`, `is_rate_known`, `rate_from`, `beside/…`, `figures/…`.

    Attributes say what was computed.
    """
    import io

    import h5py

    memory = io.BytesIO()
    with naming("table"), h5py.File(memory, "w") as file:
        for name in ("names", "rate_from"):
            file.create_dataset(name, data=list(getattr(table, name)), dtype=h5py.string_dtype())
        for name in ("poses_m", "didt_A_per_s", "is_rate_known"):
            file.create_dataset(name, data=getattr(table, name))
        for name, column in table.beside.items():
            file.create_dataset(f"beside/{name}", data=column)
        for name, column in table.columns.items():
            file.create_dataset(f"figures/{name.replace('/', '_')}", data=column)  # a path in a region's name
        file.attrs.update(table.provenance)
    return memory.getvalue()
