"""What is asked with trains of impulses, and how late answers to them are."""

import numpy as np
import pytest

from dialin.matching.hearing.motion.turns import lasting, train_of

RATE = 24_000
STEP = round(0.025 * RATE)


@pytest.mark.parametrize(("spacing", "places"), [(0.025, 1), (0.05, 2)])
def test_what_comes_after_the_next_impulse_is_late_however_far_apart_they_are(spacing, places):
    train = train_of(RATE, 1, spacing, 0.5, 1.7)
    assert train.step == places * STEP

    def late(lag):
        wet = train.audio.copy()
        wet[:, lag:] += train.audio[:, : wet.shape[1] - lag]
        return lasting(wet, train.start, train.step, train.count, STEP)

    assert late(round(0.01 * RATE)) < 1e-3
    assert late(round(0.03 * RATE)) == pytest.approx(0.5, abs=0.05)


def test_the_first_of_a_train_are_followed_by_silence_as_all_are():
    train = train_of(RATE, 2, 0.025, 0.5, 1.7)
    some = train.first(40)
    assert (some.count, some.start, some.step) == (40, train.start, train.step)
    end = some.start + 40 * some.step
    assert np.array_equal(some.audio[:, :end], train.audio[:, :end])
    silent = train.audio.shape[1] - train.start - train.count * train.step
    assert some.audio.shape[1] == end + silent and not some.audio[:, end:].any()
    assert train.first(10_000).count == train.count
