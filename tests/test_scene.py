"""The 3-D scene as data, packed for a page and read back; the page needs nothing else."""

from __future__ import annotations

import base64
import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Page
from runs import small_head, small_run
from scipy.spatial import cKDTree

from stimplan.errors import InputError
from stimplan.head.space import from_mni_m
from stimplan.roi import sphere_roi
from stimplan.view.paper import ANODE, CATHODE
from stimplan.view.scene_html import payload, read_scene, scene_page, viewer_script, write_scene_html
from stimplan.view.scene_pack import NO_VALUE, STEP_M, order_for_packing, pack, unpack, values_as_codes
from stimplan.view.scene_parts import Label, colour_table, scene_of_run
from stimplan.view.scene_target import target_layers

PNG = b"\x89PNG not a picture"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&<!--"


@pytest.fixture(scope="module")
def scene():
    return scene_of_run(small_run())


@pytest.fixture(scope="module")
def again(scene, tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "scene.html"
    write_scene_html(scene, path)
    return read_scene(path)


def layer(scene, name):
    return next(one for one in scene.layers if one.id == name)


def test_the_scene_has_cortex_scalp_and_each_electrode_in_the_colour_of_its_sign(scene):
    assert [one.id for one in scene.layers] == ["cortex", "scalp", "electrode: F3", "electrode: F4", "target"]
    assert layer(scene, "electrode: F3").colour == ANODE and layer(scene, "electrode: F4").colour == CATHODE
    assert layer(scene, "scalp").opacity < 0.5 and len(layer(scene, "scalp").triangles) == len(small_head().scalp)
    assert [one.text for one in scene.labels] == ["F3\n+2 mA", "F4\n−2 mA", "a place"]


def test_the_cortex_is_coloured_by_the_map_and_by_the_component_through_it(scene):
    size, inward = layer(scene, "cortex").shades
    assert size.range.limits == (0.0, pytest.approx(small_run().metrics.p999_V_per_m)) and size.range.unit == "V/m"
    assert inward.range.low == -inward.range.high
    assert np.nanmax(np.abs(inward.values)) <= np.nanmax(size.values) * (1 + 1e-9)
    assert scene.digest == small_run().field.digest


def test_the_target_is_shown_where_it_was_measured(scene):
    target = layer(scene, "target")
    middle = from_mni_m(small_head(), np.array([-0.038, 0.039, 0.026]))
    away = np.linalg.norm(target.points_m - middle, axis=1)
    if target.opacity == 1:  # its rim on the brain lies on the sphere
        np.testing.assert_allclose(away, 0.010, atol=2e-3)
    nowhere = attrs.evolve(small_run(), maps=tuple(attrs.evolve(one, at_target=None) for one in small_run().maps))
    assert "target" not in [one.group for one in scene_of_run(nowhere).layers]


def test_a_region_below_the_surface_is_a_ball_of_glass():
    deep = sphere_roi(mni_mm=(0, 0, 0), radius_mm=8, tissue="gray_matter")
    (ball,), (label,) = target_layers(
        small_head(), deep, "a very long name of a region that nobody could read in one go"
    )
    assert ball.opacity < 1 and len(label.text) <= 34 and label.text.endswith("…")
    away = np.linalg.norm(ball.points_m - label.point_m, axis=1)
    np.testing.assert_allclose(away, 0.008, rtol=0.15)


def test_a_verdict_that_is_no_pass_stands_above_the_scene(scene):
    assert small_run().report.verdict == "warn" and scene.caution == "Safety verdict: warn."
    assert "Safety verdict: warn." in Page(scene_page(scene)).text
    assert "Safety verdict" not in Page(scene_page(attrs.evolve(scene, caution=""))).text


def test_a_page_gives_back_the_scene_within_its_steps(scene, again):
    for ours, theirs in zip(scene.layers, again.layers, strict=True):
        centres, found = (one.points_m[one.triangles].mean(axis=1) for one in (ours, theirs))
        distance, _ = cKDTree(centres).query(found)
        assert len(found) == len(centres) and distance.max() < STEP_M
        assert ours.colour == theirs.colour and ours.opacity == theirs.opacity and ours.is_cut == theirs.is_cut
    assert [one.text for one in again.labels] == [one.text for one in scene.labels]
    np.testing.assert_array_equal(again.mni_from_scene, small_head().mni_from_head)


def test_the_values_come_back_at_their_own_points(scene, again):
    ours, theirs = layer(scene, "cortex"), layer(again, "cortex")
    distance, at = cKDTree(ours.points_m).query(theirs.points_m)
    assert distance.max() < STEP_M
    for one, other in zip(ours.shades, theirs.shades, strict=True):
        step = np.ptp(one.values) / (NO_VALUE - 1)
        np.testing.assert_allclose(other.values, one.values[at], atol=step, equal_nan=True)
        assert one.range == other.range
        np.testing.assert_array_equal(one.colours, other.colours)


def test_triangles_stay_oriented_outwards(again):
    for name in ("cortex", "scalp"):
        one = layer(again, name)
        a, b, c = (one.points_m[one.triangles[:, k]] for k in range(3))
        assert np.einsum("ij,ij->", np.cross(b - a, c - a), a + b + c) > 0


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50))
def test_any_numbers_come_back(numbers):
    table = {"one": np.array(numbers, np.uint16), "three": np.array([numbers] * 3, np.uint16)}
    table["bytes"] = (np.array(numbers) % 256).astype(np.uint8)
    found = unpack(*pack(table))
    for name, values in table.items():
        np.testing.assert_array_equal(found[name], values)


