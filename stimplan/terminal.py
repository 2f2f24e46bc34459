"""What the command line shows: results as lines of text, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from stimplan.notice import NOTICE
from stimplan.units import range_text, text

if TYPE_CHECKING:
    from stimplan.head import HeadModel
    from stimplan.maps import SurfaceMetrics
    from stimplan.pipeline import RunResult
    from stimplan.roi import CorticalMetrics, RegionMeasures, RoiMetrics
    from stimplan.runs.magnetic import CoilBlock
    from stimplan.runs.spread import Spread
    from stimplan.safety import Finding, SafetyReport
    from stimplan.selftest import SelfTest

Progress = Callable[[str, float], None]
# The smallest and the largest of some figures over placements of a coil, by their names; empty where nobody asked.
Ends = tuple[Mapping[str, Any], Mapping[str, Any]]

_NO_ENDS: Ends = ({}, {})

_ACCESS = {"read": "read in the source", "secondary": "read in a text that quotes it", "recalled": "from memory"}
_WIDTH = 100


@contextmanager
def progress_bar(*, is_shown: bool) -> Iterator[Progress | None]:
    """A bar on stderr for long computations; None where stderr is no terminal or nothing may be shown."""
    if not (is_shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:24}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)


def notice() -> list[str]:
    """The sentence that ends every result."""
    return wrap(NOTICE, _WIDTH)


def show_findings(report: SafetyReport) -> list[str]:
    """Verdict, then every finding, the worst first, each with its limit and its paper."""
    order = {"stop": 0, "unknown": 1, "warn": 2, "pass": 3}
    lines = [f"Safety verdict: {report.verdict.upper()}  (rules {report.rule_set_version})"]
    for finding in sorted(report.findings, key=lambda f: order[f.status]):
        lines += _finding(finding)
    if report.not_judged:
        lines += ["", "Not judged:"]
        for sentence in report.not_judged:
            lines += wrap(sentence, _WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines


def _finding(finding: Finding) -> list[str]:
    # What only informs is compared with a number that is no limit, such as what injured rats, or with none.
    word = "beside" if finding.severity == "info" else "limit"
    numbers = f": {finding.value_text}" if finding.value_text else ""
    numbers += f", {word} {finding.limit_text}" if finding.value_text and finding.limit_text else ""
    place = f" ({finding.place})" if finding.place else ""
    head = f"  {finding.status:7}  {finding.title}{place}{numbers}  [{finding.rule_id}]"
    if finding.status == "pass":
        return [head]
    doi = f", doi:{finding.doi}" if finding.doi else ""
    source = f"{finding.citation}{doi} ({_ACCESS[finding.access]})"
    indent = " " * 11
    return [
        head,
        *wrap(finding.message, _WIDTH, initial_indent=indent, subsequent_indent=indent),
        *wrap(source, _WIDTH, initial_indent=indent, subsequent_indent=indent),
    ]


def show_run(result: RunResult, out: Path) -> list[str]:
    """The findings, the field in numbers, and where the files are."""
    lines = [result.protocol.title or result.protocol.id, *show_findings(result.report), ""]
    if result.report.verdict in ("stop", "unknown"):
        lines += [f"SIMULATED ALTHOUGH THE SAFETY VERDICT IS {result.report.verdict.upper()}.", ""]
    lines += _coil_lines(result)
    for one in result.maps if result.coil is None else ():
        lines += _metrics(f"{one.title} in {_words(result.tissue)}", one.in_tissue)
        if one.at_target is not None and result.protocol.target is not None:
            lines += _metrics(f"{one.title} at the target, {result.protocol.target.label}", one.at_target)
    lines += _along(result)
    if result.frequencies:  # the report has each of them; the highest is the one that decides
        for sentence in result.frequencies[-1].sentences[:2]:
            lines += wrap(sentence, _WIDTH, subsequent_indent="  ")
    spread = None if result.coil is None else result.coil.blocks[0].spread
    for number, region in enumerate(result.measures.regions):
        lines += show_region(region, _ends(spread, "regions", number))
    lines += _loads(result)
    if len(result.files):
        lines += ["", f"Report: {out / 'report.html'}", f"Also:   {', '.join((*result.files, 'summary.json'))}"]
    return lines


def _loads(result: RunResult) -> list[str]:
    """Current density in skin and skull at each electrode."""
    lines = []
    for load, skull in zip(result.measures.electrodes, result.measures.skull, strict=True):
        entering = load.entering_p999_A_per_m2
        skin = load.mean_A_per_m2 if entering is None else entering
        what = "everywhere" if entering is None else f"(mean {_density(load.mean_A_per_m2)})"
        bone = "no bone straight below it" if skull is None else (
            f"skull below it {_density(skull.p999_A_per_m2)}, below its rim {_density(skull.rim_p999_A_per_m2)}"
        )  # fmt: skip
        lines += wrap(f"{load.label}: into the skin {_density(skin)} {what}; {bone}", _WIDTH, subsequent_indent="  ")
    if not lines or result.voltages is None:
        return []
    kind = {"potential": "", "peak": " (peak)", "RMS": " (RMS)"}[result.voltages.meaning]
    return [f"Current density at the electrodes{kind}, 99.9th percentiles:", *(f"  {line}" for line in lines)]


def _density(value: float) -> str:
    return text(value, "A_per_m2")


def _coil_lines(result: RunResult) -> list[str]:
    """Each block of a coil: where it is, how hard it is driven, and its field."""
    if result.coil is None:
        return []
    told = {"protocol": "", "run": ", chosen for this run", "stand-in": ""}
    lines = [f"Coil: {result.coil.coil.name}{told[result.coil.chosen]}"]
    if result.coil.stand_in is not None:
        lines += wrap(result.coil.stand_in.sentence, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    for block in result.coil.blocks:
        start = f"{block.label}: " if len(result.coil.blocks) > 1 else ""
        lines += wrap(f"{start}{block.drive.sentence}", _WIDTH, subsequent_indent="  ")
        if block.is_handle_assumed:
            lines.append(f"{start}ASSUMED HANDLE: the protocol does not say where it points")
        lines += [f"{start}{line}" for line in _sureness(block)]
        main, target, spread = block.maps[0], result.protocol.target, block.spread
        lines += _metrics(f"{start}|E| in {_words(result.tissue)}", main.in_tissue, _ends(spread, "in_tissue"))
        if main.at_target is not None and target is not None:
            name = f"{start}|E| at the target, {target.label}"
            lines += _metrics(name, main.at_target, _ends(spread, "at_target"))
        if block.below.at_target is not None:
            lines += _metrics(f"{start}|E| below the coil", block.below.at_target, _ends(spread, "below"))
        lines += _on_cortex(block, start)
    return lines


def _on_cortex(block: CoilBlock, start: str) -> list[str]:
    """How focal the field of a block is, and how it goes through the cortex."""
    focal, cortex = block.measures.focality, block.measures.cortex
    ends = _ends(block.spread, "focality")
    line = f"{start}above half of the 99.9th percentile: {_with_ends(focal, 'volume_m3', 'm3', ends)}"
    if focal.area_m2 is not None:
        line += f", and {_with_ends(focal, 'area_m2', 'm2', ends)} of cortex"
    lines = wrap(line, _WIDTH, subsequent_indent="  ")
    return lines if cortex is None else lines + _through(cortex, _ends(block.spread, "cortex"), start)


def _sureness(block: CoilBlock) -> list[str]:
    """How sure the figures of a coil's block are, and what the motor threshold says about them."""
    lines = []
    if block.spread is not None:
        name = "below" if block.target is None else "target"
        mean = block.spread.figures[name]["mean"]
        where = "below the coil" if name == "below" else "at the target"
        moved = f"{block.spread.poses} placements {text(block.spread.shift_m, 'm')} or {_degrees(block.spread)} off"
        lines.append(f"mean |E| {where} {_volts(mean.value_V_per_m)}, over {moved}: "
                     f"{range_text(mean.low_V_per_m, mean.high_V_per_m, 'V_per_m')}")  # fmt: skip
    if block.calibration is not None:
        one = block.calibration
        lines.append(f"{one.ratio:.3g} times the field of the {one.side} hand area for the same current "
                     f"({one.ratio_low:.3g} to {one.ratio_high:.3g} over placements)")  # fmt: skip
        if one.hand_at_threshold_V_per_m is not None and one.target_at_threshold_V_per_m is not None:
            at_target = _volts(one.target_at_threshold_V_per_m)
            lines.append(f"at 100 % of the resting threshold: hand area {_volts(one.hand_at_threshold_V_per_m)}, "
                         f"here {at_target} ± {100 * one.relative_uncertainty:.2g} %")  # fmt: skip
    return lines


