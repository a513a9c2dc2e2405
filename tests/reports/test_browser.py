"""The report page in a real browser: what is heard, where the playhead is, keys, small screens."""

import base64

import numpy as np
import pytest

from dialin.audio import integrated_loudness
from dialin.reports import Track, report_html
from tests.plugins import chromium_path, needs_browser
from tests.reports.examples import RATE, aspect, knob, report, report_alone, slot, sound, tone

pytestmark = needs_browser()

LONG = "a-recording-with-a-very-long-name-that-has-no-place-to-break-it-anywhere-take-17.flac"

# Renders a clip just as the page plays it: decoded, turned by its gain, on two loudspeakers.
PLAYED = """async index => {
  const track = JSON.parse(document.getElementById("tracks").textContent)[index];
  const rate = 44100, frames = Math.floor(track.seconds * rate);
  const offline = new OfflineAudioContext(2, frames, rate);
  const source = offline.createBufferSource(), gain = offline.createGain();
  source.buffer = await offline.decodeAudioData(dialinPlayer.bytes(index));
  gain.gain.value = dialinPlayer.factor(index);
  source.connect(gain).connect(offline.destination);
  source.start();
  const made = await offline.startRendering();
  return [0, 1].map(channel => {
    const bytes = new Uint8Array(made.getChannelData(channel).buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192)
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  });
}"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A fake device keeps time where a machine has no sound card.
        made = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pages: channels and lengths differ, and one where nothing was changed."""
    folder = tmp_path_factory.mktemp("pages")
    noise = np.random.default_rng(0).normal(0, 0.05, (2, round(2.3 * RATE))).astype(np.float32)
    lanes = [
        Track("input", "dry.wav", tone(440, 1.5, level=0.2), RATE),
        Track("matched", "dry.wav", tone(440, 1.5, level=0.1), RATE),
        Track("reference", LONG, noise, RATE),
    ]
    partly = knob(LONG, rendered_position=0.5, rendered_text="24 dB", after_text="Triangle (soft)")
    slots = [slot(LONG, uri=f"vst3:/{LONG}", knobs=[partly, knob()]), slot("Verb", used=False)]
    full = report(amount=60.0, slots=slots, references=[sound(LONG)])
    alone = [lanes[0], Track("nearest", "dry.wav", tone(440, 1.5), RATE), lanes[2]]
    for name, html in {
        "matched": report_html(full, lanes),
        "alone": report_html(report_alone(aspects=[aspect("modulation", 12.34, 12.34)]), alone),
    }.items():
        (folder / f"{name}.html").write_text(html, "utf-8")
    return folder


@pytest.fixture
def page(browser, files, request):
    options = getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": options.get("width", 1024), "height": options.get("height", 700)}
    )
    opened = context.new_page()
    asked, failed = [], []
    opened.on("request", lambda r: asked.append(r.url))
    opened.on("pageerror", lambda error: failed.append(str(error)))
    opened.goto(f"file://{files}/{options.get('name', 'matched')}.html")
    yield opened
    context.close()
    assert failed == []
    assert len(asked) == 1


def state(page):
    return page.evaluate("dialinPlayer.state()")


def well(page, index):
    return page.locator(".well").nth(index)


def test_tracks_are_equally_loud_as_the_browser_plays_them(page):
    heard = []
    for index in range(3):
        channels = page.evaluate(PLAYED, index)
        audio = np.array([np.frombuffer(base64.b64decode(c), dtype=np.float32) for c in channels])
        heard.append(integrated_loudness(audio, 44_100))
        assert np.abs(audio).max() < 1
    assert max(heard) - min(heard) < 0.1


def test_every_playhead_is_where_its_clip_is_after_several_rounds(page):
    page.evaluate("dialinPlayer.toggle()")
    page.wait_for_function("dialinPlayer.state().time > dialinPlayer.state().startedAt + 2.6")
    now = page.evaluate("""() => {
      const heads = [...document.querySelectorAll(".head")].map(h => parseFloat(h.style.left));
      return { ...dialinPlayer.state(), heads };
    }""")
    passed = now["time"] - now["startedAt"]
    for length, place, head in zip(now["durations"], now["positions"], now["heads"], strict=True):
        assert place == pytest.approx(passed % length, abs=1e-3)
        # The drawn one may be a few frames old, on a busy machine.
        late = (place - head / 100 * length) % length
        assert min(late, length - late) < 0.4
    page.evaluate("dialinPlayer.toggle()")
    paused = state(page)["positions"]
    page.wait_for_timeout(100)
    assert state(page)["positions"] == paused


def test_space_plays_but_belongs_to_what_has_the_focus(page):
    level = page.locator("#level")
    level.focus()
    page.keyboard.press("Space")
    assert not level.is_checked()
    assert not state(page)["playing"]
    page.locator(".pick").nth(2).focus()
    page.keyboard.press("Space")
    assert state(page)["current"] == 2
    assert not state(page)["playing"]
    # What was clicked with the mouse lets go, so that space plays on.
    page.locator(".chip").nth(0).click()
    assert state(page)["current"] == 0
    page.keyboard.press("Space")
    page.wait_for_function("dialinPlayer.state().playing")
    page.locator("#play").focus()
    page.keyboard.press("Space")
    page.wait_for_function("!dialinPlayer.state().playing")
    page.keyboard.press("2")
    page.keyboard.press("l")
    assert level.is_checked()
    assert state(page)["current"] == 1


