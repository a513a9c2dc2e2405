"""Monotone cubics without `scipy.interpolate`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from dialin.matching.hearing.pchip import Pchip


@pytest.mark.parametrize("count", [2, 3, 4, 9, 40])
@pytest.mark.parametrize("kind", ["rising", "falling", "any", "steps"])
def test_curves_are_those_of_scipy_to_the_bit(count: int, kind: str) -> None:
    rng = np.random.default_rng([count, len(kind)])
    for _ in range(20):
        x = np.cumsum(0.01 + rng.random(count))
        y = rng.standard_normal(count)
        if kind in ("rising", "falling"):
            y = np.cumsum(np.abs(y)) * (1 if kind == "rising" else -1)
        elif kind == "steps":
            y = np.round(y)
        at = np.concatenate([x, rng.uniform(x[0] - 0.5, x[-1] + 0.5, 200)])
        np.testing.assert_array_equal(Pchip(x, y)(at), PchipInterpolator(x, y)(at))
    at = at[:200].reshape(2, -1)
    assert Pchip(x, y)(at).shape == at.shape
    assert float(Pchip(x, y)(x[0])) == y[0]
