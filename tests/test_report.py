"""The record of a run and the page made from it."""

from __future__ import annotations

import copy
import json
import math

import attrs
import numpy as np
import pytest
from pages import Page
from runs import plan, small_head, small_run, stopped_plan

import stimplan
from stimplan.notice import NOTICE
from stimplan.pipeline import run
from stimplan.report import json_text, plain, render
from stimplan.report.page import CAPTIONS
from stimplan.safety.values import Finding

PNG = b"\x89PNG not a picture"


def record(**changes):
    data = copy.deepcopy(small_run().record())
    data.update(changes)
    return data


def finding(status, **changes):
    values = {
        "rule_id": "X-1", "rule_version": "1", "status": status, "severity": "justify", "quantity": "current_A",
        "value": 0.01, "limit": 0.004, "unit": "A", "value_text": "10 mA", "limit_text": "4 mA", "title": "Too much",
        "message": "It is too much.", "citation": "Somebody 2000", "doi": "10.1000/xyz", "locator": "Table 1",
        "access": "recalled", "basis": "observed_envelope", "censored": True, "place": "F3",
    }  # fmt: skip
    return Finding(**{**values, **changes}).record()


def with_findings(*findings):
    data = record()
    data["safety"]["findings"] = list(findings)
    return data


# the page


def test_every_finding_is_on_the_page_with_its_numbers_and_its_source():
    page = Page(render(record(), {}))
    for one in small_run().report.findings:
        assert one.title in page.text and one.rule_id in page.text
        assert one.value_text in page.text and one.limit_text in page.text
        assert one.citation in page.text
        if one.doi:
            assert f"https://doi.org/{one.doi}" in page.links


@pytest.mark.parametrize("status", ["stop", "warn", "unknown"])
def test_what_is_not_a_pass_stands_before_the_montage_with_its_access(status):
    page = Page(render(with_findings(finding(status)), {}))
    first = page.text.split("In short")[0]
    for words in (
        "Too much",
        "It is too much.",
        "10 mA",
        "4 mA",
        "highest tried",
        "Somebody 2000",
        "from memory",
        "F3",
    ):
        assert words in first


def test_the_verdict_is_the_first_word_after_the_title():
    page = Page(render(record(), {}))
    verdict = small_run().report.verdict
    after_title = page.text.split("head small", 1)[1]
    assert after_title.strip().startswith(verdict)


def test_everything_that_was_not_judged_is_on_the_page():
    page = Page(render(record(), {}))
    assert len(small_run().report.not_judged) > 3
    for sentence in small_run().report.not_judged:
        assert sentence in page.text


def test_a_page_without_findings_or_gaps_says_so():
    data = with_findings()
    data["safety"]["not_judged"] = []
    page = Page(render(data, {}))
    assert "Nothing to report" in page.text and "Nothing was left out" in page.text


def test_the_page_loads_nothing_from_anywhere():
    html = render(record(), {"montage.png": PNG, "field_surface.png": PNG})
    page = Page(html)
    assert len(page.loads) == 2 and all(address.startswith("data:image/png;base64,") for address in page.loads)
    assert not {"script", "link", "iframe", "object", "embed", "video", "audio", "base"} & set(page.tags)
    assert all(link.startswith("https://doi.org/") for link in page.links)
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_session_and_course_stand_between_the_montage_and_the_field():
    figures = dict.fromkeys(("field_surface.png", "course.png", "session.png", "montage.png"), PNG)
    html = render(record(), figures)
    captions = [CAPTIONS[name] for name in ("montage.png", "session.png", "field_surface.png")]
    places = [html.index(f"<figcaption>{caption}") for caption in captions]
    assert places == sorted(places) and html.count("<figcaption>") == 4
    assert "Session and course" in html and "Session and course" not in render(record(), {"montage.png": PNG})


HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)>"\'&'


@pytest.mark.parametrize(
    "place",
    [
        ("protocol", "title"),
        ("protocol", "target", "label"),
        ("protocol", "source", "citation"),
        ("protocol", "source", "doi"),
        ("montage", "electrodes", 0, "label"),
        ("head", "name"),
        ("head", "tissues", 0, "source"),
        ("safety", "findings", 0, "message"),
        ("safety", "findings", 0, "citation"),
        ("safety", "findings", 0, "doi"),
        ("safety", "not_judged", 0),
        ("protocol", "certainty"),
    ],
)
def test_text_from_files_is_only_text_on_the_page(place):
    data = record()
    data["safety"]["findings"][0] = finding("stop")
    node = data
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = {HOSTILE: "read"} if place[-1] == "certainty" else HOSTILE
    page = Page(render(data, {}))
    assert "script" not in page.tags and "img" not in page.tags and page.loads == []


