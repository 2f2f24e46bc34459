"""Make docs/safety-case.md: hazard -> risk control -> rule -> test -> citation, from the files that hold them.

    python tools/make_safety_case.py            write it
    python tools/make_safety_case.py --check    exit code 1 where it is not up to date

Nothing is typed here but headings. Hazards and requirements are in safety/hazards.json, rules in safety/rules,
safety/screening and stimplan/ledger/rules.json, tests in tests/, packages in pyproject.toml and their metadata.
A hazard, rule or test that is named and does not exist is an error, and so is a rule that no requirement names.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import platform
import re
import sqlite3
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import attrs
import jsonschema

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "safety-case.md"
_KINDS = {"dose": "Rules about the dose", "person": "Rules about the person", "ledger": "Rules about the history"}
_ACCESS = {"read": "read", "secondary": "read in a text that quotes it", "recalled": "from memory"}

Soup = Mapping[str, tuple[str, str]]  # package -> version, licence


@attrs.frozen
class RuleLine:
    """What the document says about one rule."""

    id: str
    kind: str
    version: str
    severity: str
    title: str
    limit: str
    vectors: int
    citation: str
    access: str
    verified_by: str | None


class BrokenTrace(Exception):
    """Something that is named does not exist, or something that exists is not named."""


def known_rules() -> tuple[RuleLine, ...]:
    """Every rule of the program, in the order of its files."""
    from stimplan.ledger.rules import ledger_rules
    from stimplan.safety import load_rules
    from stimplan.safety.screening_rules import load_screening

    rules = load_rules().rules
    lines = [_line(one, "dose", one.severity, one.must.limit_text, len(one.vectors)) for one in rules]
    for one in load_screening().rules:
        lines.append(_line(one, "person", " / ".join(dict.fromkeys(s for _, s in one.profiles)), one.limit_text(), 0))
    sources = {one.id: one for one in rules}
    for own in _listed(ledger_rules()):
        if own.from_rule:
            lines.append(attrs.evolve(_line(sources[own.from_rule], "ledger", own.severity, f"of {own.from_rule}", 0),
                                      id=own.id, title=own.title, version=own.version))  # fmt: skip
        else:
            cited = own.citation
            where = _citation(cited["text"], cited.get("locator"), cited.get("doi"))
            lines.append(RuleLine(own.id, "ledger", own.version, own.severity, own.title, "of the plan", 0, where,
                                  cited["access"], None))  # fmt: skip
    return tuple(lines)


def _listed(rules: Any) -> Iterable[Any]:
    return rules.values() if isinstance(rules, Mapping) else rules


def _line(rule: Any, kind: str, severity: str, limit: str, vectors: int) -> RuleLine:
    cited = rule.citation
    where = _citation(cited.text, cited.locator, cited.doi)
    return RuleLine(rule.id, kind, rule.version, severity, rule.title, limit, vectors, where, cited.access,
                    cited.verified_by)  # fmt: skip


def _citation(text: str, locator: str | None, doi: str | None) -> str:
    parts = [text, *([locator] if locator else []), *([f"doi:{doi}"] if doi else [])]
    return ", ".join(parts)


def known_tests(folder: Path = ROOT / "tests") -> frozenset[str]:
    """Every test, as `tests/file.py::function`."""
    found = set()
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"tests/{path.name}::{node.name}")
    return frozenset(found)


def read_hazards(path: Path = ROOT / "safety" / "hazards.json") -> dict[str, Any]:
    """The hazards, held against their schema.

    Raises
    ------
    BrokenTrace
        Every place that does not fit.
    """
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "safety" / "schema" / "hazards-1.schema.json").read_text(encoding="utf-8"))
    faults = [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(schema).iter_errors(data)
    ]
    if faults:
        raise BrokenTrace("\n".join(faults))
    return data


def problems(data: Mapping[str, Any], rules: Iterable[str], tests: Iterable[str]) -> list[str]:
    """Everything in the trace that is broken, one sentence each.

    Parameters
    ----------
    data : mapping
        As `read_hazards` gives it.
    rules, tests : iterable of str
        Ids of the rules and names of the tests that exist.
    """
    rules, tests = list(rules), set(tests)
    wanted = data["requirements"]
    ids = [one["id"] for one in (*wanted, *data["hazards"])]
    found = [f"{name} is there more than once" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for one in wanted:
        found += [
            f"{one['id']} names the rule {p!r}, which is not there" for p in one["rules"] if not matching(p, rules)
        ]
    named = [(one["id"], test) for one in wanted for test in one["tests"]]
    named += [(f"rule_tests.{kind}", test) for kind, group in data["rule_tests"].items() for test in group]
    found += [f"{where} names the test {test!r}, which is not there" for where, test in named if test not in tests]
    controls = [(one["id"], control) for one in data["hazards"] for control in one["controls"]]
    known = {one["id"] for one in wanted}
    found += [
        f"{where} names {control!r}, which is no requirement" for where, control in controls if control not in known
    ]
    used = {control for _, control in controls}
    found += [f"{name} controls no hazard" for name in sorted(known - used)]
    carried = {rule for one in wanted for pattern in one["rules"] for rule in matching(pattern, rules)}
    found += [f"the rule {rule} belongs to no requirement" for rule in rules if rule not in carried]
    return found


def matching(pattern: str, rules: Iterable[str]) -> list[str]:
    """Rules that a name, or a name with a star, stands for."""
    return [rule for rule in rules if fnmatch.fnmatchcase(rule, pattern)]


def dependencies() -> dict[str, str]:
    """The packages the program needs, with the versions it asks for, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for line in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        assert name, line
        found[name[0]] = line[len(name[0]) :].strip()
    return found


