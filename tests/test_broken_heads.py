"""Broken inputs of every kind: each is refused by the command line with its cause, and nothing is left behind."""

from __future__ import annotations

import gzip
import io
import json
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from toy_heads import AFFINE, SHAPE, gzipped, mapping_file, patched, saved, toy_fiducials, toy_image, toy_labels

from stimplan.cli import run as run_command

# Bytes of fields in a NIfTI-1 header.
DIM, PIXDIM, VOX_OFFSET, DATATYPE, SLOPE, UNITS = 40, 76, 108, 70, 112, 123
QFORM_CODE, SFORM_CODE, SROW_X, MAGIC = 252, 254, 280, 344


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STIMPLAN_DATA", str(tmp_path / "data"))


def refused(path: Path, *options: str, name: str = "sub-01", labels: str | None = "simnibs") -> str:
    """What the command says about an input that it must refuse."""
    folder = Path(path).parent
    out, err = io.StringIO(), io.StringIO()
    said = [] if labels is None else ["--labels", labels]
    code = run_command(["heads", "import", str(path), "--name", name, *said, *options], out, err)
    text = err.getvalue()
    assert code == 2, (code, text)
    assert "Traceback" not in text
    assert "unexpected" not in text
    assert all(line.startswith("stimplan: ") for line in text.splitlines())
    left = [one for kind in ("data", "cache") for one in (folder / kind).rglob("*") if one.is_file()]
    assert left == [], left
    return text


def plain(tmp_path: Path, image: nibabel.Nifti1Image | None = None, name: str = "labels.nii") -> Path:
    return saved(toy_image() if image is None else image, tmp_path / name)


def with_labels(tmp_path: Path, labels: np.ndarray, **how: object) -> Path:
    return plain(tmp_path, toy_image(labels, **how))


def moved(affine: np.ndarray, **forms: np.ndarray) -> nibabel.Nifti1Image:
    image = toy_image(affine=affine)
    for name, matrix in forms.items():
        (image.set_sform if name == "sform" else image.set_qform)(matrix, 1)
    return image


# --- files -----------------------------------------------------------------------------------------------------------

