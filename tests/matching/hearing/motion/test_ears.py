"""What the ears of a motion search are made of: stretches of equal length, and their halves."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.matching.hearing.motion.ears import STRETCHES, make_motion_ears
from tests.measures.test_cepstrum import music

RATE = 24_000


def test_nothing_is_said_of_very_short_references():
    short = music(RATE, 1)[:, : RATE // 2]
    assert make_motion_ears((music(RATE, 2), RATE), [(short, RATE, 1.0)]) is None


def test_long_recordings_are_heard_in_stretches_of_equal_length():
    long = np.tile(music(RATE, 1), (1, 20))
    ears = make_motion_ears((music(RATE, 2), RATE), [(long, RATE, 1.0)])
    assert ears is not None
    for ear, halves in zip(ears.whole, ears.halves, strict=True):
        assert len(ear._weighted) == STRETCHES
        assert ear.seconds == pytest.approx(12.0, abs=0.1)
        for half in halves:
            assert half.seconds == pytest.approx(ear.seconds / 2, abs=0.1)


def test_a_mono_reference_of_a_stereo_input_is_heard_in_one_channel():
    both = np.concatenate([music(RATE, 1), music(RATE, 2)])
    ears = make_motion_ears((both, RATE), [(music(RATE, 1), RATE, 1.0)])
    assert ears is not None
    assert {ear.views for ear in (*ears.whole, *ears.own)} == {1}
