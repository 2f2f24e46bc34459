"""The report's pictures made small, so that the page can be mailed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial

# Base 64 adds a third, and the words of the page take their share of the megabyte.
BUDGET_BYTES = 600_000
_STEPS: Sequence[tuple[int, int]] = ((1200, 82), (1000, 78), (850, 74), (700, 70), (550, 64), (420, 58), (320, 50))

# Lines and letters have few colours, and letters stay sharper as PNG; shaded surfaces have tens of thousands.
_FEW_COLOURS = 4000


def small_pictures(pictures: Mapping[str, bytes], *, budget_bytes: int = BUDGET_BYTES) -> dict[str, bytes]:
    """Pictures that together keep to a budget, as large as it allows.

    Parameters
    ----------
    pictures : mapping of str to bytes
        PNG files by name.
    budget_bytes : int
        For all of them; the smallest step is taken where nothing keeps to it.

    Returns
    -------
    dict
        JPEG or PNG, whichever is smaller: drawings of lines stay PNG. What no library can read stays as it is.
    """
    small: dict[str, bytes] = {}
    for width, quality in _STEPS:
        shrink = partial(_smaller, width=width, quality=quality)
        small = {name: shrink(data) for name, data in pictures.items()}
        if sum(map(len, small.values())) <= budget_bytes:
            break
    return small


def _smaller(data: bytes, *, width: int, quality: int) -> bytes:
    from PIL import Image, UnidentifiedImageError

    try:
        picture: Image.Image = Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return data
    is_drawing = picture.getcolors(_FEW_COLOURS) is not None
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    jpeg, png = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", quality=quality, optimize=True, progressive=True)
    if is_drawing:
        picture.quantize(64, dither=Image.Dither.NONE).save(png, "PNG", optimize=True)
    return min((one for one in (jpeg.getvalue(), png.getvalue(), data) if one), key=len)
