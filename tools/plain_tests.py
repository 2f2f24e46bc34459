"""Calls test functions without pytest: their parameters, `tmp_path`, `monkeypatch` and the fixtures of their module.

For runs that repeat the same tests hundreds of times; a test that passes here passes there.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any


def tests_of(module: ModuleType) -> Iterator[Callable[[], None]]:
    """Every test of a module with each set of its parameters, in the order of the file."""
    for name, test in list(vars(module).items()):
        if name.startswith("test_") and inspect.isfunction(test):
            for given in _parameters(test):
                yield lambda test=test, given=given: _call(module, test, given)


def run(names: list[str], *, skip: tuple[str, ...] = ()) -> None:
    """Run the tests of modules until one raises; those whose name contains a word of `skip` are left out."""
    for name in names:
        module = importlib.import_module(name)
        for test in [test for test in vars(module) if any(word in test for word in skip)]:
            delattr(module, test)
        for test in tests_of(module):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                test()


def _parameters(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    tables = []
    for mark in marks:
        names, values = [*mark.args, *(mark.kwargs[k] for k in ("argnames", "argvalues") if k in mark.kwargs)]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        rows = [getattr(row, "values", row) if type(row).__name__ == "ParameterSet" else row for row in values]
        tables.append([dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in rows])
    for combination in itertools.product(*tables):
        yield {name: value for part in combination for name, value in part.items()}


def _call(module: ModuleType, test: Callable[..., None], given: dict[str, Any]) -> None:
    with contextlib.ExitStack() as stack:
        wanted = [name for name in inspect.signature(test).parameters if name not in given]
        test(**given, **{name: _fixture(module, name, stack) for name in wanted})


def _fixture(module: ModuleType, name: str, stack: contextlib.ExitStack) -> Any:
    import pytest

    if name == "tmp_path":
        return Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if name == "monkeypatch":
        return stack.enter_context(pytest.MonkeyPatch.context())
    return getattr(module, name)._get_wrapped_function()()
