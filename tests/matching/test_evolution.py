"""CMA-ES is the package's own, without the third of a second that the rest of it costs."""

import subprocess
import sys

import cmaes
import numpy as np

from dialin.matching.evolution import plain_cma


def test_it_is_the_class_of_the_package_to_the_bit():
    made = [
        kind(mean=np.full(3, 0.4), sigma=0.2, bounds=np.array([[0.0, 1.0]] * 3), seed=5)
        for kind in (plain_cma(), cmaes.CMA)
    ]
    for _ in range(4):
        asked = [[search.ask() for _ in range(search.population_size)] for search in made]
        np.testing.assert_array_equal(*asked)
        for search, points in zip(made, asked, strict=True):
            search.tell([(point, float(np.square(point - 0.7).sum())) for point in points])


def test_statistics_are_not_imported_for_it():
    code = (
        "import sys\n"
        "from dialin.matching.evolution import plain_cma\n"
        "print(plain_cma().__name__, 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["CMA", "False"], done.stderr
