"""The report page: self-contained, playable, true to the facts, safe against odd names."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from dialin.audio import played_loudness
from dialin.files import json_text
from dialin.reports import SavedReport, Track, charts, report_html
from dialin.reports.charts import (
    FLOOR,
    Curve,
    band_levels,
    level_distribution,
    loudness_spectrum,
    mean_difference,
    spectrum_difference,
)
from dialin.reports.clips import AUDIO_BYTES, compress, equally_loud
from dialin.reports.wording import weights_of
from tests.reports.examples import (
    aspect,
    facts,
    knob,
    left_alone,
    report,
    report_alone,
    slot,
    sound,
    tone,
    tracks,
)


def embedded(page):
    found = re.findall(r'<script type="text/plain" id="audio-\d">([^<]+)</script>', page)
    return [soundfile.read(io.BytesIO(base64.b64decode(text))) for text in found]


def listening(page):
    return json.loads(re.search(r'id="tracks" type="application/json">(.*?)</script>', page)[1])


def test_the_page_says_what_happened():
    page = report_html(report(), tracks())
    for text in ("−60 %", "37.5 dB", "10 dB", "locked", "it did not help", "it clips by 2.1 dB",
                 "dialin match dry.wav reference.wav -o out", "weight 25 %",
                 "Still off: tone (off, 1.20)"):  # fmt: skip
        assert text in page
    assert "{{" not in page


def test_the_page_fetches_nothing():
    page = report_html(report(), tracks())
    assert not re.search(r"""(src|href)\s*=\s*["'][^#]|@import|url\(|fetch\(|https?:""", page)


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
    checker.feed(report_html(report(), tracks()))
    assert checker.open == []


EVIL = "</script></style><img src=x onerror=alert(1)>\"'`&{{ 7*7 }}<!--.wav"


