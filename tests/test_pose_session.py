"""The session of a navigator on a head: in which coordinates, driven how hard, and what stands beside the field."""

from __future__ import annotations

import csv
import io
import json
import math

import attrs
import numpy as np
import pytest
from coils import nine_turns
from runs import small_head
from test_navigation import with_emg

from stimplan.cli import run as cli
from stimplan.coil import AGrid, Coil, Stimulator, read_coil
from stimplan.coil_search import make_target, observed_V_per_m
from stimplan.errors import CoilError, InputError
from stimplan.exchange.navigation import NavigationTarget, navigation_text, parse_navigation
from stimplan.exchange.navigation.brainsight import AXES
from stimplan.exchange.navigation.model import matrix_text
from stimplan.exchange.navigation.registration import contacts, read_registration, registered, touching
from stimplan.pose import CoilPose, Tilt, pose_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.runs.session import Drives, driven_coil, known_of, rested, session_poses
from stimplan.view.pose_map import PoseValues, plot_pose_map, scene_poses, view_of

PLACES = ((-0.03, 0.04, 0.068), (-0.02, 0.03, 0.075), (-0.035, 0.02, 0.07))


def on_head(distance_m=0.008):
    return [
        pose_on_scalp(small_head(), np.array(place), handle=Handle(math.radians(45)), distance_m=distance_m)
        for place in PLACES
    ]


def targets(distance_m=0.008, **beside):
    return tuple(NavigationTarget(f"n{n}", pose, **beside) for n, pose in enumerate(on_head(distance_m)))


def turn_about_z(degrees, shift=(0.0, 0.0, 0.0), scale=1.0):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = scale * np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), shift
    return matrix


# coordinates


def test_a_registration_takes_positions_and_axes_to_the_head():
    matrix = turn_about_z(90, (0.1, -0.2, 0.05))
    away = [attrs.evolve(one, pose=CoilPose(np.linalg.inv(matrix) @ one.pose.matrix_m)) for one in targets()]
    back, notices = registered(away, small_head(), matrix)
    for one, want in zip(back, targets(), strict=True):
        assert np.allclose(one.pose.matrix_m, want.pose.matrix_m, atol=1e-12)
    assert notices == ()


def test_where_it_stretches_coils_are_moved_and_turned_only_and_that_is_told():
    found, notices = registered(targets(), small_head(), turn_about_z(0, scale=1.05))
    assert np.allclose(found[0].pose.center_m, 1.05 * targets()[0].pose.center_m)
    assert np.allclose(found[0].pose.matrix_m[:3, :3], targets()[0].pose.matrix_m[:3, :3])
    assert "stretches by 1.050 to 1.050" in notices[0]


def test_mni_positions_go_the_way_of_the_head():
    found, _ = registered(targets(), small_head(), "mni")  # MNI lies 5 mm further back
    assert np.allclose(found[0].pose.center_m - targets()[0].pose.center_m, [0, 0.005, 0])
    bare = attrs.evolve(small_head(), mni_from_head=None)
    with pytest.raises(InputError, match="no MNI coordinates"):
        registered(targets(), bare, "mni")


def test_the_distance_of_each_coil_is_told_with_its_sign():
    outside, inside = contacts(small_head(), [on_head(0.008)[0], on_head()[0].lifted(-0.02)])
    assert outside.distance_m == pytest.approx(0.008, abs=1e-4) and outside.angle_rad < 0.05
    assert inside.distance_m == pytest.approx(-0.012, abs=1e-3)
    assert outside.fault == inside.fault == ""
    # The normal is the mean within 20 mm that laying a coil takes too.
    oblique = pose_on_scalp(small_head(), np.array(PLACES[0]), handle=Handle(0.0), distance_m=0.004, tilt=Tilt(0.3))
    assert contacts(small_head(), [oblique])[0].angle_rad == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (turn_about_z(0, (0, 0, 0.06)), "off the scalp, at most 30 mm"),
        (turn_about_z(0, (0.02, -0.02, -0.05)), "inside the head, at most 15 mm"),
    ],
)
def test_coils_that_do_not_touch_the_head_are_refused_with_their_distance(matrix, told):
    with pytest.raises(InputError) as caught:
        touching(targets(), small_head(), matrix)
    assert told in str(caught.value)
    assert "3 of 3 coils do not touch head 'small'" in str(caught.value)
    assert "taken as coordinates of the head 3 of 3 do" in str(caught.value)


