"""The best place and angle of a coil for a target, by the auxiliary dipole method."""

from __future__ import annotations

from stimplan.coil_search.around import Uncertainty
from stimplan.coil_search.auxiliary import Auxiliary, auxiliary_currents, exact_components
from stimplan.coil_search.candidates import Candidates, candidates
from stimplan.coil_search.ranking import Goal
from stimplan.coil_search.search import (
    CoilSearch,
    RankedPose,
    SearchOptions,
    Spread,
    search_poses,
    values_at,
)
from stimplan.coil_search.space import SearchSpace
from stimplan.coil_search.summing import components_at
from stimplan.coil_search.target import Target, make_target, observed_V_per_m

__all__ = [
    "Auxiliary",
    "Candidates",
    "CoilSearch",
    "Goal",
    "RankedPose",
    "SearchOptions",
    "SearchSpace",
    "Spread",
    "Target",
    "Uncertainty",
    "auxiliary_currents",
    "candidates",
    "components_at",
    "exact_components",
    "make_target",
    "observed_V_per_m",
    "search_poses",
    "values_at",
]
