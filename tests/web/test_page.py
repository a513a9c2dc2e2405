"""The studio's page in a real browser: files, a match, switching, knobs, taking away.

Tests of one module share a studio, and go through it as a person does, in this order.
"""

import base64
import json
import os
import signal

import numpy as np
import pytest

from dialin.audio import read_audio
from tests.cli.runner import dialin
from tests.plugins import MDA, chromium_path, needs_browser, needs_lv2
from tests.web.running import EXAMPLES, running, until

pytestmark = needs_browser()

SAMPLES = """key => {
  const t = dialinStudio.result.transport;
  return t.tracks[t.index(key)].channels.map(channel => {
    const bytes = new Uint8Array(channel.slice().buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192)
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  });
}"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with running(tmp_path_factory.mktemp("library"), "--max-upload", "8", "--workers", "2") as made:
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


class Tab:
    """A tab of the studio, and what went wrong in it."""

    def __init__(self, browser, studio, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(240_000)
        self.context.add_init_script("localStorage.setItem('dialin.seen', 'true')")
        self.page = self.context.new_page()
        self.said = []
        self.page.on("console", lambda m: self.said.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.requests = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(studio.address)
        self.page.wait_for_selector("html[data-ready]")

    def get(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def until(self, script, argument=None):
        # The page's own policy forbids Playwright's way of waiting, which evaluates text in it.
        return until(lambda: self.page.evaluate(script, argument))

    def heard(self, key="match"):
        """Audio of a track as it is played."""
        self.until("!dialinStudio.result.session.busy")
        channels = self.get(SAMPLES, key)
        return np.stack([np.frombuffer(base64.b64decode(one), "<f4") for one in channels])

    def download(self, click):
        with self.page.expect_download() as waiting:
            click()
        return waiting.value


@pytest.fixture
def tab(browser, studio, request):
    made = Tab(browser, studio, **getattr(request, "param", {}))
    yield made
    said = [text for text in made.said if "Failed to load resource" not in text]
    made.context.close()
    assert not said


@pytest.fixture(scope="module")
def matched(browser, studio):
    """A match of two uploaded files with an effect chosen from the list, made on the page."""
    made = Tab(browser, studio)
    page = made.page
    page.set_input_files("#file-input", EXAMPLES / "guitar-slide.flac")
    page.set_input_files("#file-reference", EXAMPLES / "guitar-metal.flac")
    page.click("[data-mode=own]")
    page.fill("input[type=search]", "distortion")
    page.click("[data-uri='builtin:distortion']")
    page.fill("input[type=search]", "overdrive")
    overdrive = f"[data-uri='lv2:{MDA}Overdrive']"
    if page.locator(overdrive).count():
        page.click(f"button.add{overdrive}")
    page.click("text=Options")
    # The tests have no time for what even a quick search takes.
    page.evaluate(
        "document.querySelector('[name=effort]').value = '24';"
        "dialinStudio.setup.only = new Set(['tone'])"
    )
    page.check("input[name=effort][value='24']")
    page.click("#go:not([disabled])")
    made.until("Number(document.querySelector('#progress-bar').ariaValueNow) > 0")
    made.progress = page.inner_text("#facts")
    page.wait_for_selector("#view-result:not([hidden])")
    made.until("dialinStudio.result.session.latencies.length > 0")
    yield made
    made.context.close()


@needs_lv2("mda.lv2")
def test_two_files_and_effects_of_the_list_become_a_match_with_its_progress_shown(matched):
    assert "of" in matched.progress and "distance" in matched.progress.lower()
    slots = matched.get("dialinStudio.result.session.slots.map(slot => slot.uri)")
    assert slots == ["builtin:distortion", f"lv2:{MDA}Overdrive"]
    assert matched.page.locator("#result-title").inner_text() == (
        "guitar-slide.flac made to sound like guitar-metal.flac"
    )
    assert "token" not in matched.page.url
    assert not matched.said
    host = matched.page.url.split("/")[2]
    assert {url.split("/")[2] for url in matched.requests if not url.startswith("blob:")} == {host}


def test_switching_turns_gains_alone_at_one_moment_and_equal_loudness(matched):
    page = matched.page
    page.click("#play")
    matched.until("dialinStudio.state().time > 0.2 && dialinStudio.state().playing")
    for key, place in (("1", 0), ("3", 2), ("2", 1)):
        page.keyboard.press(key)
        state = matched.until(
            """place => { const s = dialinStudio.state();
            return s.gains.every((g, i) => i === place ? Math.abs(g - s.wanted[i]) < 1e-3
              : g < 1e-3) && s; }""",
            place,
        )
        assert state["current"] == place and state["gains"][place] > 0.01
        # Input and match run on together, sample for sample.
        assert abs(state["positions"][0] - state["positions"][1]) < 1e-6
    loud = [
        lufs + 20 * np.log10(matched.get("i => dialinStudio.result.transport.factor(i)", i))
        for i, lufs in enumerate(state["lufs"])
    ]
    assert max(loud) - min(loud) < 0.1 and max(loud) <= -15.9
    peaks = [p * matched.get("i => dialinStudio.result.transport.factor(i)", i)
             for i, p in enumerate(state["peaks"])]  # fmt: skip
    assert max(peaks) < 1.0
    page.keyboard.press("l")
    natural = matched.get("[0, 1, 2].map(i => dialinStudio.result.transport.factor(i))")
    assert max(natural) - min(natural) < 1e-9
    page.keyboard.press("l")


def test_a_loop_is_dragged_and_input_and_match_share_it(matched):
    page = matched.page
    box = page.locator(".lane.matched .well").bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    state = matched.get("dialinStudio.state()")
    length = state["lengths"][1]
    assert state["region"] == pytest.approx([0.25 * length, 0.5 * length], rel=0.03)
    assert page.locator(".lane.input .loop").is_visible()
    assert not page.locator(".lane.reference .loop").is_visible()
    page.keyboard.press("Escape")
    assert matched.get("dialinStudio.state()")["region"] is None


def test_a_knob_and_the_amount_change_what_is_heard_and_undo_takes_it_back(matched):
    page = matched.page
    before = matched.heard()
    page.click("#tab-of-knobs")
    dial = page.locator("[data-slot=distortion] .dial").first
    dial.focus()
    told = dial.get_attribute("aria-valuetext")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    turned = matched.heard()
    assert dial.get_attribute("aria-valuetext") != told
    assert np.sqrt(np.mean((turned - before) ** 2)) > 1e-3
    page.locator("#amount").fill("0")
    matched.until("dialinStudio.result.session.amount === 0")
    untouched = matched.heard("input")
    assert np.array_equal(matched.heard(), untouched)
    page.locator("#amount").fill("100")
    assert np.array_equal(matched.heard(), turned)
    page.click("#reset")
    assert np.array_equal(matched.heard(), before)
    page.click("#undo")
    assert np.array_equal(matched.heard(), turned)
    page.click("#redo")
    assert np.array_equal(matched.heard(), before)
    # All this was while it played; drawing that costs more than the tests that follow.
    page.click("#play")
    assert not matched.get("dialinStudio.state()")["playing"]


def test_what_is_learnt_of_a_match_while_it_is_rendered_drops_no_sound(matched):
    before = matched.heard()
    # As the ranges of its knobs are, that come a moment after the match.
    matched.get(
        "(() => { const session = dialinStudio.result.session;"
        " session.set(0, 0, 0.3 * session.slots[0].settings[0], true);"
        " session.learn({ ...session.match }, session.candidate); })()"
    )
    assert not np.array_equal(matched.heard(), before)
    matched.page.click("#reset")
    assert np.array_equal(matched.heard(), before)


def test_a_value_is_typed_and_an_effect_left_out(matched):
    page = matched.page
    before = matched.heard()
    page.locator("[data-slot=distortion] button.value").first.click()
    page.keyboard.type("3 dB")
    page.keyboard.press("Enter")
    assert page.locator("[data-slot=distortion] button.value").first.inner_text() == "3 dB"
    assert not np.array_equal(matched.heard(), before)
    page.locator("[data-slot=distortion] .dial").first.dblclick()
    default = matched.get("dialinStudio.result.session.slots[0].knobs[0].default_position")
    assert matched.get("dialinStudio.result.session.slots[0].settings[0]") == default
    page.click("#reset")
    for power in page.locator(".power").all():
        if power.get_attribute("aria-pressed") == "true":
            power.click()
    untouched = matched.heard("input")
    assert np.array_equal(matched.heard(), untouched)
    page.click("#reset")
    assert np.array_equal(matched.heard(), before)


def test_a_preset_is_saved_and_gives_what_is_heard_on_the_command_line(matched, tmp_path):
    import soundfile

    page = matched.page
    page.locator("#amount").fill("60")
    heard = matched.heard()
    page.click("#tab-of-take")
    made = matched.download(lambda: page.click("[data-kind=json]"))
    assert made.suggested_filename == "guitar-slide.json"
    made.save_as(tmp_path / "preset.json")
    audio, rate = read_audio(EXAMPLES / "guitar-slide.flac")
    soundfile.write(tmp_path / "slide.wav", audio.T, rate, subtype="FLOAT")
    done = dialin("apply", tmp_path / "preset.json", tmp_path / "slide.wav", "-o", tmp_path / "wet")
    assert done.code == 0, done.err
    assert np.array_equal(read_audio(tmp_path / "wet" / "slide.wav")[0], heard)
    whole = matched.download(lambda: page.click("#render-all"))
    assert whole.suggested_filename == "guitar-slide.flac"
    page.click("#tab-of-knobs")
    page.click("#reset")


def test_a_reload_comes_back_to_the_match_and_to_the_knobs_as_they_were(matched, browser, studio):
    page = matched.page
    page.locator("[data-slot=distortion] .dial").first.focus()
    page.keyboard.press("PageDown")
    matched.until("dialinStudio.result.session.changed")
    page.locator("#amount").fill("90")
    turned = matched.heard()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("#view-result:not([hidden])")
    matched.until("dialinStudio.result.session.latencies.length > 0")
    assert np.array_equal(matched.heard(), turned)
    # Another tab has knobs of its own.
    other = Tab(browser, studio)
    other.page.goto(page.url)
    other.page.wait_for_selector("#view-result:not([hidden])")
    other.until("dialinStudio.result.session.latencies.length > 0")
    assert other.get("dialinStudio.result.session.amount") == 100
    assert not np.array_equal(other.heard(), turned)
    other.context.close()
    page.click("#reset")


def test_the_map_is_made_once_and_dragging_on_it_is_heard_and_turns_the_knobs(matched):
    page = matched.page
    before = matched.heard()
    page.click("#tab-of-map")
    page.wait_for_selector("#map-wait:not([hidden])")
    page.wait_for_selector("#map-grid:not([hidden])")
    # At the match's own point it sounds exactly as the match.
    page.click("#to-match")
    assert np.array_equal(matched.heard(), before)
    box = page.locator("#field").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    shown = []
    for step in range(6):
        page.mouse.move(box["x"] + (0.3 + 0.05 * step) * box["width"], box["y"] + 120)
        shown.append(page.inner_text("#map-values"))
    page.mouse.up()
    assert len(set(shown)) == len(shown), "every point has settings of its own"
    dragged = matched.heard()
    assert not np.array_equal(dragged, before)
    page.locator("#field").focus()
    page.keyboard.press("p")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("p")
    assert page.locator("#pins li").count() == 2
    moved = matched.heard()
    assert not np.array_equal(moved, dragged)
    page.locator("#path-place").fill("0")
    assert np.array_equal(matched.heard(), dragged)
    page.locator("#path-place").fill("1000")
    assert np.array_equal(matched.heard(), moved)
    # It is kept: asked for again it is there at once.
    made = matched.get("dialinStudio.map.key")
    page.evaluate("dialinStudio.map.begin()")
    matched.until("dialinStudio.map.facts !== null")
    assert matched.get("dialinStudio.map.key") == made
    assert page.locator("#map-wait").is_hidden()
    page.click("#tab-of-knobs")
    matched.get("dialinStudio.result.session.reset()")
    assert np.array_equal(matched.heard(), before)


def test_a_killed_render_worker_is_not_even_noticed(matched, studio):
    before = matched.heard()
    for process in studio.workers():
        os.kill(process, signal.SIGKILL)
    matched.page.locator("[data-slot=distortion] .dial").first.focus()
    matched.page.keyboard.press("PageDown")
    matched.until("dialinStudio.result.session.changed")
    assert not np.array_equal(matched.heard(), before)
    assert not matched.page.locator(".toast.error").count()
    matched.get("dialinStudio.result.session.reset()")


def test_what_is_no_audio_is_refused_with_its_reason(tab):
    tab.page.set_input_files(
        "#file-input", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"text " * 99}
    )
    toast = tab.page.wait_for_selector(".toast.error")
    assert "notes.txt" in toast.inner_text()
    assert tab.page.locator("#go").is_disabled()


def test_a_match_goes_on_through_a_reload_and_is_cancelled(tab, studio):
    page = tab.page
    id = studio.match(budget=20_000)
    page.goto(f"{studio.origin}/#/match/{id}")
    page.wait_for_selector("#progress:not([hidden])")
    tab.until("Number(document.querySelector('#progress-bar').ariaValueNow) >= 0")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("#progress:not([hidden])")
    assert page.locator("#deck-input .take").count() == 1
    page.click("#cancel")
    page.wait_for_selector("#progress[hidden]", state="attached")
    assert studio.client.get(f"/api/matches/{id}").json()["status"] == "cancelled"


def test_an_effect_is_turned_by_hand_without_a_match_or_a_reference(tab):
    page = tab.page
    page.select_option("#deck-input select", "example-piano")
    page.click("[data-mode=own]")
    page.click("[data-uri='builtin:highshelf']")
    page.click("#hand:not([disabled])")
    page.wait_for_selector("#view-result:not([hidden])")
    tab.until("dialinStudio.result.session.latencies.length > 0")
    before = tab.heard()
    page.locator("[data-slot=highshelf] .dial").nth(1).focus()
    page.keyboard.press("PageUp")
    tab.until("dialinStudio.result.session.changed")
    turned = tab.heard()
    assert not np.array_equal(turned, before)
    page.reload()
    page.wait_for_selector("#view-result:not([hidden])")
    tab.until("dialinStudio.result.session.latencies.length > 0")
    assert np.array_equal(tab.heard(), turned)
    assert page.locator("#again").is_hidden()
    page.evaluate("sessionStorage.clear()")


def test_a_locked_knob_stays_where_it_is_when_matching_again(matched):
    page = matched.page
    page.click("#tab-of-knobs")
    matched.get(
        """() => { const s = dialinStudio.result.session, i = 0;
        s.set(i, 0, 0.3125, true); }"""
    )
    wanted = matched.get("dialinStudio.result.session.native(0, 0)")
    page.locator("[data-slot=distortion] .lock").first.click()
    page.click("#again:not([disabled])")
    page.wait_for_selector("#progress:not([hidden])")
    page.wait_for_selector("#view-result:not([hidden])")
    matched.until("dialinStudio.result.session.slots[0].knobs[0].locked")
    assert matched.get("dialinStudio.result.session.native(0, 0)") == pytest.approx(wanted)


def test_the_history_is_searched_and_reopened(tab, matched):
    page = tab.page
    page.click("text=History")
    page.fill("#history-search", "no such recording")
    page.wait_for_selector("#history-list .empty")
    page.fill("#history-search", "slide")
    page.click("#history-list a >> nth=-1")
    page.wait_for_selector("#view-result:not([hidden])")
    tab.until("dialinStudio.result.session.latencies.length > 0")
    assert json.loads(tab.get("JSON.stringify(dialinStudio.state().keys)")) == [
        "input",
        "match",
        "reference0",
    ]
