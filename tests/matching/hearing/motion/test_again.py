"""Effects whose answers last are searched once more, by impulses farther apart."""

from types import SimpleNamespace

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing import motion_guesses
from dialin.matching.hearing.motion.search import MotionFit
from tests.matching.hearing.sounds import RATE
from tests.measures.test_cepstrum import music


@pytest.mark.parametrize(
    ("lasts", "heard_by", "briefly", "asked", "rate"),
    [
        (True, {True: 900.0, False: 10.0}, (), [False, True], 3.0),
        (True, {True: 10.0, False: 900.0}, (), [False], 2.0),
        (True, {True: 30.0, False: 30.0}, (), [False, True], 2.0),
        (False, {True: 900.0, False: 10.0}, (), [False], None),
        (True, {True: 900.0, False: 10.0}, (0,), [False], None),
    ],
)
def test_far_impulses_are_asked_where_nothing_is_heard_by_near_ones(
    pool, monkeypatch, lasts, heard_by, briefly, asked, rate
):
    spec = open_effect("builtin:chorus").spec
    seen = []

    class Search:
        def __init__(self, listener, **how):
            self.far, self.places = listener.far, (0,)

        def run(self):
            seen.append(self.far)
            score = heard_by[self.far]
            hertz = 3.0 if self.far else 2.0
            return MotionFit(spec.default, hertz, score, score / 2, 3.0, 9, phased=score)

    monkeypatch.setattr(
        motion_guesses,
        "MotionListener",
        lambda *given, far, **how: SimpleNamespace(far=far, lasts=lasts),
    )
    monkeypatch.setattr(motion_guesses, "MotionSearch", Search)
    fits = motion_guesses.fit_motions(
        *(pool, spec, [spec], [0]),
        lambda: ((music(RATE, 2), RATE), [(music(RATE, 1), RATE, 1.0)]),
        {},
        sample_rate=RATE,
        channels=1,
        briefly=briefly,
    )
    assert seen == asked and fits.moves
    assert [fit.rate for _, fit, _ in fits.found] == ([] if rate is None else [rate])
    assert all(np.isfinite(fit.score) for _, fit, _ in fits.found)