FILES = {
    "missing": (lambda path: path.unlink(), "there is no such file"),
    "empty": (lambda path: path.write_bytes(b""), "0 bytes"),
    "text": (lambda path: path.write_text("label 1 is white matter\n" * 99), "not a NIfTI file"),
    "mesh": (lambda path: path.write_text("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n" * 20), "a gmsh mesh"),
    "DICOM": (lambda path: path.write_bytes(bytes(128) + b"DICM" + bytes(900)), "a DICOM image"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cut off: the header promises"),
    "header only": (lambda path: path.write_bytes(path.read_bytes()[:200]), "less than the header's 348"),
    "Analyze": (lambda path: patched(path, MAGIC, bytes(4)), "does not say where left is"),
    "pair": (lambda path: patched(path, MAGIC, b"ni1\0"), "a pair of .hdr and .img"),
    "4D": (lambda path: patched(path, DIM, struct.pack("<5h", 4, 38, 92, 96, 2)), "expected one volume of labels"),
    "2D": (lambda path: patched(path, DIM, struct.pack("<4h", 2, 76, 92, 1)), "this is a slice"),
    "no axes": (lambda path: patched(path, DIM, struct.pack("<h", 0)), "0 axes"),
    "negative axis": (lambda path: patched(path, DIM + 2, struct.pack("<h", -76)), "needs at least one"),
    "enormous": (lambda path: patched(path, DIM, struct.pack("<4h", 3, 9999, 9999, 9999)), "at most 200,000,000"),
    "offset": (lambda path: patched(path, VOX_OFFSET, struct.pack("<f", -8)), "vox_offset"),
    "unknown type": (lambda path: patched(path, DATATYPE, struct.pack("<h", 77)), "no type of NIfTI"),
    "colours": (lambda path: patched(path, DATATYPE, struct.pack("<h", 128)), "are no labels"),
    "complex": (lambda path: patched(path, DATATYPE, struct.pack("<h", 32)), "are no labels"),
    "no orientation": (lambda path: patched(path, QFORM_CODE, bytes(4)), "left and right are unknown"),
    "NaN": (lambda path: patched(path, SROW_X, struct.pack("<f", np.nan)), "not finite"),
    "impossible unit": (lambda path: patched(path, UNITS, b"\x05"), "no unit of length"),
    "metres for mm": (lambda path: patched(path, UNITS, b"\x01"), "voxels of 2500×2500×2500 mm"),
    "half labels": (lambda path: patched(path, SLOPE, struct.pack("<2f", 0.5, 0)), "not whole numbers"),
    "pixdim": (lambda path: patched(patched(path, QFORM_CODE, bytes(2)), PIXDIM + 4, bytes(4)), "one of the two"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FILES)
def test_a_broken_file_is_refused_with_its_cause(tmp_path, fault):
    breaks, words = FILES[fault]
    path = plain(tmp_path)
    breaks(path)
    assert words in refused(path)


def test_a_compressed_file_with_a_wrong_checksum_is_refused(tmp_path):
    path = gzipped(plain(tmp_path))
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(bytes(content))
    assert "checksum (CRC) does not fit" in refused(path)


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path):
    path = gzipped(plain(tmp_path))
    path.write_bytes(path.read_bytes()[:-500])
    assert "cut off before its end" in refused(path)


def test_a_compressed_file_with_damage_in_the_middle_is_refused(tmp_path):
    path = gzipped(plain(tmp_path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(bytes(content))
    assert "the compressed file is damaged" in refused(path)


def test_a_few_bytes_that_unpack_to_gigabytes_are_not_unpacked(tmp_path):
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(plain(tmp_path).read_bytes()[:352] + bytes(100_000_000), 1))
    # The header asks for 671 kB: what stands behind them is read up to a limit and no further.
    assert "every voxel is 0" in refused(path)


def test_a_folder_that_is_nothing_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    assert "no reader knows this folder" in refused(tmp_path / "folder")


# --- headers ---------------------------------------------------------------------------------------------------------


def test_two_transforms_that_disagree_are_refused_until_one_is_named(tmp_path):
    shifted = AFFINE.copy()
    shifted[0, 3] += 5
    path = plain(tmp_path, moved(AFFINE, qform=shifted))
    text = refused(path)
    assert "disagree: a corner moves by 5 mm, 0.5 mm allowed" in text
    assert "--form sform or --form qform" in text


def test_a_turned_qform_is_refused(tmp_path):
    turned = AFFINE @ np.diag([-1, -1, 1, 1])
    assert "disagree" in refused(plain(tmp_path, moved(AFFINE, qform=turned)))


def test_a_form_that_is_not_set_cannot_be_asked_for(tmp_path):
    path = patched(plain(tmp_path), QFORM_CODE, bytes(2))
    assert "qform is not set in this file, only sform" in refused(path, "--form", "qform")


def test_sheared_axes_are_refused(tmp_path):
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.1
    image = toy_image()
    image.set_sform(sheared, 1)
    image.header["qform_code"] = 0
    assert "sheared: 87.7° between two of them, expected 90°" in refused(plain(tmp_path, image))


def test_axes_in_one_plane_are_refused(tmp_path):
    flat = AFFINE.copy()
    flat[:3, 2] = flat[:3, 1]
    path = patched(plain(tmp_path), QFORM_CODE, bytes(2))
    assert "lie in one plane" in refused(patched(path, SROW_X, flat[:3].astype("<f4").tobytes()))


def test_metres_that_claim_to_be_millimetres_are_named(tmp_path):
    tiny = AFFINE.copy()
    tiny[:3] *= 1e-3
    text = refused(plain(tmp_path, toy_image(affine=tiny)))
    assert "voxels of 0.0025×0.0025×0.0025 mm" in text
    assert "look like metres" in text


def test_a_slab_is_no_head(tmp_path):
    text = refused(with_labels(tmp_path, toy_labels()[:, :, 50:70]))
    assert "a field of view of 190×230×50 mm" in text


def test_voxels_too_coarse_for_a_skull_are_refused(tmp_path):
    coarse = AFFINE.copy()
    coarse[:3, :3] *= 1.6
    assert "voxels of 4×4×4 mm; expected 0.3 to 3 mm" in refused(plain(tmp_path, toy_image(affine=coarse)))


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.37, "1 voxels are not whole numbers, such as 0.37"), (np.nan, "1 voxels are NaN"),
     (-1, "1 voxels are negative"),
     (1e9, "the largest value is 1e+09")],
)  # fmt: skip
def test_values_that_are_no_labels_are_refused(tmp_path, value, words):
    labels = toy_labels().astype(np.float32)
    labels[3, 4, 5] = value
    assert words in refused(with_labels(tmp_path, labels))


