"""What the middle of the page shows of a plan: plain data, made without a window."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.app.plan import Plan
from stimplan.app.swinging import is_swinging, swinging
from stimplan.coil_preview import NOTE
from stimplan.errors import InputError
from stimplan.percentiles import weighted_percentiles
from stimplan.preview import Preview, preview, preview_table
from stimplan.protocol import MagneticStimulation, Protocol
from stimplan.sites import known_sites, resolve_site
from stimplan.units import from_si, text

if TYPE_CHECKING:
    from stimplan.runs.drive import Drive
    from stimplan.runs.preview import CoilPreview

Quantity = Literal["magnitude", "inward"]

QUANTITIES: tuple[Quantity, ...] = ("magnitude", "inward")
SHADES = ("Strength", "Into the cortex")
_CAPTIONS = {
    "magnitude": "|E| on the cortex, V/m, to the 99.9th percentile of its area",
    "inward": "E into the cortex (+) and out of it (−), V/m",
}

# Above this percentile of the area lie the numbers of single points; they take the last colour.
_PERCENT = 99.9
_LEAST_V_PER_M = 1e-6
_RADIUS_MM = 6.0  # of the preview's discs
_BRAIN, _SKIN, _GLASS = "#c9c4bf", "#d8c3b0", 0.16


@attrs.frozen
class Disc:
    """An electrode as it is drawn.

    Attributes
    ----------
    label : str
    site : str
        Name of its site; "" where it has none, or where it cannot be taken away by a click.
    at_mm : 3 floats
        MNI, mm.
    current_mA : float
    radius_mm : float
        Of the ball that is drawn; 0 where a body of its own shows it.
    words : str
        On its sign; label and current where left out.
    """

    label: str
    site: str
    at_mm: tuple[float, float, float]
    current_mA: float
    radius_mm: float = _RADIUS_MM
    words: str = ""

    def record(self) -> dict[str, Any]:
        """As the page takes it."""
        sign = "anode" if self.current_mA > 0 else "cathode" if self.current_mA < 0 else "idle"
        current = f"{self.current_mA:+.4g}".replace("-", "−") if self.current_mA else "0"
        return {
            "label": self.label,
            "site": self.site,
            "at": list(self.at_mm),
            "sign": sign,
            "text": self.words or f"{self.label} {current} mA",
            "radius": self.radius_mm,
        }


@attrs.frozen(eq=False)
class Picture:
    """The field on the cortex and what it is of.

    Attributes
    ----------
    values : (p,) array or None
        By point of the cortex, V/m; None where there is no field to show, and `why` says why.
    low, high : float
        Ends of the colours, V/m; what is beyond them takes the last colour.
    caption : str
        Quantity and unit, for the colour bar.
    table : bytes
        256 colours, red, green, blue.
    shades : tuple of str
        What else can colour the cortex, by name; the picture is of one of them.
    line : str
        Its figures in one line.
    electrodes : tuple of Disc
    why : str
    bodies : tuple of dict
        Surfaces besides cortex and scalp: the coil and its handle.
    unit : str
        What colours of two pictures have in common if they may share a range: of coils, whether the drive is known.
    """

    values: NDArray[np.float32] | None
    low: float
    high: float
    caption: str
    table: bytes = attrs.field(repr=False)
    shades: tuple[str, ...]
    line: str
    electrodes: tuple[Disc, ...]
    why: str = ""
    bodies: tuple[dict[str, Any], ...] = attrs.field(default=(), repr=False)
    unit: str = "V/m"


def picture_of(plan: Plan, shade: int = 0) -> Picture:
    """The preview of a plan; one that has none still shows its electrodes, and says why there is no field.

    Parameters
    ----------
    plan : Plan
    shade : int
        0 is the size of the field, 1 its component into the cortex; of a coil the size only, block by block.
    """
    if plan.protocol.magnetic is not None:
        return _of_coil(plan.protocol.magnetic, plan.protocol, shade)
    quantity = QUANTITIES[min(shade, len(QUANTITIES) - 1)]
    discs, problems = _discs(plan.protocol)
    if is_swinging(plan.protocol):
        return _of_waveform(plan.protocol, shade, discs, problems)
    told: dict[str, Any] = {
        "caption": _CAPTIONS[quantity],
        "table": colour_table(quantity),
        "shades": SHADES,
        "electrodes": discs,
    }
    try:
        seen = preview(plan.currents_A)
    except InputError as error:
        why = "; ".join(str(one) for one in error.problems)
        return Picture(values=None, low=0.0, high=1.0, line="", why=why, **told)
    values, most = _values(seen, quantity)
    low = 0.0 if quantity == "magnitude" else -most
    return Picture(values=values, low=low, high=most, line=_line(seen), why="; ".join(problems), **told)


def _of_waveform(protocol: Protocol, shade: int, discs: tuple[Disc, ...], problems: list[str]) -> Picture:
    """The envelope of carriers, or the cycle of currents with phases of their own."""
    told: dict[str, Any] = {"table": colour_table("magnitude"), "electrodes": discs, "low": 0.0}
    try:
        seen = swinging(protocol)
    except InputError as error:
        why = "; ".join(str(one) for one in error.problems)
        return Picture(values=None, high=1.0, caption="", shades=SHADES, line="", why=why, **told)
    shown = seen.maps[min(shade, len(seen.maps) - 1)]
    p95, p99, top = weighted_percentiles(shown.values_V_per_m, seen.table.area_m2, (95, 99, _PERCENT))
    return Picture(
        values=shown.values_V_per_m.astype(np.float32), high=max(top, _LEAST_V_PER_M),
        caption=f"{shown.title} on the cortex, V/m, to the 99.9th percentile of its area",
        shades=tuple(one.symbol[0].upper() + one.symbol[1:] for one in seen.maps),
        line=f"template head, 12 mm discs: 95th percentile {p95:.3g} V/m, 99th {p99:.3g} V/m", why="; ".join(problems),
        **told,
    )  # fmt: skip


def _of_coil(stimulation: MagneticStimulation, protocol: Protocol, shade: int) -> Picture:
    """Where a coil lies, and its field as in a round head; the exact solve has the head's own.

    Of several places or drives one is shown at a time: fields of pulses one after the other do not add up.
    """
    from stimplan.runs.preview import map_of, preview_coils

    told: dict[str, Any] = {"table": colour_table("magnitude"), "low": 0.0, "shades": SHADES[:1]}
    shown = stimulation
    try:
        seen = preview_coils(protocol)
        numbers = different_blocks(seen)
        number = numbers[min(shade, len(numbers) - 1)]
        shown = attrs.evolve(stimulation, blocks=(stimulation.blocks[number],))
        if len(numbers) > 1:
            told["shades"] = tuple(f"{SHADES[0]}: {seen.blocks[one].label}" for one in numbers)
        found = map_of(seen, number)
    except InputError as error:
        drawn, notes = _coils(shown)
        why = "; ".join(dict.fromkeys([*(str(one) for one in error.problems), *notes]))
        return Picture(values=None, high=1.0, caption="", line="", why=why, **told, **drawn)
    drawn, notes = _coils(shown)
    if seen.stand_in is not None:
        notes.insert(0, f"stand-in coil {seen.stand_in.entry.id}: {seen.stand_in.short}")
    return Picture(
        values=found.magnitude_V_per_m.astype(np.float32),
        high=max(found.percentile_V_per_m(_PERCENT), _LEAST_V_PER_M),
        caption=f"|E| on the cortex, V/m {drive_words(found.block.drive)}, to the 99.9th percentile of its area",
        line=f"{NOTE}. 99th percentile {text(found.percentile_V_per_m(99), 'V_per_m')}, strongest near "
        f"{found.strongest_near}",
        why="; ".join([*missing_words(found.block.drive), *notes]),
        unit="V/m for 1 A/µs" if found.block.drive.basis == "unit" else "V/m", **told, **drawn,
    )  # fmt: skip


def _coils(stimulation: MagneticStimulation) -> tuple[dict[str, Any], list[str]]:
    """Bodies and signs of coils, and what must be said about them."""
    from stimplan.app.coil_shape import coil_bodies

    bodies, signs, notes = coil_bodies(stimulation)
    return {"electrodes": tuple(signs), "bodies": tuple(bodies)}, notes


def different_blocks(seen: CoilPreview) -> list[int]:
    """Numbers of the blocks whose pictures differ: the first of each pose and drive."""
    first: dict[int, int] = {}
    for number, block in enumerate(seen.blocks):
        first.setdefault(id(block.E_V_per_m) if block.E_V_per_m is not None else -number, number)
    return list(first.values())


def drive_words(drive: Drive) -> str:
    """For which rate of the coil's current a field is."""
    rate = text(drive.didt_A_per_s, "A_per_s")
    return f"for {rate}" if drive.basis == "unit" else f"at {drive.stated}, {rate}"


