"""Transforms of a few rows side by side are those of each row by itself."""

import numpy as np
import pytest
from scipy import fft

import dialin.measures.transforms as module
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


# Tables of 315 by 315, 225 by 240, 16 by 16, and one that is long and narrow.
SIZES = [198_450, 108_000, 512, 34, 2 * 7 * 2_401, 4 * 4 * 9 * 25 * 49, 60]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2])
def test_compiled_transforms_are_as_near_to_the_truth_as_those_of_scipy(size, count):
    if module._forward is None:
        pytest.skip("the compiled loop was not built")
    rng = np.random.default_rng(size)
    rows = rng.standard_normal((count, size)).astype(np.float32)
    known = fft.rfft(rows.astype(np.float64), axis=1)
    spectra = rfft_rows(rows, size)
    assert np.abs(spectra - known).max() < 2e-6 * np.abs(known).max()
    back = irfft_rows(spectra, size)
    assert np.abs(back - rows).max() < 5e-6
    real = rng.random((count, size // 2 + 1)).astype(np.float32)
    known = fft.irfft(real.astype(np.float64), size, axis=1)
    assert np.abs(irfft_rows(real, size) - known).max() < 2e-6 * np.abs(known).max()
    odd = known[:, : size // 2 + 1] + 1j  # whose first and last imaginary parts do not count
    known = fft.irfft(odd, size, axis=1)
    assert np.abs(irfft_rows(odd.astype(np.complex64), size) - known).max() < 1e-5 * known.max()


@pytest.mark.parametrize("size", [198_450, 960, 961, 2 * 11 * 32])
def test_without_compiled_loops_and_with_other_sizes_transforms_are_the_same(size, monkeypatch):
    rows = np.random.default_rng(size).standard_normal((3, size - 7)).astype(np.float32)
    spectra = rfft_rows(rows, size)
    back = irfft_rows(spectra, size)
    monkeypatch.setattr(module, "_forward", None)
    monkeypatch.setattr(module, "_inverse", None)
    other = rfft_rows(rows, size)
    np.testing.assert_allclose(other, spectra, rtol=0, atol=2e-6 * np.abs(spectra).max())
    np.testing.assert_allclose(irfft_rows(other, size), back, rtol=0, atol=5e-6)
    wide = irfft_rows(other.astype(np.complex128), size)
    np.testing.assert_allclose(wide, back, rtol=0, atol=5e-6)
