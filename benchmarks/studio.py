"""How quickly the studio answers a hand: from a turned knob, and a dragged point, to its sound.

Run ``python benchmarks/studio.py [--turns 100] [--json FILE]`` where Chromium and the extras
``studio`` and ``dev`` are installed. A studio is started on a library of its own, and its page is
driven in headless Chromium, with a stereo loop of 10 s at 44.1 kHz playing all the time.

Measured, in the page, are milliseconds from the moment a knob is turned until its new sound is
scheduled to be heard (the render, both ways of 3.5 MB, loudness, crossing over); the sound device's
own buffer comes on top. *Knob* turns knobs of every effect of the chain in turn, each through five
positions, as by a key; *amount* moves the amount; *drag* moves a point over a map sixty times a
second, so that what is measured is from the oldest wish that a sound answers. *Page* is from
nothing to a page that answers, in a fresh browser profile.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.plugins import chromium_path
from tests.web.running import running, until

STATIC = Path(__file__).resolve().parents[1] / "src" / "dialin" / "web" / "static"


def loop(path):
    """Ten seconds of stereo: a plucked string, over and over, and a little noise."""
    rng = np.random.default_rng(0)
    time = np.arange(10 * 44_100) / 44_100
    envelope = np.exp(-4 * (time % 0.5))
    tone = sum(np.sin(2 * np.pi * 110 * n * time) / n for n in range(1, 12)) * envelope
    audio = np.stack([tone, np.roll(tone, 400)]) * 0.15 + rng.normal(0, 0.01, (2, time.size))
    soundfile.write(path, audio.T, 44_100, subtype="PCM_16")


def summary(values):
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "p50": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "most": ordered[-1],
    }


def open_match(page, studio, effects):
    """A match with these effects, all of them in use, its knobs ready to be turned."""
    made = studio.match(input={"recording": studio.loop}, effects=effects, budget=12, keep=True)
    last = studio.states(f"/api/matches/{made}/events")[-1]
    assert last["status"] == "done", last
    page.goto(f"{studio.origin}/#/match/{made}")
    page.wait_for_selector("#view-result:not([hidden])")
    until(lambda: page.evaluate("dialinStudio.result.session.latencies.length > 0"))
    page.evaluate(
        """() => { const s = dialinStudio.result.session;
        s.slots.forEach(slot => { slot.bypass = false; }); s.commit(); return s.render(null); }"""
    )
    page.evaluate("dialinStudio.result.transport.play()")
    # What lies around the match is looked for after it; a hand that turns comes later than that.
    until(lambda: page.evaluate("document.querySelector('#looking').hidden"))


def turned(page, script, turns):
    """Latencies of so many turns, one after the other."""
    totals = []
    for turn in range(turns + 5):
        value = page.evaluate(
            """async ([script, turn]) => { const s = dialinStudio.result.session;
            const change = {
              knob: () => {
                const slots = [...s.slots.keys()].filter(i => s.slots[i].knobs.length);
                // A hand turns a knob through several positions, then another one.
                const n = Math.floor(turn / 5), i = slots[n % slots.length];
                const k = n % s.slots[i].knobs.length;
                s.set(i, k, (0.37 * (turn + 1)) % 1, true); },
              amount: () => s.setAmount(5 + (37 * turn) % 95, true),
            }[script];
            change();
            await s.busy;
            return s.latencies.at(-1); }""",
            [script, turn],
        )
        # The first ones open effects.
        if turn >= 5:
            totals.append(value["total"])
    return totals


def dragged(page, turns):
    """Latencies while a point is dragged over the map, sixty moves a second."""
    page.click("#tab-of-map")
    page.wait_for_selector("#map-grid:not([hidden])")
    return page.evaluate(
        """async turns => { const s = dialinStudio.result.session, m = dialinStudio.map;
        const before = s.latencies.length;
        for (let n = 0; n < turns; n++) {
          m.go([0.8 * Math.sin(n / 9), 0.8 * Math.cos(n / 7)], false);
          await new Promise(done => setTimeout(done, 1000 / 60));
        }
        await s.busy;
        return s.latencies.slice(before).map(one => one.total); }""",
        turns,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    from playwright.sync_api import sync_playwright

    rows = {}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "library") as studio:
        loop(Path(folder) / "loop.wav")
        studio.loop = studio.upload(Path(folder) / "loop.wav")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(),
                args=[
                    "--no-sandbox",
                    "--autoplay-policy=no-user-gesture-required",
                    "--mute-audio",
                ],
            )
            loads = []
            for _ in range(5):
                context = browser.new_context()
                context.add_init_script("localStorage.setItem('dialin.seen', 'true')")
                page = context.new_page()
                page.set_default_timeout(300_000)
                page.goto(studio.address)
                page.wait_for_selector("html[data-ready]")
                loads.append(page.evaluate("performance.now()"))
                if len(loads) < 5:
                    context.close()
            rows["page ready"] = summary(loads)
            open_match(page, studio, "default")
            rows["knob, default chain"] = summary(turned(page, "knob", wanted.turns))
            rows["amount, default chain"] = summary(turned(page, "amount", wanted.turns // 2))
            page.evaluate("dialinStudio.result.session.reset()")
            open_match(page, studio, ["builtin:distortion"])
            rows["knob, one effect"] = summary(turned(page, "knob", wanted.turns))
            rows["drag on the map, one effect"] = summary(dragged(page, 3 * wanted.turns))
            browser.close()
    size = sum(file.stat().st_size for file in STATIC.iterdir())
    cores, load = os.cpu_count(), os.getloadavg()[0]
    count = len(list(STATIC.iterdir()))
    print(f"{cores} cores, load {load:.1f}; assets {size / 1000:.0f} kB in {count} files")
    print(f"{'milliseconds':34}{'count':>7}{'p50':>8}{'p95':>8}{'most':>8}")
    for name, row in rows.items():
        print(f"{name:34}{row['count']:7}{row['p50']:8.0f}{row['p95']:8.0f}{row['most']:8.0f}")
    if wanted.json:
        wanted.json.write_text(json.dumps({"rows": rows, "assets": size, "load": load}, indent=1))


if __name__ == "__main__":
    main()
