"""The report as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stimplan.report.methods import simulation_text
from stimplan.resources import package_path
from stimplan.units import range_text, text

if TYPE_CHECKING:
    from stimplan.view.scene_parts import Scene

# What a verdict means, in one sentence.
_VERDICT_MEANS = {
    "pass": "Every rule that covers this protocol was judged and held.",
    "warn": "No limit that stops was broken; what is listed below is to be reviewed.",
    "stop": "At least one limit was broken. Do not go ahead on this plan.",
    "unknown": "At least one rule could not be judged. Absence of a number is not a pass.",
}
_ACCESS_MEANS = {
    "read": "read in the source",
    "secondary": "read in a text that quotes the source",
    "recalled": "from memory, not yet compared with the source",
    "assumed": "assumed here, not in the source",
}
# Worst first.
_ORDER = {"stop": 0, "unknown": 1, "warn": 2, "pass": 3}

CAPTIONS = {
    "overview.png": "The field on the surface of the grey matter, the head seen through, and what stimulates it.",
    "coil.png": "The coil on the head: its winding, the handle, and the sense of the current while it grows.",
    "montage.png": "The electrodes on the head, from the two sides that show them best.",
    "session.png": "One session at true scale; what is shown larger is marked where it comes from.",
    "course.png": "The course by weeks and days, and the dose as it adds up.",
    "field_surface.png": "Magnitude of the electric field on the surface of the grey matter.",
    "field_normal.png": "Component of the field through the surface of the cortex: into it (red), out of it (blue).",
    "field_slices.png": "Magnitude of the electric field in the brain, on three planes through one point.",
    "scalp_potential.png": "Potential at the 10-10 sites of the scalp. White squares mark stimulated sites.",
    "field_phase.png": "When in the cycle the field is largest: its phase, which comes back every half cycle.",
    "field_cycle.png": "The field through the surface of the cortex at moments of one cycle, on one scale; 0° is the "
    "peak of the largest current.",
    "field_carriers.png": "Size of the field of each carrier, and how deeply their sum is modulated.",
}
# Figures of whatever map the stimulation is judged by.
_OF_THE_MAP = {
    "field_surface.png": "on the surface of the grey matter.",
    "field_slices.png": "in the brain, on three planes through one point.",
}
# Shown with the montage, before the field.
TIMELINE_FIGURES = ("session.png", "course.png")


def render(
    record: Mapping[str, Any], figures: Mapping[str, bytes], *, scene: Scene | None = None, is_light: bool = False
) -> str:
    """The report of one run.

    Parameters
    ----------
    record : mapping
        As `run_record` makes it, or as read from `summary.json`.
    figures : mapping of str to bytes
        PNG or JPEG files by name; each is put into the page.
    scene : Scene, optional
        Put into the page to be turned by hand.
    is_light : bool
        Whether to say that this is the version without the scene.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: package_path("report", name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        qty=_quantity,
        span=_span,
        mm=_millimetres,
        words=_words,
        short=_short,
        first_lower=_first_lower,
        first_upper=_first_upper,
    )
    template = environment.from_string(package_path("report", "template.html").read_text(encoding="utf-8"))
    findings = sorted(record["safety"]["findings"], key=lambda finding: _ORDER[finding["status"]])
    passed = [finding for finding in findings if finding["status"] == "pass"]
    numbers = {source: number for number, source in enumerate(dict.fromkeys(map(_source, passed)), start=1)}
    return template.render(
        record=record,
        open_findings=[finding for finding in findings if finding["status"] != "pass"],
        passed=[(finding, numbers[_source(finding)]) for finding in passed],
        sources=[next(f for f in passed if _source(f) == source) for source in numbers],
        certainty=_by_status(record["protocol"].get("certainty") or {}),
        verdict_means=_VERDICT_MEANS[record["verdict"]],
        access_means=_ACCESS_MEANS,
        timeline_figures=TIMELINE_FIGURES,
        placement_figures=placement_figures(figures),
        figures=[(name, _caption(name, record), figure_address(data)) for name, data in figures.items()],
        counts=[(status, n) for status in _ORDER if (n := sum(one["status"] == status for one in findings))],
        simulation_text=simulation_text(record),
        is_light=is_light,
        **{name: Markup(words) for name, words in _scene_parts(scene).items()},
    )


