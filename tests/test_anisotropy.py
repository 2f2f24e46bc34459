"""Conductivity tensors: the field against exact answers, diffusion tensors read from files, and how they are mapped."""

from __future__ import annotations

import attrs
import nibabel
import numpy as np
import pytest
from runs import plan, small_head
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation
from spheres import ball, bar, disc, montage

from stimplan.errors import HeadError, InputError
from stimplan.fem.assemble import electric_field, load_vector, stiffness
from stimplan.fem.tensor import current_density, is_positive_definite, matrices, six_of
from stimplan.field import current_through, solve
from stimplan.head import HeadModel
from stimplan.head.anisotropy import LARGEST_RATIO, MAPPINGS, with_tensors
from stimplan.head.tensor_volume import TensorVolume, read_tensor_volume
from stimplan.pipeline import RunOptions, run
from stimplan.placement import place
from stimplan.report import render

TURN = Rotation.from_euler("xyz", [25, -40, 70], degrees=True).as_matrix()
# White matter of 9 to 1, turned out of the axes.
TENSOR = TURN @ np.diag([0.9, 0.1, 0.2]) @ TURN.T


def six(matrix, count):
    return np.tile(six_of(matrix[None]), (count, 1))


def solved(nodes, tets, tensors, exact):
    """Potential inside, with the exact one prescribed on the boundary."""
    matrix = stiffness(nodes, tets, tensors).tocsc()
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    fixed = np.any(np.isclose(nodes, low) | np.isclose(nodes, high), axis=1)
    values = np.where(fixed, exact, 0.0)
    values[~fixed] = spsolve(matrix[~fixed][:, ~fixed], -(matrix @ values)[~fixed])
    return values, ~fixed


# --- the field against exact answers ---------------------------------------------------------------------------------


def test_a_linear_potential_in_a_turned_anisotropic_bar_is_exact():
    nodes, tets = bar()
    gradient = np.array([0.3, -1.1, 0.7])
    exact = nodes @ gradient
    tensors = six(TENSOR, len(tets))
    potential, inside = solved(nodes, tets, tensors, exact)
    assert np.abs(potential - exact)[inside].max() < 1e-10 * np.ptp(exact)
    field = electric_field(potential, nodes, tets)
    assert np.abs(field + gradient).max() < 1e-10
    assert np.allclose(current_density(tensors, field), -TENSOR @ gradient, rtol=0, atol=1e-10)


def test_a_linear_potential_balances_the_current_that_is_pushed_through_the_sides():
    nodes, tets = bar()
    gradient = np.array([0.3, -1.1, 0.7])
    flow = np.tile(-TENSOR @ gradient, (len(tets), 1))
    balance = stiffness(nodes, tets, six(TENSOR, len(tets))) @ (nodes @ gradient) + load_vector(flow, nodes, tets)
    assert np.abs(balance).max() < 1e-12 * np.abs(load_vector(flow, nodes, tets)).max()


def test_the_error_of_a_point_source_in_an_anisotropic_medium_falls_with_the_square_of_the_edge():
    source, current = np.array([-0.4, 0.3, 0.5]), 1e-3
    errors = []
    for count in (4, 8, 16):
        nodes, tets = bar((count,) * 3, (1.0,) * 3)
        away = nodes - source
        distance = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(TENSOR), away))
        exact = current / (4 * np.pi * np.sqrt(np.linalg.det(TENSOR)) * distance)
        potential, inside = solved(nodes, tets, six(TENSOR, len(tets)), exact)
        errors.append(np.linalg.norm((potential - exact)[inside]) / np.linalg.norm(exact[inside]))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 3e-3
    assert np.all(rates > 1.7) and rates[-1] > 1.8


