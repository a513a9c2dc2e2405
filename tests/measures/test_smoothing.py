"""Running means, maxima and medians are those of SciPy's package, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dialin.measures import smoothing

CASES = [((4, 21), 1), ((4, 21), 0), ((21,), -1), ((5, 3, 8), 1)]


@pytest.fixture(params=["alone", "package"])
def way(request, monkeypatch):
    if request.param == "package":
        monkeypatch.setattr(smoothing, "_filters", lambda: None)


def test_this_version_of_scipy_has_the_extension_and_it_does_what_is_asked():
    assert smoothing._filters() is not None


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 5, 30])
@pytest.mark.parametrize("mode", ["reflect", "nearest"])
@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_means_and_maxima_are_those_of_the_package(way, kind, size, mode, shape, axis):
    values = np.random.default_rng(3).standard_normal(shape).astype(kind)
    for given in (values, np.asfortranarray(values), values[..., ::-1]):
        for name in ("uniform_filter1d", "maximum_filter1d"):
            known = getattr(ndimage, name)(given, size, axis, mode=mode)
            result = getattr(smoothing, name)(given, size, axis, mode)
            assert result.dtype == known.dtype
            np.testing.assert_array_equal(result, known)
        known = ndimage.uniform_filter(given, size, mode=mode)
        np.testing.assert_array_equal(smoothing.uniform_filter(given, size, mode), known)


@pytest.mark.parametrize("size", [1, 3, 41])
@pytest.mark.parametrize("count", [1, 2, 20, 400])
def test_medians_are_those_of_the_package(size, count):
    values = np.random.default_rng(count).standard_normal(count)
    known = ndimage.median_filter(values, size, mode="nearest")
    np.testing.assert_array_equal(smoothing.median_filter(values, size), known)


def test_medians_of_even_numbers_are_refused():
    with pytest.raises(ValueError, match="odd number"):
        smoothing.median_filter(np.zeros(4), 2)
