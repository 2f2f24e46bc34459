"""The examples and the README are run as they stand."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FAST = {"check_without_a_head.py"}


@pytest.mark.parametrize(
    "script",
    [pytest.param(p, id=p.name, marks=[] if p.name in FAST else [pytest.mark.slow]) for p in EXAMPLES],
)
def test_an_example_runs_and_its_numbers_hold(script):
    runpy.run_path(str(script), run_name="__main__")


def test_the_readme_opens_with_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", readme, flags=re.DOTALL)
    assert "stimplan run" in blocks[0] and blocks[0].count("\n") == 1
    assert "pytest" in blocks[1] and blocks[1].count("\n") == 1


@pytest.mark.slow
def test_the_readme_code_runs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})


def test_every_example_is_listed():
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(script.name in listed for script in EXAMPLES)
    assert len(EXAMPLES) >= 3
