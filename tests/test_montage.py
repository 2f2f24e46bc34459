"""Sites, materials, electrodes: the shipped data and their names."""

from __future__ import annotations

import copy
import json
import math
from decimal import Decimal
from typing import Any

import pytest

from stimplan import sites, strict_json
from stimplan.errors import MontageError, ResourceError
from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring
from stimplan.protocol.schema_check import schema_faults
from stimplan.resources import data_path
from stimplan.sites import electrode_products, known_sites, layout_sites, materials, resolve_site


def document(name: str) -> Any:
    read = strict_json.parse(data_path("montages", name).read_text(encoding="utf-8"))
    assert read.problems == ()
    return read.tree


def schema_of(name: str) -> Any:
    return json.loads(data_path("montages", "schema", name).read_text(encoding="utf-8"))


def test_every_site_is_where_mne_has_it_on_colin27_in_mni_metres() -> None:
    import mne

    positions = mne.channels.make_standard_montage("colin27_1005").get_positions()
    assert positions["coord_frame"] == "mri"
    theirs = positions["ch_pos"]
    assert set(known_sites()) == set(theirs)
    assert max(math.dist(known_sites()[name], theirs[name]) for name in theirs) < 1e-8
    fiducials = document("colin27_1005.json")["fiducials_mm"]
    for name, position in fiducials.items():
        assert math.dist([float(x) / 1000 for x in position], positions[name]) < 1e-8


def test_the_axes_are_right_front_up() -> None:
    known = known_sites()
    assert known["C4"][0] > 0.05 > -0.05 > known["C3"][0]
    assert known["Fpz"][1] > 0.05 > -0.05 > known["Oz"][1]
    assert known["Cz"][2] > 0.09


def test_old_names_are_the_same_places_as_their_new_names() -> None:
    for old, new in sites.ALIASES.items():
        assert known_sites()[old] == known_sites()[new]
        assert resolve_site(old) == new


@pytest.mark.parametrize(
    ("name", "canonical"), [("C3", "C3"), ("c3", "C3"), (" fP2 ", "Fp2"), ("ffc3H", "FFC3h"), ("t6", "P8")]
)
def test_any_case_is_taken(name: str, canonical: str) -> None:
    assert resolve_site(name) == canonical


def test_every_site_resolves_to_a_site() -> None:
    assert {resolve_site(name) for name in known_sites()} == set(known_sites()) - set(sites.ALIASES)


@pytest.mark.parametrize(("name", "hint"), [("FFC33", "'FFC3'"), ("CP9x", "did you mean"), ("", "such as 'C3'")])
def test_an_unknown_site_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(MontageError) as caught:
        resolve_site(name)
    assert str(caught.value).startswith(f"{name!r} is not in montage 'colin27_1005'; ")
    assert hint in str(caught.value)


@pytest.mark.parametrize("table", [known_sites, materials, electrode_products])
def test_the_tables_cannot_be_changed(table: Any) -> None:
    with pytest.raises(TypeError):
        table()["C3"] = None


@pytest.mark.parametrize("name", ["materials", "electrodes", "layouts"])
def test_the_data_keep_to_their_schema(name: str) -> None:
    from jsonschema import Draft202012Validator

    schema = schema_of(f"{name}-1.schema.json")
    Draft202012Validator.check_schema(schema)
    assert schema_faults(document(f"{name}.json"), schema) == []


@pytest.mark.parametrize(
    ("name", "path", "value", "where"),
    [
        ("materials", ("materials", "saline", "conductivity_S_per_m"), Decimal(0), "conductivity_S_per_m"),
        ("materials", ("materials", "saline", "conductivity_S_per_m"), "1.4", "conductivity_S_per_m"),
        ("materials", ("materials", "saline", "sigma"), 1, "sigma"),
        ("materials", ("materials", "saline", "source", "status"), "guess", "status"),
        ("electrodes", ("products", "sponge-5x7", "shape", "width_mm"), -50, "width_mm"),
        ("electrodes", ("products", "sponge-5x7", "shape", "diameter_mm"), 50, "diameter_mm"),
        ("electrodes", ("products", "sponge-5x7", "layers"), [], "layers"),
        ("layouts", ("layouts", "10-20", "sites"), ["Cz", "Cz"], "sites"),
        ("layouts", ("layouts", "10-20", "reference"), "Cz", "reference"),
        ("electrodes", ("products", "sponge-5x7", "source", "doi"), "doi.org/x", "doi"),
    ],
)
def test_broken_data_break_the_schema(name: str, path: tuple[str, ...], value: Any, where: str) -> None:
    tree = copy.deepcopy(document(f"{name}.json"))
    node = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    faults = schema_faults(tree, schema_of(f"{name}-1.schema.json"))
    assert [fault.path[-1] for fault in faults] == [where]


def test_a_layout_names_known_sites_and_the_larger_one_holds_the_smaller() -> None:
    assert set(layout_sites("10-20")) < set(layout_sites("10-10")) < set(known_sites())
    assert (len(layout_sites("10-20")), len(layout_sites("10-10"))) == (21, 74)
    with pytest.raises(MontageError, match="10-20, 10-10"):
        layout_sites("10-5")


def test_damaged_data_are_a_resource_error(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "materials.json"
    broken.write_text("{")
    monkeypatch.setattr(sites, "data_path", lambda *parts: broken)
    with pytest.raises(ResourceError, match=r"montages/materials.json is damaged"):
        materials.__wrapped__()


def test_products_have_the_areas_people_quote() -> None:
    areas_cm2 = {name: 1e4 * product.shape.area_m2 for name, product in electrode_products().items()}
    assert areas_cm2["sponge-5x7"] == pytest.approx(35)
    assert areas_cm2["sponge-5x5"] == pytest.approx(25)
    assert areas_cm2["pad-round-50"] == pytest.approx(19.635, rel=1e-4)
    assert areas_cm2["hd-ring-12"] == pytest.approx(math.pi * (0.6**2 - 0.3**2))


def test_every_product_is_made_of_known_materials_and_says_how_each_number_is_known() -> None:
    for product in electrode_products().values():
        places = {place for place, _ in product.certainty}
        assert any(place.startswith("shape") for place in places)
        for number, layer in enumerate(product.layers):
            assert layer.material in materials()
            assert {f"layers[{number}].material", f"layers[{number}].thickness_mm"} <= places
        assert product.source.citation


def test_materials_conduct_as_the_tables_say() -> None:
    assert materials()["saline_sponge"].conductivity_S_per_m == 1.0
    assert materials()["conductive_rubber"].conductivity_S_per_m == 29.4
    assert materials()["silver_chloride"].conductivity_S_per_m == 5.9e7
    assert all(material.source.citation for material in materials().values())


def test_areas_and_radii_of_the_shapes_are_those_of_geometry() -> None:
    assert Circle(diameter_m=0.02).area_m2 == pytest.approx(math.pi * 1e-4)
    assert Ring(inner_diameter_m=0.006, outer_diameter_m=0.012).area_m2 == pytest.approx(math.pi * 27e-6)
    pad = Rectangle(width_m=0.05, height_m=0.07)
    assert pad.area_m2 == pytest.approx(35e-4)
    assert (pad.inradius_m, pad.outradius_m) == (0.025, pytest.approx(math.hypot(0.05, 0.07) / 2))


def test_the_current_density_of_a_cathode_is_positive() -> None:
    layers = (Layer("saline_sponge", 0.005),)
    assert Electrode("C3", Rectangle(0.05, 0.07), layers, -0.002).current_density_A_per_m2 == pytest.approx(0.5714286)