def _scene_parts(scene: Scene | None) -> dict[str, str]:
    """What a page with a scene carries besides its words; all of it is ours, none from a file."""
    style = package_path("report", "style.css").read_text(encoding="utf-8")
    if scene is None:
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        return {"scene": "", "script": "", "style": style, "policy": policy}
    from stimplan.view.scene_html import content_policy, scene_fragment, viewer_script, viewer_style

    return {
        "scene": scene_fragment(scene),
        "script": viewer_script(),
        "style": f"{style}{viewer_style()}",
        "policy": content_policy(),
    }


def placement_figures(names: Iterable[str]) -> list[str]:
    """Figures of where the stimulation is applied, which stand with the montage or the coil."""
    return [name for name in names if name in ("montage.png", "coil.png") or name.endswith("_coil.png")]


def _caption(name: str, record: Mapping[str, Any]) -> str:
    """What a figure shows; those of the field name the map that is drawn."""
    if record.get("coil") is not None:
        return _coil_caption(name, record["coil"]["blocks"])
    shown = record["field"]["map"]
    if name not in _OF_THE_MAP or shown["id"] == "magnitude":
        return CAPTIONS.get(name, "")
    return f"{shown['title']} {_OF_THE_MAP[name]}"


def _coil_caption(name: str, blocks: Sequence[Mapping[str, Any]]) -> str:
    """The same of a coil: which block, and for which rate where that is not the protocol's intensity."""
    block = re.fullmatch(r"block(\d+)_(.+)", name)
    number, shown = (int(block[1]), block[2]) if block else (1, name)
    start = (
        f"{_first_upper(blocks[number - 1]['label'])}: " if len(blocks) > 1 and shown not in TIMELINE_FIGURES else ""
    )
    drive = blocks[number - 1]["drive"]
    rate = "" if drive["basis"] == "protocol" else f" For {_quantity(drive['didt_A_per_s'], 'A_per_s')}."
    return start + CAPTIONS.get(shown, "") + (rate if shown.startswith(("field", "overview")) else "")


def _source(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two findings share a source."""
    return tuple(finding[key] for key in ("citation", "locator", "doi", "access"))


def _by_status(certainty: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Values of the protocol grouped by how they are known, the least sure first; paths without their `$.`."""
    groups: dict[str, list[str]] = {}
    for path, status in certainty.items():
        groups.setdefault(status, []).append(path.removeprefix("$."))
    order = list(_ACCESS_MEANS)[::-1]
    return sorted(groups.items(), key=lambda group: order.index(group[0]))


def figure_address(data: bytes) -> str:
    """PNG or JPEG as a `data:` address."""
    kind = "jpeg" if data.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def _quantity(value: float | None, unit: str, digits: int = 3) -> str:
    if value is None:
        return "not available"
    # A rounding error of a position or a sum of currents is nothing to show.
    return text(0.0 if abs(value) < 1e-12 else value, unit, digits).replace("-", "−", 1)


def _span(low: float, high: float, unit: str, *, digits: int = 3, with_unit: bool = True) -> str:
    """Two ends of a range, without a unit below a figure that has it."""
    return range_text(low, high, unit, digits=digits, with_unit=with_unit).replace("-", "−")


def _millimetres(point_m: Any) -> str:
    """Position for people, (−38, 44, 26) mm."""
    if point_m is None:
        return "none"
    return "(" + ", ".join(f"{1e3 * x:.0f}".replace("-", "−") for x in point_m) + ") mm"


def _words(name: str) -> str:
    """Key as words: `gray_matter` -> `grey matter`."""
    return "CSF" if name == "csf" else str(name).replace("_", " ").replace("gray", "grey")


def _first_lower(words: str) -> str:
    """A title within a sentence: `Peak |E|` -> `peak |E|`, `RMS of E` as it is."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _short(digest: str) -> str:
    return digest[:16]
