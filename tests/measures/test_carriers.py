"""Carriers of ring modulators, heard in music."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.measures.carriers import symmetry_lines, symmetry_near
from tests.measures.test_cepstrum import music


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("hertz", [131.7, 1_934.2, 7_000.5])
def test_carrier_is_found_to_a_tenth_of_a_hertz(rate: int, hertz: float) -> None:
    sound = music(rate, 4)
    wet = sound * np.cos(2 * np.pi * hertz * np.arange(sound.shape[1]) / rate)
    (found, sigma), *_ = symmetry_lines(wet.astype(np.float32), rate)
    assert found == pytest.approx(hertz, abs=0.1)
    assert sigma > 12


def test_dry_music_noise_and_silence_have_no_carrier() -> None:
    rate = 24_000
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 3 * rate)).astype(np.float32)
    for sound in (music(rate, 5), noise):
        lines = symmetry_lines(sound, rate)
        assert not lines or lines[0][1] < 10
    assert symmetry_lines(np.zeros((1, rate), np.float32), rate) == []
    assert symmetry_lines(noise[:, :1_000], rate) == []


def test_where_hardly_a_bin_has_a_mirror_image_is_no_carrier() -> None:
    # Two short bands: between and beyond their sums there is next to nothing.
    rate, seconds = 24_000, 6
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(seconds * rate))
    frequency = np.arange(spectrum.size) / seconds
    inside = (np.abs(frequency - 1_500) < 1_200) | (np.abs(frequency - 9_000) < 3)
    audio = np.fft.irfft(spectrum * inside)[None].astype(np.float32)
    # Not the millions that rounding is of next to nothing.
    assert max(sigma for _, sigma in symmetry_lines(audio, rate)) < 50.0


def test_a_line_is_looked_for_near_its_frequency_alone() -> None:
    hertz = np.arange(4_000) * 0.05
    score = np.ones(4_000)
    score[1_008] = 20.0
    assert symmetry_near(hertz, score, 50.0) == 20.0
    assert symmetry_near(hertz, score, 49.0) == 1.0
    assert symmetry_near(hertz[:0], score[:0], 50.0) == 0.0
