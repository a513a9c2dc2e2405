"""How many beats a minute: told of rhythms to half a beat, and of nothing that has none."""

from pathlib import Path

import numpy as np
import pytest

from dialin.audio import read_audio
from dialin.measures.tempo import find_tempo

RATE = 22_050
EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"


def rhythm(bpm, *, eighths=0.0, seconds=12, seed=0):
    """Bursts of noise, the first of four the loudest, from somewhere in the first beat."""
    rng = np.random.default_rng(seed)
    sound = 0.02 * rng.standard_normal(seconds * RATE)
    beat = 60 / bpm
    for count, time in enumerate(np.arange(rng.random() * beat, seconds - 0.6, beat)):
        for offset, level in ((0.0, 1.0), (0.5, eighths)):
            start = round((time + offset * beat) * RATE)
            burst = rng.standard_normal(2_000) * np.exp(-np.arange(2_000) / 400)
            sound[start : start + 2_000] += level * (1.0 if count % 4 == 0 else 0.7) * burst
    return sound[None].astype(np.float32)


@pytest.mark.parametrize("bpm", [63.0, 90.0, 97.3, 120.0, 128.0, 140.0, 174.0])
@pytest.mark.parametrize("eighths", [0.0, 0.4])
def test_rhythms_have_their_tempo_or_an_octave_of_it(bpm, eighths):
    found = find_tempo(rhythm(bpm, eighths=eighths), RATE)
    octave = min(
        (found.bpm / bpm, 2 * found.bpm / bpm, found.bpm / bpm / 2), key=lambda r: abs(r - 1)
    )
    assert octave == pytest.approx(1.0, abs=0.005)
    assert found.steadiness > 0.3


@pytest.mark.parametrize("bpm", [90.0, 97.3, 120.0, 128.0])
def test_usual_tempos_are_told_without_doubt(bpm):
    assert find_tempo(rhythm(bpm), RATE).bpm == pytest.approx(bpm, abs=0.5)


def test_the_tempo_is_the_same_at_any_rate_level_and_number_of_channels():
    sound = rhythm(110.0)
    once = find_tempo(sound, RATE).bpm
    assert find_tempo(np.repeat(0.01 * sound, 2, axis=0), RATE).bpm == pytest.approx(once, abs=0.1)
    assert find_tempo(np.repeat(sound, 2, axis=1), 2 * RATE).bpm == pytest.approx(once, abs=0.3)


def test_what_has_no_beat_has_no_tempo():
    rng = np.random.default_rng(4)
    noise = (0.1 * rng.standard_normal((2, 10 * RATE))).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE)[None].astype(np.float32)
    assert find_tempo(noise, RATE) is None
    assert find_tempo(tone, RATE) is None
    assert find_tempo(np.zeros((1, 10 * RATE), np.float32), RATE) is None
    assert find_tempo(rhythm(120.0)[:, : 3 * RATE], RATE) is None


def test_a_drum_break_has_the_tempo_at_which_it_loops():
    audio, rate = read_audio(EXAMPLES / "drums-break.flac")
    found = find_tempo(audio, rate)
    assert found is not None
    beats = audio.shape[1] / rate * found.bpm / 60
    assert found.bpm == pytest.approx(140.0, abs=1.0)
    assert beats > 4
