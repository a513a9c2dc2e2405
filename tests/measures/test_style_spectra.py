"""Compiled spectra are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest

import dialin.measures.style_spectra as module
from dialin.matching.features import style_features

RATES = (44_100, 24_000, 96_000, 8_000, 1_100)


def sound(rate: int, channels: int, seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that fades, with a tone in it, other in each channel."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    noise = rng.normal(size=(channels, time.size)) * np.exp(-2.0 * (time % 0.4))
    return (0.1 * noise + 0.2 * np.sin(2 * np.pi * 220.0 * time)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [0.01, 1.7, 3.0])
def test_features_are_those_of_scipy(
    rate: int, channels: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module._compiled is None:
        pytest.skip("the compiled loop was not built")
    audio = sound(rate, channels, seconds)
    made = style_features(audio, rate)
    monkeypatch.setattr(module, "_compiled", None)
    np.testing.assert_allclose(made, style_features(audio, rate), atol=2e-3)


def test_silence_and_a_sound_far_too_loud_are_finite() -> None:
    loud = sound(44_100, 2, 0.5) * np.float32(1e12)
    assert np.isfinite(style_features(loud, 44_100)).all()
    assert np.isfinite(style_features(np.zeros_like(loud), 44_100)).all()


def test_logarithms_are_exact_over_all_that_power_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    if module._compiled is None:
        pytest.skip("the compiled loop was not built")
    bank = module.FilterBank(np.eye(65, 4, dtype=np.float32), np.ones(4, dtype=bool))
    for power in range(-20, 13):
        audio = sound(8_000, 2, 0.2, seed=power + 20) * np.float32(10.0**power)
        ours = module.style_spectra(audio, 128, bank, 1.0, 65)
        theirs = module._by_scipy(audio, 128, bank, 1.0, 65)
        np.testing.assert_allclose(ours.logs, theirs.logs, rtol=1e-5, atol=2e-5)
        for mine, other in zip(
            (ours.bands, ours.left, ours.right), (theirs.bands, theirs.left, theirs.right),
            strict=True,
        ):  # fmt: skip
            np.testing.assert_allclose(mine, other, rtol=2e-4, atol=1e-5 * other.max(initial=0))
