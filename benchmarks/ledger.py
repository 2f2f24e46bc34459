"""How fast the dose ledger answers, with the figures the project accepts.

    python benchmarks/ledger.py                 a ledger of 10,000 sessions
    python benchmarks/ledger.py --sessions 2000

Two ledgers: every session of one person, and the same number over 200 people, one session in ten with a
questionnaire. `stimplan ledger check` is timed from the start of a new process to its end, the median of some runs;
beside it the processor time and an empty Python, because a busy machine stretches them all. Exit code 1
if a figure is not met.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stimplan.ledger import append_all, forms, open_ledger, verify

CHECK_S = 0.3
RUNS = 9
START = datetime(2024, 1, 1, 9, tzinfo=UTC)
BATCH = 500


def session(plan: int, start: datetime) -> dict[str, object]:
    return {
        "plan": plan,
        "start": start.isoformat(),
        "duration_min": 30,
        "current_mA": 2,
        "impedances_kohm": {"F3": 5.2, "F4": 6.1},
        "operator": "R. Operator",
    }


def questionnaire(person: str, at: datetime) -> dict[str, object]:
    items = [name for name in forms()[0].item_ids if name != "other"]
    answers: list[dict[str, object]] = [{"item": name, "severity": 1} for name in items]
    answers[3] = {"item": items[3], "severity": 2, "relation": 4}
    return {"person": person, "at": at.isoformat(), "form": "tes-aeq", "answers": answers}


def build(path: Path, people: int, sessions: int) -> tuple[str, float]:
    """Write the ledger; the code of one person, and the seconds it took."""
    begin = time.perf_counter()
    with open_ledger(path, create=True) as ledger:
        names = [f"P-{number:04d}" for number in range(people)]
        append_all(ledger, [("person", {"person": name}) for name in names], by="benchmark")
        plan = {"protocol": "select-tdcs", "prescriber": "Dr. Prescriber"}
        plans = [w.seq for name in names
                 for w in append_all(ledger, [("plan", {"person": name, **plan})], by="benchmark")]  # fmt: skip
        records: list[tuple[str, dict[str, object]]] = []
        for number in range(sessions):
            who, start = number % people, START + timedelta(minutes=40 * (number // people))
            records.append(("session", session(plans[who], start)))
            if number % 10 == 0:
                records.append(("adverse-events", questionnaire(names[who], start + timedelta(minutes=35))))
        for first in range(0, len(records), BATCH):
            append_all(ledger, records[first : first + BATCH], by="benchmark")
    return names[0], time.perf_counter() - begin


def timed(command: list[str]) -> tuple[float, float, int]:
    """Seconds on the clock, seconds of the processor, exit code."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    code = subprocess.run(command, capture_output=True, check=False).returncode
    seconds = time.perf_counter() - begin
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    options = parser.parse_args()
    is_met = True
    python = statistics.median(timed([sys.executable, "-c", "pass"])[0] for _ in range(RUNS))
    print(f"an empty Python: {python:.3f} s")
    for people in (1, 200):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ledger.sqlite"
            person, built = build(path, people, options.sessions)
            command = [sys.executable, "-m", "stimplan.cli", "ledger", "check", person, "--ledger", str(path)]
            for extra in ([], ["--protocol", "select-tdcs"], ["--json"]):
                runs = [timed([*command, *extra]) for _ in range(RUNS)]
                codes = {code for *_, code in runs}
                median = statistics.median(seconds for seconds, *_ in runs)
                cpu = min(run[1] for run in runs)
                is_met &= median <= CHECK_S and codes <= {0, 3}
                print(f"{people:4d} people, {options.sessions} sessions: check {' '.join(extra) or '(plan)':22s} "
                      f"{median:.3f} s (best {min(runs)[0]:.3f}, processor {cpu:.3f}, accepted {CHECK_S}), "
                      f"exit {codes}")  # fmt: skip
            with open_ledger(path) as ledger:
                begin = time.perf_counter()
                found = verify(ledger)
                seconds = time.perf_counter() - begin
            is_met &= found.is_intact
            print(f"     built in {built:.1f} s, {found.rows} rows, {path.stat().st_size / 1e6:.1f} MB; "
                  f"verify {seconds:.2f} s, {'intact' if found.is_intact else 'NOT INTACT'}")  # fmt: skip
    print("all figures met" if is_met else "A FIGURE IS NOT MET")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
