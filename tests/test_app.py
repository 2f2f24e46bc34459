"""The app's shell: what it shows, what a click means, where it writes, and how a solve ends."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from stimplan.app.computed import NO_VALUE, computed_layers, computed_picture, is_on_template
from stimplan.app.downloads import Offer, Offers
from stimplan.app.edits import pick_site
from stimplan.app.folder import Folder
from stimplan.app.page import page_text
from stimplan.app.picture import colour_table, gradient, picture_of, position_mm, sites, template_layers
from stimplan.app.plan import Plan, preview_currents_A
from stimplan.app.registry import Panel, of_region
from stimplan.app.security import Gate, LimitedMessages, address, hosts_of, new_token
from stimplan.app.solve_worker import Job, Solved, work
from stimplan.app.solver import crash_reason, tidy
from stimplan.errors import InputError
from stimplan.fem.interference import modulation_depth_pair
from stimplan.preview import preview, preview_table
from stimplan.protocol import dump_protocol, list_protocols, read_protocol
from stimplan.safety import check

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "protocols"
IDS = [entry.path.stem for entry in list_protocols()]


def plan(name="select-tdcs"):
    return Plan(read_protocol(name))


@pytest.mark.parametrize("name", IDS)
def test_every_protocol_of_the_library_has_a_picture_or_says_why_not(name):
    picture = picture_of(plan(name))
    assert picture.values is not None or picture.why
    assert picture.electrodes or picture.why


def test_the_picture_is_the_preview():
    seen = preview({"F3": 2e-3, "F4": -2e-3})
    picture = picture_of(plan())
    np.testing.assert_allclose(picture.values, seen.magnitude_V_per_m, rtol=1e-6)
    assert picture.high == seen.percentile_V_per_m(99.9) and picture.low == 0
    assert f"{seen.percentile_V_per_m(95):.3g} V/m" in picture.line
    inward = picture_of(plan(), 1)
    np.testing.assert_allclose(inward.values, seen.inward_V_per_m, rtol=1e-6)
    assert inward.low == -inward.high
    area = seen.table.area_m2
    assert area[np.abs(seen.inward_V_per_m) > inward.high].sum() <= 0.001 * area.sum() * 1.0001


def times(protocol, factor):
    electrodes = tuple(attrs.evolve(one, current_A=factor * one.current_A) for one in protocol.electrodes)
    return attrs.evolve(protocol, stimulation=attrs.evolve(protocol.electric, electrodes=electrodes))


def test_twice_the_current_is_twice_the_picture():
    once = plan()
    twice = Plan(times(once.protocol, 2))
    np.testing.assert_allclose(picture_of(twice).values, 2 * picture_of(once).values, rtol=1e-5)


def test_electrodes_lie_where_the_preview_has_them():
    table = preview_table()
    for disc in picture_of(plan()).electrodes:
        np.testing.assert_allclose(np.array(disc.at_mm) / 1e3, table.sites_m[table.names.index(disc.site)], atol=6e-6)
        assert disc.record()["sign"] == ("anode" if disc.current_mA > 0 else "cathode")
        assert disc.record()["text"].endswith("mA") and "-" not in disc.record()["text"]
    assert len(sites()) == len(table.names) and position_mm("Cz") == tuple(
        next(s for s in sites() if s["name"] == "Cz")["at"]
    )


def test_currents_with_phases_of_their_own_are_not_one_set_of_currents():
    phases = next(p for p in map(read_protocol, IDS) if any((e.phase_rad or 0) not in (0.0,) for e in p.electrodes))
    shifted = attrs.evolve(phases.electrodes[0], phase_rad=1.0)
    with pytest.raises(InputError, match="phase"):
        preview_currents_A(attrs.evolve(phases, stimulation=_with(phases, shifted)))


def test_the_envelope_of_two_pairs_is_shown_by_its_closed_form():
    protocol = read_protocol(EXAMPLES / "example-ti-two-pairs.json")
    seen, carriers = picture_of(Plan(protocol)), picture_of(Plan(protocol), 1)
    pairs = [preview({"F7": 1e-3, "P7": -1e-3}).E_V_per_m, preview({"F8": 1e-3, "P8": -1e-3}).E_V_per_m]
    np.testing.assert_allclose(seen.values, modulation_depth_pair(np.stack(pairs)), rtol=2e-5, atol=1e-7)
    plus, minus = (np.linalg.norm(pairs[0] + sign * pairs[1], axis=1) for sign in (1, -1))
    np.testing.assert_allclose(carriers.values, np.maximum(plus, minus), rtol=2e-5)
    assert seen.low == 0 and 0 < seen.high <= float(seen.values.max())
    assert "Modulation depth" in seen.caption and seen.shades == ("Modulation depth", "Carriers' peak |E|")


def test_a_quarter_of_a_cycle_between_two_pairs_makes_the_field_turn():
    protocol = next(p for p in map(read_protocol, IDS) if p.modality == "tACS" and len(p.electrodes) == 2)
    tree = json.loads(dump_protocol(protocol))
    (one, other), at = tree["stimulation"]["electrodes"], ("F3", "P3", "F4", "P4")
    sizes = {"shape": {"type": "circle", "diameter_mm": 12}}
    tree.update(id="turning", certainty={})
    tree["stimulation"]["amplitude_convention"] = "peak"
    tree["stimulation"]["electrodes"] = [
        {**pattern, **sizes, "site": site, "label": site, "current_mA": sign, "phase_deg": phase}
        for pattern, site, sign, phase in zip((one, other, one, other), at, (1, -1, 1, -1), (0, 0, 90, 90), strict=True)
    ]
    seen = picture_of(Plan(read_protocol(tree)))
    in_phase = preview({"F3": 1e-3, "P3": -1e-3}).E_V_per_m
    quarter = preview({"F4": 1e-3, "P4": -1e-3}).E_V_per_m
    turns = np.linspace(0, np.pi, 181)
    largest = np.max([np.linalg.norm(in_phase * np.cos(t) - quarter * np.sin(t), axis=1) for t in turns], axis=0)
    np.testing.assert_allclose(seen.values, largest, rtol=2e-4, atol=1e-7)
    assert seen.caption.startswith("Peak |E| of the cycle")


def _with(protocol, first):
    electric = protocol.electric
    object.__setattr__(electric, "electrodes", (first, *electric.electrodes[1:]))  # no balance is looked at here
    return electric


def test_an_alternating_current_in_antiphase_is_shown_at_its_peak():
    protocol = next(p for p in map(read_protocol, IDS) if p.modality == "tACS" and len(p.electrodes) == 2)
    currents = list(preview_currents_A(protocol).values())
    assert currents[0] == -currents[1] != 0


def test_a_coil_lies_on_the_scalp_with_its_handle_where_the_protocol_says():
    from stimplan.app.coil_shape import coil_bodies
    from stimplan.protocol.magnetic import CoilPlacement, Handle
    from stimplan.runs.preview import pose_on_template

    table = preview_table()
    for degrees, way in ((0, [0, -1, 0]), (90, [-1, 0, 0])):
        place = CoilPlacement(None, site="Cz", handle=Handle(from_midline_rad=np.radians(degrees)))
        pose = pose_on_template(place, None)
        assert np.linalg.norm(pose.center_m - np.array(position_mm("Cz")) / 1e3) < 0.01
        assert pose.z @ [0, 0, -1] > 0.95
        assert pose.handle_direction @ way > 0.95
    towards = pose_on_template(CoilPlacement(None, site="C3", handle=Handle(towards="Cz")), None)
    across = np.array(position_mm("Cz")) / 1e3 - towards.center_m
    assert towards.handle_direction @ across / np.linalg.norm(across) > 0.8
    deep = pose_on_template(CoilPlacement(None, mni_m=(-0.038, 0.044, 0.026)), None)
    assert np.linalg.norm(table.scalp_m - deep.center_m, axis=1).min() < 0.01
    bodies = [coil_bodies(protocol.magnetic) for protocol in magnetic()]
    assert all(layers or told for layers, _, told in bodies)
    assert any(any(one["id"].startswith("handle") for one in layers) for layers, _, _ in bodies)


def magnetic():
    return [p for p in map(read_protocol, IDS) if p.magnetic is not None]


def test_the_coil_that_is_drawn_is_the_coil_that_is_meant():
    from stimplan.app.coil_shape import coil_bodies, outlines_of
    from stimplan.coil import read_coil

    circle, eight = (
        np.concatenate([line for line, _ in outlines_of(read_coil(name))])
        for name in ("magstim-90mm-circular", "magstim-70mm-figure8")
    )
    assert np.ptp(circle, axis=0)[0] == pytest.approx(np.ptp(circle, axis=0)[1], rel=0.02)
    assert np.ptp(eight, axis=0)[0] > 1.7 * np.ptp(eight, axis=0)[1]
    assert len(outlines_of(None)) == 6  # a common figure-8 where no winding is known
    stimulation = read_protocol("huang-2005-ctbs").magnetic
    unknown = attrs.evolve(stimulation, coil=attrs.evolve(stimulation.coil, file="mine.ccd"))
    layers, _, told = coil_bodies(unknown)
    assert layers and any("given as a file" in one for one in told)


def test_a_body_is_closed_towards_the_outside():
    from stimplan.app.coil_shape import _merged, _tube

    angle = np.linspace(0, 2 * np.pi, 73)
    rings = [np.stack([r * np.cos(angle), r * np.sin(angle), 0 * angle], axis=1) for r in (0.028, 0.036)]
    layer = _merged("rings", [_tube(ring, 0.0016, is_closed=True) for ring in rings], "#000000")
    points = np.frombuffer(layer["points"], "<f4").reshape(-1, 3)
    normals = np.frombuffer(layer["normals"], "<f4").reshape(-1, 3)
    corners = points[np.frombuffer(layer["corners"], "<u4").reshape(-1, 3)]
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    # By Pappus; a square has 2/pi of the circle around it.
    wanted = 2 / np.pi * sum(2 * np.pi**2 * r * 1.6**2 for r in (28, 36))
    assert volume == pytest.approx(wanted, rel=0.03)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)


def test_the_field_of_a_coil_is_shown_as_in_a_round_head_and_says_so():
    from stimplan.coil_preview import NOTE

    for protocol in magnetic():
        seen = picture_of(Plan(protocol))
        assert seen.values is not None and seen.values.shape == (len(preview_table().points_m),), protocol.id
        assert seen.low == 0 < seen.high <= float(seen.values.max())
        assert NOTE in seen.line and "A/µs" in seen.caption
        assert [name.split(":")[0] for name in seen.shades] == ["Strength"] * len(seen.shades)
    both = read_protocol("fitzgerald-2006-bilateral")
    right, left, beyond = (picture_of(Plan(both), shade) for shade in (0, 1, 7))
    assert "F4" in right.line and "F3" in left.line and beyond.line == left.line
    assert len(right.shades) == 2 and (right.values != left.values).any()
    for one, side in ((right, 1), (left, -1)):  # the coil that makes the field that is shown, and no other
        assert [body["id"] for body in one.bodies] == ["coil 0"]
        assert side * np.frombuffer(one.bodies[0]["points"], "<f4").reshape(-1, 3)[:, 0].mean() > 20


def test_a_coil_without_a_preview_shows_its_reason_and_no_field():
    protocol = read_protocol("huang-2005-ctbs")
    stimulation, block = protocol.magnetic, protocol.magnetic.blocks[0]
    own = attrs.evolve(block, placement=attrs.evolve(block.placement, site=None, pose_m=tuple(map(tuple, np.eye(4)))))
    seen = picture_of(Plan(attrs.evolve(protocol, stimulation=attrs.evolve(stimulation, blocks=(own,)))))
    assert seen.values is None and "person's own head" in seen.why and seen.bodies == ()
    hard = attrs.evolve(block, intensity=attrs.evolve(block.intensity, value_fraction=1.5, reference="MSO"))
    seen = picture_of(Plan(attrs.evolve(protocol, stimulation=attrs.evolve(stimulation, blocks=(hard,)))))
    assert seen.values is None and "of its stimulator" in seen.why and seen.bodies


def test_colours_are_those_of_the_figures():
    from matplotlib import colormaps

    table = np.frombuffer(colour_table("magnitude"), np.uint8).reshape(256, 3)
    np.testing.assert_allclose(table, 255 * colormaps["viridis"](np.linspace(0, 1, 256))[:, :3], atol=0.51)
    assert gradient(colour_table("magnitude")).startswith("linear-gradient(90deg, #440154")
    assert len(colour_table("inward")) == 3 * 256


def test_the_layers_of_the_template_are_whole():
    for layer in template_layers():
        points = np.frombuffer(layer["points"], "<f4").reshape(-1, 3)
        corners = np.frombuffer(layer["corners"], "<u4")
        assert corners.max() == len(points) - 1 and len(layer["normals"]) == len(layer["points"])
        assert 60 < np.abs(points).max() < 300  # mm


def test_a_click_adds_an_electrode_and_takes_it_away_again():
    protocol = read_protocol("select-tdcs")
    more = pick_site(protocol, "Pz")
    assert [one.site for one in more.electrodes] == ["F3", "F4", "Pz"]
    assert more.electrodes[2].current_A == 0 and more.electrodes[2].shape == more.electrodes[0].shape
    fewer = pick_site(more, "Pz")
    assert [one.site for one in fewer.electrodes] == ["F3", "F4"]
    assert [one.current_A for one in fewer.electrodes] == [one.current_A for one in protocol.electrodes]
    for wrong in ("F3", "Nowhere"):
        with pytest.raises(InputError):
            pick_site(fewer, wrong)


def test_a_click_moves_a_coil():
    protocol = next(
        p for p in map(read_protocol, IDS) if p.magnetic and isinstance(p.magnetic.blocks[0].placement.site, str)
    )
    moved = pick_site(protocol, "Pz")
    assert moved.magnetic.blocks[0].placement.site == "Pz"
    assert moved.magnetic.blocks[0].placement.handle == protocol.magnetic.blocks[0].placement.handle


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "a/b", "a\\b", ".hidden", "x\0y", "C:x", "con.json", "NUL", "a" * 121, "x.", "x ", "é.json", 7],
)
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(InputError):
        Folder(tmp_path).inside(name)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "x.json").symlink_to(tmp_path / "outside.json")
    (inside / "y.json").write_text("{}")
    folder = Folder(inside)
    for call in (lambda: folder.inside("x.json"), lambda: folder.write("x.json", b"x")):
        with pytest.raises(InputError, match="link"):
            call()
    assert not (tmp_path / "outside.json").exists()
    assert folder.files(".json") == ("y.json",)
    with pytest.raises(InputError, match="no folder"):
        Folder(tmp_path / "missing")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    folder.write("a.json", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError):
        folder.write("a.json", b"new")
    monkeypatch.undo()
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"] and (tmp_path / "a.json").read_bytes() == b"old"


def test_offers_are_found_by_key_and_name_and_the_oldest_go():
    offers = Offers()
    first = offers.add(Offer("a.json", "application/json", b"1"))
    _, key, name = first.split("/")
    assert offers.get(key, name).content == b"1"
    assert offers.get(key, "b.json") is None and offers.get("x", name) is None
    for _ in range(20):
        offers.add(Offer("b.json", "application/json", b"2"))
    assert offers.get(key, name) is None


def test_panels_are_told_apart_and_kept_in_order():
    panels = tuple(Panel(name, name, region, print) for name, region in (("a", "left"), ("b", "right"), ("c", "left")))
    assert [one.id for one in of_region(panels, "left")] == ["a", "c"]
    for wrong in ({"id": "A b"}, {"region": "top"}):
        with pytest.raises(ValueError):
            Panel(**{"id": "a", "title": "A", "region": "left", "build": print, **wrong})


def test_a_page_of_another_trame_is_refused_in_words(tmp_path):
    (tmp_path / "index.html").write_text("<html></html>")
    with pytest.raises(ValueError, match="this version of trame is not known"):
        page_text(tmp_path / "index.html")


def test_tokens_are_long_and_never_twice_the_same():
    assert len({new_token() for _ in range(100)}) == 100 and len(new_token()) >= 43
    gate = Gate("t", hosts_of("127.0.0.1", 8080), 8080)
    assert address(gate) == "http://127.0.0.1:8080/?token=t" and "t'" not in repr(gate).replace("token", "")
    assert hosts_of("10.0.0.1", 1) == ("10.0.0.1:1",) and hosts_of("::2", 1) == ("[::2]:1",)


def test_no_connection_makes_room_for_more_than_the_limit():
    class Joiner:
        size = 0

        def set_max_message_size(self, size):
            self.size = size

    joiner = Joiner()
    LimitedMessages(1000)["x"] = joiner
    joiner.set_max_message_size(4 * 1024**3)
    assert joiner.size == 1000


def test_a_crash_is_said_in_words():
    assert "SIGKILL" in crash_reason(-9) and "memory" in crash_reason(-9)
    assert "SIGSEGV" in crash_reason(-11) and "memory" not in crash_reason(-11)
    assert "code 3" in crash_reason(3) and "4096" in crash_reason(-4096)


def test_what_a_killed_solve_left_is_tidied(tmp_path):
    out = tmp_path / "out"
    (out / ".stimplan-abc").mkdir(parents=True)
    (out / ".stimplan-abc" / "field.vtu").write_text("half")
    tidy(out, was_there=False)
    assert not out.exists()
    out.mkdir()
    (out / "report.html").write_text("older")
    (out / ".stimplan-abc").mkdir()
    tidy(out, was_there=True)
    assert [one.name for one in out.iterdir()] == ["report.html"]


def told_by(job):
    ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(job, theirs))
    process.start()
    theirs.close()
    told = []
    try:
        while True:
            told.append(ours.recv())
    except EOFError:
        pass
    ours.close()
    process.join(30)
    return told, process.exitcode


def test_a_solve_that_may_not_be_says_why(tmp_path):
    stopped = times(read_protocol("select-tdcs"), 5)
    assert check(stopped).verdict == "stop"
    told, code = told_by(Job(Plan(stopped), "teaching", tmp_path / "out", False))
    assert told[-1].kind == "failed" and "the safety verdict is" in told[-1].text
    assert code == 0 and not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("not a folder")
    told, code = told_by(Job(plan(), "teaching", tmp_path / "file", True))
    assert told[-1].kind == "failed" and str(tmp_path / "file") in told[-1].text and "Traceback" not in told[-1].text


def test_without_the_extra_the_command_says_what_to_install():
    block = (
        "import sys; sys.modules['trame'] = None; from stimplan.cli import run; sys.exit(run(['app', '--no-browser']))"
    )
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "pip install 'stimplan[app]'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--port", "99999"], "--port"),
        (["--folder", "/nowhere"], "no folder"),
        (["no-such-protocol"], "no-such-protocol"),
        (["--host", "203.0.113.7"], "cannot listen"),
        (["--host", "0.0.0.0"], "no address a browser could ask for"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_starts(arguments, words):
    pytest.importorskip("trame")
    from stimplan.cli import run

    errors = io.StringIO()
    assert run(["app", "--no-browser", *arguments], io.StringIO(), errors) == 2
    assert words in errors.getvalue()


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    out = tmp_path_factory.mktemp("solved") / "stimplan-select-tdcs"
    told, code = told_by(Job(plan(), "teaching", out, True))
    assert code == 0, told[-1]
    return told, out


@pytest.mark.slow
def test_an_exact_solve_tells_its_progress_and_its_error(solved):
    told, out = solved
    assert [one.kind for one in told[:2]] == ["progress", "progress"] and told[-1].kind == "solved"
    assert {"solve", "drawing"} <= {one.text for one in told}
    assert (out / "report.html").stat().st_size > 100_000 and (out / "scene.html").exists()
    picture = computed_picture(told[-1].solved)
    error = told[-1].solved.record["numerics"]["relative_error_estimate"]
    assert f"estimated error {100 * error:.1f} %" in picture.line
    layers = computed_layers(told[-1].solved.scene)
    cortex = next(one for one in layers if one["is_shaded"])
    assert len(cortex["points"]) == 12 * len(picture.values)
    assert is_on_template(told[-1].solved.scene)
    signs = {disc.label.split()[0]: disc.current_mA for disc in picture.electrodes}
    assert signs["F3"] > 0 > signs["F4"]


@pytest.mark.slow
def test_where_the_surface_is_no_grey_matter_there_is_no_number(solved):
    scene = solved[0][-1].solved.scene
    cortex = next(one for one in scene.layers if one.shades)
    empty = np.array(cortex.shades[0].values)
    empty[:5] = np.nan
    shade = attrs.evolve(cortex.shades[0], values=empty)
    layers = tuple(attrs.evolve(one, shades=(shade,)) if one is cortex else one for one in scene.layers)
    picture = computed_picture(Solved(attrs.evolve(scene, layers=layers), solved[0][-1].solved.record))
    nowhere = np.isnan(empty)
    assert nowhere[:5].all() and (picture.values[nowhere] == np.float32(NO_VALUE)).all()
    assert (picture.values[~nowhere] >= 0).all()


def test_a_signal_ends_the_worker_without_a_word_of_python(tmp_path):
    ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    job = Job(plan(), "teaching", tmp_path / "out", True)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(job, theirs))
    process.start()
    theirs.close()
    assert ours.recv().kind == "progress"
    os.kill(process.pid, signal.SIGTERM)
    process.join(30)
    ours.close()
    tidy(tmp_path / "out", was_there=False)
    assert process.exitcode is not None and not (tmp_path / "out").exists()
