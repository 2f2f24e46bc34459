"""Poses around one, and the field of many poses as a table."""

from __future__ import annotations

import csv
import io
import math
from functools import cache

import attrs
import h5py
import numpy as np
import pytest
from coils import nine_turns
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import small_head

from stimplan.cli import run as cli
from stimplan.errors import CoilError
from stimplan.fem.surface import nearest_on_surface
from stimplan.pose import CoilPose, pose_on_scalp
from stimplan.pose_cloud import NEAR_M, Move, grid_moves, moved_poses, placement_design, random_moves
from stimplan.pose_contact import flat_casing, intersection, rest_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.runs.pose_table import NamedPose, pose_table, table_text, write_table

HEAD_R_M = 0.085


def pose(distance_m=0.004, handle_deg=45.0):
    return pose_on_scalp(small_head(), np.array([-0.03, 0.04, 0.068]), handle=Handle(math.radians(handle_deg)),
                         distance_m=distance_m)  # fmt: skip


def off_scalp_m(one):
    foot = nearest_on_surface(np.asarray(one.center_m), small_head().nodes_m, small_head().scalp)[1]
    return float(np.linalg.norm(one.center_m - foot))


def test_the_design_has_fourteen_moves_of_full_length_that_cancel_out():
    design = placement_design(0.005, math.radians(10))
    assert len(set(design)) == 14
    lengths = {round(math.hypot(one.x_m, one.y_m), 12) for one in design}
    assert lengths == {0.0, 0.005}
    assert {round(math.degrees(one.turn_rad), 9) for one in design} == {-10.0, 0.0, 10.0}
    for name in ("x_m", "y_m", "turn_rad"):
        assert sum(getattr(one, name) for one in design) == pytest.approx(0, abs=1e-15)


@settings(max_examples=25)
@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.floats(-3, 3))
def test_a_moved_coil_keeps_its_distance_and_goes_as_far_as_asked(x_m, y_m, turn_rad):
    before = pose()
    (after,) = moved_poses(small_head(), before, [Move(x_m, y_m, turn_rad)])
    assert off_scalp_m(after) == pytest.approx(off_scalp_m(before), abs=1.5e-3)  # the ball is made of flat triangles
    way = math.hypot(x_m, y_m)
    arc = HEAD_R_M * math.atan2(way, HEAD_R_M)
    assert np.linalg.norm(after.center_m - before.center_m) == pytest.approx(arc * (1 + 0.004 / HEAD_R_M), abs=1.5e-3)


@cache
def bumpy_head():
    """The ball with a bump of 5 mm on one side of the coil."""
    nodes = np.array(small_head().nodes_m)
    away = np.linalg.norm(nodes - [-0.055, 0.03, 0.058], axis=1)
    return attrs.evolve(small_head(), nodes_m=nodes * (1 + 0.06 * np.exp(-((away / 0.015) ** 2)))[:, None])


def test_a_coil_that_rests_on_the_head_goes_on_resting_on_it_nearer_or_farther():
    head, casing = bumpy_head(), flat_casing([(-0.03, 0, 0.02), (0.03, 0, 0.02)])

    def gap_m(one):
        """How far it can go on before it cuts the head."""
        ahead = one.lifted(-NEAR_M)
        return NEAR_M - float((ahead.center_m - rest_on_scalp(head, ahead, casing).center_m) @ one.z)

    before = rest_on_scalp(head, pose(distance_m=0.0), casing)
    for start, gap in ((before, 0.0), (before.lifted(0.006), 0.006)):
        moved = moved_poses(head, start, placement_design(), casing_points_m=casing)
        bare = moved_poses(head, start, placement_design())
        ways = np.array([(one.center_m - other.center_m) @ start.z for one, other in zip(moved, bare, strict=True)])
        assert ways.max() > 3e-4 and ways.min() < -3e-4  # some go nearer, some farther
        for one in moved:
            assert intersection(head, one, casing).depth_m <= 1.5e-4
            assert gap_m(one) == pytest.approx(gap, abs=1e-6)


def test_a_turn_turns_the_handle_about_the_coils_axis_and_nothing_else():
    before = pose()
    (after,) = moved_poses(small_head(), before, [Move(turn_rad=math.radians(30))])
    assert after.center_m == pytest.approx(before.center_m)
    assert after.z == pytest.approx(before.z)
    assert math.degrees(math.acos(after.y @ before.y)) == pytest.approx(30)
    assert np.cross(before.y, after.y) @ before.z > 0  # right-handed about z


def test_a_cloud_is_the_same_for_the_same_seed_and_stays_within_its_limits():
    cloud = random_moves(200, seed=3, shift_m=0.005, turn_rad=0.2)
    assert cloud == random_moves(200, seed=3, shift_m=0.005, turn_rad=0.2) != random_moves(200, seed=4)
    lengths = [math.hypot(one.x_m, one.y_m) for one in cloud]
    assert 0.0045 < max(lengths) <= 0.005
    assert np.mean(np.square(lengths)) == pytest.approx(0.005**2 / 2, rel=0.15)  # evenly over a disc
    assert 0.15 < max(abs(one.turn_rad) for one in cloud) <= 0.2


