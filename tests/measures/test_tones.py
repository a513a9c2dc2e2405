"""An oscillator's rate is told however fast and deep it sweeps."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.measures.responses import respond
from dialin.measures.tones import rate_of_tones, tone_gains

RATE = 24_000


@pytest.mark.parametrize(
    "native",
    [
        dict(rate=15.2, depth=32, centre_delay=2.8, feedback=73, mix=33),
        dict(rate=10.2, depth=88, centre_delay=30.6, feedback=-79, mix=60),
        dict(rate=3.1, depth=17, centre_delay=30.3, feedback=8, mix=90),
    ],
)
def test_a_deep_and_fast_chorus_has_its_own_rate_not_a_fraction_or_double(native):
    effect = open_effect("builtin:chorus")
    settings = effect.spec.vector(native)
    motion = respond(lambda sound: effect.process(sound, RATE, settings), RATE).motion
    assert motion.rate == pytest.approx(native["rate"], rel=0.01)


def test_a_vibrato_that_no_level_shows_has_its_rate():
    def shaken(sound):
        times = np.arange(sound.shape[1])
        late = 0.004 * RATE * (1 + np.sin(2 * np.pi * 5.3 * times / RATE))
        return np.array([np.interp(times - late, times, c) for c in sound]).astype(np.float32)

    assert rate_of_tones(shaken, RATE, 1, 0.5, 6.0) == pytest.approx(5.3, rel=0.01)


def test_what_stands_still_has_no_rate():
    assert np.isnan(rate_of_tones(lambda sound: 0.5 * sound, RATE, 2, 0.5, 6.0))
    assert np.isnan(rate_of_tones(np.zeros_like, RATE, 1, 0.5, 6.0))
    assert not tone_gains(np.zeros((2, RATE), np.float32), RATE, 487.0).any()