def test_volume_is_a_slider_that_arrows_move(page):
    page.locator("#volume").focus()
    page.keyboard.press("Home")
    assert state(page)["volume"] == 0
    page.keyboard.press("ArrowRight")
    assert state(page)["volume"] > 0
    assert state(page)["positions"] == [0, 0, 0]


def test_dragging_loops_a_part_of_input_and_match_alike(page):
    box = well(page, 0).bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=4)
    page.mouse.up()
    now = state(page)
    assert now["region"] == pytest.approx([0.3, 0.6], abs=0.02)
    assert page.locator(".loop:visible").count() == 2
    assert "Looping 0.30" in page.locator("#region").inner_text()
    page.evaluate("dialinPlayer.toggle()")
    page.wait_for_function("dialinPlayer.state().time > dialinPlayer.state().startedAt + 0.8")
    for _ in range(5):
        places = state(page)["positions"]
        assert all(0.28 < place < 0.62 for place in places[:2])
        page.wait_for_timeout(40)
    page.keyboard.press("Escape")
    assert state(page)["region"] is None
    assert page.locator(".loop:visible").count() == 0
    # A click moves on, and one outside of a loop ends it.
    page.evaluate("dialinPlayer.toggle(), dialinPlayer.setRegion(0, 0.3, 0.6)")
    page.mouse.click(box["x"] + 0.8 * box["width"], middle)
    now = state(page)
    assert now["region"] is None
    assert now["positions"][:2] == pytest.approx([1.2, 1.2], abs=0.02)


def test_loops_can_be_set_by_keys(page):
    page.evaluate("dialinPlayer.pick(2), dialinPlayer.seek(0.5)")
    page.keyboard.press("[")
    assert state(page)["region"] == pytest.approx([0.5, 2.3], abs=0.01)
    page.evaluate("dialinPlayer.seek(1.25)")
    page.keyboard.press("]")
    assert state(page)["region"] == pytest.approx([0.5, 1.25], abs=0.01)
    page.keyboard.press("1")
    assert state(page)["region"] is None


def test_buttons_and_the_wheel_zoom_and_the_waveform_is_drawn_anew(page):
    points = page.locator(".fill").first.get_attribute("points")
    page.locator("#in").click()
    assert state(page)["view"]["width"] == pytest.approx(0.5)
    page.wait_for_function(
        "points => document.querySelector('.fill').getAttribute('points') !== points", arg=points
    )
    box = well(page, 0).bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("dialinPlayer.state().view.width < 0.3")
    view = state(page)["view"]
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 10)
    assert state(page)["positions"][0] == pytest.approx(1.5 * (view["start"] + view["width"] / 2))
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 300)
    page.wait_for_function("before => scrollY > before", arg=before)
    page.keyboard.press("0")
    assert state(page)["view"] == {"start": 0, "width": 1}
    assert page.locator(".fill").first.get_attribute("points") == points


@pytest.mark.parametrize(
    "page",
    [{"width": w, "name": n} for n in ("matched", "alone") for w in (320, 400, 1024)],
    indirect=True,
    ids=str,
)
def test_nothing_is_cut_off_or_scrolls_sideways(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate("""() => [...document.querySelectorAll(
        "h1, p, td, th, dd, dt, li, pre, summary, .chip, .pick, .pick *, .legend, label")]
      .filter(e => e.getClientRects().length && !e.closest(".hidden, thead"))
      .filter(e => {
        const box = e.getBoundingClientRect();
        return e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline"
          || box.right > innerWidth + 0.5 || box.left < -0.5;
      }).map(e => e.outerHTML.slice(0, 120))""")
    assert cut == []


@pytest.mark.parametrize("page", [{"width": 400, "height": 640}, {}], indirect=True, ids=str)
def test_the_bar_that_stays_leaves_the_screen_to_the_page(page):
    page.mouse.wheel(0, 5000)
    page.wait_for_function("scrollY > 500")
    box = page.locator(".bar").bounding_box()
    height = page.evaluate("innerHeight")
    assert box["y"] == pytest.approx(0, abs=1)
    assert box["height"] < height / 5


@pytest.mark.parametrize("page", [{"name": "alone"}], indirect=True, ids=str)
def test_what_is_nearest_can_be_heard_and_its_knobs_unfold(page):
    assert page.locator(".lane").count() == 3
    assert state(page)["current"] == 1
    folded = page.locator("#nearest details").first
    assert not folded.locator("table").first.is_visible()
    folded.locator("> summary").focus()
    page.keyboard.press("Space")
    assert folded.locator("table").first.is_visible()
    assert not state(page)["playing"]
