"""The session of a navigator in `stimplan poses field`: which file, in which coordinates, driven how hard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.flags import as_typed
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from stimplan.coil import Coil
    from stimplan.exchange.navigation import NavigationFile, NavigationTarget
    from stimplan.head import HeadModel
    from stimplan.runs.pose_table import NamedPose, PoseTable
    from stimplan.runs.session import Drives

# As `stimplan.exchange.navigation.FORMATS`, which loads numpy; a test of `commands.poses` compares them.
_ENDINGS = (".txt", ".xml", ".stmpx", ".mrk", ".csv")
_MOST_NAMES = 5
_ONLY = "is for the file of a navigator; SOURCE is a protocol"


def add_session_options(field: argparse.ArgumentParser) -> None:
    """Add the options that only the file of a navigator has."""
    group = field.add_argument_group("where SOURCE is the file of a navigator")
    group.add_argument("--from", dest="origin", metavar="FORMAT", help="its format, as `stimplan poses convert --to` "
                       "has them (default: by content)")  # fmt: skip
    group.add_argument("--coordinates", default="head", metavar="head|mni|FILE", help="its coordinates: those of the "
                       "head model (default), MNI, or others, with a file of 4 rows of 4 numbers, mm, that takes them "
                       "to those of the head")  # fmt: skip
    group.add_argument("--planned", action="store_true", help="take planned positions too, where the file has recorded "
                       "ones")  # fmt: skip
    group.add_argument("--skip-far", action="store_true", help="leave out, by name, single poses that do not touch the "
                       "head, such as pulses into the air")  # fmt: skip
    group.add_argument("--rest", action="store_true", help="move coils that cut the head back until they rest on it")
    group.add_argument("--max-didt-a-per-us", type=float, metavar="A_PER_US", help="dI/dt at 100 %% of the output, of "
                       "this coil on the stimulator used; the file's %% of the output becomes dI/dt by it")  # fmt: skip
    group.add_argument("--stimulator", metavar="NAME", help="stimulator used: dI/dt that the coil states for another "
                       "is then not taken")  # fmt: skip
    group.add_argument("--channel", metavar="N", help="muscle whose responses are drawn (default: the first that has "
                       "any)")  # fmt: skip


def session_problems(args: argparse.Namespace) -> list[Problem]:
    """What is wrong with these options, whatever the file says."""
    from stimplan.commands.poses import FORMAT_NAMES

    problems = []
    rate = args.max_didt_a_per_us
    if rate is not None and not 0 < rate < float("inf"):
        problems.append(Problem("--max-didt-a-per-us", f"must be a finite number above 0, got {as_typed(rate)}"))
    if args.origin is not None and args.origin not in FORMAT_NAMES:
        what = f"{args.origin!r} is not known; there is {', '.join(FORMAT_NAMES)}"
        problems.append(Problem("--from", what))
    if args.coordinates not in ("head", "mni") and not Path(args.coordinates).is_file():
        what = f"expected head, mni or the file of a matrix, and there is no file {args.coordinates!r}"
        problems.append(Problem("--coordinates", what))
    return problems


def read_session(args: argparse.Namespace) -> NavigationFile | None:
    """The navigator's file, or None where SOURCE is a protocol.

    Raises
    ------
    InputError
        It cannot be read, has no position, or options for such a file were given with a protocol.
    """
    from stimplan.exchange.navigation import FORMATS, parse_navigation
    from stimplan.exchange.navigation.model import read_text

    path = Path(args.source)
    is_file = path.suffix.lower() in _ENDINGS or (path.exists() and path.suffix.lower() != ".json")
    if args.origin is None and not is_file:
        is_file = path.is_file() and any(row.recognises(read_text(path)) for row in FORMATS.values())
    if args.origin is None and not is_file:
        _refuse_for_protocol(args)
        return None
    found = parse_navigation(read_text(path), file=str(path), format_name=args.origin)
    if not found.targets:
        raise InputError(Problem("", "no entry of the file has a position", file=args.source))
    return found


def channel_problems(args: argparse.Namespace, found: NavigationFile, *, is_moved: bool) -> list[Problem]:
    """What is wrong with --channel for this file."""
    if args.channel is None:
        return []
    if is_moved:
        what = "responses were measured at the poses of the file, not at those around them"
        return [Problem("--channel", f"{what}; leave it out, or --grid-mm, --jitter and --design")]
    channels = dict.fromkeys(channel for one in found.targets for channel, _ in one.mep_V)
    if args.channel in channels:
        return []
    there = f"there is {', '.join(channels)}" if channels else "the file has no responses of muscles"
    return [Problem("--channel", f"no pose has a response in channel {args.channel!r}; {there}")]


def _refuse_for_protocol(args: argparse.Namespace) -> None:
    given = {
        "--coordinates": args.coordinates != "head",
        "--planned": args.planned,
        "--skip-far": args.skip_far,
        "--rest": args.rest,
        "--max-didt-a-per-us": args.max_didt_a_per_us is not None,
        "--stimulator": args.stimulator is not None,
        "--channel": args.channel is not None,
    }
    problems = [Problem(option, _ONLY) for option, is_given in given.items() if is_given]
    if problems:
        raise InputError(problems)


def drives_of(args: argparse.Namespace) -> Drives:
    """What the options say about how hard the coil was driven."""
    from stimplan.runs.session import Drives
    from stimplan.units import to_si

    rates = [None if one is None else to_si(one, "A_per_us") for one in (args.max_didt_a_per_us, args.didt_a_per_us)]
    return Drives(rates[0], args.stimulator, rates[1])


def poses_of_session(
    args: argparse.Namespace, found: NavigationFile, *, head: HeadModel, coil: Coil
) -> tuple[list[NamedPose], list[str]]:
    """The poses on the head with their rates, and what must be told.

    Raises
    ------
    InputError
        The coils do not touch the head, or one cannot rest on it.
    """
    from stimplan.exchange.navigation.registration import read_registration, touching
    from stimplan.runs.session import rested, session_poses, with_contact

    how: Any = args.coordinates if args.coordinates in ("head", "mni") else read_registration(args.coordinates)
    taken = {"head": f"those of head {head.name}", "mni": "MNI"}.get(args.coordinates, f"moved by {args.coordinates}")
    notes = [f"coordinates of the file: {found.coordinate_system}; taken as {taken}"]
    notes += [f"left out: {one.name} ({one.where}): {one.why}" for one in found.skipped]
    notes += found.notices
    chosen, left = _chosen(found, args.planned)
    notes += left
    try:
        targets, told = touching(chosen, head, how, may_skip=args.skip_far)
    except InputError as error:
        hint = " (--coordinates; --skip-far leaves out single ones)"
        whats = [error.problems[0].what + hint, *(one.what for one in error.problems[1:])]
        raise InputError([Problem("SOURCE", what) for what in whats]) from None
    poses, driven = session_poses(targets, coil, drives_of(args))
    notes += [*told, *driven]
    if args.rest:
        poses, moved = rested(head, coil, poses)
        notes += moved
    poses, cut = with_contact(head, coil, poses)
    return poses, [*notes, *cut]


def _chosen(found: NavigationFile, with_planned: bool) -> tuple[tuple[NavigationTarget, ...], list[str]]:
    """The recorded positions, where there are any; else, or if asked for, all."""
    recorded = tuple(one for one in found.targets if one.is_recorded)
    count = len(found.targets) - len(recorded)
    if with_planned or not recorded or not count:
        return found.targets, []
    names = ", ".join([one.name for one in found.targets if not one.is_recorded][:_MOST_NAMES])
    more = ", …" if count > _MOST_NAMES else ""
    return recorded, [
        f"{count} planned position{'s' if count > 1 else ''} left out ({names}{more}); --planned takes them"
    ]


def draw_table(args: argparse.Namespace, head: HeadModel, table: PoseTable, *, target_m: Any) -> Path:
    """Draw the poses beside the table, coloured by responses, by the field at the target, or by that in the tissue."""
    from stimplan.view.paper import write_png
    from stimplan.view.pose_map import plot_pose_map

    path = picture_of(args.out)
    columns = map_columns(table, args.channel)
    count = len(table.names)
    coil = table.provenance["coil"].partition(",")[0]
    title = f"{coil}: {count} pose{'s' if count != 1 else ''} on {table.provenance['head']}"
    subtitle = Path(args.source).name if "target" not in table.provenance else f"target {table.provenance['target']}"
    write_png(plot_pose_map(head, table.poses_m, columns, title=title, subtitle=subtitle, target_m=target_m), path)
    return path


def picture_of(out: Path) -> Path:
    """Where the picture of a table goes."""
    return out.with_suffix(".png")


def map_columns(table: PoseTable, channel: str | None) -> list[Any]:
    """What is drawn: responses where there are any, and the field at the target, or else that in the tissue."""
    import numpy as np

    from stimplan.head.tissues import in_words
    from stimplan.units import from_si
    from stimplan.view.pose_map import PoseValues

    channels = {
        name.removeprefix("mep_").removesuffix("_V"): values
        for name, values in table.beside.items()
        if name.startswith("mep_")
    }
    drawn = []
    if channels:
        chosen = channel if channel in channels else next(iter(channels))
        values = [float(from_si(one, "uV")) if np.isfinite(one) else np.nan for one in channels[chosen].tolist()]
        drawn.append(PoseValues("response of the muscle", f"MEP, channel {chosen}, µV", values))
    tissue = f"{table.provenance['tissue']}_p999_V_per_m"
    column = "target_V_per_m" if "target_V_per_m" in table.columns else tissue
    if drawn and column == tissue:
        return drawn
    is_known = table.is_rate_known
    shown = np.where(is_known, table.columns[column], np.nan) if is_known.any() else table.columns[column]
    where = in_words(table.provenance["tissue"])
    what = "field at the target" if column != tissue else f"|E| in {where}, 99.9th percentile"
    unit = "V/m" if is_known.any() else "V/m for 1 A/µs"
    return [*drawn, PoseValues(what if column != tissue else f"field in {where}", f"{what}, {unit}", shown)]
