"""A search over several tilts: the best place, angle and tilt together, the casing never in the head."""

from __future__ import annotations

import io
import json
import math
from functools import cache

import numpy as np
import pytest
from coils import nine_turns
from spheres import sphere

from stimplan.cli import run
from stimplan.coil import read_coil
from stimplan.coil_field import CoilPlacement
from stimplan.coil_search import (
    Goal,
    SearchOptions,
    SearchSpace,
    candidates,
    exact_components,
    make_target,
    search_poses,
)
from stimplan.coil_search.candidates import casing_points
from stimplan.coil_search.record import search_lines, search_record
from stimplan.errors import InputError
from stimplan.head.scalp import nearest_on_surface
from stimplan.pose import CoilPose, Tilt, pose_on_scalp
from stimplan.pose_contact import intersection
from stimplan.protocol.magnetic import Handle

TEN = math.radians(10)
TILTS = (Tilt(), Tilt(TEN, 0.0), Tilt(-TEN, 0.0), Tilt(0.0, TEN), Tilt(0.0, -TEN))
ANGLES = (-1.0, 0.0, 1.0)
MIDDLE = np.array([0.01, 0.02, 0.09])


@cache
def target():
    return make_target(sphere(), "head:10,20,70")


def space(**changes):
    return SearchSpace(**{"radius_m": 0.008, "spacing_m": 0.004, "angles_rad": ANGLES, **changes})


def searched(**changes):
    options = SearchOptions(space(**changes), top_k=3, didt_A_per_s=1e8)
    return search_poses(sphere(), nine_turns("wire"), [Goal(target())], options=options)


@cache
def over_tilts():
    return searched(tilts=TILTS)


def test_every_tilt_is_tried_at_every_place_and_angle_as_if_it_were_the_only_one():
    found = candidates(sphere(), nine_turns("wire"), MIDDLE, space=space(tilts=TILTS))
    for number, tilt in enumerate(TILTS):
        alone = candidates(sphere(), nine_turns("wire"), MIDDLE, space=space(tilts=(tilt,)))
        of = found.tilt == number
        assert found.place[of].tolist() == alone.place.tolist()
        assert found.angle_rad[of].tolist() == alone.angle_rad.tolist()
        # Tilts that share an axis share the map of the head below it, which is laid along the first of them.
        assert found.lift_m[of] == pytest.approx(alone.lift_m, abs=2e-4)
        assert found.poses_m[of] == pytest.approx(alone.poses_m, abs=2e-4)


def test_without_several_tilts_nothing_changes():
    flat = candidates(sphere(), nine_turns("wire"), MIDDLE, space=space())
    with_flat = candidates(sphere(), nine_turns("wire"), MIDDLE, space=space(tilts=(Tilt(),)))
    assert not flat.tilt.any() and not with_flat.tilt.any()
    assert with_flat.poses_m == pytest.approx(flat.poses_m, abs=1e-12)
    one = candidates(sphere(), nine_turns("wire"), MIDDLE, space=space(tilt=Tilt(TEN, 0.0)))
    assert not one.lift_m.any()  # a single tilt is laid as it always was: the middle at the distance
    found = searched()
    assert found.best[0].tilt == Tilt()
    assert "tilt" not in "\n".join(search_lines(found))


def test_the_best_tilt_and_angle_at_a_place_is_that_of_summing_every_one():
    found = over_tilts()
    best, poses = found.best[0], found.candidates
    of = np.flatnonzero(poses.place == best.place)
    assert len(of) == len(TILTS) * len(ANGLES)
    scores = {}
    for number in of:
        placed = CoilPlacement(found.coil, poses.poses_m[number], found.didt_A_per_s, sphere())
        score = float(np.linalg.norm(exact_components(found.auxiliary, placed)))
        scores[TILTS[poses.tilt[number]], float(poses.angle_rad[number])] = score
    # The search may sum in another gauge than this: a share of the error of the mesh.
    assert best.score_V_per_m == pytest.approx(scores[best.tilt, best.angle_rad], rel=5e-3)
    assert scores[best.tilt, best.angle_rad] >= (1 - 5e-3) * max(scores.values())
    assert max(scores.values()) > 1.02 * min(scores.values())


def gaps_m(coil, poses_m):
    """Least distance of each casing from the scalp."""
    casing = casing_points(coil)
    return np.array([
        min(np.linalg.norm(nearest_on_surface(points, sphere().nodes_m, sphere().scalp)[0] - points, axis=1))
        for points in (CoilPose(one).to_head(casing) for one in poses_m)
    ])  # fmt: skip


def test_a_tilted_coil_presses_no_more_hair_than_the_flat_one():
    coil = read_coil("magventure-cool-b65")
    found = candidates(sphere(), coil, MIDDLE, space=space(tilts=TILTS, radius_m=0.004, most_lift_m=0.02))
    gaps = gaps_m(coil, found.poses_m)
    assert gaps[found.tilt == 0] == pytest.approx(0.004, abs=3e-4)
    assert gaps[found.tilt > 0] == pytest.approx(0.004, abs=5e-4)
    single = candidates(sphere(), coil, MIDDLE, space=space(tilt=TILTS[1], radius_m=0.004))
    assert gaps_m(coil, single.poses_m).max() < 0.0032


