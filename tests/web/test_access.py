"""The page for everybody: axe-core finds nothing serious, the keyboard reaches everything, small
screens show all of it. And its pictures for the README.

``DIALIN_PICTURES=docs/img pytest tests/web/test_access.py`` makes the pictures anew.
"""

import os
from pathlib import Path

import pytest

from tests.plugins import chromium_path, needs_browser
from tests.web.running import running, until

pytestmark = needs_browser()

AXE = Path(__file__).parent / "axe" / "axe.min.js"

SERIOUS = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160))}`);
}"""
QUICK = """budget => { const one = document.querySelector("[name=effort]");
  one.value = String(budget); one.checked = true; dialinStudio.setup.only = new Set(["tone"]); }"""
BROKEN = """() => [...document.querySelectorAll("#aspect-rows th, #aspect-rows .num")]
  .filter(cell => { const text = document.createRange(); text.selectNodeContents(cell);
    return text.getClientRects().length > 1; }).map(cell => cell.textContent)"""
SILENT = """() => [...document.querySelectorAll("#exports button:disabled")]
  .filter(one => !one.parentElement.innerText.includes("No effect of this chain"))
  .map(one => one.dataset.kind)"""
STILL = "document.getAnimations().every(one => one.playState !== 'running')"
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with running(tmp_path_factory.mktemp("library"), "--workers", "2") as made:
        made.made = made.match(effects=["builtin:distortion", "builtin:gain"], budget=24)
        assert made.states(f"/api/matches/{made.made}/events")[-1]["status"] == "done"
        yield made


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
            timeout=240_000,
        )
        yield made
        made.close()


@pytest.fixture
def page(browser, studio, request):
    options = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce", **options)
    context.set_default_timeout(240_000)
    context.add_init_script("localStorage.setItem('dialin.seen', 'true')")
    made = context.new_page()
    made.goto(studio.address)
    made.wait_for_selector("html[data-ready]")
    yield made
    context.close()


def examples(page):
    page.evaluate(
        """async () => { await dialinStudio.setup.example("input", "example-guitar-slide");
        await dialinStudio.setup.example("reference", "example-guitar-metal");
        await dialinStudio.setup.example("reference", "example-guitar-clean"); }"""
    )
    page.click("[data-mode=own]")
    page.locator("button.add").first.click()


def matched(page, studio, id=None):
    page.goto(f"{studio.origin}/#/match/{id or studio.made}")
    page.wait_for_selector("#view-result:not([hidden])")
    until(lambda: page.evaluate("dialinStudio.result.session.latencies.length > 0"))


SIZES = [
    {"viewport": {"width": 1024, "height": 700}, "color_scheme": "dark"},
    {"viewport": {"width": 400, "height": 800}, "color_scheme": "light"},
]


@pytest.mark.parametrize("page", SIZES, indirect=True, ids=["dark", "small"])
def test_nothing_serious_is_in_the_way_of_anybody_in_any_view(page, studio):
    page.evaluate(AXE.read_text("utf-8"))
    found = {}

    def look(view):
        until(lambda: page.evaluate(STILL))
        found[view] = page.evaluate(SERIOUS)
        assert page.evaluate(WIDE) <= 0, view

    look("empty")
    examples(page)
    page.click("text=Options")
    look("setup")
    for head in page.locator(".take-head").all():
        name, out = head.locator("b").bounding_box(), head.locator("button").bounding_box()
        assert out["y"] < name["y"] + name["height"], "on one line"
    matched(page, studio)
    page.locator("details.out").evaluate_all("all => all.forEach(one => { one.open = true; })")
    look("knobs")
    for tab in ("compare", "take"):
        page.click(f"#tab-of-{tab}")
        look(tab)
        if tab == "compare":
            assert page.evaluate(BROKEN) == [], "no word is broken for want of room"
    assert page.evaluate(SILENT) == [], "what cannot be taken says why"
    assert page.locator("#exports button:disabled").count() == 2
    page.evaluate("location.hash = '#/history'")
    page.wait_for_selector("#history-list li")
    look("history")
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    look("help")
    page.keyboard.press("Escape")
    page.click("#start-tour")
    page.wait_for_selector("#tour:not([hidden])")
    look("tour")
    assert not {view: lines for view, lines in found.items() if lines}


def test_everything_is_reached_by_the_tabulator_and_turned_by_keys(page, studio):
    matched(page, studio)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => { const one = document.activeElement;
                return one.id || one.className || one.tagName; }"""
            )
        )
    assert {"play", "equal", "volume", "well", "tab-of-knobs", "amount", "dial"} <= reached
    page.focus("#tab-of-knobs")
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-map").is_visible()
    assert page.evaluate("document.activeElement.id") == "tab-of-map"


def test_the_tour_leads_from_nothing_to_a_match_that_is_heard(browser, studio):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(240_000)
    page = context.new_page()
    page.goto(studio.address)
    page.wait_for_selector("#tour:not([hidden])")
    page.click("#tour .primary")
    page.wait_for_selector("#tour >> text=2 of 4")
    page.click("[data-mode=auto]")
    page.evaluate(QUICK, 16)
    page.click("#tour .primary")
    page.wait_for_selector("#tour >> text=3 of 4")
    page.keyboard.press(" ")
    until(lambda: page.evaluate("dialinStudio.state().playing && dialinStudio.state().time > 0"))
    page.click("#tour .primary")
    page.wait_for_selector("#tour >> text=4 of 4")
    page.click("#tour .primary")
    assert page.locator("#tour").is_hidden()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#tour").is_hidden()
    context.close()


def test_the_pictures_of_the_readme_show_what_there_is(page, studio, tmp_path):
    folder, id = Path(os.environ.get("DIALIN_PICTURES", tmp_path)), studio.made
    if folder != tmp_path:
        id = studio.match(effects="default", budget=None, only=None)
        assert studio.states(f"/api/matches/{id}/events")[-1]["status"] == "done"
    matched(page, studio, id)
    until(lambda: page.evaluate("document.querySelector('#looking').hidden"))
    page.click("#play")
    until(lambda: page.evaluate("dialinStudio.state().positions[1] > 0.3"))
    page.screenshot(path=folder / "studio.png")
    page.keyboard.press(" ")
    page.click("#tab-of-map")
    page.wait_for_selector("#map-grid:not([hidden])")
    page.click("#to-match")
    page.locator("#tabs").evaluate("one => window.scrollTo(0, one.offsetTop - 130)")
    page.screenshot(path=folder / "studio-map.png")
    for name in ("studio.png", "studio-map.png"):
        assert (folder / name).stat().st_size > 30_000
