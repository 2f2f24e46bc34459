"""`stimplan figure`: any picture of a run that is done, as a file for a page, a paper or a talk."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped
from stimplan.errors import InputError, Problem, naming

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.view.kinds import Asked

_STILL, _MOVING = (".png", ".svg"), (".gif", ".mp4")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`figure RESULT --kind KIND --out FILE`."""
    parser = add_command(commands, "figure", "make a picture of a run, or of a montage of the preview")
    parser.add_argument("result", nargs="*", metavar="RESULT", help="folder that `stimplan run` wrote; or a montage of "
                        "the preview, F3:+2 F4:-2, and several of them each in quotes")  # fmt: skip
    parser.add_argument("--kind", metavar="KIND", help="what to draw (default: overview); --list names them")
    parser.add_argument("--list", action="store_true", dest="is_list", help="list the kinds; those a folder cannot "
                        "have are said with the reason")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help=".png or .svg; .gif or .mp4 of what moves")
    parser.add_argument("--format", choices=("png", "svg", "gif", "mp4"), help="where --out has no ending")
    parser.add_argument("--publication", action="store_true", help="300 dots per inch instead of 200 (.png)")
    parser.add_argument("--roi", metavar="REGION", help="outline a region, as in `stimplan measure`")
    parser.add_argument("--map", metavar="MAP", help="draw another map of the waveform, such as rms")
    parser.add_argument("--views", metavar="VIEW,VIEW", help="left, right, front, back, top, front left, front right, "
                        "back left, back right")  # fmt: skip
    parser.add_argument("--plane", metavar="PLANE", help="of a cut: sagittal, coronal or axial")
    parser.add_argument("--at-mm", type=float, metavar="MM", help="where the cut lies (default: through the peak)")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """List the kinds, or draw one and write it."""
    if args.is_list:
        return _list(args, console)
    out = _out(args)
    if args.kind:  # said before anything is read
        _check_ending(out, args.kind, is_publication=args.publication)
    runs, notices = _read(args.result)
    kind = args.kind or ("overview" if not _is_preview(runs) else "preview")
    _check_ending(out, kind, is_publication=args.publication)
    drawn = _drawn(kind, runs, args)
    _write(drawn, out, is_publication=args.publication)
    notices = (*notices, *_drives(kind, runs))
    if args.json:
        show_json(console, {"file": str(out), "kind": kind, "runs": list(runs), "notices": list(notices)})
    else:
        show_lines(console, [str(out), *(line for notice in notices for line in wrapped(notice))])
    return 0


def _list(args: argparse.Namespace, console: Console) -> int:
    from stimplan.view.kinds import KINDS, kinds_of

    runs, _ = _read(args.result) if args.result else ({}, ())
    first = next(iter(runs.values()), None)
    reasons = kinds_of(first) if first is not None and not _is_preview(runs) else dict.fromkeys(KINDS, "")
    if args.json:
        kinds = [{"kind": name, "what": one.what, "is_moving": one.is_moving, "why_not": reasons[name]}
                 for name, one in KINDS.items()]  # fmt: skip
        show_json(console, {"kinds": kinds})
        return 0
    lines = []
    for name, one in KINDS.items():
        why = f" (not of this run: {reasons[name]})" if reasons[name] else ""
        lines += wrapped(f"{one.what}{why}", f"{name:12} ")
    show_lines(console, lines)
    return 0


def _out(args: argparse.Namespace) -> Path:
    """The file to write; `--format` completes a name without an ending, and may not contradict one."""
    if args.out is None or str(args.out) in ("", "."):
        raise InputError(Problem("--out", "is missing; name the file to write, such as overview.png"))
    out: Path = args.out
    if args.format and not out.suffix:
        out = out.with_name(f"{out.name}.{args.format}")
    if args.format and out.suffix.lower() != f".{args.format}":
        raise InputError(Problem("--format", f"{args.format} contradicts --out {str(args.out)!r}"))
    if out.suffix.lower() not in (*_STILL, *_MOVING):
        raise InputError(Problem("--out", f"must end in {', '.join((*_STILL, *_MOVING))}, got {str(out)!r}"))
    if not out.parent.is_dir():
        raise InputError(Problem("--out", f"there is no folder {str(out.parent)!r}"))
    return out


def _check_ending(out: Path, kind: str, *, is_publication: bool) -> None:
    from stimplan.view.kinds import KINDS

    ending = out.suffix.lower()
    is_moving = kind in KINDS and KINDS[kind].is_moving
    allowed = _MOVING if is_moving else _STILL
    problems = []
    if ending not in allowed:
        problems.append(Problem("--out", f"{kind} is written as {' or '.join(allowed)}, got {ending}"))
    if is_publication and ending != ".png":
        problems.append(Problem("--publication", f"sets the dots per inch of a PNG; {ending} has none"))
    if problems:
        raise InputError(problems)


