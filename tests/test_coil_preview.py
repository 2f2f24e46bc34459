"""The preview of coils: its stated error against solved fields, where there is none, and what the template shows."""

from __future__ import annotations

import json
import math

import attrs
import numpy as np
import pytest
from coils import above, nine_turns, one_dipole
from spheres import sphere

from stimplan.cli import run as cli
from stimplan.coil import AGrid, Coil, Segments, list_coils, read_coil
from stimplan.coil_field import CoilPlacement, solve_coil, solve_coils
from stimplan.coil_on_head import coil_placement as put
from stimplan.coil_preview import (
    FOREHEAD_POINT_ERROR,
    MOST_PIECES,
    NOTE,
    POINT_ERROR,
    RMS_ERROR,
    coil_preview,
    in_longer_pieces,
    template_preview,
    turns_of,
)
from stimplan.errors import CoilError
from stimplan.fem.exact_tms import sphere_field
from stimplan.head import load_head
from stimplan.head.cortex import cortex_of
from stimplan.pose import pose_on_scalp
from stimplan.preview import preview_table
from stimplan.protocol import dump_protocol, list_protocols, read_protocol
from stimplan.protocol.magnetic import CoilPlacement as Place
from stimplan.protocol.magnetic import Handle
from stimplan.runs.coil_places import place_coils
from stimplan.runs.options import CoilOptions
from stimplan.runs.preview import (
    coil_for,
    front_of,
    map_of,
    pose_on_template,
    poses_on_template,
    preview_coils,
    template_gauge,
)

RATE = 1e6


def all_coils():
    found = map(read_protocol, (getattr(one, "id", one) for one in list_protocols()))
    return [protocol for protocol in found if protocol.magnetic is not None]


def near(solved):
    """Points where the field is above half of the strongest."""
    size = np.linalg.norm(solved, axis=1)
    return size > 0.5 * np.percentile(size, 99.9)


def off(shown, solved):
    """Relative difference of |E| at the points near the coil."""
    of = near(solved)
    size = np.linalg.norm(solved[of], axis=1)
    return (np.linalg.norm(shown[of], axis=1) - size) / size


# what it is


def test_in_a_sphere_it_is_the_field_itself():
    head, pose = sphere(), above(0.02)
    at = np.random.default_rng(1).uniform(-0.045, 0.045, (300, 3))
    coil = nine_turns()
    found = coil_preview(head, coil, pose, didt_A_per_s=RATE, points_m=at)
    element = coil.elements[0]
    truth = RATE * sphere_field(
        at,
        element.positions_m @ pose[:3, :3].T + pose[:3, 3],
        element.moments_A_m2_per_A @ pose[:3, :3].T,
        radius_m=0.092,
    )
    # The centre is fitted to the nodes of a coarse scalp.
    assert np.abs(found - truth).max() < 0.01 * np.abs(truth).max()


def test_it_is_in_proportion_to_the_rate_and_turns_with_its_sign():
    at = preview_table().points_m[::50]
    pose = pose_on_template(Place(None, site="C3", handle=Handle(from_midline_rad=0.7)), None)
    coil = read_coil("figure8-70mm-9-turns")
    one, other = (
        template_preview(template_gauge(), coil, pose, didt_A_per_s=r, points_m=at) for r in (RATE, -2 * RATE)
    )
    np.testing.assert_allclose(other, -2 * one, rtol=1e-9)


