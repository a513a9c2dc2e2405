"""Compiled powers of frames are SciPy's, whatever their length is made of."""

from __future__ import annotations

import numpy as np
import pytest

import dialin.measures.frame_powers as module
from dialin.measures.frame_powers import frame_powers


def sound(samples: int, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(samples)
    time = np.arange(samples) / 44_100
    noise = 0.1 * rng.normal(size=(channels, samples)) * np.exp(-4.0 * (time % 0.1))
    return (noise + 0.3 * np.sin(2 * np.pi * 1_000.0 * time)).astype(np.float32)


# Frames of 26.7 and 80 ms at the usual rates; 854 is twice a prime, 853 is one.
@pytest.mark.parametrize(
    "size", [1_176, 3_528, 1_280, 3_840, 640, 588, 1_764, 2_560, 4, 6, 10, 14, 18, 98, 853, 854]
)
@pytest.mark.parametrize("frames", [1, 15, 16, 17, 40])
def test_powers_are_those_of_scipy(size: int, frames: int) -> None:
    if module._compiled is None:
        pytest.skip("the compiled loop was not built")
    hop = max(1, round(size / 4))
    audio = sound(size + (frames - 1) * hop + hop // 2)
    for first, last in ((0, size), (size // 40, size // 4 + 1), (size // 2, size)):
        made = frame_powers(audio, size, hop, first, last)
        end = min(last, size // 2 + 1)
        known = module._by_scipy(audio.astype(np.float64), size, hop, first, end)
        assert made.shape == known.shape
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, known, rtol=1e-4, atol=1e-9 * known.max())


def test_hops_that_are_no_part_of_a_frame_and_wide_samples() -> None:
    audio = sound(30_000, channels=1)
    known = module._by_scipy(audio.astype(np.float64), 1_176, 333, 2, 267)
    np.testing.assert_allclose(frame_powers(audio, 1_176, 333, 2, 267), known, rtol=1e-4, atol=1e-7)
    exact = frame_powers(audio.astype(np.float64), 1_176, 333, 2, 267)
    assert exact.dtype == np.float64
    np.testing.assert_array_equal(exact, known)


def test_without_the_compiled_loop_they_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = sound(20_000)
    made = frame_powers(audio, 1_176, 294, 2, 267)
    monkeypatch.setattr(module, "_compiled", None)
    np.testing.assert_allclose(frame_powers(audio, 1_176, 294, 2, 267), made, rtol=1e-3, atol=1e-6)
