"""Trajectories: how the spectrum moves is told whatever is played, and only where it can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.fft import next_fast_len

from dialin.matching.candidate import MOTION_SHARE, Candidate
from dialin.matching.trajectories import (
    RATES_HZ,
    make_trajectory_target,
    trajectory_features,
    trajectory_noise,
)
from dialin.measures.short_cepstra import SHORT, frame_cepstra
from tests.measures.test_cepstrum import music
from tests.measures.test_turning import flanged

RATE = 24_000


def test_noise_is_known_of_every_feature():
    assert trajectory_noise().shape == trajectory_features(music(RATE, 1), RATE).shape
    assert (trajectory_noise() > 0).all()


def test_left_over_right_is_told_of_two_channels_alone():
    mono = trajectory_features(music(RATE, 1), RATE)
    half = mono.size // 2
    assert np.isfinite(mono[:half]).any()
    assert np.isnan(mono[half:]).all()
    both = np.concatenate([music(RATE, 1), flanged(music(RATE, 1), 2.0)])
    assert np.isfinite(trajectory_features(both, RATE)[half:]).any()


def test_the_same_motion_in_other_music_is_nearer_than_none_or_another():
    target = make_trajectory_target([(flanged(music(RATE, 1), 2.0), RATE, 1.0)])
    sounds = (flanged(music(RATE, 2), 2.0), music(RATE, 2), flanged(music(RATE, 2), 9.0))
    near, none, other = (target.distance(trajectory_features(s, RATE)) for s in sounds)
    assert near < 0.8 * min(none, other)


def test_very_short_sounds_are_not_compared():
    target = make_trajectory_target([(music(RATE, 1), RATE, 1.0)])
    assert np.isnan(target.distance(trajectory_features(music(RATE, 2)[:, :1_000], RATE)))


@pytest.mark.parametrize(("motion", "value"), [(None, 1.0), (2.0, 1.0 + MOTION_SHARE)])
def test_motion_counts_beside_the_style_where_there_is_any(motion, value):
    candidate = Candidate(None, np.zeros(1), np.zeros(1), 1.0, motion=motion)
    assert candidate.value == pytest.approx(value)


def test_each_feature_is_the_mean_energy_of_its_rates_and_quefrencies():
    """Of 1,497 frames, which have a large prime in them, as of any other number."""
    audio = music(RATE, 1)[:, : 160 * 1_497 + 480]
    rows = frame_cepstra(audio, RATE)[0].astype(np.float64)
    count, size = len(rows), next_fast_len(len(rows), real=True)
    power = np.abs(np.fft.rfft(rows * np.hanning(count)[:, None], size, axis=0)) ** 2 / count
    rates = np.arange(len(power)) / (size * SHORT / 4)
    told = iter(trajectory_features(audio, RATE))
    edges = np.unique(np.concatenate([[0], np.geomspace(1, 267, 12).astype(int)]))
    edges = np.minimum(edges, rows.shape[1])
    for slow, fast in itertools.pairwise(RATES_HZ):
        some = power[(rates >= slow) & (rates < fast)].mean(axis=0)
        for low, high in itertools.pairwise(edges):
            assert next(told) == pytest.approx(
                10 * np.log10(some[low:high].mean() + 1e-3), abs=0.01
            )


def test_a_frame_more_or_less_tells_the_same():
    audio = music(RATE, 1)
    counts = [160 * n + 480 for n in (1_497, 1_500)]
    one, two = (trajectory_features(audio[:, :count], RATE) for count in counts)
    apart = np.abs(one - two) / trajectory_noise()
    assert np.nanmean(apart) < 0.05
