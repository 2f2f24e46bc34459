"""Electrodes as a person describes them: site, shape, layers, current. Nothing here knows a head."""

from __future__ import annotations

import math
from typing import Literal

import attrs

from stimplan.site_forms import SiteForm

Point = tuple[float, float, float]

# How a number is known: read in the source itself, read in another text that quotes it, recalled and to be
# verified, or assumed because no source gives it.
Status = Literal["read", "secondary", "recalled", "assumed"]


@attrs.frozen
class Source:
    """Where something is from, and how sure we are of it."""

    citation: str
    doi: str | None
    status: Status
    note: str | None = None


@attrs.frozen
class Material:
    """A material between metal and skin."""

    name: str
    title: str
    conductivity_S_per_m: float
    source: Source


@attrs.frozen
class Circle:
    """Round electrode."""

    diameter_m: float

    @property
    def area_m2(self) -> float:
        """Contact area, m²."""
        return math.pi * self.diameter_m**2 / 4

    @property
    def inradius_m(self) -> float:
        """Radius of the largest disc inside the outline, m."""
        return self.diameter_m / 2

    @property
    def outradius_m(self) -> float:
        """Radius of the smallest disc around the outline, m."""
        return self.diameter_m / 2


@attrs.frozen
class Rectangle:
    """Rectangular pad.

    At rotation 0 the height runs from the site towards the vertex along the scalp (towards the front for a site
    within 20 mm of the vertex); a positive rotation turns it counter-clockwise as seen from outside the head.
    """

    width_m: float
    height_m: float
    rotation_rad: float = 0.0

    @property
    def area_m2(self) -> float:
        """Contact area, m²."""
        return self.width_m * self.height_m

    @property
    def inradius_m(self) -> float:
        """Radius of the largest disc inside the outline, m."""
        return min(self.width_m, self.height_m) / 2

    @property
    def outradius_m(self) -> float:
        """Radius of the smallest disc around the outline, m."""
        return math.hypot(self.width_m, self.height_m) / 2


@attrs.frozen
class Ring:
    """Annular electrode: an open centre inside a round outline."""

    inner_diameter_m: float
    outer_diameter_m: float

    @property
    def area_m2(self) -> float:
        """Contact area, m²."""
        return math.pi * (self.outer_diameter_m**2 - self.inner_diameter_m**2) / 4

    @property
    def inradius_m(self) -> float:
        """Radius of the disc the outline keeps others out of, m (a ring's hole is not free for another electrode)."""
        return self.outer_diameter_m / 2

    @property
    def outradius_m(self) -> float:
        """Radius of the smallest disc around the outline, m."""
        return self.outer_diameter_m / 2


Shape = Circle | Rectangle | Ring


@attrs.frozen
class Layer:
    """One layer between metal and skin, listed from the skin outwards."""

    material: str
    thickness_m: float


@attrs.frozen
class Electrode:
    """One electrode of a montage.

    Attributes
    ----------
    site : str, tuple of 3 floats, BeamF3, Tape or AnteriorOf
        Name of a 10-05 site, a position in the head's own coordinates, m, or a place found with a tape measure.
    shape : Circle, Rectangle or Ring
    layers : tuple of Layer
        From the skin outwards; materials are those of `montages/materials.json`.
    current_A : float
        Current into the head, A: positive for an anode, negative for a cathode or return. Where the waveform is not
        direct, its size by the protocol's amplitude convention.
    product : str or None
        Id in `montages/electrodes.json`, where it is a known product.
    label : str
        Name in messages, figures and tables.
    phase_rad : float or None
        Phase of an alternating current (tACS), rad.
    offset_A : float or None
        Direct current under an oscillation (otDCS) or a noise (tRNS), A.
    channel : int or None
        Current source the electrode belongs to (temporal interference), from 1.
    """

    site: str | Point | SiteForm
    shape: Shape
    layers: tuple[Layer, ...]
    current_A: float
    product: str | None = None
    label: str = attrs.field()
    phase_rad: float | None = attrs.field(default=None, kw_only=True)
    offset_A: float | None = attrs.field(default=None, kw_only=True)
    channel: int | None = attrs.field(default=None, kw_only=True)

    @label.default
    def _label_from_site(self) -> str:
        if isinstance(self.site, tuple):
            return "({:.1f}, {:.1f}, {:.1f}) mm".format(*(1e3 * x for x in self.site))
        return str(self.site)

    @property
    def current_density_A_per_m2(self) -> float:
        """Mean current density over the contact area, |I| / A, A/m²."""
        return abs(self.current_A) / self.shape.area_m2


@attrs.frozen
class ElectrodeProduct:
    """A known electrode: its exact outline and layers, and how sure we are of each number.

    Attributes
    ----------
    certainty : tuple of (place, status)
        Place within the product (`shape.diameter_mm`) and how it is known.
    """

    id: str
    title: str
    shape: Shape
    layers: tuple[Layer, ...]
    source: Source
    certainty: tuple[tuple[str, Status], ...]
