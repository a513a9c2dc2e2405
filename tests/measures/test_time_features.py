"""Features of echoes, rooms and motion: what they show of sounds whose processing is known."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.bands import analyse
from dialin.measures.cepstrum import LAG_RATE
from dialin.measures.time_features import (
    MOTION_BANDS,
    MOTION_LAGS,
    floored_levels,
    moving_features,
    pair_features,
    pair_size,
    slope_features,
    time_features,
)

RATE = 24_000


def noise(seconds: float, seed: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


@pytest.mark.parametrize(
    "sound", [np.zeros((1, 2_000), np.float32), noise(0.1, 0), noise(1.0, 1, 2), noise(3.0, 2)]
)
def test_every_feature_is_finite_and_there_are_always_as_many(sound):
    heard = time_features(sound, RATE)
    row = pair_features(heard, heard)
    assert row.shape == (pair_size(),) and row.dtype == np.float32
    assert np.isfinite(row).all()
    size = heard.features.size
    assert np.array_equal(row[:size], heard.features) and not row[size : 2 * size].any()


def test_an_echo_of_other_music_is_told_to_the_sample():
    dry, other = noise(5.0, 3), noise(5.0, 4)
    lag = 7_800
    wet = other.copy()
    wet[:, lag:] += 0.5 * other[:, :-lag]
    row = pair_features(time_features(dry, RATE), time_features(wet, RATE))
    first, height = row[-15], row[-14]
    assert abs(10 ** (first / 10) * LAG_RATE - lag) < 1.0
    assert 0.3 < height < 0.6


def test_a_room_lets_levels_fall_slowly():
    gate = (np.arange(5 * RATE) % (RATE // 2)) < RATE // 10
    dry = noise(5.0, 5) * gate
    tail = np.exp(-np.arange(RATE) / (0.2 * RATE)) * noise(1.0, 6)[0]
    wet = np.convolve(dry[0], tail)[: dry.shape[1]][None].astype(np.float32)
    falls = [
        slope_features(floored_levels(analyse(sound.astype(np.float32), RATE).bands))[:8].mean()
        for sound in (dry, wet)
    ]
    assert falls[0] < 2 * falls[1] < 0


def test_a_moving_comb_moves_the_cepstrum():
    sound, place = noise(6.0, 7)[0], np.arange(6 * RATE)
    still = sound + np.interp(place - 0.005 * RATE, place, sound)
    lag = (0.005 + 0.003 * np.sin(2 * np.pi * 0.6 * place / RATE)) * RATE
    moving = sound + np.interp(place - lag, place, sound)
    count = len(MOTION_BANDS) - 1
    before, after = (
        moving_features(s.astype(np.float32), RATE)[: 2 * MOTION_LAGS * count].reshape(count, 2, -1)
        for s in (still, moving)
    )
    # Means of each band of rates by bins of lag; 0.6 Hz is in the second, and its multiples beyond.
    risen = (after - before)[:, 0].max(axis=1)
    assert (risen[1:] > 0.3).all() and risen[0] < 0.3