def test_isotropic_tensors_give_the_field_of_numbers():
    head = ball()
    same = attrs.evolve(head, tensors_S_per_m=six(0.3 * np.eye(3), len(head.tets)))
    plates = montage(disc("C3", 1e-3), disc("Fp2", -1e-3))
    one, other = (solve(h, place(plates, h)) for h in (head, same))
    scale = np.abs(one.E_V_per_m).max()
    assert np.abs(one.E_V_per_m - other.E_V_per_m).max() < 1e-11 * scale
    assert np.allclose(one.J_A_per_m2, other.J_A_per_m2, rtol=0, atol=1e-11 * np.abs(one.J_A_per_m2).max())
    matrix, again = (stiffness(h.nodes_m, h.tets, h.conductivity_S_per_m) for h in (head, same))
    assert np.abs(matrix.data - again.data).max() < 1e-12 * np.abs(matrix.data).max()


def test_turning_mesh_and_tensors_together_changes_nothing():
    nodes, tets = bar()
    turned = TURN @ TENSOR @ TURN.T
    matrix = stiffness(nodes, tets, six(TENSOR, len(tets)))
    again = stiffness(nodes @ TURN.T, tets, six(turned, len(tets)))
    assert np.abs(matrix.data - again.data).max() < 1e-12 * np.abs(matrix.data).max()


def test_the_current_through_an_anisotropic_ball_is_the_one_put_in():
    head = ball()
    head = attrs.evolve(head, tensors_S_per_m=six(TENSOR, len(head.tets)))
    field = solve(head, place(montage(disc("C3", 1e-3), disc("C4", -1e-3)), head))
    left = head.centers_m[:, 0] < 0
    assert current_through(field, left, method="weak") == pytest.approx(1e-3, rel=1e-5)
    assert current_through(field, left) == pytest.approx(1e-3, rel=0.03)
    assert field.provenance["is_anisotropic"]


def test_tensors_change_the_digest_and_grow_with_the_conductivity_of_their_tissue():
    head = ball()
    other = attrs.evolve(head, tensors_S_per_m=six(TENSOR, len(head.tets)))
    assert other.digest != head.digest
    doubled = other.with_conductivities({"layer_1": 0.6})
    assert np.allclose(doubled.conductivity_S_per_m, 2 * other.conductivity_S_per_m)


