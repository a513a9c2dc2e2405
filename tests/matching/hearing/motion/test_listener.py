"""What a motion's lines tell of its rate and of its double."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.motion.ears import make_motion_ears
from dialin.matching.hearing.motion.listener import MotionListener
from dialin.matching.hearing.motion.probe import probe_motion
from dialin.matching.hearing.motion.turns import TriedMotion
from dialin.rendering import RenderPool
from tests.measures.test_cepstrum import music

RATE = 24_000


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    effect = open_effect("builtin:phaser")
    true = effect.spec.vector(dict(rate=4.0, depth=80, centre_frequency=900, mix=50, feedback=30))
    reference = effect.process(music(RATE, 1), RATE, true)
    ears = make_motion_ears((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    live = [n for n, p in enumerate(effect.spec.parameters) if p.status == "live"]
    with RenderPool(workers=1) as pool:
        made = MotionListener(
            *(pool, effect.spec, ears, probe_motion(effect), true, live),
            sample_rate=RATE,
            channels=1,
        )
        with made.listening():
            yield made, true
    patch.undo()


def test_lines_between_those_of_the_double_rate_tell_a_motion_from_it(listener):
    made, true = listener
    (tried,) = made.try_settings([true], TriedMotion(true, (), 0, 4.0, 0.0))
    assert tried is not None and tried.rate == pytest.approx(4.0, rel=0.02)
    turn = tried.turns[0]
    assert turn is not None
    # The same lines at half the rate, and as strong ones between them that nothing has.
    slow = replace(turn, rate=turn.rate / 2, lines=np.repeat(turn.lines, 2, axis=1))
    twice = replace(tried, turns=(slow,), rate=tried.rate / 2)
    assert made.between(tried, 2) > 0.3
    assert made.between(twice, 2) < 0.2


def test_nothing_is_tried_at_rates_of_which_the_reference_holds_too_little(listener):
    made, _ = listener
    assert made.nearest(0.01) is None
    assert made.again(None) is None
    assert np.isfinite(made.start).all()


def test_lags_that_last_until_after_the_next_impulse_are_heard_as_they_are(listener):
    effect = open_effect("builtin:chorus")
    knobs = dict(rate=3.0, depth=10, centre_delay=29, feedback=0, mix=50)
    true, alias = effect.spec.vector(knobs), effect.spec.vector(knobs | {"centre_delay": 4})
    reference = effect.process(music(RATE, 1), RATE, true)
    ears = make_motion_ears((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    live = [n for n, p in enumerate(effect.spec.parameters) if p.status == "live"]
    told = {}
    with RenderPool(workers=1) as pool:
        for far in (False, True):
            made = MotionListener(
                *(pool, effect.spec, ears, probe_motion(effect), true, live),
                sample_rate=RATE,
                channels=1,
                far=far,
            )
            with made.listening():
                tried = made.try_settings([true, alias], TriedMotion(true, (), 1, 3.0, 0.0))
            assert made.lasts is not far
            told[far] = [one.phased for one in tried if one is not None]
    assert max(told[False]) < 30.0
    assert told[True][0] > 300.0 > 30.0 > max(told[True][1:], default=0.0)
