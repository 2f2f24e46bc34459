"""`stimplan poses field`: the field of many poses as a table."""

from __future__ import annotations

import argparse
import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.commands.flags import as_typed, check_rate, head_of, tried
from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.commands.pose_session import (
    add_session_options,
    channel_problems,
    draw_table,
    drives_of,
    picture_of,
    poses_of_session,
    read_session,
    session_problems,
)
from stimplan.commands.run import edge
from stimplan.errors import CoilError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from stimplan.coil import Coil
    from stimplan.coil_search import Target
    from stimplan.exchange.navigation import NavigationFile
    from stimplan.head import HeadModel
    from stimplan.pose import CoilPose
    from stimplan.pose_cloud import Move
    from stimplan.roi import Roi
    from stimplan.runs.pose_table import NamedPose, PoseTable


def add_field_parser(kinds: Any) -> None:
    """`poses field SOURCE --coil COIL --out TABLE`."""
    field = add_command(kinds, "field", "solve the field of many poses and write their figures as a table")
    field.add_argument("source", metavar="SOURCE", help="file of a navigator, or a protocol (id or JSON file)")
    field.add_argument("--coil", required=True, help="id of the catalogue, or a .ccd, .tcd or .nii.gz file")
    field.add_argument("--out", required=True, type=Path, metavar="TABLE", help="file to write: .csv or .h5")
    field.add_argument("--head", default="colin27", help="head model (default: colin27)")
    field.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    field.add_argument("--roi", action="append", default=[], metavar="REGION", help="measure a region too, as in "
                       "`stimplan run`; may be repeated")  # fmt: skip
    field.add_argument("--target", metavar="TARGET", help="the field there too: a 10-05 site, mni:X,Y,Z or head:X,Y,Z "
                       "in mm, or a region; as `stimplan search` takes it")  # fmt: skip
    field.add_argument("--direction", default="strength", metavar="DIRECTION", help="what of the field at the target: "
                       "strength, normal, wall or X,Y,Z (default: strength)")  # fmt: skip
    many = field.add_mutually_exclusive_group()
    many.add_argument("--grid-mm", metavar="HALF,STEP", help="a square grid over the scalp around each pose")
    many.add_argument("--jitter", type=int, metavar="N", help="N poses at random around each, see --seed")
    many.add_argument("--design", action="store_true", help="the 14 placements of a run's spread around each pose")
    field.add_argument("--shift-mm", type=float, default=5.0, help="how far --jitter and --design move (default: 5)")
    field.add_argument("--turn-deg", type=float, default=10.0, help="and how far they turn (default: 10)")
    field.add_argument("--turns-deg", metavar="A,B,…", help="turns of the coil at each point of --grid-mm")
    field.add_argument("--seed", type=int, default=0, help="of --jitter (default: 0)")
    field.add_argument("--didt-a-per-us", type=float, help="rate for all poses (default: the file's, or 1 A/µs)")
    field.add_argument("--no-picture", action="store_true", help="do not draw the poses, beside TABLE as .png")
    field.add_argument("--force", action="store_true", help="replace TABLE and its picture if they are there")
    add_session_options(field)


def field_command(args: argparse.Namespace, console: Console) -> int:
    """Solve, write the table, draw it, and say what is in it."""
    from stimplan.runs.pose_table import pose_table, write_table
    from stimplan.terminal import progress_bar

    asked = _asked(args)
    with progress_bar(is_shown=not args.json) as progress:
        head = head_of(args, progress)
        target = _on_head(args, head, asked)
        given, notes = _given(args, head, asked)
        poses = around(head, asked.coil, given, moves=asked.moves)
        with _helped(args, asked):
            table = pose_table(head, asked.driven, poses, regions=dict(asked.regions), target=target, progress=progress)
    table = attrs.evolve(table, provenance={**table.provenance, "source": str(args.source), **_numbered(notes)})
    write_table(table, args.out)
    picture = None if args.no_picture else draw_table(args, head, table, target_m=getattr(target, "center_m", None))
    if args.json:
        show_json(console, _record(table, args.out, picture, notes))
        return 0
    show_lines(console, [*_lines(table, args.out), *(f"note: {one}" for one in notes)])
    show_lines(console, [] if picture is None else [f"picture: {picture}"])
    return 0