def missing_words(drive: Drive) -> list[str]:
    """Why a field is not that of the protocol's intensity; empty where it is."""
    if drive.basis != "unit":
        return []
    facts = " and ".join(one.removeprefix("missing: ").split(",")[0] for one in drive.missing)
    return [f"Not for {drive.stated}: missing is {facts}"]


def _line(seen: Preview) -> str:
    found = seen.record()
    return (
        f"template head, 12 mm discs: 95th percentile {found['p95_V_per_m']:.3g} V/m, "
        f"99th {found['p99_V_per_m']:.3g} V/m, "
        f"peak near {found['peak_nearest_site']}"
    )


def _values(seen: Preview, quantity: Quantity) -> tuple[NDArray[np.float32], float]:
    """Values by point, and the size that all but a thousandth of the area stay below."""
    if quantity == "magnitude":
        most = seen.percentile_V_per_m(_PERCENT)
        return seen.magnitude_V_per_m.astype(np.float32), max(most, _LEAST_V_PER_M)
    inward = seen.inward_V_per_m
    (most,) = weighted_percentiles(np.abs(inward), seen.table.area_m2, _PERCENT)
    return inward.astype(np.float32), max(most, _LEAST_V_PER_M)


def _discs(protocol: Protocol) -> tuple[tuple[Disc, ...], list[str]]:
    """Where the electrodes lie on the template; those that are at no named site are said instead."""
    discs, problems = [], []
    for electrode in protocol.electrodes:
        if not isinstance(electrode.site, str):
            problems.append(f"{electrode.label} is at no named site and is not drawn")
            continue
        site = resolve_site(electrode.site)
        at_mm = position_mm(site)
        discs.append(Disc(electrode.label, site, at_mm, float(from_si(electrode.current_A, "mA"))))
    return tuple(discs), problems