def _degrees(spread: Spread) -> str:
    return text(spread.turn_rad, "rad")


def _along(result: RunResult) -> list[str]:
    """The component along a direction, where one was asked for."""
    along = result.along
    if along is None:
        return []
    what = f"{along.title} along {along.direction}"
    spread = None if result.coil is None else result.coil.blocks[0].spread
    lines = _metrics(what, along.on_cortex, _ends(spread, "along", "on_cortex")) if along.on_cortex else []
    if along.on_cortex and along.on_cortex.peak_V_per_m < 0:  # only what keeps its direction has a sign
        lines[-1] += ", out of the cortex"
    if along.in_tissue:
        lines += _metrics(f"{what}, in {_words(result.tissue)}", along.in_tissue, _ends(spread, "along", "in_tissue"))
    if along.at_target:
        lines += _metrics(f"{what}, at the target", along.at_target, _ends(spread, "along", "at_target"))
    return lines


def show_region(region: RegionMeasures, ends: Ends = _NO_ENDS) -> list[str]:
    """A region in one line, and its part of the cortex in another; with what they are over placements of a coil."""
    metrics, against, cortex = region.metrics, region.contrast, region.cortex
    inside = _part(ends, "metrics")
    mean, p999 = (_with_ends(metrics, f"{name}_V_per_m", "V_per_m", inside) for name in ("mean", "p999"))
    parts = [f"mean {mean}, 99.9th percentile {p999}"]
    if against is not None and against.ratio is not None:
        low, high = (one.get("ratio") for one in _part(ends, "contrast"))
        over = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
        parts.append(f"{against.ratio:.3g}{over} times the rest")
    parts.append(text(metrics.volume_m3, "m3"))
    if metrics.relative_error_estimate is not None:
        parts.append(f"error {100 * metrics.relative_error_estimate:.2g} %")
    line = f"{region.description}: {', '.join(parts)}"
    lines = [line] if not ends[0] else wrap(line, _WIDTH, subsequent_indent="  ")
    return lines if cortex is None else lines + _through(cortex, _part(ends, "cortex"), "  ")