def test_an_empty_volume_is_refused(tmp_path):
    assert "the volume is empty" in refused(with_labels(tmp_path, np.zeros(SHAPE, dtype=np.uint8)))


def test_unknown_labels_are_named_with_their_counts(tmp_path):
    labels = toy_labels()
    labels[30:32, 40, 50] = 77
    labels[33, 40, 50] = 99
    assert "labels 77 (2 voxels), 99 (1 voxels) not in mapping 'simnibs'" in refused(with_labels(tmp_path, labels))


# --- the head itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "words"),
    [({5: 0}, "no voxel is scalp"), ({4: 5}, "no voxel is bone"), ({3: 2}, "no voxel is csf"),
     ({1: 3, 2: 3}, "no voxel is brain"), ({1: 3, 2: 3, 4: 5}, "no voxel is bone or brain")],
)  # fmt: skip
def test_a_head_that_lacks_a_part_is_refused_by_its_name(tmp_path, gone, words):
    labels = toy_labels()
    for label, instead in gone.items():
        labels[labels == label] = instead
    text = refused(with_labels(tmp_path, labels))
    assert words in text
    assert "is the mapping the right one" in text


def test_an_aseg_alone_is_refused_with_what_to_do(tmp_path):
    labels = toy_labels().astype(np.int32)
    aseg = np.select([labels == 1, labels == 2, labels == 3], [2, 3, 24])
    path = plain(tmp_path, toy_image(aseg.astype(np.int32)), "aseg.nii")
    text = refused(path, labels=None)
    assert "no voxel is scalp or bone" in text
    assert "run samseg" in text


@pytest.mark.parametrize("axes", [(0, 2, 1), (1, 0, 2), (2, 1, 0)])
def test_swapped_axes_are_refused(tmp_path, axes):
    labels = np.ascontiguousarray(np.transpose(toy_labels(), axes))
    text = refused(with_labels(tmp_path, labels))
    assert "correct the header" in text
    assert "swapped" in text


def test_a_head_that_stands_on_its_head_is_refused(tmp_path):
    text = refused(with_labels(tmp_path, np.ascontiguousarray(toy_labels()[:, :, ::-1])))
    assert "by its header the head is upside down" in text


def test_a_head_that_looks_backwards_is_refused(tmp_path):
    text = refused(with_labels(tmp_path, np.ascontiguousarray(toy_labels()[:, ::-1])))
    assert "front to back" in text


def test_a_scalp_in_two_pieces_is_refused(tmp_path):
    labels = toy_labels()
    labels[:, :, 40:43][labels[:, :, 40:43] == 5] = 0
    assert "the scalp is in 2 pieces" in refused(with_labels(tmp_path, labels))


def test_a_bare_skull_is_refused(tmp_path):
    labels = toy_labels()
    labels[:, :, 62:][labels[:, :, 62:] == 5] = 0
    assert "of the head's surface is not skin" in refused(with_labels(tmp_path, labels))


def test_a_field_of_view_that_ends_in_the_brain_is_refused(tmp_path):
    text = refused(with_labels(tmp_path, toy_labels()[:, :, :70]))
    assert "the brain reaches the top of the volume" in text


def test_a_brain_of_impossible_size_is_refused(tmp_path):
    labels = toy_labels()
    labels[(labels == 1) | ((labels == 2) & (np.arange(SHAPE[2]) < 70))] = 3
    assert "expected 150 to 2500 ml" in refused(with_labels(tmp_path, labels))


