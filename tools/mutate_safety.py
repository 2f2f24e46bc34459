"""Change the safety engine and its rules in small ways, one at a time, and see whether a test notices.

    python tools/mutate_safety.py [--workers 2] [--only rules.py] [--data] [--list]

Code: every comparison (each other operator of its family), + - * /, `and`/`or`, `not`, numbers and True/False of the
modules the rules are judged by. A mutant runs the tests of the safety rules in a forked process, the quickest first,
until one fails; one that no test notices survives and is printed. One that uses more than CPU_SECONDS is noticed too,
and counted. Data: every limit and cell by one part in a thousand, every operator; noticed by the rule's own vectors or
by the tables typed in tests/test_safety_tables.py.

Exit code 1 where something survived that is not listed in tools/mutants_equivalent.json, or something listed there
is no mutant any more.
"""

from __future__ import annotations

import argparse
import ast
import copy
import dataclasses
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
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import plain_tests

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "stimplan" / "safety"
EQUIVALENT = ROOT / "tools" / "mutants_equivalent.json"
MODULES = """
    engine rules tables cases quantities course_quantities electric_quantities magnetic_quantities pulse_quantities
    table_reading loading reader profiles in_force values
""".split()  # noqa: SIM905
SCREENING = """
    distances implants person forms drugs site_policy personal screening screening_rules subject subject_file simulated
""".split()  # noqa: SIM905
SCREENING_TESTS = """
    test_simulated test_screening_implants test_screening_policy test_subject test_drugs test_screening
""".split()  # noqa: SIM905
TESTS = [f"test_safety{name}" for name in ("_rules", "_tables", "_vectors", "", "_tms", "_alternating", "_engine")]
FIRST = {
    "rules": ("_rules",),
    "electric_quantities": ("", "_alternating"),
    "magnetic_quantities": ("_tms",),
    "pulse_quantities": ("_tms",),
    "course_quantities": ("_alternating",),
    "table_reading": ("_tables",),
    "loading": ("_rules",),
    "reader": ("_rules",),
    "profiles": ("_tms",),
    "values": ("",),
}
# Slow and about other things, or through the command line, which has its own tests.
SKIP = (
    "shipped_protocol",
    "quick",
    "become_a_subject",
    "without_a_pseudonym",
    "are_listed_where",
    "is_told_what",
    "command_line",
)
CPU_SECONDS = 40
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


