"""`stimplan report` and `stimplan view`: what a finished run's folder becomes for others."""

from __future__ import annotations

import io
import json
import shutil
import sys

import pytest
from pages import Page
from runs import plan, small_head, small_run

from stimplan import cli
from stimplan.errors import InputError, MissingExtra, ResourceError
from stimplan.exchange import grid_around
from stimplan.pipeline import run
from stimplan.report import again, light, outputs, pdf
from stimplan.view.scene_html import read_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "grid_around", lambda head: grid_around(head, 5e-3))
        run(plan(), small_head(), out=out)
    return out


def command(*words):
    out, err = io.StringIO(), io.StringIO()
    code = cli.run([str(word) for word in words], out, err)
    return code, out.getvalue(), err.getvalue()


# the report


def test_the_report_made_again_is_the_one_the_run_wrote(folder, tmp_path):
    code, out, _ = command("report", folder, "--html", tmp_path / "again.html")
    again_html, first = (tmp_path / "again.html").read_text("utf-8"), (folder / "report.html").read_text("utf-8")
    assert code == 0 and "again.html" in out
    assert Page(again_html).tags == Page(first).tags and Page(again_html).links == Page(first).links
    assert sorted(Page(again_html).loads) == sorted(Page(first).loads)


def test_the_whole_report_is_far_below_fifteen_megabytes_and_holds_the_scene(folder):
    html = (folder / "report.html").read_text("utf-8")
    assert len(html.encode()) < 15_000_000 and 'class="scene-data"' in html
    assert [one.id for one in read_scene(folder / "report.html").layers] == [
        one.id for one in read_scene(folder / "scene.html").layers
    ]


def test_the_light_report_has_every_word_and_picture_below_a_megabyte(folder, tmp_path):
    code, out, _ = command("report", folder, "--light", tmp_path / "light.html", "--json")
    data = (tmp_path / "light.html").read_bytes()
    page, whole = Page(data.decode()), Page((folder / "report.html").read_text("utf-8"))
    assert code == 0 and json.loads(out)["files"]["light"]["bytes"] == len(data) < 1_000_000
    assert "script" not in page.tags and len(page.loads) == len(whole.loads) == 8
    for words in ("Safety", "In short", "Not judged", "Methods paragraph", "Reporting checklists", "light version"):
        assert words in page.text or words in data.decode()
    assert data == (folder / "report-light.html").read_bytes()


