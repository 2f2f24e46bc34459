"""Draw docs/gallery: every kind of picture once, small, and the page that shows them with the line that makes each.

Run it after a change to a picture, and look at what changed: python tools/make_gallery.py [NAME ...]
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from PIL import Image

from stimplan import view
from stimplan.coil import catalogue_coil
from stimplan.coil_field import CoilPlacement
from stimplan.coil_on_head import coil_placement
from stimplan.exposure import Exposure, expose
from stimplan.field import solve
from stimplan.head import HeadModel, load_head
from stimplan.head.quality import head_quality
from stimplan.placement import place
from stimplan.pose import pose_on_scalp
from stimplan.preview import preview
from stimplan.protocol import Protocol, dump_protocol, read_protocol
from stimplan.protocol.magnetic import Handle
from stimplan.roi import sphere_roi
from stimplan.view.animate import in_palette, palette_of
from stimplan.view.paper import png_bytes

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "gallery"
TI = ROOT / "examples" / "protocols" / "example-ti-two-pairs.json"
DLPFC = sphere_roi(mni_mm=(-38, 44, 26), radius_mm=10)  # the target of select-tdcs
# The left hippocampus' middle in MNI space, about: the target of the example.
HIPPOCAMPUS_M = (-0.030, -0.020, -0.014)
DEEP = sphere_roi(mni_mm=(-30, -20, -14), radius_mm=8)
_MOST_BYTES = 145_000

HEADER = """# Gallery

The pictures, each once, with the line that makes it. They are drawn by `tools/make_gallery.py` on the template
head with the coarse `teaching` mesh, in small; a picture for a paper is one word away (`--publication`, 300 dots per
inch), and `.svg` keeps lines and letters as such.

Red is current into the head, blue out of it. R, L, A and P are the person's right, left, front and back. Each colour
bar says its unit and the percentile its end stands for. The colour maps go one way in lightness and can be read by
people without red or green receptors; a test measures that and fails for a rainbow.

