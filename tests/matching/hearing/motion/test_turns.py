"""What is asked with trains of impulses, and how late answers to them are."""

import numpy as np
import pytest

from dialin.matching.hearing.motion.probe import impulse_train
from dialin.matching.hearing.motion.turns import SILENCE, lasting

RATE = 24_000


@pytest.mark.parametrize("spacing", [0.025, 0.05])
def test_what_comes_after_the_next_impulse_is_late_however_far_apart_they_are(spacing):
    train = impulse_train(RATE, 1, spacing, 0.5, 1.7, SILENCE)
    assert train.step == round(spacing * RATE)

    def late(lag):
        wet = train.audio.copy()
        wet[:, lag:] += train.audio[:, : wet.shape[1] - lag]
        return lasting(wet, train.start, train.step, train.count)

    assert late(round(0.4 * spacing * RATE)) < 1e-3
    assert late(round(1.2 * spacing * RATE)) == pytest.approx(0.5, abs=0.05)


def test_a_shorter_train_begins_as_a_longer_one_does_and_silence_follows_both():
    whole, some = (impulse_train(RATE, 2, 0.025, 0.5, s, SILENCE) for s in (1.7, 1.0))
    assert (some.count, some.start, some.step) == (40, whole.start, whole.step)
    silent = round(SILENCE * RATE)
    for train in (whole, some):
        end = train.start + train.count * train.step
        assert train.audio.shape[1] == end + silent and not train.audio[:, end:].any()
    end = some.start + 40 * some.step
    assert np.array_equal(some.audio[:, :end], whole.audio[:, :end])
