"""Delays of a millisecond: told from the tone of the same music, not imagined in other music."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.short_combs import find_comb
from dialin.matching.hearing.time_guesses import find_echoes
from tests.measures.test_cepstrum import music

RATE = 24_000

pytestmark = pytest.mark.usefixtures("own_cache")


def heard(pool, own, reference):
    spec = open_effect("builtin:delay").spec
    listen = lambda _: make_ear((own, RATE), [(reference, RATE, 1.0)])  # noqa: E731
    found = find_echoes(pool, spec, [spec], listen, {}, sample_rate=RATE, channels=own.shape[0])
    return spec, found.found[0]


def test_a_delay_of_a_millisecond_is_heard_and_set(pool):
    sound = music(RATE, 2)
    half = sound.shape[1] // 2
    effect = open_effect("builtin:delay")
    wet = effect.process(
        sound[:, half:], RATE, effect.spec.vector({"time": 1.4, "feedback": 20, "mix": 35})
    )
    spec, echo = heard(pool, sound[:, :half], wet)
    assert echo.verdict == "heard"
    assert spec.native(echo.settings)["time"] == pytest.approx(1.4, abs=0.05)
    # The delay is a whole number of samples.
    assert "echo at 1.38 ms" in echo.text


def test_nothing_is_asked_where_no_lag_stands_out():
    def never(*_):
        raise AssertionError("asked")

    sound = music(RATE, 2)
    half = sound.shape[1] // 2
    ear = make_ear((sound[:, :half], RATE), [(sound[:, half:], RATE, 1.0)])
    assert find_comb(ear, None, never) is None


def test_other_music_is_no_comb(pool):
    own, other = music(RATE, 2), music(RATE, 5)
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(other + 1e-4 * rng.standard_normal(other.shape))
    tilt = 1.0 / (1.0 + np.arange(spectrum.shape[1]) / 4_000.0)
    reference = np.fft.irfft(spectrum * tilt, other.shape[1]).astype(np.float32)
    _, echo = heard(pool, own, reference)
    assert echo.verdict != "heard"