class Seen(HTMLParser):
    """What a browser would make of a page: its tags, attributes and texts."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def test_names_cannot_break_out_of_the_page():
    evil_slot = slot(EVIL, slot=EVIL, uri=EVIL, knobs=[knob(EVIL, after_text=EVIL)])
    evil_out = slot(EVIL, used=False, reason=EVIL)
    changes = {
        "input": sound(EVIL), "references": [sound(EVIL)], "notes": [EVIL], "command": EVIL,
        "aspects": [aspect(EVIL, 1.0, 0.9)], "models": [EVIL], "native": [EVIL], "version": EVIL,
    }  # fmt: skip
    given = [Track("input", EVIL, tone(220), 44_100), Track("reference", EVIL, tone(1), 44_100)]
    page = report_html(report(**changes, slots=[evil_slot, evil_out]), given)
    candidate = left_alone()["nearest"]
    candidate |= {"reason": EVIL, "evidence": [EVIL], "slots": [evil_slot, evil_out]}
    for html in (page, report_html(report_alone(**changes, nearest=candidate), given)):
        seen = Seen()
        seen.feed(html)
        assert "img" not in seen.tags
        assert not [name for name, _ in seen.attributes if name.startswith("on")]
        assert len(re.findall("<script", html)) == len(re.findall("</script>", html)) == 4
        assert len(re.findall("</style>", html)) == 1
        assert "<!--" not in html
        assert ("title", EVIL) in seen.attributes
        assert any(EVIL in text for text in seen.texts)
        assert [track["kind"] for track in listening(html)] == ["input", "reference"]


def test_embedded_audio_is_what_was_given():
    given = tracks(matched=tone(440, channels=2))
    page = report_html(report(), given)
    for track, (samples, rate) in zip(given, embedded(page), strict=True):
        assert rate == 44_100
        samples = samples.reshape(len(samples), -1).T
        np.testing.assert_allclose(samples, track.audio, atol=2**-15)


@pytest.mark.parametrize("channels", [(1, 1, 2), (2, 1, 1), (1, 2, 6)])
def test_tracks_play_at_equal_loudness_and_never_clip(channels):
    levels = (0.02, 0.3, 1.7)
    given = [
        Track(kind, f"{kind}.wav", tone(1000, level=level, channels=count), 44_100)
        for kind, level, count in zip(
            ("input", "matched", "reference"), levels, channels, strict=True
        )
    ]
    page = report_html(report(), given)
    heard = []
    for (samples, rate), clip in zip(embedded(page), listening(page), strict=True):
        own = samples.reshape(len(samples), -1).T.astype(np.float32) * clip["restore"]
        assert np.abs(own).max() > 0.019
        assert np.abs(own * 10 ** (clip["natural_db"] / 20)).max() <= 1
        played = own * 10 ** (clip["match_db"] / 20)
        assert np.abs(played).max() < 1
        heard.append(played_loudness(played.astype(np.float32), rate))
        assert clip["loudness_lufs"] == pytest.approx(played_loudness(own, rate), abs=0.06)
    assert max(heard) - min(heard) < 0.1


def test_a_clip_made_mono_to_save_room_plays_as_loud_as_the_others():
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, (2, 44_100)).astype(np.float32)
    tracks = Track("input", "a", noise, 44_100), Track("reference", "b", tone(500), 44_100)
    clips = equally_loud([compress(track, 45_000) for track in tracks])
    heard = []
    for clip in clips:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(clip.flac)))
        own = samples.reshape(len(samples), -1).T * clip.restore * 10 ** (clip.match_db / 20)
        heard.append(played_loudness(own.astype(np.float32), rate))
    assert np.ndim(soundfile.read(io.BytesIO(base64.b64decode(clips[0].flac)))[0]) == 1
    assert heard[0] == pytest.approx(heard[1], abs=0.1)


def test_a_mono_and_a_stereo_file_of_one_sound_have_one_loudness_in_the_page():
    page = report_html(
        report(), tracks(input=tone(440), matched=None, reference=tone(440, channels=2))
    )
    one, other = (clip["loudness_lufs"] for clip in listening(page))
    assert one == other


def test_where_nothing_was_changed_the_page_says_so_and_shows_the_nearest():
    given = [
        *tracks(matched=None)[:1],
        Track("nearest", "dry.wav", tone(330), 44_100),
        *tracks()[2:],
    ]
    page = report_html(report_alone(), given)
    assert "left as it is, beside" in page
    assert "made to sound like" not in page
    assert page.count('class="lane ') == 3
    for text in ("not sure", "Nearest, not sure", "310 ms", "0.15 is what would be sure",
                 "echoes at 310 ms stand out of the reference",
                 "dialin apply out/nearest/preset.json dry.wav -o out/kept",
                 "dialin match dry.wav reference.wav -o out --keep --overwrite"):  # fmt: skip
        assert text in page
    assert "−" not in re.search(r'class="summary.*?</div>', page, flags=re.S)[0]


def test_the_command_that_takes_the_nearest_says_nothing_twice():
    given = tracks(matched=None)
    said = "dialin match dry.wav reference.wav -o out --overwrite"
    assert f"{said} --keep\n" in report_html(report_alone(command=said), given).replace("<", "\n")
    assert "--keep" not in report_html(report_alone(command=""), given)


def test_what_the_command_leaves_out_is_said_wherever_it_is_given():
    note = "The command hears whole recordings <all>."
    page = report_html(report(command_note=note), tracks())
    assert page.count("The command hears whole recordings &lt;all&gt;.") == 1
    alone = report_html(report_alone(command_note=note), tracks(matched=None))
    assert alone.count("The command hears whole recordings") == 2
    assert SavedReport.from_dict(report(command_note=note).to_dict()).command_note == note


def test_a_match_kept_by_wish_is_marked():
    page = report_html(report(sure=False), tracks())
    assert '<span class="unsure">not sure</span>' in page
    assert "made to sound like" in page
    assert "not sure" not in report_html(report(sure=True), tracks())


def test_at_another_amount_the_page_shows_what_was_rendered_beside_the_whole_match():
    partly = knob(rendered=26.5, rendered_position=0.53, rendered_text="26.5 dB")
    mixed = slot(knobs=[partly], wet_percent=60.0)
    page = report_html(report(amount=60.0, slots=[mixed]), tracks())
    for text in (
        "at an amount of 60 %",
        "mixed in at 60 %",
        "26.5 dB",
        "37.5 dB",
        "at 60 %",
        "at 100 %",
        "left:53.0%",
    ):
        assert text in page
    assert "at 100 %" not in report_html(report(), tracks())


def test_a_reference_for_one_aspect_alone_counts_for_the_spectrum_if_that_is_tone():
    first, second = sound("a", weight=0.7), sound("b", weight=0.3)
    loud, toned = sound("c", aspects=["level"]), sound("d", aspects=["tone"])
    for references, weights in (
        ([first, second], [0.7, 0.3]),
        ([first, second, loud], [0.7, 0.3, 0]),
        ([first, loud, toned], [0, 0, 1]),
    ):
        assert weights_of(report(references=references).references) == weights


def test_at_no_amount_nothing_was_made_to_sound_like_anything():
    unused = knob(rendered=None, rendered_position=None, rendered_text=None)
    page = report_html(
        report(amount=0.0, slots=[slot(knobs=[unused], wet_percent=0.0)]), tracks(matched=None)
    )
    assert "made to sound like" not in page
    assert "at amount 0 %, beside" in page
    assert "not in use" in page


def test_a_page_can_be_drawn_from_what_json_keeps():
    silent = sound("reference.wav", loudness_lufs=None, peak_dbfs=None, crest_db=None)
    rendered = facts()["rendered"] | {"peak_dbfs": None, "rms_dbfs": None}
    again = json.loads(json.dumps(facts(references=[silent], rendered=rendered)))
    assert "silent, peak silent" in report_html(SavedReport.from_dict(again), tracks())
    whole = SavedReport.from_dict(again)
    kept = json.loads(json_text(whole.to_dict()))
    assert json_text(SavedReport.from_dict(kept).to_dict()) == json_text(whole.to_dict())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schema": 2}, "schema 2"),
        ({"before": "far"}, "'before' of the report is 'far'"),
        ({"slots": [{"used": 3}]}, "'used' of the report is '3'"),
        ({"renders": 1.5}, "'renders' of the report is '1.5'"),
        ({"notes": "none"}, "'notes' of the report"),
    ],
)
def test_what_is_no_report_is_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=said):
        SavedReport.from_dict(facts(**wrong))
    with pytest.raises(ValueError, match="not list"):
        SavedReport.from_dict([])


def test_silence_short_clips_and_odd_rates_are_drawn_too():
    silent = np.zeros((1, 400), dtype=np.float32)
    given = [
        Track("input", "a.wav", silent, 8_000),
        Track("matched", "b.wav", tone(100, 0.1, 192_000, channels=8), 192_000),
        Track("reference", "c.wav", np.full((1, 9_000), 0.5, np.float32), 44_100),
    ]
    page = report_html(report(before=0.0, after=0.0), given)
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
    page = report_html(report(), given)
    assert len(page) < AUDIO_BYTES * 4 / 3 + 500_000 < 8_000_000


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_a_tone_peaks_in_its_band(rate):
    frequencies, level = band_levels(tone(1000, rate=rate), rate)
    assert abs(np.log2(frequencies[level.argmax()] / 1000)) < 1 / 6
    assert frequencies[-1] < rate / 2
    assert level.max() == pytest.approx(20 * np.log10(0.3) - 3.01, abs=0.3)


def noise(seed=0, channels=2):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, (channels, 200_000)).astype(np.float32)


def test_white_noise_rises_three_decibels_an_octave():
    frequencies, level = band_levels(noise(), 44_100)
    inside = (frequencies > 100) & (frequencies < 15_000)
    slope = np.polyfit(np.log2(frequencies[inside]), level[inside], 1)[0]
    assert slope == pytest.approx(3.01, abs=0.15)


def spectrum(audio, rate=44_100):
    return Curve("", "matched", *loudness_spectrum(audio, rate))


@pytest.mark.parametrize("size", [1_000, 1_001, 8_192])
def test_density_is_welchs(size: int) -> None:
    from scipy.signal import welch

    sound = noise()
    bins, power = welch(sound.astype(np.float64), 44_100, nperseg=size, axis=-1)
    found = charts._density(sound, 44_100, size)
    np.testing.assert_allclose(found[0], bins)
    np.testing.assert_allclose(found[1], power.mean(axis=0), rtol=1e-6, atol=1e-18)


def test_the_difference_of_spectra_is_what_a_filter_does_and_nothing_of_level_or_channels():
    from scipy.signal import butter as design
    from scipy.signal import sosfilt

    sound = noise(channels=1)
    low = sosfilt(design(2, 200, "high", fs=44_100, output="sos"), sound).astype(np.float32)
    plain = spectrum_difference(spectrum(0.1 * np.repeat(sound, 2, axis=0)), [(spectrum(sound), 1)])
    np.testing.assert_allclose(plain.y, 0, atol=0.01)
    assert mean_difference(plain) < 0.01
    cut = spectrum_difference(spectrum(low), [(spectrum(sound), 1.0)])
    assert np.interp(200, cut.x, cut.y) == pytest.approx(-3.0, abs=0.7)
    assert np.interp(50, cut.x, cut.y) == pytest.approx(-24, abs=1.5)
    assert np.interp(5000, cut.x, cut.y) == pytest.approx(0, abs=0.5)


def test_differences_of_several_references_and_of_other_rates():
    sound, twice = noise(1), 2 * noise(1)
    difference = spectrum_difference(spectrum(sound), [(spectrum(sound), 3), (spectrum(twice), 1)])
    np.testing.assert_allclose(difference.y, 0, atol=0.01)
    low = spectrum_difference(spectrum(sound), [(spectrum(noise(2), 8_000), 1)])
    assert low.x[-1] < 4_000
    silence = spectrum_difference(spectrum(np.zeros((1, 9_000))), [(spectrum(sound), 1)])
    assert np.isfinite(silence.y).all()


def test_levels_are_counted_where_they_are():
    loud, quiet = tone(500, 3, level=0.5), tone(500, 1, level=0.01)
    grid, share = level_distribution(np.concatenate([loud, quiet], axis=1), 44_100)
    assert grid[share.argmax()] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1.1)
    assert share[grid < -30].sum() == pytest.approx(25, abs=2)
    assert grid[0] == FLOOR


def picture(kind="echo", **changes):
    made = {
        "kind": kind, "title": f"Echo of {EVIL}", "text": f"Echoes of the matched {EVIL}: 250 ms.",
        "x_label": "lag, ms", "y_label": "height of an echo", "log": True,
        "curves": [
            {"name": "reference", "kind": "reference", "x": [3.0, 250.0, 900.0],
             "y": [0.01, 0.3, -0.1]},
        ],
        "marks": [{"x": 250.0, "text": "250 ms"}],
    }  # fmt: skip
    return made | changes


def test_what_was_heard_in_time_is_drawn_with_the_echo_marked():
    still = picture("motion", title="Motion", text="One turn", log=False, marks=[], y_label="dB")
    page = report_html(report(pictures=[picture(), still, picture(curves=[])]), tracks())
    assert page.count('class="chart"') == report_html(report(), tracks()).count('class="chart"') + 2
    assert re.search(
        r'<line class="found" [^>]*/><text class="axis found"[^>]*>250 ms</text>', page
    )
    seen = Seen()
    seen.feed(page)
    assert seen.tags <= {*seen.tags} - {"img"}
    # In words, for those who cannot see it.
    assert [
        v for n, v in seen.attributes if n == "aria-label" and v and "matched" in v and EVIL in v
    ]


def test_a_picture_is_drawn_within_its_frame():
    from dialin.reports import CurveReport, MarkReport, PictureReport
    from dialin.reports.charts import picture_chart

    marks = (MarkReport(1.0, "out"), MarkReport(20.0, "in"))
    for log in (False, True):
        curve = CurveReport("a", "matched", (2.0, 20.0, 2_000.0), (-3.0, 0.0, 7.0))
        flat = CurveReport("b", "reference", (2.0, 2_000.0), (0.0, 0.0))
        chart = picture_chart(
            PictureReport("echo", "t", "x", "ms", "dB", log, (curve, flat), marks)
        )
        assert [mark.text for mark in chart.marks] == ["in"]
        places = [float(v) for line in chart.lines for v in re.split("[ ,]", line.points)]
        assert all(0 <= place <= chart.width for place in places)
        assert len(chart.x_ticks) >= 4 and len(chart.y_ticks) >= 3
        lone = PictureReport("echo", "t", "x", "ms", "", log, (flat,))
        assert len(picture_chart(lone).y_ticks) == 2


def test_how_likely_each_family_is_stands_on_the_page():
    family = {
        "name": "delay", "title": f"delay {EVIL}", "probability": 0.934, "used": True,
        "effects": ["delay"], "evidence": ["heard: echo at 250 ms", EVIL],
    }  # fmt: skip
    page = report_html(report(families=[family]), tracks())
    assert "93 %" in page and "Heard in the reference?" in page
    assert "<img" not in page
    assert "Heard in the reference?" not in report_html(report(), tracks())


def test_choices_and_how_far_knobs_may_go_stand_on_the_page():
    wide = knob("Mix", certainty="unheard", low_position=0.0, high_position=1.0)
    sure = knob("Drive", certainty="sure", low_position=0.7, high_position=0.8,
                low_text="35 dB", high_text="40 dB")  # fmt: skip
    choice = {
        "number": 2, "after": 0.43, "likelihood": 0.31, "slots": [slot("Verb")],
        "folder": "choices/2",
    }  # fmt: skip
    page = report_html(report(slots=[slot(knobs=[wide, sure])], choices=[choice]), tracks())
    for text in ("35 to 40 dB, sure", "cannot be heard here", "Verb (Drive 37.5 dB)", "31 %",
                 "choices/2/", "--pick 2"):  # fmt: skip
        assert text in page
    assert 'class="likely" style="left:70.0%;width:10.0%"' in page
    assert "Other choices" not in report_html(report(), tracks())


def test_what_a_report_maps_comes_back():
    kept = SavedReport.from_dict(facts(song={"lufs": -14.0}))
    assert kept.song == {"lufs": -14.0}
