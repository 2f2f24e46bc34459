"""The report and the scene in a real browser, offline: they turn, answer, print, and ask for nothing from anywhere."""

from __future__ import annotations

import shutil

import pytest
from runs import plan, small_head

from stimplan.exchange import grid_around
from stimplan.pipeline import run
from stimplan.report import outputs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'test')")
if CHROMIUM is None:
    pytest.skip("Chromium is not on this machine", allow_module_level=True)

# Software rendering: no machine of ours has a graphics card to test on.
GRAPHICS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "grid_around", lambda head: grid_around(head, 5e-3))
        run(plan(), small_head(), out=out)
    return out


@pytest.fixture(scope="module")
def playwright():
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=GRAPHICS)
    yield started
    started.close()


@pytest.fixture
def opened(browser, folder):
    """Open a file offline; at the end nothing may have gone wrong or have been asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    faults = []

    def open_file(name, **more):
        page = context.new_page()
        if more:
            page.set_viewport_size(more)
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        here = (folder / name).as_uri()
        page.on(
            "request",
            lambda request: (
                None
                if request.url == here or request.url.startswith(("data:", "blob:"))
                else faults.append(request.url)
            ),
        )
        page.goto(here)
        return page

    yield open_file
    context.close()
    assert faults == []


VIEWER = "document.querySelector('.scene3d').viewer"


def live(page):
    page.wait_for_selector(".scene3d.is-live", timeout=WAIT_MS)
    return page


def picture(page):
    """What the canvas shows, drawn now: on a busy machine the next frame may be late."""
    return page.evaluate(f"{VIEWER}.drawNow(), {VIEWER}.canvas.toDataURL()")


@pytest.mark.parametrize("name", ["report.html", "scene.html"])
def test_the_scene_is_drawn_and_turns_by_key_mouse_and_button(opened, name):
    page = live(opened(name))
    seen = [picture(page)]
    canvas = page.locator(".scene-stage canvas")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    seen.append(picture(page))
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=3)
    page.mouse.up()
    seen.append(picture(page))
    page.keyboard.press("+")
    seen.append(picture(page))
    page.get_by_role("button", name="Top", exact=True).click()
    seen.append(picture(page))
    assert len(set(seen)) == len(seen)
    assert "from the top" in canvas.get_attribute("aria-label")
    page.get_by_role("button", name="Start", exact=True).click()
    assert picture(page) == seen[0]


def test_dragging_to_the_right_turns_the_front_of_the_head_to_the_right(opened):
    page = live(opened("scene.html"))
    page.get_by_role("button", name="Front", exact=True).click()
    where = f"{VIEWER}.place([0, {VIEWER}.high[1], 0])[0]"
    before = page.evaluate(where)
    box = page.locator(".scene-stage canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=2)
    page.mouse.up()
    assert page.evaluate(where) > before + 10


def test_from_the_front_the_left_of_the_head_is_on_the_right(opened):
    page = live(opened("scene.html"))
    page.get_by_role("button", name="Front", exact=True).click()
    picture(page)
    marks = {one.inner_text(): one.bounding_box() for one in page.locator(".scene-marks .axis").all()}
    assert (
        set(marks) == {"L", "R", "S", "I"} and marks["L"]["x"] > marks["R"]["x"] and marks["S"]["y"] < marks["I"]["y"]
    )


def test_layers_colours_and_cut_change_the_picture(opened):
    page = live(opened("scene.html"))
    seen = [picture(page)]
    for name in ("Scalp", "Electrodes"):
        page.get_by_label(name, exact=True).uncheck()
        seen.append(picture(page))
    assert page.locator(".scene-marks .word").all_inner_texts() == ["a place"]
    page.get_by_label("Target", exact=True).uncheck()
    seen.append(picture(page))
    assert page.locator(".scene-marks .word").count() == 0
    assert "|E|, V/m" in page.locator(".scene-bar").inner_text()
    page.get_by_label("What colours the cortex").select_option(label="Through the cortex")
    seen.append(picture(page))
    assert "Through the cortex, V/m" in page.locator(".scene-bar").inner_text()
    page.get_by_label("Cut", exact=True).select_option(label="from the front")
    seen.append(picture(page))
    page.get_by_label("how far").fill("0.7")
    seen.append(picture(page))
    assert len(set(seen)) == len(seen)


def test_a_click_on_the_cortex_says_its_value_with_unit_and_place(opened):
    page = live(opened("scene.html"))
    page.get_by_role("button", name="Back", exact=True).click()
    picture(page)
    box = page.locator(".scene-stage canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.locator(".scene-probe").inner_text()
    assert said.startswith("|E| 0.") and "V/m at (" in said and said.endswith("mm MNI")
    y = int(said.split(",")[1].replace("\u2212", "-"))
    assert -80 < y < -60  # the back of a ball of 70 mm, whose MNI space lies 5 mm further back


def test_a_cut_is_solid_and_says_its_values(opened):
    page = live(opened("scene.html"))
    page.get_by_role("button", name="Front", exact=True).click()
    for name in ("Scalp", "Electrodes"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_label("Cut", exact=True).select_option(label="from the front")
    seen = picture(page)
    box = page.locator(".scene-stage canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.locator(".scene-probe").inner_text()
    assert said.startswith("|E| 0.") and abs(int(said.split(",")[1].replace("\u2212", "-"))) < 10  # in the middle
    # Where the cut goes through the skin there is no field to tell.
    ratio = page.evaluate(f"{VIEWER}.scale()")
    page.mouse.click(box["x"] + box["width"] / 2 + 0.078 * ratio, box["y"] + box["height"] / 2)
    assert page.locator(".scene-probe").inner_text().startswith("no value here")
    page.get_by_label("What colours the cortex").select_option(label="Through the cortex")
    assert picture(page) != seen


def test_without_webgl_the_picture_is_shown_and_the_reason_said(playwright, folder):
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-3d-apis"])
    try:
        page = started.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((folder / "scene.html").as_uri())
        page.wait_for_function("document.querySelector('.scene3d').dataset.why")
        assert page.get_by_text("needs a browser with JavaScript and WebGL 2").is_visible()
        assert page.locator(".scene-fallback img").is_visible() and faults == []
    finally:
        started.close()


@pytest.mark.parametrize("size", [(1280, 720), (768, 1024), (390, 800)])
@pytest.mark.parametrize("name", ["report.html", "report-light.html", "scene.html"])
def test_no_page_is_wider_than_the_screen(opened, name, size):
    page = opened(name, width=size[0], height=size[1])
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_on_paper_the_scene_gives_way_to_the_pictures(opened):
    page = live(opened("report.html"))
    page.emulate_media(media="print")
    assert not page.locator(".scene-stage").is_visible()
    assert all(one.is_visible() for one in page.locator("figure img").all()) and page.locator("figure img").count() == 8


def barriers(page):
    """Serious and critical violations that axe finds, with the elements they are about."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra 'test')")
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in serious]


@pytest.mark.parametrize("name", ["report.html", "report-light.html", "scene.html"])
def test_a_scan_finds_no_serious_barrier(opened, name):
    page = opened(name)
    if name != "report-light.html":
        live(page)
    assert barriers(page) == []


def test_the_scan_finds_a_barrier_where_there_is_one(opened):
    page = live(opened("scene.html"))
    page.evaluate("document.querySelector('.scene-panel select').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert {name for name, _ in barriers(page)} >= {"select-name", "color-contrast"}
