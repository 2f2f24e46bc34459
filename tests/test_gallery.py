"""The gallery shows every picture function, small, with a line that names a function there is."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from stimplan import view
from stimplan.view.kinds import KINDS

GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
PAGE = GALLERY / "README.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not beside these tests")


def lines_of(language):
    return re.findall(rf"```{language}\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_every_picture_function_is_on_the_page():
    functions = {name for name in view.__all__ if name.startswith(("plot_", "animate_"))}
    named = {node.id for line in lines_of("python") for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}
    assert len(functions) > 15 and functions <= named


def test_every_line_calls_a_function_there_is():
    for line in lines_of("python"):
        (call,) = ast.parse(line).body
        assert hasattr(view, call.value.func.id), line


def test_every_command_is_understood():
    words = [line.split() for line in lines_of("bash")]
    assert len(words) > 15
    for first, name, *_ in words:
        assert first == "stimplan" and name in ("figure", "timeline", "heads")
    kinds = {word for line in words for option, word in pairwise(line) if option == "--kind"}
    assert kinds <= set(KINDS) and {"overview", "envelope", "turn"} <= kinds


def test_every_picture_is_there_once_looked_for_and_small():
    shown = re.findall(r"!\[(.+?)\]\((.+?)\)", PAGE.read_text(encoding="utf-8"))
    names = [name for _, name in shown]
    assert sorted(names) == sorted(path.name for path in GALLERY.iterdir() if path.suffix in (".png", ".gif"))
    assert len(set(names)) == len(names) and all(len(words) > 20 for words, _ in shown)
    sizes = {name: (GALLERY / name).stat().st_size for name in names}
    assert max(size for name, size in sizes.items() if name.endswith(".png")) < 150_000
    assert sum(sizes.values()) < 3_000_000


def test_every_picture_is_on_white_with_nothing_cut_at_its_edge():
    for path in GALLERY.glob("*.png"):
        with Image.open(path) as image:
            colours = image.convert("RGB")
        assert colours.getpixel((0, 0)) == (255, 255, 255), path.name
        width, height = colours.size
        for y in (0, height - 1):  # a letter cut at the upper or lower edge leaves dark points there
            darkest = min(sum(colours.getpixel((x, y))) for x in range(width))
            assert darkest > 3 * 200, path.name
