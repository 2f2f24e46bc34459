"""Lead fields on a head of 430 thousand nodes: time and memory of all columns, of a montage, of the preview.

    python benchmarks/leadfield.py                    Colin27 at 3.15 mm: 429,123 nodes
    python benchmarks/leadfield.py --edge-mm 2.8      another mesh of it
    python benchmarks/leadfield.py --sizes 6 4 3 2.6  cost against size on the layered sphere too
    python benchmarks/leadfield.py --json FILE        the figures as JSON as well

The limits are seconds on two quiet cores; beside each figure stands the processor time, which a busy machine stretches
less. Compiled code and the mesh are there before anything is timed, the matrices are made anew. Exit code 1 if a
figure is not met.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cases import COLIN27_EDGE_MM, RING, dipoles, how_busy, pads, sphere, timed

from stimplan.fem.krylov import threads
from stimplan.fem.solve import build_system, solve_system
from stimplan.field import solve, system_of
from stimplan.head import HeadModel, load_head
from stimplan.head.cortex import cortex_of
from stimplan.kept_system import kept_system
from stimplan.leadfield import compute_lead_field, open_lead_field
from stimplan.placement import place


def clocked(function, *arguments, **options):
    """The result, the seconds and the seconds of all processors together."""
    busy = time.process_time()
    result, seconds = timed(function, *arguments, **options)
    return result, seconds, time.process_time() - busy


def warm_up(head: HeadModel) -> None:
    """Load all compiled code, on a small head."""
    small = sphere(6.0)
    with tempfile.TemporaryDirectory() as folder:
        compute_lead_field(small, ["C3", "C4", "Cz", "Oz", "F3", "F4", "P3", "P4", "Fpz", "Pz"], path=f"{folder}/a.h5")
    solve(small, place(pads("C3", "Fp2"), small))
    cortex_of(head)


def measure(head: HeadModel) -> dict[str, float]:
    """Every figure of one head, seconds and GB."""
    warm_up(head)
    found: dict[str, float] = {"nodes": len(head.nodes_m), "tetrahedra": len(head.tets), "threads": threads()}
    _, found["system_made_s"], found["system_made_cpu_s"] = clocked(
        build_system, head.nodes_m, head.tets, head.conductivity_S_per_m
    )
    kept_system(head)
    _, found["system_read_s"], found["system_read_cpu_s"] = clocked(kept_system, head)
    system_of(head)

    def one():
        return solve(head, place(pads("C3", "Fp2"), head))

    one()
    runs = [clocked(one)[1:] for _ in range(3)]
    found["montage_s"], found["montage_cpu_s"] = (float(value) for value in np.median(runs, axis=0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lead.h5"
        lead, found["columns_s"], found["columns_cpu_s"] = clocked(compute_lead_field, head, path=path)
        found["columns"], found["file_MB"] = len(lead.names), path.stat().st_size / 1e6
        opened, found["open_s"] = timed(open_lead_field, path, head)
        found["first_montage_s"] = timed(opened.on_cortex, RING)[1]
        found["stored_montage_s"] = float(np.median([timed(opened.on_cortex, RING)[1] for _ in range(9)]))
        found["stored_potential_s"] = float(np.median([timed(opened.potential_V, RING)[1] for _ in range(9)]))
    found["peak_GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return found


def show_head(found: dict[str, float]) -> bool:
    """The table of one head; whether every figure is met."""
    print(f"{found['nodes']:,} nodes, {found['tetrahedra']:,} tetrahedra, {found['threads']} threads; {how_busy()}")
    print(f"  matrix and hierarchy {found['system_made_s']:.2f} s ({found['system_made_cpu_s']:.2f} s of processors), "
          f"from the disk {found['system_read_s']:.2f} s ({found['system_read_cpu_s']:.2f})")  # fmt: skip
    print(f"  lead field: {found['columns']} columns, {found['file_MB']:.0f} MB, opened in {found['open_s']:.2f} s; "
          f"first montage {1e3 * found['first_montage_s']:.0f} ms, potential at every node "
          f"{1e3 * found['stored_potential_s']:.0f} ms")  # fmt: skip
    count = int(found["columns"])
    rows = [
        ("one new montage, placed and solved", found["montage_s"], 1.5, 0.8, "s", found["montage_cpu_s"]),
        (f"lead field of {count} sites, to a file", found["columns_s"], 30, 15, "s", found["columns_cpu_s"]),
        ("memory of all of it at its peak", found["peak_GB"], 3, None, "GB", None),
        ("a montage from the stored lead field", 1e3 * found["stored_montage_s"], 30, None, "ms", None),
    ]
    return show_rows(rows)


def show_rows(rows) -> bool:
    """Print figures beside their limits; whether all are met."""
    print(f"  {'figure':42} {'measured':>10} {'must':>8} {'aim':>7}   processors")
    for what, value, must, aim, unit, busy in rows:
        aimed = "" if aim is None else f"{aim:g} {unit}"
        share = "" if busy is None else f"{busy:.2f} s"
        verdict = "met" if value <= must else "MISSED"
        if aim is not None and value <= aim:
            verdict += ", and the aim"
        print(f"  {what:42} {value:7.2f} {unit:2} {must:5g} {unit:2} {aimed:>7}   {share:8} {verdict}")
    return all(value <= must for _, value, must, *_ in rows)


def show_preview() -> bool:
    """The preview after start-up."""
    from stimplan.preview import preview

    first = timed(lambda: preview({"F3": 2e-3, "F4": -2e-3}).record())[1]
    again = timed(lambda: preview({"C3": 2e-3, "Oz": -2e-3}).record())[1]
    print(f"\npreview on the packaged lead field; another montage {1e3 * again:.1f} ms")
    return show_rows([("preview of the first montage", 1e3 * first, 200, None, "ms", None)])


def show_sizes(edges_mm: list[float]) -> bool:
    """Processor seconds of set-up, one and eight columns, and the exponent of their growth with the nodes."""
    print(
        "\ncost against size, layered sphere, seconds of processors\n"
        "  edge      nodes  set-up    one  eight  iterations"
    )
    sizes, costs = [], []
    for edge_mm in edges_mm:
        head = sphere(edge_mm)
        rhs = dipoles(head, 8)
        system, _, setup = clocked(build_system, head.nodes_m, head.tets, head.sigma_S_per_m)
        solve_system(system, rhs)
        found, _, one = clocked(solve_system, system, rhs[:, 0])
        eight = clocked(solve_system, system, rhs)[2]
        print(f"  {edge_mm:4g} {len(head.nodes_m):10,} {setup:7.2f} {one:6.2f} {eight:6.2f}  {found.iterations:10d}")
        sizes.append(len(head.nodes_m))
        costs.append((setup, one, eight))
    slopes = [float(np.polyfit(np.log(sizes), np.log(cost), 1)[0]) for cost in np.array(costs).T]
    names = ("set-up", "one column", "eight columns")
    return show_rows(
        [(f"exponent of {name}", slope, 1.1, None, "", None) for name, slope in zip(names, slopes, strict=True)]
    )


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head", default="colin27")
    parser.add_argument("--edge-mm", type=float, default=COLIN27_EDGE_MM, help="edge of its mesh, mm")
    parser.add_argument("--sizes", type=float, nargs="*", default=[], help="edges of the sphere, mm")
    parser.add_argument("--json", type=Path, help="write the figures of the head there too")
    options = parser.parse_args()
    found = measure(load_head(options.head, edge_mm=options.edge_mm))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    results = [show_head(found), show_preview()]
    if options.sizes:
        results.append(show_sizes(options.sizes))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