# --- mappings --------------------------------------------------------------------------------------------------------


def test_without_a_mapping_nothing_is_guessed(tmp_path):
    text = refused(plain(tmp_path), labels=None)
    assert "--labels: which label is which tissue? Name one of brain2mesh, freesurfer, roast, simnibs, spm" in text


def test_an_unknown_mapping_is_refused_with_the_nearest(tmp_path):
    assert "did you mean 'simnibs'?" in refused(plain(tmp_path), labels="simnibz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"tissues": {"1": "grey_matter"}}, "$.tissues[\"1\"]: 'grey_matter' is no tissue; did you mean 'gray_matter'?"),
     ({"tissues": {"1": "csf", "0-3": "bone"}}, "label 1 is in another line too"),
     ({"tissues": {"one": "csf"}}, "expected a label such as 7"), ({"tissues": {"9-3": "csf"}}, "expected a label"),
     ({"tissues": {}}, "$.tissues: expected an object"), ({"tissues": {"1": 4}}, "expected the name of a tissue"),
     ({"schema_version": 2}, "$.schema_version: expected 1, got 2"), ({"source": ""}, "$.source: expected a text"),
     ({"tisues": {}}, "unknown key; did you mean 'tissues'?")],
)  # fmt: skip
def test_a_mapping_file_with_a_fault_is_refused_at_its_place(tmp_path, changes, words):
    assert words in refused(plain(tmp_path), labels=str(mapping_file(tmp_path / "mapping.json", **changes)))


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "the file is empty"), ("[1, 2]", "expected an object"), ("{", "not JSON at line 1"),
     ('{"tissues": {"1": "csf", "1": "bone"}}', "this key is here more than once"),
     ('{"1": "csf", "2-4": "bone"}', 'the labels belong under "tissues": {"schema_version": 1')],
)  # fmt: skip
def test_a_mapping_file_that_is_no_mapping_is_refused(tmp_path, text, words):
    mapping = tmp_path / "mapping.json"
    mapping.write_text(text)
    assert words in refused(plain(tmp_path), labels=str(mapping))


# --- folders ---------------------------------------------------------------------------------------------------------


def m2m(tmp_path: Path) -> Path:
    folder = tmp_path / "m2m_ernie"
    saved(toy_image(), folder / "final_tissues.nii.gz")
    toy_fiducials(folder / "eeg_positions" / "Fiducials.csv")
    (folder / "toMNI").mkdir()
    np.savetxt(folder / "toMNI" / "MNI2conform_12DOF.txt", np.eye(4))
    return folder


def test_a_folder_of_simnibs_without_a_head_is_refused(tmp_path):
    folder = m2m(tmp_path)
    (folder / "final_tissues.nii.gz").unlink()
    assert "neither ernie.msh nor final_tissues.nii.gz is in this folder" in refused(folder, labels=None)


def test_a_folder_of_simnibs_with_two_meshes_is_refused(tmp_path):
    folder = m2m(tmp_path)
    for name in ("a.msh", "b.msh"):
        (folder / name).write_text("")
    assert "holds 2 meshes, none named after it (a.msh, b.msh)" in refused(folder, labels=None)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [(np.diag([-1, 1, 1, 1]), "mirrors left and right"), (np.diag([1e-3, 1e-3, 1e-3, 1]), "stretches"),
     (np.eye(3), "expected 4 rows of 4")],
)  # fmt: skip
def test_a_matrix_to_mni_that_cannot_be_is_refused(tmp_path, matrix, words):
    folder = m2m(tmp_path)
    np.savetxt(folder / "toMNI" / "MNI2conform_12DOF.txt", matrix)
    assert words in refused(folder, labels=None)


def test_a_deformation_that_is_none_is_refused(tmp_path):
    folder = m2m(tmp_path)
    saved(toy_image(), folder / "toMNI" / "Conform2MNI_nonl.nii.gz")
    assert "expected a field of coordinates" in refused(folder, labels=None)


