"""The tables of the page about coils are those the program makes now."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parent.parent / "tools" / "make_coil_tables.py"
if not TOOL.exists():
    pytest.skip("the tools are in the source, not in the wheel", allow_module_level=True)


def load():
    spec = importlib.util.spec_from_file_location("make_coil_tables", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_coil_tables"] = module
    spec.loader.exec_module(module)
    return module


tool = load()


@pytest.mark.slow
def test_the_tables_are_up_to_date():
    text = tool.OUT.read_text(encoding="utf-8")
    assert tool.is_same(text, tool.filled(text)), "run tools/make_coil_tables.py"


def test_every_coil_of_the_catalogue_is_in_the_page_with_its_depth_and_spread():
    text = tool.OUT.read_text(encoding="utf-8")
    table = tool.marked("catalogue").search(text)[0]
    for name in tool.list_coils():
        assert f"| `{name}` |" in table


def test_a_change_of_a_number_or_a_word_is_noticed():
    row = "| `a` | 14.1 mm | 1e-06 | 0 |"
    assert tool.is_same(row, row.replace("14.1", "14.2"))
    assert not tool.is_same(row, row.replace("14.1", "14.9"))
    assert not tool.is_same(row, row.replace("`a`", "`b`"))
    assert not tool.is_same(row, row + " 1 |")


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(SystemExit, match="no marks for the table"):
        tool.filled("nothing")
