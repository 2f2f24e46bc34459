"""Three closed, nested surfaces of a head, and the checks that say so."""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pytest
from spheres import ball, sphere

from stimplan.errors import HeadError
from stimplan.exchange.mne import ClosedSurface, three_layers
from stimplan.exchange.mne.points import spread
from stimplan.exchange.mne.surfaces import (
    compartment_of,
    csf_of,
    nesting_problems,
    three_conductivities,
    with_three_conductivities,
)
from stimplan.exchange.mne.triangles import closed_problems, halved_edges, inside_distance_m, self_contacts


def octahedron(radius_m=1.0, center_m=(0.0, 0.0, 0.0)):
    points = radius_m * np.concatenate([np.eye(3), -np.eye(3)]) + np.asarray(center_m)
    faces = [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    return points, np.array(faces)


@cache
def layers(vertices=400):
    return three_layers(sphere(), vertices=vertices)


def test_a_closed_surface_has_no_problems():
    assert closed_problems(*octahedron()) == []
    assert self_contacts(*octahedron()) == 0


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda p, t: (p, t[1:]), "open edges"),
        (lambda p, t: (p, t[:, ::-1]), "inside out"),
        (lambda p, t: (p, np.concatenate([t, t[:1]])), "more than two triangles"),
        (lambda p, t: (np.concatenate([p, p + 5]), np.concatenate([t, t + 6])), "2 pieces"),
    ],
)
def test_each_fault_of_a_surface_is_found(broken, says):
    assert any(says in what for what in closed_problems(*broken(*octahedron())))


def test_a_handle_is_found():
    u, v = np.meshgrid(np.arange(12), np.arange(8), indexing="ij")
    a, b = 2 * np.pi * u.ravel() / 12, 2 * np.pi * v.ravel() / 8
    points = np.column_stack([(3 + np.cos(b)) * np.cos(a), (3 + np.cos(b)) * np.sin(a), np.sin(b)])
    at = lambda i, j: (i % 12) * 8 + j % 8  # noqa: E731
    quads = [(at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)) for i in range(12) for j in range(8)]
    triangles = np.array([t for q in quads for t in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))])
    assert closed_problems(points, triangles) == ["it has 1 handles"]


def test_two_surfaces_that_pass_through_each_other_are_found():
    one, other = octahedron(), octahedron(center_m=(0.7, 0.1, 0.2))
    both = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1] + 6])
    assert self_contacts(*both) > 0
    surfaces = [ClosedSurface(name, *part) for name, part in (("scalp", one), ("outer skull", other))]
    problems, _ = nesting_problems(surfaces)
    assert "not wholly inside the scalp" in str(problems[0])


def test_distance_is_positive_inside():
    points, triangles = octahedron()
    found = inside_distance_m(np.array([[0.0, 0, 0], [2.0, 0, 0]]), points, triangles)
    assert np.allclose(found, [1 / np.sqrt(3), -1.0])


def test_halved_edges_keep_a_surface_closed_and_shorten_the_longest():
    points, triangles = octahedron()
    stretched = points * [6, 1, 1]
    new, faces = halved_edges(stretched, triangles, 60)
    assert len(new) == 60 and closed_problems(new, faces) == []
    longest = lambda p, t: np.linalg.norm(p[t] - p[np.roll(t, 1, axis=1)], axis=2).max()  # noqa: E731
    assert longest(new, faces) < longest(stretched, triangles) / 2
    assert np.isclose(ClosedSurface("x", new, faces).volume_m3, ClosedSurface("x", stretched, triangles).volume_m3)


def test_the_surfaces_of_a_sphere_are_spheres():
    # Radii 80, 86 and 92 mm: the brain's compartment ends where the CSF ends.
    for surface, radius_m in zip(layers().surfaces, (0.092, 0.086, 0.080), strict=True):
        found = np.linalg.norm(surface.points_m, axis=1)
        assert abs(found.mean() - radius_m) < 0.5e-3
        assert np.isclose(surface.volume_m3, 4 / 3 * np.pi * radius_m**3, rtol=0.01)
        assert 350 < len(surface.points_m) < 450
    assert min(layers().record["least_distance_m"].values()) > 0.004


def test_compartments_and_their_conductivities():
    head = sphere()
    assert compartment_of(head) == {"layer_1": "brain", "layer_2": "brain", "layer_3": "skull", "layer_4": "scalp"}
    assert csf_of(head) == "layer_2"
    assert three_conductivities(head) == pytest.approx({"brain": 0.33, "skull": 0.01, "scalp": 0.465})
    one = with_three_conductivities(head)
    assert one.tissue_named("layer_2").conductivity_S_per_m == 0.33
    kept = with_three_conductivities(head, keeps=("layer_2",))
    assert kept.tissue_named("layer_2").conductivity_S_per_m == 1.654


def test_bones_conduct_in_series():
    head = sphere()
    names = ("gray_matter", "compact_bone", "spongy_bone", "scalp")
    renamed = attrs.evolve(
        head, tissues=tuple(attrs.evolve(t, name=name) for t, name in zip(head.tissues, names, strict=True))
    )
    volumes = [head.volumes_m3[head.tissue == label].sum() for label in (2, 3)]
    assert three_conductivities(renamed)["skull"] == pytest.approx(
        sum(volumes) / (volumes[0] / 1.654 + volumes[1] / 0.01)
    )


def test_a_head_without_skull_is_refused():
    with pytest.raises(HeadError, match="no brain and no skull"):
        three_layers(ball())


@pytest.mark.parametrize("vertices", [10, 100_000, 642.0, True])
def test_a_number_of_vertices_out_of_range_is_refused(vertices):
    with pytest.raises(HeadError, match="vertices: expected 300 to 2600"):
        three_layers(sphere(), vertices=vertices)


def test_spread_points_are_few_and_even():
    points = np.random.default_rng(5).random((3000, 3))
    chosen = spread(points, 200)
    assert 100 < len(chosen) <= 200 and len(np.unique(chosen)) == len(chosen)
    assert np.array_equal(spread(points[:50], 200), np.arange(50))
