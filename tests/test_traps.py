"""Mistakes that others made and we met: each has a test, here or by its name elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_protocol_broken import good
from test_protocol_kinds_broken import alternating, magnetic
from test_protocol_mutated import changed, leaves

import stimplan
from stimplan.errors import ProtocolError
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.report import outputs
from stimplan.strict_json import show_path

TESTS = Path(__file__).parent
PACKAGE = Path(stimplan.__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}

# trap -> (file, test)
TRAPS = {
    "json takes NaN and 1e999": [("test_protocol_broken.py", "test_broken_json_is_refused_without_hanging")],
    "a maximum lets NaN pass": [
        ("test_traps.py", "test_not_a_number_is_refused_wherever_a_file_has_a_number"),
        ("test_schema_fit.py", "test_damaged_files_are_judged_as_jsonschema_does"),
    ],
    "of two equal keys the last wins": [("test_protocol_broken.py", "test_broken_json_is_refused_without_hanging")],
    "NaN > limit is false": [
        ("test_safety_rules.py", "test_a_rule_never_passes_what_is_not_a_finite_number"),
        ("test_safety.py", "test_missing_or_nan_doses_never_pass"),
    ],
    "a frozen value shares its caller's array": [("test_core.py", "test_a_frozen_array_is_owned_and_read_only")],
    "units vanish in a product": [("test_traps.py", "test_no_unit_is_carried_by_a_wrapped_number")],
    "a solver returns after its last iteration in silence": [
        ("test_fem.py", "test_running_out_of_iterations_raises"),
        ("test_fem.py", "test_a_lying_solver_raises"),
        ("test_field.py", "test_a_lying_solver_gives_no_field"),
    ],
    "a montage of mne that goes, in another frame": [
        ("test_montage.py", "test_every_site_is_where_mne_has_it_on_colin27_in_mni_metres"),
        ("test_traps.py", "test_no_montage_that_mne_gives_up_is_named"),
    ],
    "the peak is one sliver's": [
        ("test_roi.py", "test_one_sliver_does_not_move_a_percentile"),
        ("test_roi.py", "test_a_single_wild_element_moves_the_peak_and_not_the_percentile"),
        ("test_report.py", "test_the_field_table_has_the_percentiles_and_the_target"),
    ],
    "a pool loses exceptions": [
        ("test_traps.py", "test_whatever_is_given_to_another_thread_is_waited_for"),
        ("test_traps.py", "test_what_fails_on_the_second_thread_fails_the_run"),
    ],
    "+y of a coil is the handle, or away from it": [
        ("test_traps.py", "test_a_pose_says_nothing_about_the_handle"),
        ("test_bids_files.py", "test_a_pose_is_written_in_columns_and_the_handle_in_words"),
    ],
    "square centimetres are not a hundredth": [
        ("test_core.py", "test_square_centimetres_are_ten_thousandths"),
        ("test_safety.py", "test_the_doses_of_the_textbook_protocol_are_those_worked_out_by_hand"),
    ],
}


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_has_its_test(trap):
    for file, name in TRAPS[trap]:
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}: {name}"


@pytest.mark.parametrize("make", [good, alternating, magnetic])
def test_not_a_number_is_refused_wherever_a_file_has_a_number(make):
    tree = make()
    places = [path for path, value in leaves(tree) if isinstance(value, int | float) and not isinstance(value, bool)]
    assert len(places) > 10
    for path in places:
        with pytest.raises(ProtocolError) as caught:
            read_protocol(changed(tree, path, float("nan")))
        assert caught.value.problems[0].where == show_path(path)
        assert "not a finite number" in caught.value.problems[0].what


def test_no_unit_is_carried_by_a_wrapped_number():
    """A unit stands in a name; pint's is lost in `sparse @ quantity` without a word."""
    wrappers = {"pint", "quantities", "unyt", "astropy"}
    for path, tree in TREES.items():
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name.partition(".")[0] for name in names} & wrappers, path


def test_no_montage_that_mne_gives_up_is_named():
    for path, tree in TREES.items():
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not words & {"standard_1005", "standard_1020"}, path


def lost_work(tree: ast.AST) -> list[str]:
    """Functions that give work to another thread or process and never ask how it ended."""
    lost = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            called = {node.func.attr for node in ast.walk(function)
                      if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
            gives = called & {"submit", "apply_async", "map_async", "starmap_async"}
            if (gives and not called & {"result", "get"}) or "Thread" in called:
                lost.append(function.name)
    return lost


# Opening a browser window may wait for the window to be closed; the address is printed in any case.
MAY_BE_LOST = {"_open_browser"}


def test_whatever_is_given_to_another_thread_is_waited_for():
    for path, tree in TREES.items():
        assert set(lost_work(tree)) <= MAY_BE_LOST, path


@pytest.mark.parametrize("code", ["pool.apply_async(g)", "x = pool.submit(g)", "threading.Thread(target=g).start()"])
def test_the_look_for_lost_work_can_fail(code):
    assert lost_work(ast.parse(f"def f():\n    {code}\n")) == ["f"]
    assert lost_work(ast.parse("def f():\n    pool.submit(g).result()\n")) == []


def test_what_fails_on_the_second_thread_fails_the_run(monkeypatch, tmp_path):
    def fails(*_, **__):
        raise ArithmeticError("a volume that cannot be written")

    monkeypatch.setattr(outputs, "write_volumes", fails)
    monkeypatch.setattr(outputs, "write_vtu", lambda *_, **__: None)
    with pytest.raises(ArithmeticError, match="a volume"):
        outputs.write_outputs(
            SimpleNamespace(field=None, exposure=None, coil=None),
            tmp_path,
            with_figures=False,
            progress=lambda *_: None,
        )


@pytest.mark.parametrize("handle", [None, {"from_midline_deg": 45}, {"towards": "Cz"}])
def test_a_pose_says_nothing_about_the_handle(handle):
    """+y points away from the handle in one program and along it in another; only what was said is kept."""
    tree = magnetic()
    placement = tree["stimulation"]["blocks"][0]["placement"]
    del placement["site"]
    placement["pose_mm"] = [[1, 0, 0, 40], [0, 1, 0, 50], [0, 0, 1, 60], [0, 0, 0, 1]]
    placement.pop("handle", None)
    if handle is not None:
        placement["handle"] = handle
    protocol = read_protocol(tree)
    coil = protocol.stimulation.blocks[0].placement
    assert (coil.handle is None) == (handle is None)
    assert read_protocol(dump_protocol(protocol)) == protocol
