"""The limits that keep the code a place to live in, read from the syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stimplan

PACKAGE = Path(stimplan.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

MODULE_LINES = 400
BODY_LINES = 40
ARGUMENTS = 6
POSITIONAL = 2


def functions(tree: ast.AST):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if has_docstring:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def is_compiled(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Numba kernels take arrays by position; they are called from one place each."""
    return any("jit" in ast.unparse(decorator) for decorator in function.decorator_list)


def faults(source: str) -> list[str]:
    tree = ast.parse(source)
    found = []
    if source.count("\n") > MODULE_LINES:
        found.append(f"{source.count(chr(10))} lines, {MODULE_LINES} allowed")
    for function in functions(tree):
        arguments = function.args
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args) if a.arg not in ("self", "cls")]
        total = len(positional) + len(arguments.kwonlyargs)
        if body_lines(function) > BODY_LINES:
            found.append(f"{function.name}: body of {body_lines(function)} lines, {BODY_LINES} allowed")
        if is_compiled(function) or function.name.startswith("_"):
            continue
        if total > ARGUMENTS:
            found.append(f"{function.name}: {total} arguments, {ARGUMENTS} allowed")
        if total > POSITIONAL + 1 and len(positional) > POSITIONAL + 1:
            found.append(f"{function.name}: {len(positional)} positional arguments, make them keyword-only")
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found.append(f"line {node.lineno}: global")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"line {node.lineno}: bare except")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_keeps_the_house_limits(module):
    assert faults(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_prints(module):
    if module.name == "cli.py":
        return
    calls = [n for n in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


@pytest.mark.parametrize(
    "source, fragment",
    [
        ("x = 1\n" * 401, "lines"),
        ("def f():\n" + "    x = 1\n" * 41, "body of 41"),
        ("def f(a, b, *, c, d, e, g, h): return 1\n", "7 arguments"),
        ("def f(a, b, c, d): return 1\n", "positional"),
        ("def f():\n    global x\n    x = 1\n", "global"),
        ("try:\n    x = 1\nexcept:\n    pass\n", "bare except"),
    ],
)
def test_each_limit_can_fail(source, fragment):
    assert any(fragment in fault for fault in faults(source))
