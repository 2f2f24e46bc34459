"""A coarse head with MNI space, a protocol and a whole run that the output tests share; each is made once."""

from __future__ import annotations

import copy
import json
from functools import cache

import attrs
import numpy as np

from stimplan.head import HeadModel, Tissue, sphere_head
from stimplan.pipeline import RunResult, run
from stimplan.protocol import dump_protocol, read_protocol

_TISSUES = (
    Tissue(1, "gray_matter", 0.275, "made up for a test"),
    Tissue(2, "scalp", 0.465, "made up for a test"),
)


@cache
def small_head() -> HeadModel:
    """Two layers, 70 and 85 mm, whose MNI space lies 5 mm further back than its own coordinates."""
    ball = sphere_head(radii_mm=(70.0, 85.0), conductivities_S_per_m=(0.275, 0.465), edge_mm=8.0)
    mni_from_head = np.eye(4)
    mni_from_head[1, 3] = -0.005
    return attrs.evolve(ball, name="small", tissues=_TISSUES, mni_from_head=mni_from_head)


def plan(**changes):
    """The shipped SELECT protocol as a mapping, with other values at `a__b` paths."""
    tree = json.loads(dump_protocol(read_protocol("select-tdcs")))
    tree["target"] = {"label": "a place", "mni_mm": [-38, 39, 26], "radius_mm": 10}
    tree["certainty"] = {}
    tree = copy.deepcopy(tree)
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = tree
        for parent in parents:
            node = node[parent]
        node[last] = value
    return tree


def stopped_plan():
    """Five times the published current: beyond the tested range."""
    tree = plan(id="too-much")
    for electrode in tree["stimulation"]["electrodes"]:
        electrode["current_mA"] *= 5
    return tree


@cache
def small_run() -> RunResult:
    return run(plan(), small_head())