class Sites(ast.NodeVisitor):
    """Every place of a module that can be changed, and how; docstrings and annotations are left alone."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str, object]] = []
        self.functions: dict[ast.AST, str] = {}
        self.inside = ""

    def visit(self, node: ast.AST) -> None:
        self.functions[node] = self.inside
        super().visit(node)

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
        outside, self.inside = self.inside, node.name
        self.visit(node.args)
        for inner in (*node.decorator_list, *node.body):
            self.visit(inner)
        self.inside = outside


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change: file, line, function, what was changed, and the changed module."""

    path: Path
    line: int
    function: str
    change: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.function}: {self.change}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Name in the list of equivalent changes, which no new line above makes stale."""
        return self.path.name, self.function, self.change


def mutants(path: Path) -> Iterator[Mutant]:
    """Every change of a file."""
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
        yield Mutant(
            path, node.lineno, sites.functions[node], f"{before} -> {after}", ast.fix_missing_locations(changed)
        )


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
    code = 1
    try:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, Changed(path, tree))
        if path.stem not in SCREENING:
            quick_tests()
        plain_tests.run(_in_order(path), skip=SKIP)
        code = 0
    finally:
        os._exit(code)


def _in_order(path: Path) -> list[str]:
    """The tests, those about a module first: most of its mutants are noticed there."""
    if path.stem in SCREENING:
        return SCREENING_TESTS
    if path.stem in ("in_force", "engine"):  # joins the rules of both kinds
        return [*SCREENING_TESTS, *TESTS]
    first = FIRST.get(path.stem, ("_vectors",))
    return sorted(TESTS, key=lambda name: name.removeprefix("test_safety") not in first)


def quick_tests() -> None:
    """Part of the same tests: most changes are noticed here, in a fraction of a second."""
    import test_safety_rules as rules
    import test_safety_tables as tables

    for rule in rules.RULES:
        rules.test_every_vector_of_a_rule_has_the_outcome_it_promises(rule)
        rules.test_a_rule_never_passes_what_is_not_a_finite_number(rule)
    for cell in tables.CELLS:
        tables.test_a_cell_holds_at_its_limit_and_breaks_one_ulp_past_it(*cell)
        tables.test_just_above_a_row_or_a_column_the_next_one_holds(*cell)


def remember_protocols() -> None:
    """Read every document of the tests once, in a forked process: the package under test is not imported here.

    The same run compiles the tests for all that follow, and must pass.
    """
    import stimplan.protocol as package

    read, known = package.read_protocol, {}

    def remembered(source):
        name = json.dumps(source) if isinstance(source, dict) else None
        if name is None:
            return read(source)
        if name not in known:
            known[name] = read(source)
        return known[name]

    package.read_protocol = remembered
    with tempfile.TemporaryFile() as file:
        child = os.fork()
        if not child:
            code = 1
            try:
                plain_tests.run([*TESTS, *SCREENING_TESTS], skip=SKIP)
                file.write(pickle.dumps(known))
                file.flush()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        if os.waitpid(child, 0)[1]:
            sys.exit("the tests fail without any change; a mutation run would mean nothing")
        file.seek(0)
        known.update(pickle.loads(file.read()))


def preload(folder: str) -> None:
    """Import what the tests need, without the package under test; bytecode goes to `folder`."""
    os.chdir(ROOT)
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.dont_write_bytecode, sys.pycache_prefix = False, folder
    import jsonschema  # noqa: F401
    import pytest  # noqa: F401

    import stimplan.protocol
    from stimplan.sites import known_sites, materials

    known_sites(), materials(), stimplan.protocol.schema()
    remember_protocols()
    assert not [name for name in sys.modules if name.startswith("stimplan.safety")]


def code_survivors(paths: list[Path], workers: int, match: str) -> tuple[dict[str, Counter], list[Mutant]]:
    """For each file the number of mutants by how they ended, and those that no test noticed."""
    running: dict[int, Mutant] = {}
    counts: dict[str, Counter] = {path.name: Counter() for path in paths}
    survivors: list[Mutant] = []

    def wait() -> None:
        child, status = os.wait()
        mutant = running.pop(child)
        end = "survived" if status == 0 else "out of time" if os.WIFSIGNALED(status) else "noticed"
        counts[mutant.path.name][end] += 1
        if status == 0:
            survivors.append(mutant)
            print(f"  survived {mutant}", flush=True)

    for path in paths:
        start = time.monotonic()
        for mutant in (one for one in mutants(path) if match in str(one)):
            while len(running) >= workers:
                wait()
            running[run_tests(path, mutant.tree)] = mutant
        while running:
            wait()
        print(f"{path.name}: {dict(counts[path.name])}, {time.monotonic() - start:.0f} s", flush=True)
    return counts, survivors


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


def equivalents() -> dict[tuple[str, str, str], str]:
    """Changes that no input can tell from the original, each with the reason why."""
    rows = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return {(row["file"], row["function"], row["change"]): row["reason"] for row in rows}


def main() -> int:
    """Run both kinds of mutants; 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", action="append", help="name of a file of stimplan/safety; may be repeated")
    parser.add_argument("--match", default="", help="only mutants whose line of text contains this")
    parser.add_argument("--data", action="store_true", help="change the rules only, not the code")
    parser.add_argument("--list", action="store_true", help="print the mutants of the code and stop")
    options = parser.parse_args()
    paths = [PACKAGE / name for name in options.only or [f"{name}.py" for name in (*MODULES, *SCREENING)]]
    if options.list:
        print("\n".join(str(mutant) for path in paths for mutant in mutants(path)))
        return 0
    known = {key: reason for key, reason in equivalents().items() if key[0] in {path.name for path in paths}}
    stale = set(known) - {mutant.key for path in paths for mutant in mutants(path)}
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        preload(folder)
        if not options.data:
            counts, survivors = code_survivors(paths, options.workers, options.match)
            total = sum(counts.values(), Counter())
            print(f"code: {total.total()} mutants, {dict(total)}; listed as equivalent: {len(known)}")
        data_count, data_left = (0, []) if options.only and not options.data else data_survivors()
        print(f"rules: {data_count} mutants, {len(data_left)} survived")
    left = [str(mutant) for mutant in survivors if mutant.key not in known]
    print("\n".join([*(f"  {text}" for text in (*left, *data_left)), *(f"  no such mutant: {key}" for key in stale)]))
    return 1 if left or data_left or stale else 0


if __name__ == "__main__":
    sys.exit(main())