def test_the_record_and_the_list_tell_the_tilt_of_each_pose():
    found = over_tilts()
    record = json.loads(json.dumps(search_record(found), allow_nan=False))
    assert record["space"]["tilts_rad"] == [[one.about_x_rad, one.about_y_rad] for one in TILTS]
    for one, told in zip(found.best, record["best"], strict=True):
        assert told["tilt_rad"] == [one.tilt.about_x_rad, one.tilt.about_y_rad]
        place = found.candidates.places_m[one.place]
        asked = pose_on_scalp(sphere(), place, handle=Handle(one.angle_rad), distance_m=0.004, tilt=one.tilt)
        assert one.pose.matrix_m[:3, :3] == pytest.approx(asked.matrix_m[:3, :3], abs=1e-9)
        assert one.pose.center_m == pytest.approx(asked.lifted(one.lift_m).center_m, abs=1e-9)
    there = [row for row in record["map"] if row["score_V_per_m"] is not None]
    assert there and all(tuple(row["tilt_rad"]) in {(t.about_x_rad, t.about_y_rad) for t in TILTS} for row in there)
    lines = "\n".join(search_lines(found))
    assert "its best angle and tilt about the coil's x and y" in lines and "  tilt " in lines


def test_the_spread_keeps_the_tilt():
    """The pose itself is among those around it, so its value lies within their ends."""
    for one in over_tilts().best:
        low, high = one.spread.score_V_per_m
        assert low * (1 - 1e-3) <= one.score_V_per_m <= high * (1 + 1e-3)


def test_no_tilted_casing_is_in_the_head():
    coil = read_coil("magventure-cool-b65")
    wide = (Tilt(), Tilt(0.0, math.radians(25)), Tilt(math.radians(-25), 0.0))
    found = candidates(
        sphere(), coil, MIDDLE, space=space(tilts=wide, distance_m=0.0, most_lift_m=0.05, radius_m=0.004)
    )
    assert {int(one) for one in found.tilt} == {0, 1, 2}
    assert found.lift_m[found.tilt > 0].min() > 0.002  # a tilt of 25 degrees would cut
    casing = coil.casing.sampled_m()
    depths = [intersection(sphere(), CoilPose(pose), casing).depth_m for pose in found.poses_m]
    assert max(depths) < 4e-4


def test_poses_that_must_go_back_too_far_are_left_out_by_their_tilt():
    coil = read_coil("magventure-cool-b65")
    both = space(tilts=(Tilt(), Tilt(0.0, math.radians(40))), distance_m=0.002, most_lift_m=0.002)
    found = candidates(sphere(), coil, MIDDLE, space=both)
    assert not found.tilt.any()
    assert sum(found.left_out.values()) == len(found.poses_m)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tilt": Tilt(0.1), "tilts": TILTS}, "one tilt or several"),
        ({"tilts": (Tilt(math.nan),)}, "above -90° and below 90°"),
        ({"tilt": Tilt(2.0)}, "above -90° and below 90°"),
        ({"tilts": (Tilt(), Tilt())}, "given twice"),
        ({"tilts": TILTS, "radius_m": 0.1, "spacing_m": 0.002, "angles_rad": tuple(np.arange(0, 3, 0.3))}, "or tilts"),
    ],
)
def test_tilts_that_cannot_be_are_refused(changes, told):
    with pytest.raises(InputError, match=told):
        space(**changes)


@pytest.fixture
def called(monkeypatch, tmp_path):
    monkeypatch.setattr("stimplan.head.load_head", lambda name, **options: sphere())

    def call(*options):
        out, err = io.StringIO(), io.StringIO()
        given = ["search", "head:10,20,70", "--coil", "figure8-70mm-9-turns", "--radius-mm", "4", "--angles=-90:90:90",
                 "--top-k", "2", "--out", str(tmp_path / "found"), "--no-figures", "--to", "matrix"]  # fmt: skip
        return run([*given, *options], out, err), out.getvalue(), err.getvalue()

    return call


def test_the_command_tries_each_tilt_about_x_with_each_about_y(called, tmp_path):
    code, out, err = called("--tilts=-10,0,10")
    assert (code, err) == (0, "") and "  tilt " in out
    tilts = json.loads((tmp_path / "found" / "search.json").read_text())["space"]["tilts_rad"]
    assert len(tilts) == 9 and tilts[0] == [0.0, 0.0]
    assert np.allclose(sorted({abs(one) for pair in tilts for one in pair}), [0, TEN])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tilts", "x,3"], "--tilts: 'x' is no finite number"),
        (["--tilts", ""], "--tilts: '' is no finite number"),
        (["--tilts", "95"], "--tilts: a tilt is above -90° and below 90°"),
        (["--tilts", "0,0"], "--tilts: a tilt is given twice"),
        (["--tilt-deg", "95,0"], "--tilt-deg: a tilt is above -90° and below 90°"),
        (["--tilts", "0,5", "--tilt-deg", "1,2"], "not allowed with"),
    ],
)
def test_tilts_of_the_command_that_cannot_be_are_named(called, tmp_path, options, told):
    code, _, err = called(*options)
    assert code == 2 and told in err and not (tmp_path / "found").exists()