def test_fiducials_of_a_folder_that_are_not_on_its_head_are_refused(tmp_path):
    folder = m2m(tmp_path)
    table = folder / "eeg_positions" / "Fiducials.csv"
    table.write_text(table.read_text().replace("0,98,-18,Nz", "0,198,-18,Nz"))
    assert "fiducials.Nz" in refused_after_meshing(folder)


def refused_after_meshing(path: Path, *options: str) -> str:
    """As `refused`, where the head itself is sound: its mesh may stay in the cache, no head may be kept."""
    err = io.StringIO()
    arguments = ["heads", "import", str(path), "--name", "sub-01", "--edge-mm", "8", *options]
    assert run_command(arguments, io.StringIO(), err) == 2
    assert not (path.parent / "data").exists()
    return err.getvalue()


def test_fiducials_with_left_and_right_exchanged_are_refused(tmp_path):
    table = toy_fiducials(tmp_path / "fiducials.csv")
    table.write_text(table.read_text().replace("LPA", "XXX").replace("RPA", "LPA").replace("XXX", "RPA"))
    text = refused_after_meshing(plain(tmp_path), "--labels", "simnibs", "--fiducials", str(table))
    assert "LPA is not left of RPA" in text


def spm_maps(tmp_path: Path) -> Path:
    folder = tmp_path / "spm"
    labels = toy_labels()
    order = {1: 2, 2: 1, 3: 3, 4: 4, 5: 5, 6: 0}
    for number, label in order.items():
        saved(toy_image((labels == label).astype(np.float32)), folder / f"c{number}T1.nii")
    return folder


def test_a_set_of_maps_that_lacks_one_is_refused(tmp_path):
    folder = spm_maps(tmp_path)
    (folder / "c3T1.nii").unlink()
    assert "of the maps c1 to c6 c3 are missing" in refused(folder, labels=None)


def test_maps_on_different_grids_are_refused(tmp_path):
    folder = spm_maps(tmp_path)
    shifted = AFFINE.copy()
    shifted[2, 3] += 1
    saved(toy_image((toy_labels() == 4).astype(np.float32), shifted), folder / "c4T1.nii")
    assert "lies on another grid than the first map" in refused(folder, labels=None)


def test_maps_that_are_no_probabilities_are_refused(tmp_path):
    folder = spm_maps(tmp_path)
    saved(toy_image((toy_labels() == 4).astype(np.uint8) * 255), folder / "c4T1.nii")
    assert "expected probabilities from 0 to 1" in refused(folder, labels=None)


def test_two_sets_of_maps_in_one_folder_are_refused(tmp_path):
    folder = spm_maps(tmp_path)
    for number in (1, 2):
        saved(toy_image((toy_labels() == number).astype(np.float32)), folder / f"c{number}T2.nii")
    assert "holds several sets of maps (T1.nii, T2.nii)" in refused(folder, labels=None)


def test_two_volumes_of_masks_in_one_folder_are_refused(tmp_path):
    for name in ("A_T1orT2_masks.nii", "B_T1orT2_masks.nii"):
        saved(toy_image(), tmp_path / "roast" / name)
    assert "2 volumes of masks belong to it" in refused(tmp_path / "roast", labels=None)


# --- names and options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "", ".hidden", "con", "x" * 65, "sub 01", "sub..01", "Colin27", "ä"]
)
def test_a_name_that_no_head_may_have_is_refused_before_anything_is_read(tmp_path, name):
    text = refused(tmp_path / "not-there.nii", name=name)
    assert "--name" in text
    assert "not-there" not in text


def test_an_edge_that_cannot_be_is_refused_before_anything_is_read(tmp_path):
    text = refused(tmp_path / "not-there.nii", "--edge-mm", "0.1")
    assert "edge_mm" in text
    assert "not-there" not in text


def test_the_refusal_is_data_too(tmp_path):
    out, err = io.StringIO(), io.StringIO()
    arguments = ["heads", "import", str(plain(tmp_path)), "--name", "sub-01", "--json"]
    assert run_command(arguments, out, err) == 2
    (problem,) = json.loads(out.getvalue())["problems"]
    assert problem["where"] == "--labels"
