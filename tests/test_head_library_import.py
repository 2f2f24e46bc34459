"""Importing somebody's head: every kind of source, what is kept, and what becomes of it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import nibabel
import numpy as np
import pytest
from toy_heads import AFFINE, gzipped, mapping_file, patched, saved, toy_fiducials, toy_image, toy_labels

from stimplan.cli import run as run_command
from stimplan.errors import HeadError, ResourceError
from stimplan.head import ImportOptions, import_head, list_heads, load_head
from stimplan.head.kept import KeptHead, keep, kept_path, read_kept, read_record
from stimplan.head.library import remove_head
from stimplan.head.mapping import list_mappings, read_mapping
from stimplan.head.readers import ReadOptions, read_head
from stimplan.head.readers.anatomy import volumes_m3

COARSE = ImportOptions(edge_mm=8.0)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folders of a user who has imported one head, made once: data, cache and the file it came from."""
    root = tmp_path_factory.mktemp("prepared")
    labels = saved(toy_image(), root / "labels.nii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STIMPLAN_CACHE", str(root / "cache"))
        patch.setenv("STIMPLAN_DATA", str(root / "data"))
        found = import_head(labels, name="sub-01", labels="simnibs", options=COARSE)
    return root, found


@pytest.fixture
def imported(prepared, tmp_path):
    """A copy of those folders for one test."""
    root, found = prepared
    for folder in ("cache", "data"):
        shutil.copytree(root / folder, tmp_path / folder)
    return found


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STIMPLAN_DATA", str(tmp_path / "data"))


