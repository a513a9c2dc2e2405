"""What a report draws of echoes, rooms and motion is what the recordings hold."""

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.time_facts import time_pictures
from dialin.matching.hearing.time_guesses import Echo
from tests.matching.test_style import RATE, music


def noise(seed, seconds=8):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((1, seconds * RATE))).astype(np.float32)


def drawn(pool, uri, *, exact=True, verdict="heard", **knobs):
    effect = open_effect(uri)
    settings = effect.spec.vector(knobs)
    own, other = noise(1), noise(2)
    found = Echo(0, verdict, settings, [], (), 1.0, 1.0, "heard", exact=exact)
    return time_pictures(
        *(pool, [found], [(0, effect.spec, settings)], (own, RATE)),
        (effect.process(own, RATE, settings), RATE),
        (effect.process(other, RATE, settings), RATE),
    )


def test_an_echo_is_a_peak_at_its_lag_and_is_marked(pool):
    (picture,) = drawn(pool, "builtin:delay", time=300, feedback=0, mix=40)
    assert picture.kind == "echo" and picture.log
    (curve,) = picture.curves
    top = int(np.argmax(curve.y))
    assert curve.x[top] == pytest.approx(300, abs=0.2)
    assert picture.marks[0].x == pytest.approx(300, abs=0.2)
    assert "300 ms" in picture.text
    assert len(curve.x) <= 240 and list(curve.x) == sorted(curve.x)


def test_a_room_decays_alike_in_reference_and_match(pool):
    (picture,) = drawn(pool, "builtin:reverb", room_size=60, damping=20, wet=60)
    assert picture.kind == "decay" and "T30" in picture.text
    curves = {curve.kind: curve for curve in picture.curves}
    assert set(curves) == {"reference", "matched"}
    mine, theirs = curves["matched"], curves["reference"]
    assert np.all(np.diff(mine.y) <= 1e-6)
    reach = min(mine.x[-1], theirs.x[-1])
    time = np.linspace(0.05, 0.5 * reach, 5)
    np.testing.assert_allclose(
        np.interp(time, mine.x, mine.y), np.interp(time, theirs.x, theirs.y), atol=4.0
    )


def test_a_motion_goes_round_alike_in_reference_and_match(pool):
    (picture,) = drawn(pool, "builtin:phaser", exact=False, rate=1.5, depth=80, mix=50, feedback=30)
    assert picture.kind == "motion" and "1.5 Hz" in picture.text
    theirs, mine = (np.array(curve.y) for curve in picture.curves)
    assert mine[0] == mine[-1]
    assert np.corrcoef(mine, theirs)[0, 1] > 0.8


def test_nothing_is_drawn_of_what_was_not_listened_for(pool):
    spec = open_effect("builtin:delay").spec
    sound = (music(1), RATE)
    used = [(0, spec, spec.default)]
    assert time_pictures(pool, [], used, sound, sound, sound) == ()
    ring = Echo(0, "heard", spec.default, [], (), 1.0, 1.0, "", lines=((440.0, 20.0),))
    assert time_pictures(pool, [ring], used, sound, sound, sound) == ()