In the lines below `exposure` is what `stimplan.expose(protocol, placement)` gives, `run.exposure` of a finished run,
or `read_exposure(folder).exposure` of its folder.
"""


@attrs.frozen
class Entry:
    """A picture of the gallery: what it says, the line that makes it, and what draws it here."""

    title: str
    sentence: str
    line: str
    draw: Callable[[], Any]
    command: str = ""


@cache
def head() -> HeadModel:
    return load_head("colin27", edge_mm="teaching")


@cache
def exposure(source: str) -> Exposure:
    protocol = three_phases() if source == "three phases" else read_protocol(source)
    return expose(protocol, place(protocol, head()))


def three_phases() -> Protocol:
    """Three electrodes a third of a cycle apart: the field turns, and has a phase to show."""
    tree = json.loads(dump_protocol(read_protocol("antal-2008-tacs")))
    one = tree["stimulation"]["electrodes"][0]
    one["shape"] = {"type": "circle", "diameter_mm": 30}
    sites = (("F3", 0), ("P3", 120), ("C4", 240))
    tree.update(id="three-phases", certainty={})
    tree["stimulation"]["electrodes"] = [{**one, "site": site, "phase_deg": phase} for site, phase in sites]
    return read_protocol(tree)


@cache
def coil_at_c3() -> CoilPlacement:
    pose = pose_on_scalp(head(), "C3", handle=Handle(from_midline_rad=math.radians(45)), distance_m=0.004)
    return coil_placement(catalogue_coil("magstim-70mm-figure8"), pose_m=pose, didt_A_per_s=1e6, head=head())


def select() -> Exposure:
    return exposure("select-tdcs")


ENTRIES: dict[str, Entry] = {
    "overview.png": Entry(
        "Overview", "The head as glass over the field on the cortex, electrodes and currents, a region outlined.",
        'plot_overview(exposure, roi=sphere_roi(mni_mm=(-38, 44, 26), radius_mm=10), roi_name="left DLPFC")',
        lambda: view.plot_overview(select(), roi=DLPFC, roi_name="left DLPFC"),
        'stimplan figure RESULT --kind overview --roi "sphere:mni_mm=-38,44,26;radius_mm=10" --out overview.png',
    ),
    "montage.png": Entry(
        "Montage", "The electrodes with their true outline on the scalp, each with its site and current.",
        "plot_montage(placement)", lambda: view.plot_montage(select().field.placement),
        "stimplan figure RESULT --kind montage --out montage.png",
    ),
    "sites.png": Entry(
        "Sites", "The names of the 10-10 sites on the head, those of the montage pointed out.",
        'plot_sites(head, marked=("F3", "F4"))', lambda: view.plot_sites(head(), marked=("F3", "F4")),
        "stimplan figure RESULT --kind sites --out sites.png",
    ),
    "surface.png": Entry(
        "Field on the cortex", "The size of the field on the surface of the grey matter, from four sides on one scale.",
        "plot_surface_field(exposure)", lambda: view.plot_surface_field(select()),
        "stimplan figure RESULT --kind surface --out surface.png",
    ),
    "normal.png": Entry(
        "Field through the cortex", "The component through the cortex: into it red, out of it blue, in even steps.",
        "plot_cortical_normal(exposure.field)", lambda: view.plot_cortical_normal(select().field),
        "stimplan figure RESULT --kind normal --out normal.png",
    ),
    "slices.png": Entry(
        "Slices", "Three slices through the target, tissues outlined, the region in cyan; left is left.",
        "plot_slices(exposure, cross_m=(-0.038, 0.044, 0.026), roi=roi)",
        lambda: view.plot_slices(select(), cross_m=(-0.038, 0.044, 0.026), roi=DLPFC),
        'stimplan figure RESULT --kind slices --roi "sphere:mni_mm=-38,44,26;radius_mm=10" --out slices.png',
    ),
    "cut.png": Entry(
        "Cut plane", "The head cut open; electrodes before the plane are looked through.",
        'plot_cut(exposure, plane="axial", at_m=0.025)',
        lambda: view.plot_cut(select(), plane="axial", at_m=0.025),
        "stimplan figure RESULT --kind cut --plane axial --at-mm 25 --out cut.png",
    ),
    "arrows.png": Entry(
        "Arrows", "Which way the field points on the cortex, an arrow every 10 mm.",
        "plot_arrows(exposure)", lambda: view.plot_arrows(select()),
        "stimplan figure RESULT --kind arrows --out arrows.png",
    ),
    "streamlines.png": Entry(
        "Lines of current", "Each line carries about the same current; many never leave the scalp.",
        "plot_streamlines(exposure.field)", lambda: view.plot_streamlines(select().field),
        "stimplan figure RESULT --kind streamlines --out streamlines.png",
    ),
    "difference.png": Entry(
        "Difference of two fields", "Two runs on one mesh at a common scale, and what the second has more.",
        'plot_difference(one, other, names=("bifrontal pads", "4x1 ring"))',
        lambda: view.plot_difference(select(), exposure("hd-4x1-m1"), names=("bifrontal pads", "4x1 ring")),
        "stimplan figure RESULT OTHER --kind difference --out difference.png",
    ),
    "comparison.png": Entry(
        "Comparison of montages", "Up to six montages on one colour scale.",
        'plot_comparison({"bifrontal pads": one, "4x1 ring": other, "M1 and forehead": third})',
        lambda: view.plot_comparison({"bifrontal pads": select(), "4x1 ring": exposure("hd-4x1-m1"),
                                      "M1 and forehead": exposure("m1-so")}),
        "stimplan figure RESULT OTHER THIRD --kind comparison --out comparison.png",
    ),
    "preview.png": Entry(
        "Preview", "Any montage of 10-10 sites at once, from the shipped lead field.",
        'plot_preview(preview({"C3": 2e-3, "Fp2": -2e-3}))',
        lambda: view.plot_preview(preview({"C3": 2e-3, "Fp2": -2e-3})),
        "stimplan figure C3:+2 Fp2:-2 --out preview.png",
    ),
    "potential.png": Entry(
        "Scalp potential", "The potential at the 10-10 sites, drawn by MNE.",
        "plot_scalp_potential(exposure)", lambda: view.plot_scalp_potential(select()),
        "stimplan figure RESULT --kind potential --out potential.png",
    ),
    "cycle.png": Entry(
        "A cycle of tACS", "The field through the cortex at six moments of the cycle.",
        "plot_cycle(exposure)", lambda: view.plot_cycle(exposure("alexander-2019-depression")),
        "stimplan figure RESULT --kind cycle --out cycle.png",
    ),
    "phase.png": Entry(
        "Phase", "When in the cycle the field is largest, of three currents a third of a cycle apart.",
        "plot_phase(exposure)", lambda: view.plot_phase(exposure("three phases")),
        "stimplan figure RESULT --kind phase --out phase.png",
    ),
    "carriers.png": Entry(
        "Carriers of temporal interference", "The field of each carrier, and the modulation depth of their sum.",
        "plot_carriers(exposure)", lambda: view.plot_carriers(exposure(str(TI))),
        "stimplan figure RESULT --kind carriers --out carriers.png",
    ),
    "envelope.png": Entry(
        "Envelope of temporal interference", "The modulation depth in slices, and the beating field where they meet.",
        "plot_envelope(exposure, cross_m=(-0.030, -0.020, -0.014), roi=roi)",
        lambda: view.plot_envelope(exposure(str(TI)), cross_m=HIPPOCAMPUS_M, roi=DEEP),
        "stimplan figure RESULT --kind envelope --out envelope.png",
    ),
    "session.png": Entry(
        "Session", "One session on a true time scale, with zooms that show where they come from.",
        "plot_session(protocol)", lambda: view.plot_session(read_protocol("huang-2005-itbs")),
        "stimplan timeline huang-2005-itbs",
    ),
    "course.png": Entry(
        "Course", "Every session of a treatment, and what has been given by then.",
        "plot_course(protocol)", lambda: view.plot_course(read_protocol("select-tdcs")),
        "stimplan timeline select-tdcs",
    ),
    "coil.png": Entry(
        "Coil", "A coil on the head: its own winding and case, its handle, and the sense of its current.",
        'plot_coil(placement, field=field, title="C3, handle 45° from the midline")',
        lambda: view.plot_coil(coil_at_c3(), field=solve(head(), coil_at_c3()),
                               title="C3, handle 45° from the midline"),
    ),
    "head.png": Entry(
        "Quality of a head model", "Volumes, shapes of the elements, and the mesh over its labels.",
        "plot_head_quality(quality)", lambda: view.plot_head_quality(head_quality(head())),
        "stimplan heads info colin27 --out head",
    ),
    "turn.gif": Entry(
        "Around the head", "Moving: once around the glass head.",
        'write_animation(animate_turn(exposure), "turn.gif")', lambda: view.animate_turn(select(), images=18),
        "stimplan figure RESULT --kind turn --out turn.gif",
    ),
    "cycle.gif": Entry(
        "A cycle of tACS, moving", "Moving: one cycle, slowed down, with a clock.",
        'write_animation(animate_cycle(exposure), "cycle.gif")',
        lambda: view.animate_cycle(exposure("alexander-2019-depression"), images=12),
        "stimplan figure RESULT --kind cycle-film --out cycle.gif",
    ),
}  # fmt: skip


def write_small(drawn: Any, path: Path) -> None:
    """The picture in 256 colours of its own, at the most dots per inch that keep it small."""
    for dpi in (150, 140, 130, 120, 110, 100, 90, 80, 70):
        image = Image.open(io.BytesIO(png_bytes(drawn, dpi=dpi))).convert("RGB")
        buffer = io.BytesIO()
        points = np.asarray(image)
        in_palette(points, palette_of([points])).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= _MOST_BYTES:
            break
    path.write_bytes(buffer.getvalue())


def page() -> str:
    """The page: each picture with its sentence, and the line and the command that make it."""
    parts = [HEADER]
    for name, entry in ENTRIES.items():
        code = f"```python\n{entry.line}\n```\n" + (f"\n```bash\n{entry.command}\n```\n" if entry.command else "")
        parts.append(f"## {entry.title}\n\n{entry.sentence}\n\n![{entry.sentence}]({name})\n\n{code}")
    parts.append(
        "## Pictures with a page of their own\n\n"
        "[Coil poses and how handle angles count](../poses.md), [the search of a coil position](../search.md), "
        "[two methods compared](../crosscheck.md), "
        "[the template head](../colin27/README.md).\n"
    )
    return "\n".join(parts)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or list(ENTRIES)
    for name in wanted:
        drawn = ENTRIES[name].draw()
        if name.endswith(".gif"):
            view.write_animation(drawn, OUT / name)
        else:
            write_small(drawn, OUT / name)
        print(name, (OUT / name).stat().st_size // 1000, "kB")
    (OUT / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
