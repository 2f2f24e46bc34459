"""The preview: its table, its sums, its picture and its command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stimplan.cli import run as cli
from stimplan.errors import InputError
from stimplan.head import load_head
from stimplan.preview import preview, preview_table
from stimplan.sites import layout_sites
from stimplan.view.preview import colour_range_V_per_m, plot_preview, scene_preview


def test_the_table_is_small_and_whole():
    table = preview_table()
    assert table.names == layout_sites("10-10")
    assert table.E_V_per_m_per_A.shape == (74, len(table.points_m), 3)
    assert 8_000 <= len(table.points_m) <= 12_000
    assert np.isfinite(table.E_V_per_m_per_A.astype(float)).all()
    assert table.triangles.max() == len(table.points_m) - 1
    outward = np.einsum("pd,pd->p", table.normals, table.points_m - table.points_m.mean(axis=0))
    assert np.mean(outward > 0) > 0.65  # folds face every way
    assert 0 < table.record["relative_error"] < 0.01


@pytest.mark.slow
def test_the_table_belongs_to_the_head_of_today():
    # python tools/make_preview.py makes it again
    assert preview_table().record["head_digest"] == load_head("colin27").digest


def test_the_preview_is_linear_and_its_columns_sum_to_nothing():
    one, two = preview({"F3": 1e-3, "F4": -1e-3}), preview({"F3": 2e-3, "F4": -2e-3})
    np.testing.assert_allclose(two.E_V_per_m, 2 * one.E_V_per_m, rtol=1e-9)
    total = preview_table().E_V_per_m_per_A.astype(float).sum(axis=0)
    assert np.abs(total).max() < 2e-2 * np.abs(preview_table().E_V_per_m_per_A.astype(float)).max()
    cross = preview({"F3": 1e-3, "Oz": -1e-3}).E_V_per_m + preview({"Oz": 1e-3, "F4": -1e-3}).E_V_per_m
    assert np.linalg.norm(cross - one.E_V_per_m) < 2e-3 * np.linalg.norm(one.E_V_per_m)


def test_the_field_enters_under_the_anode_and_the_peak_is_under_the_electrodes():
    seen = preview({"C3": 2e-3, "C4": -2e-3})
    table = seen.table
    near = [np.linalg.norm(table.points_m - table.sites_m[table.names.index(s)], axis=1) < 0.03 for s in ("C3", "C4")]
    assert seen.inward_V_per_m[near[0]].mean() > 0 > seen.inward_V_per_m[near[1]].mean()
    record = seen.record()
    assert record["median_V_per_m"] < record["p95_V_per_m"] < record["p99_V_per_m"] <= record["peak_V_per_m"]
    assert 0.05 < record["p99_V_per_m"] < 1.0


def test_every_fault_of_a_montage_is_listed():
    with pytest.raises(InputError) as error:
        preview({"F33": 1e-3, "FFC1h": 1e-3, "Cz": float("nan")})
    assert all(word in str(error.value) for word in ("F33", "10-10 sites only", "finite"))
    with pytest.raises(InputError, match="sum to zero"):
        preview({"F3": 1e-3})
    with pytest.raises(InputError, match="all currents are zero"):
        preview({"F3": 0.0})
    with pytest.raises(InputError, match="comes twice"):
        preview({"F3": 1e-3, "f3": -1e-3})


def test_the_picture_shows_what_was_computed(tmp_path):
    seen = preview({"F3": 2e-3, "F4": -2e-3})
    plotter = scene_preview(seen)
    shown = plotter.meshes[0]["E_V_per_m"]
    assert {"cortex", "scalp", "electrode F3", "electrode F4"} <= set(plotter.actors)
    plotter.close()
    np.testing.assert_allclose(shown, seen.magnitude_V_per_m, rtol=1e-6)
    assert colour_range_V_per_m(seen)[1] == seen.percentile_V_per_m(99.9)
    figure = plot_preview(seen, views=("top",))
    assert "F3 +2 mA, F4 −2 mA" in figure.texts[0].get_text()


def test_the_command_prints_draws_and_refuses(tmp_path, capsys):
    assert cli(["preview", "F3:+2", "F4:-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["currents_A"] == {"F3": 0.002, "F4": -0.002}
    assert cli(["preview", "select-tdcs", "--out", str(tmp_path / "p.png")]) == 0
    assert (tmp_path / "p.png").stat().st_size > 50_000
    assert "PREVIEW" in capsys.readouterr().out.upper()
    for words in (["F3:+2", "F4:two"], ["F3:1", "F3:-1"], ["antal-2008-tacs"], ["F3:2", "F4:-2", "--out", "p.svg"]):
        assert cli(["preview", *words]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_lead_field_command_makes_a_file_and_measures_a_montage(tmp_path, capsys):
    file = tmp_path / "lead.h5"
    words = [
        "leadfield",
        str(file),
        "--edge-mm",
        "teaching",
        "--sites",
        "C3,Fp2,Oz",
        "--montage",
        "C3:2",
        "Fp2:-2",
        "--json",
    ]
    assert cli(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["electrodes"] == ["C3", "Fp2", "Oz"]
    assert 0.05 < record["montage"]["p99_V_per_m"] < 1.5
    shown = preview({"C3": 2e-3, "Fp2": -2e-3}).record()
    assert record["montage"]["median_V_per_m"] == pytest.approx(shown["median_V_per_m"], rel=0.3)
    # A file that is there says itself which head, mesh and sites it is of.
    assert cli(["leadfield", str(file), "--montage", "C3:2", "Oz:-2", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["electrodes"] == record["electrodes"] and again["montage"]["currents_A"]["Oz"] == -0.002
    assert cli(["leadfield", str(file), "--montage", "C3:2", "Cz:-2"]) == 2
    assert cli(["leadfield", str(file), "--edge-mm", "teaching", "--sites", "C3,Fp2"]) == 2
    assert cli(["leadfield", str(tmp_path / "x.txt")]) == 2
    assert cli(["leadfield", str(file), "--diameter-mm", "400"]) == 2
    new = tmp_path / "new.h5"
    for montage in (["C3:1"], ["C3:1", "Q9:-1"]):  # refused before minutes are spent
        assert cli(["leadfield", str(new), "--montage", *montage]) == 2 and not new.exists()
