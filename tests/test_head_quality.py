"""The quality report of a head: right where the answer is known, and every check of it can fail."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest

from stimplan.commands.heads import quality_lines
from stimplan.head import HeadModel, sphere_head
from stimplan.head.conductivity import tissues_of
from stimplan.head.interfaces import interfaces_of, label_contact_m2
from stimplan.head.labelled import LabelVolume, mesh_labels
from stimplan.head.quality import _findings, head_quality, labels_of
from stimplan.view.head_quality import plane_cut, plot_head_quality
from stimplan.view.paper import png_bytes

MM = 1e-3
TISSUES = {1: "gray_matter", 2: "csf", 3: "bone", 4: "scalp"}


def labelled_ball(radii=(18, 21, 25, 30)):
    """Four layers in 1 mm voxels, innermost first; turned and moved against the head."""
    index = np.indices((68, 68, 68)) - 33.5
    away = np.sqrt((index**2).sum(axis=0))
    labels = np.zeros(away.shape, dtype=np.uint8)
    for label, radius in reversed(list(enumerate(radii, start=1))):
        labels[away < radius] = label
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) * MM
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn, -turn @ np.full(3, 33.5) + [0.01, 0, 0]
    return LabelVolume(labels, affine, TISSUES)


def model(volume, edge_mm=4):
    mesh, record = mesh_labels(volume, edge_mm=edge_mm)
    return HeadModel(
        name="ball",
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tuple(tissues_of(record["tissues"])),
        provenance={"kind": "label volume"},
    )


@pytest.fixture(scope="module")
def quality():
    volume = labelled_ball()
    return head_quality(model(volume), volume=volume)


def test_a_good_mesh_of_a_good_volume_has_no_findings(quality):
    assert quality.findings == ()
    assert [tissue.name for tissue in quality.tissues] == ["gray_matter", "csf", "bone", "scalp"]
    for tissue in quality.tissues:
        assert tissue.volume_m3 == pytest.approx(tissue.label_volume_m3, rel=0.03)
    assert quality.electric.residual < 1e-6
    assert abs(quality.electric.balance) < 0.03
    assert sum(quality.shapes.counts) == len(quality.head.tets)
    assert quality.shapes.edge_median_m == pytest.approx(3.5 * MM, rel=0.3)


def test_surfaces_lie_within_half_a_voxel_of_the_labels(quality):
    assert {surface.surface for surface in quality.surfaces} == set(TISSUES.values())
    for surface in quality.surfaces:
        assert 0 < surface.mean_m < 0.4 * MM
        assert surface.mean_m < surface.p95_m < 1 * MM
        assert surface.back_mean_m < 0.6 * MM


def test_the_record_is_plain_data(quality):
    record = json.loads(json.dumps(quality.record(), allow_nan=False))
    assert record["nodes"] == len(quality.head.nodes_m)
    assert record["layers"][0]["is_perforated"] is False
    assert record["findings"] == []


def test_progress_is_told(quality):
    seen = []
    head_quality(quality.head, volume=quality.volume, progress=lambda stage, fraction: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_labels_that_are_not_those_of_the_mesh_are_noticed(quality):
    other = head_quality(quality.head, volume=labelled_ball((16, 21, 25, 30)))
    assert any(finding.startswith("volume of gray matter +") for finding in other.findings)
    gray = next(surface for surface in other.surfaces if surface.surface == "gray_matter")
    assert gray.mean_m == pytest.approx(2 * MM, rel=0.25)
    assert gray.back_mean_m == pytest.approx(2 * MM, rel=0.25)


def test_a_hole_of_the_mesh_in_a_closed_layer_is_a_finding(quality):
    head = quality.head
    csf = head.in_tissue("csf") & (head.centers_m[:, 2] > 0)
    torn = attrs.evolve(head, tissue=np.where(csf, 2, head.tissue).astype(np.uint8))
    found = head_quality(torn, volume=quality.volume)
    layer = next(layer for layer in found.layers if layer.name.startswith("CSF"))
    assert layer.is_perforated
    assert layer.labels_m2 == 0
    assert layer.mesh_m2 == pytest.approx(2 * np.pi * (21 * MM) ** 2, rel=0.1)
    assert any(
        finding.startswith("CSF, between grey or white matter and bone: missing over") for finding in found.findings
    )


def test_a_hole_that_the_labels_have_too_is_none():
    volume = labelled_ball()
    labels = volume.labels.copy()
    labels[20:48, 20:48, 40:][labels[20:48, 20:48, 40:] == 2] = 1
    open_labels = LabelVolume(labels, volume.head_from_voxel, TISSUES)
    found = head_quality(model(open_labels), volume=open_labels)
    layer = next(layer for layer in found.layers if layer.name.startswith("CSF"))
    assert layer.mesh_m2 > 100 * MM**2
    assert not layer.is_perforated


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("shapes", {"worst": 0.04}, "worst 0.04 (aim at least 0.05)"),
        ("shapes", {"worst": float("nan")}, "worst nan"),
        ("shapes", {"first_percentile": 0.2}, "first percentile 0.2"),
        ("electric", {"residual": 2e-6}, "residual of the electric check 2e-06"),
        ("electric", {"balance": -0.1}, "the field carries 90.0% of the current"),
        ("electric", {"balance": float("nan")}, "the field carries"),
    ],
)
def test_every_limit_can_be_missed(quality, part, change, words):
    parts = {name: getattr(quality, name) for name in ("tissues", "layers", "shapes", "electric")}
    parts[part] = attrs.evolve(parts[part], **change)
    (finding,) = _findings(*parts.values())
    assert words in finding


def test_what_was_examined_is_told_in_words(quality):
    said = [line for line in quality_lines(quality) if "1 mA" in line]
    assert len(said) == 1 and quality.electric.where in said[0] and "Ω" in said[0] and "residual" in said[0]
    assert "grey matter" in "\n".join(quality_lines(quality)) and "gray" not in "\n".join(quality_lines(quality))


def test_a_head_without_labels_is_examined_without_them():
    head = sphere_head(radii_mm=(30.0, 40.0), conductivities_S_per_m=(0.3, 0.4), edge_mm=10.0)
    assert labels_of(head) is None
    found = head_quality(head)
    assert found.surfaces == ()
    assert found.layers == ()
    assert [tissue.difference for tissue in found.tissues] == [None, None]
    assert found.tissues[0].volume_m3 == pytest.approx(4 / 3 * np.pi * (30 * MM) ** 3, rel=0.02)
    assert found.electric.where == "C3 to Fp2"
    assert len(png_bytes(plot_head_quality(found))) > 20_000


def test_interfaces_of_two_tetrahedra():
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]])
    tets = np.array([[0, 1, 2, 3], [0, 2, 1, 4]])
    found = interfaces_of(nodes, tets, np.array([1, 2], dtype=np.uint8))
    assert len(found.triangles) == 7
    assert found.areas_m2[found.between([1], [2])].tolist() == [0.5]
    assert found.triangles[found.between([2], [1])].tolist() == [[0, 1, 2]]
    assert found.around([1]).sum() == 4
    assert found.around([1, 2]).sum() == 6


def test_contact_of_labels_counts_faces_in_their_size():
    tissue = np.zeros((3, 4, 5), dtype=np.uint8)
    tissue[:, :2], tissue[:, 2:] = 1, 2
    assert label_contact_m2(tissue, np.array([1, 2, 3.0]), one=[1], other=[2]) == 15 * 3
    assert label_contact_m2(tissue, np.array([1, 2, 3.0]), one=[1], other=[3]) == 0


def test_a_plane_cuts_the_surfaces_of_a_ball_in_circles(quality):
    head = quality.head
    interfaces = interfaces_of(head.nodes_m, head.tets, head.tissue)
    lines = plane_cut(interfaces, axis=2, position_m=5 * MM)
    assert np.allclose(lines[:, :, 2], 5 * MM)
    radii = np.linalg.norm(lines.mean(axis=1)[:, :2] - [0.01, 0], axis=1)
    for radius in (18, 21, 25, 30):
        expected = np.sqrt(radius**2 - 5**2) * MM
        assert (np.abs(radii - expected) < 0.6 * MM).sum() > 30
    length = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum()
    assert length == pytest.approx(sum(2 * np.pi * np.sqrt(r**2 - 25) * MM for r in (18, 21, 25, 30)), rel=0.02)


def test_the_figure_is_drawn_with_labels_and_findings(quality):
    figure = plot_head_quality(attrs.evolve(quality, findings=("volume of csf -9.0% against the labels",)))
    texts = [text.get_text() for text in figure.texts]
    assert "1 finding" in texts
    assert any("against the labels" in text for text in texts)
    assert len(figure.axes) == 5
    assert len(png_bytes(figure)) > 50_000
