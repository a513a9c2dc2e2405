"""Transforms by SciPy's extension alone are those of its package, to the bit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import fft

from dialin.audio import fourier

KINDS = (np.float32, np.float64, np.int16, np.float16)


@pytest.fixture(params=["alone", "package"])
def way(request, monkeypatch):
    if request.param == "package":
        monkeypatch.setattr(fourier, "_pocketfft", lambda: None)
        return request.param


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [None, 12, 5, 40])
def test_values_are_those_of_the_package(way, kind, axis, n):
    x = (100 * np.random.default_rng(1).standard_normal((9, 14))).astype(kind)
    spectrum = fourier.rfft(x, n, axis)
    known = fft.rfft(x, n, axis)
    assert spectrum.dtype == known.dtype
    np.testing.assert_array_equal(spectrum, known)
    for given in (known, known.real):
        back = fourier.irfft(given, n, axis)
        assert back.dtype == fft.irfft(given, n, axis).dtype
        np.testing.assert_array_equal(back, fft.irfft(given, n, axis))
    np.testing.assert_array_equal(fourier.ifft(known, axis), fft.ifft(known, axis=axis))
    np.testing.assert_array_equal(fourier.dct(x, axis), fft.dct(x, axis=axis, norm="ortho"))


def test_strided_and_swapped_numbers_are_taken_and_left_as_they_are(way):
    x = np.random.default_rng(2).standard_normal((40, 6))
    kept = x.copy()
    for view in (x[::2].T, x[:, ::-1], x.astype(">f8"), np.lib.stride_tricks.sliding_window_view(
        x[:, 0], 7)[::2]):  # fmt: skip
        np.testing.assert_array_equal(fourier.rfft(view), fft.rfft(view))
        np.testing.assert_array_equal(fourier.dct(view), fft.dct(view, norm="ortho"))
    np.testing.assert_array_equal(x, kept)


def test_lengths_are_those_of_the_package(way):
    for target in (1, 7, 97, 1_497, 441_001):
        for real in (False, True):
            assert fourier.next_fast_len(target, real) == fft.next_fast_len(target, real)
    with pytest.raises(ValueError):
        fourier.rfft(np.zeros(4), 0)


def test_the_package_can_be_imported_afterwards():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, numpy as np; from dialin.audio import fourier\n"
            "from dialin.measures.smoothing import uniform_filter1d\n"
            "x = np.arange(9.0); one = fourier.rfft(x), uniform_filter1d(x, 3)\n"
            "alone = 'scipy.fft' not in sys.modules and 'scipy.ndimage' not in sys.modules\n"
            "from scipy import fft, ndimage\n"
            "assert (fft.rfft(x) == one[0]).all()\n"
            "assert (ndimage.uniform_filter1d(x, 3) == one[1]).all()\n"
            "assert (fourier.rfft(x) == one[0]).all() and fourier._pocketfft() is not None\n"
            "print(alone)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "True"


def test_what_a_match_needs_leaves_the_packages_out():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, dialin.rendering.worker, dialin.matching.candidate\n"
            "import dialin.matching.hearing.impulses, dialin.matching.guessing.judging\n"
            "import dialin.matching.matcher\n"
            "print([m for m in sys.modules if m in ('scipy.fft', 'scipy.ndimage', 'numpy.f2py')])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"