def position_mm(site: str) -> tuple[float, float, float]:
    """Where a site lies on the template's scalp, MNI, mm: the preview's own place, or the montage's."""
    table = preview_table()
    where = table.sites_m[table.names.index(site)] if site in table.names else known_sites()[site]
    x, y, z = (round(1e3 * float(one), 2) for one in where)
    return (x, y, z)


def sites() -> list[dict[str, Any]]:
    """The sites that can be picked, as the page takes them."""
    return [{"name": name, "at": list(position_mm(name))} for name in preview_table().names]


@cache
def template_layers() -> tuple[dict[str, Any], ...]:
    """Cortex and scalp of the template as the page takes them."""
    table = preview_table()
    return (
        layer("cortex", table.points_m, table.triangles, normals=table.normals, is_shaded=True, colour=_BRAIN),
        layer("scalp", table.scalp_m, table.scalp_triangles, colour=_SKIN, opacity=_GLASS),
    )


def layer(
    name: str,
    points_m: NDArray[Any],
    triangles: NDArray[Any],
    *,
    colour: str,
    normals: NDArray[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One surface as the page takes it: points in mm, unit normals, corners of triangles, all as bytes.

    Parameters
    ----------
    name : str
    points_m : (p, 3) array
    triangles : (k, 3) array
    colour : str
        `#rrggbb`, where no values are shown.
    normals : (p, 3) array, optional
        Outward; made from the triangles where they are left out.
    **more
        `opacity` (default 1), `is_shaded`: whether the field's values are its.
    """
    from stimplan.fem.surface import point_normals  # only what was solved is without normals, and has loaded it

    outward = point_normals(np.asarray(points_m, dtype=np.float64), triangles) if normals is None else normals
    points, corners = packed(1e3 * points_m, "float32"), packed(triangles, "uint32")
    return {
        "id": name,
        "key": hashlib.sha256(points + corners).hexdigest()[:16],
        "points": points,
        "normals": packed(outward, "float32"),
        "corners": corners,
        "colour": colour,
        "opacity": more.get("opacity", 1.0),
        "is_shaded": more.get("is_shaded", False),
    }


def packed(values: Any, dtype: str) -> bytes:
    """Numbers as little-endian bytes."""
    return np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()


@cache
def colour_table(quantity: Quantity) -> bytes:
    """The 256 colours of a quantity, red, green, blue: those of the figures."""
    if quantity == "inward":
        from stimplan.view.style import signed_cmap

        colours = signed_cmap()(np.linspace(0, 1, 256))
    else:
        from matplotlib import colormaps

        from stimplan.view.paper import FIELD_CMAP

        colours = colormaps[FIELD_CMAP](np.linspace(0, 1, 256))
    return packed(np.rint(255 * np.asarray(colours)[:, :3]), "uint8")


def gradient(table: bytes) -> str:
    """The same colours as a background of the page's colour bar."""
    rows = np.frombuffer(table, np.uint8).reshape(-1, 3)
    stops = ", ".join("#{:02x}{:02x}{:02x}".format(*rows[at]) for at in range(0, 256, 15))
    return f"linear-gradient(90deg, {stops})"
