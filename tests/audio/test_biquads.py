"""Compiled biquads are SciPy's."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import butter, sosfilt, sosfilt_zi

import dialin.audio.biquads as module
from dialin.audio import integrated_loudness
from dialin.audio.biquads import Biquads
from dialin.audio.excerpts import HIGHPASS_HZ, _sections, block_levels

RATE = 44_100


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_blocks_are_filtered_as_scipy_does(
    channels: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(module, "_compiled", None)
    elif module._compiled is None:
        pytest.skip("the compiled loop was not built")
    rng = np.random.default_rng(1)
    audio = rng.normal(size=(channels, 5_000)).astype(np.float32)
    sections = butter(7, 0.2, output="sos")
    filtered = Biquads(sections, channels)
    cuts = np.split(audio, [1, 1_000, 1_000, 4_321], axis=1)
    made = np.concatenate([filtered(cut) for cut in cuts], axis=1)
    assert made.dtype == np.float32
    whole = sosfilt(sections, audio.astype(np.float64), axis=1)
    np.testing.assert_allclose(made, whole, rtol=1e-5, atol=1e-7)


def test_the_high_pass_is_a_butterworth_that_stood_at_the_first_sample() -> None:
    sections = butter(4, HIGHPASS_HZ, "highpass", fs=RATE, output="sos")
    rng = np.random.default_rng(2)
    audio = (0.5 + 0.01 * rng.normal(size=(2, 40 * RATE))).astype(np.float32)
    state = sosfilt_zi(sections)[:, None, :] * audio[None, :, :1]
    heard, _ = sosfilt(sections, audio.astype(np.float64), axis=1, zi=state)
    power = np.square(heard[:, : 2_205 * 800].reshape(2, 800, 2_205)).mean(axis=2).sum(axis=0)
    levels = block_levels([audio[:, :RATE], audio[:, RATE:]], RATE)
    np.testing.assert_allclose(levels, 10 * np.log10(power + 1e-12), atol=0.01)
    assert _sections(RATE).shape == (2, 6)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("seconds", [0.41, 1.03, 5.7])
def test_loudness_is_pyloudnorms(rate: int, channels: int, seconds: float) -> None:
    rng = np.random.default_rng(3)
    samples = round(seconds * rate)
    audio = rng.normal(size=(channels, samples)) * np.linspace(0, 0.3, samples)
    theirs = pyloudnorm.Meter(rate).integrated_loudness(audio.T.copy())
    assert integrated_loudness(audio.astype(np.float32), rate) == pytest.approx(theirs, abs=1e-3)
