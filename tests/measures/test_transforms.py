"""Transforms of a few rows side by side are those of each row by itself."""

import numpy as np
import pytest
from scipy import fft

from dialin.measures.transforms import irfft_rows, rfft_rows


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("size", [960, 4410])
def test_rows_are_transformed_as_each_by_itself(count, size):
    rows = np.random.default_rng(count).standard_normal((count, size - 10)).astype(np.float32)
    kept = rows.copy()
    spectra = rfft_rows(rows, size)
    assert spectra.shape == (count, size // 2 + 1) and spectra.dtype == np.complex64
    for row, spectrum in zip(rows, spectra, strict=True):
        np.testing.assert_allclose(spectrum, fft.rfft(row, size), rtol=0, atol=1e-4)
    back = irfft_rows(spectra, size)
    assert back.shape == (count, size) and back.dtype == np.float32
    np.testing.assert_allclose(back[:, :-10], rows, atol=1e-5)
    np.testing.assert_allclose(back[:, -10:], 0.0, atol=1e-5)
    np.testing.assert_array_equal(rows, kept)


def test_bins_that_are_missing_are_zero():
    power = np.random.default_rng(0).random((3, 100), dtype=np.float32)
    kept = power.copy()
    full = np.pad(power, ((0, 0), (0, 381)))
    np.testing.assert_allclose(irfft_rows(power, 960), fft.irfft(full, 960, axis=1), atol=1e-6)
    np.testing.assert_array_equal(power, kept)
