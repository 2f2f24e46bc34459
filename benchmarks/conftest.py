"""The table of what must be reached, printed after the benchmarks; seconds are judged where the machine is quiet."""

from __future__ import annotations

import pytest

_FIGURES: list[tuple[str, float, float, str, bool]] = []


def pytest_addoption(parser):
    parser.addoption("--quiet-machine", action="store_true", help="nothing else runs here: let seconds fail too")


@pytest.fixture
def reach(request):
    """Record a figure beside its limit and fail where it is passed; seconds only on a quiet machine."""

    def record(what, value, limit, unit=""):
        is_judged = unit not in ("s", "ms") or request.config.getoption("--quiet-machine")
        _FIGURES.append((what, float(value), limit, unit, is_judged))
        if is_judged:
            assert value <= limit, f"{what}: {value:.4g} {unit}, at most {limit:g} {unit}"

    return record


def pytest_terminal_summary(terminalreporter):
    if _FIGURES:
        terminalreporter.section("what must be reached")
    for what, value, limit, unit, is_judged in _FIGURES:
        verdict = ("met" if value <= limit else "MISSED") + ("" if is_judged else ", not judged: --quiet-machine")
        terminalreporter.write_line(f"{what:62} {value:10.4g} {unit:3} at most {limit:8g} {unit:3} {verdict}")
