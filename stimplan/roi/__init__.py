"""Regions of a head, and the numbers that describe a field in them."""

from __future__ import annotations

from stimplan.percentiles import weighted_percentiles
from stimplan.roi.atlas import SHIPPED, Atlas, AtlasRoi, atlas_record, atlas_roi, load_atlas
from stimplan.roi.cortical import CorticalField, CorticalMetrics, field_on_cortex, measure_cortex
from stimplan.roi.dose import CAUTION, equalising_factor, scaled
from stimplan.roi.electrodes import (
    CONTACT_OHM,
    RIM_CAUTION,
    SUPPLY_FORMULA,
    ElectrodeLoad,
    Supply,
    electrode_loads,
    supply,
)
from stimplan.roi.forms import read_roi, read_rois
from stimplan.roi.metrics import (
    Contrast,
    Focality,
    MapOn,
    RoiMetrics,
    contrast,
    focality,
    measure,
    measure_map,
    volume_above_m3,
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
from stimplan.roi.skull import SKULL_CAUTION, SkullLoad, skull_loads
from stimplan.roi.summary import RegionMeasures, check_regions, measure_region

__all__ = [
    "CAUTION",
    "CONTACT_OHM",
    "RIM_CAUTION",
    "SHIPPED",
    "SKULL_CAUTION",
    "SUPPLY_FORMULA",
    "Atlas",
    "AtlasRoi",
    "Contrast",
    "CorticalField",
    "CorticalMetrics",
    "CorticalPatch",
    "ElectrodeLoad",
    "Focality",
    "MapOn",
    "MaskRoi",
    "PatchRoi",
    "RegionMeasures",
    "Roi",
    "RoiMetrics",
    "SkullLoad",
    "SphereRoi",
    "Supply",
    "TissueRoi",
    "atlas_record",
    "atlas_roi",
    "check_regions",
    "contrast",
    "cortical_patch",
    "default_tissue",
    "describe",
    "electrode_loads",
    "elements_in",
    "equalising_factor",
    "field_on_cortex",
    "focality",
    "load_atlas",
    "mask_roi",
    "measure",
    "measure_cortex",
    "measure_map",
    "measure_region",
    "patch_roi",
    "read_roi",
    "read_rois",
    "scaled",
    "skull_loads",
    "sphere_roi",
    "supply",
    "tissue_of",
    "tissue_roi",
    "volume_above_m3",
    "weighted_percentiles",
]
