"""Write what the safety rules say of every protocol of the library into tests/data/library_verdicts.json.

    python tools/library_verdicts.py            write the file
    python tools/library_verdicts.py --table    show it as a table, write nothing

Default profile, the protocol alone: no person, no field. The file is a test vector: a change of it is a change of what
the program tells people about published protocols, so look at the difference before you commit it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stimplan.protocol import list_protocols, read_protocol
from stimplan.safety import check

FILE = Path(__file__).resolve().parent.parent / "tests" / "data" / "library_verdicts.json"
STATUSES = ("stop", "warn", "unknown")


def verdict_of(name: str) -> dict[str, Any]:
    """Verdict of one protocol, and the ids of the rules that do not pass, sorted, without repetition."""
    report = check(read_protocol(name))
    rules = {
        status: sorted({finding.rule_id for finding in report.findings if finding.status == status})
        for status in STATUSES
    }
    return {"verdict": report.verdict, **{status: ids for status, ids in rules.items() if ids}}


def verdicts() -> dict[str, dict[str, Any]]:
    """Verdict of every protocol of the library, by id."""
    return {entry.id: verdict_of(entry.id) for entry in list_protocols()}


def text_of(table: dict[str, dict[str, Any]]) -> str:
    """JSON text, one protocol a line, so that a difference is easy to read."""
    rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Write the file, or show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="show, write nothing")
    is_table = parser.parse_args(arguments).table
    table = verdicts()
    if not is_table:
        FILE.write_text(text_of(table), encoding="utf-8")
        return 0
    for name, row in table.items():
        rules = "; ".join(f"{status}: {', '.join(row[status])}" for status in STATUSES if status in row)
        sys.stdout.write(f"{name:34} {row['verdict']:8} {rules}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
