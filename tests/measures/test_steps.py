"""Dynamics are told by how their gain answers a step of level."""

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.measures.responses import UNITS, respond, response_errors
from dialin.measures.steps import level_step, measure_steps

RATE = 44_100


def answered(uri, rate=RATE, channels=1, **knobs):
    effect = open_effect(uri)
    settings = effect.spec.vector(knobs)
    return measure_steps(effect.process(level_step(rate, channels), rate, settings), rate)


def exponential(attack, release, change, rate=RATE):
    """A gain that goes to `change` dB while the sine is loud, by time constants in ms."""
    wave = level_step(rate)
    loud = np.zeros(wave.shape[1], bool)
    loud[rate : round(2.5 * rate)] = True
    gain, now = np.zeros(wave.shape[1]), 0.0
    up, down = (1 - np.exp(-1000 / (t * rate)) for t in (attack, release))
    for n, is_loud in enumerate(loud):
        now += (change - now) * up if is_loud else (0.0 - now) * down
        gain[n] = now
    return (wave * 10 ** (gain / 20)).astype(np.float32)


@pytest.mark.parametrize(
    ("attack", "release", "change"), [(20, 200, -12), (5, 60, -6), (80, 500, 4)]
)
def test_time_constants_and_change_are_told(attack, release, change):
    found = measure_steps(exponential(attack, release, change, 16_000), 16_000)
    assert found.step == pytest.approx(change, abs=0.1)
    assert found.attack == pytest.approx(attack, rel=0.1)
    assert found.release == pytest.approx(release, rel=0.1)


def test_a_compressor_shows_its_ratio_and_its_times():
    slow = answered("builtin:compressor", threshold=-30, ratio=8, attack=60, release=400)
    fast = answered("builtin:compressor", threshold=-30, ratio=8, attack=2, release=40)
    mild = answered("builtin:compressor", threshold=-30, ratio=2, attack=2, release=40)
    assert slow.attack > 5 * fast.attack and slow.release > 3 * fast.release
    assert fast.step < mild.step < -5
    stereo = answered("builtin:compressor", RATE, 2, threshold=-30, ratio=8, attack=60, release=400)
    assert stereo.attack == pytest.approx(slow.attack, rel=0.02)
    other = answered("builtin:compressor", 48_000, threshold=-30, ratio=8, attack=60, release=400)
    assert other.attack == pytest.approx(slow.attack, rel=0.1)


def test_what_has_no_dynamics_has_none():
    for uri in ("builtin:gain", "builtin:highpass", "fake:tilt"):
        found = answered(uri)
        assert not found.moves and np.isnan(found.attack) and np.isnan(found.release)
    silent = measure_steps(np.zeros((1, 7 * RATE), np.float32), RATE)
    assert np.isnan(silent.step) and not silent.moves


def test_settings_are_judged_by_attack_release_and_level():
    effect = open_effect("builtin:compressor")

    def response(**knobs):
        settings = effect.spec.vector(knobs)
        return respond(lambda sound: effect.process(sound, 16_000, settings), 16_000)

    true = response(threshold=-30, ratio=6, attack=20, release=200)
    slower = response(threshold=-30, ratio=6, attack=60, release=200)
    assert true.shows and true.steps.moves
    alike = response_errors(true, true)
    assert alike["attack"] == alike["release"] == alike["step"] == 0.0
    errors = response_errors(slower, true)
    assert errors["attack"] > 50 and errors["release"] < 30
    none = response_errors(respond(lambda sound: sound, 16_000), true)
    assert none["attack"] == none["release"] == 100.0
    assert none["step"] == pytest.approx(-true.steps.step, abs=0.5)
    assert {"step", "attack", "release"} <= set(UNITS)
