"""Sobol points without `scipy.stats`."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import qmc

from dialin.matching import sobol
from dialin.matching.sobol import sobol_points


@pytest.mark.parametrize("size", [1, 2, 13, 80])
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_points_are_those_of_scipy_to_the_bit(size: int, count: int) -> None:
    points = sobol_points(size, count, np.random.default_rng([count, 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theirs = qmc.Sobol(size, seed=np.random.default_rng([count, 2])).random(count)
    np.testing.assert_array_equal(points, theirs)


def test_where_the_direction_numbers_are_not_found_scipy_draws(tmp_path, monkeypatch) -> None:
    ours = sobol_points(5, 9, np.random.default_rng(1))
    monkeypatch.setattr(sobol, "files", lambda name: tmp_path)
    np.testing.assert_array_equal(sobol_points(5, 9, np.random.default_rng(1)), ours)


def test_drawing_points_leaves_the_statistics_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from dialin.matching.sobol import sobol_points\n"
        "sobol_points(3, 5, np.random.default_rng(0))\n"
        "sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
