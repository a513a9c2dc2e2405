from pathlib import Path

import numpy as np
import pytest

from dialin.measures.mfcc import mean_cosine, mfcc

RATE = 24_000


def test_mfcc_agrees_with_librosa():
    golden = np.load(Path(__file__).parent / "mfcc_golden.npz")
    time = np.arange(RATE) / RATE
    rng = np.random.default_rng(5)
    noise = 0.05 * rng.standard_normal(RATE) * np.exp(-3 * time)
    audio = (0.3 * np.sin(2 * np.pi * (200 + 900 * time) * time) + noise).astype(np.float32)[None]
    found = mfcc(audio, RATE)
    np.testing.assert_allclose(found[::4], golden["mfcc"], atol=2e-2)
    cosine = mean_cosine(found, mfcc(np.tanh(6 * audio), RATE))
    assert cosine == pytest.approx(float(golden["cosine"]), abs=1e-4)
