"""Pictures that move: a turn around the head, and a cycle of an alternating current; as GIF, or MP4 with an extra."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, MissingExtra
from stimplan.exposure import Exposure, exposure_of
from stimplan.roi import Roi
from stimplan.view.montage import best_views
from stimplan.view.overview import scene_overview
from stimplan.view.paper import INK, new_figure
from stimplan.view.scene import VIEWS, brain_surface, half_height_m, shoot, show_shot
from stimplan.view.style import TEXT_PT, add_colour_bar, add_footer, cmap_of, draw_scale_bar, signed_cmap
from stimplan.view.surface import colour_range_V_per_m, map_label, scene_cortex
from stimplan.view.waveform_field import NORMAL_LABEL, normal_cycle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stimplan.field import Field

Image = NDArray[np.uint8]

_DPI = 110
_WHITE = 64  # in steps of four
_TURN_S, _TURN_IMAGES = 4.0, 36
_CYCLE_IMAGES = 24
# A cycle of tens of milliseconds is shown slowed down, and the picture says so.
_CYCLE_S = 2.4


@attrs.frozen(eq=False)
class Animation:
    """Images of one size that are shown one after another, again and again.

    Attributes
    ----------
    images : tuple of (height, width, 3) uint8 arrays
    length_s : float
        Of one round.
    """

    images: tuple[Image, ...]
    length_s: float


def animate_turn(
    shown: Field | Exposure,
    *,
    roi: Roi | None = None,
    name: str | None = None,
    images: int = _TURN_IMAGES,
    note: str = "",
) -> Animation:
    """Once around the glass head with the field on its cortex.

    Parameters
    ----------
    shown : Field or Exposure
    roi : region, optional
        Outlined.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    images : int
        In the turn: 36 are one every ten degrees.
    note : str
        What a reader must know, such as the rate of a coil's current: stands below.
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    one = exposure.main if name is None else exposure.map_named(name)
    points = head.nodes_m[np.unique(head.scalp)]
    half_height = half_height_m(points, list(turn_directions(images)), 1.15)
    plotter = scene_overview(exposure, roi=roi, name=name, size=(430, 430))

    def draw(way: Sequence[float]) -> Figure:
        figure = new_figure(4.0, 4.4)
        axes = figure.add_axes((0, 0.15, 1, 0.82))
        shot = shoot(plotter, way, points_m=points, half_height=half_height)
        show_shot(axes, shot, title="", letters_at=0.08)
        draw_scale_bar(axes, shot, at=(0.4, 0.02), length_m=0.05)
        add_colour_bar(figure, figure.add_axes((0.2, 0.12, 0.6, 0.022)), limits=colour_range_V_per_m(exposure, name),
                       label=map_label(head, one.title), cmap=cmap_of(one.id))  # fmt: skip
        if note:
            add_footer(figure, textwrap.wrap(note, 66))
        return figure

    try:
        return Animation(tuple(_image(draw(way)) for way in turn_directions(images)), _TURN_S)
    finally:
        plotter.close()


def turn_directions(images: int) -> Iterator[tuple[float, float, float]]:
    """From the front over the person's left and the back, a little from above.

    Raises
    ------
    InputError
        Fewer than four images.
    """
    if images < 4:
        raise InputError(f"a turn needs at least 4 images, got {images}")
    for step in range(images):
        angle = 2 * np.pi * step / images
        yield (-float(np.sin(angle)), float(np.cos(angle)), 0.3)


def animate_cycle(exposure: Exposure, *, views: Sequence[str] | None = None, images: int = _CYCLE_IMAGES) -> Animation:
    """One cycle of an alternating current, slowed down: the field through the cortex from two sides, and a clock.

    Parameters
    ----------
    exposure : Exposure
        Of an alternating current.
    views : sequence of str, optional
        Names from `VIEWS`; by default the two that show the electrodes best.
    images : int
        In the cycle.

    Raises
    ------
    InputError
        The field is no alternating one.
    """
    head, placement = exposure.field.head, exposure.field.placement
    along, reach = normal_cycle(exposure)
    chosen = tuple(views) if views else best_views(placement) if placement else ("left", "top")
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, chosen, 1.22)
    limits = (-reach, reach)

    def draw(phase: float) -> Figure:
        figure = new_figure(5.2, 3.5)
        values = (along * np.exp(1j * phase)).real
        plotter = scene_cortex(head, values, limits=limits, cmap=signed_cmap(), size=(360, 360))
        try:
            for column, view in enumerate(chosen):
                axes = figure.add_axes((column / len(chosen), 0.27, 1 / len(chosen), 0.66))
                shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
                show_shot(axes, shot, title=f"from the {view}", letters_at=0.08)
        finally:
            plotter.close()
        add_colour_bar(
            figure, figure.add_axes((0.08, 0.16, 0.6, 0.025)), limits=limits, cmap=signed_cmap(), extend="both",
            label=NORMAL_LABEL,
        )  # fmt: skip
        _draw_clock(figure, phase)
        return figure

    phases = 2 * np.pi * np.arange(images) / images
    return Animation(tuple(_image(draw(float(phase))) for phase in phases), _CYCLE_S)


