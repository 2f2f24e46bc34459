"""Every picture that can be made of a finished run, by name: what it shows, what it needs, and what draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.result_exposure import RunAgain
from stimplan.roi import Roi
from stimplan.units import text
from stimplan.view.animate import Animation, animate_cycle, animate_turn
from stimplan.view.calendar import plot_course
from stimplan.view.compare import plot_comparison, plot_difference
from stimplan.view.cortical import plot_cortical_normal
from stimplan.view.cut import PLANES, plot_cut
from stimplan.view.envelope import plot_envelope
from stimplan.view.flow import plot_arrows, plot_streamlines
from stimplan.view.montage import plot_montage
from stimplan.view.overview import plot_overview
from stimplan.view.scene import VIEWS
from stimplan.view.sites import plot_sites
from stimplan.view.slices import plot_slices
from stimplan.view.style import add_footer
from stimplan.view.surface import plot_surface_field
from stimplan.view.timeline import plot_session
from stimplan.view.topomap import has_scalp_map, plot_scalp_potential
from stimplan.view.waveform_field import plot_carriers, plot_cycle, plot_phase

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stimplan.preview import Preview

Drawn = Any  # Figure or Animation
# They show what is delivered, or where, and no field.
WITHOUT_FIELD = ("montage", "sites", "session", "course")


@attrs.frozen
class Asked:
    """How a picture is wanted; what a kind does not take must be left out.

    Attributes
    ----------
    roi : region or None
        Outlined.
    roi_name : str
        What the picture calls it.
    map_id : str or None
        Map to draw instead of the one by which the stimulation is judged.
    views : tuple of str
        Names from `VIEWS`; empty leaves them to the picture.
    plane : str or None
        Of a cut: "sagittal", "coronal" or "axial".
    at_m : float or None
        Where the cut lies along x, y or z, m.
    """

    roi: Roi | None = None
    roi_name: str = ""
    map_id: str | None = None
    views: tuple[str, ...] = ()
    plane: str | None = None
    at_m: float | None = None


@attrs.frozen
class Kind:
    """A picture by name.

    Attributes
    ----------
    what : str
        What it shows, as a sentence.
    draw : callable
        `(runs, asked)` to a Figure or an Animation; runs are `{name: RunAgain}`.
    takes : tuple of str
        Attributes of `Asked` it makes use of.
    runs : (least, most)
        How many runs it shows.
    why_not : callable
        `(run)` to the reason why there is no such picture of it, or "".
    is_moving : bool
    """

    what: str
    draw: Callable[[Mapping[str, RunAgain], Asked], Drawn]
    takes: tuple[str, ...] = ()
    runs: tuple[int, int] = (1, 1)
    why_not: Callable[[RunAgain], str] = lambda run: ""
    is_moving: bool = False


def _views(asked: Asked) -> dict[str, Any]:
    return {"views": asked.views} if asked.views else {}


def _only(runs: Mapping[str, RunAgain]) -> RunAgain:
    return next(iter(runs.values()))


def _exposure(runs: Mapping[str, RunAgain]) -> Any:
    return _only(runs).exposure


def _needs_electrodes(run: RunAgain) -> str:
    return "" if run.exposure.field.placement is not None else "it needs electrodes, and this run has none to draw"


def _needs_direct(run: RunAgain) -> str:
    return "" if run.exposure.main.id == "magnitude" else "only a direct current's field keeps its direction"


def _needs_lines(run: RunAgain) -> str:
    return _needs_direct(run) or _needs_electrodes(run)


def _needs_cycle(run: RunAgain) -> str:
    return "" if "in phase" in run.exposure.fields else "only an alternating current has a cycle"


def _needs_phases(run: RunAgain) -> str:
    return _needs_cycle(run) or ("" if "quadrature" in run.exposure.fields else "its currents all swing in phase")


def _needs_carriers(run: RunAgain) -> str:
    return "" if run.exposure.main.id == "envelope" else "only temporal interference has carriers and an envelope"


def _needs_no_carriers(run: RunAgain) -> str:
    return "" if run.exposure.main.id != "envelope" else "temporal interference has a field for each carrier"


def _needs_sites(run: RunAgain) -> str:
    is_fine = has_scalp_map(run.exposure.field.head)
    return "" if is_fine else "its head does not carry the 10-10 sites"


def _needs_course(run: RunAgain) -> str:
    return "" if run.protocol.course.sessions != 1 else "a course of one session has nothing to draw"


def _draw_difference(runs: Mapping[str, RunAgain], asked: Asked) -> Figure:
    (name, one), (other_name, other) = runs.items()
    return plot_difference(one.exposure, other.exposure, names=(name, other_name), **_views(asked))


def _draw_sites(runs: Mapping[str, RunAgain], asked: Asked) -> Figure:
    marked = [one.site for one in _only(runs).protocol.electrodes if isinstance(one.site, str)]
    return plot_sites(_exposure(runs).field.head, marked=marked, **_views(asked))


def _needs_coil(run: RunAgain) -> str:
    if run.record.get("coil") is None:
        return "it needs a coil"
    told = [notice for notice in run.notices if notice.startswith("The coil is not drawn")]
    return told[0].rstrip(".") if told else ""


def _draw_overview(runs: Mapping[str, RunAgain], asked: Asked) -> Figure:
    """Of a coil as in its report, with the coil; seen from elsewhere, or of another map or region, without it."""
    run = _only(runs)
    if run.record.get("coil") is not None and asked == Asked():
        from stimplan.view.drawable import drawable_again
        from stimplan.view.scene_parts import scene_of_drawable
        from stimplan.view.scene_window import plot_scene

        return plot_scene(scene_of_drawable(drawable_again(run)))
    return plot_overview(run.exposure, roi=asked.roi, roi_name=asked.roi_name, name=asked.map_id, **_views(asked))


def _draw_coil(runs: Mapping[str, RunAgain], asked: Asked) -> Figure:
    from stimplan.view.coil import plot_coil
    from stimplan.view.drawable import drawable_again

    shown = drawable_again(_only(runs))
    block = shown.blocks[0]
    title = shown.coil_name if shown.is_one_block else f"{block.label}: {shown.coil_name}"
    field: Any = block.exposure.field
    return plot_coil(field.placement, field=field, title=title, handle_rad=block.handle_rad)


def _draw_cut(runs: Mapping[str, RunAgain], asked: Asked) -> Figure:
    return plot_cut(_exposure(runs), plane=asked.plane or "coronal", at_m=asked.at_m, name=asked.map_id)


KINDS: Mapping[str, Kind] = {
    "overview": Kind(
        "the head as glass over the field on the cortex, electrodes with their currents or the coil, a region outlined",
        _draw_overview,
        takes=("roi", "roi_name", "map_id", "views"),
    ),
    "montage": Kind(
        "the electrodes on the head, each with its site and current",
        lambda runs, asked: plot_montage(_exposure(runs).field.placement, **_views(asked)),
        takes=("views",), why_not=_needs_electrodes,
    ),
    "coil": Kind("the coil on the head from three sides: winding, handle, sense of the current (of several blocks the "
                 "first)", _draw_coil, why_not=_needs_coil),
    "sites": Kind("the head with the names of its 10-10 sites, those of the montage pointed out", _draw_sites,
                  takes=("views",), why_not=_needs_sites),
    "surface": Kind(
        "the field on the cortex from four sides",
        lambda runs, asked: plot_surface_field(_exposure(runs), name=asked.map_id, **_views(asked)),
        takes=("map_id", "views"),
    ),
    "normal": Kind(
        "the field through the cortex: into it red, out of it blue",
        lambda runs, asked: plot_cortical_normal(_exposure(runs).field, **_views(asked)),
        takes=("views",), why_not=_needs_direct,
    ),
    "slices": Kind(
        "three slices through the target or the peak, tissues outlined",
        lambda runs, asked: plot_slices(
            _exposure(runs), cross_m=_only(runs).point_of_interest_m, name=asked.map_id, roi=asked.roi
        ),
        takes=("map_id", "roi", "roi_name"),
    ),
    "cut": Kind("the head cut open along a plane, the field of the brain on the cut", _draw_cut,
                takes=("plane", "at_m", "map_id")),
    "arrows": Kind("the field's direction as arrows on the cortex",
                   lambda runs, asked: plot_arrows(_exposure(runs), **_views(asked)),
                   takes=("views",), why_not=_needs_no_carriers),
    "streamlines": Kind("lines of current through the head, by current density",
                        lambda runs, asked: plot_streamlines(_exposure(runs).field, **_views(asked)),
                        takes=("views",), why_not=_needs_lines),
    "potential": Kind("the scalp potential at the 10-10 sites",
                      lambda runs, asked: plot_scalp_potential(_exposure(runs)), why_not=_needs_sites),
    "phase": Kind("the phase at which the field is largest, of currents that are not in phase",
                  lambda runs, asked: plot_phase(_exposure(runs), **_views(asked)),
                  takes=("views",), why_not=_needs_phases),
    "cycle": Kind("six moments of the cycle of an alternating current",
                  lambda runs, asked: plot_cycle(_exposure(runs), **_views(asked)),
                  takes=("views",), why_not=_needs_cycle),
    "carriers": Kind("temporal interference: the field of each carrier and the modulation depth",
                     lambda runs, asked: plot_carriers(_exposure(runs), **_views(asked)),
                     takes=("views",), why_not=_needs_carriers),
    "envelope": Kind(
        "temporal interference: the modulation depth in slices, and the beating field where they meet",
        lambda runs, asked: plot_envelope(_exposure(runs), cross_m=_only(runs).point_of_interest_m, roi=asked.roi),
        takes=("roi", "roi_name"), why_not=_needs_carriers,
    ),
    "difference": Kind("two runs on one mesh, and what the second has more than the first", _draw_difference,
                       takes=("views",), runs=(2, 2)),
    "comparison": Kind(
        "up to six runs, or montages of the preview, side by side on one colour scale",
        lambda runs, asked: plot_comparison(_shown(runs), **_views(asked)), takes=("views",), runs=(1, 6),
    ),
    "session": Kind("one session on a true time scale", lambda runs, asked: plot_session(_only(runs).protocol)),
    "course": Kind("the sessions of the whole course", lambda runs, asked: plot_course(_only(runs).protocol),
                   why_not=_needs_course),
    "turn": Kind(
        "moving: once around the glass head",
        lambda runs, asked: animate_turn(
            _exposure(runs), roi=asked.roi, name=asked.map_id, note=coil_note(_only(runs))
        ),
        takes=("roi", "roi_name", "map_id"), is_moving=True,
    ),
    "cycle-film": Kind("moving: one cycle of an alternating current, slowed down",
                       lambda runs, asked: animate_cycle(_exposure(runs), **_views(asked)),
                       takes=("views",), why_not=_needs_cycle, is_moving=True),
}  # fmt: skip


def _shown(runs: Mapping[str, RunAgain | Preview]) -> dict[str, Any]:
    return {name: one.exposure if isinstance(one, RunAgain) else one for name, one in runs.items()}


def kinds_of(run: RunAgain) -> dict[str, str]:
    """Each kind of picture, and why there is none of this run: "" where there is."""
    return {name: kind.why_not(run) for name, kind in KINDS.items()}


def draw(kind: str, runs: Mapping[str, RunAgain], asked: Asked | None = None) -> Figure | Animation:
    """Draw a picture of a run, or of several.

    Parameters
    ----------
    kind : str
        A name from `KINDS`.
    runs : mapping of str to RunAgain
        By the name a picture of several gives them.
    asked : Asked, optional

    Raises
    ------
    InputError
        Everything that does not fit together: no such kind, too few or too many runs, options the kind does not take,
        views or planes that do not exist, and what the run does not have.
    """
    wanted = asked or Asked()
    problems = _problems(kind, runs, wanted)
    if problems:
        raise InputError(problems)
    drawn = KINDS[kind].draw(runs, wanted)
    notes = {} if kind in WITHOUT_FIELD else {name: coil_note(run) for name, run in runs.items()}
    told = [f"{name}: {note}" if len(runs) > 1 else note for name, note in notes.items() if note]
    if kind == "overview" and wanted != Asked() and any(run.record.get("coil") for run in runs.values()):
        told.append("the coil is not drawn from here; --kind coil shows it")
    if told and not isinstance(drawn, Animation):
        add_footer(drawn, told)
    return drawn


# By where the rate is from.
_DRIVES = {"protocol": " ({stated})", "assumed": ", assumed; the protocol says {stated}", "unit": ", not for {stated}"}


def coil_note(run: RunAgain | Preview) -> str:
    """For which rate of the coil's current a field is, and what of it was assumed; "" of electrodes.

    A field of a coil grows with that rate: without it the numbers of a colour bar mean nothing. Of several blocks the
    first is drawn.
    """
    coil = run.record.get("coil") if isinstance(run, RunAgain) else None
    if coil is None:
        return ""
    blocks = coil["blocks"]
    block, drive = blocks[0], blocks[0]["drive"]
    said = _DRIVES[drive["basis"]].format(stated=drive["stated"] or "an intensity that is not reported")
    handle = "; direction of the handle assumed" if block["pose"]["is_handle_assumed"] else ""
    is_one = len({one.get("digest") for one in blocks}) == 1
    which = "" if is_one else f"{block['label']}, the first of {len(blocks)} blocks: "
    return f"{which}field for dI/dt = {text(drive['didt_A_per_s'], 'A_per_s')}{said}{handle}"


_OPTIONS = {"roi": "--roi", "map_id": "--map", "views": "--views", "plane": "--plane", "at_m": "--at-mm"}


def _problems(kind: str, runs: Mapping[str, RunAgain], asked: Asked) -> list[Problem]:
    if kind not in KINDS:
        return [Problem("--kind", f"{kind!r} is no kind of picture; there are {', '.join(KINDS)}")]
    one = KINDS[kind]
    least, most = one.runs
    problems = []
    if not least <= len(runs) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        problems.append(Problem("--kind", f"{kind} shows {number} run{'s' * (most > 1)}, got {len(runs)}"))
    for name, option in _OPTIONS.items():
        if getattr(asked, name) not in (None, ()) and name not in one.takes:
            problems.append(Problem(option, f"{kind} does not take it"))
    problems += _unknown("--views", asked.views, VIEWS)
    problems += _unknown("--plane", [asked.plane] if asked.plane else [], PLANES)
    for name, run in runs.items():
        if isinstance(run, RunAgain):
            problems += [Problem(name, f"no {kind} of it: {why}")] if (why := one.why_not(run)) else []
            maps = [each.id for each in run.exposure.maps]
            problems += _unknown("--map", [asked.map_id] if asked.map_id else [], maps)
    return problems


def _unknown(option: str, given: Sequence[str], known: Any) -> list[Problem]:
    return [Problem(option, f"{one!r} is none of {', '.join(known)}") for one in given if one not in known]
