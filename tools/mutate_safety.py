"""Change the safety engine and its rules in small ways, one at a time, and see whether a test notices.

    python tools/mutate_safety.py [--workers 2] [--only rules.py] [--list]

Code: every comparison (each other operator of its family), + - * /, `and`/`or`, `not`, numbers and True/False in
stimplan/safety/*.py. A mutant runs the tests of the safety rules in a forked process until one fails; one that no test
notices survives and is printed. Data: every limit and cell by one part in a thousand, every operator; noticed by the
rule's own vectors or by the tables typed in tests/test_safety_tables.py.

Takes about ten minutes on two cores. Exit code 1 where something survived that is not listed as equivalent.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "stimplan" / "safety"
TESTS = ("tables", "vectors", "tms", "alternating", "rules", "")
SECONDS = 180
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}

# (file, part of the description): changes that no input can tell from the original, each with its reason
EQUIVALENT: dict[tuple[str, str], str] = {
    ("engine.py", "133: True  ->  False"): "strict: both have one item a block",
    ("engine.py", "149: 0  ->  -1"): "all cases of a rule are blocks, or none is",
    ("engine.py", "196: 0.0"): "orders the answers of a group without any value, which are all alike",
    ("rules.py", "64: 0  ->  -1"): "there is one limit here",
    ("cases.py", "0  ->  -1"): "the first or the last of the infinite values, which are all beyond every limit",
}


class Sites(ast.NodeVisitor):
    """Every place of a module that can be changed, and how; docstrings and annotations are left alone."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str, object]] = []

    def visit_Compare(self, node: ast.Compare) -> None:
        for number, op in enumerate(node.ops):
            self.found += [(node, f"op{number}", other()) for other in COMPARISONS.get(type(op), ())]
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in ARITHMETIC:
            self.found.append((node, "op", ARITHMETIC[type(node.op)]()))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.found.append((node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or()))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.found.append((node, "drop", None))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.found.append((node, "value", not node.value))
        elif isinstance(node.value, int):
            self.found += [(node, "value", node.value + 1), (node, "value", node.value - 1)]
        elif isinstance(node.value, float):
            self.found += [(node, "value", node.value * 1.001 or 1e-3), (node, "value", node.value * 0.999 - 1e-9)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit(node.args)
        for inner in (*node.decorator_list, *node.body):
            self.visit(inner)


def mutants(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """(description, changed module) for every site of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    sites = Sites()
    sites.visit(tree)
    for node, what, new in sites.found:
        changed, twin = _copy_with(tree, node)
        before = ast.unparse(twin)
        if what == "drop":
            after = ast.unparse(twin.operand)
            twin.op, twin.operand = ast.Not(), ast.UnaryOp(ast.Not(), twin.operand)
        else:
            if what.startswith("op") and what != "op":
                twin.ops[int(what[2:])] = new
            else:
                setattr(twin, what, new)
            after = ast.unparse(twin)
        yield f"{path.name}:{node.lineno}: {before}  ->  {after}", ast.fix_missing_locations(changed)


def _copy_with(tree: ast.Module, node: ast.AST) -> tuple[ast.Module, ast.AST]:
    number = next(i for i, one in enumerate(ast.walk(tree)) if one is node)
    changed = copy.deepcopy(tree)
    return changed, next(one for i, one in enumerate(ast.walk(changed)) if i == number)


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Gives one module its changed code, and leaves all others to the usual finders."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.target = f"stimplan.safety.{path.stem}" if path.stem != "__init__" else "stimplan.safety"
        importlib.machinery.SourceFileLoader.__init__(self, self.target, str(path))
        self.tree = tree

    def find_spec(self, fullname, path=None, target=None):
        """Spec of the changed module."""
        if fullname != self.target:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname):
        """Code of the changed module."""
        return compile(self.tree, self.path, "exec")


def run_tests(path: Path, tree: ast.Module) -> int:
    """Start the tests against a changed module in a forked process; its id."""
    child = os.fork()
    if child:
        return child
    signal.alarm(SECONDS)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.meta_path.insert(0, Changed(path, tree))
    sieve = os.fork()
    if not sieve:
        code = 1
        try:
            quick_tests()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(sieve, 0)[1]:
        os._exit(1)
    import pytest

    files = [str(ROOT / "tests" / f"test_safety{'_' if name else ''}{name}.py") for name in TESTS]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-k", "not shipped_protocol and not quick"]
    code = 1
    try:
        code = int(pytest.main([*options, *files]))
    finally:
        os._exit(code)


READ: dict[str, object] = {}


def quick_tests() -> None:
    """Part of the same tests, called as plain functions: most changes are noticed here, in a fraction of a second."""
    import test_safety_rules as rules
    import test_safety_tables as tables
    import test_safety_vectors as vectors

    vectors.read_protocol = lambda tree: READ[json.dumps(tree)]
    for rule in rules.RULES:
        rules.test_every_vector_of_a_rule_has_the_outcome_it_promises(rule)
        rules.test_a_rule_never_passes_what_is_not_a_finite_number(rule)
    for cell in tables.CELLS:
        tables.test_a_cell_holds_at_its_limit_and_breaks_one_ulp_past_it(*cell)
        tables.test_just_above_a_row_or_a_column_the_next_one_holds(*cell)
    for row in vectors.MAGNETIC.values():
        vectors.test_a_row_on_coils_passes_and_trips_as_the_evidence_says(*row)
    for row in vectors.ELECTRIC.values():
        vectors.test_a_row_on_electrodes_passes_and_trips_as_the_evidence_says(*row)


def read_vectors() -> None:
    """Read the documents of the evidence once; a forked process does it, so that the package is not imported here."""
    with tempfile.TemporaryFile() as file:
        child = os.fork()
        if not child:
            import test_safety_vectors as vectors

            trees = [row[0] for table in (vectors.MAGNETIC, vectors.ELECTRIC) for row in table.values()]
            file.write(pickle.dumps({json.dumps(tree): vectors.read_protocol(tree) for tree in trees}))
            file.flush()
            os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        READ.update(pickle.loads(file.read()))


def preload() -> None:
    """Import what the tests need, without the package under test."""
    os.chdir(ROOT)
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    sys.path.insert(0, str(ROOT / "tests"))
    import jsonschema  # noqa: F401
    import pytest  # noqa: F401

    import stimplan.protocol
    from stimplan.sites import known_sites, materials

    known_sites(), materials(), stimplan.protocol.schema()
    read_vectors()
    assert not [name for name in sys.modules if name.startswith("stimplan.safety")]


def code_survivors(paths: list[Path], workers: int) -> tuple[int, list[str]]:
    """Number of mutants, and those that no test noticed."""
    todo = [(path, text, tree) for path in paths for text, tree in mutants(path)]
    running: dict[int, str] = {}
    survivors: list[str] = []
    start = time.monotonic()
    for number, (path, text, tree) in enumerate(todo, start=1):
        while len(running) >= workers:
            survivors += _wait(running)
        running[run_tests(path, tree)] = text
        if number % 10 == 0:
            print(f"  {number}/{len(todo)}, {len(survivors)} survived, {time.monotonic() - start:.0f} s", flush=True)
    while running:
        survivors += _wait(running)
    return len(todo), survivors


def _is_noticed(path: Path, tree: ast.Module) -> bool:
    return os.waitpid(run_tests(path, tree), 0)[1] != 0


def _wait(running: dict[int, str]) -> list[str]:
    child, status = os.wait()
    text = running.pop(child)
    if status == 0:
        print(f"  SURVIVED {text}", flush=True)
    return [text] if status == 0 else []


def data_survivors() -> tuple[int, list[str]]:
    """Number of changes to limits, cells and operators of the rules, and those that nothing notices."""
    import attrs
    import test_safety_tables as typed

    from stimplan.safety import load_rules

    flips = {"<=": "< >= >", "<": "<= > >=", ">=": "> <= <", ">": ">= < <="}
    count, survivors = 0, []
    for rule in load_rules().rules:
        expected = [vector.expect for vector in rule.vectors]
        for name, statement in (("must", rule.must), *((f"if {n}", c) for n, c in enumerate(rule.applies_if))):
            changes = [attrs.evolve(statement, op=op) for op in flips.get(statement.op, "").split()]
            step = 1.0 if not statement.display_unit and name != "must" else 0.0  # a count is wrong by one
            for end, limit in enumerate(statement.limits):
                for sign in (1, -1):
                    moved = limit + sign * (step or limit * 1e-3 or 1e-3)
                    limits = tuple(moved if i == end else other for i, other in enumerate(statement.limits))
                    changes.append(attrs.evolve(statement, limits=limits))
            for change in changes:
                count += 1
                other = _with(rule, name, change)
                if [other.judge(dict(vector.given).get) for vector in rule.vectors] == expected:
                    survivors.append(f"{rule.id} {name}: {change.op} {change.limits}")
        if rule.table:
            count += 2 * sum(map(len, rule.table.cells))
            survivors += _loose_cells(rule, typed)
    return count, survivors


def _with(rule, name, change):
    import attrs

    if name == "must":
        return attrs.evolve(rule, must=change)
    number = int(name.removeprefix("if "))
    conditions = tuple(change if i == number else c for i, c in enumerate(rule.applies_if))
    return attrs.evolve(rule, applies_if=conditions)


def _loose_cells(rule, typed) -> list[str]:
    """Cells that the tables typed in the tests do not pin."""
    limits = [cell.limit for row in rule.table.cells for cell in row]
    if rule.id in typed.TABLES:
        wanted = [float(cell.lstrip(">")) for row in typed.TABLES[rule.id][0].values() for cell in row]
    else:
        wanted = list(typed.RAPID2.get(rule.id, [0.007, 0.014]))
    return [] if limits == wanted else [f"{rule.id}: cells {limits} are not pinned by {wanted}"]


def main() -> int:
    """Run both kinds of mutants; 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", action="append", help="name of a file of stimplan/safety; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the mutants of the code and stop")
    options = parser.parse_args()
    paths = sorted(PACKAGE.glob("*.py"))
    if options.only:
        paths = [path for path in paths if path.name in options.only]
    if options.list:
        print("\n".join(text for path in paths for text, _ in mutants(path)))
        return 0
    preload()
    if _is_noticed(paths[0], ast.parse(paths[0].read_text(encoding="utf-8"))):
        print("the tests fail without any change; a mutation run would mean nothing")
        return 2
    count, survivors = code_survivors(paths, options.workers)
    known = [text for text in survivors if any(text.startswith(f"{n}:") and c in text for n, c in EQUIVALENT)]
    print(f"code: {count} mutants, {len(survivors)} survived, {len(known)} of them equivalent")
    data_count, data_left = data_survivors()
    print(f"rules: {data_count} mutants, {len(data_left)} survived")
    for text in [*survivors, *data_left]:
        print("  ", text)
    return 1 if len(survivors) > len(known) or data_left else 0


if __name__ == "__main__":
    sys.exit(main())
