"""The pose of a coil on the head as it is seen from above: where it is, and where its handle points."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from stimplan.errors import Problem, ProtocolError
from stimplan.protocol import Block, Protocol, protocol_tree
from stimplan.sites import known_sites, layout_sites, resolve_site
from stimplan.strict_json import JsonPath

_SIZE, _RADIUS = 220, 88


def place_values(
    protocol: Protocol,
    block: int,
    *,
    site: str | None = None,
    angle_deg: Decimal | None = None,
    distance_mm: Decimal | None = None,
) -> dict[JsonPath, Any]:
    """Changes of the file that put a coil at a site, turn its handle, or lift it.

    Parameters
    ----------
    protocol : Protocol
    block : int
    site : str, optional
        Replaces a target point or a pose: a file has exactly one of them.
    angle_deg : Decimal, optional
        Between handle and midline, degrees: 0 points backwards, positive to the left; it replaces a handle that is
        given by a site.
    distance_mm : Decimal, optional
        From the scalp to the case.

    Raises
    ------
    ProtocolError
        The protocol has no such block, or its coil lies where a full pose says.
    """
    blocks = protocol_tree(protocol)["stimulation"].get("blocks", [])
    if not 0 <= block < len(blocks):
        raise ProtocolError(Problem("$.stimulation.blocks", f"there is no block number {block}"))
    at: JsonPath = ("stimulation", "blocks", block, "placement")
    place = blocks[block]["placement"]
    values: dict[JsonPath, Any] = {}
    if site is not None:
        values[*at, "site"] = resolve_site(site)
        values |= {(*at, key): ... for key in ("mni_mm", "pose_mm") if key in place}
    if angle_deg is not None:
        if "pose_mm" in place:
            raise ProtocolError(
                Problem("$.stimulation.blocks", "a full pose has its handle in it; choose a site first")
            )
        values[*at, "handle"] = {"from_midline_deg": angle_deg}
    if distance_mm is not None:
        if "pose_mm" in place:
            raise ProtocolError(
                Problem("$.stimulation.blocks", "a full pose has its distance in it; choose a site first")
            )
        values[*at, "distance_mm"] = distance_mm
    return values


def draw_pose(block: Block, number: int) -> dict[str, Any]:
    """A coil of a block for the page: its place and handle in words and as a drawing.

    Parameters
    ----------
    block : Block
    number : int
        Its number, from 0.
    """
    placement = block.placement
    site = placement.site if isinstance(placement.site, str) else None
    handle = placement.handle
    angle = _angle_deg(handle)
    towards = handle.towards if handle is not None else None
    spot = _spot(site) if site else _of_target(placement.mni_m)
    return {
        "n": number,
        "title": block.label or "",
        "site": site or "",
        "where": _where(placement, site),
        "angle": "" if angle is None else f"{angle:g}",
        "handle": f"towards {towards}"
        if towards
        else "not reported"
        if angle is None
        else f"{angle:g}° from the midline",
        "distance": f"{1e3 * (placement.distance_m or 0.0):.4g}",
        "svg": _drawing(spot, angle, site, towards),
    }


def _where(placement: Any, site: str | None) -> str:
    if site:
        return site
    if placement.mni_m is not None:
        return "MNI " + ", ".join(f"{1e3 * x:.4g}" for x in placement.mni_m) + " mm"
    return str(placement.site) if placement.site is not None else "a full pose"


def _angle_deg(handle: Any) -> float | None:
    if handle is None or handle.from_midline_rad is None:
        return None
    return round(math.degrees(handle.from_midline_rad), 6)


def _flat(x: float, y: float, z: float) -> tuple[float, float]:
    """Place on the drawing of a point of the template's scalp, by its angle from the vertex: nose up, left is left."""
    across, along, up = x, y + 0.017, z + 0.005
    tilt = math.acos(max(-1.0, min(1.0, up / math.sqrt(across**2 + along**2 + up**2))))
    turn = math.atan2(across, along)
    out = _RADIUS * tilt / (0.62 * math.pi)
    return _SIZE / 2 + out * math.sin(turn), _SIZE / 2 + 6 - out * math.cos(turn)


def _spot(site: str) -> tuple[float, float]:
    return _flat(*known_sites()[resolve_site(site)])


def _of_target(mni_m: Any) -> tuple[float, float] | None:
    return None if mni_m is None else _flat(*mni_m)


def _drawing(spot: tuple[float, float] | None, angle_deg: float | None, site: str | None, towards: str | None) -> str:
    middle = _SIZE / 2
    parts = [
        f'<circle cx="{middle}" cy="{middle + 6}" r="{_RADIUS}" fill="#f6f7f9" stroke="#5c6773" stroke-width="1.5"/>',
        f'<path d="M{middle - 10} {middle + 7 - _RADIUS} L{middle} {middle - 8 - _RADIUS} L{middle + 10} '
        f'{middle + 7 - _RADIUS}" fill="none" stroke="#5c6773" stroke-width="1.5"/>',
        _word(8, middle + 10, "L"),
        _word(_SIZE - 8, middle + 10, "R"),
    ]
    for name in layout_sites("10-10"):
        x, y = _spot(name)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="#8a94a3"/>')
    if spot is not None:
        direction = _direction(spot, angle_deg, towards)
        parts.append(_coil(spot, direction))
    said = f"Coil at {site}" if site else "Coil"
    turned = "" if angle_deg is None else f", handle {angle_deg:g} degrees from the midline"
    return (
        f'<svg class="sp-pose" viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="{said}{turned}, seen from above" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _direction(spot: tuple[float, float], angle_deg: float | None, towards: str | None) -> tuple[float, float] | None:
    """Unit vector of the handle on the drawing; None where it is not reported."""
    if angle_deg is not None:
        return -math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))
    if towards is None:
        return None
    x, y = _spot(towards)
    length = math.hypot(x - spot[0], y - spot[1]) or 1.0
    return (x - spot[0]) / length, (y - spot[1]) / length


def _coil(spot: tuple[float, float], direction: tuple[float, float] | None) -> str:
    x, y = spot
    if direction is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="#6b2fa0" stroke-width="3"/>' + _word(
            x, y - 14, "handle?"
        )
    dx, dy = direction
    wings = "".join(
        f'<circle cx="{x + side * 15 * dy:.1f}" cy="{y - side * 15 * dx:.1f}" r="14" fill="#6b2fa0" fill-opacity=".15" '
        f'stroke="#6b2fa0" stroke-width="3"/>'
        for side in (1, -1)
    )
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + 52 * dx:.1f}" y2="{y + 52 * dy:.1f}" stroke="#6b2fa0" '
        f'stroke-width="7" stroke-linecap="round"/>{wings}'
    )


def _word(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="#1b1f24" text-anchor="middle">{text}</text>'
