"""`stimplan search` from end to end on a small head, its files, its pictures, and all that can be wrong with it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from spheres import sphere

from stimplan.cli import run
from stimplan.coil import list_coils
from stimplan.coil_search import Goal, SearchOptions, SearchSpace, make_target, search_poses, values_at
from stimplan.coil_search.candidates import CASING
from stimplan.commands.search import DEFAULT_FORMATS, FILES
from stimplan.exchange.navigation import FORMATS, read_navigation
from stimplan.view.coil_search import limits_V_per_m, plot_front, plot_poses, plot_search, scene_search
from stimplan.view.paper import png_bytes

SMALL = ["--coil", "figure8-70mm-9-turns", "--radius-mm", "8", "--angles=-90:90:45", "--top-k", "3"]


@pytest.fixture
def small_head(monkeypatch):
    """The command on a small sphere, and what heads it was asked for."""
    asked = []

    def load(name, **options):
        asked.append((name, options))
        return sphere()

    monkeypatch.setattr("stimplan.head.load_head", load)
    return asked


def called(*args):
    out, err = io.StringIO(), io.StringIO()
    code = run(["search", *args], out, err)
    return code, out.getvalue(), err.getvalue()


def test_a_search_writes_its_record_its_poses_and_its_pictures(small_head, tmp_path):
    out = tmp_path / "found"
    place = "head:10,20,70"
    code, text, err = called(
        place, *SMALL, "--out", str(out), "--avoid", "head:-20,20,70@0.5", "--didt", "100", "--json"
    )
    assert (code, err) == (0, "")
    record = json.loads(text)
    written = json.loads((out / "search.json").read_text())
    assert written == record
    assert sorted(path.name for path in out.iterdir()) == sorted(record["files"])
    assert {"search.png", "front.png"} <= set(record["files"])
    assert record["didt_A_per_s"] == [1e8]
    assert record["poses"] == 13 * 5
    scores = [one["score_V_per_m"] for one in record["best"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3
    for one in record["best"]:
        low, high = one["score_spread_V_per_m"]
        assert low < high and one["spread_poses"] == 14
        assert one["score_V_per_m"] == pytest.approx(one["values_V_per_m"][0] - 0.5 * one["values_V_per_m"][1])
    assert "0.5 × [|E|" in record["maximised"]
    for name in DEFAULT_FORMATS:
        found = read_navigation(out / f"poses-{name}{FORMATS[name].suffix}")
        matrices = [target.pose.matrix_m for target in found.targets]
        assert np.array(matrices) == pytest.approx(np.array([one["matrix_m"] for one in record["best"]]), abs=1e-9)


def test_the_list_says_what_was_maximised_and_files_of_an_older_search_go(small_head, tmp_path):
    (tmp_path / "front.png").write_bytes(b"old")
    code, text, _ = called("C3", *SMALL, "--out", str(tmp_path), "--no-figures", "--to", "matrix")
    assert code == 0
    assert "Maximised: |E|, length of the field at" in text
    assert "C3 is not in layer 1: taken at the cortex nearest to it" in text
    assert "65 poses, 0 left out" in text
    assert "(in brackets: lowest to highest within 5 mm and 10°)" in text
    assert {path.name for path in tmp_path.iterdir()} == {"search.json", "poses-matrix.txt"}


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_left(small_head, tmp_path):
    out = tmp_path / "nothing"
    code, _, err = called(
        "mni:1,2", "--coil", "figure9", "--out", str(out), "--radius-mm", "x", "--angles", "5:2", "--to", "foo",
        "--direction", "up", "--also", "C3@0", "--avoid", "Q9", "--didt", "nan", "--tilt-deg", "3", "--top-k", "0",
    )  # fmt: skip
    assert code == 2
    for option in ("TARGET", "--coil", "--radius-mm", "--angles", "--to", "--direction", "--also", "--avoid", "--didt",
                   "--tilt-deg", "--top-k"):  # fmt: skip
        assert f"stimplan: {option}: " in err, option
    assert len(err.splitlines()) == 11
    assert not out.exists()


@pytest.mark.parametrize(
    "options, fragment",
    [
        (["--radius-mm", "500"], "--radius-mm: must be 1 mm to 120 mm"),
        (["--spacing-mm", "0"], "--spacing-mm"),
        (["--spacing-mm", "0.5", "--radius-mm", "100"], "at most 200,000 at once"),
        (["--uncertainty-deg", "-1"], "--uncertainty"),
        (["--angles", "90:0:10"], "FIRST, not above LAST"),
        (["--tilt-deg", "40,0", "--most-lift-mm", "0"], "can take none of the poses"),
        (["--top-k", "2.5"], "no whole number"),
        (["--didt", "0"], "dI/dt"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(small_head, tmp_path, options, fragment):
    code, _, err = called("head:10,20,70", *SMALL[:4], "--out", str(tmp_path / "no"), *options)
    assert code == 2
    assert fragment in err
    assert not (tmp_path / "no").exists()


def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_computed(small_head, tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    code, _, err = called("C3", *SMALL, "--out", str(path))
    assert code == 2
    assert "is a file, not a folder" in err
    assert path.read_text() == "x"


def test_what_did_not_converge_leaves_nothing_and_says_so(small_head, tmp_path, monkeypatch):
    monkeypatch.setattr("stimplan.fem.solve.conjugate_gradient", lambda matrix, b, *rest, **more: 0 * b)
    code, _, err = called("C3", *SMALL, "--out", str(tmp_path / "no"), "--no-figures")
    assert code == 4
    assert "was not solved" in err
    assert not (tmp_path / "no").exists()


def test_the_head_is_asked_for_as_it_was_named(small_head, tmp_path):
    called("C3", *SMALL, "--out", str(tmp_path), "--no-figures", "--head", "x", "--edge-mm", "teaching",
           "--conductivities", "simnibs")  # fmt: skip
    assert small_head[0][0] == "x"
    assert small_head[0][1]["edge_mm"] == "teaching" and small_head[0][1]["conductivities"] == "simnibs"


# pictures


@pytest.fixture(scope="module")
def found():
    ear = 0.9 * np.asarray(sphere().fiducials_m["LPA"])
    target = make_target(sphere(), f"head:{','.join(str(1e3 * value * 0.8) for value in ear)}")
    space = SearchSpace(radius_m=0.04, spacing_m=0.01, angles_rad=tuple(np.radians([-60, 0, 60])))
    from coils import nine_turns

    return search_poses(sphere(), nine_turns("wire"), [Goal(target)], options=SearchOptions(space, top_k=2))


def drawn(plotter, name):
    """The mesh of an actor; pyvista connects it when it is asked for."""
    mapper = plotter.actors[name].mapper
    mapper.Update()
    return mapper.dataset.copy()


def test_the_map_has_each_place_with_its_best_score_and_none_where_no_coil_can_be(found):
    assert sum(found.candidates.left_out.values()) > 0
    assert CASING not in found.candidates.left_out
    plotter = scene_search(found, with_coil=True)
    try:
        values = drawn(plotter, "map").point_data["score_V_per_m"]
        assert {"scalp", "map", "target 0", "coil", "handle"} <= set(plotter.actors)
        handle = np.array(drawn(plotter, "handle").center)
    finally:
        plotter.close()
    assert np.isnan(values).sum() == (found.best_at_place < 0).sum() > 0
    assert np.nanmax(values) == found.best[0].score_V_per_m == limits_V_per_m(found)[1]
    pose = found.best[0].pose
    assert (handle - pose.center_m) @ pose.handle_direction > 0.05


def test_the_figure_names_the_handle_and_says_how_much_an_error_of_placement_costs(found):
    figure = plot_search(found)
    words = " ".join(text.get_text() for text in figure.texts)
    inside = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert "within 5 mm and 10° of it" in words and "left out (grey)" in words
    assert "handle" in inside
    assert png_bytes(figure) == png_bytes(figure)


def test_the_front_is_drawn_over_all_poses():
    goals = [Goal(make_target(sphere(), place)) for place in ("C3", "FC5")]
    from coils import nine_turns

    options = SearchOptions(SearchSpace(radius_m=0.01, angles_rad=(0.0, 1.0)), top_k=1)
    two = search_poses(sphere(), nine_turns("wire"), goals, options=options)
    axes = plot_front(two).axes[0]
    assert axes.get_xlabel() == "C3, V/m"
    assert len(axes.lines[0].get_xdata()) == len(two.front)


def test_the_usual_formats_and_the_coils_of_the_examples_exist():
    assert set(DEFAULT_FORMATS) <= set(FORMATS)
    assert SMALL[1] in list_coils()
    assert FILES[0] == "search.json"


def test_poses_side_by_side_have_a_bar_each_with_its_spread(found):
    poses = {"one": found.best[0].pose, "two": found.best[1].pose}
    figure = plot_poses(found, poses, values_at(found, list(poses.values())))
    bars = figure.axes[1]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["one", "two"]
    widths = [patch.get_width() for patch in bars.patches]
    assert widths == pytest.approx([one.score_V_per_m for one in found.best])


@pytest.mark.slow
def test_the_code_of_the_page_about_searches_runs():
    page = (Path(__file__).parents[1] / "docs" / "search.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict = {}
    exec(compile(block, "search.md", "exec"), names)
    assert names["low"] < names["value"] <= names["high"]
    assert names["value"] < names["best"].score_V_per_m


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--out", ""], "is empty; name a folder"), (["--out", "x", "--didt", "1e300"], "amperes per second?")],
)
def test_a_folder_without_a_name_and_an_impossible_rate_are_refused(words, said, tmp_path, monkeypatch, small_head):
    monkeypatch.chdir(tmp_path)
    code, _, err = called("C3", *SMALL, *words)
    assert code == 2 and said in err and list(tmp_path.iterdir()) == []
