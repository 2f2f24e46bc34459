"""Reading a head mesh of a million nodes (5.8 million tetrahedra), in all four variants, with the accepted figures.

    python benchmarks/read_msh.py            binary 2.2 and 4.1
    python benchmarks/read_msh.py --text     the text files as well (about 320 MB on the disk at a time)
    python benchmarks/read_msh.py --head     and from the file to a head: repairs, checks and quality

Each file is read in a process of its own, so that its memory is its own. Exit code 1 if a figure is not met.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stimplan.head.readers.msh import read_msh
from stimplan.head.readers.msh_write import write_msh
from stimplan.head.readers.values import RawMesh

# A million-node .msh is read in at most this, and no variant takes more memory than this.
MOST_S = 10.0
MOST_GB = 1.2

# The six tetrahedra of a cube, by its corners numbered x + 2 y + 4 z; they meet along the diagonal 0-7.
CUBE = ((0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7))


def block(side: int = 100, size_mm: float = 190.0) -> RawMesh:
    """A cube of cubes as a head: scalp outside, bone and CSF inside, with the surfaces in between left out."""
    step = np.linspace(-size_mm / 2, size_mm / 2, side)
    z, y, x = np.meshgrid(step, step, step, indexing="ij")
    points_mm = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    number = np.arange(side**3).reshape(side, side, side)
    corners = np.stack(
        [
            number[dz : side - 1 + dz, dy : side - 1 + dy, dx : side - 1 + dx].ravel()
            for dz in (0, 1)
            for dy in (0, 1)
            for dx in (0, 1)
        ],
        axis=1,
    )
    tets = np.concatenate([corners[:, list(tet)] for tet in CUBE]).astype(np.int32)
    depth = np.abs(points_mm[tets].mean(axis=1)).max(axis=1)
    tissue = np.where(depth < 70, 3, np.where(depth < 80, 4, 5))
    triangles = corners[:: max(1, side // 10)][:, [0, 1, 3]].astype(np.int32)
    return RawMesh(
        points_mm / 1e3, tets, tissue, triangles, np.full(len(triangles), 1005), names={3: "csf", 4: "bone", 5: "scalp"}
    )


def peak_GB() -> float:
    """Most memory this process had in RAM, the pages of the mapped file included; ru_maxrss would be the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**20


def measured(path: str, is_head: bool) -> dict[str, float]:
    """Seconds and peak memory of reading one file, in this process."""
    start = time.perf_counter()
    raw = read_msh(path)
    seconds = {"read_s": time.perf_counter() - start}
    if is_head:
        from stimplan.head.readers.assembly import head_from_raw

        start = time.perf_counter()
        head_from_raw(raw, name="block")
        seconds["head_s"] = time.perf_counter() - start
    return {**seconds, "peak_GB": peak_GB(), "nodes": len(raw.nodes_m), "tetrahedra": len(raw.tets)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--head", action="store_true")
    parser.add_argument("--side", type=int, default=100, help="nodes along an edge of the cube (100 gives a million)")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.file:
        print(json.dumps(measured(given.file, given.head)))
        return 0
    fine = True
    raw = block(given.side)
    with tempfile.TemporaryDirectory() as folder:
        for version in ("2.2", "4.1"):
            for binary in (True, False) if given.text else (True,):
                path = Path(folder) / "block.msh"
                start = time.perf_counter()
                write_msh(path, raw, version=version, binary=binary)
                wrote_s = time.perf_counter() - start
                command = [sys.executable, __file__, "--file", str(path)] + ["--head"] * given.head
                figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                fine &= figures["read_s"] <= MOST_S and (given.head or figures["peak_GB"] <= MOST_GB)
                kind = "binary" if binary else "text"
                size_MB = path.stat().st_size / 1e6
                print(f"{version} {kind:6}: {size_MB:4.0f} MB, written in {wrote_s:.1f} s; {figures}", flush=True)
    print("met" if fine else f"NOT met: at most {MOST_S} s and {MOST_GB} GB")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