@pytest.mark.parametrize("name", ["figure8-70mm-9-turns", "magstim-90mm-circular"])
def test_the_error_that_is_stated_holds_against_solved_fields(name):
    head, coil = load_head("colin27", edge_mm="teaching"), read_coil(name)
    cortex, face = cortex_of(head), {"C3": 0.785, "Oz": 0.0, "F3": 0.785, "Fpz": 0.0, "Cz": 0.0}
    # 3 mm keep every case off the scalp, so that it need not be laid on it first.
    poses = [
        pose_on_scalp(head, site, handle=Handle(from_midline_rad=angle), distance_m=0.003)
        for site, angle in face.items()
    ]
    placed = [put(coil, pose_m=pose, didt_A_per_s=RATE, head=head) for pose in poses]
    for site, pose, field in zip(face, poses, solve_coils(head, placed), strict=True):
        solved = field.recovered_V_per_m(cortex.tissue)[cortex.nodes]
        shown = coil_preview(head, coil, pose, didt_A_per_s=RATE, points_m=cortex.points_m)
        wrong = off(shown, solved)
        most = FOREHEAD_POINT_ERROR if site.startswith(("Fp", "AF")) else POINT_ERROR
        assert np.percentile(np.abs(wrong), 90) <= most, site
        assert math.sqrt(np.mean(wrong**2)) <= RMS_ERROR, site
        assert np.corrcoef(np.linalg.norm(shown, axis=1), np.linalg.norm(solved, axis=1))[0, 1] > 0.9, site
        # What the limits would not let through: the same coil 25 mm aside.
        aside = np.array(pose.matrix_m)
        aside[:3, 3] += 0.025 * pose.y - 0.01 * pose.z
        missed = off(coil_preview(head, coil, aside, didt_A_per_s=RATE, points_m=cortex.points_m), solved)
        assert math.sqrt(np.mean(missed**2)) > RMS_ERROR, site
    assert f"{100 * POINT_ERROR:.0f} %" in NOTE and f"{100 * FOREHEAD_POINT_ERROR:.0f} %" in NOTE


# where there is none


def test_a_head_with_a_horn_behind_the_coil_has_no_preview():
    head = sphere()
    nodes = head.nodes_m.copy()
    nodes[np.argmax(nodes[:, 2]), 2] = 0.16
    pose = np.diag([-1.0, 1.0, -1.0, 1.0])
    pose[:3, 3] = (0.006, 0.0, 0.11)
    horned = attrs.evolve(head, nodes_m=nodes)
    with pytest.raises(CoilError, match="no preview here: a part of the head"):
        coil_preview(horned, one_dipole(), pose, didt_A_per_s=RATE, points_m=[[0, 0, 0.05]])


def test_a_coil_inside_the_head_and_a_grid_of_a_potential_have_none():
    at = [[0.0, 0, 0]]
    with pytest.raises(CoilError, match="inside the head"):
        coil_preview(sphere(), one_dipole(), above(-0.02), didt_A_per_s=RATE, points_m=at)
    coil = read_coil("figure8-70mm-9-turns")
    pose = pose_on_template(Place(None, site="Cz", handle=Handle(from_midline_rad=0.0)), coil)
    with pytest.raises(CoilError, match="or the coil lies inside the head"):
        template_preview(template_gauge(), coil, pose.lifted(-0.03), didt_A_per_s=RATE, points_m=at)
    grid = Coil("grid", (AGrid(np.zeros((2, 2, 2, 3)), np.eye(4)),), source="test")
    with pytest.raises(CoilError, match="no preview of a coil that is given as a grid"):
        coil_preview(sphere(), grid, above(0.02), didt_A_per_s=RATE, points_m=at)


