"""Whole settings measured, and compared, on effects of which the truth is known."""

import numpy as np
import pytest

from dialin.effects.fake import open_fake
from dialin.measures.responses import UNITS, respond, response_errors

RATE = 24_000


def setting(name, **native):
    effect = open_fake(name)
    vector = effect.spec.vector(native)
    return lambda sound: effect.process(sound, RATE, vector)


def response(name, **native):
    return respond(setting(name, **native), RATE)


@pytest.fixture(scope="module")
def dry():
    return respond(lambda sound: sound, RATE)


def test_an_echo_is_found_and_missed(dry):
    true = response("echo", time=300.0, feedback=0.0, mix=50.0)
    near = response("echo", time=300.5, feedback=0.0, mix=40.0)
    assert true.echoes
    errors = response_errors(near, true)
    assert errors["echo"] == pytest.approx(0.5, abs=0.05)
    assert errors["echo_level"] == pytest.approx(1.6, abs=0.4)
    left = response_errors(dry, true)
    assert left["echo"] == pytest.approx(300.0, abs=0.1)
    assert left["decay"] > 10
    # What does not move has no rate to be wrong about.
    assert np.isnan(errors["rate"])
    assert np.isnan(errors["carrier"])


def test_the_same_setting_has_no_error():
    true = response("echo", time=120.0, feedback=70.0, mix=60.0)
    errors = response_errors(true, true)
    assert set(errors) == set(UNITS)
    assert all(not value > 0 for value in errors.values())
    assert errors["t30"] == 0


@pytest.mark.parametrize(
    ("name", "native"),
    [("gain", {"gain": -6.0}), ("drive", {"drive": 30.0}), ("tilt", {"tilt": 12.0})],
)
def test_what_has_nothing_in_time_is_not_judged_there(dry, name, native):
    errors = response_errors(dry, response(name, **native))
    assert all(np.isnan(value) for value in errors.values())


def test_an_effect_that_sleeps_in_silence_is_awake():
    inner = setting("echo", time=50.0, feedback=60.0, mix=80.0)

    def sleepy(sound):
        wet = inner(sound)
        # Until the first sound after silence it passes everything.
        heard = np.flatnonzero(np.abs(sound).max(axis=0) > 0)
        if heard.size and heard[0] > 1_000:
            return sound
        return wet

    assert respond(sleepy, RATE).decays
    assert respond(sleepy, RATE).echoes


def test_an_echo_of_one_moment_does_not_count():
    time = np.arange(75 * RATE) / RATE

    def wandering(sound):
        count = sound.shape[1]
        lag = (40 + 6 * np.sin(2 * np.pi * 0.8 * time[:count])) * RATE / 1000
        late = np.interp(np.arange(count) - lag, np.arange(count), sound[0])
        return (sound + 0.8 * late).astype(np.float32)

    found = respond(wandering, RATE)
    assert not found.echoes
    assert found.motion.rate == pytest.approx(0.8, rel=0.02)


def test_a_slow_oscillator_is_given_time():
    time = np.arange(75 * RATE) / RATE

    def slow(sound):
        turn = np.sin(2 * np.pi * 0.07 * time[: sound.shape[1]])
        return (sound * 10 ** (turn / 4)).astype(np.float32)

    assert respond(slow, RATE).motion.rate == pytest.approx(0.07, rel=0.03)


def test_missing_motion_is_all_wrong(dry):
    time = np.arange(75 * RATE) / RATE

    def shaken(sound):
        return (sound * (1 + 0.5 * np.sin(2 * np.pi * 5 * time[: sound.shape[1]]))).astype("f4")

    errors = response_errors(dry, respond(shaken, RATE))
    assert errors["rate"] == pytest.approx(100)
    assert errors["tremolo"] > 5
    assert np.isnan(errors["vibrato"])


def test_a_ring_modulator_is_judged_by_its_carrier(dry):
    time = np.arange(75 * RATE) / RATE

    def ring(hertz):
        return respond(
            lambda x: (x * np.sin(2 * np.pi * hertz * time[: x.shape[1]])).astype("f4"), RATE
        )

    true = ring(440.0)
    assert response_errors(ring(441.5), true)["carrier"] == pytest.approx(1.5, abs=0.1)
    assert response_errors(dry, true)["carrier"] == pytest.approx(440.0, abs=0.1)
    assert np.isnan(response_errors(dry, true)["rate"])
