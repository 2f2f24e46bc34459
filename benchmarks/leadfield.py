"""Lead fields: time and memory of all columns, of a montage from the file, of the preview; cost against size.

    python benchmarks/leadfield.py [--head colin27] [--sizes 6 4 3 2.4]

Seconds are those of the machine it runs on; what is judged are ratios to a reference of the same run: the time of a
thousand products of the head's matrix with one column, by scipy.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stimplan.fem.krylov import threads
from stimplan.fem.solve import build_system, solve_system
from stimplan.field import system_of
from stimplan.head import load_head, sphere_head
from stimplan.head.cortex import cortex_of
from stimplan.leadfield import compute_lead_field, open_lead_field

RADII_MM, SIGMA = (78.0, 80.0, 86.0, 92.0), (0.33, 1.654, 0.01, 0.465)
MONTAGE = {"C3": 2e-3, "C1": -5e-4, "C5": -5e-4, "FC3": -5e-4, "CP3": -5e-4}


def timed(function, *arguments, **options):
    """The result and the seconds it took."""
    start = time.perf_counter()
    result = function(*arguments, **options)
    return result, time.perf_counter() - start


def reference(matrix) -> float:
    """Seconds of a thousand products with one column."""
    x = np.ones(matrix.shape[0])
    matrix @ x
    start = time.perf_counter()
    for _ in range(100):
        matrix @ x
    return 10 * (time.perf_counter() - start)


def dipoles(head, count: int):
    """Currents between random pairs of scalp nodes."""
    rng, scalp = np.random.default_rng(0), np.unique(head.scalp)
    rhs = np.zeros((len(head.nodes_m), count))
    for column in range(count):
        rhs[rng.choice(scalp, 2, replace=False), column] = 1e-3, -1e-3
    return rhs


def show_head(name: str) -> bool:
    """All columns of one head; whether the aims are met."""
    head = load_head(name)
    system, preparing = timed(system_of, head)
    unit = reference(system.matrix)
    rhs = dipoles(head, 1)
    solve_system(system, dipoles(head, 9))
    solve_system(system, rhs)
    one = timed(solve_system, system, rhs)[1]
    cortex_of(head)
    print(
        f"{name}: {len(head.nodes_m):,} nodes, {len(head.tets):,} tetrahedra; {threads()} threads; "
        f"reference {unit:.2f} s"
    )
    print(f"  matrix and hierarchy {preparing:.1f} s, one right-hand side {one:.2f} s ({one / unit:.2f} references)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lead.h5"
        lead, all_columns = timed(compute_lead_field, head, path=path)
        count = len(lead.names)
        each = all_columns / count / one
        print(f"  {count} columns to a file of {path.stat().st_size / 1e6:.0f} MB: {all_columns:.1f} s "
              f"({all_columns / unit:.1f} references, each {each:.2f} of a single solve)")  # fmt: skip
        opened, opening = timed(open_lead_field, path, head)
        first = timed(opened.on_cortex, MONTAGE)[1]
        again = np.median([timed(opened.on_cortex, MONTAGE)[1] for _ in range(9)])
        whole = np.median([timed(opened.potential_V, MONTAGE)[1] for _ in range(9)])
        print(f"  open {opening:.2f} s; five electrodes on the cortex {1e3 * again:.1f} ms (first {1e3 * first:.0f}), "
              f"potential at all nodes {1e3 * whole:.1f} ms")  # fmt: skip
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"  peak memory {memory:.2f} GB")
    return verdicts({
        "a column of many costs at most 0.8 of a single solve": all_columns / count / one <= 0.8,
        "a montage from the file within a tenth of a solve": again <= 0.1 * one,
        "memory at most 3 GB": memory <= 3,
    })  # fmt: skip


def show_preview() -> bool:
    """The preview after start-up."""
    from stimplan.preview import preview

    first = timed(lambda: preview({"F3": 2e-3, "F4": -2e-3}).record())[1]
    again = timed(lambda: preview({"C3": 2e-3, "Oz": -2e-3}).record())[1]
    print(f"\npreview: first montage {first:.3f} s, another {again:.4f} s")
    return verdicts({"preview within 0.2 s": first <= 0.2})


def show_sizes(edges_mm: list[float]) -> bool:
    """Seconds of set-up, one and eight columns over the number of nodes, and the exponent of their growth."""
    print("\ncost against size, layered sphere\n  edge     nodes  set-up s  one s  eight s  iterations")
    sizes, costs = [], []
    for edge_mm in edges_mm:
        head = sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA, edge_mm=edge_mm)
        system, setup = timed(build_system, head.nodes_m, head.tets, head.sigma_S_per_m)
        rhs = dipoles(head, 8)
        solve_system(system, rhs)
        found, one = timed(solve_system, system, rhs[:, 0])
        eight = timed(solve_system, system, rhs)[1]
        print(f"  {edge_mm:4g}  {len(head.nodes_m):8,}  {setup:8.2f}  {one:5.2f}  {eight:7.2f}  {found.iterations:10d}")
        sizes.append(len(head.nodes_m))
        costs.append((setup, one, eight))
    slopes = [np.polyfit(np.log(sizes), np.log(cost), 1)[0] for cost in np.array(costs).T]
    print("  exponents: set-up {:.2f}, one {:.2f}, eight {:.2f}".format(*slopes))
    return verdicts({"no faster than n^1.1 for eight columns": slopes[2] <= 1.1})


def verdicts(accepted: dict[str, bool]) -> bool:
    """Print what was met and what was not."""
    for what, is_met in accepted.items():
        print(f"{'met' if is_met else 'NOT MET':>9}  {what}")
    return all(accepted.values())


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head", default="colin27")
    parser.add_argument("--sizes", type=float, nargs="*", default=[6.0, 4.0, 3.0], help="edges of the sphere, mm")
    options = parser.parse_args()
    results = [show_preview(), show_head(options.head), show_sizes(options.sizes)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