def test_a_grid_has_its_middle_and_every_turn():
    moves = grid_moves(0.010, 0.005, [0.0, 0.3])
    assert len(moves) == 5 * 5 * 2
    assert Move(0.0, 0.0, 0.3) in moves


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: placement_design(shift_m=0.2), "shift"),
        (lambda: placement_design(turn_rad=math.nan), "turn"),
        (lambda: random_moves(0, seed=1), "1 to 10,000"),
        (lambda: grid_moves(0.1, 0.0001), "spacing"),
        (lambda: grid_moves(0.1, 0.001), "poses"),
    ],
)
def test_moves_out_of_range_are_refused(make, told):
    with pytest.raises(CoilError, match=told):
        make()


def named(count=3):
    moves = random_moves(count, seed=1)
    poses = moved_poses(small_head(), pose(distance_m=0.010), moves)
    return [NamedPose(f"spot {n}", one, None if n else 50e6) for n, one in enumerate(poses)]


def test_a_row_is_the_field_at_its_pose_for_its_rate():
    import stimplan as sp

    poses = named()
    table = pose_table(small_head(), nine_turns(), poses)
    assert table.is_rate_known.tolist() == [True, False, False]
    for number in (0, 1):
        placement = sp.coil_placement(
            nine_turns(), pose_m=poses[number].pose, didt_A_per_s=50e6 if number == 0 else 1e6, head=small_head()
        )
        alone = sp.measure(sp.solve(small_head(), placement))
        assert table.columns["gray_matter_mean_V_per_m"][number] == pytest.approx(alone.mean_V_per_m, rel=1e-5)
        assert table.columns["gray_matter_p999_V_per_m"][number] == pytest.approx(alone.p999_V_per_m, rel=1e-5)
        assert table.columns["peak_V_per_m"][number] == pytest.approx(alone.peak_V_per_m, rel=1e-5)


def test_every_pose_inside_the_head_is_named():
    sunk = CoilPose(pose().lifted(-0.03).matrix_m)
    with pytest.raises(CoilError) as caught:
        pose_table(small_head(), nine_turns(), [*named(1), NamedPose("sunk", sunk), NamedPose("sunk too", sunk)])
    assert {problem.where for problem in caught.value.problems} == {"sunk", "sunk too"}
    with pytest.raises(CoilError, match="no pose"):
        pose_table(small_head(), nine_turns(), [])


def test_the_table_is_written_whole_as_text_and_as_hdf5(tmp_path):
    poses = [NamedPose('=cmd, "x"', named(1)[0].pose), *named(2)]
    table = pose_table(small_head(), nine_turns(), poses)
    lines = [line for line in table_text(table).splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert [row["name"] for row in rows] == ['\'=cmd, "x"', "spot 0", "spot 1"]
    assert float(rows[1]["center_x_m"]) == pytest.approx(table.poses_m[1, 0, 3], rel=1e-8)
    assert float(rows[1]["z_z"]) == pytest.approx(table.poses_m[1, 2, 2], rel=1e-8)
    write_table(table, tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["poses_m"][:] == pytest.approx(table.poses_m)
        assert file["names"].asstr()[0] == '=cmd, "x"'
        assert file["figures/peak_V_per_m"][:] == pytest.approx(table.columns["peak_V_per_m"])
        assert file.attrs["head"] == "small"
    with pytest.raises(CoilError, match=r"\.csv or \.h5"):
        write_table(table, tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--out", "t.txt"], ".csv or .h5"),
        (["--out", "nowhere/t.csv"], "no folder"),
        (["--jitter", "0"], "1 to 10,000"),
        (["--grid-mm", "10"], "not 2 numbers"),
        (["--grid-mm", "10,0.001"], "--grid-mm, STEP: must be 0.5 to 100 mm, got 0.001 mm"),
        (["--turns-deg", "0,90"], "is for --grid-mm only"),
        (["--shift-mm", "nan"], "--shift-mm"),
        (["--didt-a-per-us", "0"], "above 0"),
        (["--coil", "figure9"], "coil of the catalogue"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_options_are_named(given, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    base = ["poses", "field", "three-d-itbs", "--edge-mm", "teaching"]
    rest = [] if "--out" in given else ["--out", "t.csv"]
    coil = [] if "--coil" in given else ["--coil", "figure8-70mm-9-turns"]
    assert cli([*base, *rest, *coil, *given]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_session_of_a_navigator_becomes_a_table(tmp_path, capsys):
    places = ["poses", "place", "three-d-itbs", str(tmp_path / "s.xml"), "--to", "localite", "--handle-deg", "45",
              "--edge-mm", "teaching"]  # fmt: skip
    assert cli(places) == 0
    table = tmp_path / "t.csv"
    given = ["poses", "field", str(tmp_path / "s.xml"), "--coil", "figure8-70mm-9-turns", "--edge-mm", "teaching",
             "--design", "--roi", "sphere:mni_mm=-38,44,26;radius_mm=10", "--out", str(table)]  # fmt: skip
    assert cli(given) == 0
    rows = [line for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert len(rows) == 15
    assert "14 poses" in capsys.readouterr().out
    assert cli(given) == 2  # it is there already
