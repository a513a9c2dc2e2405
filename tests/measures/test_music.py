"""Measures of music that need no alignment."""

import numpy as np
import pytest

from dialin.measures.music import (
    coarse_difference,
    coarse_levels,
    modulation_difference,
    modulation_energies,
)

RATE = 24_000


def noise(seconds=4.0, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return 0.1 * rng.standard_normal((channels, round(seconds * RATE))).astype(np.float32)


def test_coarse_levels_tell_gain_in_decibels():
    sound = noise()
    assert coarse_difference(0.5 * sound, sound, RATE) == pytest.approx(6.02, abs=0.01)
    assert coarse_difference(sound, sound, RATE) == 0


def test_coarse_levels_forgive_milliseconds():
    rng = np.random.default_rng(1)
    beats = np.repeat(rng.random(16) > 0.5, RATE // 4)[None]
    sound = noise() * (0.05 + beats)
    late = np.roll(sound, 48, axis=1)
    assert coarse_difference(late, sound, RATE) < 1.0
    assert coarse_difference(np.roll(sound, RATE // 4, axis=1), sound, RATE) > 5.0


def test_silence_and_short_sounds_are_fine():
    sound = noise(0.05, channels=2)
    assert coarse_levels(sound, RATE).shape[:2] == (2, 1)
    assert coarse_difference(0 * sound, sound, RATE) > 30
    assert coarse_difference(0 * sound, 0 * sound, RATE) == 0
    assert np.isnan(modulation_difference(0 * sound, sound, RATE))


def shaken(hertz, depth=0.8):
    sound = noise(6.0)
    time = np.arange(sound.shape[1]) / RATE
    return (sound * (1 + depth * np.sin(2 * np.pi * hertz * time))).astype(np.float32)


def test_modulation_has_its_energy_at_its_rate():
    rise = modulation_energies(shaken(5.0), RATE) - modulation_energies(noise(6.0), RATE)
    centres = np.geomspace(0.5, 100, 12)
    # Bands with fast noise of their own hide less of it the wider they are.
    assert abs(np.log2(centres[np.argmax(rise[0, -1])] / 5.0)) < 0.5


def test_modulation_difference_forgives_phase_and_level_and_hears_rate():
    true = shaken(5.0)
    moved = np.roll(true, RATE // 7, axis=1)
    assert modulation_difference(0.25 * true, true, RATE) == pytest.approx(0, abs=1e-6)
    near, off = (
        modulation_difference(moved, true, RATE),
        modulation_difference(noise(6), true, RATE),
    )
    assert near < 0.3 * off


def test_bands_beyond_the_rate_are_left_out():
    assert np.isnan(modulation_energies(noise()[:, ::4], RATE // 4)[0, -1]).all()
