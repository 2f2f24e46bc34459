"""What every 3-D scene shares: surfaces of a head, cameras, light, orientation letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.cortex import brain_names
from stimplan.head.model import HeadModel

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes

# Views by name: direction from the head's centre to the camera (x right, y front, z up).
VIEWS: dict[str, tuple[float, float, float]] = {
    "left": (-1, 0, 0.12),
    "right": (1, 0, 0.12),
    "front": (0, 1, 0.12),
    "back": (0, -1, 0.12),
    "top": (0, -0.001, 1),
    "front left": (-0.72, 0.72, 0.35),
    "front right": (0.72, 0.72, 0.35),
    "back left": (-0.72, -0.72, 0.35),
    "back right": (0.72, -0.72, 0.35),
}

# A cord that hangs down to the cut of the neck would make the brain small in every picture.
_CORD_M = 0.008

_LETTERS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0)}


@attrs.frozen(eq=False)
class Shot:
    """A rendered view and how to find points of the scene in it.

    Attributes
    ----------
    image : (height, width, 3) uint8 array
    pixel_from_m : (2, 4) array
        Affine from a position, m, to the column and row of the image (parallel projection).
    towards_camera : (3,) array
        Unit vector from the scene to the camera.
    half_size_px : (2,) array
        Half the width and half the height of what was framed, around the middle of the image.
    """

    image: NDArray[np.uint8]
    pixel_from_m: NDArray[np.float64]
    towards_camera: NDArray[np.float64]
    half_size_px: NDArray[np.float64]

    def pixel(self, point_m: Any) -> NDArray[np.float64]:
        """Column and row of a position, m."""
        return self.pixel_from_m @ np.append(np.asarray(point_m, float), 1.0)

    def pixels(self, points_m: Any) -> NDArray[np.float64]:
        """(k, 2) columns and rows of (k, 3) positions, m."""
        return np.asarray(points_m, float) @ self.pixel_from_m[:, :3].T + self.pixel_from_m[:, 3]


def brain_surface(head: HeadModel) -> NDArray[np.int32]:
    """(k, 3) triangles of the brain's outer surface; the spinal cord ends a little below the brain's grey matter."""
    triangles = head.surface(*brain_names(head))
    if not head.has_tissue("gray_matter"):
        return triangles
    lowest_m = head.nodes_m[head.tets[head.in_tissue("gray_matter")], 2].min() - _CORD_M
    return triangles[(head.nodes_m[triangles, 2] > lowest_m).any(axis=1)]


def surface_mesh(head: HeadModel, triangles: NDArray[np.int32]) -> tuple[pyvista.PolyData, NDArray[np.int64]]:
    """Triangles of a head as a mesh of their own, and the node number of each of its points."""
    import pyvista

    nodes, local = np.unique(triangles, return_inverse=True)
    return pyvista.PolyData.from_regular_faces(head.nodes_m[nodes], local.reshape(-1, 3)), nodes


def smooth_normals(mesh: pyvista.PolyData) -> pyvista.PolyData:
    """The mesh with point normals averaged over its triangles, their order kept."""
    return mesh.compute_normals(
        cell_normals=False, split_vertices=False, consistent_normals=False, auto_orient_normals=False
    )


def new_scene(size: tuple[int, int] = (900, 900)) -> pyvista.Plotter:
    """Empty off-screen scene: white, parallel projection, a key light that follows the camera and a soft fill."""
    import pyvista
    from vtkmodules.vtkCommonCore import vtkLogger

    # Without a display VTK warns about X before it falls back to software; only the fallback's failure matters.
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
    plotter = pyvista.Plotter(off_screen=True, window_size=list(size), lighting="none")
    plotter.background_color = "white"
    plotter.enable_parallel_projection()
    for position, strength in (((0.5, 0.9, 1.2), 0.75), ((-1.0, -0.2, 0.8), 0.3)):
        plotter.add_light(pyvista.Light(position=position, intensity=strength, light_type="camera light"))
    plotter.enable_anti_aliasing("ssaa")
    return plotter


def camera_axes(towards_camera: Sequence[float]) -> NDArray[np.float64]:
    """(3, 3) unit rows right, up, towards the camera; up in the picture is up in the head, front seen from the top."""
    direction = np.asarray(towards_camera, float) / np.linalg.norm(towards_camera)
    up = np.array([0.0, 0.0, 1.0]) - direction[2] * direction
    up /= np.linalg.norm(up)
    return np.array([np.cross(up, direction), up, direction])


def half_height_m(points_m: NDArray[np.float64], views: Sequence[str | Sequence[float]], margin: float) -> float:
    """Half the height of a square picture that holds the points in every one of the views, at one scale, m.

    A view is a name from `VIEWS` or a direction towards the camera.
    """
    ways = [VIEWS[view] if isinstance(view, str) else view for view in views]
    return margin * max(float(np.ptp(points_m @ camera_axes(way)[:2].T, axis=0).max()) for way in ways) / 2


def shoot(
    plotter: pyvista.Plotter, towards_camera: Sequence[float], *, points_m: NDArray[np.float64], half_height: float
) -> Shot:
    """Point the camera, render once and note where positions are in the picture.

    Parameters
    ----------
    towards_camera : 3 floats
        Direction from the scene to the camera.
    points_m : (k, 3) array
        What is to be in the middle of the picture.
    half_height : float
        Half the height of the picture, m.
    """
    axes = camera_axes(towards_camera)
    seen = points_m @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    center = axes.T @ ((low + high) / 2)
    camera = plotter.camera
    camera.position, camera.focal_point, camera.up = center + 10 * half_height * axes[2], center, axes[1]
    camera.parallel_scale = half_height
    camera.clipping_range = (5 * half_height, 15 * half_height)
    plotter.render()  # screenshot alone returns the picture of the camera before
    image = np.array(plotter.screenshot(return_img=True))
    height, width = image.shape[:2]
    scale = height / (2 * half_height)
    linear = scale * np.array([axes[0], -axes[1]])
    middle = np.array([width / 2, height / 2]) - linear @ center
    return Shot(image, np.column_stack([linear, middle]), axes[2], scale * (high - low)[:2] / 2)


def show_shot(axes: Axes, shot: Shot, *, title: str, letters_at: float = 0.5) -> None:
    """Put a rendered view into axes, with the letters R L A P at the sides where the view shows that direction.

    `letters_at` is the height of the letters left and right, as a fraction of the picture from its bottom.
    """
    from matplotlib.patheffects import withStroke

    from stimplan.view.paper import FAINT, INK, bare

    axes.imshow(shot.image, interpolation="antialiased")
    bare(axes)
    axes.set_title(title, fontsize=8, color=INK, pad=3)
    height, width = shot.image.shape[:2]
    linear = shot.pixel_from_m[:, :3]
    scale = np.linalg.norm(linear[0])
    for letter, direction in _LETTERS.items():
        across = linear @ np.array(direction) / scale
        # Left and right are said in oblique views too; front and back only where they lie in the picture.
        if np.abs(across).max() < (0.6 if letter in "LR" else 0.9):
            continue
        side = int(np.argmax(np.abs(across)))
        place = np.array([width / 2, height / 2])
        place[side] += np.sign(across[side]) * (shot.half_size_px[side] + 0.055 * height)
        if side == 0:
            place[1] = (1 - letters_at) * height
        words = axes.text(*place, letter, fontsize=9, color=FAINT, ha="center", va="center", weight="bold")
        # Read over whatever lies there, such as a pad on the forehead.
        words.set_path_effects([withStroke(linewidth=2.5, foreground="white", alpha=0.85)])