@attrs.frozen(eq=False)
class _Asked:
    """What was asked for, as far as it can be judged without the head."""

    coil: Coil
    driven: Coil
    regions: list[tuple[str, Roi]]
    moves: tuple[Move, ...] | None
    session: NavigationFile | None


def _asked(args: argparse.Namespace) -> _Asked:
    """Everything that is wrong with the options and the file, at once."""
    from stimplan.coil import read_coil
    from stimplan.regional import named_regions

    problems = [*_bad_options(args), *session_problems(args)]
    coil = tried(problems, lambda: read_coil(args.coil), where="--coil")
    regions = tried(problems, lambda: named_regions(args.roi), where="--roi")
    moves = None if problems else tried(problems, lambda: _moves(args), flags=_move_flags(args))
    session = tried(problems, lambda: read_session(args), where="SOURCE")
    if session is not None:
        problems += channel_problems(args, session, is_moved=moves is not None)
    driven = coil if coil is None or problems else _driven(args, coil, problems)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return _Asked(coil, driven, regions, moves, session)


def _driven(args: argparse.Namespace, coil: Coil, problems: list[Problem]) -> Coil:
    """The coil on the stimulator at hand, and whether that gives the rate asked for."""
    from stimplan.runs.session import driven_coil

    drives = drives_of(args)
    driven = driven_coil(coil, drives)
    if drives.didt_A_per_s is not None:
        check_rate(problems, "--didt-a-per-us", didt_A_per_s=drives.didt_A_per_s, coil=driven)
    return driven


def _on_head(args: argparse.Namespace, head: HeadModel, asked: _Asked) -> Target | None:
    """The target, and the regions checked on the head; everything wrong with them at once."""
    from stimplan.coil_search import make_target
    from stimplan.roi import check_regions

    problems: list[Problem] = []
    tried(problems, lambda: check_regions(head, asked.regions))
    target = None
    if args.target is not None:
        flags = {"target": "--target", "direction": "--direction"}
        target = tried(problems, lambda: make_target(head, args.target, direction=args.direction), flags=flags)
    if problems:
        raise InputError(problems)
    return target


@contextmanager
def _helped(args: argparse.Namespace, asked: _Asked) -> Iterator[None]:
    """Say what can be done about coils that cut the head."""
    try:
        yield
    except CoilError as error:
        if asked.session is None or args.rest or not any("inside the head" in one.what for one in error.problems):
            raise
        told = Problem("SOURCE", "coils of the session cut this head; --rest moves them back until they rest on it")
        raise CoilError([*error.problems, told]) from None


def _numbered(notes: list[str]) -> dict[str, str]:
    return {f"note {number}": " ".join(one.split()) for number, one in enumerate(notes, start=1)}


def around(head: HeadModel, coil: Coil, given: Sequence[NamedPose], *, moves: Sequence[Move] | None) -> list[NamedPose]:
    """The poses themselves, or those that the moves make of each, resting on the scalp."""
    from stimplan.coil_search.candidates import casing_points
    from stimplan.pose_cloud import moved_poses
    from stimplan.runs.pose_table import NamedPose

    if moves is None:
        return list(given)
    found = []
    for one in given:
        poses = moved_poses(head, one.pose, moves, casing_points_m=casing_points(coil))
        # What was measured at a pose was not measured at those around it; the output is the same.
        beside = {name: value for name, value in one.beside.items() if name == "mso_fraction"}
        found += [
            NamedPose(f"{one.name} #{number}", pose, one.didt_A_per_s, one.rate_from, beside)
            for number, pose in enumerate(poses, start=1)
        ]
    return found


