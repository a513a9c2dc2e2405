"""The report page: self-contained, playable, true to the facts, safe against odd names."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from dialin.audio import integrated_loudness
from dialin.matching.charts import FLOOR, band_spectrum, level_distribution
from dialin.matching.report import AUDIO_BYTES, Track, report_html


def tone(frequency, seconds=2.0, rate=44_100, level=0.3, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * frequency * time)
    return np.repeat(wave[np.newaxis], channels, axis=0).astype(np.float32)


def facts(**changes):
    knob = {
        "id": "drive",
        "name": "Drive",
        "before": 0.2,
        "after": 0.75,
        "before_text": "10 dB",
        "after_text": "37.5 dB",
        "tags": ["locked"],
    }
    used = {"slot": "dist", "name": "Dist", "uri": "builtin:dist", "used": True, "reason": ""}
    out = {"slot": "verb", "name": "Verb", "uri": "builtin:verb", "used": False}
    return {
        "version": "0.1.0",
        "amount": 100.0,
        "before": 1.0,
        "after": 0.4,
        "input": {"name": "dry.wav"},
        "references": [{"name": "reference.wav"}],
        "aspects": [{"name": "tone", "weight": 0.25, "before": 0.8, "after": 0.2}],
        "slots": [used | {"knobs": [knob]}, out | {"reason": "it did not help", "knobs": []}],
        "notes": ["it clips by 2.1 dB"],
        "command": "dialin match dry.wav reference.wav -o out",
        "details": {"seed": 7},
    } | changes


def tracks(**changes):
    audio = {"input": tone(220), "matched": tone(440), "reference": tone(880)} | changes
    return [Track(kind, f"{kind}.wav", sound, 44_100) for kind, sound in audio.items()]


def embedded(page):
    found = re.findall(r'<script type="text/plain" id="audio-\d">([^<]+)</script>', page)
    return [soundfile.read(io.BytesIO(base64.b64decode(text))) for text in found]


def listening(page):
    return json.loads(re.search(r'id="tracks" type="application/json">(.*?)</script>', page)[1])


def test_the_page_says_what_happened():
    page = report_html(facts(), tracks())
    for text in ("−60 %", "37.5 dB", "10 dB", "locked", "it did not help", "it clips by 2.1 dB",
                 "dialin match dry.wav reference.wav -o out", "weight 25 %"):  # fmt: skip
        assert text in page
    assert "{{" not in page


def test_the_page_fetches_nothing():
    page = report_html(facts(), tracks())
    assert not re.search(r"""(src|href)\s*=|@import|url\(|fetch\(|https?:""", page)


def test_the_page_is_well_formed():
    class Checker(HTMLParser):
        void = frozenset({"meta", "input", "br"})

        def __init__(self):
            super().__init__()
            self.open = []

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_starttag(self, tag, attrs):
            if tag not in self.void:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(report_html(facts(), tracks()))
    assert checker.open == []


def test_names_cannot_break_out_of_the_page():
    evil = "</script><img onerror=alert(1)>\"'&.wav"
    page = report_html(
        facts(input={"name": evil}, references=[{"name": evil}], notes=[evil], command=evil),
        [Track("input", evil, tone(220), 44_100), *tracks()[1:]],
    )
    assert "<img" not in page


def test_embedded_audio_is_what_was_given():
    given = tracks(matched=tone(440, channels=2))
    page = report_html(facts(), given)
    for track, (samples, rate) in zip(given, embedded(page), strict=True):
        assert rate == 44_100
        samples = samples.reshape(len(samples), -1).T
        np.testing.assert_allclose(samples, track.audio, atol=2**-15)


def test_tracks_play_at_equal_loudness_and_never_clip():
    given = tracks(input=tone(1000, level=0.02), reference=tone(1000, level=1.7))
    page = report_html(facts(), given)
    heard = []
    for (samples, rate), facts_of_track in zip(embedded(page), listening(page), strict=True):
        gain = facts_of_track["restore"] * 10 ** (facts_of_track["match_db"] / 20)
        played = (samples * gain).astype(np.float32)[np.newaxis]
        assert np.abs(played).max() < 1
        assert np.abs(samples * facts_of_track["restore"]).max() > 0.019
        natural = facts_of_track["restore"] * 10 ** (facts_of_track["natural_db"] / 20)
        assert np.abs(samples * natural).max() <= 1
        heard.append(integrated_loudness(played, rate))
    assert max(heard) - min(heard) < 0.1


def test_silence_short_clips_and_odd_rates_are_drawn_too():
    silent = np.zeros((1, 400), dtype=np.float32)
    given = [
        Track("input", "a.wav", silent, 8_000),
        Track("matched", "b.wav", tone(100, 0.1, 192_000, channels=8), 192_000),
        Track("reference", "c.wav", np.full((1, 9_000), 0.5, np.float32), 44_100),
    ]
    page = report_html(facts(before=0.0, after=0.0), given)
    assert "silent" in page
    assert "nan" not in page.lower().replace("tenant", "")
    assert [rate for _, rate in embedded(page)][1] == 48_000


def test_the_page_stays_small_with_noise_of_many_tracks():
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, (2, 15 * 48_000)).astype(np.float32)
    given = [
        Track(kind, "x.wav", noise, 48_000)
        for kind in ("input", "matched", "reference", "reference", "reference")
    ]
    page = report_html(facts(), given)
    assert len(page) < AUDIO_BYTES * 4 / 3 + 500_000 < 8_000_000


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_a_tone_peaks_in_its_band(rate):
    frequencies, level = band_spectrum(tone(1000, rate=rate), rate)
    assert abs(np.log2(frequencies[level.argmax()] / 1000)) < 1 / 6
    assert frequencies[-1] < rate / 2


def test_white_noise_rises_three_decibels_an_octave():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (2, 200_000)).astype(np.float32)
    frequencies, level = band_spectrum(noise, 44_100)
    inside = (frequencies > 100) & (frequencies < 15_000)
    slope = np.polyfit(np.log2(frequencies[inside]), level[inside], 1)[0]
    assert slope == pytest.approx(3.01, abs=0.15)


def test_levels_are_counted_where_they_are():
    loud, quiet = tone(500, 3, level=0.5), tone(500, 1, level=0.01)
    grid, share = level_distribution(np.concatenate([loud, quiet], axis=1), 44_100)
    assert grid[share.argmax()] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1.1)
    assert share[grid < -30].sum() == pytest.approx(25, abs=2)
    assert grid[0] == FLOOR
