"""`stimplan figure`: pictures of a folder of a run and of the preview, and what it refuses."""

from __future__ import annotations

import io
import json
import shutil
import sys

import attrs
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from runs import plan, small_head, small_run
from sessions import interference

from stimplan.cli import run as command
from stimplan.errors import InputError, MissingExtra
from stimplan.exchange import grid_around
from stimplan.exchange.result_exposure import read_exposure
from stimplan.exposure import expose
from stimplan.head.cortex import cortex_of
from stimplan.pipeline import RunOptions, run
from stimplan.placement import place
from stimplan.report import outputs
from stimplan.view import (
    animate_cycle,
    animate_turn,
    plot_arrows,
    plot_comparison,
    plot_cut,
    plot_montage,
    plot_overview,
    plot_session,
    plot_surface_field,
    write_animation,
    write_figure,
)
from stimplan.view.animate import Animation, in_palette, palette_of, turn_directions
from stimplan.view.kinds import KINDS, Asked, coil_note, draw, kinds_of
from stimplan.view.paper import shown_currents_A
from stimplan.view.scene import camera_axes
from stimplan.view.waveform_field import normal_cycle


def stimplan(*words):
    """Exit code, output and messages of the program."""
    out, err = io.StringIO(), io.StringIO()
    code = command([str(word) for word in words], out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Runs on the small head: a rotated pad, half of its current, an alternating one, and temporal interference."""
    where = tmp_path_factory.mktemp("runs")
    patch = pytest.MonkeyPatch()
    patch.setattr(outputs, "grid_around", lambda head: grid_around(head, 8e-3))
    options = RunOptions(with_figures=False, even_if_stopped=True)
    turned, half = plan(id="turned"), plan(id="half")
    for electrode in turned["stimulation"]["electrodes"]:
        electrode["shape"].update(height_mm=30, rotation_deg=35)
    for electrode in half["stimulation"]["electrodes"]:
        electrode["current_mA"] /= 2
    try:
        for name, source in (("turned", turned), ("half", half), ("tacs", "antal-2008-tacs"), ("ti", interference())):
            run(source, small_head(), out=where / name, options=options)
    finally:
        patch.undo()
    return where


# --- reading a run again


def test_a_run_read_again_has_its_field_and_its_electrodes_as_they_lay(folders):
    again = read_exposure(folders / "turned")
    protocol = again.protocol
    first = place(protocol, small_head())
    shift = np.array([0.0, 0.005, 0.0])  # MNI space lies 5 mm further back
    for before, after in zip(first.electrodes, again.exposure.field.placement.electrodes, strict=True):
        assert after.electrode == before.electrode
        np.testing.assert_allclose(after.center_m + shift, before.center_m, atol=1e-6)
        assert after.up @ before.up > 0.9999 and after.normal @ before.normal > 0.9999
        assert after.area_m2.sum() == pytest.approx(before.area_m2.sum(), rel=0.01)
    field = expose(protocol, first).field
    np.testing.assert_allclose(
        again.exposure.field.E_V_per_m, field.E_V_per_m, atol=1e-5 * field.magnitude_V_per_m.max()
    )
    assert again.notices == () and again.point_of_interest_m == protocol.target.mni_m


def test_every_part_of_a_waveform_is_read_again(folders):
    again = read_exposure(folders / "ti").exposure
    assert list(again.fields) == ["2000 Hz", "2010 Hz"] and again.main.id == "envelope"
    fresh = expose(interference(), place(interference(), small_head()))
    np.testing.assert_allclose(again.main.values_V_per_m, fresh.main.values_V_per_m, atol=1e-6)
    assert "in phase" in read_exposure(folders / "tacs").exposure.fields


def test_a_folder_whose_electrodes_cannot_lie_on_its_mesh_is_drawn_without_them(folders, tmp_path):
    shutil.copytree(folders / "half", tmp_path / "moved")
    summary = tmp_path / "moved" / "summary.json"
    record = json.loads(summary.read_text())
    record["montage"]["electrodes"][0]["center_mni_m"] = [0.5, 0.0, 0.0]
    summary.write_text(json.dumps(record))
    again = read_exposure(tmp_path / "moved")
    assert again.exposure.field.placement is None and "not drawn" in again.notices[0]
    code, out, _ = stimplan("figure", tmp_path / "moved", "--kind", "surface", "--out", tmp_path / "x.png")
    assert code == 0 and "not drawn" in out
    code, _, err = stimplan("figure", tmp_path / "moved", "--kind", "montage", "--out", tmp_path / "y.png")
    assert code == 2 and "needs electrodes" in err and not (tmp_path / "y.png").exists()


@pytest.mark.parametrize("fault", ["no folder", "no mesh", "no protocol", "no parts"])
def test_a_folder_that_is_no_run_is_refused(folders, tmp_path, fault):
    folder = tmp_path / "run"
    if fault != "no folder":
        shutil.copytree(folders / "half", folder)
    if fault == "no mesh":
        (folder / "field.vtu").unlink()
    if fault in ("no protocol", "no parts"):
        record = json.loads((folder / "summary.json").read_text())
        del (record if fault == "no protocol" else record["field"])[fault.removeprefix("no ")]
        (folder / "summary.json").write_text(json.dumps(record))
    code, _, err = stimplan("figure", folder, "--out", tmp_path / "x.png")
    assert code == 2 and err.startswith("stimplan: ") and "Traceback" not in err
    assert not (tmp_path / "x.png").exists()


# --- kinds


def test_what_a_run_cannot_have_is_said_with_its_reason(folders):
    direct, beating, swinging = (kinds_of(read_exposure(folders / name)) for name in ("half", "ti", "tacs"))
    assert {name for name, why in direct.items() if why} == {
        "coil", "potential", "sites", "phase", "cycle", "carriers", "envelope", "cycle-film"}  # fmt: skip
    assert {"normal", "arrows", "streamlines", "phase", "cycle", "cycle-film"} <= {
        n for n, why in beating.items() if why
    }
    assert not swinging["cycle"] and not swinging["cycle-film"] and "in phase" in swinging["phase"]


@pytest.mark.parametrize("kind", [name for name, one in KINDS.items() if not one.is_moving and name not in (
    "coil", "potential", "sites", "phase", "cycle", "carriers", "envelope", "difference", "comparison")])  # fmt: skip
def test_every_still_picture_of_a_direct_current_is_drawn(folders, kind):
    figure = draw(kind, {"half": read_exposure(folders / "half")}, Asked(views=("top",)) if "views" in KINDS[kind].takes
                  else None)  # fmt: skip
    assert figure.axes


@pytest.mark.parametrize(
    ("runs", "kind", "options", "words"),
    [
        (["half"], "portrait", {}, "no kind of picture"),
        (["half"], "difference", {}, "shows 2 runs, got 1"),
        (["half"], "envelope", {}, "only temporal interference"),
        (["half"], "surface", {"plane": "axial"}, "--plane: surface does not take it"),
        (["half"], "surface", {"views": ("below",)}, "'below' is none of"),
        (["half"], "cut", {"plane": "oblique"}, "'oblique' is none of"),
        (["half"], "surface", {"map_id": "rms"}, "'rms' is none of magnitude"),
    ],
)
def test_what_does_not_fit_together_is_refused(folders, runs, kind, options, words):
    with pytest.raises(InputError, match=words):
        draw(kind, {name: read_exposure(folders / name) for name in runs}, Asked(**options))


# --- the command


def test_publication_has_three_hundred_dots_per_inch(folders, tmp_path):
    sizes = {}
    for words in ([], ["--publication"]):
        code, out, _ = stimplan("figure", folders / "half", "--kind", "session", "--out", tmp_path / "s.png", *words)
        assert code == 0 and out.strip() == str(tmp_path / "s.png")
        with Image.open(tmp_path / "s.png") as image:
            sizes[bool(words)], dots = image.size, image.info["dpi"]
    assert sizes[True] == tuple(round(1.5 * side) for side in sizes[False])
    assert dots == pytest.approx((300, 300), abs=0.1)


DRAWINGS = {
    "overview": plot_overview, "surface": plot_surface_field, "arrows": plot_arrows,
    "montage": lambda exposure, **options: plot_montage(exposure.field.placement, **options),
    "cut": lambda exposure, **_: plot_cut(exposure), "comparison": lambda exposure, **options: plot_comparison(
        {"one": exposure, "other": exposure}, **options),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_rendered_view_has_the_dots_for_print(name):
    figure = DRAWINGS[name](small_run().exposure, views=["top"])
    shots = [(axes, image) for axes in figure.axes for image in axes.images]
    assert shots
    for axes, image in shots:
        # A square picture in axes of any form is as high as the shorter side.
        box, (width_in, height_in) = axes.get_position(), figure.get_size_inches()
        assert image.get_array().shape[0] / min(box.width * width_in, box.height * height_in) >= 300


def test_the_format_completes_a_name_and_may_not_contradict_one(folders, tmp_path):
    code, out, _ = stimplan("figure", folders / "half", "--kind", "course", "--out", tmp_path / "c", "--format", "svg")
    assert code == 0 and out.strip().endswith("c.svg") and (tmp_path / "c.svg").read_text().startswith("<?xml")
    code, _, err = stimplan("figure", folders / "half", "--out", tmp_path / "c.png", "--format", "svg")
    assert code == 2 and "contradicts" in err


def test_the_preview_is_drawn_and_compared(tmp_path):
    code, out, _ = stimplan("figure", "F3:+2", "F4:-2", "--out", tmp_path / "p.png", "--views", "top")
    assert code == 0 and "Preview:" in out and (tmp_path / "p.png").exists()
    code, out, _ = stimplan("figure", "F3:+2 F4:-2", "C3:+1 Fp2:-1", "--kind", "comparison", "--views", "top", "--json",
                            "--out", tmp_path / "q.png")  # fmt: skip
    assert code == 0 and json.loads(out)["runs"] == ["F3:+2, F4:-2", "C3:+1, Fp2:-1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "cut", "--at-mm", "nan"], "--at-mm: must be a finite number, got nan"),
        (["--kind", "cut", "--at-mm", "inf"], "--at-mm: must be a finite number"),
    ],
)
def test_a_plane_that_lies_nowhere_is_refused(folders, tmp_path, words, said):
    code, _, err = stimplan("figure", folders / "half", *words, "--out", tmp_path / "x.png")
    assert code == 2 and said in err and not (tmp_path / "x.png").exists()


def test_a_folder_that_is_given_twice_is_said_to_be(folders, tmp_path):
    half = folders / "half"
    code, _, err = stimplan("figure", half, half, "--kind", "difference", "--out", tmp_path / "x.png")
    assert code == 2 and "is given twice" in err


def test_two_runs_are_subtracted_by_name(folders, tmp_path):
    code, out, _ = stimplan("figure", folders / "turned", folders / "half", "--kind", "difference", "--views", "top",
                            "--out", tmp_path / "d.png", "--json")  # fmt: skip
    assert code == 0 and json.loads(out)["runs"] == ["turned", "half"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x.png"], "RESULT: is missing"),
        (["F3:+2", "F4:-2"], "--out: is missing"),
        (["F3:+2", "F4:-2", "--out", "x.jpg"], "must end in .png"),
        (["F3:+2", "F4:-2", "--out", "no/such/x.png"], "there is no folder"),
        (["F3:+2", "F4:-2", "--out", "x.gif"], "preview is written as .png or .svg"),
        (["F3:+2", "F4:-2", "--out", "x.svg", "--publication"], "dots per inch"),
        (["F3:+2", "F4:-1", "--out", "x.png"], "sum to zero"),
        (["F3:+2", "F4:-2", "--out", "x.png", "--kind", "slices"], "kinds preview and comparison"),
        (["F3:+2", "F4:-2", "--out", "x.png", "--roi", "ba:46"], "--roi"),
        (["F3:+2", "F4:-2", "--out", "x.png", "--views", "below"], "'below' is none of"),
        (["nowhere", "--out", "x.png"], "name the folder of a finished run"),
        (["nowhere", "--out", "x.png", "--kind", "turn"], "turn is written as .gif or .mp4"),
    ],
)
def test_bad_input_is_said_and_nothing_is_written(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = stimplan("figure", *words)
    assert code == 2 and said in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_the_kinds_are_listed(folders):
    code, out, _ = stimplan("figure", "--list")
    assert code == 0 and all(name in out for name in KINDS)
    code, out, _ = stimplan("figure", "--list", folders / "half", "--json")
    found = {one["kind"]: one["why_not"] for one in json.loads(out)["kinds"]}
    assert code == 0 and found["overview"] == "" and "temporal interference" in found["envelope"]


# --- what moves


def test_a_turn_goes_once_around_from_the_front_over_the_left():
    ways = np.array(list(turn_directions(8)))
    assert ways[0] @ [0, 1, 0] == pytest.approx(1.0) and ways[2] @ [-1, 0, 0] == pytest.approx(1.0)
    for way in ways:
        np.testing.assert_allclose(camera_axes(way) @ camera_axes(way).T, np.eye(3), atol=1e-12)
    with pytest.raises(InputError, match="at least 4"):
        list(turn_directions(3))


def test_the_images_of_a_turn_differ_and_the_film_has_them_all(tmp_path):
    found = animate_turn(small_run().exposure, images=4)
    assert len({image.tobytes() for image in found.images}) == 4 == len(found.images)
    assert {image.shape[0] % 2 + image.shape[1] % 2 for image in found.images} == {0}
    write_animation(found, tmp_path / "turn.gif")
    with Image.open(tmp_path / "turn.gif") as film:
        assert film.n_frames == 4 and film.info["loop"] == 0
        assert 4 * film.info["duration"] == pytest.approx(1e3 * found.length_s, rel=0.02)


def test_a_palette_keeps_white_and_the_colours_of_the_scale():
    scale = np.tile(np.linspace(0, 1, 200), (4, 1))
    image = np.full((100, 400, 3), 255, np.uint8)
    image[10:14, 100:300] = 255 * colormaps["viridis"](scale)[..., :3]
    image[40:90, :] = (np.arange(400) % 200 + 30)[None, :, None]  # a great many greys
    made = np.array(in_palette(image, palette_of([image])).convert("RGB")).astype(int)
    assert (made[:5] == 255).all()
    assert np.abs(made - image)[10:14, 100:300].max() <= 16
    blank = np.full((8, 8, 3), 255, np.uint8)
    assert (np.array(in_palette(blank, palette_of([blank])).convert("RGB")) == 255).all()


def test_half_a_cycle_later_the_field_has_turned_round(folders, tmp_path):
    exposure = read_exposure(folders / "tacs").exposure
    found = animate_cycle(exposure, images=4)
    first, later = (found.images[k][: int(0.7 * len(found.images[k]))].astype(int) for k in (0, 2))  # above the bar
    redness, later_redness = (image[..., 0] - image[..., 2] for image in (first, later))
    # What was red is blue now: the colours stand for the sign, and the scale is the same in every image.
    assert (redness > 40).sum() > 500 and (redness < -40).sum() > 500
    assert np.median(later_redness[redness > 40]) < -20 and np.median(later_redness[redness < -40]) > 20
    write_animation(found, tmp_path / "cycle.mp4")
    assert (tmp_path / "cycle.mp4").stat().st_size > 2000


def test_when_the_current_peaks_it_goes_into_the_cortex_below_its_electrode(folders):
    exposure = read_exposure(folders / "tacs").exposure
    inward, reach = normal_cycle(exposure)
    cortex, electrodes = cortex_of(exposure.field.head), exposure.field.placement.electrodes
    for patch, current in zip(electrodes, shown_currents_A([one.electrode for one in electrodes]), strict=True):
        below = cortex.nodes[np.argmin(np.linalg.norm(cortex.points_m - patch.center_m, axis=1))]
        assert np.sign(inward[below].real) == np.sign(current) and abs(inward[below]) > 0.2 * reach


def test_a_direct_current_has_no_cycle_to_show():
    with pytest.raises(InputError, match="alternating"):
        animate_cycle(small_run().exposure)


def test_a_film_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    film = Animation((np.zeros((4, 4, 3), np.uint8),), 1.0)
    with pytest.raises(MissingExtra, match=r"stimplan\[video\]"):
        write_animation(film, tmp_path / "x.mp4")
    with pytest.raises(InputError, match=r"\.gif or \.mp4"):
        write_animation(film, tmp_path / "x.avi")


def test_a_figure_is_written_by_its_ending(tmp_path):
    figure = plot_session(small_run().protocol)
    write_figure(figure, tmp_path / "a.svg")
    write_figure(figure, tmp_path / "b.png", dpi=100)
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["dpi"][0] == pytest.approx(100, abs=0.1)
    assert "<svg" in (tmp_path / "a.svg").read_text()
    with pytest.raises(InputError, match=r"\.png or \.svg"):
        write_figure(figure, tmp_path / "c.pdf")


# --- coils


def coil_run(folders, basis="unit", *, is_assumed=True):
    """The run of a folder as if a coil had made its field."""
    run = read_exposure(folders / "half")
    block = {"drive": {"didt_A_per_s": 1e6, "basis": basis, "stated": "120% of rMT"},
             "pose": {"is_handle_assumed": is_assumed}}  # fmt: skip
    return attrs.evolve(run, record={**run.record, "coil": {"blocks": [block, block]}})


@pytest.mark.parametrize(
    ("basis", "is_assumed", "note"),
    [
        ("unit", True, "field for dI/dt = 1 A/µs, not for 120% of rMT; direction of the handle assumed"),
        ("assumed", False, "field for dI/dt = 1 A/µs, assumed; the protocol says 120% of rMT"),
        ("protocol", False, "field for dI/dt = 1 A/µs (120% of rMT)"),
    ],
)
def test_a_coils_picture_says_for_which_rate_its_numbers_are(folders, basis, is_assumed, note):
    run = coil_run(folders, basis, is_assumed=is_assumed)
    plain = draw("surface", {"x": read_exposure(folders / "half")}, Asked(views=("top",)))
    figure = draw("surface", {"x": run}, Asked(views=("top",)))
    assert [text.get_text() for text in figure.texts if text.get_gid() == "footer"] == [note] == [coil_note(run)]
    assert not [text for text in plain.texts if text.get_gid() == "footer"]
    # The picture grows downwards; what was in it keeps its size.
    (_, before), (_, after) = plain.get_size_inches(), figure.get_size_inches()
    assert after > before
    for old, new in zip(plain.axes, figure.axes, strict=True):
        then, now = old.get_position(original=True), new.get_position(original=True)
        assert now.height * after == pytest.approx(then.height * before)
        assert (1 - now.y1) * after == pytest.approx((1 - then.y1) * before)


def test_a_picture_of_several_blocks_says_which_one_is_drawn(folders):
    run = coil_run(folders, "unit")
    first, second = ({**run.record["coil"]["blocks"][0], "label": name, "digest": name} for name in ("left", "right"))
    second = {**second, "drive": {**second["drive"], "didt_A_per_s": 5e6}}
    both = attrs.evolve(run, record={**run.record, "coil": {"blocks": [first, second]}})
    assert coil_note(both).startswith("left, the first of 2 blocks: field for dI/dt = 1 A/µs")
    assert "5 A/µs" not in coil_note(both)


def test_a_picture_without_field_needs_no_rate(folders):
    assert not [t for t in draw("session", {"x": coil_run(folders)}).texts if t.get_gid() == "footer"]
