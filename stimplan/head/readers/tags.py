"""What the numbers in a SimNIBS head mesh mean, and the names people give to the same tissues.

Tetrahedra carry the number of their tissue, which is the number it has in every head here, and surface triangles 1000
plus that number; electrodes are added to a mesh by a simulation and are no tissue. After SimNIBS 4,
`simnibs/utils/mesh_element_properties.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from stimplan.head.tissues import AIR, TISSUE_LABELS

TISSUE_NAMES: Mapping[int, str] = {number: name for name, number in TISSUE_LABELS.items() if name != AIR}

SURFACE_OFFSET = 1000

# Other names of the same tissues, as they are met in the meshes of other programs.
_ALIASES: Mapping[str, str] = {
    "wm": "white_matter",
    "white": "white_matter",
    "gm": "gray_matter",
    "gray": "gray_matter",
    "grey": "gray_matter",
    "grey_matter": "gray_matter",
    "cerebrospinal_fluid": "csf",
    "skull": "bone",
    "skin": "scalp",
    "eye": "eyes",
    "eye_balls": "eyes",
    "eyeballs": "eyes",
    "cortical_bone": "compact_bone",
    "cancellous_bone": "spongy_bone",
    "veins": "blood",
}

# Ranges of tetrahedron tags that a simulation adds to a head: first, last, what it is.
_PARTS = ((100, 499, "electrode rubber"), (500, 899, "gel or saline under an electrode"), (999, 999, "electrode cream"))


def electrode_part(tag: int) -> str | None:
    """What part of an electrode tetrahedra with this tag are, or None where they are none."""
    return next((what for first, last, what in _PARTS if first <= tag <= last), None)


def conventional_name(tag: int) -> str:
    """Name of the tetrahedra with this tag in a SimNIBS mesh; `tag 13` where the convention has none."""
    return TISSUE_NAMES.get(tag) or electrode_part(tag) or f"tag {tag}"


def tissue_called(name: str) -> str | None:
    """The tissue that a name stands for, spelling and common other names aside; None where it is no tissue's."""
    plain = _plain(name)
    plain = _ALIASES.get(plain, plain)
    return plain if plain in TISSUE_LABELS else None


def nearest_tissue(name: str) -> str:
    """Text that helps with a name that is no tissue: the nearest that is one, or all of them."""
    near = get_close_matches(_plain(name), [*TISSUE_LABELS, *_ALIASES], n=1)
    if near:
        return f"did you mean {_ALIASES.get(near[0], near[0])!r}?"
    return f"tissues are {', '.join(TISSUE_LABELS)}"


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