def stimplan_cli(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run_command([str(argument) for argument in arguments], out, err), out.getvalue(), err.getvalue()


def read(path: Path, labels: str | None = "simnibs", **options: object):
    return read_head(path, ReadOptions(labels=labels, **options))


def volume_ml(head) -> dict[str, float]:
    return {name: 1e6 * size for name, size in volumes_m3(head.volume).items()}


@pytest.fixture
def labels_file(tmp_path) -> Path:
    return saved(toy_image(), tmp_path / "labels.nii")


# --- mappings --------------------------------------------------------------------------------------------------------


def test_every_shipped_mapping_names_its_source_and_knows_scalp_bone_csf_and_brain():
    for mapping in list_mappings():
        assert "http" in mapping.source
        tissues = set(mapping.tissues.values())
        assert {"white_matter", "gray_matter", "csf", "scalp"} <= tissues
        assert tissues & {"bone", "compact_bone"}
        assert mapping.tissues.get(0) is None


def test_spm_counts_grey_first_and_roast_white_first():
    assert read_mapping("spm").tissues[1] == "gray_matter"
    assert read_mapping("roast").tissues[1] == "white_matter"


def test_labels_of_freesurfer_are_those_of_its_table():
    mne = pytest.importorskip("mne")
    table = (Path(mne.__file__).parent / "data" / "FreeSurferColorLUT.txt").read_text()
    names = {int(row.split()[0]): row.split()[1] for row in table.splitlines() if row[:1].isdigit()}
    ours = read_mapping("freesurfer").tissues
    # 257 to 259 are samseg's and not in every edition of the table.
    assert {label for label in ours if label not in names} <= {257, 258, 259}
    for label, tissue in ours.items():
        name = names.get(label, "").lower()
        if "white" in name or name.startswith(("wm-", "cc_")):
            assert tissue == "white_matter" or "hypo" in name, (label, name)
        if "cortex" in name or "thalamus" in name or name.startswith("ctx"):
            assert tissue == "gray_matter", (label, name)
        if "vent" in name and "dc" not in name and not name.startswith("ctx"):
            assert tissue == "csf", (label, name)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_the_same_head_is_read_from_every_storage_order(tmp_path, labels_file):
    plain = read(labels_file)
    for axes, flips in (((0, 1, 2), (-1, 1, 1)), ((2, 0, 1), (1, -1, 1)), ((1, 2, 0), (-1, -1, -1))):
        turns = np.stack([axes, flips], axis=1)
        image = nibabel.load(labels_file).as_reoriented(turns)
        other = read(saved(image, tmp_path / "turned.nii"))
        assert np.array_equal(other.volume.labels, plain.volume.labels)
        assert np.allclose(other.volume.head_from_voxel, plain.volume.head_from_voxel, atol=1e-9)


@pytest.mark.parametrize(("unit", "factor", "words"), [("meter", 1e-3, "metres"), ("micron", 1e3, "micrometres")])
def test_a_header_in_another_unit_is_converted_and_says_so(tmp_path, labels_file, unit, factor, words):
    affine = AFFINE.copy()
    affine[:3] *= factor
    image = toy_image(affine=affine)
    image.header.set_xyzt_units(unit)
    other = read(saved(image, tmp_path / "units.nii"))
    assert np.allclose(other.volume.head_from_voxel, read(labels_file).volume.head_from_voxel, atol=1e-7)
    assert f"the header is in {words}; converted" in other.findings


def test_an_oblique_head_stays_oblique_and_is_told(tmp_path, labels_file):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    head = read(saved(toy_image(affine=turn @ AFFINE), tmp_path / "oblique.nii"))
    assert any("turned by up to 11.5°" in finding for finding in head.findings)
    straight = read(labels_file).volume.head_from_voxel
    assert np.allclose(head.volume.head_from_voxel, turn @ straight, atol=1e-7)


def test_the_form_that_is_asked_for_is_used_where_the_two_disagree(tmp_path):
    shifted = AFFINE.copy()
    shifted[2, 3] += 7
    image = toy_image()
    image.set_qform(shifted, 1)
    path = saved(image, tmp_path / "two.nii")
    by_sform, by_qform = (read(path, form=form).volume.head_from_voxel[2, 3] for form in ("sform", "qform"))
    assert by_qform - by_sform == pytest.approx(7e-3)


def test_labels_stored_as_floats_or_scaled_are_read_as_what_they_mean(tmp_path, labels_file):
    plain = read(labels_file).volume.labels
    floats = read(saved(toy_image(toy_labels().astype(np.float32)), tmp_path / "float.nii"))
    assert np.array_equal(floats.volume.labels, plain)
    assert any("stored as float32" in finding for finding in floats.findings)
    scaled = patched(saved(toy_image((toy_labels() * 10).astype(np.int16)), tmp_path / "scaled.nii"), 112,
                     np.array([0.1, 0], dtype="<f4").tobytes())  # fmt: skip
    head = read(scaled)
    assert np.array_equal(head.volume.labels, plain)
    assert any("scaled by 0.1" in finding for finding in head.findings)


def test_a_compressed_file_is_known_by_its_content(tmp_path, labels_file):
    packed = gzipped(labels_file)
    disguised = packed.rename(tmp_path / "disguised.nii")
    assert np.array_equal(read(disguised).volume.labels, read(labels_file).volume.labels)


def test_a_header_that_names_mni_space_is_believed(tmp_path):
    image = toy_image()
    image.set_sform(AFFINE, 4)
    assert np.array_equal(read(saved(image, tmp_path / "mni.nii")).mni_from_head, np.eye(4))


def test_holes_in_the_head_are_air_and_told(tmp_path):
    labels = toy_labels()
    labels[36:40, 60:64, 50:54] = 0
    head = read(saved(toy_image(labels), tmp_path / "hole.nii"))
    assert volume_ml(head)["air"] == pytest.approx(64 * 2.5**3 / 1e3)
    assert any("1 ml inside the head have label 0; taken as air" in finding for finding in head.findings)


def test_a_thin_rim_of_bone_on_the_skin_becomes_scalp_and_a_thick_bare_bone_does_not(tmp_path, labels_file):
    from scipy.ndimage import binary_dilation

    labels = toy_labels()
    skin = binary_dilation(labels == 0) & (labels == 5)
    skin[:, :, 40:] = False
    labels[skin] = 4
    head = read(saved(toy_image(labels), tmp_path / "rim.nii"))
    assert np.array_equal(head.volume.labels, read(labels_file).volume.labels)
    assert any("in a rim on the outside" in finding for finding in head.findings)


def test_a_mapping_file_of_ones_own_is_enough(tmp_path):
    labels = toy_labels().astype(np.int16) * 100
    path = saved(toy_image(labels), tmp_path / "own.nii")
    tissues = {"100-199": "white_matter", "200": "gray_matter", "300": "csf", "400": "bone", "500": "scalp"}
    head = read(path, labels=str(mapping_file(tmp_path / "own.json", tissues=tissues)))
    assert head.volume.tissues == {1: "white_matter", 2: "gray_matter", 3: "csf", 4: "bone", 5: "scalp"}


def test_freesurfer_with_skull_and_head_is_read_from_mgz(tmp_path, labels_file):
    labels = toy_labels()
    table = np.array([0, 2, 3, 24, 165, 258], dtype=np.int32)
    nibabel.save(nibabel.MGHImage(table[labels], AFFINE), tmp_path / "seg.mgz")
    head = read(tmp_path / "seg.mgz", labels=None)
    assert head.record["mapping"]["name"] == "freesurfer"
    assert np.array_equal(head.volume.labels, read(labels_file).volume.labels)


@pytest.mark.parametrize("has_sixth", [True, False])
def test_probability_maps_give_the_largest_class(tmp_path, labels_file, has_sixth):
    rng = np.random.default_rng(3)
    labels = toy_labels()
    order = {1: 2, 2: 1, 3: 3, 4: 4, 5: 5, 6: 0}
    for number, label in order.items():
        chance = np.where(labels == label, 0.6, 0.05 * rng.random(labels.shape))
        if has_sixth or number != 6:
            saved(toy_image(chance.astype(np.float32)), tmp_path / "spm" / f"c{number}T1.nii")
    plain = read(labels_file)
    for path in (tmp_path / "spm", tmp_path / "spm" / "c1T1.nii"):
        head = read(path, labels=None)
        assert np.array_equal(head.volume.labels, plain.volume.labels)
    assert any("c6 is not there" in finding for finding in head.findings) is not has_sixth


def test_roast_is_found_by_its_folder_its_masks_or_its_image(tmp_path, labels_file):
    labels = toy_labels()
    labels[labels == 0] = 6
    masks = saved(toy_image(labels), tmp_path / "roast" / "T1_T1orT2_masks.nii")
    t1 = saved(toy_image(np.ones_like(labels)), tmp_path / "roast" / "T1.nii")
    plain = read(labels_file)
    for path in (masks, t1, masks.parent):
        assert np.array_equal(read(path, labels=None).volume.labels, plain.volume.labels)


def test_a_folder_of_simnibs_brings_its_labels_its_matrix_and_its_fiducials(tmp_path):
    folder = tmp_path / "m2m_ernie"
    saved(toy_image(), folder / "final_tissues.nii.gz")
    toy_fiducials(folder / "eeg_positions" / "Fiducials.csv")
    (folder / "toMNI").mkdir()
    matrix = np.diag([1.1, 1, 1, 1])
    matrix[:3, 3] = [1, 2, 3]
    np.savetxt(folder / "toMNI" / "MNI2conform_12DOF.txt", matrix)
    for path in (folder, folder / "final_tissues.nii.gz"):
        head = read(path, labels=None)
        in_m = matrix.copy()
        in_m[:3, 3] *= 1e-3
        assert np.allclose(head.mni_from_head @ in_m, np.eye(4))
        assert head.fiducials_m["Nz"] == (0.0, 0.098, -0.018)


def test_a_folder_with_a_deformation_keeps_it_and_maps_points_both_ways(tmp_path):
    from stimplan.head.space import from_mni_m, to_mni_m

    folder = tmp_path / "m2m_ernie"
    saved(toy_image(), folder / "final_tissues.nii.gz")
    toy_fiducials(folder / "eeg_positions" / "Fiducials.csv")
    grid = np.stack(np.meshgrid(*[np.arange(side) for side in toy_labels().shape], indexing="ij"), -1)
    world = grid @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    shift = np.array([4.0, -3.0, 2.0])
    for name, sign in (("Conform2MNI_nonl", 1), ("MNI2Conform_nonl", -1)):
        saved(
            nibabel.Nifti1Image((world + sign * shift).astype(np.float32), AFFINE), folder / "toMNI" / f"{name}.nii.gz"
        )
    import_head(folder, name="ernie", options=COARSE)
    head = load_head("ernie")
    assert head.warp is not None
    points = np.array([[0.01, 0.02, 0.03], [-0.03, 0, 0.02]])
    assert np.allclose(to_mni_m(head, points), points + 1e-3 * shift, atol=1e-5)
    assert np.allclose(from_mni_m(head, to_mni_m(head, points)), points, atol=1e-5)
    assert len(head.sites_m) > 300


# --- importing -------------------------------------------------------------------------------------------------------


def test_an_imported_head_is_the_head_that_the_file_gives(tmp_path, labels_file):
    table = toy_fiducials(tmp_path / "fiducials.csv")
    found = import_head(labels_file, name="sub-01", labels="simnibs",
                        options=ImportOptions(edge_mm=8.0, fiducials=table))  # fmt: skip
    head = load_head("sub-01")
    direct = load_head(labels_file, labels="simnibs", fiducials=table, edge_mm=8.0)
    assert head.digest == direct.digest == found.summary["digest"]
    assert head.sites_m == direct.sites_m
    assert head.name == "sub-01"
    assert direct.name == "labels"
    assert head.provenance["source"] == str(labels_file)
    for tissue in found.summary["tissues"]:
        assert tissue["volume_m3"] == pytest.approx(tissue["label_volume_m3"], rel=0.15)
    assert json.loads(json.dumps(found.record()))["nodes"] == len(head.nodes_m)


def test_a_head_without_fiducials_says_that_sites_are_unknown(imported):
    assert any("no fiducials and no way to MNI space" in finding for finding in imported.findings)
    assert load_head("sub-01").sites_m == {}


def test_imported_heads_are_listed_after_the_shipped_ones_and_removed_with_their_meshes(tmp_path, imported):
    shipped, own = list_heads()
    assert (shipped.kind, own.kind) == ("shipped", "imported")
    assert (own.name, own.cached) == ("sub-01", True)
    assert imported.source in own.description
    removed = remove_head("sub-01")
    assert len(removed) == 2
    assert [entry.name for entry in list_heads()] == [shipped.name]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    with pytest.raises(HeadError, match="there is no head 'sub-01'"):
        remove_head("sub-01")


def test_meshes_that_another_head_needs_too_are_not_removed(imported):
    keep(attrs.evolve(read_kept("sub-01"), name="sub-02"))
    assert remove_head("sub-01") == [kept_path("sub-01")]
    assert len(remove_head("sub-02")) == 2


@pytest.mark.parametrize("name", ["sub-01", "SUB-01"])
def test_a_name_is_not_given_twice_but_replaced_if_asked(imported, labels_file, name):
    before = kept_path("sub-01").read_bytes()
    with pytest.raises(HeadError, match="'sub-01' already; --replace replaces it"):
        import_head(labels_file, name=name, labels="simnibs", options=COARSE)
    assert kept_path("sub-01").read_bytes() == before
    import_head(labels_file, name="sub-01", labels="simnibs", options=ImportOptions(edge_mm=7.5, replace=True))
    assert read_record("sub-01")["edge_mm"] == 7.5


def test_a_replacement_that_fails_leaves_the_old_head(tmp_path, imported):
    before = kept_path("sub-01").read_bytes()
    with pytest.raises(HeadError):
        import_head(tmp_path / "nothing.nii", name="sub-01", options=ImportOptions(replace=True))
    assert kept_path("sub-01").read_bytes() == before


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"PK" + data[9:]]
)
def test_a_damaged_import_is_refused_with_the_way_to_mend_it(imported, damage):
    path = kept_path("sub-01")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ResourceError, match=r"is damaged .* import it again: stimplan heads import .* --replace"):
        load_head("sub-01")
    assert "damaged" in list_heads()[1].description
    code, _, err = stimplan_cli("heads", "info", "sub-01")
    assert code == 2
    assert "is damaged" in err
    assert stimplan_cli("heads", "remove", "sub-01")[0] == 0