@given(st.data())
def test_any_triangles_come_back_with_their_points(data):
    count = data.draw(st.integers(3, 12))
    corners = data.draw(st.lists(st.tuples(*3 * [st.integers(0, count - 1)]), min_size=1, max_size=20))
    points = np.arange(3.0 * count).reshape(-1, 3) / 100
    used, triangles = order_for_packing(points, np.array(corners))
    found = unpack(*pack({"corners": triangles}))["corners"]
    assert sorted(map(tuple, used[found].tolist())) == sorted(corners)


def test_corners_out_of_order_are_refused():
    with pytest.raises(ValueError, match="order of their first use"):
        pack({"corners": np.array([[1, 0, 2]], np.int64)})


def test_what_has_no_value_is_told_apart_from_every_value():
    codes, low, high = values_as_codes(np.array([1.0, np.nan, 3.0]))
    assert codes.tolist() == [0, NO_VALUE, NO_VALUE - 1] and (low, high) == (1.0, 3.0)
    assert values_as_codes(np.array([np.nan]))[0].tolist() == [NO_VALUE]
    assert values_as_codes(np.array([2.0, 2.0]))[0].tolist() == [0, 0]


def test_the_page_loads_nothing_and_allows_no_other_script(scene):
    html = scene_page(scene, picture_png=PNG)
    page = Page(html)
    assert page.links == [] and page.loads == ["data:image/png;base64," + base64.b64encode(PNG).decode()]
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    for word in ("http:", "https:", "fetch(", "XMLHttpRequest", "import(", "eval(", "innerHTML", "WebSocket"):
        assert word not in viewer_script()


def test_names_from_files_are_only_text_on_the_page(scene, tmp_path):
    named = attrs.evolve(
        scene,
        title=HOSTILE,
        caution=HOSTILE,
        labels=(Label(HOSTILE, (0, 0, 0), ANODE, "electrodes"),),
        layers=(attrs.evolve(scene.layers[0], title=HOSTILE, shades=()), *scene.layers[1:]),
    )
    html = scene_page(named)
    assert Page(html).tags.count("script") == 2 and "img" not in Page(html).tags
    assert html.count("</script>") == 2 and "<!--" not in html
    (tmp_path / "s.html").write_text(html, encoding="utf-8")
    assert read_scene(tmp_path / "s.html").labels[0].text == HOSTILE


def test_the_same_scene_gives_the_same_bytes(scene):
    assert scene_page(scene) == scene_page(scene_of_run(small_run()))
    json.dumps(payload(scene), allow_nan=False)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda html: html.replace("scene-data", "other"), "holds no scene"),
        (lambda html: html.replace('"format":2', '"format":99'), "format 99"),
        (lambda html: html.replace('"data":"eN', '"data":"AA'), "damaged"),
        (lambda html: html.replace('"labels":', '"labelx":'), "damaged"),
    ],
)
def test_a_page_that_holds_no_good_scene_is_refused_by_name(scene, tmp_path, spoil, words):
    path = tmp_path / "broken.html"
    path.write_text(spoil(scene_page(scene)), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_scene(path)
    assert "broken.html" in str(caught.value)


def test_a_page_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.html"):
        read_scene(tmp_path / "none.html")


def test_colour_tables_start_and_end_with_their_map():
    table = colour_table("viridis")
    assert table.shape == (256, 3) and table[0].tolist() == [68, 1, 84] and table[-1].tolist() == [253, 231, 37]


# the cut


def test_the_cut_shows_each_tissue_in_its_share_of_the_head(scene, again):
    head, cut = small_head(), scene.cut
    for tissue in head.tissues:
        volume_m3 = (cut.labels == tissue.label).sum() * cut.spacing_m**3
        assert volume_m3 == pytest.approx(head.volumes_m3[head.in_tissue(tissue.name)].sum(), rel=0.01)
    assert cut.colours[1][1] and not cut.colours[2][1]  # the field is shown in grey matter, not in the scalp
    np.testing.assert_array_equal(again.cut.labels, cut.labels)
    np.testing.assert_allclose(again.cut.values[0], cut.values[0], atol=1e-5, equal_nan=True)
    assert again.cut.colours == cut.colours and again.cut.spacing_m == cut.spacing_m


def test_the_field_on_the_cut_is_the_recovered_field_there(scene):
    cut, field = scene.cut, small_run().field
    somewhere = np.argwhere(np.isfinite(cut.values[0]))[::997]
    points = cut.origin_m + 2 * cut.spacing_m * somewhere
    points = points[np.linalg.norm(points, axis=1) < 0.062]  # well inside the 70 mm of grey matter
    there = np.rint((points - cut.origin_m) / (2 * cut.spacing_m)).astype(int)
    expected = np.linalg.norm(field.at(points), axis=1)
    assert len(points) > 20
    np.testing.assert_allclose(cut.values[0][tuple(there.T)], expected, rtol=0.15)


def test_values_on_the_cut_reach_a_little_beyond_the_brain_and_no_farther(scene):
    cut = scene.cut
    places = cut.origin_m + 2 * cut.spacing_m * np.argwhere(np.isfinite(cut.values[0]))
    assert 0.070 < np.linalg.norm(places, axis=1).max() < 0.070 + 3 * 2 * cut.spacing_m
