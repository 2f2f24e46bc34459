"""Tetrahedral meshes in the formats of VTK and of meshio, with a mapping of their labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import pyvista
from meshes import NAMES, msh_bytes, raw_head

from stimplan.errors import HeadError, MissingExtra
from stimplan.head.readers.assembly import head_from_raw
from stimplan.head.readers.meshio_files import read_tetrahedra

MAPPING = {7: "csf", 8: "bone", 9: "scalp"}
LABELS = raw_head().tissue + 4


def grid(scale=1e3, **arrays):
    mesh = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: raw_head().tets}, scale * raw_head().nodes_m)
    for name, values in arrays.items():
        mesh.cell_data[name] = values
    return mesh


def saved(tmp_path, mesh, name="head.vtu"):
    path = tmp_path / name
    mesh.save(path)
    return path


@pytest.mark.parametrize("ending", ["vtu", "vtk"])
def test_vtk_files_are_read_without_meshio(tmp_path, monkeypatch, ending):
    monkeypatch.setitem(sys.modules, "meshio", None)
    raw = read_tetrahedra(saved(tmp_path, grid(tissue=LABELS), f"head.{ending}"), MAPPING)
    np.testing.assert_allclose(raw.nodes_m, raw_head().nodes_m, rtol=0, atol=1e-15)
    assert np.array_equal(raw.tets, raw_head().tets) and np.array_equal(raw.tissue, LABELS)
    assert raw.record["unit"] == "mm" and raw.record["label_array"] == "tissue"
    head = head_from_raw(raw, name="s")  # goes by the mapping the mesh was read with
    assert [(tissue.label, tissue.name) for tissue in head.tissues] == list(NAMES.items())


def test_metres_are_recognised_and_said(tmp_path):
    raw = read_tetrahedra(saved(tmp_path, grid(scale=1.0, tissue=LABELS)), MAPPING)
    assert raw.record["unit"] == "m" and "in m" in raw.record["notices"][0]
    with pytest.raises(HeadError, match=r"longest side of the mesh is 1.9e\+05; a head is 100 to 400 in mm"):
        read_tetrahedra(saved(tmp_path, grid(scale=1e6, tissue=LABELS)), MAPPING)


def test_a_msh_file_is_read_with_a_mapping_as_well(tmp_path):
    path = tmp_path / "head.msh"
    path.write_bytes(msh_bytes())
    raw = read_tetrahedra(path, {3: "csf", 4: "compact_bone", 5: "scalp"})
    assert [tissue.name for tissue in head_from_raw(raw, name="s").tissues] == ["csf", "scalp", "compact_bone"]


def test_the_labels_are_found_or_asked_for(tmp_path):
    two = saved(tmp_path, grid(part=LABELS, colour=LABELS, E=np.random.default_rng(0).random(len(LABELS))))
    with pytest.raises(
        HeadError, match=r"several arrays of whole numbers \(part, colour\); say which holds the labels"
    ):
        read_tetrahedra(two, MAPPING)
    assert read_tetrahedra(two, MAPPING, label="part").record["label_array"] == "part"
    with pytest.raises(HeadError, match=r"has no array 'x' on its cells; it has part, colour, E"):
        read_tetrahedra(two, MAPPING, label="x")
    with pytest.raises(HeadError, match=r"array 'E' does not hold one whole number for each cell"):
        read_tetrahedra(two, MAPPING, label="E")
    with pytest.raises(HeadError, match=r"no array of whole numbers on its cells \(it has none\): the tissues are not"):
        read_tetrahedra(saved(tmp_path, grid()), MAPPING)
    usual = saved(tmp_path, grid(part=LABELS, Tissue=LABELS.astype(float)))
    assert read_tetrahedra(usual, MAPPING).record["label_array"] == "Tissue"


def test_a_mapping_has_to_be_stated_and_to_fit(tmp_path):
    path = saved(tmp_path, grid(tissue=LABELS))
    with pytest.raises(HeadError, match="which label is which tissue"):
        read_tetrahedra(path, None)
    with pytest.raises(
        HeadError, match=r"with tag 9, which the mapping does not have; the nearest it has is 8 \(skul"
    ) as e:
        read_tetrahedra(path, {7: "csf", 8: "skul"})
    assert "mapping[8]: 'skul' is no tissue; did you mean 'bone'?" in str(e.value)


def test_other_cells_surfaces_and_damaged_files_are_refused(tmp_path, capfd):
    corners = pyvista.ImageData(dimensions=(3, 3, 3), spacing=(90, 90, 90))
    bricks = corners.cast_to_unstructured_grid()
    bricks.cell_data["tissue"] = np.full(bricks.n_cells, 7)
    for mesh, name, cause in (
        (corners, "head.vtk", "holds a ImageData, expected an unstructured grid of tetrahedra"),
        (bricks, "head.vtu", "holds 8 cells of type voxel; only four-node tetrahedra are read"),
        (pyvista.Sphere(radius=95).cast_to_unstructured_grid(), "head.vtu", "holds no tetrahedra: it is a surface"),
    ):
        with pytest.raises(HeadError, match=cause):
            read_tetrahedra(saved(tmp_path, mesh, name), MAPPING)
    for name in ("head.vtu", "head.vtk"):
        data = saved(tmp_path, grid(tissue=LABELS), name).read_bytes()
        for broken in (data[: len(data) // 2], b"hello", b""):
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(HeadError):
                read_tetrahedra(tmp_path / name, MAPPING)
    assert capfd.readouterr().err == ""
    with pytest.raises(HeadError, match="there is no such file"):
        read_tetrahedra(tmp_path / "none.vtu", MAPPING)


def test_without_meshio_its_formats_need_an_extra_and_the_message_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "meshio", None)
    path = tmp_path / "head.mesh"
    path.write_text("MeshVersionFormatted 2\n")
    with pytest.raises(MissingExtra, match=r"pip install stimplan\[meshio\]") as caught:
        read_tetrahedra(path, MAPPING)
    assert caught.value.exit_code == 5


def test_meshio_reads_its_formats_and_what_it_says_of_others_is_passed_on(tmp_path):
    meshio = pytest.importorskip("meshio", reason="meshio is not installed")
    raw = raw_head()
    cells = [("tetra", raw.tets[:100]), ("triangle", raw.triangles), ("tetra", raw.tets[100:])]
    data = {"medit:ref": [LABELS[:100], raw.surface_tag, LABELS[100:]]}
    path = tmp_path / "head.mesh"
    meshio.Mesh(1e3 * raw.nodes_m, cells, cell_data=data).write(path)
    again = read_tetrahedra(path, MAPPING)
    np.testing.assert_allclose(again.nodes_m, raw.nodes_m, rtol=0, atol=1e-15)
    assert np.array_equal(again.tets, raw.tets) and np.array_equal(again.tissue, LABELS)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(HeadError, match="cannot be read by meshio"):
        read_tetrahedra(path, MAPPING)
    bricks = meshio.Mesh(np.eye(8, 3), [("hexahedron", [list(range(8))])], cell_data={"medit:ref": [[7]]})
    bricks.write(path)
    with pytest.raises(HeadError, match="holds 1 cells of type hexahedron"):
        read_tetrahedra(path, MAPPING)
    (tmp_path / "head.foo").write_text("junk")
    with pytest.raises(HeadError, match="cannot be read by meshio: Could not deduce file format"):
        read_tetrahedra(tmp_path / "head.foo", MAPPING)
