"""From scattered positions in a plane to an oriented square of settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EDGE = 2.0
"""Percent of positions that may lie beyond each edge of the square."""


def principal(features: Array) -> Array:
    """First two principal components, ``(items, 2)``; axes of equal spread are left as they are.

    Signs are decided by the data, so that the same sounds always lie in the same places.

    Parameters
    ----------
    features : ndarray, float64, shape (items, dimensions)
        One row for each sound.

    Returns
    -------
    ndarray, float64, shape (items, 2)
        Zeros where all sounds are the same.
    """
    centred = features - features.mean(axis=0)
    _, spread, rows = np.linalg.svd(centred, full_matrices=False)
    if len(spread) < 2 or spread[0] <= 1e-12:
        return np.zeros((len(features), 2))
    plane = centred @ rows[:2].T
    skew = np.sign(np.sum(plane**3, axis=0))
    return np.asarray(plane * np.where(skew == 0, 1.0, skew))


def orient(positions: Array, brightness: Array, depth: Array) -> Array:
    """Turn positions so that brightness grows to the right and depth, if it can, upwards.

    The plane is turned by the angle of the direction along which brightness grows in a linear
    fit, and mirrored if depth then grows downwards. Where brightness does not change nothing is
    turned.

    Parameters
    ----------
    positions : ndarray, float64, shape (items, 2)
        In a plane, of any scale.
    brightness : ndarray, float64, shape (items,)
        Of each sound; only differences count.
    depth : ndarray, float64, shape (items,)
        Of each sound; only differences count.

    Returns
    -------
    ndarray, float64, shape (items, 2)
        Of mean 0 and deviation 1 along each axis before turning.
    """
    scale = positions.std(axis=0)
    scaled = (positions - positions.mean(axis=0)) / np.where(scale > 1e-12, scale, 1.0)
    slope = _slope(scaled, brightness)
    turned = scaled
    length = float(np.hypot(*slope))
    if length > 1e-9:
        cosine, sine = slope / length
        turned = scaled @ np.array([[cosine, -sine], [sine, cosine]])
    if _slope(turned, depth)[1] < 0:
        turned = turned * np.array([1.0, -1.0])
    return np.asarray(turned)


def _slope(positions: Array, values: Array) -> Array:
    design = np.column_stack([positions, np.ones(len(positions))])
    fitted, *_ = np.linalg.lstsq(design, values, rcond=None)
    return np.asarray(fitted[:2])


def to_square(positions: Array, centre: Array) -> Array:
    """Stretch each axis so that `centre` comes to 0 and nearly all positions lie in -1 to 1.

    Each side of the centre is stretched by itself: monotone and continuous.

    Parameters
    ----------
    positions : ndarray, float64, shape (items, 2)
        In a plane, of any scale.
    centre : ndarray, float64, shape (2,)
        The position of what is neutral.

    Returns
    -------
    ndarray, float64, shape (items, 2)
        -1 to 1; a few positions at either edge are clipped.
    """
    result = np.empty_like(positions)
    for axis in range(2):
        values = positions[:, axis] - centre[axis]
        low, high = np.percentile(values, [EDGE, 100.0 - EDGE])
        spread = max(high - low, 1e-9)
        # A side with hardly anything on it is not blown up to half of the square.
        left, right = max(-low, 0.1 * spread), max(high, 0.1 * spread)
        result[:, axis] = np.where(values < 0, values / left, values / right)
    return np.clip(result, -1.0, 1.0)


def spread_evenly(positions: Array, strength: float) -> Array:
    """Move positions towards ranks along each axis, each side of zero by itself.

    With `strength` 1 every part of an axis holds as many sounds as any other; 0 changes nothing.
    Order along each axis is kept.

    Parameters
    ----------
    positions : ndarray, float64, shape (items, 2)
        In the square, -1 to 1.
    strength : float
        0 to 1.

    Returns
    -------
    ndarray, float64, shape (items, 2)
    """
    result = positions.copy()
    for axis in range(2):
        for side in (-1.0, 1.0):
            here = side * positions[:, axis] > 0
            values = np.abs(positions[here, axis])
            if len(values) < 2:
                continue
            ranks = np.empty(len(values))
            ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
            even = ranks / len(values)
            result[here, axis] = side * ((1 - strength) * values + strength * even)
    return result


def fill(positions: Array, settings: Array, size: int, width: float) -> Array:
    """Settings on a grid, ``(size, size, knobs)``: local linear regression around each point.

    W. S. Cleveland, "Robust locally weighted regression and smoothing scatterplots", JASA 74,
    1979, without its robustness steps, with Gaussian weights.

    Parameters
    ----------
    positions : ndarray, shape (items, 2)
        In the square.
    settings : ndarray, shape (items, knobs)
        Positions of the knobs, 0 to 1.
    size : int
        Points along each side.
    width : float
        Of the Gaussian; larger is smoother and reaches fewer extremes.

    Returns
    -------
    ndarray, float64, shape (size, size, knobs)
    """
    axis = np.linspace(-1.0, 1.0, size)
    grid = np.empty((size, size, settings.shape[1]))
    for row, y in enumerate(axis):
        for column, x in enumerate(axis):
            away = positions - np.array([x, y])
            distance = np.square(away).sum(axis=1)
            # Where hardly anything lies, the nearest decide: the width grows to reach some.
            reach = max(
                width**2,
                float(
                    np.partition(distance, min(11, len(distance) - 1))[min(11, len(distance) - 1)]
                ),
            )
            weights = np.exp(-0.5 * distance / reach)
            design = np.column_stack([np.ones(len(away)), away])
            ridge = np.diag([1e-9, 0.005, 0.005]) * weights.sum()
            left = (design * weights[:, None]).T @ design + ridge
            right = (design * weights[:, None]).T @ settings
            grid[row, column] = np.linalg.solve(left, right)[0]
    return np.clip(grid, 0.0, 1.0)
