"""The field against the exact one on layered spheres, and against identities that need no reference."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from spheres import RADII_MM, SIGMA, ball, c3_fp2, disc, exact_electrodes, exact_in_brain, montage, sphere

from stimplan.errors import InputError, SolveError
from stimplan.fem.compare import mag, rdm
from stimplan.fem.exact import layered_sphere
from stimplan.fem.recover import relative_difference
from stimplan.field import Field, current_through, solve, system_of
from stimplan.head import sphere_head
from stimplan.placement import place
from stimplan.values import digest

RADII = np.array(RADII_MM) * 1e-3


def solved(*electrodes, head=None, model="uniform", **options):
    head = head or sphere()
    return solve(head, place(montage(*electrodes), head, electrode_model=model), **options)


# against the exact solution


@pytest.mark.slow
def test_acceptance_the_field_in_the_brain_at_4_mm_is_within_2_per_cent_and_its_size_within_half_a_per_cent():
    field = c3_fp2(4.0)
    brain, truth = exact_in_brain(field)
    volumes = field.head.volumes_m3[brain]
    assert rdm(field.E_V_per_m[brain], truth, weights=volumes) <= 0.02
    assert mag(field.E_V_per_m[brain], truth, weights=volumes) == pytest.approx(1, abs=0.005)
    recovered = field.recovered_at_centers_V_per_m[brain]
    assert rdm(recovered, truth, weights=volumes) <= 0.007
    assert mag(recovered, truth, weights=volumes) == pytest.approx(1, abs=0.002)


def test_the_field_at_6_mm_is_within_3_per_cent_and_recovered_within_half_a_per_cent():
    field = c3_fp2(6.0)
    brain, truth = exact_in_brain(field)
    volumes = field.head.volumes_m3[brain]
    assert rdm(field.E_V_per_m[brain], truth, weights=volumes) <= 0.03
    assert mag(field.E_V_per_m[brain], truth, weights=volumes) == pytest.approx(1, abs=0.005)
    assert rdm(field.recovered_at_centers_V_per_m[brain], truth, weights=volumes) <= 0.005


def test_the_recovery_based_estimate_predicts_the_true_error():
    field = c3_fp2(6.0)
    brain, truth = exact_in_brain(field)
    true = relative_difference(truth, field.E_V_per_m[brain], field.head.volumes_m3[brain])
    assert field.error_estimate("layer_1") == pytest.approx(true, rel=0.02)


def potential_error(edge_mm: float) -> tuple[float, float]:
    """Mean edge and relative error of the potential in the brain of a three-layer sphere without thin layers."""
    radii, sigma = (60.0, 76.0, 92.0), (0.33, 0.05, 0.465)
    head = sphere_head(radii_mm=radii, conductivities_S_per_m=sigma, edge_mm=edge_mm)
    electrodes = [disc("C3", 1e-3, diameter_m=0.04), disc("Fp2", -1e-3, diameter_m=0.04)]
    field = solved(*electrodes, head=head, tolerance=1e-9)
    inner = np.unique(head.tets[head.in_tissue("layer_1")])
    points = head.nodes_m[inner]
    points = points * np.minimum(1, 0.06 / np.maximum(np.linalg.norm(points, axis=1), 1e-12))[:, None]
    truth = layered_sphere(
        points, exact_electrodes(field), radii_m=np.array(radii) * 1e-3, conductivities_S_per_m=sigma
    )[0]
    found = field.potential_V[inner]
    error = (found - found.mean()) - (truth - truth.mean())
    return edge_mm, float(np.linalg.norm(error) / np.linalg.norm(truth - truth.mean()))


@pytest.mark.slow
def test_the_potential_converges_with_the_square_of_the_edge():
    edges, errors = zip(*(potential_error(edge_mm) for edge_mm in (12.0, 8.0, 5.0)), strict=True)
    rate = np.polyfit(np.log(edges), np.log(errors), 1)[0]
    assert rate >= 1.8
    assert errors[-1] < 0.003


def test_the_voltage_between_two_electrodes_is_that_of_the_exact_sphere_from_below():
    field = c3_fp2(6.0)
    below = 0.0005
    contacts = [patch.contact(field.head) for patch in field.placement.electrodes]
    skin = []
    for contact in contacts:
        corners = field.head.nodes_m[contact.triangles].mean(axis=1)
        corners *= (1 - below / RADII[-1]) * RADII[-1] / np.linalg.norm(corners, axis=1)[:, None]
        potential = layered_sphere(
            corners, exact_electrodes(field), radii_m=RADII, conductivities_S_per_m=SIGMA, tolerance=1e-4
        )[0]
        mean = float(potential @ contact.weights_m2.sum(axis=1) / contact.area_m2)
        # The last half millimetre, where the series is slow: the density is the electrode's, to first order.
        skin.append(mean + below * contact.current_A / contact.area_m2 / SIGMA[-1])
    drops = [contact.current_A * contact.impedance_ohm_m2 / contact.area_m2 for contact in contacts]
    # A Galerkin solution has too little energy, here by 4 %: the mesh has only three edges across a disc.
    ratio = np.ptp(field.electrode_potential_V - drops) / np.ptp(skin)
    assert 0.955 < ratio < 1


# identities


def test_twice_the_current_gives_twice_the_field():
    one = solved(disc("C3", 1e-3), disc("Fp2", -1e-3), tolerance=1e-9)
    two = solved(disc("C3", 2e-3), disc("Fp2", -2e-3), tolerance=1e-9)
    np.testing.assert_allclose(two.E_V_per_m, 2 * one.E_V_per_m, atol=1e-7 * one.magnitude_V_per_m.max())


def test_the_opposite_current_gives_the_opposite_field():
    one = solved(disc("C3", 1e-3), disc("Fp2", -1e-3))
    other = solved(disc("C3", -1e-3), disc("Fp2", 1e-3))
    np.testing.assert_array_equal(other.E_V_per_m, -one.E_V_per_m)


@pytest.mark.parametrize("model", ["uniform", "complete"])
def test_two_montages_superpose(model):
    """In the complete model every electrode is on the head in all three, without current where it is not used."""
    head = sphere()
    placement = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3), disc("Oz", 0.0)), head, electrode_model=model)
    one, two = np.array([1e-3, -1e-3, 0]), np.array([0.4e-3, 0.6e-3, -1e-3])
    first, second, both = (solve(head, placement, currents_A=i, tolerance=1e-9) for i in (one, two, one + two))
    expected = first.E_V_per_m + second.E_V_per_m
    np.testing.assert_allclose(both.E_V_per_m, expected, atol=1e-6 * np.abs(expected).max())
    assert both.provenance["currents_A"] == pytest.approx(one + two)


@pytest.mark.parametrize("currents", [[1e-3], [1e-3, np.nan], [[1e-3, -1e-3]], [1e-3, -0.9e-3]], ids=str)
def test_currents_that_are_not_one_for_each_electrode_or_do_not_balance_are_refused(currents):
    placement = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), sphere())
    with pytest.raises(InputError):
        solve(sphere(), placement, currents_A=currents)


def relabelled(placement, **values):
    """The placement with other values at its electrodes, one of each tuple for each electrode."""
    patches = []
    for k, patch in enumerate(placement.electrodes):
        electrode = attrs.evolve(patch.electrode, **{name: value[k] for name, value in values.items()})
        patches.append(attrs.evolve(patch, electrode=electrode))
    return attrs.evolve(placement, electrodes=tuple(patches))


def test_electrodes_half_a_period_apart_have_opposite_currents_and_any_other_phase_is_refused():
    direct = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), sphere(), electrode_model="uniform")
    alternating = relabelled(direct, current_A=(1e-3, 1e-3), phase_rad=(0.0, np.pi))
    expected = solve(sphere(), direct).E_V_per_m
    np.testing.assert_array_equal(solve(sphere(), alternating).E_V_per_m, expected)
    turning = relabelled(direct, phase_rad=(0.0, np.pi / 3))
    with pytest.raises(InputError, match="'Fp2' has a phase of 60 degrees"):
        solve(sphere(), turning)
    np.testing.assert_array_equal(solve(sphere(), turning, currents_A=[1e-3, -1e-3]).E_V_per_m, expected)


def test_two_current_sources_are_not_one_field():
    placement = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), sphere())
    with pytest.raises(InputError, match="2 current sources"):
        solve(sphere(), relabelled(placement, channel=(1, 2)))


def rotation():
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    return turn * np.linalg.det(turn)


def test_turning_head_and_electrodes_turns_the_field():
    turn, head = rotation(), sphere()
    turned = attrs.evolve(head, nodes_m=head.nodes_m @ turn.T, sites_m={})
    sites = [np.array(head.sites_m[name]) for name in ("C3", "Fp2")]
    straight = solved(*(disc(tuple(s), c) for s, c in zip(sites, (1e-3, -1e-3), strict=True)), tolerance=1e-9)
    other = solved(
        *(disc(tuple(turn @ s), c) for s, c in zip(sites, (1e-3, -1e-3), strict=True)), head=turned, tolerance=1e-9
    )
    brain = head.in_tissue("layer_1")
    # The outline of a disc is sampled in a frame that turns with the pole: the patches agree to sampling only.
    expected = straight.E_V_per_m[brain] @ turn.T
    assert rdm(other.E_V_per_m[brain], expected) < 1e-4
    assert mag(other.E_V_per_m[brain], expected) == pytest.approx(1, abs=1e-4)


def test_doubling_every_conductivity_leaves_the_current_and_halves_the_field():
    head = sphere()
    placement = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), head, electrode_model="uniform")
    better = head.with_conductivities({tissue.name: 2 * tissue.conductivity_S_per_m for tissue in head.tissues})
    one, two = (solve(h, placement, tolerance=1e-9) for h in (head, better))
    np.testing.assert_allclose(two.E_V_per_m, one.E_V_per_m / 2, atol=1e-7 * one.magnitude_V_per_m.max())
    np.testing.assert_allclose(two.J_A_per_m2, one.J_A_per_m2, atol=1e-7 * np.abs(one.J_A_per_m2).max())


def test_reciprocity_source_and_receiver_change_places():
    """The voltage at pair B for a current at pair A is the voltage at pair A for that current at pair B."""
    head = sphere()
    sites = ("C3", "Fp2", "Oz", "F4")
    placement = place(montage(*(disc(site, 0.0) for site in sites)), head)
    first, second = (
        solve(head, placement, currents_A=i, tolerance=1e-9).electrode_potential_V
        for i in ([1e-3, -1e-3, 0, 0], [0, 0, 1e-3, -1e-3])
    )
    assert first[2] - first[3] == pytest.approx(second[0] - second[1], rel=1e-5)


# current


@pytest.mark.parametrize("model", ["uniform", "complete"])
def test_the_current_through_a_surface_between_the_electrodes_is_the_electrodes_current_within_1_per_cent(model):
    field = c3_fp2(6.0, model, 2e-3)
    centers, (c3, fp2) = field.head.centers_m, [patch.center_m for patch in field.placement.electrodes]
    for inside in (centers @ (c3 - fp2) > 0, centers @ c3 / RADII[-1] > 0.06):
        assert current_through(field, inside) == pytest.approx(2e-3, rel=0.01)
        assert current_through(field, ~inside) == pytest.approx(-2e-3, rel=0.01)
        assert current_through(field, inside, method="weak") == pytest.approx(2e-3, rel=1e-5)


@pytest.mark.slow
def test_at_4_mm_even_a_cap_that_runs_along_the_thin_layers_lets_the_current_through_within_1_per_cent():
    field = c3_fp2(4.0)
    along = field.head.centers_m @ field.placement.electrodes[0].center_m / RADII[-1]
    for height in (0.0, 0.06, 0.075, 0.08):
        assert current_through(field, along > height) == pytest.approx(1e-3, rel=0.01)


def test_no_net_current_leaves_a_tissue_without_electrodes():
    field = c3_fp2(6.0)
    brain = field.head.in_tissue("layer_1")
    assert abs(current_through(field, brain, method="weak")) < 1e-8
    assert abs(current_through(field, brain)) < 1e-5


def test_a_field_that_lost_a_tenth_of_its_current_is_noticed():
    field = c3_fp2(6.0)
    weak = attrs.evolve(field, E_V_per_m=0.9 * field.E_V_per_m)
    half = field.head.centers_m @ field.placement.electrodes[0].center_m > 0
    for method in ("faces", "weak"):
        assert current_through(weak, half, method=method) == pytest.approx(
            0.9 * current_through(field, half, method=method), rel=1e-9
        )


def test_a_set_without_a_surface_a_wrong_mask_and_an_unknown_method_are_refused():
    field = c3_fp2(6.0)
    count = len(field.head.tets)
    for mask in (np.ones(count), np.zeros(count)):
        with pytest.raises(InputError, match="no surface"):
            current_through(field, mask)
    with pytest.raises(InputError, match="one value for each"):
        current_through(field, np.ones(3))
    with pytest.raises(InputError, match="'exact'"):
        current_through(field, np.arange(count) % 2, method="exact")


# the value


def test_electrodes_in_the_complete_model_take_a_higher_voltage_for_a_thicker_sponge():
    from stimplan.montage import Layer

    volts = []
    for thickness in (0.003, 0.006, 0.012):
        layers = (Layer("saline_sponge", thickness),)
        field = solved(disc("C3", 1e-3, layers=layers), disc("Fp2", -1e-3, layers=layers), model="complete")
        volts.append(np.ptp(field.electrode_potential_V))
    assert volts[0] < volts[1] < volts[2]


def test_points_are_interpolated_within_their_own_tissue():
    field = c3_fp2(6.0)
    head = field.head
    for name in ("layer_1", "layer_3"):
        chosen = np.flatnonzero(head.in_tissue(name))[::997]
        np.testing.assert_allclose(
            field.at(head.centers_m[chosen]), field.recovered_at_centers_V_per_m[chosen], atol=1e-12
        )
    direction = np.array([0.3, -0.5, 0.6]) / np.linalg.norm([0.3, -0.5, 0.6])
    csf, bone = field.at([direction * 0.0795, direction * 0.0805])
    assert np.linalg.norm(bone) > 10 * abs(csf @ direction)  # the normal field jumps with the conductivity


def test_the_interpolated_field_is_near_the_exact_one():
    field = c3_fp2(6.0)
    points = np.random.default_rng(6).uniform(-0.04, 0.04, size=(500, 3))
    truth = layered_sphere(points, exact_electrodes(field), radii_m=RADII, conductivities_S_per_m=SIGMA)[1]
    assert rdm(field.at(points), truth) < 0.01


def test_points_outside_the_head_are_counted_and_refused():
    with pytest.raises(InputError, match="2 of 3 points are outside"):
        c3_fp2(6.0).at([[0, 0, 0], [0, 0, 0.093], [1, 1, 1]])


def test_a_lying_solver_gives_no_field():
    for liar in (lambda a, b: 0 * b, lambda a, b: np.full_like(b, np.nan)):
        with pytest.raises(SolveError):
            solved(disc("C3", 1e-3), disc("Fp2", -1e-3), solver=liar)


def test_currents_that_do_not_balance_are_refused():
    with pytest.raises(InputError, match="sum to zero"):
        solved(disc("C3", 1e-3), disc("Fp2", -0.9e-3))


def test_the_matrix_and_its_hierarchy_serve_every_montage_on_a_head():
    head = ball()
    assert system_of(head) is system_of(head, lambda stage, fraction: None)
    assert system_of(attrs.evolve(head)) is not system_of(head)


def test_a_placement_belongs_to_its_mesh():
    placement = place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), sphere())
    with pytest.raises(InputError, match="another mesh"):
        solve(ball(), placement)


def test_a_field_of_another_length_is_refused():
    field = c3_fp2(6.0)
    with pytest.raises(InputError, match="does not belong"):
        attrs.evolve(field, E_V_per_m=field.E_V_per_m[1:])


def test_the_same_inputs_give_the_same_digest_and_another_tolerance_another():
    one, two = (solved(disc("C3", 1e-3), disc("Fp2", -1e-3)) for _ in range(2))
    assert one.digest == two.digest and one.E_V_per_m.tobytes() == two.E_V_per_m.tobytes()
    assert solved(disc("C3", 1e-3), disc("Fp2", -1e-3), tolerance=1e-7).digest != one.digest


def test_the_provenance_is_plain_data_and_names_everything_the_field_depends_on():
    field = c3_fp2(6.0)
    assert digest(field.provenance)
    assert field.provenance["head_digest"] == field.head.digest
    assert field.provenance["placement_digest"] == field.placement.digest
    assert field.provenance["electrode_model"] == "uniform"
    assert field.provenance["conductivities_S_per_m"]["layer_3"] == 0.01
    assert 0 < field.residual <= 1e-6 and field.iterations < 25


def test_what_a_field_holds_cannot_be_changed():
    field = c3_fp2(6.0)
    for array in (field.E_V_per_m, field.potential_V, field.magnitude_V_per_m, field.recovered_V_per_m("layer_1")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        field.residual = 0.0


def test_a_field_from_elsewhere_needs_no_placement():
    head = ball()
    n = len(head.nodes_m)
    field = Field(head, None, np.zeros((len(head.tets), 3)), np.zeros(n), np.zeros(0), 0.0, None, {})
    assert field.at([[0, 0, 0]]).tolist() == [[0, 0, 0]]
