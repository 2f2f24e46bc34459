"""A name or a path where a value is expected is looked up, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs import plan
from spheres import ball

import stimplan as sp
from stimplan.errors import InputError, ProtocolError


def test_a_check_takes_what_read_protocol_takes(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(plan()), encoding="utf-8")
    assert sp.check("select-tdcs") == sp.check(sp.read_protocol("select-tdcs"))
    assert sp.check(path) == sp.check(str(path)) == sp.check(plan()) == sp.check(sp.read_protocol(path))


def test_a_placement_takes_what_read_protocol_takes():
    tree = plan()
    tree["stimulation"]["electrodes"] = [
        {**electrode, "site": {"position_mm": place}}
        for electrode, place in zip(tree["stimulation"]["electrodes"], ([92, 0, 0], [0, 92, 0]), strict=True)
    ]
    assert sp.place(tree, ball()).protocol_digest == sp.read_protocol(tree).digest


@pytest.mark.parametrize("use", [sp.check, lambda one: sp.place(one, ball())])
@pytest.mark.parametrize("wrong, words", [
    ("selct-tdcs", "did you mean 'select-tdcs'"), ("none.json", "no such file"), (Path("none.json"), "no such file"),
    ("", "neither a file nor a protocol"),
])  # fmt: skip
def test_what_is_no_protocol_is_refused_in_words(use, wrong, words):
    with pytest.raises(ProtocolError, match=words):
        use(wrong)


@pytest.mark.parametrize("wrong", [None, 7, []])
def test_what_cannot_be_a_protocol_is_refused_in_words(wrong):
    with pytest.raises(ProtocolError, match="cannot read a protocol from a"):
        sp.check(wrong)
    with pytest.raises(InputError, match="expected a protocol, a library id or a path"):
        sp.place(wrong, ball())


@pytest.mark.parametrize("head", ["colin27", None, 3])
def test_what_is_no_head_is_refused_in_words(head):
    with pytest.raises(InputError, match=r"expected a HeadModel; stimplan[.]load_head"):
        sp.place("select-tdcs", head)
