"""What the image does not show: the cheeks' and the nose's missing edge, and a neck below the last slice (synthetic).

The image ends at z = -71 mm, at the level of the hard palate and the first vertebra. A field computed on a head cut
there has its lower sites (mastoid, cheek) at an insulating plane. The neck made here only gives the current the room
that soft tissue gives it; its inner anatomy is a sketch (see the constants).
"""

from __future__ import annotations

import attrs
import numpy as np
from colin27_morphology import Mask
from colin27_steps import Volume
from numpy.typing import NDArray
from scipy import ndimage

NECK_MM = 60
TAPER = 0.2  # mm inwards per mm downwards, all round: the cut at z = -131 mm is 12 mm smaller on every side
NOSE_MM, NOSE_RADIUS_MM = 20, 45.0  # over 20 mm everything too narrow for a disc of 45 mm (the nose) fades
AIR_MM = 14  # sinuses and nose end in a dome of that depth: the floor of the maxillary sinus
RAMUS_MM, RAMUS_BEHIND_MM, MASTOID_MM, SIDE_MM = 25, -35.0, 5, 40.0  # bone of the last slice goes on: jaw, mastoid
SKIN_MM = 3.0
WALL_MM = 4.0  # bone nearer to the air spaces is their wall and ends with them
# Cervical vertebrae, drawn, not measured: one every 18 mm with a disc of 5 mm (soft tissue), a body 22 by 17 mm wide,
# and an arch of 4 mm, which is closed all the way down.
VERTEBRA_MM, DISC_MM, ARCH_MM = 18, 5, 4.0
BODY_HALF_WIDTH_MM, BODY_HALF_DEPTH_MM, BODY_SHELL_MM = 11.0, 8.5, 2.0
CAP_MM, CAP_LENGTH_MM = 4.0, 10.0


@attrs.frozen(eq=False)
class Section:
    """Masks (i, j) of one axial cut."""

    head: Mask
    canal: Mask
    cord: Mask
    air: Mask
    bone: Mask


def rounded_caps(head: Mask, pad: tuple[tuple[int, int], ...]) -> Mask:
    """The head beyond the image's sides: a flat cap, highest (4 mm) in the middle of what the edge cuts.

    The edge cuts cheeks, ears (x = -90 and 90 mm) and the tip of the nose (y = 91 mm). At a distance d beyond it a
    voxel is kept if its column lies deeper than d = 4 (1 - exp(-D / 10)) mm, D its distance from the cut's outline.
    """
    head = head.copy()
    for axis, (before, after) in enumerate(pad[:2]):
        length = head.shape[axis]
        for edge, direction, room in ((before, -1, before), (length - after - 1, 1, after)):
            cut = np.take(head, edge, axis)
            height = CAP_MM * (1 - np.exp(-ndimage.distance_transform_edt(cut) / CAP_LENGTH_MM))
            for step in range(1, room + 1):
                plane = [slice(None)] * 3
                plane[axis] = edge + direction * step
                head[tuple(plane)] &= cut & (height >= step)
    return head


def signed_mm(mask: Mask) -> NDArray[np.float64]:
    """Distance to the outline of a cut, negative inside."""
    return ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)


def opened(mask: Mask, radius_mm: float) -> Mask:
    """What a disc of that radius fits into."""
    core = ndimage.distance_transform_edt(mask) > radius_mm
    return ndimage.distance_transform_edt(~core) <= radius_mm


def neck_outline(head: Mask) -> Mask:
    """(i, j, NECK_MM) skin outline, top slice first: the nose fades, the rest tapers."""
    whole, blunt = signed_mm(head), signed_mm(opened(head, NOSE_RADIUS_MM))
    depth = np.arange(1, NECK_MM + 1)
    fade = np.minimum(depth / NOSE_MM, 1)
    distance = whole[..., None] * (1 - fade) + blunt[..., None] * fade + TAPER * depth
    return ndimage.gaussian_filter(distance, (1, 1, 0)) < 0


def vertebrae(canal: Mask) -> tuple[Mask, Mask]:
    """Bone around the canal and the spongy bone in it, (i, j, NECK_MM)."""
    i, j = (center[..., None] for center in np.indices(canal.shape))
    depth = np.arange(1, NECK_MM + 1)
    middle = np.argwhere(canal).mean(axis=0)
    front = np.argwhere(canal)[:, 1].max() + BODY_HALF_DEPTH_MM
    # How far a body's point lies from its axis, 1 at the surface; the shell is taken off both half axes.
    across, along = np.abs(i - middle[0]), np.abs(j - front)
    outer = (across / BODY_HALF_WIDTH_MM) ** 2 + (along / BODY_HALF_DEPTH_MM) ** 2 < 1
    inner_half = (BODY_HALF_WIDTH_MM - BODY_SHELL_MM, BODY_HALF_DEPTH_MM - BODY_SHELL_MM)
    inner = (across / inner_half[0]) ** 2 + (along / inner_half[1]) ** 2 < 1
    height = (depth - 1) % VERTEBRA_MM
    body, core = height < VERTEBRA_MM - DISC_MM, (height >= 2) & (height < VERTEBRA_MM - DISC_MM - 2)
    arch = (ndimage.distance_transform_edt(~canal) <= ARCH_MM)[..., None]
    spongy = inner & core & (ndimage.distance_transform_edt(~canal) > BODY_SHELL_MM)[..., None]
    return arch | (outer & body), spongy


def closing_dome(air: Mask) -> Mask:
    """(i, j, NECK_MM) the air spaces of the last slice, ending in a dome."""
    depth = np.arange(1, NECK_MM + 1)
    rim = AIR_MM * (1 - np.sqrt(np.clip(1 - (depth / AIR_MM) ** 2, 0, None)))
    return (ndimage.distance_transform_edt(air)[..., None] > rim) & (depth < AIR_MM)


def neck(section: Section, xy_mm: tuple[Volume, Volume], tissues: dict[str, int]) -> NDArray[np.uint8]:
    """Labels of the neck, (i, j, NECK_MM), lowest slice first so that they go in front of the image's."""
    x_mm, y_mm = xy_mm
    depth = np.arange(1, NECK_MM + 1)
    head, canal = neck_outline(section.head), np.repeat(section.canal[..., None], NECK_MM, axis=2)
    bone, spongy = vertebrae(section.canal)
    jaw = section.bone & (ndimage.distance_transform_edt(~section.air) > WALL_MM) & (np.abs(x_mm[..., 0]) > SIDE_MM)
    jaw = jaw[..., None] & np.where(y_mm > RAMUS_BEHIND_MM, depth <= RAMUS_MM, depth <= MASTOID_MM)
    air = closing_dome(section.air)
    floor = ndimage.distance_transform_edt(~air) <= 2.0
    under_skin = ndimage.distance_transform_edt(head) > SKIN_MM
    labels = np.where(head, np.uint8(tissues["scalp"]), np.uint8(0))
    for mask, name in (
        (jaw | floor | bone, "compact_bone"),
        (spongy, "spongy_bone"),
        (air, "air"),
        (canal, "csf"),
        (np.repeat(section.cord[..., None], NECK_MM, axis=2), "white_matter"),
    ):
        labels[mask & under_skin] = tissues[name]
    return labels[:, :, ::-1]
