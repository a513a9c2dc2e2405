"""Echoes that come later than others are looked for, of effects that may make such."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.impulses import FAR_SECONDS, SECONDS, longest_lag
from dialin.matching.hearing.time_guesses import find_echoes
from dialin.matching.hearing.time_probe import probe_time
from dialin.measures.cepstrum import FARTHEST, LAG_RATE, LONGEST
from tests.matching.hearing.test_echoes import Here
from tests.measures.test_cepstrum import music

RATE = 24_000


class LongDelay:
    """One echo, from 0.1 to 6.1 s."""

    spec = open_effect("builtin:delay").spec

    def process(self, audio, sample_rate, settings):
        lag = round((0.1 + 6.0 * settings[0]) * sample_rate)
        wet = audio.copy()
        wet[:, lag:] += settings[2] * audio[:, :-lag]
        return wet


def found_in(reference, probe):
    asked = []

    def listen(longest):
        asked.append(longest)
        return make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)], longest)

    spec = LongDelay.spec
    found = find_echoes(
        *(Here(LongDelay()), spec, [spec], listen, {}),
        sample_rate=RATE,
        channels=1,
        probes={spec.uri: probe},
    )
    return found.found, asked


@pytest.fixture(scope="module")
def probe():
    return probe_time(LongDelay(), use_cache=False)


def test_effects_whose_first_echo_may_come_late_are_asked_for_longer(probe):
    assert probe.seconds == FAR_SECONDS and longest_lag(probe.seconds) == FARTHEST
    assert probe.knobs["time"] == "lag"
    usual = probe_time(open_effect("builtin:delay"))
    assert usual.seconds == SECONDS and longest_lag(usual.seconds) == LONGEST


def test_a_late_echo_is_heard_where_nothing_else_is(probe):
    true = np.array([2.4 / 6.0, 0.5, 0.5])
    reference = LongDelay().process(music(RATE, 1), RATE, true)
    (echo,), asked = found_in(reference, probe)
    assert asked == [LONGEST, FARTHEST]
    assert echo.verdict == "heard" and "echo at 2500 ms" in echo.text
    assert echo.settings[0] == pytest.approx(true[0], abs=1 / LAG_RATE)
    # A loud echo that is heard once hardly tells how loud it is.
    assert echo.settings[2] > 0.4


def test_nobody_looks_farther_where_an_echo_is_heard_and_finds_none_in_dry_music(probe):
    true = np.array([0.3 / 6.0, 0.5, 0.4])
    reference = LongDelay().process(music(RATE, 1), RATE, true)
    (echo,), asked = found_in(reference, probe)
    assert asked == [LONGEST]
    assert echo.verdict == "heard"
    (echo,), asked = found_in(music(RATE, 1), probe)
    assert asked == [LONGEST, FARTHEST]
    assert echo.verdict != "heard"
