"""Diffusion tensors from a NIfTI file, in the axes of the head.

Six numbers say nothing about their own order, and a tensor says nothing about its axes. Both are taken from what the
caller states, or from the file's intent where it has one, and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.fem.tensor import is_positive_definite, matrices, six_of
from stimplan.resources import require_ordinary
from stimplan.units import to_si

Array = NDArray[np.float64]

# Order of the file's six numbers -> where xx, yy, zz, xy, xz, yz are in it, and the axes they refer to.
# fsl: xx, xy, xz, yy, yz, zz along the voxel axes, x turned round where the voxel grid is right-handed (FSL's
#      convention for gradients and tensors, fsl.fmrib.ox.ac.uk, "What conventions do the bvecs use?").
# mrtrix: xx, yy, zz, xy, xz, yz along the axes of the scanner, which are the head's.
# nifti: xx, xy, yy, xz, yz, zz, the lower triangle, NIFTI_INTENT_SYMMATRIX of nifti1.h; along the voxel axes.
# nifti-world: the same along the axes of the head.
ORDERS: Mapping[str, tuple[tuple[int, ...], str]] = {
    "fsl": ((0, 3, 5, 1, 2, 4), "fsl"),
    "mrtrix": ((0, 1, 2, 3, 4, 5), "world"),
    "nifti": ((0, 2, 5, 1, 3, 4), "voxel"),
    "nifti-world": ((0, 2, 5, 1, 3, 4), "world"),
}
_SYMMATRIX = 1005
# Cosine between voxel axes beyond which a volume is sheared and has no one rotation.
_MOST_SHEAR = 0.05
# Between two statements of the header about the same axes, per voxel.
_MOST_DIFFERENCE = 0.02
# Voxels of images of a head: a thick clinical slice is the largest, a microscope the smallest.
_VOXEL_MM = (0.1, 20.0)


@attrs.frozen(eq=False)
class TensorVolume:
    """Diffusion tensors on a voxel grid.

    Attributes
    ----------
    tensors : (i, j, k, 6) float32 array
        xx, yy, zz, xy, xz, yz along the axes that `rotation` turns into the head's; any unit.
    head_from_voxel : (4, 4) array
        m.
    rotation : (3, 3) array
        Head axes from the tensors' axes; may hold a reflection, which a tensor does not feel.
    record : mapping
        File, order and axes as plain JSON data.
    """

    tensors: NDArray[np.float32]
    head_from_voxel: Array
    rotation: Array
    record: Mapping[str, Any]

    def at(self, points_m: Array) -> tuple[Array, dict[str, int]]:
        """Tensors at points of the head, interpolated between the sound voxels around each.

        Parameters
        ----------
        points_m : (p, 3) array

        Returns
        -------
        tensors : (p, 6) array
            Along the axes of the head; NaN where no voxel around the point is sound.
        counts : dict
            Of the voxels that were looked at: all, empty (nothing but zeros), not positive definite or not finite.
        """
        corners, weights = self._corners(points_m)
        shape = self.tensors.shape[:3]
        inside = np.all((corners >= 0) & (corners < shape), axis=2)
        clipped = np.clip(corners, 0, np.array(shape) - 1)
        numbers, back = np.unique(np.ravel_multi_index(tuple(np.moveaxis(clipped, 2, 0)), shape), return_inverse=True)
        known = self.tensors.reshape(-1, 6)[numbers].astype(np.float64)
        is_empty = ~np.any(known != 0, axis=1)
        is_sound = is_positive_definite(known)
        known[~is_sound] = 0.0
        back = back.reshape(weights.shape)
        weights = weights * (inside & is_sound[back])
        total = weights.sum(axis=1)
        mean = np.full((len(points_m), 6), np.nan)
        some = total > 0
        mean[some] = np.einsum("pc,pcd->pd", weights[some], known[back[some]]) / total[some, None]
        mean[some] = six_of(self.rotation @ matrices(mean[some]) @ self.rotation.T)
        unsound = int((~is_sound & ~is_empty).sum())
        return mean, {"voxels": len(known), "empty_voxels": int(is_empty.sum()), "unsound_voxels": unsound}

    def _corners(self, points_m: Array) -> tuple[NDArray[np.int64], Array]:
        """The eight voxels (p, 8, 3) around each point and their trilinear weights (p, 8)."""
        voxel_from_head = np.linalg.inv(self.head_from_voxel)
        # A centre that rounding put a hair beside the grid point has that grid point alone.
        voxels = np.round(points_m @ voxel_from_head[:3, :3].T + voxel_from_head[:3, 3], 6)
        low = np.floor(voxels)
        part = voxels - low
        steps = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        weights = np.prod(np.where(steps[None] == 1, part[:, None], 1 - part[:, None]), axis=2)
        return low[:, None].astype(np.int64) + steps[None], weights


def read_tensor_volume(path: str | Path, *, order: str | None = None) -> TensorVolume:
    """Read diffusion tensors.

    Parameters
    ----------
    path : str or Path
        NIfTI file of six volumes in the head's space: (i, j, k, 6), or (i, j, k, 1, 6).
    order : {"fsl", "mrtrix", "nifti", "nifti-world"}, optional
        Order and axes of the six numbers; may be left out only where the file's intent is "symmetric matrix", which
        is "nifti".

    Raises
    ------
    HeadError
        Not a readable NIfTI file, not six volumes, an order that is not known or contradicts the intent, a sheared
        grid, or a header whose two statements of the axes differ.
    """
    import nibabel

    file = str(path)
    try:
        image = nibabel.load(require_ordinary(Path(path)))
        data = np.asarray(image.dataobj, dtype=np.float32)
    except Exception as error:  # nibabel passes on whatever its readers, gzip and the disk raise
        raise HeadError(Problem("", f"cannot be read as a NIfTI file: {_words(error)}", file=file)) from None
    if data.ndim == 5 and data.shape[3] == 1:
        data = data[:, :, :, 0]
    if data.ndim != 4 or data.shape[3] != 6:
        shape = " x ".join(map(str, data.shape))
        raise HeadError(Problem("", f"a tensor has six volumes, this file is {shape}", file=file))
    chosen = _order(image.header, order, file)
    positions, axes = ORDERS[chosen]
    head_from_voxel = world_from_voxel(image.header, file)
    record = {"file": Path(path).name, "order": chosen, "axes": axes, "shape": list(data.shape[:3])}
    return TensorVolume(data[..., list(positions)], head_from_voxel, _rotation(head_from_voxel, axes, file), record)


def _words(error: Exception) -> str:
    """What an error says, without its number and the file's name."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def _order(header: Any, order: str | None, file: str) -> str:
    """The order that was stated, or that the intent states."""
    if order is not None and order not in ORDERS:
        raise HeadError(Problem("order", f"{order!r} is not known; there is {', '.join(ORDERS)}", file=file))
    is_symmatrix = int(header["intent_code"]) == _SYMMATRIX if "intent_code" in header else False
    if order is None and not is_symmatrix:
        what = f"the file does not say in which order its six numbers are; state one of {', '.join(ORDERS)}"
        raise HeadError(Problem("order", what + " (dtifit writes fsl)", file=file))
    if order is not None and is_symmatrix and not order.startswith("nifti"):
        what = f"the file's intent is a symmetric matrix, whose order is nifti, but {order!r} was stated"
        raise HeadError(Problem("order", what, file=file))
    return order or "nifti"


