"""`stimplan search`: the best place and angle of a coil for a target."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.flags import check_rate, folder, tried
from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.commands.poses import FORMAT_NAMES
from stimplan.commands.run import edge
from stimplan.errors import InputError, Problem
from stimplan.units import text, to_si

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.coil import Coil
    from stimplan.coil_search import CoilSearch, Goal, SearchOptions
    from stimplan.head import HeadModel
    from stimplan.pose import Tilt

# Written beside the result: what most navigators read, and what another simulator does.
DEFAULT_FORMATS = ("brainsight", "localite", "simnibs")
FILES = ("search.json", "search.png", "front.png")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`search TARGET --coil ID --out DIR`."""
    parser = add_command(commands, "search", "find the best place and angle of a coil for a target")
    parser.add_argument("target", help="10-05 site, mni:X,Y,Z or head:X,Y,Z in mm, or a region as --roi of `stimplan "
                        "run` takes it")  # fmt: skip
    parser.add_argument("--coil", required=True, metavar="COIL", help="id of the catalogue, or a .ccd, .tcd, .nii.gz")
    parser.add_argument("--out", required=True, type=folder, metavar="DIR", help="folder for the results")
    parser.add_argument("--head", default="colin27", help="head model (default: colin27)")
    parser.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    parser.add_argument("--conductivities", metavar="PRESET", help="set of conductivities (default: simnibs)")
    parser.add_argument("--direction", default="strength", metavar="DIRECTION", help="what of the field: strength, "
                        "normal (into the cortex), wall (into the wall of the sulcus) or X,Y,Z in head coordinates, "
                        "as --direction=-1,0,0 (default: strength)")  # fmt: skip
    parser.add_argument("--also", action="append", default=[], metavar="TARGET[@WEIGHT]", help="another target to "
                        "reach at once; may be repeated")  # fmt: skip
    parser.add_argument("--avoid", action="append", default=[], metavar="TARGET[@WEIGHT]", help="a target to spare: "
                        "its |E| is taken off the score; may be repeated")  # fmt: skip
    _add_space(parser)
    parser.add_argument("--didt", default="1", metavar="A_PER_US", help="rate of change of the current, A/µs (default: "
                        "1, so that the values are those for each A/µs)")  # fmt: skip
    parser.add_argument("--top-k", default="10", metavar="K", help="places to list and to write (default: 10)")
    parser.add_argument("--uncertainty-mm", default="5", metavar="MM", help="shift beside each figure (default: 5)")
    parser.add_argument("--uncertainty-deg", default="10", metavar="DEG", help="turn beside it (default: 10)")
    usual = ", ".join(DEFAULT_FORMATS)
    parser.add_argument("--to", action="append", default=[], metavar="FORMAT", help="navigation file to write: "
                        f"{', '.join(FORMAT_NAMES)} (default: {usual}); may be repeated")  # fmt: skip
    parser.add_argument("--no-figures", action="store_true", help="draw no pictures")
    return parser


def _add_space(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--radius-mm", default="25", metavar="MM", help="how far from the scalp over the target "
                        "(default: 25)")  # fmt: skip
    parser.add_argument("--spacing-mm", default="4", metavar="MM", help="between places (default: 4)")
    parser.add_argument("--angles", default="10", metavar="DEG", help="step of the handle's angle, or FIRST:LAST:STEP "
                        "(--angles=-90:90:15); 0 backwards, positive to the person's left (default: 10, all "
                        "round)")  # fmt: skip
    parser.add_argument("--distance-mm", default="4", metavar="MM", help="from the scalp to the coil's face: hair, cap "
                        "(default: 4)")  # fmt: skip
    tilt = parser.add_mutually_exclusive_group()
    tilt.add_argument("--tilt-deg", metavar="X,Y", help="turn the coil about its own x and y too")
    tilt.add_argument("--tilts", metavar="A,B,…", help="try these tilts, degrees, about its x (handle up or down) "
                      "and its y (one wing up), each with each: --tilts=-10,0,10 tries nine")  # fmt: skip
    parser.add_argument("--most-lift-mm", default="5", metavar="MM", help="how far a coil may go back so that its "
                        "casing does not cut the head (default: 5)")  # fmt: skip


