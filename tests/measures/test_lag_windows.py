"""What windows leave of echoes and noise, beside sums that are written out."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.lag_windows import (
    even_music,
    mean_seen,
    seen_in,
    tapered,
)

RATE = 8_000


def test_windows_are_flat_between_halves_of_a_hann_window() -> None:
    window = tapered(1_000, 0.7)
    assert np.all(window[150:850] == 1.0) and 0 < window[0] < 0.01
    assert np.allclose(window, window[::-1])
    assert np.allclose(tapered(500, 0.0), np.hanning(502)[1:-1], atol=0.02)


@pytest.mark.parametrize("flat", [0.0, 0.7])
def test_even_music_shows_a_window_s_autocorrelation(flat: float) -> None:
    window = tapered(2_400, flat)
    whole = np.correlate(window, window, "full")[window.size - 1 :]
    lags = np.arange(2_400) / RATE
    found = even_music(window.size / RATE, flat).at(lags)
    assert np.allclose(found, whole / whole[0], atol=5e-3)
    assert even_music(1.0).at(np.array([1.0, 3.0])).tolist() == [0.0, 0.0]


def test_a_hit_shows_what_the_window_leaves_of_its_echo() -> None:
    sound = np.zeros((1, 4 * RATE), np.float32)
    sound[0, RATE : RATE + 200] = np.random.default_rng(1).normal(0, 0.3, 200)
    seen = seen_in(sound, RATE, 3_800.0).at(np.array([0.5, 2.0, 2.7, 3.5]))
    # In the flat middle, at its end, and beyond the recording.
    assert seen[:2] == pytest.approx([1.0, 1.0], abs=0.02)
    assert 0.3 < seen[2] < 0.9 and seen[3] < 1e-3


def test_silence_is_even_music() -> None:
    silence = np.zeros((2, 2 * RATE), np.float32)
    assert seen_in(silence, RATE, 3_800.0) == even_music(2.0)


def test_what_is_seen_together_is_the_mean() -> None:
    short, long = even_music(1.0), even_music(4.0)
    lags = np.array([0.0, 0.5, 2.0])
    both = mean_seen([(short, 1.0), (long, 3.0)])
    assert both.seconds == 4.0
    assert both.at(lags) == pytest.approx((short.at(lags) + 3 * long.at(lags)) / 4, abs=0.01)
