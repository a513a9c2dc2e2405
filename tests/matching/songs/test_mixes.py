"""Whole songs in a match: which recordings are, what is worked out on, what comes back."""

import numpy as np
import pytest

import dialin
from dialin.errors import UsageError
from dialin.matching.options import MatchOptions, SongOptions
from dialin.matching.songs.mixes import (
    is_mastering,
    is_whole_mix,
    pieces_of,
    song_material,
    whole_mixes,
)
from dialin.measures.level import loudness
from dialin.measures.song import measure_song
from dialin.rendering import RenderPool
from tests.matching.songs.test_mastering import RATE, song


def test_whole_mixes_are_told_from_stems_and_loops() -> None:
    mix = np.tile(song(1, 10.0), 5)
    assert is_whole_mix(measure_song(mix, RATE))
    assert not is_whole_mix(measure_song(mix[:, : 30 * RATE], RATE))  # a loop
    spectrum = np.fft.rfft(mix, axis=1)
    spectrum[:, np.fft.rfftfreq(mix.shape[1], 1 / RATE) < 300] *= 0.01
    guitar = np.fft.irfft(spectrum, mix.shape[1], axis=1).astype(np.float32)
    assert not is_whole_mix(measure_song(guitar, RATE))
    stem = mix.copy()
    stem[:, 20 * RATE :] = 0  # rests for most of it
    assert not is_whole_mix(measure_song(stem, RATE))
    time = np.arange(mix.shape[1]) / RATE
    syllables = mix * np.where(time % 0.4 < 0.25, 1.0, 0.01).astype(np.float32)
    facts = measure_song(syllables, RATE)
    assert facts.music.mean() > 0.6 and not is_whole_mix(facts)  # as speech is
    spectrum = np.fft.rfft(mix, axis=1)
    spectrum[:, np.fft.rfftfreq(mix.shape[1], 1 / RATE) < 180] *= 0.35
    light = np.fft.irfft(spectrum, mix.shape[1], axis=1).astype(np.float32)
    assert is_whole_mix(measure_song(light, RATE))  # an orchestra without a bass drum
    assert whole_mixes((mix, RATE), [(mix, RATE)])
    assert not whole_mixes((mix, RATE), [(mix, RATE), (stem, RATE)])


def test_a_match_of_songs_is_a_match() -> None:
    audio, reference = song(2) * np.float32(0.2), song(3, swing=0.2)
    with RenderPool(workers=1) as pool:
        match = dialin.match((audio, RATE), (reference, RATE), "mastering", pool=pool)
        wet, _ = match.audio()
        half, _ = match.audio(50)
    assert match.effects and match.report.sure and not match.report.notes
    assert match.report.after < match.report.before
    assert match.report.song["largest_eq_db"] > 0
    assert loudness(wet, RATE) == pytest.approx(loudness(reference, RATE), abs=0.1)
    assert loudness(audio, RATE) < loudness(half, RATE) < loudness(wet, RATE)
    slots = {slot.slot: slot.used for slot in match.report.slots}
    assert slots["eq"] and not slots["brickwall"]


def test_aspects_and_locks_are_kept() -> None:
    options = MatchOptions(only=("tone",), lock={"eq.gain_5": 3.0}, song=SongOptions(max_eq=6.0))
    with RenderPool(workers=1) as pool:
        match = dialin.match(
            (song(4), RATE), (song(5), RATE), ["mastering"], options=options, pool=pool
        )
    assert {uri for uri in match.effects} == {"builtin:eq"}
    knobs = {knob.id: knob.after for knob in match.report.slots[0].knobs}
    assert knobs["gain_5"] == pytest.approx(3.0)
    assert max(abs(v) for k, v in knobs.items() if k.startswith("gain")) <= 6.0 + 1e-6


def test_a_long_song_is_worked_out_on_pieces_from_quiet_to_loud() -> None:
    rate = 8_000
    audio = np.tile(song(6, 10.0)[:, ::5], 70)[:, : 700 * rate]
    audio *= np.repeat(np.linspace(0.2, 1.0, 70), audio.shape[1] // 70 + 1)[
        : audio.shape[1]
    ].astype(np.float32)
    facts = measure_song(audio, rate)
    spans = pieces_of(facts)
    levels = [float(np.std(audio[:, span])) for span in spans]
    assert sum(s.stop - s.start for s in spans) <= 300 * rate
    assert min(levels) < 0.3 * max(levels)
    pieces, _, offset = song_material((audio, rate))
    assert pieces.shape[1] <= 300 * rate
    assert loudness(pieces, rate) + offset == pytest.approx(loudness(audio, rate), abs=0.05)


def test_wishes_out_of_range_are_refused() -> None:
    for wish in ({"max_eq": 40.0}, {"ceiling": 1.0}, {"loudness": 3.0}, {"smooth": -1.0}):
        with pytest.raises(UsageError, match="use "):
            SongOptions(**wish)
    assert is_mastering("mastering") and is_mastering(["Mastering"])
    assert not is_mastering(["mastering", "gain"]) and not is_mastering(None)