def _given(args: argparse.Namespace, head: HeadModel, asked: _Asked) -> tuple[list[NamedPose], list[str]]:
    """The poses of a protocol or of a navigator's file with their rates, and what must be told."""
    from stimplan.runs.pose_table import NamedPose
    from stimplan.units import to_si

    if asked.session is not None:
        return poses_of_session(args, asked.session, head=head, coil=asked.coil)
    rate = None if args.didt_a_per_us is None else to_si(args.didt_a_per_us, "A_per_us")
    return [NamedPose(name, pose, rate) for name, pose in _of_protocol(args, head)], []


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


def _move_flags(args: argparse.Namespace) -> dict[str, str]:
    """The flags of what `stimplan.pose_cloud` calls by other names."""
    if args.grid_mm is not None:
        return {"shift": "--grid-mm, HALF", "spacing": "--grid-mm, STEP"}
    return {"count": "--jitter", "shift": "--shift-mm", "turn": "--turn-deg"}


def _numbers(option: str, given: str, count: int | None = None) -> list[float]:
    try:
        numbers = [float(one) for one in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or any(not abs(one) < 1e6 for one in numbers) or count not in (None, len(numbers)):
        raise InputError(Problem(option, f"{given!r} is not {count or 'some'} numbers with commas between them"))
    return numbers


def _bad_options(args: argparse.Namespace) -> list[Problem]:
    problems = []
    for option, value in (("--shift-mm", args.shift_mm), ("--turn-deg", args.turn_deg)):
        if not 0 <= value < float("inf"):
            problems.append(Problem(option, f"must be a finite number, not below 0, got {as_typed(value)}"))
    rate = args.didt_a_per_us
    if rate is not None and not 0 < rate < float("inf"):
        problems.append(Problem("--didt-a-per-us", f"must be a finite number above 0, got {as_typed(rate)}"))
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
    elif not args.no_picture and picture_of(args.out).exists() and not args.force:
        what = f"{picture_of(args.out)} is there already, where the picture goes; --force replaces it"
        problems.append(Problem("--out", what))
    if args.direction != "strength" and args.target is None:
        problems.append(Problem("--direction", "is for --target only"))
    return problems


def _record(table: PoseTable, out: Path, picture: Path | None, notes: list[str]) -> dict[str, Any]:
    def columns(of: Mapping[str, Any]) -> dict[str, list[float | None]]:
        return {name: [None if math.isnan(value) else value for value in one.tolist()] for name, one in of.items()}

    told = {name: value for name, value in table.provenance.items() if not name.startswith("note ")}
    return {"written": str(out), "picture": None if picture is None else str(picture), "poses": len(table.names),
            "names": list(table.names), **told, "notes": notes, "didt_A_per_s": table.didt_A_per_s.tolist(),
            "is_rate_known": table.is_rate_known.tolist(), "rate_from": list(table.rate_from),
            "beside": columns(table.beside), "columns": columns(table.columns)}  # fmt: skip


def _lines(table: PoseTable, out: Path) -> list[str]:
    from stimplan.units import text

    count = len(table.names)
    lines = [
        f"{out}: {count} pose{'s' if count != 1 else ''}, {table.provenance['coil']} on {table.provenance['head']}"
    ]
    rates = table.didt_A_per_s[table.is_rate_known]
    if len(rates):
        low, high = text(float(rates.min()), "A_per_s"), text(float(rates.max()), "A_per_s")
        lines.append(f"  dI/dt: {low}" + (f" to {high}" if high != low else ""))
    if not table.is_rate_known.all():
        lines.append("for 1 A/µs where no rate is known")
    for name, column in table.columns.items():
        if name.endswith("_V_per_m") and ("_mean_" in name or "_p999_" in name or name.startswith("target_")):
            best = int(column.argmax())
            low, high = text(float(column.min()), "V_per_m"), text(float(column.max()), "V_per_m")
            label = name.removesuffix("_V_per_m").replace("_", " ")
            lines.append(f"  {label}: {low} to {high}, largest at {table.names[best]}")
    return lines