def test_elements_without_a_tensor_have_the_conductivity_of_their_tissue():
    head = ball()
    tensors = six(TENSOR, len(head.tets)) * (np.arange(len(head.tets)) % 2)[:, None]
    values = attrs.evolve(head, tensors_S_per_m=tensors).conductivity_S_per_m
    assert np.allclose(values[0], [0.3, 0.3, 0.3, 0, 0, 0])
    assert np.allclose(values[1], six_of(TENSOR[None])[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tensor_that_is_not_positive_definite_is_not_solved_with(value):
    nodes, tets = bar((2, 2, 2))
    for bad in ([1, 1, 1, 2, 0, 0], [1, -1, 1, 0, 0, 0], [value, 1, 1, 0, 0, 0]):
        tensors = six(TENSOR, len(tets))
        tensors[3] = bad
        with pytest.raises(InputError, match="1 conductivity tensors are not positive definite"):
            stiffness(nodes, tets, tensors)
    with pytest.raises(InputError, match="numbers or"):
        stiffness(nodes, tets, np.ones((len(tets), 3)))


def test_positive_definite_is_what_the_eigenvalues_say():
    rng = np.random.default_rng(0)
    tensors = rng.normal(size=(500, 6)) + np.array([1.5, 1.5, 1.5, 0, 0, 0])
    assert np.array_equal(is_positive_definite(tensors), np.linalg.eigvalsh(matrices(tensors))[:, 0] > 0)


def test_a_wrong_number_of_tensors_is_refused():
    with pytest.raises(HeadError, match="conductivity tensors"):
        attrs.evolve(ball(), tensors_S_per_m=np.ones((3, 6)))


# --- reading ---------------------------------------------------------------------------------------------------------

WORLD = TURN @ np.diag([1.7e-3, 0.3e-3, 0.4e-3]) @ TURN.T
GRID = (12, 11, 10)


def oblique(*, is_right_handed=True):
    """An affine of 16 mm voxels (mm) turned out of the axes, centred on the ball."""
    axes = Rotation.from_euler("zyx", [20, 10, -15], degrees=True).as_matrix()
    if not is_right_handed:
        axes = axes * [-1, 1, 1]
    matrix = np.eye(4)
    matrix[:3, :3] = axes * 16.0
    matrix[:3, 3] = -matrix[:3, :3] @ (np.array(GRID) - 1) / 2
    return matrix


def written(path, order, affine, *, intent=None, world=WORLD, edit=None):
    """A file of one tensor everywhere, as the program of that order would write it."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if order == "fsl" and np.linalg.det(axes) > 0:
        axes = axes * [-1, 1, 1]
    d = world if order in ("mrtrix", "nifti-world") else axes.T @ world @ axes
    names = {
        "fsl": ("00", "01", "02", "11", "12", "22"),
        "mrtrix": ("00", "11", "22", "01", "02", "12"),
        "nifti": ("00", "01", "11", "02", "12", "22"),
        "nifti-world": ("00", "01", "11", "02", "12", "22"),
    }[order]
    data = np.tile(np.array([d[int(n[0]), int(n[1])] for n in names], dtype=np.float32), (*GRID, 1))
    if edit is not None:
        edit(data)
    if intent:
        data = data[:, :, :, None]
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    if intent:
        image.header.set_intent("symmetric matrix", (3,))
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("is_right_handed", [True, False])
@pytest.mark.parametrize("order", ["fsl", "mrtrix", "nifti", "nifti-world"])
def test_every_order_gives_the_tensor_in_the_axes_of_the_head(tmp_path, order, is_right_handed):
    path = written(tmp_path / "dti.nii.gz", order, oblique(is_right_handed=is_right_handed))
    tensors, counts = read_tensor_volume(path, order=order).at(ball().centers_m[:50])
    assert np.allclose(matrices(tensors), WORLD, rtol=0, atol=1e-9)
    assert counts["unsound_voxels"] == counts["empty_voxels"] == 0


def test_the_order_is_known_from_the_intent_and_from_nothing_else(tmp_path):
    path = written(tmp_path / "dti.nii.gz", "nifti", oblique(), intent=True)
    assert read_tensor_volume(path).record["order"] == "nifti"
    silent = written(tmp_path / "plain.nii.gz", "fsl", oblique())
    with pytest.raises(HeadError, match="does not say in which order"):
        read_tensor_volume(silent)
    with pytest.raises(HeadError, match="intent is a symmetric matrix"):
        read_tensor_volume(path, order="fsl")
    with pytest.raises(HeadError, match="'FSL' is not known"):
        read_tensor_volume(silent, order="FSL")


def test_a_file_that_is_no_tensor_is_refused(tmp_path):
    path = tmp_path / "three.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 3), np.float32), np.eye(4)), path)
    with pytest.raises(HeadError, match="six volumes, this file is 4 x 4 x 4 x 3"):
        read_tensor_volume(path, order="fsl")
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(HeadError, match="cannot be read as a NIfTI file"):
        read_tensor_volume(tmp_path / "text.nii", order="fsl")
    with pytest.raises(HeadError, match="cannot be read as a NIfTI file"):
        read_tensor_volume(tmp_path / "nowhere.nii", order="fsl")


def test_axes_that_the_header_states_twice_differently_are_refused(tmp_path):
    path = written(tmp_path / "dti.nii", "fsl", oblique())
    image = nibabel.load(path)
    image.set_qform(np.diag([16.0, 16, 16, 1]), code=1)
    image.set_sform(oblique(), code=1)
    nibabel.save(image, tmp_path / "two.nii")
    with pytest.raises(HeadError, match="qform and sform"):
        read_tensor_volume(tmp_path / "two.nii", order="fsl")


def test_a_sheared_grid_is_refused(tmp_path):
    affine = oblique()
    affine[:3, 1] += 0.3 * affine[:3, 0]
    path = written(tmp_path / "dti.nii", "mrtrix", affine)
    assert np.isfinite(read_tensor_volume(path, order="mrtrix").at(np.zeros((1, 3)))[0]).all()
    with pytest.raises(HeadError, match="not at right angles"):
        read_tensor_volume(path, order="fsl")


def test_voxels_that_hold_no_sound_tensor_are_left_out_and_counted(tmp_path):
    def spoil(data):
        data[0::3] = 0
        data[1::3, 0::2] = [1e-3, 1e-3, -1e-3, 0, 0, 0]
        data[1::3, 1::2] = np.nan

    path = written(tmp_path / "dti.nii", "mrtrix", oblique(), edit=spoil)
    tensors, counts = read_tensor_volume(path, order="mrtrix").at(ball().centers_m)
    known = np.isfinite(tensors).all(axis=1)
    assert np.allclose(matrices(tensors[known]), WORLD, rtol=0, atol=1e-9)
    assert 0 < (~known).sum() < len(known)
    assert counts["empty_voxels"] > 0 and counts["unsound_voxels"] > 0


def test_between_voxels_the_tensor_is_interpolated():
    data = np.zeros((2, 1, 1, 6), np.float32)
    data[:, 0, 0, :3] = [[1, 1, 1], [3, 2, 1]]
    volume = TensorVolume(data, np.eye(4), np.eye(3), {})
    tensors, _ = volume.at(np.array([[0.25, 0.0, 0.0]]))
    assert np.allclose(tensors, [[1.5, 1.25, 1, 0, 0, 0]])


# --- mapping ---------------------------------------------------------------------------------------------------------


def brain() -> HeadModel:
    head = ball()
    return attrs.evolve(head, tissues=(attrs.evolve(head.tissues[0], name="white_matter", conductivity_S_per_m=0.126),))


def volume_of(tensor, *, shape=GRID):
    data = np.tile(six_of(np.asarray(tensor)[None])[0].astype(np.float32), (*shape, 1))
    affine = oblique()
    affine[:3] *= 1e-3
    return TensorVolume(data, affine, np.eye(3), {"file": "made for a test"})


def eigenvalues(head):
    return np.linalg.eigvalsh(matrices(head.conductivity_S_per_m[:1]))[0]


@pytest.mark.parametrize("mapping", ["vn", "vc"])
def test_normalised_tensors_keep_the_volume_of_the_isotropic_conductivity(mapping):
    values = eigenvalues(with_tensors(brain(), volume_of(WORLD), mapping=mapping))
    assert np.cbrt(values.prod()) == pytest.approx(0.126, rel=1e-6)
    if mapping == "vn":
        assert values / values[0] == pytest.approx(np.array([0.3, 0.4, 1.7]) / 0.3, rel=1e-5)
    else:
        assert values / values[0] == pytest.approx([1, 1, LARGEST_RATIO])


def test_the_main_direction_is_that_of_the_diffusion():
    for mapping in ("vn", "vc", "dir", "tuch"):
        tensor = matrices(with_tensors(brain(), volume_of(WORLD), mapping=mapping).conductivity_S_per_m[:1])[0]
        main = np.linalg.eigh(tensor)[1][:, -1]
        assert abs(main @ TURN[:, 0]) == pytest.approx(1, abs=1e-6)


def test_the_direct_mapping_fits_the_isotropic_conductivity_whatever_the_unit():
    for unit in (1.0, 1e-6, 1e3):
        head = with_tensors(brain(), volume_of(unit * WORLD), mapping="dir")
        assert np.cbrt(eigenvalues(head).prod()) == pytest.approx(0.126, rel=1e-5)


def test_the_mean_conductivity_is_the_direct_mapping_without_direction():
    assert eigenvalues(with_tensors(brain(), volume_of(WORLD), mapping="mc")) == pytest.approx([0.126] * 3, rel=1e-5)


def test_the_measured_factor_is_844_millisiemens_per_square_micrometre_per_millisecond():
    # 0.844 S s/mm³ times 1.7e-3 mm²/s is 1.43e-3 S/mm.
    values = eigenvalues(with_tensors(brain(), volume_of(WORLD), mapping="tuch"))
    assert values == pytest.approx([0.844 * d for d in (0.3, 0.4, 1.7)], rel=1e-5)
    with pytest.raises(HeadError, match=r"median diffusivity is 0\.8"):
        with_tensors(brain(), volume_of(1e3 * WORLD), mapping="tuch")


def test_needles_are_capped_and_counted():
    needle = TURN @ np.diag([1.7e-3, 1e-5, 1e-5]) @ TURN.T
    head = with_tensors(brain(), volume_of(needle))
    values, record = eigenvalues(head), head.provenance["anisotropy"]
    assert values[2] / values[0] == pytest.approx(LARGEST_RATIO)
    assert np.cbrt(values.prod()) == pytest.approx(0.126, rel=1e-6)
    assert record["elements_at_largest_ratio"] == len(head.tets)
    assert record["elements_at_largest_conductivity"] == 0


def test_no_eigenvalue_passes_two_siemens_per_metre():
    head = with_tensors(brain(), volume_of(np.diag([5e-3, 1e-3, 1e-3])), mapping="tuch")
    assert eigenvalues(head).tolist() == pytest.approx([0.844, 0.844, 2.0])
    assert head.provenance["anisotropy"]["elements_at_largest_conductivity"] == len(head.tets)


def test_an_element_without_a_tensor_stays_isotropic_and_is_counted():
    half = volume_of(WORLD)
    data = half.tensors.copy()
    data[8:] = 0
    head = with_tensors(brain(), attrs.evolve(half, tensors=data))
    record = head.provenance["anisotropy"]
    is_tensor = head.tensors_S_per_m.any(axis=1)
    assert record["isotropic_elements"] == (~is_tensor).sum() > 0
    assert record["elements"] == is_tensor.sum()
    assert np.allclose(head.conductivity_S_per_m[~is_tensor], [0.126, 0.126, 0.126, 0, 0, 0])
    assert 0.5 < record["coverage"]["white_matter"] < 1


def test_tensors_of_another_space_are_refused():
    far = volume_of(WORLD)
    affine = far.head_from_voxel.copy()
    affine[0, 3] += 0.11
    with pytest.raises(HeadError, match=r"only .*% of white_matter.*space of this head"):
        with_tensors(brain(), attrs.evolve(far, head_from_voxel=affine))


def test_unknown_mappings_and_tissues_are_refused():
    with pytest.raises(HeadError, match="'volume' is not known; there is vn, vc, dir, tuch, mc"):
        with_tensors(brain(), volume_of(WORLD), mapping="volume")
    with pytest.raises(HeadError, match="no tissue 'gray_matter'"):
        with_tensors(brain(), volume_of(WORLD), tissues=("gray_matter",))


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_every_mapping_names_its_paper(mapping):
    assert "doi:10." in with_tensors(brain(), volume_of(WORLD), mapping=mapping).provenance["anisotropy"]["source"]


# --- in a run --------------------------------------------------------------------------------------------------------


def test_a_run_with_tensors_says_how_they_were_made(tmp_path):
    layers = small_head()
    tissues = (attrs.evolve(layers.tissues[0], name="white_matter"), layers.tissues[1])
    path = written(tmp_path / "dti.nii.gz", "fsl", oblique())
    head = attrs.evolve(layers, tissues=tissues)
    tree = plan()
    tree["target"] = None
    options = RunOptions(dti=path, dti_order="fsl", anisotropy="vn")
    result = run(tree, head, options=options)
    record = result.record()
    made = record["head"]["provenance"]["anisotropy"]
    assert made["mapping"] == "vn" and made["tensors"]["file"] == "dti.nii.gz" and made["tensors"]["order"] == "fsl"
    assert record["provenance"]["field"]["is_anisotropic"]
    text = render(record, {})
    assert "Anisotropic white matter from dti.nii.gz (order fsl): mapping vn, normalised to the volume" in text
    plain = run(tree, head)
    assert plain.metrics.median_V_per_m != pytest.approx(result.metrics.median_V_per_m, rel=1e-3)
    with pytest.raises(InputError, match="does not say in which order"):
        run(tree, head, options=attrs.evolve(options, dti_order=None))
