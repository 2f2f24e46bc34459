"""What the README reports: volumes, distances of the 10-20 sites from the scalp, layer thickness along the normal."""

from __future__ import annotations

import numpy as np
from colin27_morphology import Mask
from numpy.typing import NDArray
from scipy import ndimage

SITES_10_20 = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8"),
    *("P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
)
THICKNESS_SITES = ("F3", "C3", "Cz", "Pz", "O1", "Fp2")
LAYERS = {"scalp": (5,), "compact bone": (7,), "spongy bone": (8,), "air": (20,), "CSF": (3,)}
STEP_MM = 0.1
REACH_MM = 45.0


def site_positions_mm() -> dict[str, NDArray[np.float64]]:
    """MNE's colin27_1005: positions on this very head, in its MRI (here MNI) coordinates, mm."""
    import mne

    positions = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    return {name: 1000 * np.asarray(position) for name, position in positions.items()}


def signed_distance_mm(mask: Mask) -> NDArray[np.float32]:
    """Distance to the mask's surface between voxel centres: negative inside, smoothed by 0.8 mm like the mesh."""
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    distance = distance - 0.5 * np.sign(distance)
    return ndimage.gaussian_filter(np.clip(distance, -30, 30), 0.8).astype(np.float32)


def sample(volume: NDArray, affine: NDArray, points_mm: NDArray, order: int = 1) -> NDArray:
    """Values at points in mm, (k, 3)."""
    voxels = np.linalg.solve(affine[:3, :3], (points_mm - affine[:3, 3]).T)
    return ndimage.map_coordinates(volume, voxels, order=order, mode="nearest")


def site_distances_mm(labels: NDArray, affine: NDArray) -> dict[str, float]:
    """Signed distance of each 10-20 site from the scalp surface: positive outside."""
    sites = site_positions_mm()
    distance = signed_distance_mm(labels > 0)
    found = sample(distance, affine, np.array([sites[name] for name in SITES_10_20]))
    return {name: float(value) for name, value in zip(SITES_10_20, found, strict=True)}


def inward_normal(distance: NDArray, affine: NDArray, point_mm: NDArray) -> NDArray:
    """Unit vector into the head at a point: downhill of the signed distance, averaged over 4 mm (a pad's scale)."""
    gradient = [ndimage.gaussian_filter(distance, 4.0, order=np.eye(3, dtype=int)[axis]) for axis in range(3)]
    normal = -np.array([sample(part, affine, point_mm[None])[0] for part in gradient])
    return normal / np.linalg.norm(normal)


def thickness_mm(labels: NDArray, affine: NDArray, name: str) -> dict[str, float]:
    """Thickness of the layers along the inward normal from one site, up to the first grey or white matter."""
    distance = signed_distance_mm(labels > 0)
    start = site_positions_mm()[name]
    normal = inward_normal(distance, affine, start)
    steps = np.arange(-10.0, REACH_MM, STEP_MM)
    met = sample(labels, affine, start + steps[:, None] * normal, order=0)
    brain = np.isin(met, (1, 2))
    met = met[: brain.argmax()] if brain.any() else met
    return {tissue: STEP_MM * int(np.isin(met, own).sum()) for tissue, own in LAYERS.items()}
