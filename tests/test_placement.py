"""Where electrodes lie on a scalp, how much of it they cover, and what is refused."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spheres import RADII_MM, SPONGE, bar, disc, montage, sphere

from stimplan.errors import InputError, MontageError
from stimplan.fem.surface import area_vectors, connected_to, cut_triangles, nearest_on_surface
from stimplan.head import HeadModel
from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring
from stimplan.placement import place
from stimplan.protocol import read_protocol

R = RADII_MM[-1] * 1e-3
PAD = Rectangle(0.05, 0.07)


def electrode(site, shape=PAD, current_A=1e-3, layers=SPONGE):
    return Electrode(site=site, shape=shape, layers=layers, current_A=current_A)


def one(site, shape=PAD, head=None, **options):
    return place(montage(electrode(site, shape, **options)), head or sphere()).electrodes[0]


# what is covered


@pytest.mark.parametrize("site", ["C3", "Fp2", "Oz", "Cz", "F4", "PO7"])
@pytest.mark.parametrize(
    "shape", [Circle(0.02), Circle(0.012), PAD, Rectangle(0.05, 0.05, 0.6), Ring(0.06, 0.08)], ids=str
)
def test_the_covered_area_is_the_nominal_one_whatever_way_the_mesh_is_cut(site, shape):
    patch = one(site, shape)
    assert patch.area_m2.sum() == pytest.approx(shape.area_m2, rel=0.005)
    assert patch.area_m2.min() > 0


@given(
    direction=st.tuples(*[st.floats(-1, 1)] * 2, st.floats(0.1, 1)),
    turn=st.floats(-3.2, 3.2),
)
@settings(max_examples=25, deadline=None)
def test_the_area_is_right_at_any_place_and_rotation(direction, turn):
    position = R * np.array(direction) / np.linalg.norm(direction)
    patch = one(tuple(position), Rectangle(0.03, 0.05, turn))
    assert patch.area_m2.sum() == pytest.approx(0.0015, rel=0.005)


def test_the_integrals_of_the_hat_functions_belong_together():
    patch = one("C3")
    np.testing.assert_allclose(patch.weights_m2.sum(axis=1), patch.area_m2, rtol=1e-12)
    np.testing.assert_allclose(patch.products_m2.sum(axis=2), patch.weights_m2, atol=1e-12 * patch.area_m2.max())
    triangles = sphere().nodes_m[sphere().scalp[patch.triangles]]
    whole = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2
    full = np.isclose(patch.area_m2, whole, rtol=1e-9, atol=0)
    assert full.sum() > len(full) / 2
    expected = whole[full, None, None] / 12 * (1 + np.eye(3))
    np.testing.assert_allclose(patch.products_m2[full], expected, rtol=1e-9)


def test_the_centre_of_what_is_covered_is_the_centre_of_the_electrode():
    patch = one("C3", Circle(0.03))
    triangles = sphere().nodes_m[sphere().scalp[patch.triangles]]
    centroid = np.einsum("kc,kcd->d", patch.weights_m2, triangles) / patch.area_m2.sum()
    assert np.linalg.norm(np.cross(centroid, patch.center_m)) / R < 1e-4
    assert np.linalg.norm(patch.center_m) == pytest.approx(R, rel=1e-3)
    assert patch.normal @ patch.center_m / R > 0.9995
    assert patch.offset_m < 1e-3


def test_the_current_of_a_ring_does_not_enter_its_hole():
    patch = one("C3", Ring(0.03, 0.05))
    triangles = sphere().nodes_m[sphere().scalp[patch.triangles]].mean(axis=1)
    distance = np.linalg.norm(triangles - patch.center_m, axis=1)
    assert distance.min() > 0.01 and distance.max() < 0.03


# which way it lies


def spread(patch, along):
    """Width of the rectangle that has the same second moment along a direction as the covered area."""
    triangles = sphere().nodes_m[sphere().scalp[patch.triangles]]
    distance = (triangles - patch.center_m) @ along
    second = np.einsum("kc,kcd,kd->", distance, patch.products_m2, distance)
    return float(np.sqrt(12 * second / patch.area_m2.sum()))


def test_the_height_of_a_pad_points_to_the_vertex():
    patch = one("C3")
    towards = np.array(sphere().sites_m["Cz"]) - patch.center_m
    towards -= (towards @ patch.normal) * patch.normal
    assert patch.up @ towards / np.linalg.norm(towards) > 0.9999
    right = np.cross(patch.up, patch.normal)
    assert (spread(patch, patch.up), spread(patch, right)) == pytest.approx((0.07, 0.05), rel=0.03)


@pytest.mark.parametrize("site", ["Cz", "C1h", "CPz"])
def test_near_the_vertex_it_points_to_the_front(site):
    patch = one(site)
    is_near = np.linalg.norm(patch.center_m - sphere().sites_m["Cz"]) <= 0.020
    assert (patch.up[1] > 0.9) == (is_near or site == "CPz")


def test_a_positive_rotation_is_counter_clockwise_as_seen_from_outside():
    straight, turned = one("C3"), one("C3", Rectangle(0.05, 0.07, np.radians(30)))
    assert np.cross(straight.up, turned.up) @ straight.normal == pytest.approx(0.5, abs=1e-3)
    assert straight.up @ turned.up == pytest.approx(np.cos(np.radians(30)), abs=1e-3)


def test_a_quarter_turn_swaps_width_and_height():
    patch = one("C3", Rectangle(0.05, 0.07, np.pi / 2))
    right = np.cross(patch.up, patch.normal)
    assert (spread(patch, patch.up), spread(patch, right)) == pytest.approx((0.07, 0.05), rel=0.03)
    straight = one("C3")
    assert spread(patch, straight.up) == pytest.approx(0.05, rel=0.03)


# sites


def test_an_old_name_and_any_case_are_understood():
    assert one("T3", Circle(0.02)).center_m == pytest.approx(one("T7", Circle(0.02)).center_m)
    assert one("fp2", Circle(0.02)).center_m == pytest.approx(one("Fp2", Circle(0.02)).center_m)


def test_a_position_is_projected_to_the_nearest_point_of_the_scalp():
    patch = one((0.0, 0.0, R + 0.015), Circle(0.02))
    assert patch.offset_m == pytest.approx(0.015, abs=2e-4)
    assert patch.center_m == pytest.approx([0, 0, R], abs=2e-4)


def test_the_impedance_is_the_sum_of_the_layers():
    layers = (Layer("saline_sponge", 0.006), Layer("conductive_rubber", 0.002))
    from stimplan.sites import materials

    expected = sum(layer.thickness_m / materials()[layer.material].conductivity_S_per_m for layer in layers)
    assert one("C3", layers=layers).contact_ohm_m2 == pytest.approx(expected, rel=1e-12)


# what is refused


def problems_of(*electrodes, head=None, **options):
    with pytest.raises(MontageError) as caught:
        place(montage(*electrodes), head or sphere(), **options)
    return caught.value.problems


def test_every_problem_is_listed_at_once_and_each_with_its_place():
    problems = problems_of(
        electrode("CP9x"),
        electrode((0.0, 0.0, R + 0.0201)),
        electrode("C3"),
        electrode("C5"),
        electrode("F4", Circle(0.01), layers=(Layer("chewing_gum", 0.003),)),
    )
    wheres = [problem.where for problem in problems]
    assert wheres == [
        "$.stimulation.electrodes[0].site",
        "$.stimulation.electrodes[1].site",
        "$.stimulation.electrodes[4].layers[0].material",
        "$.stimulation.electrodes",
    ]
    assert "CP9" in problems[0].what
    assert "20.1 mm" in problems[1].what and "(0.0, 0.0, 112.1) mm" in problems[1].what
    assert "chewing_gum" in problems[2].what
    assert "'C3' and 'C5' overlap by" in problems[3].what and "cm²" in problems[3].what


def test_twenty_millimetres_from_the_scalp_is_still_allowed():
    assert one((0.0, 0.0, R + 0.0199), Circle(0.02)).offset_m == pytest.approx(0.0199, abs=2e-4)


def test_a_position_that_is_not_a_number_is_refused():
    assert "from the scalp" in problems_of(electrode((float("nan"), 0.0, 0.0)))[0].what


@pytest.mark.parametrize("gap_m, is_refused", [(0.0005, False), (-0.002, True)])
def test_discs_that_overlap_are_refused_and_neighbours_are_not(gap_m, is_refused):
    half = 2 * np.arcsin((0.02 + gap_m) / 2 / R) / 2
    positions = [(R * np.sin(side * half), 0.0, R * np.cos(half)) for side in (-1, 1)]
    electrodes = [electrode(position, Circle(0.02)) for position in positions]
    if is_refused:
        assert "overlap by" in problems_of(*electrodes)[0].what
    else:
        assert len(place(montage(*electrodes), sphere()).electrodes) == 2


def test_a_disc_inside_a_ring_does_not_overlap_it():
    placed = place(montage(electrode("C3", Ring(0.06, 0.08)), electrode("C3", Circle(0.03))), sphere())
    assert len(placed.electrodes) == 2


def test_the_complete_model_needs_a_contact_impedance_and_the_uniform_one_does_not():
    assert "contact impedance" in problems_of(electrode("C3", layers=()))[0].what
    placed = place(montage(electrode("C3", layers=())), sphere(), electrode_model="uniform")
    assert placed.electrodes[0].contact_ohm_m2 == 0


def test_an_unknown_electrode_model_is_refused():
    with pytest.raises(InputError, match="'point'"):
        place(montage(electrode("C3")), sphere(), electrode_model="point")


def test_a_head_without_that_site_says_so():
    bare = attrs.evolve(sphere(), sites_m={})
    assert "has no site 'C3'" in problems_of(electrode("C3"), head=bare)[0].what


def cut_sphere(level_m: float) -> HeadModel:
    """The sphere without what lies below a level, its lowest nodes moved onto that level."""
    head = sphere()
    keep = head.nodes_m[head.tets][:, :, 2].max(axis=1) > level_m
    nodes = head.nodes_m.copy()
    nodes[:, 2] = np.maximum(nodes[:, 2], level_m)
    tets = head.tets[keep]
    a, b, c, d = (nodes[tets[:, k]] for k in range(4))
    has_volume = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) > 1e-13
    return attrs.evolve(head, nodes_m=nodes, tets=tets[has_volume], tissue=head.tissue[keep][has_volume])


def test_an_electrode_that_reaches_the_plane_where_the_head_was_cut_is_refused():
    head = cut_sphere(-0.05)
    low = (0.0, R * np.cos(0.45), -R * np.sin(0.45))
    assert "cut off" in problems_of(electrode(low), head=head)[0].what
    assert one("C3", head=head).area_m2.sum() == pytest.approx(PAD.area_m2, rel=0.005)


def test_an_electrode_that_hangs_over_an_edge_is_refused():
    """A thin plate has a rim, as an ear has, and no neck: only the area tells."""
    nodes, tets = bar((20, 20, 2), (0.1, 0.1, 0.006))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]  # so that no face looks straight down
    turn *= np.linalg.det(turn)
    nodes = (nodes - [0.05, 0.05, 0.003]) @ turn.T
    a, b, c, d = (nodes[tets[:, k]] for k in range(4))
    tets = np.where((np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0)[:, None], tets[:, [1, 0, 2, 3]], tets)
    plate = attrs.evolve(sphere(), nodes_m=nodes, tets=tets, tissue=np.ones(len(tets)), sites_m={})
    middle, rim = turn @ [0, 0, 0.003], turn @ [0.045, 0, 0.003]
    assert one(tuple(middle), Circle(0.04), head=plate).area_m2.sum() == pytest.approx(0.04**2 * np.pi / 4, rel=0.005)
    assert "hangs over an edge" in problems_of(electrode(tuple(rim), Circle(0.04)), head=plate)[0].what


def test_a_real_protocol_is_placed_as_it_is():
    protocol = read_protocol("m1-so")
    placed = place(protocol, sphere())
    assert placed.protocol_digest == protocol.digest
    assert [patch.electrode for patch in placed.electrodes] == list(protocol.electrodes)
    assert placed.digest == place(protocol, sphere()).digest
    assert placed.digest != place(protocol, sphere(), electrode_model="uniform").digest
    with pytest.raises(ValueError, match="read-only"):
        placed.electrodes[0].area_m2[0] = 0


# the surface


def test_the_nearest_point_of_a_triangle_is_right_inside_on_edges_and_at_corners():
    nodes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 5.0], [1, 0, 5], [0, 1, 5]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
    for point, triangle, expected in [
        ([0.2, 0.2, 1.0], 0, [0.2, 0.2, 0]),
        ([1.0, 1.0, -1.0], 0, [0.5, 0.5, 0]),
        ([-1.0, -2.0, 0.5], 0, [0, 0, 0]),
        ([3.0, -1.0, 4.0], 1, [1, 0, 5]),
        ([0.3, -2.0, 5.0], 1, [0.3, 0, 5]),
    ]:
        number, nearest = nearest_on_surface(np.array(point), nodes, triangles)
        assert number == triangle
        np.testing.assert_allclose(nearest, expected, atol=1e-12)


def test_triangles_are_connected_across_edges_and_not_at_points():
    triangles = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 5], [6, 7, 8]], dtype=np.int32)
    assert connected_to(0, triangles).tolist() == [True, True, False, False]
    assert connected_to(2, triangles).tolist() == [False, False, True, False]


def test_a_round_bottom_is_no_cut_and_a_flat_one_is():
    assert not cut_triangles(sphere().nodes_m, sphere().scalp).any()
    head = cut_sphere(-0.05)
    is_cut = cut_triangles(head.nodes_m, head.scalp)
    area = np.linalg.norm(area_vectors(head.nodes_m, head.scalp), axis=1)
    assert area[is_cut].sum() == pytest.approx(np.pi * (R**2 - 0.05**2), rel=0.15)


def test_a_disc_of_another_montage_is_another_value():
    assert disc("C3", 1e-3) != disc("C3", 2e-3)
    assert one("C3", Circle(0.02)) == one("C3", Circle(0.02)) != one("C3", Circle(0.021))


def test_a_protocol_without_electrodes_is_refused():
    from types import SimpleNamespace

    coil = SimpleNamespace(id="rtms", modality="TMS", electrodes=(), digest="x")
    with pytest.raises(InputError, match="'rtms' has no electrodes"):
        place(coil, sphere())
