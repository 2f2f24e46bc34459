"""`stimplan poses field`: the field of many poses as a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.commands.run import edge
from stimplan.errors import CoilError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from stimplan.coil import Coil
    from stimplan.head import HeadModel
    from stimplan.pose import CoilPose
    from stimplan.pose_cloud import Move
    from stimplan.runs.pose_table import NamedPose, PoseTable


def add_field_parser(kinds: Any) -> None:
    """`poses field SOURCE --coil COIL --out TABLE`."""
    field = add_command(kinds, "field", "solve the field of many poses and write their figures as a table")
    field.add_argument("source", metavar="SOURCE", help="file of a navigator in the head's coordinates, or a protocol "
                       "(id or JSON file)")  # fmt: skip
    field.add_argument("--coil", required=True, help="id of the catalogue, or a .ccd, .tcd or .nii.gz file")
    field.add_argument("--out", required=True, type=Path, metavar="TABLE", help="file to write: .csv or .h5")
    field.add_argument("--head", default="colin27", help="head model (default: colin27)")
    field.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    field.add_argument("--roi", action="append", default=[], metavar="REGION", help="measure a region too, as in "
                       "`stimplan run`; may be repeated")  # fmt: skip
    many = field.add_mutually_exclusive_group()
    many.add_argument("--grid-mm", metavar="HALF,STEP", help="a square grid over the scalp around each pose")
    many.add_argument("--jitter", type=int, metavar="N", help="N poses at random around each, see --seed")
    many.add_argument("--design", action="store_true", help="the 14 placements of a run's spread around each pose")
    field.add_argument("--shift-mm", type=float, default=5.0, help="how far --jitter and --design move (default: 5)")
    field.add_argument("--turn-deg", type=float, default=10.0, help="and how far they turn (default: 10)")
    field.add_argument("--turns-deg", metavar="A,B,…", help="turns of the coil at each point of --grid-mm")
    field.add_argument("--seed", type=int, default=0, help="of --jitter (default: 0)")
    field.add_argument("--didt-a-per-us", type=float, help="rate for all poses (default: the file's, or 1 A/µs)")
    field.add_argument("--force", action="store_true", help="replace TABLE if it is there")


def field_command(args: argparse.Namespace, console: Console) -> int:
    """Solve, write the table, and say what is in it."""
    from stimplan.coil import read_coil
    from stimplan.head import load_head
    from stimplan.regional import named_regions
    from stimplan.roi import check_regions
    from stimplan.runs.pose_table import pose_table, write_table
    from stimplan.terminal import progress_bar

    _refuse_bad(args)
    moves = _moves(args)
    coil = read_coil(args.coil)
    regions = named_regions(args.roi)
    with progress_bar(is_shown=not args.json) as progress:
        head = load_head(args.head, edge_mm=args.edge_mm, progress=progress)
        check_regions(head, regions)
        poses = around(head, coil, _given(args, head), moves=moves)
        table = pose_table(head, coil, poses, regions=dict(regions), progress=progress)
    write_table(table, args.out)
    if args.json:
        show_json(console, _record(table, args.out))
        return 0
    show_lines(console, _lines(table, args.out))
    return 0


def around(head: HeadModel, coil: Coil, given: Sequence[NamedPose], *, moves: Sequence[Move] | None) -> list[NamedPose]:
    """The poses themselves, or those that the moves make of each, resting on the scalp."""
    from stimplan.pose_cloud import moved_poses
    from stimplan.runs.pose_table import NamedPose
    from stimplan.runs.spread import casing_of

    if moves is None:
        return list(given)
    found = []
    for one in given:
        poses = moved_poses(head, one.pose, moves, casing_points_m=casing_of(coil))
        found += [
            NamedPose(f"{one.name} #{number}", pose, one.didt_A_per_s) for number, pose in enumerate(poses, start=1)
        ]
    return found


def _given(args: argparse.Namespace, head: HeadModel) -> list[NamedPose]:
    """The poses of a protocol or of a navigator's file, with the rates the file has."""
    from stimplan.runs.pose_table import NamedPose
    from stimplan.units import to_si

    rate = None if args.didt_a_per_us is None else to_si(args.didt_a_per_us, "A_per_us")
    path = Path(args.source)
    if path.suffix.lower() == ".json" or not path.exists():
        return [NamedPose(name, pose, rate) for name, pose in _of_protocol(args, head)]
    from stimplan.exchange.navigation import read_navigation

    found = read_navigation(path)
    if not found.targets:
        raise InputError(Problem("", "no entry of the file has a position", file=args.source))
    return [NamedPose(one.name, one.pose, one.didt_A_per_s if rate is None else rate) for one in found.targets]


