"""Levels, excerpts and resampling against signals whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialin.audio import (
    active_excerpts,
    integrated_loudness,
    peak_dbfs,
    peak_of,
    power_to_db,
    resample,
    rms_dbfs,
    silence_level,
    to_db,
)
from dialin.audio.levels import mean_square
from dialin.errors import AudioError


def tone(hertz, rate=44_100, seconds=1.0, level=1.0):
    time = np.arange(int(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * hertz * time))[np.newaxis].astype(np.float32)


def test_a_full_scale_sine():
    assert peak_dbfs(tone(1_000)) == pytest.approx(0, abs=0.01)
    assert rms_dbfs(tone(1_000)) == pytest.approx(-3.01, abs=0.01)
    assert silence_level(tone(1_000)) == pytest.approx(0.5, rel=1e-3)


def test_the_standards_reference_tone_reads_minus_three_lufs():
    # BS.1770-4: a 0 dBFS 997 Hz sine in one front channel reads -3.01 LKFS.
    assert integrated_loudness(tone(997, 48_000, 3), 48_000) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("channels", [1, 2, 5, 8])
def test_loudness_follows_the_level_at_any_number_of_channels(channels):
    audio = np.repeat(tone(997, seconds=2, level=0.1), channels, axis=0)
    louder = integrated_loudness(2 * audio, 44_100) - integrated_loudness(audio, 44_100)
    assert louder == pytest.approx(6.02, abs=0.02)


def test_silence_is_minus_infinity_without_a_warning(recwarn):
    silence = np.zeros((2, 44_100), np.float32)
    assert peak_dbfs(silence) == rms_dbfs(silence) == -np.inf
    assert integrated_loudness(silence, 44_100) == -np.inf
    assert to_db(0.0) == -np.inf
    assert not list(recwarn)


def test_a_tenth_of_a_second_has_a_loudness():
    assert np.isfinite(integrated_loudness(tone(997, seconds=0.1), 44_100))


def test_decibels_end_where_one_says():
    assert to_db([0.0, 1e-9, 10.0], -120.0).tolist() == [-120.0, -120.0, 20.0]
    assert power_to_db([0.0, 1e-9, 10.0], -60.0).tolist() == [-60.0, -60.0, 10.0]
    assert power_to_db(0.0) == -np.inf


def test_no_samples_have_no_level():
    assert peak_of(np.zeros((2, 0), np.float32)) == 0.0
    assert rms_dbfs(np.zeros((2, 0), np.float32)) == -np.inf


def test_the_mean_square_of_a_long_recording_is_exact():
    audio = np.full((2, 700_001), 0.1, np.float32)
    assert mean_square(audio) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)


def test_a_negative_peak_counts():
    assert peak_dbfs(np.array([[0.1, -2.0]], np.float32)) == pytest.approx(6.02, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60_000),
    st.sampled_from([8_000, 11_025, 44_100]),
    st.floats(0.2, 3),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_excerpts_lie_inside_apart_and_no_longer_than_asked(samples, rate, seconds, pieces, seed):
    audio = np.random.default_rng(seed).normal(0, 1, (2, samples)).astype(np.float32)
    found = active_excerpts(audio, rate, seconds=seconds, pieces=pieces)
    assert 1 <= len(found) <= pieces
    edge = 0
    for place in found:
        assert edge <= place.start < place.stop <= samples
        edge = place.stop
    # Windows are whole 50 ms blocks, one at least.
    total = sum(p.stop - p.start for p in found)
    assert total <= max(seconds * rate, pieces * 0.05 * rate) + 1


def test_excerpts_are_where_the_music_is():
    rate = 8_000
    audio = np.random.default_rng(0).normal(0, 1e-3, (1, 60 * rate)).astype(np.float32)
    for start in (20, 45):
        audio[:, start * rate : (start + 5) * rate] *= 300
    first, second = active_excerpts(audio, rate, seconds=10, pieces=2)
    assert abs(first.start / rate - 20) < 1.3
    assert abs(second.start / rate - 45) < 1.3


def test_sustained_sound_is_preferred_to_a_single_hit():
    rate = 8_000
    audio = np.zeros((1, 20 * rate), np.float32)
    audio[:, 2 * rate] = 1.0
    audio[:, 12 * rate : 14 * rate] = 0.05 * np.sin(np.arange(2 * rate))
    (found,) = active_excerpts(audio, rate, seconds=2, pieces=1)
    assert 11 * rate < found.start < 13 * rate


def test_a_short_recording_is_its_own_excerpt():
    assert active_excerpts(np.zeros((2, 800), np.float32), 8_000) == [slice(0, 800)]


@pytest.mark.parametrize(
    ("source", "target"),
    [(44_100, 48_000), (48_000, 44_100), (192_000, 44_100), (8_000, 44_100), (44_100, 16_000)],
)
def test_a_tone_keeps_its_pitch_level_and_place(source, target):
    audio = np.repeat(tone(1_000, source), 2, axis=0)
    out = resample(audio, source, target)
    assert out.dtype == np.float32 and out.flags["C_CONTIGUOUS"]
    assert out.shape == (2, -(-audio.shape[1] * target // source))
    inside = slice(target // 10, -target // 10)
    np.testing.assert_allclose(out[:, inside], np.repeat(tone(1_000, target), 2, axis=0)[:, inside],
                               atol=2e-3)  # fmt: skip


def test_the_same_rate_is_the_same_audio():
    audio = tone(100)
    assert resample(audio, 44_100, 44_100) is audio


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(AudioError, match="-1"):
        resample(tone(100), 44_100, -1)
