"""Tapes on a scalp and the 10-05 sites that are measured with them; the four points they start from."""

from __future__ import annotations

import json
import math
from functools import cache

import attrs
import numpy as np
import pytest
from scipy.spatial import ConvexHull
from spheres import ball, sphere

from stimplan.errors import HeadError
from stimplan.head import HeadModel, load_head
from stimplan.head.arcs import Arc, Surface, measuring_surface, tape
from stimplan.head.fiducials import (
    COLIN27_M,
    estimate_fiducials,
    place_fiducials,
    read_fiducials,
    with_fiducials,
)
from stimplan.head.space import Warp, apply_affine, grid_map
from stimplan.head.ten_five import arcs_of, measure_arcs
from stimplan.sites import known_sites


@cache
def ellipsoid(a=0.08, b=0.1, c=0.09, count=50) -> Surface:
    """A fine triangulation of an ellipsoid that has its mirror symmetries: a cube's grid blown up."""
    ticks = np.tan(np.linspace(-1, 1, 2 * count + 1) * math.pi / 4)
    u, v = (grid.ravel() for grid in np.meshgrid(ticks, ticks, indexing="ij"))
    faces = [
        np.roll(np.column_stack([np.full(len(u), side), u, v]), turn, axis=1) for side in (-1, 1) for turn in range(3)
    ]
    points = np.unique(np.round(np.concatenate(faces), 12), axis=0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Surface(points * [a, b, c], ConvexHull(points).simplices)


ON_AXES = {"Nz": (0, 0.1, 0), "Iz": (0, -0.1, 0), "LPA": (-0.08, 0, 0), "RPA": (0.08, 0, 0)}


def quarter_ellipse(a, b):
    """A quarter of the circumference of an ellipse."""
    t = np.linspace(0, math.pi / 2, 20001)
    return float(np.trapezoid(np.hypot(a * np.sin(t), b * np.cos(t)), t))


def test_a_tape_on_a_sphere_is_an_arc_of_its_circle():
    surface = ellipsoid(0.09, 0.09, 0.09)
    start, end = np.array([0, 0.09, 0]), np.array([0, -0.09, 0])
    arc = tape(surface, start_m=start, via_m=[0.02, 0, 0.05], end_m=end)
    assert arc.length_m == pytest.approx(math.pi * 0.09, rel=2e-4)
    assert np.linalg.norm(arc.at(0.25)) == pytest.approx(0.09, rel=1e-3)
    assert arc.at(0.25)[1] == pytest.approx(0.09 * math.cos(math.pi / 4), abs=1e-4)
    assert arc.fraction_at(arc.at(0.3)) == pytest.approx(0.3, abs=1e-9)
    assert np.allclose(arc.at(0), start) and np.allclose(arc.at(1), end)
    assert np.allclose(arc.at_distance_m(0.1), arc.at(0.1 / arc.length_m))


def test_a_tape_bridges_a_hollow_and_touches_nothing_behind_its_ends():
    angle = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    radius = np.where(np.abs(angle - math.pi / 2) < 0.3, 0.07, 0.09)  # a dent at the top
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    nodes = np.concatenate([np.insert(ring, 0, x, axis=1) for x in (-0.01, 0.01)])
    n = len(ring)
    i = np.arange(n)
    triangles = np.concatenate(
        [np.stack([i, (i + 1) % n, i + n], -1), np.stack([(i + 1) % n, (i + 1) % n + n, i + n], -1)]
    )
    arc = tape(Surface(nodes, triangles), start_m=[0, 0.09, 0], via_m=[0, 0, 0.09], end_m=[0, -0.09, 0])
    straight = 2 * 0.09 * math.sin(0.3)
    assert arc.length_m == pytest.approx((math.pi - 0.6) * 0.09 + straight, rel=1e-3)
    assert (arc.points_m[:, 2] >= -1e-12).all()


def test_three_points_on_a_line_make_no_tape():
    with pytest.raises(HeadError, match="not on one line"):
        tape(ellipsoid(), start_m=[0, 0.1, 0], via_m=[0, 0, 0], end_m=[0, -0.1, 0])


def test_a_tape_that_touches_nothing_is_straight():
    arc = tape(ellipsoid(), start_m=[0, 1, 1], via_m=[0, 0, 2], end_m=[0, -1, 1])
    assert arc.length_m == pytest.approx(2) and isinstance(arc, Arc)


@pytest.mark.parametrize("axes", [(0.09, 0.09, 0.09), (0.08, 0.1, 0.09)])
def test_the_arcs_of_an_ellipsoid_have_their_exact_lengths_and_divisions(axes):
    a, b, c = axes
    points = {"Nz": (0, b, 0), "Iz": (0, -b, 0), "LPA": (-a, 0, 0), "RPA": (a, 0, 0)}
    found = measure_arcs(ellipsoid(*axes), points)
    assert found.sagittal.length_m == pytest.approx(2 * quarter_ellipse(b, c), rel=3e-4)
    assert found.coronal.length_m == pytest.approx(2 * quarter_ellipse(a, c), rel=3e-4)
    sites = {name: np.array(place) for name, place in found.sites_m.items()}
    assert np.allclose(sites["Cz"], [0, 0, c], atol=1e-5)
    for step, name in enumerate(["Nz", "Fpz", "AFz", "Fz", "FCz", "Cz", "CPz", "Pz", "POz", "Oz", "Iz"]):
        assert found.sagittal.fraction_at(sites[name]) == pytest.approx(step / 10, abs=1e-4)
    for step, name in enumerate(["Fpz", "Fp1", "AF7", "F7", "FT7", "T7", "TP7", "P7", "PO7", "O1", "Oz"]):
        assert found.left.fraction_at(sites[name]) == pytest.approx(step / 10, abs=1e-4)
    for fraction, name in ((0.1, "T7"), (0.9, "T8"), (0.3, "C3"), (0.7, "C4")):
        assert found.coronal.fraction_at(sites[name]) == pytest.approx(fraction, abs=1.5e-3)


def test_left_and_right_are_mirror_images():
    sites = measure_arcs(ellipsoid(), ON_AXES).sites_m
    for left, right in (("F3", "F4"), ("FFC5h", "FFC6h"), ("TPP9h", "TPP10h"), ("PO9", "PO10"), ("T7", "T8")):
        assert np.allclose(np.array(sites[left]) * [-1, 1, 1], sites[right], atol=2e-5)
    for front, back in (("Fz", "Pz"), ("F3", "P3"), ("FC5", "CP5"), ("Fp1", "O1"), ("AF9", "PO9")):
        assert np.allclose(np.array(sites[front]) * [1, -1, 1], sites[back], atol=2e-5)


def test_sites_turn_and_grow_with_the_head():
    surface = ellipsoid()
    angle = 0.3
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    moved = Surface(surface.nodes_m @ turn.T * 1.1 + 0.01, surface.triangles)
    points = {name: turn @ np.array(place) * 1.1 + 0.01 for name, place in ON_AXES.items()}
    one, other = measure_arcs(surface, ON_AXES).sites_m, measure_arcs(moved, points).sites_m
    for name, place in one.items():
        assert np.allclose(turn @ np.array(place) * 1.1 + 0.01, other[name], atol=1e-5)


def test_every_site_of_the_montage_is_measured_but_those_of_the_ears():
    measured = set(measure_arcs(ellipsoid(), ON_AXES).sites_m)
    assert set(known_sites()) - measured == {"A1", "A2", "M1", "M2", "T3", "T4", "T5", "T6"}


def test_fiducials_in_disorder_make_no_vertex():
    with pytest.raises(HeadError, match=r"on one line"):
        measure_arcs(ellipsoid(), dict.fromkeys(("Nz", "Iz", "LPA", "RPA"), (0, 0.1, 0)))


def with_ears(head: HeadModel) -> HeadModel:
    """The same ball with two thin sheets that stand 20 mm off above the ears, as further tetrahedra."""
    nodes, tets = [head.nodes_m], [head.tets]
    count = len(head.nodes_m)
    for side in (-1, 1):
        corners = np.array([[x, y, z] for x in (0.072, 0.1) for y in (-0.005, 0.003) for z in (0.01, 0.05)])
        nodes.append(corners * [side, 1, 1])
        box = np.array([[0, 1, 3, 5], [0, 3, 2, 6], [0, 5, 4, 6], [3, 5, 6, 7], [0, 3, 5, 6]])
        tets.append(box + count)
        count += 8
    tets_all = np.concatenate(tets)
    return attrs.evolve(head, nodes_m=np.concatenate(nodes), tets=tets_all, tissue=np.full(len(tets_all), 1, np.uint8))


def test_ears_are_left_out_of_the_measuring_surface():
    head = ball()
    assert len(measuring_surface(head).triangles) == len(head.scalp)  # nothing stands out of a ball
    eared = with_ears(head)
    scalp = np.concatenate([eared.scalp, np.array([[4, 5, 6], [13, 14, 15]]) + len(head.nodes_m)])
    eared.__dict__["scalp"] = scalp  # as one surface, the way a mesher would have joined them
    kept = measuring_surface(eared)
    assert len(kept.triangles) == len(eared.scalp) - 2


@cache
def colin() -> HeadModel:
    return load_head("colin27", edge_mm="teaching")


def test_colin27_sites_measured_on_its_scalp_agree_with_the_template():
    head = colin()
    measured = arcs_of(head).sites_m
    names = sorted(set(measured) & set(known_sites()))
    away = np.linalg.norm([np.subtract(measured[name], head.sites_m[name]) for name in names], axis=1)
    assert len(names) == 335
    assert np.median(away) < 0.0015
    assert away.max() < 0.009
    low = [name for name, far in zip(names, away, strict=True) if far > 0.004]
    assert all(name.rstrip("h").endswith(("9", "10")) for name in low)  # the contour across cheek and eye alone


def test_colin27_arcs_have_the_lengths_of_a_head():
    arcs = arcs_of(colin())
    assert 0.33 < arcs.sagittal.length_m < 0.42 and 0.33 < arcs.coronal.length_m < 0.42
    assert 0.55 < arcs.circumference_m < 0.65


def test_a_sphere_has_fiducials_on_its_surface():
    points = sphere().fiducials_m
    assert set(points) == {"Nz", "Iz", "LPA", "RPA"}
    assert all(np.linalg.norm(point) == pytest.approx(0.092) for point in points.values())


def test_fiducials_far_off_or_exchanged_are_refused():
    head = ball()
    good = {name: tuple(0.8 * np.array(place)) for name, place in ON_AXES.items()}
    assert place_fiducials(head, good, source="picked").moved_m["Nz"] < 1e-3
    with pytest.raises(HeadError, match=r"Nz.*mm from the scalp"):
        place_fiducials(head, {**good, "Nz": (0, 0.12, 0)}, source="picked")
    with pytest.raises(HeadError, match="in front of Iz"):
        place_fiducials(head, {**good, "Nz": good["Iz"], "Iz": good["Nz"]}, source="picked")
    with pytest.raises(HeadError, match="left of RPA"):
        place_fiducials(head, {**good, "LPA": good["RPA"], "RPA": good["LPA"]}, source="picked")
    with pytest.raises(HeadError, match="expected Nz, Iz, LPA, RPA"):
        place_fiducials(head, {"Nz": (0, 0.08, 0)}, source="picked")


def test_a_head_without_fiducials_and_without_mni_says_that_sites_are_unknown():
    head = attrs.evolve(ball(), fiducials_m={})
    with pytest.raises(HeadError, match="sites of head 'sphere' are unknown: give its fiducials"):
        with_fiducials(head)
    with pytest.raises(HeadError, match="give its fiducials"):
        arcs_of(head)


def test_three_of_four_fiducials_are_refused():
    with pytest.raises(HeadError, match="all four"):
        attrs.evolve(ball(), fiducials_m={"Nz": (0, 0.08, 0)})


def test_fiducials_are_estimated_from_the_way_to_mni():
    matrix = np.diag([1.05, 1.02, 0.97, 1.0])
    matrix[:3, 3] = 0.004, -0.01, 0.006
    back = np.linalg.inv(matrix)
    own = colin()
    head = attrs.evolve(own, nodes_m=apply_affine(back, own.nodes_m), mni_from_head=matrix, fiducials_m={}, sites_m={})
    found = estimate_fiducials(head)
    assert found.uncertainty_m == 0.010 and "estimated" in found.source
    assert max(found.moved_m.values()) < 0.003
    marked = with_fiducials(head)
    assert np.linalg.norm(np.subtract(marked.sites_m["C3"], apply_affine(back, own.sites_m["C3"]))) < 0.005
    assert marked.provenance["fiducials"]["uncertainty_m"] == 0.010


def test_the_estimate_uses_the_deformation_where_there_is_one():
    own = colin()
    axes = np.meshgrid(*[np.linspace(-0.16, 0.16, 9)] * 3, indexing="ij")
    matrix = np.diag([0.04, 0.04, 0.04, 1.0])
    matrix[:3, 3] = -0.16
    warp = Warp(grid_map(np.stack(axes, axis=-1) + np.array([0, 0.005, 0]), matrix))
    head = attrs.evolve(own, mni_from_head=None, warp=warp, nodes_m=own.nodes_m - [0, 0.005, 0], fiducials_m={})
    found = estimate_fiducials(head)
    assert np.allclose(found.positions_m["Iz"], np.array(own.fiducials_m["Iz"]) - [0, 0.005, 0], atol=1e-5)


GOOD = {"Nz": [0, 85, -40], "Iz": [0.5, -118, -23], "LPA": [-86, -20, -48], "RPA": [86, -20, -48]}


@pytest.mark.parametrize(
    "name, content",
    [
        ("f.json", json.dumps(GOOD)),
        ("f.json", json.dumps({"fiducials_mm": {"nasion": GOOD["Nz"], "inion": GOOD["Iz"], "lpa": GOOD["LPA"],
                                                "Right": GOOD["RPA"]}})),
        ("f.csv", "".join(f"Fiducial,{x},{y},{z},{name}\n" for name, (x, y, z) in GOOD.items())),
        ("f.csv", "# picked\nname,x,y,z\nElectrode,1,2,3,C3\n"
         + "".join(f"{name}, {x}, {y}, {z}\n" for name, (x, y, z) in GOOD.items())),
    ],
)  # fmt: skip
def test_fiducials_are_read_from_json_and_csv(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    found = read_fiducials(path)
    assert found["Iz"] == pytest.approx((0.0005, -0.118, -0.023)) and list(found) == ["Nz", "Iz", "LPA", "RPA"]


@pytest.mark.parametrize(
    "content, message",
    [
        (json.dumps({key: GOOD[key] for key in ("Nz", "Iz", "LPA")}), "RPA: missing"),
        (json.dumps({**GOOD, "Cz": [0, 0, 100]}), "Cz: no fiducial"),
        (json.dumps({**GOOD, "nasion": [0, 0, 100]}), "given twice"),
        (json.dumps({**GOOD, "Nz": [0, "a", 1]}), "three finite numbers"),
        (json.dumps({**GOOD, "Nz": [0, 1]}), "three finite numbers"),
        (json.dumps({**GOOD, "Nz": None}), "three finite numbers"),
        (json.dumps({name: [x / 1e3 for x in place] for name, place in GOOD.items()}), "metres"),
        ('{"Nz": [NaN, 1, 2]}', "NaN"),
        ('{"Nz": [0, 1, 2], "Nz": [0, 1, 2]}', "Nz"),
        ("[1, 2]", "expected an object"),
        ("{", "f.json"),
    ],
)
def test_a_file_without_the_four_is_refused_with_its_faults(tmp_path, content, message):
    path = tmp_path / "f.json"
    path.write_text(content)
    with pytest.raises(HeadError, match=message):
        read_fiducials(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(HeadError, match="cannot be read"):
        read_fiducials(tmp_path / "absent.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(HeadError, match="cannot be read"):
        read_fiducials(tmp_path / "b.csv")


def test_the_template_fiducials_are_those_of_the_montage_file():
    pytest.importorskip("mne")
    from pathlib import Path

    import mne

    lines = (Path(mne.__file__).parent / "channels/data/montages/colin27_1005.elc").read_text().splitlines()
    names = lines[lines.index("Labels") + 1 :]
    first = lines.index("Positions") + 1
    for name, (x, y, z) in COLIN27_M.items():
        row = [float(word) / 1e3 for word in lines[first + names.index(name)].split()]
        assert row == pytest.approx([x, y, z])
