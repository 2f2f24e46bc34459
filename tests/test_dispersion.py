"""Tissues by frequency: the table against its published values, and what is said about a frequency."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from stimplan.errors import HeadError
from stimplan.head import HeadModel, Tissue
from stimplan.head.conductivity import CONDUCTIVITIES_S_PER_M
from stimplan.head.dispersion import EPSILON_0_F_PER_M, LOW_HZ, dispersions, head_at_frequency, judge_frequencies

ONE_TET = (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]) / 100, np.array([[0, 1, 2, 3]]))


def head_of(*names, tensors=None):
    nodes, tets = ONE_TET
    tissues = tuple(Tissue(k, name, CONDUCTIVITIES_S_PER_M.get(name, (0.3, ""))[0], "a set") for k, name in
                    enumerate(names, start=1))  # fmt: skip
    tets = np.repeat(tets, len(names), axis=0)
    return HeadModel(name="x", nodes_m=nodes, tets=tets, tissue=np.arange(1, len(names) + 1), tissues=tissues,
                     tensors_S_per_m=tensors)  # fmt: skip


@pytest.mark.parametrize(
    ("tissue", "frequency_Hz", "conductivity", "permittivity"),
    # From memory of the calculator of IFAC-CNR (niremf.ifac.cnr.it/tissprop), which uses this table; muscle and fat
    # at 100 kHz also stand in public programs for bioimpedance.
    [
        ("gray_matter", 10, 0.027512, 4.0699e7),
        ("gray_matter", 1e3, 0.098805, 1.6406e5),
        ("white_matter", 1e3, 0.062574, 6.9811e4),
        ("csf", 1e3, 2.0, 109.0),
        ("muscle", 1e5, 0.36185, 8089.2),
        ("fat", 1e5, 0.024414, 92.885),
        ("bone", 1e3, 0.020157, 2702.4),
    ],
)
def test_the_table_gives_its_published_values(tissue, frequency_Hz, conductivity, permittivity):
    one = dispersions()[tissue]
    assert one.conductivity_at(frequency_Hz) == pytest.approx(conductivity, rel=2e-4)
    assert one.permittivity(frequency_Hz).real == pytest.approx(permittivity, rel=2e-4)


@pytest.mark.parametrize("tissue", dispersions())
def test_conductivity_grows_and_permittivity_falls_with_frequency(tissue):
    one, frequencies = dispersions()[tissue], np.logspace(0, 9, 60)
    assert np.all(np.diff([one.conductivity_at(f) for f in frequencies]) >= -1e-12)
    assert np.all(np.diff([one.permittivity(f).real for f in frequencies]) <= 1e-9)
    assert one.conductivity_at(1e-4) == pytest.approx(one.conductivity_S_per_m, rel=1e-2)
    assert one.source.access in ("read", "secondary", "recalled") and one.source.doi


def test_every_tissue_a_head_may_have_is_in_the_table():
    assert set(CONDUCTIVITIES_S_PER_M) <= set(dispersions())


def test_the_displacement_current_is_beside_the_heads_own_conductivity():
    (found,) = judge_frequencies(head_of("gray_matter", "csf"), [2000.0])
    gray, csf = found.tissues
    omega_eps = 2 * math.pi * 2000 * EPSILON_0_F_PER_M * gray.relative_permittivity
    assert gray.displacement == pytest.approx(omega_eps / 0.275)
    assert gray.displacement_in_table == pytest.approx(omega_eps / gray.table_conductivity_S_per_m)
    assert 0.03 < gray.displacement < 0.05 and csf.displacement < 1e-4


def test_each_frequency_is_judged_in_words():
    head = head_of("white_matter", "gray_matter", "csf", "bone", "scalp")
    low, mid, high, radio = judge_frequencies(head, [10.0, 2000.0, 100e3, 2e6])
    assert "meant for frequencies up to" in low.sentences[1] and "not to be trusted" in " ".join(low.sentences)
    assert "still hold" in mid.sentences[1] and "4 %" in mid.sentences[1]
    assert "not to be trusted" not in " ".join(mid.sentences)
    assert "no longer hold" in high.sentences[1]
    assert "beyond" in radio.sentences[2]
    assert "no data at all" in judge_frequencies(head, [0.75])[0].sentences[-1]
    for one in (low, mid):
        assert all("doi:10." in sentence for sentence in one.sentences[2:])


def test_a_head_of_unknown_tissues_is_not_judged():
    (found,) = judge_frequencies(head_of("layer_1"), [10.0])
    assert found.tissues == () and "nothing is known" in found.sentences[0]


@pytest.mark.parametrize("frequency", [0.0, -1.0, math.nan, math.inf])
def test_no_frequency_is_no_frequency(frequency):
    with pytest.raises(HeadError, match="positive and finite"):
        judge_frequencies(head_of("csf"), [frequency])
    with pytest.raises(HeadError, match="the table's data"):
        head_at_frequency(head_of("csf"), frequency)


def test_conductivities_grow_by_the_table_and_say_so():
    head = head_of("gray_matter", "csf", "scalp")
    grown = head_at_frequency(head, 2000.0)
    gray, csf, scalp = grown.tissues
    growth = dispersions()["gray_matter"].conductivity_at(2000) / dispersions()["gray_matter"].conductivity_at(LOW_HZ)
    assert gray.conductivity_S_per_m == pytest.approx(0.275 * growth) and 1.03 < growth < 1.05
    assert csf.conductivity_S_per_m == pytest.approx(1.654, rel=1e-6)
    assert scalp.conductivity_S_per_m == 0.465 and "horny layer" in scalp.source
    assert "from 1000 to 2000 Hz" in gray.source and "10.1088/0031-9155/41/11/003" in gray.source
    assert grown.provenance["conductivities_at_Hz"] == 2000.0
    assert "let grow by the table from 1000 Hz to 2000 Hz" in judge_frequencies(grown, [2010.0])[0].sentences[1]


def test_below_one_kilohertz_nothing_grows_unless_asked_for():
    head = head_of("gray_matter")
    assert head_at_frequency(head, 10.0).tissues[0].conductivity_S_per_m == 0.275
    asked = head_at_frequency(head, 100.0, low_Hz=10.0).tissues[0].conductivity_S_per_m
    assert asked == pytest.approx(0.275 * 0.08902 / 0.02751, rel=1e-3)


def test_a_growth_that_gives_an_impossible_tissue_is_refused():
    salty = attrs.evolve(head_of("gray_matter"), tissues=(Tissue(1, "gray_matter", 1.5, ""),))
    with pytest.raises(HeadError, match="cannot be gray_matter"):
        head_at_frequency(salty, 2000.0, low_Hz=10.0)


def test_tensors_grow_with_their_tissue():
    tensors = np.array([[0.2, 0.1, 0.1, 0.01, 0, 0]])
    grown = head_at_frequency(head_of("white_matter", tensors=tensors), 50e3)
    ratio = grown.tissues[0].conductivity_S_per_m / 0.126
    np.testing.assert_allclose(grown.tensors_S_per_m, tensors * ratio)
    assert ratio > 1.2