def test_pictures_are_made_as_large_as_the_budget_allows():
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (60, 1400, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    pictures = {"a.png": stream.getvalue(), "b.png": stream.getvalue()}
    sizes = {}
    for budget in (150_000, 30_000, 6_000):
        small = light.small_pictures(pictures, budget_bytes=budget)
        assert sum(map(len, small.values())) <= budget
        sizes[budget] = Image.open(io.BytesIO(small["a.png"])).width
    assert 1400 > sizes[150_000] > sizes[30_000] > sizes[6_000]


def test_what_is_no_picture_stays_as_it_is():
    assert light.small_pictures({"a.png": b"\x89PNG not a picture"}) == {"a.png": b"\x89PNG not a picture"}


def test_a_light_report_with_too_much_text_is_refused(folder, monkeypatch):
    monkeypatch.setattr(again, "_LIGHT_LIMIT", 1000)
    with pytest.raises(InputError, match="even with the smallest pictures"):
        again.light_report(again.Again(folder, small_run().record(), with_figures=False))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what to write"),
        (["--html", "a.txt"], "must end in .html"),
        (["--pdf", "a.html"], "must end in .pdf"),
        (["--light", "nowhere/a.html"], "there is no folder"),
        (["--html", "a.html", "--light", "a.html"], "a file of its own"),
    ],
)
def test_names_that_cannot_be_written_are_refused(folder, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = command("report", folder, *words)
    assert code == 2 and said in err and list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_or_with_another_record_is_named(folder, tmp_path):
    assert command("report", tmp_path, "--html", tmp_path / "a.html")[0] == 2
    (tmp_path / "summary.json").write_text('{"verdict": "pass", "safety": {}}', encoding="utf-8")
    code, _, err = command("report", tmp_path, "--html", tmp_path / "a.html")
    assert code == 2 and "$.files: is not in this record" in err and not (tmp_path / "a.html").exists()


# the PDF


def test_without_anything_that_prints_the_exit_code_is_5_and_the_way_out_is_said(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    monkeypatch.setattr(pdf, "found_browser", lambda: None)
    code, _, err = command("report", folder, "--pdf", tmp_path / "a.pdf")
    assert code == MissingExtra.exit_code == 5 and not (tmp_path / "a.pdf").exists()
    for words in ("stimplan[pdf]", "Pango", "Chromium", "report.html"):
        assert words in err


def test_a_browser_that_fails_is_named(monkeypatch):
    with pytest.raises(ResourceError, match="did not print"):
        pdf._by_browser("<p>nothing</p>", sys.executable)
    with pytest.raises(ResourceError, match="no-such-browser"):
        pdf._by_browser("<p>nothing</p>", "/no-such-browser")


def check_pdf(data, folder):
    from pypdf import PdfReader

    read = PdfReader(io.BytesIO(data))
    first = read.pages[0].extract_text()
    width, height = (float(x) for x in read.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (595, 842)  # A4, points
    record = json.loads((folder / "summary.json").read_text("utf-8"))
    target = f"{record['field']['at_target']['mean_V_per_m']:.3g} V/m"
    for words in (record["verdict"].upper(), "In short", target, "Not judged"):
        assert words in first
    for page in read.pages:
        assert "Not a medical device" in " ".join(page.extract_text().split())
    assert sum(len(page.images) for page in read.pages) >= 8


def test_weasyprint_prints_the_page_on_a4(folder):
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):  # the package, or the system's pango
        pytest.skip("WeasyPrint or its system library is not here")
    made = again.Again(folder, json.loads((folder / "summary.json").read_text("utf-8")))
    html = again._rendered(made, made.pictures)
    check_pdf(pdf._by_weasyprint(html), folder)


def test_a_browser_prints_the_page_on_a4(folder, tmp_path, monkeypatch):
    if pdf.found_browser() is None:
        pytest.skip("no browser on this machine")
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    code, _, err = command("report", folder, "--pdf", tmp_path / "a.pdf")
    assert code == 0, err
    check_pdf((tmp_path / "a.pdf").read_bytes(), folder)


# the scene


@pytest.fixture
def no_display(monkeypatch):
    monkeypatch.setattr("stimplan.view.scene_window.has_display", lambda: False)


def test_without_a_display_the_page_is_named(folder, no_display):
    code, out, _ = command("view", folder)
    assert code == 0 and str(folder / "scene.html") in out and "no display" in out


def test_the_scene_can_be_written_for_others(folder, tmp_path, no_display):
    code, out, _ = command("view", folder, "--html", tmp_path / "s.html", "--glb", tmp_path / "s.glb", "--json")
    told = json.loads(out)
    assert code == 0 and told["opened"] is None and told["field_digest"] == small_run().field.digest
    assert (tmp_path / "s.html").read_bytes() == (folder / "scene.html").read_bytes()
    assert (tmp_path / "s.glb").read_bytes()[:4] == b"glTF"


def test_the_browser_is_given_the_page(folder, monkeypatch):
    opened = []
    monkeypatch.setattr("stimplan.view.scene_window.has_display", lambda: True)
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    code, out, _ = command("view", folder, "--browser")
    assert code == 0 and opened == [(folder / "scene.html").resolve().as_uri()] and "Opened" in out


def test_a_window_shows_the_scene_where_there_is_a_display(folder, monkeypatch):
    shown = []

    class Window:
        def show(self):
            shown.append("shown")

    monkeypatch.setattr("stimplan.view.scene_window.has_display", lambda: True)
    monkeypatch.setattr("stimplan.view.scene_window.scene_plotter", lambda scene: shown.append(scene.title) or Window())
    code, out, _ = command("view", folder, "--json")
    assert code == 0 and json.loads(out)["opened"] == "window" and shown[-1] == "shown"


def test_the_window_has_every_layer_and_its_words(folder):
    from stimplan.view.scene_window import scene_plotter

    scene = read_scene(folder / "scene.html")
    plotter = scene_plotter(scene, off_screen=True, size=(300, 220))
    try:
        assert {one.id for one in scene.layers} <= set(plotter.actors)
        assert "V/m" in next(iter(plotter.scalar_bars.values())).GetTitle()
        assert plotter.screenshot(return_img=True).std() > 5
    finally:
        plotter.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--html", "a.glb"], "must end in .html"), (["--glb", "nowhere/a.glb"], "there is no folder")],
)
def test_files_of_a_scene_need_names_that_say_what_they_are(folder, words, said):
    code, _, err = command("view", folder, *words)
    assert code == 2 and said in err


def test_a_run_without_scene_and_field_says_why(folder, tmp_path):
    shutil.copy(folder / "summary.json", tmp_path)
    code, _, err = command("view", tmp_path)
    assert code == 2 and "--no-figures" in err
    assert command("view", tmp_path / "nothing")[0] == 2


def test_a_scene_of_another_run_is_refused(folder, tmp_path):
    shutil.copy(folder / "scene.html", tmp_path)
    text = (folder / "summary.json").read_text("utf-8")
    (tmp_path / "summary.json").write_text(text.replace(small_run().field.digest, "0" * 64), encoding="utf-8")
    code, _, err = command("view", tmp_path)
    assert code == 2 and "different runs" in err