def _through(cortex: CorticalMetrics, ends: Ends, start: str) -> list[str]:
    """How the field goes through the cortex and along it."""
    share = _with_ends(cortex, "share_in", "fraction", ends)
    into, out, along = (
        _with_ends(cortex, f"mean_{name}_V_per_m", "V_per_m", ends) for name in ("in", "out", "tangential")
    )
    line = f"{start}into the cortex {into} on {share} of it, out of it {out}, along it {along}"
    indent = " " * (len(start) - len(start.lstrip()) + 2)
    return wrap(line, _WIDTH, subsequent_indent=indent) if ends[0] else [line]


def _ends(spread: Spread | None, *path: str | int) -> Ends:
    """The smallest and the largest of the figures of one table over placements."""
    if spread is None or not spread.low:
        return _NO_ENDS
    low, high = spread.low, spread.high
    for name in path:
        low, high = low[name], high[name]
    return (low or {}, high or {})


def _part(ends: Ends, name: str) -> Ends:
    return (ends[0].get(name) or {}, ends[1].get(name) or {})


def _with_ends(of: Any, name: str, unit: str, ends: Ends) -> str:
    """A figure, with its range over placements where there is one."""
    value = text(getattr(of, name), unit)
    low, high = (one.get(name) for one in ends)
    return value if low is None or high is None else f"{value} ({range_text(low, high, unit)})"


def _volts(value: float) -> str:
    return text(value, "V_per_m")


def _metrics(name: str, metrics: RoiMetrics | SurfaceMetrics, ends: Ends = _NO_ENDS) -> list[str]:
    median, p95, p999, peak = (
        _with_ends(metrics, f"{one}_V_per_m", "V_per_m", ends) for one in ("median", "p95", "p999", "peak")
    )
    # The largest value of an RMS is no peak.
    largest = "peak" if name.startswith("|E|") or ": |E|" in name else "largest"
    line = f"{name}: median {median}, 95th percentile {p95}, 99.9th {p999}, {largest} {peak}"
    return wrap(line, _WIDTH, subsequent_indent="  ") if ends[0] else [line]


def head_summary(head: HeadModel) -> dict[str, Any]:
    """A head in a few plain numbers."""
    from stimplan.report.record import head_record

    return {"nodes": len(head.nodes_m), "tetrahedra": len(head.tets), "sites": len(head.sites_m), **head_record(head)}


def show_head(head: HeadModel) -> list[str]:
    """Mesh and tissues of a head."""
    summary = head_summary(head)
    lines = [f"{head.name}: {summary['nodes']:,} nodes, {summary['tetrahedra']:,} tetrahedra, {summary['sites']} sites"]
    for tissue in summary["tissues"]:
        size, sigma = text(tissue["volume_m3"], "m3", 4), text(tissue["conductivity_S_per_m"], "S_per_m")
        lines.append(f"  {_words(tissue['name']):14} {size:>9}  {sigma:>10}  {tissue['source']}")
    return lines


def show_selftest(results: Sequence[SelfTest]) -> list[str]:
    """Table of the comparison with the closed form."""
    lines = [
        "Layered sphere, C3 against Fp2, field in the brain against the closed form (RDM 0 and MAG 1 are exact):",
        "edge mm    nodes  tetrahedra     RDM     MAG  RDM recovered  residual",
    ]
    for r in results:
        verdict = "ok" if r.is_ok else f"problem: RDM at most {r.rdm_limit:g}, MAG within {r.mag_limit:g} of 1"
        lines.append(
            f"{r.edge_mm:7g} {r.nodes:8,} {r.tetrahedra:11,} {r.rdm:7.4f} {r.mag:7.4f} {r.rdm_recovered:14.4f} "
            f"{r.residual:9.1e}  {verdict}"
        )
    return lines


def _words(name: str) -> str:
    from stimplan.head.tissues import in_words

    return in_words(name)
