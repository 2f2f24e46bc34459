"""The catalogue of coils: complete, honest about what is not known, and wound as its entries say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stimplan.coil import (
    Stimulator,
    catalogue_coil,
    catalogue_entry,
    find_coil,
    list_coils,
    read_coil,
    stand_in_for,
    stand_ins,
)
from stimplan.coil.catalogue import representative, windings_of, without_windings
from stimplan.coil.hull import hull
from stimplan.coil.windings import figure_8
from stimplan.coil_on_head import coil_placement
from stimplan.errors import CoilError
from stimplan.fem.tms import dipole_potential, segment_potential
from stimplan.resources import data_path, package_path

TRIAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "simnibs"


def entries():
    return json.loads(package_path("coil", "catalogue.json").read_text(encoding="utf-8"))["coils"]


def potential(coil, points):
    element = coil.elements[0]
    if hasattr(element, "vectors_m"):
        return segment_potential(points, element.positions_m, element.vectors_m, is_double=True)
    return dipole_potential(points, element.positions_m, element.moments_A_m2_per_A, is_double=True)


def test_every_kind_of_coil_is_there():
    families = {catalogue_entry(name).family for name in list_coils()}
    assert families == {"figure-8", "circular", "double-cone", "butterfly", "H-coil"}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["id"])
def test_every_entry_says_where_it_is_from_and_how_sure_we_are(entry):
    assert "doi:10." in entry["source"] or "the maker's dimensions as commonly cited" in entry["source"]
    assert entry["certainty"] in ("read", "second-hand", "principle")
    if entry["certainty"] != "read":
        assert entry["caution"]
        assert any(word in entry["source"] for word in ("not read", "not at hand"))
    # A rate without its source is no rate.
    assert (entry["max_didt_A_per_us"] is None) == (entry["didt_source"] == "") == (entry["stimulator"] is None)


@pytest.mark.parametrize("name", list_coils())
def test_wire_and_dipoles_of_a_coil_have_the_same_moment_and_the_current_runs_as_the_frame_says(name):
    wire, dipoles = catalogue_coil(name), catalogue_coil(name, kind="dipoles", elements=4)
    assert wire.moment_A_m2_per_A == pytest.approx(dipoles.moment_A_m2_per_A, rel=1e-6, abs=1e-12)
    assert wire.provenance["catalogue"] == name
    if catalogue_entry(name).family != "circular":
        E = -potential(wire, np.array([[0, 0, 0.04]]))[0]
        assert E[1] > 0
        assert abs(E[0]) < 1e-9 * E[1]


@pytest.mark.parametrize("name", list_coils())
def test_the_case_is_closed_points_outwards_and_holds_the_winding_but_not_the_head(name):
    coil = catalogue_coil(name)
    corners = coil.casing.points_m[coil.casing.triangles]
    edges = np.concatenate([coil.casing.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    assert len(np.unique(edges, axis=0)) == len(edges)  # each edge once in each direction
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume > 1e-4
    # The solid angle of a closed surface is 4 pi inside and 0 outside.
    assert solid_angle(corners, coil.positions_m[::7]) == pytest.approx(4 * np.pi, rel=1e-6)
    assert solid_angle(corners, np.array([[0.0, 0.0, 0.01]])) == pytest.approx(0, abs=1e-6)


def solid_angle(corners, points):
    """Of all triangles from each point, added up (Van Oosterom & Strackee 1983, doi:10.1109/TBME.1983.325207)."""
    a, b, c = (corners[None, :, i] - points[:, None] for i in range(3))
    la, lb, lc = (np.linalg.norm(one, axis=-1) for one in (a, b, c))
    over = np.einsum("ptd,ptd->pt", a, np.cross(b, c))
    under = la * lb * lc + np.einsum("ptd,ptd->pt", a, b) * lc
    under += np.einsum("ptd,ptd->pt", b, c) * la + np.einsum("ptd,ptd->pt", c, a) * lb
    # Wings that overlap hold a point twice.
    total = np.abs(2 * np.arctan2(over, under).sum(axis=1))
    return np.where(total > 6 * np.pi, total / 2, total)


def test_a_coil_is_found_by_the_maker_and_model_a_protocol_states_and_by_nothing_less():
    assert find_coil("Magstim", "70 mm").id == "magstim-70mm-figure8"
    assert find_coil("magstim", "90 MM").id == "magstim-90mm-circular"
    assert find_coil(None, "70 mm") is None
    assert find_coil("Magstim", None) is None
    assert find_coil("BrainsWay", "H1") is None
    assert [one.id for one in stand_ins(None, "70 mm")] == ["magstim-70mm-figure8"]
    assert [one.id for one in stand_ins("BrainsWay", "H1")] == ["h-coil-principle"]
    assert [one.id for one in stand_ins("MagVenture", "B70, fluid-cooled")] == ["magventure-mc-b70"]
    assert stand_ins("Nexstim", "NBS focal") == ()
    assert stand_ins("MagVenture", None) == ()


def test_each_product_the_protocols_of_the_library_name_is_there_has_a_stand_in_or_is_known_to_be_missing():
    named = set()
    for path in sorted(data_path("protocols").glob("*.json")):
        coil = json.loads(path.read_text(encoding="utf-8")).get("stimulation", {}).get("coil")
        if isinstance(coil, dict) and coil.get("model"):
            named.add((coil.get("manufacturer"), coil["model"]))
    missing = {pair for pair in named if find_coil(*pair) is None and not stand_ins(*pair)}
    assert find_coil("Magstim", "70 mm") is not None
    # No source of the windings of these was found: an iron core, a 50 mm coil, a portable device, a switch of four.
    assert {model for _, model in missing} == {
        "NeuroStar",
        "NeuroStar 2100, iron core",
        "iron core",
        "NBS focal",
        "portable device",
        "four stimulators through one module",
    }


@pytest.mark.parametrize("family", ["figure-8", "butterfly", "circular", "double-cone", "H-coil"])
def test_each_family_is_represented_by_a_coil_of_it_with_the_reason_and_how_far_its_kind_is_apart(family):
    from stimplan.coil_depth import BRAIN_RADIUS_M, HEAD_RADIUS_M, lift_m
    from stimplan.fem.exact_tms import sphere_field

    common = representative(family)
    assert catalogue_entry(common.coil).family == family and common.coil in common.peers and common.why
    is_alone = len(common.peers) == 1
    assert (common.peers_V_per_m is None) == is_alone
    below = BRAIN_RADIUS_M * np.array([[np.sin(a), 0.0, np.cos(a)] for a in np.linspace(0, 0.9, 60)])
    strongest = []
    for name in () if is_alone else common.peers:
        coil = catalogue_coil(name, kind="dipoles")
        flip = np.diag([-1.0, 1.0, -1.0])
        places = coil.positions_m @ flip + [0, 0, HEAD_RADIUS_M + lift_m(coil)]
        moments = 1e6 * coil.elements[0].moments_A_m2_per_A @ flip
        strongest.append(np.linalg.norm(sphere_field(below, places, moments, radius_m=HEAD_RADIUS_M), axis=1).max())
    if strongest:
        assert (min(strongest), max(strongest)) == pytest.approx(common.peers_V_per_m, abs=0.012)


def test_nothing_stands_for_a_cap_and_every_product_the_library_names_is_found_near_or_known_to_be_unpublished():
    assert representative("cap") is None and representative("other") is None
    assert stand_in_for("cap", None, None) is None
    for path in sorted(data_path("protocols").glob("*.json")):
        coil = json.loads(path.read_text(encoding="utf-8")).get("stimulation", {}).get("coil") or {}
        if coil.get("model") is None:
            continue
        maker, model = coil.get("manufacturer"), coil["model"]
        near = stand_in_for(coil["family"], maker, model)
        assert find_coil(maker, model) or near.is_near or without_windings(maker, model) is not None
    assert without_windings("Neuronetics", None) is None and without_windings("Nobody", "NeuroStar") is None


def test_the_rate_at_full_output_is_a_limit_and_another_stimulator_has_its_own():
    from spheres import sphere

    pose = np.diag([-1.0, 1.0, -1.0, 1.0])
    pose[2, 3] = 0.1
    coil = catalogue_coil("magstim-70mm-figure8")
    assert coil.max_didt_A_per_s == pytest.approx(114.73e6)
    with pytest.raises(CoilError, match="more than the"):
        coil_placement(coil, pose_m=pose, didt_A_per_s=1.5e8, head=sphere())
    stronger = catalogue_coil("magstim-70mm-figure8", stimulator=Stimulator("mine", max_didt_A_per_s=1.7e8))
    assert coil_placement(stronger, pose_m=pose, didt_A_per_s=1.5e8, head=sphere()).didt_A_per_s == (1.5e8,)
    assert catalogue_coil("magstim-90mm-circular").max_didt_A_per_s is None


def test_a_case_needs_windings_and_a_thickness():
    parts = figure_8((0.03,), center_m=0.03)
    for broken in (
        {"parts": ()},
        {"margin_m": -0.001},
        {"thickness_m": 0.0},
        {"margin_m": float("nan")},
    ):
        with pytest.raises(CoilError, match="a case needs"):
            hull(**{"parts": parts, "margin_m": 0.005, "thickness_m": 0.02, **broken})


def test_there_is_no_coil_of_another_name():
    with pytest.raises(CoilError, match="no coil 'figure9' in the catalogue"):
        catalogue_entry("figure9")
    assert len(windings_of(catalogue_entry("h-coil-principle"))) == 10


def test_the_magstim_coil_is_close_to_the_model_fitted_to_a_measured_field():
    path = TRIAL / "MagStim_D70.ccd"
    if not path.exists():
        pytest.skip("no trial data beside the checkout")
    measured, ours = read_coil(path), catalogue_coil("magstim-70mm-figure8")
    axis = np.linspace(-0.08, 0.08, 17)
    for depth_m, limit in ((0.01, 0.16), (0.02, 0.13), (0.03, 0.11), (0.04, 0.09)):
        points = np.array([[x, y, depth_m] for x in axis for y in axis])
        truth, found = potential(measured, points), potential(ours, points)
        assert np.linalg.norm(found - truth) < limit * np.linalg.norm(truth)
        assert 1.04 < np.linalg.norm(found) / np.linalg.norm(truth) < 1.12
