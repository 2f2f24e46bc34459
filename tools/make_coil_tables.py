"""Make the tables of docs/coils.md: depth and spread of the catalogue's coils, and how fast windings converge.

    python tools/make_coil_tables.py            write them between their marks
    python tools/make_coil_tables.py --check    exit code 1 where they are not up to date

A number counts as up to date within 2 %: machines round differently.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from stimplan.coil import CatalogueEntry, Coil, catalogue_coil, catalogue_entry, list_coils
from stimplan.coil_depth import depth_and_spread
from stimplan.fem.tms import dipole_potential, segment_potential
from stimplan.units import from_si

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "coils.md"

# Abstract of Deng, Lisanby & Peterchev 2013, doi:10.1016/j.brs.2012.02.005: depth, mm, and least spread, cm².
REPORTED = {"circular": "10 to 35 mm, 34 cm² and more", "other": "9 to 34 mm, 5 cm² and more"}
# One coil of each kind, for the convergence.
KINDS = (
    "figure8-70mm-9-turns",
    "magstim-90mm-circular",
    "magstim-110mm-double-cone",
    "magventure-mc-b70",
    "h-coil-principle",
)
PIECES, RINGS = (4, 8, 16, 32, 48, 64), (1, 2, 4, 6, 8)
EXACT_PIECES = 400
BELOW_M = 0.02
_CLOSE = 0.02


def catalogue_table() -> str:
    """Each coil, how sure we are of it, its depth and spread on a sphere, and its rate."""
    lines = [
        "| id | kind | how sure | half-value depth | spread | moment of a wing | dI/dt at 100 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in list_coils():
        entry, coil = catalogue_entry(name), catalogue_coil(name)
        found = depth_and_spread(coil)
        moment = f"{wing_moment(coil) * 1e4:.0f} cm²" if entry.family != "H-coil" else "–"
        cells = [f"`{name}`", entry.family, entry.certainty]
        cells += [f"{found.half_depth_m * 1e3:.1f} mm", f"{found.spread_m2 * 1e4:.1f} cm²", moment, rate_of(entry)]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"| *reported, circular* | | | *{REPORTED['circular'].replace(', ', '* | *')}* | | |")
    lines.append(f"| *reported, figure-8 and alike* | | | *{REPORTED['other'].replace(', ', '* | *')}* | | |")
    return "\n".join(lines)


def wing_moment(coil: Coil) -> float:
    """Size of the magnetic moment of the right half of a coil, or of a circular coil as a whole, m² for 1 A."""
    wings = coil.provenance["wings"]
    right = [wing for wing in wings if wing["center_m"][0] > 0] or wings
    return float(sum(np.pi * radius**2 for wing in right for radius in wing["turn_radii_m"]))


def rate_of(entry: CatalogueEntry) -> str:
    """Rate at full output, with the stimulator where it is known."""
    if entry.max_didt_A_per_s is None:
        return "not known"
    where = f" ({entry.manufacturer} {entry.stimulator})" if entry.stimulator else ""
    return f"{from_si(entry.max_didt_A_per_s, 'A_per_us'):g} A/µs{where}"


def convergence_table(kind: str) -> str:
    """Largest error of dA/dt below each coil with more and more elements in a turn."""
    counts, what = (PIECES, "pieces") if kind == "wire" else (RINGS, "rings")
    lines = [
        f"| coil | {' | '.join(f'{count} {what if count > 1 else what[:-1]}' for count in counts)} |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for name in KINDS:
        truth = potential(catalogue_coil(name, elements=EXACT_PIECES), plane(name))
        cells = []
        for count in counts:
            found = potential(catalogue_coil(name, kind=kind, elements=count), plane(name))  # type: ignore[arg-type]
            cells.append(percent(float(np.abs(found - truth).max() / np.abs(truth).max())))
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def plane(name: str) -> np.ndarray:
    """(121, 3) points 20 mm below the coil, m: of its face, or of the head's sphere or bent wings it embraces."""
    axis = np.linspace(-0.1, 0.1, 11)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    family = catalogue_entry(name).family
    down = np.zeros(len(x))
    if family == "double-cone":
        angle = catalogue_entry(name).tree["windings"][0]["wing_angle_deg"]
        down = np.abs(x) * np.tan(np.radians((180 - angle) / 2))
    elif family == "butterfly":
        folds = [(one["fold_at_mm"], one["fold_deg"]) for one in catalogue_entry(name).tree["windings"]]
        down = np.max([np.maximum(np.abs(x) - at / 1e3, 0) * np.tan(np.radians(bend)) for at, bend in folds], axis=0)
    elif family == "H-coil":
        down = 0.085 - np.sqrt(np.maximum(0.085**2 - 0.4 * (x**2 + y**2), 0))
    return np.column_stack([x, y, down + BELOW_M])


def potential(coil: Coil, points: np.ndarray) -> np.ndarray:
    """(n, 3) vector potential of one ampere, T m."""
    element = coil.elements[0]
    if hasattr(element, "vectors_m"):
        return segment_potential(points, element.positions_m, element.vectors_m, is_double=True)
    return dipole_potential(points, element.positions_m, element.moments_A_m2_per_A, is_double=True)


def percent(share: float) -> str:
    """A share in per cent with two digits, down to what matters to nobody."""
    return "below 0.001 %" if share < 1e-5 else f"{float(f'{100 * share:.2g}'):g} %"


TABLES = {
    "catalogue": catalogue_table,
    "wire": lambda: convergence_table("wire"),
    "dipoles": lambda: convergence_table("dipoles"),
}


def marked(name: str) -> re.Pattern[str]:
    """What finds a table between its marks."""
    return re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)


def filled(text: str) -> str:
    """The page with its tables made anew."""
    for name, make in TABLES.items():
        if not marked(name).search(text):
            raise SystemExit(f"{OUT.name} has no marks for the table {name!r}")
        table = make()
        text = marked(name).sub(lambda match, table=table: match[1] + table + "\n" + match[2], text)
    return text


def is_same(one: str, other: str) -> bool:
    """Whether two texts differ in their numbers by rounding at most."""
    number = r"\d+\.?\d*(?:e-?\d+)?"
    if re.sub(number, "#", one) != re.sub(number, "#", other):
        return False
    pairs = zip(re.findall(number, one), re.findall(number, other), strict=True)
    return all(abs(float(a) - float(b)) <= _CLOSE * max(abs(float(a)), abs(float(b))) + 1e-9 for a, b in pairs)


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    text = OUT.read_text(encoding="utf-8")
    made = filled(text)
    if "--check" in arguments:
        return 0 if is_same(text, made) else 1
    OUT.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
