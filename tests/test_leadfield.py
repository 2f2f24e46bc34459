"""Lead fields: against direct solves, against reciprocity, and on the disk under kills and damage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache

import attrs
import h5py
import numpy as np
import pytest
from spheres import SPONGE, montage

from stimplan.errors import InputError, MontageError
from stimplan.fem.assemble import load_vector
from stimplan.fem.solve import solve_system
from stimplan.field import solve, system_of
from stimplan.head import sphere_head
from stimplan.head.cortex import cortex_of
from stimplan.leadfield import LeadField, compute_lead_field, open_lead_field
from stimplan.montage import Circle, Electrode
from stimplan.placement import place

SITES = ("C3", "Fp2", "Cz", "Oz", "F3", "P4")


@cache
def head():
    return sphere_head(radii_mm=(68.0, 80.0, 92.0), conductivities_S_per_m=(0.33, 0.02, 0.465), edge_mm=9)


@cache
def lead() -> LeadField:
    return compute_lead_field(head(), SITES, tolerance=1e-10)


def direct(currents_A):
    electrodes = [
        Electrode(site=name, shape=Circle(0.012), layers=SPONGE, current_A=current)
        for name, current in currents_A.items()
    ]
    return solve(head(), place(montage(*electrodes), head(), electrode_model="uniform"), tolerance=1e-10)


def far(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


PADS = {"C3": 2, "Fp2": -2}
RING = {"Cz": 2, "C3": -0.5, "F3": -0.5, "P4": -0.5, "Oz": -0.5}


@pytest.mark.parametrize("currents_mA", [PADS, RING])
def test_a_montage_from_the_lead_field_is_the_direct_solve(currents_mA):
    currents = {name: 1e-3 * current for name, current in currents_mA.items()}
    ours, theirs = lead().field(currents), direct(currents)
    assert far(ours.potential_V, theirs.potential_V) <= 1e-6
    assert far(ours.E_V_per_m, theirs.E_V_per_m) <= 1e-6
    assert [p.electrode.label for p in ours.placement.electrodes] == [n for n in SITES if n in currents]
    order = [list(currents).index(p.electrode.label) for p in ours.placement.electrodes]
    gel = attrs.evolve(theirs.placement.electrodes[0].electrode, layers=ours.placement.electrodes[0].electrode.layers)
    assert gel.layers  # the discs differ in their layers, which drop a known voltage and change no field in the head
    drop = [p.contact_ohm_m2 * p.electrode.current_A / p.area_m2.sum() for p in ours.placement.electrodes]
    sponge = [theirs.placement.electrodes[i] for i in order]
    other = [p.contact_ohm_m2 * p.electrode.current_A / p.area_m2.sum() for p in sponge]
    np.testing.assert_allclose(
        ours.electrode_potential_V - drop, theirs.electrode_potential_V[order] - other, rtol=1e-6
    )


def test_all_columns_together_are_nothing():
    total = lead().rows.potential.sum(axis=0)
    assert np.abs(total).max() <= 1e-12 * np.abs(lead().rows.potential).max()


def test_reciprocity_a_dipole_in_the_brain_raises_the_voltages_that_the_lead_field_says():
    system = system_of(head())
    brain = np.flatnonzero(head().in_tissue("layer_1"))
    moment = np.array([3e-9, -1e-9, 2e-9])  # A m
    for tet in brain[:: len(brain) // 3][:3]:
        density = np.zeros((len(head().tets), 3))
        density[tet] = moment / head().volumes_m3[tet]
        sources = load_vector(density, head().nodes_m, head().tets)
        potential = solve_system(system, sources, tolerance=1e-10).potential_V
        measured = [
            (p.weights_m2 * potential[head().scalp[p.triangles]]).sum() / p.area_m2.sum()
            for p in lead().placement.electrodes
        ]
        for other in ("Fp2", "Oz"):
            field = lead().field({"C3": 1.0, other: -1.0}).E_V_per_m[tet]
            voltage = measured[0] - measured[SITES.index(other)]
            assert voltage == pytest.approx(-field @ moment, rel=1e-6)


def test_the_field_on_the_cortex_is_the_one_recovered_in_the_brain():
    field = lead().field({"C3": 1e-3, "Oz": -1e-3})
    cortex = cortex_of(lead().head)
    there = field.recovered_V_per_m(cortex.tissue)[cortex.nodes]
    assert far(lead().on_cortex({"C3": 1e-3, "Oz": -1e-3}), there) <= 1e-6  # single precision
    np.testing.assert_allclose(np.linalg.norm(cortex.points_m, axis=1), 0.068, rtol=5e-3)
    np.testing.assert_allclose(np.einsum("pd,pd->p", cortex.normals, cortex.points_m) / 0.068, 1, atol=0.05)
    assert cortex.area_m2.sum() == pytest.approx(4 * np.pi * 0.068**2, rel=0.02)


def test_what_cannot_be_meant_is_refused_all_at_once():
    with pytest.raises(InputError) as error:
        lead().field({"C3": 1e-3, "CZ9": -1e-3, "Oz": float("nan")})
    assert "CZ9" in str(error.value)
    assert "Oz" in str(error.value)
    with pytest.raises(InputError, match="sum to zero"):
        lead().on_cortex({"C3": 1e-3})
    with pytest.raises(InputError, match="all currents are zero"):
        lead().on_cortex({})
    with pytest.raises(MontageError, match="10-30"):
        compute_lead_field(head(), "10-30")
    with pytest.raises(InputError, match="at least two"):
        compute_lead_field(head(), ["C3"])


def test_a_file_gives_back_what_was_computed(tmp_path):
    path = tmp_path / "lead.h5"
    made = compute_lead_field(head(), SITES, path=path)
    read = open_lead_field(path, head())
    assert read.names == SITES
    montage_A = {"C3": 1e-3, "Oz": -1e-3}
    assert read.field(montage_A).digest == made.field(montage_A).digest
    assert far(read.field(montage_A).E_V_per_m, lead().field(montage_A).E_V_per_m) <= 1e-5
    assert [p.name for p in tmp_path.iterdir()] == ["lead.h5"]
    with h5py.File(path) as file:
        assert file["potential_V_per_A"].attrs["units"] == "V/A"
        assert [name.decode() for name in file["electrodes"]] == list(SITES)
        assert json.loads(file.attrs["record"])["head_digest"] == head().digest
    before = path.stat().st_mtime_ns
    compute_lead_field(head(), SITES, path=path)
    assert path.stat().st_mtime_ns == before  # it was there


def test_another_head_layout_or_file_is_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "lead.h5"
    compute_lead_field(head(), SITES, path=path)
    with pytest.raises(InputError, match="another mesh or other conductivities"):
        open_lead_field(path, head().with_conductivities({"layer_3": 0.02}))
    with pytest.raises(InputError, match="electrodes differ"):
        compute_lead_field(head(), SITES[:4], path=path)
    with pytest.raises(InputError, match="no such file"):
        open_lead_field(tmp_path / "none.h5", head())
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputError, match="no lead field"):
        open_lead_field(tmp_path / "text.h5", head())
    assert json.loads(h5py.File(path).attrs["record"])["cortex_digest"]
    monkeypatch.setattr("stimplan.leadfield.cortex_of", lambda _: attrs.evolve(cortex_of(head()), nodes=np.arange(3)))
    with pytest.raises(InputError, match="other points on the cortex"):
        open_lead_field(path, head())
    monkeypatch.undo()
    with h5py.File(path, "r+") as file:
        file["cortex_E_V_per_m_per_A"][-1, 0, 0] += 1
    with pytest.raises(InputError, match="damaged"):
        open_lead_field(path, head())


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_leadfield import head
from stimplan.leadfield import compute_lead_field
from stimplan import leadfield
leadfield._BLOCK = 1
print("go", flush=True)
compute_lead_field(head(), {sites!r}, path={path!r}, progress=lambda s, f: print(s, f, flush=True))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "lead.h5"
    code = KILLED.format(tests=os.path.dirname(__file__), sites=SITES, path=str(path))  # noqa: PTH120
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while True:
        line = process.stdout.readline()
        assert line, "it ended before it could be killed"
        if list(tmp_path.glob("*.parts-*/columns-*.npz"))[1:]:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    process.wait()
    process.stdout.close()
    assert not path.exists()
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.parts-*/columns-*.npz")}
    assert kept
    damaged = sorted(kept)[0]
    damaged.write_bytes(damaged.read_bytes()[:-40])  # this one has to be made again
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("go")
    assert [p.name for p in tmp_path.iterdir()] == ["lead.h5"]
    montage_A = {"C3": 1e-3, "Oz": -1e-3}
    assert far(open_lead_field(path, head()).field(montage_A).E_V_per_m, lead().field(montage_A).E_V_per_m) <= 1e-5
