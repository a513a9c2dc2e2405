"""Rates and depths, on oscillators of which the truth is known."""

import numpy as np
import pytest

from dialin.measures import modulation as motion

RATE = 24_000


def clock(samples, rate=RATE):
    return np.arange(samples) / rate


def lines_of(process, seconds=8.0, channels=1):
    wave = motion.pulse_train(RATE, seconds, channels)
    return motion.line_levels(process(wave), RATE)


def rate_of(levels):
    return motion.rate_of_lines(levels, motion.step_of(RATE) / RATE)


def tremolo(hertz, depth_db):
    def process(wave):
        turn = np.sin(2 * np.pi * hertz * clock(wave.shape[1]))
        return (wave * 10 ** (depth_db / 40 * turn)).astype(np.float32)

    return process


@pytest.mark.parametrize("hertz", [0.4, 1.7, 6.3, 13.0])
def test_a_tremolo_has_its_rate_and_depth(hertz):
    levels = lines_of(tremolo(hertz, 6.0))
    assert rate_of(levels) == pytest.approx(hertz, rel=0.01)
    depth, pan = motion.tremolo_and_pan(levels)
    # 5th to 95th percentile of a sine is nearly all of it; the window takes a little.
    assert 4.5 < depth <= 6.0
    assert np.isnan(pan)


def moving_delay(centre_ms, sweep_ms, hertz, mix=0.5):
    def process(wave):
        time = clock(wave.shape[1])
        lag = (centre_ms + sweep_ms * np.sin(2 * np.pi * hertz * time)) / 1000 * RATE
        late = np.interp(np.arange(time.size) - lag, np.arange(time.size), wave[0])
        return ((1 - mix) * wave + mix * late).astype(np.float32)

    return process


@pytest.mark.parametrize("hertz", [0.3, 1.0, 4.0])
def test_a_flanger_has_the_rate_of_its_oscillator_not_of_its_notches(hertz):
    levels = lines_of(moving_delay(5.0, 3.0, hertz), seconds=10.0)
    assert rate_of(levels) == pytest.approx(hertz, rel=0.02)
    assert motion.sweep_of(levels)[0] > 2.0


def test_what_stands_still_does_not_move():
    def echoes(wave):
        out = wave.copy()
        out[:, 4_801:] += 0.5 * wave[:, :-4_801]
        return out

    levels = lines_of(lambda wave: np.tanh(8 * echoes(wave)))[200:]
    assert motion.sweep_of(levels)[0] < 0.01


def test_what_fills_up_comes_to_rest():
    def filling(wave):
        return wave * (1 - np.exp(-clock(wave.shape[1]))).astype(np.float32)

    assert motion.sweep_of(lines_of(filling, seconds=12.0))[0] < 0.1


def test_pan_is_told_from_tremolo():
    def pan(wave):
        turn = 0.5 + 0.45 * np.sin(2 * np.pi * 2 * clock(wave.shape[1]))
        return (wave * np.sqrt(np.stack([turn, 1 - turn]))).astype(np.float32)

    levels = lines_of(pan, channels=2)
    level, side = motion.tremolo_and_pan(levels)
    assert level < 0.5
    assert side > 15
    assert rate_of(levels) == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("cents", [10.0, 50.0])
def test_a_vibrato_has_its_depth(cents):
    time = clock(6 * RATE)
    swing = 1000 * (2 ** (cents / 1200) - 1)
    phase = 2 * np.pi * 1000 * time - swing / 4 * np.cos(2 * np.pi * 4 * time)
    tone = np.sin(phase)[None].astype(np.float32)
    assert motion.vibrato_depth(tone, RATE) == pytest.approx(cents, rel=0.06)
    assert motion.vibrato_depth(motion.steady_tone(RATE, 4.0), RATE) < 0.1


@pytest.mark.parametrize("hertz", [40.0, 544.2, 9176.7])
def test_a_ring_modulator_has_its_carrier(hertz):
    noise = motion.sign_noise(RATE, 4.0)
    wet = noise * np.sin(2 * np.pi * hertz * clock(noise.shape[1]))
    wet[:, 3:] = 0.6 * wet[:, :-3] + 0.4 * noise[:, 3:]
    assert motion.carrier_of(wet, noise, RATE) == pytest.approx(hertz, abs=0.05)


def test_no_carrier_where_there_is_none():
    noise = motion.sign_noise(RATE, 4.0)
    rng = np.random.default_rng(3)
    tail = rng.standard_normal(4_000) * np.exp(-np.arange(4_000) / 800)
    wet = np.convolve(noise[0], tail)[: noise.shape[1]][None]
    for output in (noise, np.tanh(40 * noise), wet, 0 * noise, tremolo(5.0, 12.0)(noise)):
        assert np.isnan(motion.carrier_of(output.astype(np.float32), noise, RATE))


def test_overtones_of_a_tremolo_are_no_carrier():
    noise = motion.sign_noise(RATE, 4.0)
    square = 1 + 0.9 * np.sign(np.sin(2 * np.pi * 10 * clock(noise.shape[1])))
    assert motion.carrier_of(noise * square, noise, RATE) == pytest.approx(30.0, abs=0.1)
    assert np.isnan(motion.carrier_of(noise * square, noise, RATE, rate=10.0))


def test_overtones_of_a_deep_sweep_without_a_mean_are_no_carrier():
    """As a phaser's at 14 Hz, whose gain turns to and fro about nought."""
    noise = motion.sign_noise(RATE, 4.0)
    gain = np.cos(2.405 * np.sin(2 * np.pi * 14 * clock(noise.shape[1])) + 0.7)
    assert motion.carrier_of(noise * gain, noise, RATE) == pytest.approx(28.0, abs=0.1)
    assert np.isnan(motion.carrier_of(noise * gain, noise, RATE, rate=14.0))
    # What stands alone is one, whatever else is known to go round.
    ring = np.cos(2 * np.pi * 28 * clock(noise.shape[1]))
    assert motion.carrier_of(noise * ring, noise, RATE, rate=14.0) == pytest.approx(28.0, abs=0.1)


@pytest.mark.parametrize("block", [480, 512])
def test_an_oscillator_set_once_a_block_has_its_own_rate_not_a_fraction(block):
    # After ten blocks and more the blocks fall into the same places again.
    def process(wave):
        time = clock(wave.shape[1])
        held = np.floor(time * RATE / block) * block / RATE
        lag = (4.0 + 3.0 * np.sin(2 * np.pi * 5.48 * held)) / 1000 * RATE
        late = np.interp(np.arange(time.size) - lag, np.arange(time.size), wave[0])
        return (0.5 * wave + 0.5 * late).astype(np.float32)

    assert rate_of(lines_of(process)) == pytest.approx(5.48, rel=0.01)