def test_an_import_whose_numbers_were_changed_is_not_believed(imported):
    path = kept_path("sub-01")
    with np.load(path) as file:
        arrays = dict(file)
    arrays["labels"][40, 40, 40] = 6
    np.savez_compressed(path, **arrays)
    with pytest.raises(ResourceError, match="its seal does not fit"):
        read_kept("sub-01")


def test_a_lost_or_damaged_mesh_of_an_import_is_made_again_with_a_notice(imported):
    before = load_head("sub-01")
    (mesh,) = json.loads(stimplan_cli("heads", "path", "sub-01", "--json")[1])["meshes"]
    Path(mesh).write_bytes(b"rubbish")
    code, _, err = stimplan_cli("heads", "info", "sub-01")
    assert code == 0
    assert "was damaged; it is made again" in err
    assert load_head("sub-01").digest == before.digest
    Path(mesh).unlink()
    assert load_head("sub-01").digest == before.digest


def test_a_head_with_its_own_mesh_is_kept_and_refuses_another_edge(tmp_path, imported):
    from stimplan.head.readers.msh_write import write_msh

    head = load_head("sub-01")
    write_msh(tmp_path / "sub.msh", head)
    import_head(tmp_path / "sub.msh", name="mesh")
    own = load_head("mesh")
    assert len(own.tets) == len(head.tets)
    assert read_record("mesh")["kind"] == "mesh"
    with pytest.raises(HeadError, match="comes with its own mesh"):
        load_head("mesh", edge_mm=4)


