"""What a notebook shows of a value: small, escaped, and made without heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest
from pages import Page
from runs import plan, small_run, stopped_plan

from stimplan.protocol import list_protocols, read_protocol
from stimplan.safety import check

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def shown(value):
    html = value._repr_html_()
    page = Page(html)
    assert len(html) < 8000 and not {"script", "img", "link", "iframe", "style"} & set(page.tags) and page.loads == []
    return page.text


def test_a_protocol_shows_what_is_delivered():
    text = shown(read_protocol("select-tdcs"))
    for words in ("SELECT-TDCS", "F3 +2 mA", "F4 −2 mA", "30 min", "12", "Brunoni"):
        assert words in text


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda entry: entry.id)
def test_every_protocol_of_the_library_can_be_shown(entry):
    assert entry.id in shown(read_protocol(entry.id))


def test_a_report_shows_its_verdict_and_all_that_is_no_pass():
    report = check(read_protocol(stopped_plan()))
    text = shown(report)
    assert "safety verdict: stop" in text
    open_ones = [one for one in report.findings if one.status != "pass"]
    for one in open_ones[:12]:
        assert one.title in text and one.rule_id in text and (not one.value_text or one.value_text in text)
    assert text.index("stop") < text.index("rules held")
    assert f"{len(report.findings) - len(open_ones)} rules held" in text


def test_a_montage_on_a_head_shows_where_each_electrode_lies():
    text = shown(small_run().placement)
    assert "F3" in text and "+2 mA" in text and "on head small" in text and "cm²" in text


def test_a_field_shows_percentiles_by_volume_of_each_tissue():
    field = small_run().field
    text = shown(field)
    assert "gray matter" in text and "scalp" in text and field.digest[:16] in text
    assert f"{small_run().metrics.p999_V_per_m:.3g} V/m" in text
    assert f"{small_run().metrics.median_V_per_m:.3g} V/m" in text


def test_names_from_files_are_only_text():
    tree = plan(title=HOSTILE)
    tree["target"]["label"] = HOSTILE
    assert HOSTILE in shown(read_protocol(tree))
    report = small_run().report
    bad = attrs.evolve(report.findings[0], status="warn", title=HOSTILE, citation=HOSTILE, value_text=HOSTILE)
    assert HOSTILE in shown(attrs.evolve(report, findings=(bad,)))
    placement = small_run().placement
    assert HOSTILE in shown(attrs.evolve(placement, head=attrs.evolve(placement.head, name=HOSTILE)))


def test_many_electrodes_are_counted_and_not_all_shown():
    placement = small_run().placement
    text = shown(attrs.evolve(placement, electrodes=placement.electrodes * 10))
    assert "and 8 more" in text


def test_showing_a_protocol_loads_no_array_or_picture_library():
    code = (
        "import sys, stimplan as sp; sp.check(sp.read_protocol('select-tdcs'))._repr_html_();"
        "sp.read_protocol('select-tdcs')._repr_html_();"
        "assert not {'pyvista', 'matplotlib', 'mne', 'vtk'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