def installed(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Version and licence of packages, from their metadata."""
    return {name: (metadata(name)["Version"], licence_of(metadata(name))) for name in names}


def licence_of(data: Any) -> str:
    """Licence as the package states it: expression, else classifier, else the first line of its text."""
    classifiers = [line.split(" :: ")[-1] for line in data.get_all("Classifier") or () if line.startswith("License ::")]
    expression, words = data.get("License-Expression"), data.get("License") or ""
    named = [name for name in classifiers if name != "OSI Approved"]
    return expression or ", ".join(named) or words.strip().split("\n")[0][:60] or "not stated"


def soup_in(text: str) -> dict[str, tuple[str, str]]:
    """Versions and licences a document was made with, read back from its table."""
    rows = re.findall(r"^\| `([^`]+)` \| [^|]* \| ([^|]*) \| ([^|]*) \|", text, flags=re.MULTILINE)
    return {name: (version.strip(), licence.strip()) for name, version, licence in rows}


def render(data: Mapping[str, Any], rules: Sequence[RuleLine], soup: Soup) -> str:
    """The document."""
    parts = [
        _introduction(data),
        _hazards(data),
        _controls(data, [rule.id for rule in rules]),
        _rules(data, rules),
        _units(),
        _not_judged(),
        _soup(soup),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _introduction(data: Mapping[str, Any]) -> str:
    from stimplan.notice import NOTICE

    words = "\n".join(f"* **{word}**: {means}" for word, means in data["severity_words"].items())
    return f"""# Safety case

Made by `tools/make_safety_case.py`; do not edit. Version {data["version"]} of `safety/hazards.json`.

{_review(data)}
> {NOTICE}

{data["note"]}

The words are those of ISO 14971 (hazard, sequence of events, hazardous situation, harm, risk control, verification,
residual risk) and IEC 62304 (requirement, software of unknown provenance). The program is no medical device and claims
no conformity with either; it is planned as if its software safety class were B: a warning that is missed can lead to an
injury that is not serious, behind the controls outside the software (staff, stimulator, ethics approval).

Severity of the harm:

{words}

Verification of a risk control is the tests that are named with it; they run on every change of the program.
"""


def _review(data: Mapping[str, Any]) -> str:
    """Whether a person has reviewed it, and where a reviewer signs; nobody is not passed over."""
    if data["reviewed_by"]:
        return f"**Reviewed by {data['reviewed_by']}**, version {data['version']}.\n"
    return (
        "**Not yet reviewed by a person.** Hazards, severities, risk controls and residual risks below are a proposal "
        "of the authors. Whoever reviews them signs here on a copy, and writes the same line into `reviewed_by` of "
        "`safety/hazards.json`; until then this paragraph stays.\n\n"
        + _table(
            ("Reviewed by (name)", "Role", "Version reviewed", "Date", "Signature"), [("", "", data["version"], "", "")]
        )
    )


def _hazards(data: Mapping[str, Any]) -> str:
    texts = ["## Hazards\n"]
    wanted = {one["id"]: one for one in data["requirements"]}
    for one in data["hazards"]:
        controls = "\n".join(f"  * {_link(name)}: {wanted[name]['text']}" for name in one["controls"])
        texts.append(
            f"### {one['id']} {one['hazard']}\n\n"
            f"* **Sequence of events**: {one['sequence_of_events']}\n"
            f"* **Hazardous situation**: {one['hazardous_situation']}\n"
            f"* **Harm**: {one['harm']} ({one['severity']})\n"
            f"* **Risk control**:\n{controls}\n"
            f"* **Residual risk**: {one['residual_risk']}\n"
        )
    return "\n".join(texts)


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _controls(data: Mapping[str, Any], rules: Sequence[str]) -> str:
    texts = ["## Requirements: the risk controls and their verification\n"]
    for one in data["requirements"]:
        hazards = ", ".join(h["id"] for h in data["hazards"] if one["id"] in h["controls"])
        carried = sorted({rule for pattern in one["rules"] for rule in matching(pattern, rules)})
        tests = "\n".join(f"  * `{test}`" for test in one["tests"])
        rule_line = f"* **Rules**: {', '.join(carried)}\n" if carried else ""
        texts.append(f"### {one['id']}\n\n{one['text']}\n\n* **Kind**: {one['kind']}\n* **Controls**: {hazards}\n"
                     f"{rule_line}* **Verification**:\n{tests}\n")  # fmt: skip
    return "\n".join(texts)


def _rules(data: Mapping[str, Any], rules: Sequence[RuleLine]) -> str:
    unverified = sum(rule.verified_by is None for rule in rules)
    texts = [
        "## Rules and their sources\n\nEach rule is the requirement `REQ-RULE-<id>`: what it compares is compared, "
        f"and the outcome is a finding. {len(rules)} rules, {unverified} of them not yet compared with their source "
        "by a person.\n"
    ]
    for kind, heading in _KINDS.items():
        tests = "\n".join(f"* `{test}`" for test in data["rule_tests"][kind])
        texts.append(f"### {heading}\n\nVerified for each of them by:\n\n{tests}\n")
        columns = ("Requirement", "Version", "Severity", "What", "Limit", "Examples", "Citation", "Known", "Hazards")
        rows = [
            (f"REQ-RULE-{rule.id}", rule.version, rule.severity, rule.title, rule.limit or "–", rule.vectors or "–",
             rule.citation, _known(rule), _hazards_of(data, rule.id))
            for rule in rules if rule.kind == kind
        ]  # fmt: skip
        texts.append(_table(columns, rows))
    return "\n".join(texts)


def _known(rule: RuleLine) -> str:
    checked = f", compared by {rule.verified_by}" if rule.verified_by else ""
    return _ACCESS[rule.access] + checked


def _hazards_of(data: Mapping[str, Any], rule: str) -> str:
    own = {one["id"] for one in data["requirements"] if any(matching(pattern, [rule]) for pattern in one["rules"])}
    return ", ".join(one["id"] for one in data["hazards"] if own & set(one["controls"]))


def _units() -> str:
    from stimplan import units

    rows = [(f"`{suffix}`", f"`{si}`", str(factor) if factor.denominator < 10**7 else "π/180, to 50 digits")
            for suffix, (si, factor) in units._TO_SI.items()]  # fmt: skip
    return (
        "## Unit policy\n\nA key in a file ends in its unit, an attribute inside in its SI unit; a number without a "
        "unit is a pure number. `stimplan.units` is the only module that converts, by exact fractions rounded once, so "
        "that a value that is written and read again is the same to the last bit. Limits are stored in the unit their "
        "source prints and converted once. What people read has its unit beside it.\n\n"
        + _table(("In files", "Inside", "Times"), rows)
    )


def _not_judged() -> str:
    from stimplan.safety import load_rules
    from stimplan.safety.quantities import QUANTITIES
    from stimplan.safety.screening import NOT_JUDGED

    notes: dict[str, list[str]] = {}
    for note in load_rules().not_judged:
        notes.setdefault(note.text, []).extend(one for one in note.modality if one not in notes.get(note.text, ()))
    lines = [f"* {text} ({', '.join(modalities)})" for text, modalities in notes.items()]
    lines += [f"* {text}" for text in NOT_JUDGED]
    fields = [rule for rule in load_rules().rules if any(QUANTITIES[name].scope == "field" for name in rule.quantities)]
    lines += [f"* {rule.id}, {rule.title.lower()}: without a simulated field" for rule in fields]
    return (
        "## What the program does not judge\n\nEvery report lists what applies to its protocol.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _soup(soup: Soup) -> str:
    asked = dependencies()
    rows = [(f"`{name}`", asked[name] or "any", *soup.get(name, ("not installed", "not known"))) for name in asked]
    for name in ("Python", "SQLite"):
        rows.append((f"`{name}`", ">=3.11" if name == "Python" else "of Python", *soup.get(name, ("", ""))))
    return (
        "## Software of unknown provenance\n\nPackages the program is built on, from `pyproject.toml`; versions and "
        "licences are those this document was made with, from the packages' own metadata. `stimplan doctor` says which "
        "are installed. Their known faults are not followed by this project.\n\n"
        + _table(("Package", "Asked for", "Version", "Licence"), rows)
    )


def present_soup() -> dict[str, tuple[str, str]]:
    """Versions and licences on this machine."""
    return {
        **installed(dependencies()),
        "Python": (platform.python_version(), "PSF-2.0"),
        "SQLite": (sqlite3.sqlite_version, "public domain"),
    }


def make(*, soup: Soup | None = None) -> str:
    """The document as it has to be.

    Parameters
    ----------
    soup : mapping, optional
        Versions and licences; those of this machine if left out.

    Raises
    ------
    BrokenTrace
        Something that is named does not exist, or a rule or requirement hangs in the air.
    """
    data, rules = read_hazards(), known_rules()
    found = problems(data, [rule.id for rule in rules], known_tests())
    if found:
        raise BrokenTrace("\n".join(found))
    return render(data, rules, present_soup() if soup is None else soup)


def main(args: Sequence[str]) -> int:
    """Write the document, or only say whether it is up to date."""
    try:
        if "--check" not in args:
            OUT.write_text(make(), encoding="utf-8", newline="\n")
            print(OUT.relative_to(ROOT))
            return 0
        text = OUT.read_text(encoding="utf-8")
        is_current = make(soup=soup_in(text)) == text
    except BrokenTrace as error:
        print(error, file=sys.stderr)
        return 1
    print("up to date" if is_current else f"{OUT.relative_to(ROOT)} is not up to date: python {' '.join(sys.argv[:1])}")
    return 0 if is_current else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
