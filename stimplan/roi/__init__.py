"""Regions of a head, and the numbers that describe a field in them."""

from __future__ import annotations

from stimplan.roi.atlas import SHIPPED, Atlas, AtlasRoi, atlas_record, atlas_roi, load_atlas
from stimplan.roi.metrics import (
    Contrast,
    Focality,
    RoiMetrics,
    contrast,
    focality,
    measure,
    measure_map,
    volume_above_m3,
    weighted_percentiles,
)
from stimplan.roi.patch import CorticalPatch
from stimplan.roi.regions import (
    MaskRoi,
    PatchRoi,
    Roi,
    SphereRoi,
    TissueRoi,
    cortical_patch,
    default_tissue,
    describe,
    elements_in,
    mask_roi,
    patch_roi,
    sphere_roi,
    tissue_of,
    tissue_roi,
)

__all__ = [
    "SHIPPED",
    "Atlas",
    "AtlasRoi",
    "Contrast",
    "CorticalPatch",
    "Focality",
    "MaskRoi",
    "PatchRoi",
    "Roi",
    "RoiMetrics",
    "SphereRoi",
    "TissueRoi",
    "atlas_record",
    "atlas_roi",
    "contrast",
    "cortical_patch",
    "default_tissue",
    "describe",
    "elements_in",
    "focality",
    "load_atlas",
    "mask_roi",
    "measure",
    "measure_map",
    "patch_roi",
    "sphere_roi",
    "tissue_of",
    "tissue_roi",
    "volume_above_m3",
    "weighted_percentiles",
]
