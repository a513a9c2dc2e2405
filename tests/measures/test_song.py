"""A whole song is measured in pieces as in one, and what is no music does not count."""

import numpy as np
import pytest

from dialin.audio import integrated_loudness
from dialin.measures.level import crest_db, true_peak_db
from dialin.measures.song import SongMeter, band_centres, measure_song


def music(seconds: float, rate: int = 44_100, seed: int = 0) -> np.ndarray:
    """Stereo noise with beats."""
    rng = np.random.default_rng(seed)
    audio = rng.standard_normal((2, round(seconds * rate))).astype(np.float32) * 0.1
    beat = 0.4 + 0.6 * (np.arange(audio.shape[1]) / rate % 0.5 < 0.25)
    return audio * beat.astype(np.float32)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_loudness_and_crest_are_the_standards(rate: int) -> None:
    audio = music(6.0, rate)
    audio[:, rate : 2 * rate] *= 0.01  # gated
    facts = measure_song(audio, rate)
    assert facts.loudness == pytest.approx(integrated_loudness(audio, rate), abs=0.02)
    assert facts.crest_db == pytest.approx(crest_db(audio), abs=1e-3)


def test_pieces_give_what_the_whole_gives() -> None:
    audio = music(5.0)
    whole, meter = measure_song(audio, 44_100), SongMeter(44_100)
    for start in range(0, audio.shape[1], 7_777):
        meter.feed(audio[:, start : start + 7_777])
    parts = meter.finish()
    np.testing.assert_allclose(parts.middle, whole.middle, rtol=1e-6)
    np.testing.assert_allclose(parts.power, whole.power, rtol=1e-6)
    assert parts.samples == whole.samples and parts.frames.sum() == whole.frames.sum()


def test_bands_hold_their_own_tone() -> None:
    rate, place = 44_100, int(np.argmin(np.abs(band_centres() - 2_000)))
    tone = 0.1 * np.sin(2 * np.pi * band_centres()[place] * np.arange(3 * rate) / rate)
    facts = measure_song(np.stack([tone, -tone]).astype(np.float32), rate)
    assert int(np.argmax(facts.side.mean(axis=0))) == place
    assert facts.middle.max() < 1e-9 * facts.side.max()


def test_silence_count_in_and_fades_are_no_music() -> None:
    rate = 44_100
    song = music(20.0)
    count = np.zeros((2, 3 * rate), dtype=np.float32)
    for beat in range(4):
        count[:, beat * rate // 2 : beat * rate // 2 + 400] = 0.5
    fade = music(8.0, seed=1) * (10 ** (-np.arange(8 * rate) / rate * 6 / 20)).astype(np.float32)
    audio = np.concatenate([count, song, fade, np.zeros((2, 2 * rate), np.float32)], axis=1)
    facts = measure_song(audio, rate)
    seconds = np.flatnonzero(facts.music) * 0.05
    assert 2.5 < seconds.min() < 3.5
    assert 22.5 < seconds.max() < 25.0
    assert 18 <= facts.frames[facts.music_segments].sum() * 4096 / rate <= 23


def test_true_peak_is_that_of_the_waveform() -> None:
    # A sine at a quarter of the rate, sampled between its tops: 3 dB higher than its samples.
    tone = np.sin(np.pi / 2 * np.arange(10_000) + np.pi / 4).astype(np.float32)[None]
    assert np.abs(tone).max() == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert true_peak_db(tone[:, :]) == pytest.approx(0.0, abs=0.3)
    assert true_peak_db(np.zeros((2, 100), np.float32)) == -120.0