def _of_protocol(args: argparse.Namespace, head: HeadModel) -> list[tuple[str, CoilPose]]:
    from stimplan.protocol import read_protocol
    from stimplan.runs.coil_places import place_coils
    from stimplan.runs.options import CoilOptions

    plan = read_protocol(args.source)
    if plan.magnetic is None:
        raise CoilError(f"protocol {plan.id!r} has no coil")
    placed = place_coils(plan, head, CoilOptions(coil=args.coil))
    return [(f"{plan.id} {one.label}", one.pose) for one in placed.blocks]


def _moves(args: argparse.Namespace) -> tuple[Move, ...] | None:
    """What --grid-mm, --jitter or --design ask for; None for the poses as they are."""
    from stimplan.pose_cloud import grid_moves, placement_design, random_moves
    from stimplan.units import to_si

    shift_m, turn_rad = to_si(args.shift_mm, "mm"), to_si(args.turn_deg, "deg")
    if args.jitter is not None:
        return random_moves(args.jitter, seed=args.seed, shift_m=shift_m, turn_rad=turn_rad)
    if args.design:
        return placement_design(shift_m, turn_rad)
    if args.grid_mm is None:
        return None
    half, step = _numbers("--grid-mm", args.grid_mm, count=2)
    turns = [0.0] if args.turns_deg is None else _numbers("--turns-deg", args.turns_deg)
    return grid_moves(to_si(half, "mm"), to_si(step, "mm"), [to_si(turn, "deg") for turn in turns])


def _numbers(option: str, given: str, count: int | None = None) -> list[float]:
    try:
        numbers = [float(one) for one in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or any(not abs(one) < 1e6 for one in numbers) or count not in (None, len(numbers)):
        raise InputError(Problem(option, f"{given!r} is not {count or 'some'} numbers with commas between them"))
    return numbers


def _refuse_bad(args: argparse.Namespace) -> None:
    problems = []
    for option, value in (("--shift-mm", args.shift_mm), ("--turn-deg", args.turn_deg)):
        if not 0 <= value < float("inf"):
            problems.append(Problem(option, f"must be a finite number, not below 0, got {value:g}"))
    if args.didt_a_per_us is not None and not 0 < args.didt_a_per_us < float("inf"):
        problems.append(Problem("--didt-a-per-us", f"must be a finite number above 0, got {args.didt_a_per_us:g}"))
    if args.seed < 0:
        problems.append(Problem("--seed", f"must be 0 or above, got {args.seed}"))
    if args.turns_deg is not None and args.grid_mm is None:
        problems.append(Problem("--turns-deg", "is for --grid-mm only"))
    if args.out.suffix.lower() not in (".csv", ".h5", ".hdf5"):
        problems.append(Problem("--out", f"a table is written as .csv or .h5, got {args.out.name!r}"))
    elif not args.out.parent.is_dir():
        problems.append(Problem("--out", f"there is no folder {args.out.parent}"))
    elif args.out.exists() and not args.force:
        problems.append(Problem("--out", f"{args.out} is there already; --force replaces it"))
    if problems:
        raise InputError(problems)


def _record(table: PoseTable, out: Path) -> dict[str, Any]:
    columns = {name: [float(value) for value in column] for name, column in table.columns.items()}
    return {"written": str(out), "poses": len(table.names), "names": list(table.names), **dict(table.provenance),
            "didt_A_per_s": table.didt_A_per_s.tolist(), "is_rate_known": table.is_rate_known.tolist(),
            "columns": columns}  # fmt: skip


def _lines(table: PoseTable, out: Path) -> list[str]:
    from stimplan.units import text

    count = len(table.names)
    lines = [
        f"{out}: {count} pose{'s' if count != 1 else ''}, {table.provenance['coil']} on {table.provenance['head']}"
    ]
    if not table.is_rate_known.all():
        lines.append("for 1 A/µs where no rate is known")
    for name, column in table.columns.items():
        if name.endswith("_V_per_m") and ("_mean_" in name or "_p999_" in name):
            best = int(column.argmax())
            low, high = text(float(column.min()), "V_per_m"), text(float(column.max()), "V_per_m")
            label = name.removesuffix("_V_per_m").replace("_", " ")
            lines.append(f"  {label}: {low} to {high}, largest at {table.names[best]}")
    return lines