def test_a_mesh_of_another_program_needs_its_labels_named(tmp_path, imported):
    import pyvista

    head = load_head("sub-01")
    cells = {pyvista.CellType.TETRA: np.asarray(head.tets)}
    grid = pyvista.UnstructuredGrid(cells, 1e3 * np.asarray(head.nodes_m))
    grid.cell_data["label"] = np.asarray(head.tissue, dtype=np.int32)
    grid.save(tmp_path / "sub.vtu")
    with pytest.raises(HeadError, match="which label is which tissue"):
        import_head(tmp_path / "sub.vtu", name="mesh")
    found = import_head(tmp_path / "sub.vtu", name="mesh", labels="simnibs")
    assert found.summary["read"]["reader"] == "tetrahedra"
    assert found.summary["tetrahedra"] == len(head.tets)


def test_a_mesh_that_lacks_parts_of_a_head_is_read_and_says_so(tmp_path):
    path = Path(__file__).parents[2] / "shared" / "data" / "simnibs" / "sphere3.msh"
    if not path.is_file():
        pytest.skip("the file is not part of the project: ../shared/data/simnibs/sphere3.msh")
    found = import_head(path, name="sphere3")
    assert found.summary["tetrahedra"] == 22704
    assert any("the mesh has no brain" in finding for finding in found.findings)