def test_a_coil_that_looks_away_from_the_head_does_not_touch_it():
    flipped = CoilPose(on_head()[0].matrix_m @ np.diag([-1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(InputError, match="does not face the head"):
        touching([NavigationTarget("x", flipped)], small_head(), "head")


def test_single_pulses_into_the_air_can_be_left_out_by_name():
    air = NavigationTarget("air", on_head(0.008)[0].lifted(0.2))
    with pytest.raises(InputError, match="air: 208 mm off the scalp"):
        touching((*targets(), air), small_head(), "head")
    kept, notices = touching((*targets(), air), small_head(), "head", may_skip=True)
    assert [one.name for one in kept] == ["n0", "n1", "n2"]
    assert any("left out: air: 208 mm" in one for one in notices)
    assert any("8 mm, median 8 mm" in one for one in notices)
    with pytest.raises(InputError, match="1 of 1"):
        touching([air], small_head(), "head", may_skip=True)


def test_a_session_at_an_unusual_distance_is_questioned():
    assert not any("unusual" in one for one in touching(targets(), small_head(), "head")[1])
    assert any("unusual" in one for one in touching(targets(0.025), small_head(), "head")[1])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", "shape"),
        ("1 0 0 0\n0 1 0 0\n0 0 -1 0\n0 0 0 1\n", "mirrors"),
        ("1 0 0 x\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "rows of numbers"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 5 1\n", "last row"),
        ("1000 0 0 0\n0 1000 0 0\n0 0 1000 0\n0 0 0 1\n", "stretches"),
    ],
)
def test_matrices_that_are_no_registration_are_refused(tmp_path, content, told):
    (tmp_path / "m.txt").write_text(content)
    with pytest.raises(InputError, match=told):
        read_registration(tmp_path / "m.txt")


# how hard


def driven(coil=None, drives=None, **beside):
    poses, lines = session_poses(targets(**beside), coil or nine_turns(), drives or Drives())
    return poses[0], " ".join(lines)


def test_a_share_of_the_output_becomes_a_rate_where_the_stimulator_is_known_and_the_step_is_shown():
    one, said = driven(drives=Drives(max_didt_A_per_s=150e6), mso_fraction=0.6)
    assert (one.didt_A_per_s, one.rate_from) == (pytest.approx(90e6), "output")
    assert "60% of the output × 150 A/µs at 100 % of the output = 90 A/µs (3 poses)" in said
    one, said = driven(read_coil("magventure-cool-b65"), mso_fraction=0.5)
    assert one.didt_A_per_s == pytest.approx(0.5 * 149.77e6) and "of MagVenture" in said


def test_a_reported_rate_is_taken_before_a_share_and_they_are_compared():
    one, said = driven(drives=Drives(max_didt_A_per_s=150e6), mso_fraction=0.6, didt_A_per_s=88e6)
    assert (one.didt_A_per_s, one.rate_from, said) == (88e6, "file", "")
    _, said = driven(drives=Drives(max_didt_A_per_s=150e6), mso_fraction=0.6, didt_A_per_s=60e6)
    assert "66.7% (median) of what its outputs stand for by 150 A/µs" in said


def test_without_the_scale_of_the_stimulator_the_field_is_that_of_one_and_says_what_is_missing():
    one, said = driven(mso_fraction=0.6)
    assert (one.didt_A_per_s, one.beside) == (None, {"mso_fraction": 0.6})
    assert "3 poses for 1 A/µs" in said and "give --max-didt-a-per-us" in said
    _, said = driven()
    assert "the file has no output of the stimulator" in said
    one, _ = driven(drives=Drives(max_didt_A_per_s=150e6), mso_fraction=0.0)  # a stimulator that said nothing
    assert one.didt_A_per_s is None


def test_a_rate_stated_for_another_stimulator_is_not_taken():
    coil = attrs.evolve(nine_turns(), stimulators=[Stimulator("Rapid", "Magstim", 114.73e6)])
    assert known_of(coil, Drives(stimulator="Magstim Rapid2"))[0].max_didt_A_per_s == 114.73e6
    known, told = known_of(coil, Drives(stimulator="MagPro"))
    assert known.max_didt_A_per_s is None
    assert "114.7 A/µs with Magstim Rapid, not with MagPro" in told[0]
    assert known_of(coil, Drives(100e6, "MagPro"))[0].max_didt_A_per_s == 100e6
    # Nor does it limit what another stimulator gave.
    assert driven_coil(coil, Drives(stimulator="MagPro")).max_didt_A_per_s is None
    assert driven_coil(coil, Drives(stimulator="Rapid")).max_didt_A_per_s == 114.73e6
    assert driven_coil(coil, Drives(150e6, "MagPro")).max_didt_A_per_s == 150e6


def test_one_rate_for_all_comes_before_the_file():
    one, _ = driven(drives=Drives(150e6, None, 1e7), mso_fraction=0.6, didt_A_per_s=88e6)
    assert (one.didt_A_per_s, one.rate_from) == (1e7, "given")


def test_coils_that_cut_the_head_are_moved_back_until_they_rest():
    coil = read_coil("magventure-cool-b65")
    poses, _ = session_poses(targets(0.0), coil, Drives())
    sunk = [attrs.evolve(one, pose=one.pose.lifted(-0.006)) for one in poses]
    found, lines = rested(small_head(), coil, sunk)
    assert all(0.004 < one.beside["moved_back_m"] < 0.02 for one in found)
    assert "3 of 3 coils were moved back" in lines[0]
    _, lines = rested(small_head(), coil, session_poses(targets(0.03), coil, Drives())[0])
    assert "none was moved" in lines[0]
    grid = Coil("grid", (AGrid(np.zeros((2, 2, 2, 3)), np.eye(4)),), source="test")
    with pytest.raises(CoilError, match="neither casing nor wire"):
        rested(small_head(), grid, sunk)


# the command


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """`poses field` on the small head, in a folder of its own: code, output, errors."""
    monkeypatch.setattr("stimplan.head.load_head", lambda name, **options: small_head())
    monkeypatch.chdir(tmp_path)

    def call(source, *options, coil="figure8-70mm-9-turns"):
        code = cli(["poses", "field", str(source), "--coil", coil, "--out", "t.csv", *map(str, options)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def session_text(poses=None, *, outputs=("50", "60", "(null)"), responses=("120.5", "800", "(null)")):
    """A Brainsight export of the poses with outputs and responses, and one sample without a position."""
    both = enumerate(zip(outputs, responses, strict=True))
    text = with_emg(*((f"S{number}", output, mep, "(null)", "(null)") for number, (output, mep) in both))
    lines = [line for line in text.splitlines() if not line.startswith("M1\t")]
    rows = [number for number, line in enumerate(lines) if line.startswith("S") and "\t" in line]
    for number, pose in zip(rows, poses or on_head(), strict=True):
        matrix = matrix_text(pose, AXES)
        place = [*(row[3] for row in matrix), *(matrix[row][axis] for axis in range(3) for row in range(3))]
        cells = lines[number].split("\t")
        lines[number] = "\t".join([*cells[:4], *place, *cells[16:]])
    empty = lines[rows[-1]].split("\t")
    lines.append("\t".join(["lost", *empty[1:4], *["(null)"] * 12, *empty[16:]]))
    return "\n".join(lines) + "\n"


def rows_of(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def test_a_session_becomes_a_table_and_a_map_with_what_was_measured(command, tmp_path):
    (tmp_path / "s.txt").write_text(session_text(), encoding="utf-8")
    code, out, err = command("s.txt", "--max-didt-a-per-us", "150", "--target", "head:-20,25,60")
    assert (code, err) == (0, "")
    assert "50% of the output × 150 A/µs at 100 % of the output = 75 A/µs (1 pose)" in out
    assert "left out: lost" in out and "picture: t.png" in out
    rows = rows_of(tmp_path / "t.csv")
    assert [row["name"] for row in rows] == ["S0", "S1", "S2"]
    assert [row["rate_from"] for row in rows] == ["output", "output", "unit"]
    assert [float(row["didt_A_per_s"]) for row in rows] == pytest.approx([75e6, 90e6, 1e6])
    assert [row["mso_fraction"] for row in rows] == ["0.5", "0.6", ""]
    assert [row["mep_1_V"] for row in rows] == ["0.0001205", "0.0008", ""]
    assert float(rows[0]["scalp_distance_m"]) == pytest.approx(0.008, abs=1e-4)
    assert (tmp_path / "t.png").stat().st_size > 10_000
    target = make_target(small_head(), "head:-20,25,60")
    import stimplan as sp

    found = parse_navigation(session_text()).targets[0].pose
    placement = sp.coil_placement(read_coil("figure8-70mm-9-turns"), pose_m=found, didt_A_per_s=75e6, head=small_head())
    field = sp.solve(small_head(), placement)
    value = float(target.value(observed_V_per_m(field, target)))
    assert float(rows[0]["target_V_per_m"]) == pytest.approx(value, rel=1e-4)


def test_planned_positions_are_no_pulses_unless_asked_for(command, tmp_path):
    text = session_text().splitlines()
    at = next(number for number, line in enumerate(text) if line.startswith("# Target Name"))
    pose = matrix_text(on_head()[0], AXES)
    place = [*(row[3] for row in pose), *(pose[row][axis] for axis in range(3) for row in range(3))]
    text.insert(at + 1, "\t".join(["M1", *place]))
    (tmp_path / "s.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    code, out, _ = command("s.txt", "--no-picture")
    assert code == 0 and "1 planned position left out (M1); --planned takes them" in out
    assert [row["name"] for row in rows_of(tmp_path / "t.csv")] == ["S0", "S1", "S2"]
    code, out, _ = command("s.txt", "--no-picture", "--force", "--planned")
    assert code == 0 and "left out (M1)" not in out
    assert [row["name"] for row in rows_of(tmp_path / "t.csv")] == ["M1", "S0", "S1", "S2"]


def test_the_record_is_strict_json_with_everything(command, tmp_path):
    (tmp_path / "s.txt").write_text(session_text(), encoding="utf-8")
    code, out, _ = command("s.txt", "--json", "--no-picture")
    record = json.loads(out, parse_constant=pytest.fail)
    assert code == 0 and record["picture"] is None and not (tmp_path / "t.png").exists()
    assert record["beside"]["mep_1_V"] == [120.5e-6, 800e-6, None]
    assert record["rate_from"] == ["unit"] * 3
    assert any("give --max-didt-a-per-us" in note for note in record["notes"])


def test_positions_in_other_coordinates_are_refused_and_then_read_with_their_matrix(command, tmp_path):
    matrix = turn_about_z(90, (0.1, -0.2, 0.05))
    away = [CoilPose(np.linalg.inv(matrix) @ pose.matrix_m) for pose in on_head()]
    (tmp_path / "s.txt").write_text(session_text(away), encoding="utf-8")
    code, _, err = command("s.txt")
    assert code == 2 and "3 of 3 coils do not touch head 'small'" in err and "mm off the scalp" in err
    assert not (tmp_path / "t.csv").exists()
    matrix[:3, 3] *= 1e3
    np.savetxt(tmp_path / "inverse.txt", np.linalg.inv(matrix))
    code, _, err = command("s.txt", "--coordinates", "inverse.txt")
    assert code == 2 and "with the inverse of this matrix 3 of 3 do" in err
    np.savetxt(tmp_path / "m.txt", matrix)
    code, out, _ = command("s.txt", "--coordinates", "m.txt")
    assert code == 0 and "taken as moved by m.txt" in out
    found = np.array([[float(row[f"center_{axis}_m"]) for axis in "xyz"] for row in rows_of(tmp_path / "t.csv")])
    assert np.allclose(found, [pose.center_m for pose in on_head()], atol=1e-8)


def test_poses_of_navinibs_are_no_protocol(command, tmp_path):
    (tmp_path / "a_Samples.json").write_text(navigation_text(targets(), "navinibs"), encoding="utf-8")
    assert command("a_Samples.json", "--no-picture")[0] == 0
    assert [row["name"] for row in rows_of(tmp_path / "t.csv")] == ["n0", "n1", "n2"]


def test_coils_in_the_head_are_refused_with_the_way_out(command, tmp_path):
    sunk = [pose.lifted(-0.02) for pose in on_head()]
    (tmp_path / "s.txt").write_text(session_text(sunk), encoding="utf-8")
    code, _, err = command("s.txt")
    assert code == 2 and "S0: " in err and "--rest moves them back" in err
    code, out, _ = command("s.txt", "--rest", "--no-picture")
    assert code == 0 and "3 of 3 coils were moved back" in out and "casings are inside" not in out
    assert all(float(row["casing_depth_m"]) <= 2e-4 for row in rows_of(tmp_path / "t.csv"))
    assert float(rows_of(tmp_path / "t.csv")[0]["moved_back_m"]) > 0.01


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--coordinates", "nowhere.txt"], "--coordinates: expected head, mni or the file"),
        (["--max-didt-a-per-us", "-5"], "--max-didt-a-per-us: must be a finite number above 0, got -5"),
        (["--from", "word"], "--from: 'word' is not known"),
        (["--from", "softaxic"], "s.txt"),
        (["--channel", "7"], "--channel: no pose has a response in channel '7'; there is 1"),
        (["--channel", "1", "--jitter", "2"], "--channel: responses were measured at the poses of the file"),
        (["--target", "Q99"], "--target"),
        (["--target", "Cz", "--direction", "up"], "--direction"),
        (["--direction", "normal"], "--direction: is for --target only"),
        (["--max-didt-a-per-us", "150", "--roi", "cube:1"], "cube"),
    ],
)
def test_bad_options_of_a_session_are_named_and_nothing_is_written(command, tmp_path, options, told):
    (tmp_path / "s.txt").write_text(session_text(), encoding="utf-8")
    code, _, err = command("s.txt", *options)
    assert code == 2 and told in err
    assert [path.name for path in tmp_path.iterdir()] == ["s.txt"]


def test_options_of_a_session_mean_nothing_for_a_protocol(command):
    code, _, err = command("three-d-itbs", "--rest", "--channel", "1", "--stimulator", "x")
    assert code == 2
    for option in ("--rest", "--channel", "--stimulator"):
        assert f"{option}: is for the file of a navigator" in err


def test_a_file_that_is_not_there_is_named(command):
    code, _, err = command("gone.xml")
    assert code == 2 and "gone.xml" in err


def test_a_pulse_beyond_the_stimulator_is_named_in_amperes_per_microsecond(command, tmp_path):
    fast = navigation_text(targets(didt_A_per_s=120e6), "localite-triggers")
    (tmp_path / "s.xml").write_text(fast, encoding="utf-8")
    code, _, err = command("s.xml", coil="magstim-70mm-figure8")
    assert code == 2 and "n0: 120 A/µs is more than 114.7 A/µs at 100 % of the stimulator's output" in err
    assert command("s.xml", "--stimulator", "MagPro", "--no-picture", coil="magstim-70mm-figure8")[0] == 0


def test_casings_that_cut_the_head_are_told_with_how_deep(command, tmp_path):
    sunk = [on_head()[0].lifted(-0.011), *on_head()[1:]]  # its wire, 6 mm behind the face, is still outside
    (tmp_path / "s.txt").write_text(session_text(sunk), encoding="utf-8")
    code, out, _ = command("s.txt", "--no-picture")
    depths = [float(row["casing_depth_m"]) for row in rows_of(tmp_path / "t.csv")]
    assert code == 0 and 0.002 < depths[0] < 0.0035 and depths[1:] == [0, 0]
    assert f"1 of 3 casings are inside the head, by up to {1e3 * depths[0]:.3g} mm; --rest moves them back" in out


def test_a_picture_that_is_there_already_is_kept(command, tmp_path):
    (tmp_path / "s.txt").write_text(session_text(), encoding="utf-8")
    (tmp_path / "t.png").write_bytes(b"mine")
    code, _, err = command("s.txt")
    assert code == 2 and "t.png is there already" in err
    assert (tmp_path / "t.png").read_bytes() == b"mine"


# the picture


def test_the_map_is_seen_along_the_coils_and_from_above_where_they_are_all_round():
    poses = np.array([pose.matrix_m for pose in on_head()])
    assert np.dot(view_of(poses), -poses[:, :3, 2].mean(axis=0)) > 0.9
    both = np.array([poses[0], poses[0] @ np.diag([-1.0, 1.0, -1.0, 1.0])])
    assert view_of(both)[2] > 0.9


def test_the_map_marks_the_largest_value_and_leaves_grey_what_is_not_known():
    poses = np.array([pose.matrix_m for pose in on_head()])
    mep, field = PoseValues("a", "MEP, µV", [1.0, 5.0, np.nan]), PoseValues("b", "field, V/m", [3.0, 2.0, 1.0])
    figure = plot_pose_map(small_head(), poses, [mep, field], title="x", target_m=[0, 0, 0.06])
    maps = figure.axes[0], figure.axes[2]
    rings = [next(line for line in axes.lines if line.get_gid() == "largest") for axes in maps]
    discs = [[line for line in axes.lines if line.get_marker() == "o" and line.get_gid() is None] for axes in maps]
    assert rings[0].get_xydata() == pytest.approx(discs[0][-1].get_xydata())  # drawn last: the largest
    assert rings[1].get_xydata() == pytest.approx(discs[1][-1].get_xydata())
    assert "#8a8a8a" in [line.get_markerfacecolor() for line in discs[0]]
    assert sum(line.get_gid() == "target" for axes in maps for line in axes.lines) == 2
    assert any("grey: not known" in text.get_text() for text in figure.texts)
    plotter = scene_poses(small_head(), size=(90, 90))
    assert set(plotter.actors) == {"brain", "scalp"}
    plotter.close()
