"""Frames' cepstra: views of channels, what a window leaves of a motion and of an answer."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.short_cepstra import (
    LONG,
    SHORT,
    frame_cepstra,
    impulse_cepstra,
    window_smear,
)
from tests.measures.test_cepstrum import music

RATE = 24_000


def test_channels_are_heard_by_their_difference_too():
    both = np.concatenate([music(RATE, 1), music(RATE, 1)])
    assert frame_cepstra(both, RATE).shape[0] == 2
    assert np.abs(frame_cepstra(both, RATE)[1]).max() < 1e-3


def test_short_recordings_have_no_frames_and_windows_smear():
    assert frame_cepstra(np.zeros((1, 100), np.float32), RATE).shape[1] == 0
    assert window_smear(np.array([0.0, 4.0])) == pytest.approx([1.0, 0.0], abs=0.01)


@pytest.mark.parametrize(
    ("frame", "highest"), [(SHORT, 10_000.0), (LONG, 3_000.0), (LONG, 1_000.0)]
)
def test_an_answer_is_seen_as_a_window_over_it_shows_it(frame, highest):
    """The spectrum of one long answer, blurred by the window's own."""
    step = round(0.025 * RATE)
    answer = np.zeros((1, step), np.float32)
    answer[0, :400] = np.random.default_rng(3).standard_normal(400) * np.exp(-np.arange(400) / 90)
    (told,) = impulse_cepstra(answer, RATE, step, frame, highest)
    size = round(frame * RATE)
    lags = np.arange(-step + 1, step)
    own = np.correlate(answer[0], answer[0], "full")
    x = np.minimum(np.abs(lags) / size, 1.0)
    own = own * ((1 - x) * (2 + np.cos(2 * np.pi * x)) / 3 + np.sin(2 * np.pi * x) / 2 / np.pi)
    bins = np.arange(round(80 * frame), round(highest * frame))
    power = np.cos(2 * np.pi * np.outer(bins, lags) / size) @ own
    level = 10 * np.log10(np.maximum(power, power.max() * 1e-6))
    # The first coefficient is the mean level.
    assert told[0, 0] == pytest.approx(level.sum() / np.sqrt(bins.size), rel=1e-3)
    assert np.sqrt((told[0] ** 2).sum()) == pytest.approx(np.sqrt((level**2).sum()), rel=1e-3)


@pytest.mark.parametrize("channels", [2, 3])
def test_channels_that_answer_alike_are_told_as_they_are_one_by_one(channels):
    step = round(0.025 * RATE)
    answer = np.random.default_rng(4).standard_normal((1, 6 * step)).astype(np.float32)
    both = np.repeat(answer, channels, axis=0)
    told = impulse_cepstra(both, RATE, step)
    assert told.shape[0] == 2
    assert (told[0] == impulse_cepstra(answer, RATE, step)[0]).all()
    assert not told[1].any()
    both[1, 7] += 0.5
    assert impulse_cepstra(both, RATE, step)[1].any()