def test_the_head_of_another_program_is_imported_whole(tmp_path):
    path = Path(__file__).parents[2] / "shared" / "data" / "heads" / "ants40-44Years_labels.nii.gz"
    if not path.is_file():
        pytest.skip("the file is not part of the project: ../shared/data/heads")
    head = read(path, labels="brain2mesh")
    sizes = volume_ml(head)
    assert 350 < sizes["white_matter"] < 500
    assert 480 < sizes["gray_matter"] < 620
    assert any("in a rim on the outside" in finding for finding in head.findings)


_IMPORTER = """
import sys
from stimplan.head import ImportOptions, import_head
from stimplan.errors import HeadError
try:
    options = ImportOptions(edge_mm=8.0, replace=sys.argv[2] == "r")
    import_head(sys.argv[1], name="sub-01", labels="simnibs", options=options)
except HeadError as error:
    assert "already" in str(error), error
"""


def test_two_processes_that_import_under_one_name_leave_one_sound_head(tmp_path, labels_file):
    workers = [
        subprocess.Popen([sys.executable, "-c", _IMPORTER, str(labels_file), how], stderr=subprocess.PIPE, text=True)
        for how in ("r", "r")
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    assert [path.name for path in (tmp_path / "data" / "heads").iterdir()] == ["sub-01.npz"]
    assert read_kept("sub-01").volume is not None


def test_of_two_that_take_a_name_at_once_only_the_first_gets_it(imported, monkeypatch):
    import stimplan.head.kept as kept_module

    head = attrs.evolve(read_kept("sub-01"), name="sub-02")
    keep(head)
    monkeypatch.setattr(kept_module, "same_name", lambda name: None)  # the other one came after the question
    with pytest.raises(HeadError, match="'sub-02' already"):
        keep(head)
    monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError(95, "no links here")))
    with pytest.raises(HeadError, match="'sub-02' already"):
        keep(head)
    keep(attrs.evolve(head, name="sub-03"))
    assert read_kept("sub-03").content == head.content


