"""Scrambled Sobol points as SciPy draws them, without importing all of its statistics.

`scipy.stats` takes 0.4 s of a processor to import, in which a match renders fifty candidates; a
search wants a few dozen points that fill its space evenly. The direction numbers are read from the
file that SciPy brings, and the points are the same to the bit as those of `scipy.stats.qmc.Sobol`,
which is asked itself where the file is not there.

References
----------
Joe & Kuo, "Constructing Sobol sequences with better two-dimensional projections" (2008); Matousek,
"On the L2-discrepancy for anchored boxes" (1998), for the scrambling.
"""

from __future__ import annotations

import warnings
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

BITS = 30
"""Of each coordinate."""

Integers = NDArray[np.uint32]


def sobol_points(size: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The first points of a scrambled Sobol sequence.

    Parameters
    ----------
    size : int
        Dimensions, 1 or more.
    count : int
        Points, 1 or more; balanced only in powers of two.
    rng : numpy.random.Generator
        Of the scrambling.

    Returns
    -------
    ndarray, float64, shape (count, size)
        From 0 to below 1.

    Examples
    --------
    >>> sobol_points(2, 3, np.random.default_rng(0)).round(3).tolist()
    [[0.41, 0.964], [0.722, 0.108], [0.905, 0.529]]
    """
    path = files("scipy").joinpath("stats/_sobol_direction_numbers.npz")
    if not path.is_file():
        from scipy.stats import qmc

        with warnings.catch_warnings():
            # Balanced only in powers of two; any number serves.
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(qmc.Sobol(size, seed=rng).random(count))
    with path.open("rb") as file, np.load(file) as table:
        directions = _directions(table["poly"][:size].tolist(), table["vinit"][:size].tolist())
    # As SciPy does: its own generator, that can be begun again.
    (rng,) = rng.spawn(1)
    bits = rng.integers(2, size=(size, BITS), dtype=np.uint32)
    shift = bits @ (np.uint32(1) << np.arange(BITS, dtype=np.uint32))
    lower = np.tril(rng.integers(2, size=(size, BITS, BITS), dtype=np.uint32))
    lower[:, range(BITS), range(BITS)] = 1
    # Highest bits first: each matrix times the bits of each direction number.
    places = np.arange(BITS, dtype=np.uint32)[::-1]
    spread = (directions[:, None, :] >> places[:, None]) & np.uint32(1)
    directions = (((lower @ spread) & np.uint32(1)) << places[:, None]).sum(axis=1, dtype=np.uint32)
    point = shift
    points = [point]
    for number in range(count - 1):
        # In the order of Gray's code each differs from the last in one direction.
        point = point ^ directions[:, (~number & (number + 1)).bit_length() - 1]
        points.append(point)
    return np.asarray(np.stack(points) * (1.0 / 2**BITS))


def _directions(polynomials: list[int], starts: list[list[int]]) -> Integers:
    """Direction numbers of each dimension, by the recurrence of its polynomial."""
    rows = [[1] * BITS]
    for polynomial, start in zip(polynomials[1:], starts[1:], strict=True):
        degree = polynomial.bit_length() - 1
        row = start[:degree]
        for place in range(degree, BITS):
            value = row[place - degree]
            for k in range(degree):
                if polynomial >> (degree - 1 - k) & 1:
                    value ^= row[place - k - 1] << (k + 1)
            row.append(value)
        rows.append(row)
    numbers = np.array(rows[: len(polynomials)], dtype=np.uint64)
    return (numbers << np.arange(BITS, dtype=np.uint64)[::-1]).astype(np.uint32)
