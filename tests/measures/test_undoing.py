"""Undoing an effect: which of two readings of an echo leaves the dry sound."""

import numpy as np
import pytest

from dialin.measures.undoing import RATE as UNDONE_RATE
from dialin.measures.undoing import concentration, make_undoable

RATE = 24_000
LAG = 4_800


def attacks(channels=1, seconds=6):
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 1e-4, (channels, seconds * RATE))
    t = np.arange(RATE // 4) / RATE
    for start in rng.integers(0, (seconds - 1) * RATE, 12):
        sound[:, start : start + t.size] += rng.normal(0, 0.2, t.size) * np.exp(-30 * t)
    return sound.astype(np.float32)


def response(dry, wet, lag=LAG, channels=1, rate=RATE):
    answer = np.zeros((channels, rate), np.float32)
    answer[:, 0], answer[:, lag] = dry, wet
    return answer


def through(sound, answer):
    return np.stack(
        [np.convolve(s, a)[: s.size] for s, a in zip(sound, answer, strict=True)]
    ).astype(np.float32)


SOFT, LOUD = (1.0, 0.5), (0.5, 1.0)


@pytest.mark.parametrize(("true", "other"), [(SOFT, LOUD), (LOUD, SOFT)])
@pytest.mark.parametrize("lag", [150, LAG])
def test_the_right_reading_of_an_echo_leaves_the_more_concentrated_sound(true, other, lag):
    recording = make_undoable(through(attacks(), response(*true, lag)), RATE)
    right = concentration(recording, response(*true, lag), RATE)
    wrong = concentration(recording, response(*other, lag), RATE)
    untouched = concentration(recording, response(1.0, 0.0), RATE)
    assert right > wrong + 0.02
    assert right > untouched


def test_what_is_undone_is_the_dry_sound_again():
    dry = attacks()
    recording = make_undoable(through(dry, response(*LOUD)), RATE)
    undone = concentration(recording, response(*LOUD), RATE)
    nothing = response(1.0, 0.0)
    plain = concentration(make_undoable(dry, RATE), nothing, RATE)
    assert abs(plain - undone) < 0.5 * (plain - concentration(recording, nothing, RATE))


def test_gain_counts_for_nothing_and_so_do_rates():
    recording = make_undoable(through(attacks(), response(*SOFT)), RATE)
    asked = concentration(recording, response(*SOFT), RATE)
    assert concentration(recording, 0.01 * response(*SOFT), RATE) == pytest.approx(asked, abs=1e-4)
    for rate in (48_000, UNDONE_RATE, 8_000):
        same = concentration(recording, response(*SOFT, rate // 5, rate=rate), rate)
        # Of a slow rate the upper half of the band is missing.
        assert same == pytest.approx(asked, abs=0.02 if rate >= UNDONE_RATE else 0.4)


def test_channels_are_undone_each_by_its_own():
    answer = np.concatenate([response(*SOFT), response(*LOUD)])
    wet = through(attacks(2), answer)
    recording = make_undoable(wet, RATE)
    right = concentration(recording, answer, RATE)
    assert right > concentration(recording, answer[::-1], RATE) + 0.02
    # Of mono and stereo only the middle is left, and a number comes back all the same.
    assert np.isfinite(concentration(recording, response(*SOFT), RATE))
    assert np.isfinite(concentration(make_undoable(wet[:1], RATE), answer, RATE))


def test_of_nothing_nothing_is_said():
    silent = make_undoable(np.zeros((1, RATE), np.float32), RATE)
    assert np.isnan(concentration(silent, response(*SOFT), RATE))
    assert np.isnan(concentration(make_undoable(attacks(), RATE), response(0.0, 0.0), RATE))
    long = make_undoable(np.zeros((2, 60 * RATE), np.float32), RATE)
    assert long.heard == 12.0 and long.spectrum.shape[0] == 2
