"""The tutorials are run as they stand, and the pages made from the program hold what the program knows."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from stimplan.cli import run

DOCS = Path(__file__).resolve().parent.parent / "docs"
TUTORIALS = sorted(path for path in (DOCS / "tutorials").glob("*.md") if path.name != "index.md")
QUICK = {"check-a-session.md"}


def blocks(text):
    """(language, content) of each fenced block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(block):
    """(arguments, exit code, expected lines) of each command of a console block."""
    for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        line, _, rest = part.partition("\n")
        code = re.search(r"#\s*exit (\d)\s*$", line)
        yield shlex.split(line, comments=True), int(code[1]) if code else 0, [one for one in rest.splitlines() if one]


def squeezed(text):
    return " ".join(text.split())


def pattern(line):
    return r".*?".join(re.escape(squeezed(part)) for part in line.split("…"))


def run_console(block):
    for words, code, expected in commands(block):
        assert words[0] == "stimplan", words
        out, err = io.StringIO(), io.StringIO()
        assert run(words[1:], stdout=out, stderr=err) == code, f"{words}\n{out.getvalue()}\n{err.getvalue()}"
        said, at = squeezed(out.getvalue()), 0
        for line in expected:
            found = re.compile(pattern(line), re.DOTALL).search(said, at)
            assert found, f"{words}: {line!r} is not in\n{out.getvalue()}"
            at = found.end()


@pytest.mark.parametrize(
    "tutorial",
    [pytest.param(p, id=p.name, marks=[] if p.name in QUICK else [pytest.mark.slow]) for p in TUTORIALS],
)
def test_a_tutorial_runs_and_prints_what_it_says(tutorial, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for language, content in blocks(tutorial.read_text(encoding="utf-8")):
        if language == "console":
            run_console(content)
        elif language == "python":
            exec(compile(content, tutorial.name, "exec"), names)
        elif language == "json":
            json.loads(content)
            Path("answers.json").write_text(content, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["from-simnibs.md", "from-roast.md"])
def test_the_code_for_people_from_other_programs_runs(name):
    for language, content in blocks((DOCS / name).read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(content, name, "exec"), {})


def test_a_tutorial_that_promises_too_much_fails():
    with pytest.raises(AssertionError, match="is not in"):
        run_console("$ stimplan check select-tdcs\nSafety verdict: PASS\n")
    with pytest.raises(AssertionError):
        run_console("$ stimplan check no-such-protocol\n")


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_name_every_command_rule_protocol_and_key(generate, tmp_path):
    from stimplan.cli import command_parsers
    from stimplan.protocol import list_protocols
    from stimplan.resources import data_path
    from stimplan.safety import load_rules

    pages = {path.stem: path.read_text(encoding="utf-8") for path in generate.write_pages(tmp_path)}
    assert all(f"## stimplan {name}\n" in pages["commands"] for name in command_parsers())
    assert all(f"`{rule.id}`" in pages["rules"] for rule in load_rules().rules)
    assert all(f"`{one.id}`" in pages["library"] for one in list_protocols())
    schema = json.loads(data_path("protocols", "schema", "protocol-2.schema.json").read_text(encoding="utf-8"))
    for part in (schema, *schema["$defs"].values()):
        for key in part.get("properties", {}):
            assert f"`{key}`" in pages["format-protocol"], key
    assert re.search(r"\| `current_mA` \|[^|]*\| mA \|", pages["format-protocol"])


def test_every_link_between_the_pages_leads_somewhere():
    generated = {"commands", "rules", "library", "format-protocol"}
    for page in [*DOCS.glob("*.md"), *DOCS.glob("tutorials/*.md"), *DOCS.glob("reference/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            is_made = path.parent.name == "generated" and path.stem in generated
            is_example = path.parent.name == "examples" and (DOCS.parent / "examples" / f"{path.name}.py").is_file()
            assert is_made or is_example or path.is_file(), f"{page.name}: {target}"


def test_the_physics_page_names_checks_that_exist():
    text = (DOCS / "physics.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|benchmarks)/[\w.]+)`", text)
    assert len(named) > 6
    assert all((DOCS.parent / name).is_file() for name in named if name.startswith("tests"))
