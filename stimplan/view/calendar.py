"""The course of a protocol: its days as a calendar, one day at true scale, and the dose as it adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from stimplan.describe import title_of
from stimplan.protocol import Protocol
from stimplan.protocol.totals import Totals, totals_of
from stimplan.view.panels import (
    SERIES,
    WIDTH_IN,
    caption,
    duration_text,
    heading_height_in,
    new_panel,
    plain,
    write_heading,
)
from stimplan.view.paper import FAINT, INK, bare, new_figure
from stimplan.waveform import CoursePlan, plan_course

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN = 0.27
_LEAST_BODY_IN = 1.6
_MOST_BODY_IN = 6.5
_DAY_IN = 0.55
_IN_ORDER = 10
_EMPTY = "#eeeeee"


@attrs.frozen
class Cell:
    """A square of the calendar: its row and column, the text in it and the phase; phase None where nothing is done."""

    row: int
    column: int
    text: str
    phase: int | None


def plot_course(protocol: Protocol) -> Figure:
    """Figure of a course: the calendar on the left, the cumulative dose on the right, one day below where it has many.

    Parameters
    ----------
    protocol : Protocol

    Notes
    -----
    Where the protocol does not say on which days the sessions are, the calendar is marked as schematic; where it says
    too little to place them at all, the sessions are drawn in their order and nothing is invented.
    """
    plan, totals = plan_course(protocol.course), totals_of(protocol)
    lines = course_lines(protocol, plan)
    cells = calendar_cells(protocol, plan)
    rows = max(cell.row for cell in cells) + 1
    body = min(max(_LEAST_BODY_IN, rows * _ROW_IN), _MOST_BODY_IN)
    has_day = (protocol.course.sessions_per_day or 1) > 1
    below = _DAY_IN + 0.75 if has_day else 0.0
    head = heading_height_in(title_of(protocol), lines)
    height = head + 0.36 + body + 0.5 + below
    figure = new_figure(WIDTH_IN, height)
    write_heading(figure, title_of(protocol), lines)
    bottom = (0.5 + below) / height
    grid_height = min(body, max(rows, 3) * 0.36) / height
    _draw_calendar(
        figure.add_axes((0.085, bottom + body / height - grid_height, 0.40, grid_height)),
        cells,
        is_placed=bool(plan.days),
    )
    _draw_dose(figure.add_axes((0.585, bottom, 0.395, body / height)), protocol, plan, dose_of(totals))
    if has_day:
        _draw_day(figure.add_axes((0.085, 0.42 / height, 0.895, _DAY_IN / height)), protocol, totals)
    return figure


def course_lines(protocol: Protocol, plan: CoursePlan) -> list[str]:
    """What stands above the calendar: the schedule as the protocol words it, what was assumed, what the dose is."""
    course, totals = protocol.course, totals_of(protocol)
    count = f"{course.sessions} session{'s' if course.sessions != 1 else ''}"
    lines = [f"{count}: {course.schedule.rstrip('.')}." if course.schedule else f"{count}."]
    if not plan.days:
        lines.append("The days are not reported: sessions are drawn in their order, not on days.")
    elif plan.is_schematic:
        lines.append(f"Schematic: {'; '.join(plan.assumed)}.")
    if totals.charge_per_session_C is not None:
        lines.append("Charge of a session: mean |i| × time at the full level; ramps are not counted.")
    elif totals.pulses_per_session is None:
        lines.append("The charge cannot be derived from what is reported: the time is shown.")
    return lines


def calendar_cells(protocol: Protocol, plan: CoursePlan) -> tuple[Cell, ...]:
    """The squares to draw: weeks as rows and days as columns, or the sessions in order where no day is known."""
    if not plan.days:
        phases = np.repeat(np.arange(len(plan.phases)), [p.sessions for p in protocol.course.phases] or
                           [protocol.course.sessions])  # fmt: skip
        return tuple(
            Cell(number // _IN_ORDER, number % _IN_ORDER, str(number + 1), int(phase))
            for number, phase in enumerate(phases)
        )
    used = {}
    first = 1
    for day in plan.days:
        last = first + day.sessions - 1
        used[day.day] = (str(first) if day.sessions == 1 else f"{first}–{last}", day.phase)
        first = last + 1
    squares = range(7 * plan.weeks) if len(plan.days) > 1 or plan.days[0].day else (0,)
    return tuple(Cell(day // 7, day % 7, *used.get(day, ("", None))) for day in squares)


@attrs.frozen
class Dose:
    """What one session gives: a size, its unit and its name."""

    per_session: float
    unit: str
    name: str


def dose_of(totals: Totals) -> Dose:
    """Pulses of a coil, charge of a current, and minutes where the charge cannot be derived."""
    if totals.pulses_per_session is not None:
        return Dose(totals.pulses_per_session, "pulses", "pulses")
    if totals.charge_per_session_C is not None:
        return Dose(totals.charge_per_session_C, "C", "charge")
    return Dose(totals.session_duration_s / 60, "min", "time")


def cumulative(plan: CoursePlan, sessions: int, per_session: float) -> tuple[np.ndarray, np.ndarray]:
    """Day (from 1) and dose after it; session and dose where no day is known."""
    if not plan.days:
        number = np.arange(1, sessions + 1)
        return number.astype(float), per_session * number
    day = np.array([one.day + 1.0 for one in plan.days])
    return day, per_session * np.cumsum([one.sessions for one in plan.days])


def _draw_calendar(axes: Axes, cells: tuple[Cell, ...], *, is_placed: bool) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = max(cell.row for cell in cells) + 1, 7 if is_placed else _IN_ORDER
    size = 6.2 if rows <= 24 and columns == 7 else max(3.0, 6.2 - 0.08 * rows)
    for cell in cells:
        colour = _EMPTY if cell.phase is None else SERIES[cell.phase % len(SERIES)]
        axes.add_patch(Rectangle((cell.column + 0.05, cell.row + 0.07), 0.9, 0.86, facecolor=colour, lw=0))
        axes.text(cell.column + 0.5, cell.row + 0.5, cell.text, fontsize=size, color="white", ha="center",
                  va="center", fontweight="bold")  # fmt: skip
    axes.set_xlim(0, columns)
    axes.set_ylim(max(rows, 3), 0)
    bare(axes)
    step = max(1, rows // 20)
    for row in range(0, rows, step):
        text = f"week {row + 1}" if is_placed else f"from {row * _IN_ORDER + 1}"
        axes.text(-0.12, row + 0.5, text, fontsize=6.8, color=INK, ha="right", va="center")
    if is_placed:
        for column in range(7):
            axes.text(column + 0.5, -0.12, str(column + 1), fontsize=6.8, color=INK, ha="center", va="bottom")
    axes.set_title("sessions by day of the week of treatment" if is_placed else "sessions in order", fontsize=8,
                   color=INK, loc="left", pad=14 if is_placed else 5, fontweight="bold")  # fmt: skip


def _draw_dose(axes: Axes, protocol: Protocol, plan: CoursePlan, dose: Dose) -> None:
    """Cumulative dose as steps, each phase in its colour."""
    from matplotlib.ticker import MaxNLocator

    at, total = cumulative(plan, protocol.course.sessions, dose.per_session)
    phase = np.array([day.phase for day in plan.days]) if plan.days else _phase_of_sessions(protocol)
    axes.step(np.concatenate([[at[0] - 1], at]), np.concatenate([[0.0], total]), where="post", color=FAINT, lw=0.8,
              zorder=1)  # fmt: skip
    for number, name in enumerate(plan.phases):
        mine = phase == number
        count = protocol.course.phases[number].sessions if protocol.course.phases else protocol.course.sessions
        label = plain(f"{name}: {count} session{'s' if count != 1 else ''}") if name else None
        axes.plot(at[mine], total[mine], "o", color=SERIES[number % len(SERIES)], markersize=3.2, label=label, zorder=2)
    if any(plan.phases):
        axes.legend(fontsize=7, frameon=False, loc="upper left", handletextpad=0.2, borderaxespad=0.2)
    axes.set_xlim(at[0] - 1 - 0.02 * np.ptp(at), at[-1] + 0.06 * max(np.ptp(at), 1))
    axes.set_ylim(0, 1.22 * total[-1])
    axes.annotate(f"{total[-1]:,.4g} {dose.unit}" if dose.unit != "pulses" else f"{total[-1]:,.0f} pulses",
                  (at[-1], total[-1]), xytext=(0, 5), textcoords="offset points", fontsize=7.5, color=INK,
                  ha="right", fontweight="bold")  # fmt: skip
    axes.set_xlabel("day" if plan.days else "session", fontsize=7.5, labelpad=1.5)
    axes.set_ylabel(dose.unit, fontsize=7.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=7, color=FAINT, length=2.5, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=FAINT, linewidth=0.6)
    caption(axes, f"cumulative {dose.name}{' (schematic)' if plan.days and plan.is_schematic else ''}")


def _phase_of_sessions(protocol: Protocol) -> np.ndarray:
    phases = protocol.course.phases
    return np.repeat(np.arange(len(phases)), [phase.sessions for phase in phases]) if phases else np.zeros(
        protocol.course.sessions, int
    )  # fmt: skip


def _draw_day(axes: Axes, protocol: Protocol, totals: Totals) -> None:
    """One day of several sessions at true scale; their spacing is the least one the protocol allows."""
    course = protocol.course
    count, gap = course.sessions_per_day or 1, course.min_gap_s
    length = totals.session_duration_s
    spacing = gap if gap is not None else max(1.6 * length, length + 60)
    panel = new_panel(axes, (-0.02 * spacing * count, (count - 1) * spacing + length + 0.02 * spacing * count))
    starts = spacing * np.arange(count)
    axes.broken_barh([(panel.x(start), panel.x(length)) for start in starts], (0, 1), color=SERIES[0])
    axes.set_ylim(0, 1.1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if gap is None:
        axes.set_xticks([])
        axes.set_xlabel("")
    said = f"at least {duration_text(gap)} from start to start" if gap is not None else (
        "the time between them is not reported (schematic)"
    )  # fmt: skip
    caption(axes, f"one day with {count} sessions of {duration_text(length)}, {said}")
