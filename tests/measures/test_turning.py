"""What goes round is told from impulses: its rate, and as many overtones as they tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.short_cepstra import SHORT, impulse_cepstra
from dialin.measures.turning import motion_depth, turning

RATE = 24_000


def flanged(sound: np.ndarray, rate: float, start: float = 0.0, longer: float = 1.0) -> np.ndarray:
    """Sound plus 0.7 of itself, 1 to 5 ms late."""
    times = np.arange(sound.shape[1])
    lag = 0.003 + 0.002 * np.sin(2 * np.pi * (rate * times / RATE + start))
    lag = RATE * longer * lag
    late = [np.interp(times - lag, times, channel) for channel in sound]
    return (sound + 0.7 * np.array(late)).astype(np.float32)


def shaken(sound: np.ndarray, rate: float) -> np.ndarray:
    times = np.arange(sound.shape[1]) / RATE
    return (sound * (1 + 0.6 * np.sin(2 * np.pi * rate * times))).astype(np.float32)


def turns(effect, rate: float, frame: float = SHORT):
    train = np.zeros((1, 8 * RATE), np.float32)
    step = round(0.025 * RATE)
    train[:, ::step] = 0.5
    return turning(impulse_cepstra(effect(train, rate), RATE, step, frame), 0.025)


@pytest.mark.parametrize("rate", [0.6, 1.3, 4.0])
@pytest.mark.parametrize("effect", [flanged, shaken])
def test_turns_are_those_of_the_oscillator(effect, rate):
    found = turns(effect, rate)
    assert found is not None
    assert found.rate == pytest.approx(rate, rel=0.02)
    assert found.steady > 0.6
    assert found.depth > 1.0


@pytest.mark.parametrize("known", [1.3, 1.26])
def test_a_known_rate_is_taken_only_where_it_is_right(known):
    train = np.zeros((1, 3 * RATE), np.float32)
    train[:, :: round(0.025 * RATE)] = 0.5
    cepstra = impulse_cepstra(flanged(train, 1.3), RATE, round(0.025 * RATE), SHORT)
    found = turning(cepstra, 0.025, known)
    assert found is not None
    assert found.rate == pytest.approx(1.3, rel=1e-9 if known == 1.3 else 0.01)


def test_overtones_above_half_the_rate_of_impulses_are_told_where_the_rate_is_known():
    train = np.zeros((1, 2 * RATE), np.float32)
    train[:, :: round(0.025 * RATE)] = 0.5
    cepstra = impulse_cepstra(flanged(train, 6.95), RATE, round(0.025 * RATE), SHORT)
    found = turning(cepstra, 0.025, 6.95)
    assert found is not None
    # By 40 impulses a second only two of them seem to be there.
    assert found.lines.shape[1] > 6
    assert found.steady > 0.5
    # Where they fall on each other no more are believed.
    cepstra = impulse_cepstra(flanged(train, 10.0), RATE, round(0.025 * RATE), SHORT)
    aliased = turning(cepstra, 0.025, 10.0)
    assert aliased is None or aliased.lines.shape[1] == 1


def test_what_stands_still_has_no_turns():
    assert turns(lambda sound, _: sound, 1.0) is None
    train = np.zeros((1, RATE), np.float32)
    train[:, ::600] = 0.5
    assert motion_depth(impulse_cepstra(train, RATE, 600)) < 1e-3
    assert motion_depth(np.zeros((1, 0, 0))) == 0.0


def test_a_deep_comb_is_asked_for_more_overtones_and_at_the_rate_that_a_law_tells():
    """What is left of teeth that sweep fast fits one rate or another by chance."""
    train = np.zeros((1, round(1.8 * RATE)), np.float32)
    train[:, :: round(0.025 * RATE)] = 0.5
    times = np.arange(train.shape[1])
    lag = RATE * (0.012 + 0.008 * np.sin(2 * np.pi * 0.75 * times / RATE))
    wet = (train + 0.7 * np.interp(times - lag, times, train[0])).astype(np.float32)
    cepstra = impulse_cepstra(wet, RATE, round(0.025 * RATE), 0.08, 3_000.0)
    found = turning(cepstra, 0.025, 0.75)
    assert found is not None
    assert found.rate == pytest.approx(0.75, rel=0.006)
    assert found.lines.shape[1] > 12