def run(args: argparse.Namespace, console: Console) -> int:
    """Search, write the files and print the list."""
    from stimplan.coil_search import search_poses
    from stimplan.coil_search.record import search_lines, search_record
    from stimplan.exchange.staging import staged_folder
    from stimplan.terminal import notice, progress_bar

    with progress_bar(is_shown=not args.json) as progress:
        options, coil, head, goals = _asked(args, progress)
        formats = tuple(dict.fromkeys(args.to)) or DEFAULT_FORMATS
        with staged_folder(args.out, replaces=(*FILES, *(_file(one) for one in FORMAT_NAMES)), last=FILES[0]) as folder:
            found = search_poses(head, coil, goals, options=options, progress=progress)
            record = search_record(found)
            names = [*_write_poses(found, formats, folder), *([] if args.no_figures else _draw(found, folder))]
            record["files"] = [FILES[0], *names]
            _write_record(folder / FILES[0], record)
    if args.json:
        show_json(console, record)
        return 0
    files = f"Files in {args.out}: {', '.join(record['files'])}"
    show_lines(console, [*search_lines(found), "", files, "", *notice()])
    return 0


def _asked(args: argparse.Namespace, progress: Any) -> tuple[SearchOptions, Coil, HeadModel, list[Goal]]:
    """What was asked for; everything that is wrong with it is told at once."""
    from stimplan.coil import read_coil
    from stimplan.head import load_head

    problems: list[Problem] = []
    options = tried(problems, lambda: _options(args))
    coil = tried(problems, lambda: read_coil(args.coil), where="--coil")
    if options is not None:
        check_rate(problems, "--didt", didt_A_per_s=options.didt_A_per_s, coil=coil)
    tried(problems, lambda: _check_out(args))
    head = tried(
        problems,
        lambda: load_head(args.head, edge_mm=args.edge_mm, conductivities=args.conductivities, progress=progress),
        where="--head",
        flags={"edge_mm": "--edge-mm"},
    )
    goals: list[Goal] = []
    asked = [("TARGET", args.target, False)]
    asked += [("--also", one, False) for one in args.also] + [("--avoid", one, True) for one in args.avoid]
    for option, given, is_avoided in asked:
        make = partial(_goal, option, given, direction=args.direction, head=head, is_avoided=is_avoided)
        goal = tried(problems, make)
        goals += [] if goal is None else [goal]
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    assert options is not None and coil is not None and head is not None
    return options, coil, head, goals


def _goal(option: str, given: str, *, direction: str, head: HeadModel | None, is_avoided: bool) -> Goal | None:
    """A target with its weight; without a head only its weight can be judged."""
    from stimplan.coil_search import Goal, make_target

    problems: list[Problem] = []
    where, at, number = given.rpartition("@")
    if option == "TARGET" or not at:
        where, at = given, ""
    weight = _number(option, number, problems) if at else 1.0
    if not weight > 0:
        problems.append(Problem(option, f"the weight must be above 0, got {number!r}"))
    named = {"target": option, "direction": "--direction", "weight": option}
    try:
        target = None if head is None else make_target(head, where, direction="strength" if is_avoided else direction)
    except InputError as error:
        problems += [Problem(named.get(one.where, option), one.what, file=one.file) for one in error.problems]
    if problems:
        raise InputError(problems)
    return None if target is None else Goal(target, weight, is_avoided)


def _options(args: argparse.Namespace) -> SearchOptions:
    from stimplan.coil_search import SearchOptions, SearchSpace, Uncertainty

    problems: list[Problem] = []

    def length(name: str) -> float:
        return to_si(_number(f"--{name}", getattr(args, name.replace("-", "_")), problems), "mm")

    numbers = [length(name) for name in ("radius-mm", "spacing-mm", "distance-mm", "most-lift-mm", "uncertainty-mm")]
    radius, spacing, distance, lift, shift = numbers
    turn = to_si(_number("--uncertainty-deg", args.uncertainty_deg, problems), "deg")
    rate = to_si(_number("--didt", args.didt, problems), "A_per_us")
    top = _number("--top-k", args.top_k, problems)
    angles = _angles(args.angles, problems)
    tilt, tilts = _tilt(args.tilt_deg, problems), _tilts(args.tilts, problems)
    if top != int(top):
        problems.append(Problem("--top-k", f"{args.top_k!r} is no whole number"))
    # What is no number counts as 1 from here on, which is allowed everywhere, so that the rest is judged at once.
    flags = {"radius": "--radius-mm", "spacing": "--spacing-mm", "distance": "--distance-mm", "lift": "--most-lift-mm",
             "angles": "--angles", "shift": "--uncertainty-mm", "turn": "--uncertainty-deg", "top-k": "--top-k",
             "tilts": "--tilt-deg" if args.tilts is None else "--tilts"}  # fmt: skip
    space = tried(problems, lambda: SearchSpace(radius, spacing, angles, distance, tilt, lift, tilts), flags=flags)
    around = tried(problems, lambda: Uncertainty(shift, turn), flags=flags)
    made = tried(problems, lambda: SearchOptions(top_k=int(top), didt_A_per_s=rate), flags=flags)
    if problems:
        raise InputError(problems)
    return SearchOptions(space, around, made.top_k, made.didt_A_per_s)


