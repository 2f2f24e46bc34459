"""Damage small head meshes for minutes: each one is a head, a mesh, or refused in words, soon and in little memory.

    python tools/fuzz_msh.py --seconds 600 --seed 1

A file that does anything else is kept beside the report, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from msh_mutations import mutated, outcome, seeds

MOST_S = 10
# Beyond what the process has when it starts.
MOST_BYTES = 2**30


def address_space() -> int:
    words = Path("/proc/self/statm").read_text().split()
    return int(words[0]) * resource.getpagesize()


def too_long(*_: object) -> None:
    raise TimeoutError(f"more than {MOST_S} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_msh_found"))
    given = parser.parse_args()
    pick, counts, faults = random.Random(given.seed), Counter[str](), Counter[str]()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, too_long)
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = seeds(folder)
        path = folder / "fuzzed.msh"
        path.write_bytes(sound[0])
        outcome(path)  # everything is imported before memory is limited
        limit = address_space() + MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        end = time.monotonic() + given.seconds
        while time.monotonic() < end:
            data = mutated(pick.choice(sound), pick, sound)
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            start = time.monotonic()
            signal.alarm(MOST_S)
            try:
                counts[outcome(path)] += 1
            except BaseException as error:
                signal.alarm(0)
                if isinstance(error, KeyboardInterrupt):
                    raise
                place = traceback.extract_tb(error.__traceback__)[-1]
                fault = f"{type(error).__name__}: {str(error)[:100]} ({place.name}:{place.lineno})"
                if not faults[fault]:
                    given.keep.mkdir(exist_ok=True)
                    (given.keep / f"{len(faults)}.msh").write_bytes(data)
                    traceback.print_exc()
                faults[fault] += 1
            signal.alarm(0)
            slowest = max(slowest, time.monotonic() - start)
    print(f"{sum(counts.values())} files: {dict(counts)}; slowest {slowest:.2f} s; {sum(faults.values())} faults")
    for fault, count in faults.most_common():
        print(f"{count:6} {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
