"""Trajectories: how the spectrum moves is told whatever is played, and only where it can be."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.matching.candidate import MOTION_SHARE, Candidate
from dialin.matching.trajectories import (
    make_trajectory_target,
    trajectory_features,
    trajectory_noise,
)
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
