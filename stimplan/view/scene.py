"""What every 3-D scene shares: surfaces of a head, cameras, light, orientation letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

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
    """

    image: NDArray[np.uint8]
    pixel_from_m: NDArray[np.float64]
    towards_camera: NDArray[np.float64]

    def pixel(self, point_m: Any) -> NDArray[np.float64]:
        """Column and row of a position, m."""
        return self.pixel_from_m @ np.append(np.asarray(point_m, float), 1.0)


def brain_names(head: HeadModel) -> tuple[str, ...]:
    """The tissues whose outer surface is the cortex: grey and white matter, or the innermost layer of a sphere."""
    if head.has_tissue("gray_matter"):
        return tuple(name for name in ("white_matter", "gray_matter") if head.has_tissue(name))
    return (head.tissues[0].name,)


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


def shoot(plotter: pyvista.Plotter, towards_camera: Sequence[float], *, center_m: Any, radius_m: float) -> Shot:
    """Point the camera, render once and note where positions are in the picture.

    Parameters
    ----------
    towards_camera : 3 floats
        Direction from the scene to the camera; up in the picture is up in the head, front when seen from the top.
    center_m : (3,) array
        What is in the middle of the picture.
    radius_m : float
        Half the height of the picture.
    """
    direction = np.asarray(towards_camera, float) / np.linalg.norm(towards_camera)
    up = np.array([0.0, 0.0, 1.0]) - direction[2] * direction
    up /= np.linalg.norm(up)
    center = np.asarray(center_m, float)
    camera = plotter.camera
    camera.position, camera.focal_point, camera.up = center + 10 * radius_m * direction, center, up
    camera.parallel_scale = radius_m
    camera.clipping_range = (5 * radius_m, 15 * radius_m)
    plotter.render()  # screenshot alone returns the picture of the camera before
    image = np.array(plotter.screenshot(return_img=True))
    height, width = image.shape[:2]
    scale = height / (2 * radius_m)
    linear = scale * np.array([np.cross(up, direction), -up])
    middle = np.array([width / 2, height / 2]) - linear @ center
    return Shot(image, np.column_stack([linear, middle]), direction)


def framing(head: HeadModel) -> tuple[NDArray[np.float64], float]:
    """Centre of the head and half the height of a picture that holds it with its labels, m."""
    points = head.nodes_m[np.unique(head.scalp)]
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, 0.66 * float(np.max(high - low))


def show_shot(axes: Axes, shot: Shot, *, center_m: Any, reach_m: float, title: str) -> None:
    """Put a rendered view into axes, with the letters R L A P beside the head where the view shows that direction."""
    from stimplan.view.paper import FAINT, INK, bare

    axes.imshow(shot.image, interpolation="antialiased")
    bare(axes)
    axes.set_title(title, fontsize=8, color=INK, pad=3)
    middle = shot.pixel(center_m)
    for letter, direction in _LETTERS.items():
        tip = shot.pixel(np.asarray(center_m) + np.array(direction)) - middle
        scale = np.linalg.norm(shot.pixel_from_m[0, :3])
        # Left and right are said in oblique views too; front and back only where they lie in the picture.
        if np.linalg.norm(tip) > (0.6 if letter in "LR" else 0.9) * scale:
            column, row = middle + reach_m * scale * tip / np.linalg.norm(tip)
            axes.text(column, row, letter, fontsize=9, color=FAINT, ha="center", va="center", weight="bold")
