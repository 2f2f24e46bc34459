"""The walls of ventricles are no cortex, whether or not the ventricle hangs together with the fluid outside."""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pytest
from spheres import sphere

from stimplan.head.cortex import cortex_of
from stimplan.head.model import Tissue
from stimplan.head.ventricles import faces_ventricle

NAMES = ("white_matter", "gray_matter", "csf", "bone", "scalp")
CAVITY_M = 0.022


@cache
def head(*, has_cavity=True, is_open=True, wall="white_matter"):
    """A sphere with a ribbon of grey matter, and in it a cavity of fluid; half its wall is a deep nucleus."""
    base = sphere()
    x, y, z = base.centers_m.T
    radius = np.linalg.norm(base.centers_m, axis=1)
    label = np.select([base.tissue == number for number in (2, 3, 4)], [3, 4, 5], default=1)
    label[(base.tissue == 1) & (radius > 0.068)] = 2
    if has_cavity:
        nucleus = (radius < CAVITY_M + 0.014) & (x > 0)
        label[nucleus] = 2
        label[radius < CAVITY_M + 0.008] = np.where(nucleus, 2, 1 + (wall == "gray_matter"))[radius < CAVITY_M + 0.008]
        label[radius < CAVITY_M] = 3
        if is_open:
            label[(np.hypot(x, y) < 0.004) & (z > 0) & (base.tissue == 1)] = 3
    tissues = tuple(Tissue(number, name, 0.3, "a test") for number, name in enumerate(NAMES, start=1))
    return attrs.evolve(base, tissue=label.astype(np.uint8), tissues=tissues)


@pytest.mark.parametrize("is_open", [True, False])
def test_deep_grey_matter_on_a_ventricle_is_no_cortex(is_open):
    radius = np.linalg.norm(cortex_of(head(is_open=is_open)).points_m, axis=1)
    assert (radius > 0.04).all() if not is_open else (radius > 0.04).mean() > 0.99
    whole = cortex_of(head(has_cavity=False))
    assert cortex_of(head(is_open=is_open)).area_m2.sum() == pytest.approx(whole.area_m2.sum(), rel=0.02)


def test_without_the_rule_its_wall_would_be_cortex():
    of = head(is_open=False)
    surface = of.surface("white_matter", "gray_matter")
    gray = np.isin(surface, of.tets[of.in_tissue("gray_matter")]).all(axis=1)
    assert (np.linalg.norm(of.nodes_m[surface[gray]].mean(axis=1), axis=1) < 0.04).sum() > 50


def test_a_wide_pocket_with_grey_matter_around_it_is_a_sulcus():
    radius = np.linalg.norm(cortex_of(head(is_open=False, wall="gray_matter")).points_m, axis=1)
    assert (radius < 0.04).sum() > 50


def test_where_there_is_no_ventricle_nothing_faces_one():
    of = head(has_cavity=False)
    assert not faces_ventricle(of, of.nodes_m[:5], np.eye(3)[[0, 1, 2, 0, 1]]).any()
    assert not faces_ventricle(sphere(), of.nodes_m[:5], np.eye(3)[[0, 1, 2, 0, 1]]).any()
