"""A local linear model of how knobs move the sound, to step where the reference should be.

A distance is one number a render; the style features are hundreds. Around the best settings found
so far each feature is fitted as a linear function of the knobs (weighted ridge regression on the
renders made anyway), and the step that brings the features nearest to the reference's is proposed:
a Gauss-Newton step (Nocedal & Wright, "Numerical Optimization", 2006, section 10.3) with a Jacobian
from regression, a trust region (section 4.1), and absolute rather than squared differences, by
iterative reweighting. No renders are spent on derivatives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

START_RADIUS = 0.3
"""First size of the trust region, as a share of knobs' travel."""

NEAREST = 600
"""Renders that the model is fitted to, at most: the nearest to the best one."""

SMALLEST_RADIUS, LARGEST_RADIUS = 0.02, 0.5


class LinearModel:
    """Proposes knob positions from the features of earlier renders.

    Parameters
    ----------
    goal : ndarray, shape (features,)
        Features of the reference, in units of content noise; NaN where they do not count.
    weights : ndarray, shape (features,)
        How much each counts.
    """

    def __init__(self, goal: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        self._counts = np.isfinite(goal) & (weights > 0)
        self._goal = goal[self._counts]
        self._weights = weights[self._counts]
        self._radius = START_RADIUS

    def propose(
        self, positions: Matrix, features: Matrix, values: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Position where the model expects the least distance, or None if it cannot tell.

        Parameters
        ----------
        positions : ndarray, shape (n, knobs)
            Of the knobs, 0 to 1.
        features : ndarray, shape (n, features)
            In units of content noise.
        values : ndarray, shape (n,)
            Distances, lowest best; not finite for failed renders.

        Returns
        -------
        ndarray, float64 or None
        """
        from scipy.optimize import lsq_linear

        usable = np.isfinite(values) & np.isfinite(features[:, self._counts]).all(axis=1)
        if usable.sum() < positions.shape[1] + 4:
            return None
        positions, values = positions[usable], values[usable]
        features = features[usable][:, self._counts]
        best = int(np.argmin(values))
        centre, there = positions[best], features[best]
        offsets = positions - centre
        distance = np.abs(offsets).max(axis=1)
        if distance.size > NEAREST:
            nearest = np.argsort(distance, kind="stable")[:NEAREST]
            offsets, distance, features = offsets[nearest], distance[nearest], features[nearest]
        # Renders near the best one count most: the model need only hold there.
        near = 1.0 / (0.5 * self._radius + distance)
        scaled = offsets * near[:, None]
        change = np.clip(features - there, -12.0, 12.0) * near[:, None]
        ridge = 0.02 * float((near**2).sum()) * self._radius**2
        gram = scaled.T @ scaled + ridge * np.eye(offsets.shape[1])
        jacobian = np.linalg.solve(gram, scaled.T @ change).T
        missing = self._goal - there
        low = np.maximum(-self._radius, -centre)
        high = np.minimum(self._radius, 1.0 - centre)
        low, high = np.minimum(low, -1e-6), np.maximum(high, 1e-6)
        step = np.zeros(offsets.shape[1])
        for _ in range(4):
            residual = missing - jacobian @ step
            weight = np.sqrt(self._weights / np.maximum(np.abs(residual), 0.3))
            damping = 0.1 * np.sqrt(self._weights.sum() / step.size) * np.eye(step.size)
            matrix = np.vstack([jacobian * weight[:, None], damping])
            wanted = np.concatenate([missing * weight, np.zeros(step.size)])
            step = lsq_linear(matrix, wanted, bounds=(low, high), max_iter=50).x
        return np.asarray(np.clip(centre + step, 0.0, 1.0))

    def judge(self, value: float, best_before: float) -> None:
        """Grow the trust region after a success, shrink it after a failure.

        Parameters
        ----------
        value : float
            Distance at the position that was proposed.
        best_before : float
            Least distance of the renders before it.
        """
        factor = 1.5 if value < best_before else 0.6
        self._radius = float(np.clip(self._radius * factor, SMALLEST_RADIUS, LARGEST_RADIUS))