def world_from_voxel(header: Any, file: str) -> Array:
    """Voxels to the world of a NIfTI or MGH header, (4, 4), m.

    Raises
    ------
    HeadError
        qform and sform both claim to hold and differ, or the voxels have a size that no image of a head has.
    """
    if "qform_code" in header and int(header["qform_code"]) > 0 and int(header["sform_code"]) > 0:
        sides = np.linalg.norm(header.get_sform()[:3, :3], axis=0)
        apart = float(np.abs(header.get_qform() - header.get_sform())[:3, :3].max() / sides.min())
        if not apart <= _MOST_DIFFERENCE:
            what = "qform and sform place the axes differently, so the directions in it are not known; set one"
            raise HeadError(Problem("header", what, file=file))
    unit = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    scale = {"meter": 1.0, "micron": to_si(1e-3, "mm")}.get(unit, to_si(1.0, "mm"))
    matrix = np.array(header.get_best_affine(), dtype=np.float64)
    matrix[:3] *= scale
    sides_mm = np.linalg.norm(matrix[:3, :3], axis=0) / to_si(1.0, "mm")
    low, high = _VOXEL_MM
    if not np.all((sides_mm >= low) & (sides_mm <= high)):
        shown = " x ".join(f"{side:.3g}" for side in sides_mm)
        what = f"voxels of {shown} mm; expected {low:g} to {high:g} mm: is the unit ({unit}) wrong?"
        raise HeadError(Problem("header", what, file=file))
    return matrix


def _rotation(head_from_voxel: Array, axes: str, file: str) -> Array:
    """Head axes from the tensors' axes, (3, 3)."""
    if axes == "world":
        return np.eye(3)
    directions = head_from_voxel[:3, :3] / np.linalg.norm(head_from_voxel[:3, :3], axis=0)
    shear = float(np.abs(directions.T @ directions - np.eye(3)).max())
    if not shear <= _MOST_SHEAR:
        what = f"the voxel axes are not at right angles (cosine {shear:.2f}); resample the tensors to a straight grid"
        raise HeadError(Problem("header", what, file=file))
    left, _, right = np.linalg.svd(directions)
    rotation = left @ right
    if axes == "fsl" and np.linalg.det(rotation) > 0:
        rotation = rotation * np.array([-1.0, 1.0, 1.0])
    return rotation