def _draw_clock(figure: Figure, phase: float) -> None:
    """Where in the cycle the picture is: a period of the largest current, and a dot on it."""
    axes = figure.add_axes((0.76, 0.09, 0.21, 0.12))
    angles = np.linspace(0, 2 * np.pi, 121)
    axes.plot(np.degrees(angles), np.cos(angles), color=INK, lw=0.8)
    axes.plot([np.degrees(phase)], [np.cos(phase)], "o", ms=5, color=INK, gid="moment")
    axes.set(xlim=(0, 360), ylim=(-1.25, 1.25), xticks=[0, 180, 360], yticks=[])
    axes.tick_params(labelsize=6.5, length=2, colors=INK)
    axes.set_xlabel("degrees of the cycle", fontsize=6.5, color=INK, labelpad=1)
    axes.set_title("current, slowed down", fontsize=TEXT_PT - 1, color=INK, pad=2)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _image(figure: Figure) -> Image:
    """The figure as an image, even in width and height, as films must be."""
    figure.set_dpi(_DPI)
    canvas: Any = figure.canvas
    canvas.draw()
    image = np.array(canvas.buffer_rgba())[..., :3]
    return np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])


def write_animation(animation: Animation, path: Path | str) -> None:
    """Write a GIF by Pillow, or an MP4 by the optional package imageio-ffmpeg, by the file's ending.

    Raises
    ------
    InputError
        Another ending.
    MissingExtra
        An MP4 without that package.
    OSError
        The file could not be written.
    """
    writers = {".gif": _write_gif, ".mp4": _write_mp4}
    ending = Path(path).suffix.lower()
    if ending not in writers:
        raise InputError(f"an animation ends in {' or '.join(writers)}, got {str(path)!r}")
    writers[ending](animation, Path(path))


def _write_gif(animation: Animation, path: Path) -> None:
    """One palette for all images, so that a colour of the scale is the same in each and nothing flickers."""
    palette = palette_of(animation.images[:: max(len(animation.images) // 6, 1)])
    indexed = [in_palette(image, palette) for image in animation.images]
    duration_ms = round(1e3 * animation.length_s / len(indexed))
    indexed[0].save(path, format="GIF", save_all=True, append_images=indexed[1:], duration=duration_ms, loop=0,
                    optimize=False)  # fmt: skip


def palette_of(images: Sequence[Image]) -> Any:
    """Palette of 256 colours for images, as a Pillow image; white is white.

    A colour counts by a root of how often it comes: those of a scale are few points of a picture that is mostly white
    and grey, and would be merged otherwise.
    """
    from PIL import Image as Pillow

    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(np.uint16)
    colours, count = np.unique((pixels + 2) // 4, axis=0, return_counts=True)  # steps of four are not seen
    is_white = (colours == _WHITE).all(axis=1)
    often = np.maximum(np.round(count**0.4), 1).astype(int) * ~is_white
    sheet = np.minimum(4 * np.repeat(colours, often, axis=0), 255).astype(np.uint8)
    if not len(sheet):
        sheet = np.zeros((1, 3), np.uint8)
    found = Pillow.fromarray(sheet[None]).quantize(255, method=Pillow.Quantize.MEDIANCUT).getpalette() or []
    palette = Pillow.new("P", (1, 1))
    palette.putpalette([255, 255, 255, *found[: 3 * 255]])
    return palette


def in_palette(image: Image, palette: Any) -> Any:
    """An image in the colours of a palette, as a Pillow image; what is white stays white."""
    from PIL import Image as Pillow

    indexed = Pillow.fromarray(image).quantize(palette=palette, dither=Pillow.Dither.NONE)
    numbers = np.array(indexed)
    numbers[(image == 255).all(axis=-1)] = 0  # Pillow looks up the nearest colour only roughly
    made = Pillow.fromarray(numbers)
    made.putpalette(palette.getpalette())
    return made


def _write_mp4(animation: Animation, path: Path) -> None:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise MissingExtra(
            "MP4 films need the package imageio-ffmpeg, which brings the program ffmpeg (LGPL and GPL parts): "
            "pip install stimplan[video]; GIF needs nothing more"
        ) from None
    height, width = animation.images[0].shape[:2]
    per_s = len(animation.images) / animation.length_s
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=per_s, codec="libx264", pix_fmt_in="rgb24", pix_fmt_out="yuv420p", quality=7,
        macro_block_size=2, ffmpeg_log_level="error",
    )  # fmt: skip
    writer.send(None)
    try:
        # Twice round, so that a player without a loop shows more than a blink.
        for image in animation.images * 2:
            writer.send(image)
    finally:
        writer.close()


__all__ = ["Animation", "animate_cycle", "animate_turn", "turn_directions", "write_animation"]