def _number(option: str, given: str, problems: list[Problem]) -> float:
    """A finite number; 1 in its place, and a problem noted, where it is none."""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(Problem(option, f"{given!r} is no finite number"))
        return 1.0
    return value


def _angles(given: str, problems: list[Problem]) -> tuple[float, ...]:
    """Angles in rad from STEP or FIRST:LAST:STEP in degrees."""
    parts = given.split(":")
    if len(parts) not in (1, 3):
        problems.append(Problem("--angles", f"{given!r} is neither STEP nor FIRST:LAST:STEP, such as 10 or -90:90:15"))
        return (0.0,)
    before = len(problems)
    numbers = [_number("--angles", part, problems) for part in parts]
    if len(problems) > before:
        return (0.0,)
    step = numbers[-1]
    first, last = (-180.0, 180.0 - step) if len(numbers) == 1 else numbers[:2]
    if not (1 <= step <= 360 and -360 <= first <= last + 1e-9 and last <= 360):
        what = f"{given!r}: the step is 1 to 360°, and FIRST, not above LAST, both within ±360°"
        problems.append(Problem("--angles", what))
        return (0.0,)
    count = int((last - first) / step + 1e-9) + 1
    return tuple(to_si(first + step * number, "deg") for number in range(count))


def _tilt(given: str | None, problems: list[Problem]) -> Tilt | None:
    """The one tilt of X,Y in degrees."""
    from stimplan.pose import Tilt

    if given is None:
        return None
    parts = given.split(",")
    if len(parts) != 2:
        problems.append(Problem("--tilt-deg", f"{given!r} is not two angles X,Y"))
        return None
    return Tilt(*(to_si(_number("--tilt-deg", part, problems), "deg") for part in parts))


def _tilts(given: str | None, problems: list[Problem]) -> tuple[Tilt, ...]:
    """Each of the angles about x with each about y, those that tilt least first."""
    from stimplan.pose import Tilt

    if given is None:
        return ()
    before = len(problems)
    degrees = [_number("--tilts", part, problems) for part in given.split(",")]
    if len(problems) > before:
        return ()
    pairs = sorted(product(degrees, repeat=2), key=lambda pair: math.hypot(*pair))
    return tuple(Tilt(to_si(x, "deg"), to_si(y, "deg")) for x, y in pairs)


def _check_out(args: argparse.Namespace) -> None:
    problems = []
    if args.out.exists() and not args.out.is_dir():
        problems.append(Problem("--out", f"{args.out} is a file, not a folder"))
    unknown = [name for name in args.to if name not in FORMAT_NAMES]
    problems += [Problem("--to", f"{name!r} is not known; there is {', '.join(FORMAT_NAMES)}") for name in unknown]
    if problems:
        raise InputError(problems)


def _file(format_name: str) -> str:
    from stimplan.exchange.navigation import FORMATS

    return f"poses-{format_name}{FORMATS[format_name].suffix}"


def _write_poses(found: CoilSearch, formats: Sequence[str], folder: Path) -> list[str]:
    """Navigation files of the listed poses; names of what was written."""
    from stimplan.exchange.navigation import NavigationTarget, navigation_text

    targets = [
        NavigationTarget(f"{number:02} {text(one.score_V_per_m, 'V_per_m', 4)}", one.pose)
        for number, one in enumerate(found.best, start=1)
    ]
    for name in formats:
        (folder / _file(name)).write_text(navigation_text(targets, name), encoding="utf-8", newline="\n")
    return [_file(name) for name in formats]


def _draw(found: CoilSearch, folder: Path) -> list[str]:
    from stimplan.view.coil_search import plot_front, plot_search
    from stimplan.view.paper import write_png

    write_png(plot_search(found), folder / FILES[1])
    if len(found.goals) < 2:
        return [FILES[1]]
    write_png(plot_front(found), folder / FILES[2])
    return [FILES[1], FILES[2]]


def _write_record(path: Path, record: dict[str, Any]) -> None:
    import json

    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
