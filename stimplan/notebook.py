"""What a notebook shows of a value: a small table; every word of a file in it is text and nothing else.

The pages have their own colours for verdicts; a notebook may be dark, so only borders and words carry meaning here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.field import Field
    from stimplan.montage import Electrode
    from stimplan.placement import Placement
    from stimplan.protocol import Protocol
    from stimplan.safety import SafetyReport

_VERDICT_COLOURS = {"stop": "#b3261e", "unknown": "#5b4b8a", "warn": "#9a6700", "pass": "#1b6e3c"}
# More rows than this are counted, not shown.
_MOST = 12


def protocol_html(protocol: Protocol) -> str:
    """What is delivered: electrodes or coil, how long, how often, and the source."""
    rows: list[tuple[str, object]] = [("modality", protocol.modality)]
    if protocol.electric is not None:
        minutes = protocol.electric.waveform.duration_s / 60
        rows += [("electrodes", _currents(protocol.electrodes)), ("duration at full current", f"{minutes:.4g} min")]
    if protocol.magnetic is not None:
        blocks = protocol.magnetic.blocks
        rows += [("coil", protocol.magnetic.coil.model or "not reported"), ("blocks", len(blocks))]
    rows += [("sessions", protocol.course.sessions), ("target", protocol.target.label if protocol.target else "none")]
    if protocol.source is not None:
        rows += [("source", protocol.source.citation)]
    return _card(protocol.title or protocol.id, f"protocol {protocol.id}", _pairs(rows))


def report_html(report: SafetyReport) -> str:
    """The verdict, then everything that is no pass with its value, its limit and its source."""
    verdict = report.verdict
    order = {"stop": 0, "unknown": 1, "warn": 2}
    shown = sorted((one for one in report.findings if one.status != "pass"), key=lambda one: order[one.status])
    passed = len(report.findings) - len(shown)
    rows = [
        (one.status, one.title + (f" ({one.place})" if one.place else ""), one.value_text or "–", one.limit_text or "–",
         f"{one.rule_id}: {one.citation}")
        for one in shown
    ]  # fmt: skip
    table = _table(("finding", "what", "value", "limit", "rule and source"), rows) if rows else ""
    words = f"{passed} rules held; {len(report.not_judged)} things were not judged, see <code>.not_judged</code>"
    return _card(
        f"safety verdict: {verdict}", f"profile {report.profile}", table + _faint(words), _VERDICT_COLOURS[verdict]
    )


def placement_html(placement: Placement) -> str:
    """Where each electrode lies: site, current, covered area and distance from the place asked for."""
    rows = [
        (patch.electrode.label, _amperes(patch.electrode.current_A), text(float(patch.area_m2.sum()), "m2"),
         "(" + ", ".join(f"{1e3 * float(x):.0f}" for x in patch.center_m) + ") mm", text(float(patch.offset_m), "m", 2))
        for patch in placement.electrodes
    ]  # fmt: skip
    heads = ("electrode", "current", "area on the scalp", "centre, head coordinates", "off the place asked for")
    return _card("montage", f"on head {placement.head.name}", _table(heads, rows))


def field_html(field: Field) -> str:
    """Median and 99.9th percentile of |E| by volume in each tissue, and how well it was solved."""
    import numpy as np

    from stimplan.percentiles import weighted_percentiles

    rows = []
    sizes, volumes, labels = field.magnitude_V_per_m, field.head.volumes_m3, field.head.tissue
    for tissue in field.head.tissues:
        inside = np.flatnonzero(labels == tissue.label)
        if not len(inside):
            continue
        median, high = weighted_percentiles(sizes[inside], volumes[inside], (50, 99.9))
        rows.append((tissue.name.replace("_", " "), text(median, "V_per_m"), text(high, "V_per_m")))
    table = _table(("tissue", "median |E|", "99.9th percentile"), rows)
    note = f"{len(field.head.tets):,} tetrahedra, residual {field.residual:.1e}; digest {escape(field.digest[:16])}"
    return _card("electric field", f"in head {field.head.name}", table + _faint(note))


def _currents(electrodes: Sequence[Electrode]) -> str:
    named = [f"{one.label} {_amperes(one.current_A)}" for one in electrodes[:_MOST]]
    rest = len(electrodes) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")


def _amperes(current_A: float) -> str:
    return ("+" if current_A > 0 else "") + text(current_A, "A").replace("-", "−")


def _card(title: str, under: str, body: str, colour: str = "#8a8a90") -> str:
    return (
        f'<div style="border-left: 4px solid {colour}; padding: 2px 10px; max-width: 60em">'
        f'<div><strong>{escape(title)}</strong> <span style="opacity: .7">{escape(under)}</span></div>{body}</div>'
    )


def _pairs(rows: Iterable[tuple[str, object]]) -> str:
    lines = "".join(
        f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{lines}</table>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    top = "".join(f'<th scope="col" style="text-align: left">{escape(one)}</th>' for one in heads)
    lines = "".join(
        "<tr>" + "".join(f'<td style="text-align: left">{escape(str(cell))}</td>' for cell in row) + "</tr>"
        for row in rows[:_MOST]
    )
    more = _faint(f"and {len(rows) - _MOST} more") if len(rows) > _MOST else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>{more}"


def _faint(words: str) -> str:
    """A remark of ours, whose markup is ours too."""
    return f'<div style="opacity: .7">{words}</div>'
