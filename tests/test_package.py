"""The public surface, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import stimplan

HEAVY = ("numpy", "scipy", "mne", "pyvista", "vtkmodules", "matplotlib", "numba", "pyamg", "nibabel", "jsonschema")


def test_every_public_name_can_be_loaded():
    for name in stimplan.__all__:
        assert getattr(stimplan, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulate'"):
        stimplan.simulate  # noqa: B018


def test_public_surface_is_the_agreed_one():
    agreed = {
        "read_protocol", "dump_protocol", "check", "load_head", "sphere_head", "place", "solve", "measure",
        "sphere_roi", "run", "read_coil", "coil_placement", "search_poses", "make_target", "Goal", "SearchSpace",
        "SearchOptions",
    }  # fmt: skip
    assert agreed <= set(stimplan.__all__)
    assert len(stimplan.__all__) <= 28


def test_importing_loads_nothing_heavy():
    code = f"import stimplan, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_checking_a_protocol_loads_no_numerics():
    code = (
        "import stimplan as sp, sys; sp.check(sp.read_protocol('select-tdcs'));"
        f"print([m for m in {HEAVY!r} if m in sys.modules and m != 'jsonschema'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_command_and_action_can_show_its_help():
    from stimplan.cli import command_parsers
    from stimplan.commands.parser import commands_of

    def shown(name, parser):
        yield name, parser.format_help()
        for action, inner in commands_of(parser).items():
            yield from shown(f"{name} {action}", inner)

    pages = dict(page for name, parser in command_parsers().items() for page in shown(name, parser))
    assert len(pages) > 30
    assert all(page.startswith("usage: stimplan") for page in pages.values())