def test_an_interrupted_import_leaves_nothing(tmp_path, labels_file, monkeypatch):
    import stimplan.head.cache as cache_module

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module.np, "savez_compressed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        import_head(labels_file, name="sub-01", labels="simnibs", options=COARSE)
    assert list((tmp_path / "data" / "heads").iterdir()) == []


def test_what_is_kept_comes_back_the_same(tmp_path):
    labels = read(saved(toy_image(), tmp_path / "a.nii")).volume
    keep(KeptHead("x", volume=labels, mni_from_head=np.diag([2, 1, 1, 1.0]), fiducials_m={"Nz": (0.0, 0.1, 0.0)}))
    again = read_kept("x")
    assert np.array_equal(again.volume.labels, labels.labels)
    assert again.volume.tissues == labels.tissues
    assert np.array_equal(again.mni_from_head, np.diag([2, 1, 1, 1]))
    assert again.fiducials_m == {"Nz": (0.0, 0.1, 0.0)}
    assert again.content == KeptHead("y", volume=labels).content


# --- the command line ------------------------------------------------------------------------------------------------


def test_the_commands_tell_in_words_and_as_data_what_they_did(tmp_path, labels_file):
    arguments = ["heads", "import", labels_file, "--name", "sub-01", "--labels", "simnibs", "--edge-mm", "8"]
    code, out, _ = stimplan_cli(*arguments)
    assert code == 0
    for words in ("sub-01: imported from", "76×92×96 voxels of 2.5×2.5×2.5 mm, RAS, space scanner", "white matter",
                  "quality of the tetrahedra", "found:", "next: stimplan run PROTOCOL --head sub-01"):  # fmt: skip
        assert words in out
    code, out, _ = stimplan_cli(*arguments, "--replace", "--json")
    assert code == 0
    assert json.loads(out)["read"]["reader"] == "volume"
    assert [head["name"] for head in json.loads(stimplan_cli("heads", "list", "--json")[1])["heads"]] == [
        "colin27",
        "sub-01",
    ]
    assert json.loads(stimplan_cli("heads", "--json")[1]) == json.loads(stimplan_cli("heads", "list", "--json")[1])
    info = json.loads(stimplan_cli("heads", "info", "sub-01", "--json")[1])
    assert info["nodes"] > 1000
    assert stimplan_cli("heads", "path", "sub-01")[1].splitlines()[0] == str(kept_path("sub-01"))
    assert json.loads(stimplan_cli("heads", "remove", "sub-01", "--json")[1])["name"] == "sub-01"
    assert "sub-01" not in stimplan_cli("heads")[1]


@pytest.mark.parametrize("action", ["info", "remove", "path"])
def test_an_unknown_head_is_refused_with_the_nearest_name(action):
    code, _, err = stimplan_cli("heads", action, "colin28")
    assert code == 2
    assert "did you mean 'colin27'?" in err


def test_labels_are_for_files_only():
    with pytest.raises(HeadError, match="labels and fiducials are for files"):
        load_head("colin27", labels="simnibs")


def test_info_examines_the_head_and_writes_numbers_and_picture(tmp_path, imported):
    out = tmp_path / "info"
    code, text, _ = stimplan_cli("heads", "info", "sub-01", "--out", out)
    assert code == 0
    assert "against the labels" in text
    assert sorted(path.name for path in out.iterdir()) == ["head.json", "head.png"]
    assert (out / "head.png").read_bytes().startswith(b"\x89PNG")
    quality = json.loads((out / "head.json").read_text())["quality"]
    assert {tissue["name"] for tissue in quality["tissues"]} == {"white_matter", "gray_matter", "csf", "bone", "scalp"}
    assert sum(quality["shapes"]["counts"]) == quality["tetrahedra"]


def test_brief_info_examines_nothing_and_cannot_draw(tmp_path, imported):
    code, text, _ = stimplan_cli("heads", "info", "sub-01", "--brief", "--json")
    assert code == 0
    assert "quality" not in json.loads(text)
    assert stimplan_cli("heads", "info", "sub-01", "--brief", "--out", tmp_path / "x")[0] == 2
    (tmp_path / "file").write_text("")
    assert stimplan_cli("heads", "info", "sub-01", "--out", tmp_path / "file")[0] == 2