def _read(results: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Runs or previews by the name pictures give them, and what a reader must know."""
    from stimplan.exchange.result_exposure import read_exposure
    from stimplan.preview import NOTE, preview

    if not results:
        raise InputError(Problem("RESULT", "is missing; name the folder of a run, or a montage such as F3:+2 F4:-2"))
    if not any(":" in word and not Path(word).exists() for word in results):
        read = [read_exposure(Path(folder)) for folder in results]
        titles = [one.protocol.id for one in read]
        # Two runs of one protocol are told apart by their folders.
        names = [Path(folder).resolve().name if titles.count(title) > 1 else title
                 for folder, title in zip(results, titles, strict=True)]  # fmt: skip
        if len(set(names)) < len(names):
            names = list(results)
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            raise InputError([Problem("RESULT", f"{one} is given twice") for one in twice])
        return dict(zip(names, read, strict=True)), tuple(dict.fromkeys(n for one in read for n in one.notices))
    from stimplan.commands.preview import montage_currents

    montages = [word.split() for word in results] if any(" " in word for word in results) else [list(results)]
    return {", ".join(words): preview(montage_currents(words)) for words in montages}, (NOTE,)


def _drives(kind: str, runs: Mapping[str, Any]) -> tuple[str, ...]:
    """For which rate of a coil's current each field is, where the picture shows one."""
    from stimplan.view.kinds import WITHOUT_FIELD, coil_note

    if kind in WITHOUT_FIELD:
        return ()
    notes = {name: coil_note(one) for name, one in runs.items()}
    return tuple(f"{name}: {note}" for name, note in notes.items() if note)


def _is_preview(runs: Mapping[str, Any]) -> bool:
    from stimplan.preview import Preview

    return any(isinstance(one, Preview) for one in runs.values())


def _drawn(kind: str, runs: Mapping[str, Any], args: argparse.Namespace) -> Any:
    from stimplan.view.kinds import draw

    if _is_preview(runs) and kind != "comparison":
        return _drawn_preview(kind, runs, args)
    return draw(kind, runs, _asked(args))


def _drawn_preview(kind: str, runs: Mapping[str, Any], args: argparse.Namespace) -> Any:
    from stimplan.view.preview import plot_preview
    from stimplan.view.scene import VIEWS

    problems = []
    if kind != "preview":
        problems.append(Problem("--kind", f"a montage of the preview has the kinds preview and comparison, not {kind}; "
                                "run the protocol for the others"))  # fmt: skip
    elif len(runs) > 1:
        problems.append(Problem("--kind", "preview shows one montage; comparison shows several"))
    for option, value in (("--roi", args.roi), ("--map", args.map), ("--plane", args.plane), ("--at-mm", args.at_mm)):
        if value is not None:
            problems.append(Problem(option, "a montage of the preview does not take it"))
    views = _asked(args).views if args.roi is None else ()
    problems += [Problem("--views", f"{one!r} is none of {', '.join(VIEWS)}") for one in views if one not in VIEWS]
    if problems:
        raise InputError(problems)
    return plot_preview(next(iter(runs.values())), **({"views": views} if views else {}))


def _asked(args: argparse.Namespace) -> Asked:
    from stimplan.roi import describe, read_roi
    from stimplan.units import to_si
    from stimplan.view.kinds import Asked

    if args.at_mm is not None and not math.isfinite(args.at_mm):
        raise InputError(Problem("--at-mm", f"must be a finite number, got {args.at_mm:g}"))
    roi = None if args.roi is None else read_roi(args.roi)
    return Asked(
        roi=roi,
        roi_name="" if roi is None else describe(roi),
        map_id=args.map,
        views=tuple(view.strip() for view in args.views.split(",")) if args.views else (),
        plane=args.plane,
        at_m=None if args.at_mm is None else to_si(args.at_mm, "mm"),
    )


def _write(drawn: Any, out: Path, *, is_publication: bool) -> None:
    """Write it beside its place first: whoever looks sees the old picture or the new one, never half of it."""
    from stimplan.view.animate import Animation, write_animation
    from stimplan.view.paper import write_figure
    from stimplan.view.style import PUBLICATION, SCREEN

    with naming(out), tempfile.TemporaryDirectory(prefix=".stimplan-", dir=out.parent) as folder:
        new = Path(folder) / f"new{out.suffix.lower()}"
        if isinstance(drawn, Animation):
            write_animation(drawn, new)
        else:
            write_figure(drawn, new, dpi=(PUBLICATION if is_publication else SCREEN).dpi)
        new.replace(out)
