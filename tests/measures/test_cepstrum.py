"""The full-length cepstrum: exact lags and heights on sounds whose echoes are known."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.cepstrum import (
    LAG_RATE,
    band_end,
    find_peaks,
    impulse_cepstrum,
    recording_cepstrum,
)
from dialin.measures.lag_windows import even_music

SECONDS = 5


def music(rate: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Notes of coloured noise and partials at irregular times, as music is to a cepstrum."""
    rng = np.random.default_rng(seed)
    sound = np.zeros((channels, SECONDS * rate))
    for _ in range(12 * SECONDS):
        start = int(rng.integers(sound.shape[1] - rate // 2))
        t = np.arange(rate // 2) / rate
        pitch = 110 * 2 ** (rng.integers(36) / 12)
        note = sum(np.sin(2 * np.pi * pitch * n * t) / n for n in range(1, 9))
        note = note + rng.normal(0, 0.7, t.size)
        pan = rng.random((channels, 1)) + 0.3
        sound[:, start : start + t.size] += pan * note * np.exp(-t * rng.uniform(4, 20))
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


def echoed(sound: np.ndarray, samples: int, mix: float, feedback: float) -> np.ndarray:
    """Sound plus `mix` of its echoes."""
    wet = np.zeros(sound.shape)
    for start in range(samples, sound.shape[1], samples):
        stop = min(start + samples, sound.shape[1])
        source = sound[:, start - samples : stop - samples]
        wet[:, start:stop] = source + feedback * wet[:, start - samples : stop - samples]
    return (sound + mix * wet).astype(np.float32)


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_echo_is_found_to_the_sample_at_any_rate(rate: int) -> None:
    samples = round(0.2371 * rate)
    found = recording_cepstrum(echoed(music(rate), samples, 0.4, 0.3), rate)
    (lag, height), *_ = find_peaks(found.view("mono") / found.coherence(), found.sigma)
    assert lag == pytest.approx(samples / rate, abs=0.3 / LAG_RATE)
    assert height == pytest.approx(0.4, abs=0.06)
    assert height > 30 * found.sigma


def test_cepstra_of_effects_add_to_those_of_music() -> None:
    rate = 24_000
    dry = music(rate)
    response = np.zeros((1, 3 * rate), dtype=np.float32)
    response[0, 0] = 0.5
    wet = recording_cepstrum(echoed(dry, 4_321, 0.3, 0.5), rate)
    alone = impulse_cepstrum(
        echoed(response, 4_321, 0.3, 0.5), rate, heard=even_music(float(SECONDS), 0.0)
    )
    plain = recording_cepstrum(dry, rate)
    difference = (wet.values - plain.values)[0]
    for multiple in (1, 2, 3):
        at = 4_321 * multiple
        assert difference[at] == pytest.approx(alone.values[0, at], abs=0.03)


def test_views_tell_left_from_right() -> None:
    rate = 24_000
    sound = music(rate, channels=2)
    left = echoed(sound[:1], 3_000, 0.5, 0.0)
    right = echoed(sound[1:], 5_000, 0.5, 0.0)
    found = recording_cepstrum(np.concatenate([left, right]), rate)
    assert found.views == ("left", "right", "mid", "side")
    for view, samples in (("left", 3_000), ("right", 5_000)):
        lag, _ = find_peaks(found.view(view), found.sigma)[0]
        assert round(lag * LAG_RATE) == samples


def test_low_pass_of_a_codec_is_seen() -> None:
    rate = 44_100
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 4 * rate))
    spectrum = np.fft.rfft(noise)
    spectrum[:, int(7_000 * noise.shape[1] / rate) :] *= 1e-4
    low = np.fft.irfft(spectrum).astype(np.float32)
    assert 5_500 < band_end(low, rate) <= 7_500
    assert band_end(noise.astype(np.float32), rate) == pytest.approx(10_500)


def test_long_recordings_are_quieter_and_silence_counts_nothing() -> None:
    rate = 8_000
    short = np.random.default_rng(1).normal(0, 0.1, (1, 24 * rate)).astype(np.float32)
    long = np.random.default_rng(2).normal(0, 0.1, (1, 96 * rate)).astype(np.float32)
    one, four = recording_cepstrum(short, rate), recording_cepstrum(long, rate)
    assert four.sigma == pytest.approx(one.sigma / 2, rel=0.05)
    assert np.std(four.values[0, 2_000:20_000]) < 0.7 * np.std(one.values[0, 2_000:20_000])
    silent = np.concatenate([short, np.zeros_like(short)], axis=1)
    assert np.isfinite(recording_cepstrum(silent, rate).values).all()
    assert np.isfinite(recording_cepstrum(np.zeros((2, 3 * rate), np.float32), rate).values).all()


@pytest.mark.parametrize("lag", [0.4, 1.3, 2.1])
def test_late_echoes_are_as_high_as_what_is_seen_of_them(lag: float) -> None:
    # A sound that fades shows more of a late echo than its window does, one that swells less.
    rate, ratios = LAG_RATE, []
    for seed, fade in ((1, -1.0), (2, 1.0), (3, 0.0)):
        time = np.arange(SECONDS * rate) / rate
        dry = np.random.default_rng(seed).normal(0, 0.1, (1, time.size)) * np.exp(fade * time)
        wet = dry.copy()
        wet[:, round(lag * rate) :] += 0.2 * dry[:, : -round(lag * rate)]
        found = recording_cepstrum(wet.astype(np.float32), rate, late=True)
        place = round(lag * rate)
        height = found.values[0, place - 1 : place + 2].max()
        assert height / found.coherence()[place] == pytest.approx(0.2, rel=0.25)
        ratios.append(height)
    assert ratios[0] > ratios[2] > ratios[1]


def test_echoes_beyond_half_of_a_recording_are_shown() -> None:
    rate, lag = LAG_RATE, 3.3
    dry = music(rate)
    wet = dry.copy()
    wet[:, round(lag * rate) :] += 0.4 * dry[:, : -round(lag * rate)]
    assert recording_cepstrum(wet, rate, longest=4.4).values.shape[1] == SECONDS * rate // 2
    found = recording_cepstrum(wet, rate, longest=4.4, late=True)
    assert found.values.shape[1] == round(0.72 * SECONDS * rate)
    (there, _), *_ = find_peaks(found.view("mono"), found.sigma / 2)
    assert there == pytest.approx(lag, abs=1 / rate)


@pytest.mark.parametrize("samples", [1, 100, 5_000])
def test_short_recordings_give_finite_numbers(samples: int) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, (2, samples)).astype(np.float32)
    found = recording_cepstrum(sound, 44_100)
    assert np.isfinite(found.values).all()
    assert np.isfinite(impulse_cepstrum(sound, 44_100).values).all()