@pytest.mark.parametrize("verdict", ["stop", "unknown"])
def test_a_run_in_spite_of_the_verdict_says_so_before_anything_else(verdict):
    page = Page(render(record(verdict=verdict, is_simulated_despite_verdict=True), {}))
    body = page.text.split("}")[-1]  # after the style sheet
    assert body.strip().startswith(f"Simulated although the safety verdict is “{verdict}”")


def test_an_ordinary_run_has_no_such_banner():
    assert "Simulated although" not in Page(render(record(), {})).text


def test_the_label_stands_on_the_page():
    assert NOTICE in Page(render(record(), {})).text


def test_the_field_table_has_the_percentiles_and_the_target():
    page = Page(render(record(), {}))
    metrics, target = small_run().metrics, small_run().target_metrics
    for value in (metrics.median_V_per_m, metrics.p95_V_per_m, metrics.p99_V_per_m, metrics.p999_V_per_m,
                  metrics.peak_V_per_m, target.mean_V_per_m):  # fmt: skip
        assert f"{value:.3g} V/m" in page.text
    assert "target: a place" in page.text
    x, y, z = (f"{1e3 * value:.0f}".replace("-", "−") for value in metrics.peak_mni_m)
    assert f"({x}, {y}, {z}) mm" in page.text


def test_a_protocol_without_a_target_says_so():
    data = record()
    data["field"]["at_target"] = data["protocol"]["target"]["mni_mm"] = None
    assert "names no target with a position" in Page(render(data, {})).text


def test_a_target_that_this_head_cannot_find_is_told_and_not_denied():
    nowhere = run(plan(), attrs.evolve(small_head(), mni_from_head=None))
    assert nowhere.target_metrics is None
    text = Page(render(nowhere.record(), {})).text
    assert "The target, a place, is a place in MNI space, to which this head has no way" in text
    assert "names no target" not in text and "No field is given for the target" in text


def test_numerics_and_provenance_are_on_the_page():
    page = Page(render(record(), {}))
    for words in (
        f"{len(small_head().nodes_m):,} nodes",
        f"{len(small_head().tets):,} tetrahedra",
        f"{small_run().field.residual:.1e}",
        small_run().field.digest[:16],
        small_head().digest[:16],
        small_run().protocol.digest[:16],
        small_run().report.rule_set_digest[:16],
        f"stimplan {stimplan.__version__}",
        "0.275 S/m",
        "made up for a test",
    ):
        assert words in page.text


def test_values_of_the_protocol_are_grouped_by_how_they_are_known():
    data = record()
    data["protocol"]["certainty"] = {"$.a": "read", "$.b": "assumed", "$.c": "assumed"}
    text = Page(render(data, {})).text.split("How the protocol’s values are known")[1]
    assert text.strip().startswith("assumed here, not in the sourceb, c")
    assert text.index("b, c") < text.index("read in the sourcea")


def test_a_page_can_be_made_again_from_the_summary_alone():
    again = json.loads(json_text(small_run().record()))
    assert render(again, {}) == render(small_run().record(), {})


@pytest.mark.parametrize(
    "shape",
    [{"kind": "circle", "diameter_m": 0.012}, {"kind": "ring", "inner_diameter_m": 0.006, "outer_diameter_m": 0.012}],
)
def test_every_shape_has_words(shape):
    data = record()
    data["montage"]["electrodes"][0]["shape"] = shape
    assert "12 mm" in Page(render(data, {})).text


# the record


def test_the_record_is_strict_json_and_the_same_every_time():
    first = json_text(small_run().record())
    assert json.loads(first, parse_constant=pytest.fail) == small_run().record()
    again = run(plan(), small_head())
    assert json_text(again.record()) == first


def test_the_record_says_that_a_stopped_protocol_was_simulated():
    result = run(stopped_plan(), small_head(), even_if_stopped=True)
    assert result.record()["verdict"] == "stop" and result.record()["is_simulated_despite_verdict"] is True


def test_the_record_repeats_the_protocol_as_its_file_has_it():
    protocol = small_run().record()["protocol"]
    assert protocol["stimulation"]["electrodes"][0]["current_mA"] == 2
    assert stimplan.read_protocol({k: v for k, v in protocol.items() if k != "digest"}).digest == protocol["digest"]


def test_what_is_not_finite_becomes_null():
    assert plain({"a": math.nan, "b": np.array([1.0, np.inf])}) == {"a": None, "b": [1.0, None]}


def test_values_become_plain_data():
    @attrs.frozen
    class Pair:
        left: int
        right: tuple[float, ...]

    assert plain(Pair(1, (2.0, np.float32(3)))) == {"left": 1, "right": [2.0, 3.0]}
    with pytest.raises(TypeError, match="no JSON for object"):
        plain(object())