@pytest.mark.parametrize("rate", [0.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(CoilError, match="didt_A_per_s"):
        coil_preview(sphere(), one_dipole(), above(0.02), didt_A_per_s=rate, points_m=[[0.0, 0, 0]])
    with pytest.raises(CoilError, match="expected a finite rate other than 0; got"):
        template_preview(template_gauge(), one_dipole(), above(0.02), didt_A_per_s=rate, points_m=[[0.0, 0, 0]])
    with pytest.raises(CoilError, match=r"at most the 114\.7 A/µs of its stimulator"):
        template_preview(
            template_gauge(), read_coil("magstim-70mm-figure8"), above(0.02), didt_A_per_s=1.2e8, points_m=[[0.0, 0, 0]]
        )


# fewer pieces


@pytest.mark.parametrize("name", list_coils())
def test_longer_pieces_change_the_field_by_what_is_stated_and_no_net_current(name):
    coil = read_coil(name)
    short = in_longer_pieces(coil)
    assert len(short.positions_m) <= MOST_PIECES and in_longer_pieces(short) is short
    for one, other in zip(coil.elements, short.elements, strict=True):
        np.testing.assert_allclose(other.vectors_m.sum(axis=0), one.vectors_m.sum(axis=0), atol=1e-12)
    pose, at = above(0.012, radius_m=0.098), preview_table().points_m[::10] - template_gauge().center_m
    fields = [
        CoilPlacement(one, pose, (RATE,) * max(len(one.stimulators), 1), None, np.zeros(3)).primary_V_per_m(at)
        for one in (coil, short)
    ]
    assert np.abs(fields[1] - fields[0]).max() <= 0.004 * np.linalg.norm(fields[0], axis=1).max()


def test_turns_of_wire_are_told_apart():
    angle = 2 * np.pi * np.arange(36) / 36
    ring = np.stack([0.03 * np.cos(angle), 0.03 * np.sin(angle), 0 * angle], axis=1)
    along = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1) * 0.03 * 2 * np.pi / 36
    both = Segments(np.concatenate([ring, ring + np.array([0.1, 0, 0])]), np.concatenate([along, -along]))
    backwards = turns_of(both)[36:]  # against their own current no piece lies ahead
    assert (turns_of(both)[:36] == 0).all() and len(set(backwards)) == 36
    assert len(set(turns_of(attrs.evolve(both, vectors_m=np.concatenate([along, along]))))) == 2


# the template


def test_every_coil_of_the_library_has_a_preview_under_the_coil():
    for protocol in all_coils():
        seen = preview_coils(protocol)
        for number, block in enumerate(seen.blocks):
            assert block.why == "" and np.isfinite(block.E_V_per_m).all(), protocol.id
            found = map_of(seen, number)
            site = found.table.sites_m[found.table.names.index(found.strongest_near)]
            assert np.linalg.norm(site - block.pose.center_m) < 0.08, protocol.id


@pytest.mark.parametrize("pid", ["huang-2005-ctbs", "saint", "three-d-itbs", "carmi-2019-h7-ocd", "master-pd-2016-m1"])
def test_the_coil_lies_where_a_run_lays_it(pid):
    protocol = read_protocol(pid)
    run = place_coils(protocol, load_head("colin27", edge_mm="teaching"), CoilOptions())
    coil, in_place = coil_for(protocol.magnetic.coil)
    assert coil.name == run.coil.name and (in_place is None) == (run.stand_in is None)
    for mine, its in zip(poses_on_template(protocol.magnetic, coil), run.blocks, strict=True):
        assert np.linalg.norm(mine.center_m - its.pose.center_m) < 0.002
        assert mine.y @ its.pose.y > math.cos(math.radians(2)) and mine.z @ its.pose.z > math.cos(math.radians(2))


def test_the_front_of_a_case_clears_the_scalp_as_the_whole_case_does():
    from stimplan.pose_contact import rest_on_scalp
    from stimplan.runs.preview import template_scalp

    for name in list_coils():
        coil = read_coil(name)
        flat = pose_on_template(Place(None, site="C4", handle=Handle(from_midline_rad=-0.7)), None)
        lifted = [
            rest_on_scalp(template_scalp(), flat, points).center_m
            for points in (front_of(coil), coil.casing.sampled_m(2e-3))
        ]
        assert np.linalg.norm(lifted[1] - lifted[0]) < 3e-4, name
        assert len(front_of(coil)) < 3000


def changed(pid, **values):
    tree = json.loads(dump_protocol(read_protocol(pid)))
    block = tree["stimulation"]["blocks"][0]
    for key, value in values.items():
        block[key] = {**block[key], **value} if isinstance(block.get(key), dict) else value
    tree["id"] = "changed"
    return read_protocol(tree)


def test_a_known_drive_gives_the_field_at_that_drive():
    unit = map_of(preview_coils(read_protocol("huang-2005-ctbs")))
    assert unit.block.drive.basis == "unit" and unit.block.drive.didt_A_per_s == RATE
    driven = changed("huang-2005-ctbs")
    block = attrs.evolve(
        driven.magnetic.blocks[0],
        intensity=attrs.evolve(driven.magnetic.blocks[0].intensity, value_fraction=0.5, reference="MSO"),
    )
    driven = attrs.evolve(driven, stimulation=attrs.evolve(driven.magnetic, blocks=(block,)))
    found = map_of(preview_coils(driven))
    assert found.block.drive.basis == "protocol"
    factor = 0.5 * read_coil("magstim-70mm-figure8").max_didt_A_per_s / RATE
    np.testing.assert_allclose(found.magnitude_V_per_m, factor * unit.magnitude_V_per_m, rtol=1e-6)


def test_farther_away_is_weaker_and_another_coil_another_field():
    base = read_protocol("huang-2005-ctbs").magnetic

    def peak(**place):
        block = attrs.evolve(base.blocks[0], placement=attrs.evolve(base.blocks[0].placement, **place))
        protocol = attrs.evolve(read_protocol("huang-2005-ctbs"), stimulation=attrs.evolve(base, blocks=(block,)))
        return map_of(preview_coils(protocol)).percentile_V_per_m(99)

    assert peak() > 1.2 * peak(distance_m=0.01) > 1.2 * peak(distance_m=0.02)
    assert peak(handle=Handle(from_midline_rad=-0.7)) != peak()


def test_places_on_the_persons_own_head_and_coils_of_files_are_refused_with_the_reason():
    protocol = read_protocol("huang-2005-ctbs")
    stimulation, block = protocol.magnetic, protocol.magnetic.blocks[0]
    own = attrs.evolve(block, placement=attrs.evolve(block.placement, site=None, pose_m=tuple(map(tuple, np.eye(4)))))
    for wrong, words in (
        (attrs.evolve(stimulation, blocks=(own,)), "person's own head"),
        (attrs.evolve(stimulation, coil=attrs.evolve(stimulation.coil, file="a.ccd")), "given as a file"),
    ):
        with pytest.raises(CoilError, match=words) as error:
            preview_coils(attrs.evolve(protocol, stimulation=wrong))
        assert error.value.problems[0].where.startswith("$.stimulation")
    with pytest.raises(CoilError, match="has no coil"):
        preview_coils(read_protocol("select-tdcs"))


# the command


def test_the_command_prints_draws_and_says_what_it_is(tmp_path, capsys):
    picture = tmp_path / "coil.png"
    assert cli(["preview", "huang-2005-ctbs", "--out", str(picture)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert NOTE in said and "for 1 A/µs" in said and "C3" in said
    assert picture.stat().st_size > 50_000
    assert cli(["preview", "fitzgerald-2006-bilateral", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [one["strongest_near_site"][-1] in "2468" for one in record["blocks"]] == [True, False]
    assert record["notice"] == f"Preview: {NOTE}."


def test_the_command_refuses_a_coil_of_a_file_that_is_not_there(tmp_path, capsys):
    tree = json.loads(dump_protocol(read_protocol("huang-2005-ctbs")))
    tree["stimulation"]["coil"]["file"] = "missing.ccd"
    tree["id"] = "with-file"
    path = tmp_path / "with-file.json"
    path.write_text(json.dumps(tree))
    assert cli(["preview", str(path)]) == 2
    said = capsys.readouterr().err
    assert "missing.ccd" in said and "Traceback" not in said


def test_solved_and_previewed_fields_point_the_same_way():
    head, coil, pose = sphere(), nine_turns(), above(0.02)
    field = solve_coil(head, put(coil, pose_m=pose, didt_A_per_s=RATE, head=head))
    at = np.random.default_rng(2).uniform(-0.04, 0.04, (200, 3))
    shown, solved = coil_preview(head, coil, pose, didt_A_per_s=RATE, points_m=at), field.at(at)
    assert np.einsum("ij,ij->", shown, solved) > 0.99 * np.linalg.norm(shown) * np.linalg.norm(solved)
