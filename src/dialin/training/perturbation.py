"""Where an effect is rendered to learn how its knobs change it: directions, steps, ends.

Knobs stand in [0, 1]. A knob at `u` may move up by ``p = min(c, 1 - u)`` and down by
``m = min(c, u)``, so at the ends of its range it moves inward only. With random signs
``s_i = ±1``, independent and equally likely, two-sided directions render

    u_i^+ = u_i + p_i  if s_i > 0 else  u_i - m_i        (and u^- with all signs turned)

and estimate the slope along knob `i` by ``(y(u^+) - y(u^-)) w_i`` with
``w_i = s_i / (p_i + m_i)``: the sign over the step actually made. Away from the ends that is
equation (2.2) of Spall (1992) with a Bernoulli ±1 perturbation. Other knobs contribute
``g_j s_i s_j (p_j + m_j) / (p_i + m_i)``, which is zero on average wherever they stand. Dividing
by the nominal ``2 c_i`` instead, as is common, halves the slope at the ends.

One-sided directions render ``u^+`` alone and compare with the render at `u`, which is needed
anyway: ``(y(u^+) - y(u)) w_i`` with ``w_i = 2 s_i / (p_i + m_i)``. The weight is zero on average
and ``E[w_i (u_i^+ - u_i)] = 1``, so this is unbiased too up to curvature, at half the renders.

Stepped knobs have no slope between their notches. They are moved from the nearest notch by whole
notches, at least one, so that what is estimated is the slope of the line through the neighbours.

References
----------
J. C. Spall, "Multivariate stochastic approximation using a simultaneous perturbation gradient
approximation", IEEE Trans. Automatic Control 37(3), 1992: equation (2.2), conditions on the
perturbations in section III. Step sizes: J. C. Spall, "Implementation of the simultaneous
perturbation algorithm for stochastic optimization", IEEE Trans. Aerospace and Electronic Systems
34(3), 1998 (``c_k = c / (k + 1)^gamma``, gamma = 0.101).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from dialin.effects.spec import EffectSpec
from dialin.errors import RecipeError

Vectors = NDArray[np.float64]
Method = Literal["spsa", "one-sided", "differences"]

WIDEST = 0.5
"""Longest step of a continuous knob: from the middle it reaches both ends."""


@dataclass(frozen=True)
class SpsaOptions:
    """How gradients through an effect are estimated.

    Attributes
    ----------
    method : {"spsa", "one-sided", "differences"}
        Two renders a direction besides the one that is heard; one; or two a knob, each knob on
        its own (plain central differences, where `directions` has no meaning).
    directions : int
        K; their estimates are averaged.
    step : float
        c in normalised units, 0 to 0.5 of the knob's travel.
    steps : mapping of str to float
        Steps of single knobs by parameter id.
    decay : float
        gamma of ``c_k = c / (k + 1)^gamma`` for training step k; 0 keeps the step.
    smallest : float
        Steps never get shorter than this.
    orthogonal : bool
        Draw the directions of an item from a Hadamard matrix with random signs, without
        replacement: the knobs' contributions to one another cancel instead of averaging out.
    fixed : tuple of str
        Ids of knobs that get no gradient; dead knobs never do.
    seed : int
        Directions depend on it, the training step, and `stream` alone.
    stream : int
        Tells processes that train together apart.
    """

    method: Method = "spsa"
    directions: int = 1
    step: float = 0.02
    steps: Mapping[str, float] = field(default_factory=dict)
    decay: float = 0.0
    smallest: float = 1e-3
    orthogonal: bool = True
    fixed: tuple[str, ...] = ()
    seed: int = 0
    stream: int = 0

    def __post_init__(self) -> None:
        if self.directions < 1:
            raise RecipeError(f"directions = {self.directions}: SPSA needs at least one")
        for name, value in (("step", self.step), *self.steps.items()):
            if not 0.0 < value <= WIDEST:
                raise RecipeError(f"the step {name} = {value:g}: use more than 0, at most {WIDEST}")
        if self.decay < 0 or not 0 < self.smallest <= WIDEST:
            raise RecipeError(
                f"decay = {self.decay:g}, smallest = {self.smallest:g}: use a decay of 0 or more "
                f"(0.101 is usual) and a smallest step above 0, at most {WIDEST}"
            )


@dataclass(frozen=True, eq=False)
class Directions:
    """What to render, and what each difference counts for.

    Attributes
    ----------
    plus : ndarray, float64, shape (batch, directions, knobs)
    minus : ndarray of the same shape, or None where the render at the settings themselves is it
    weights : ndarray of the same shape
        ``slope_i = mean over directions of (y(plus) - y(minus)) weights_i``; 0 for knobs that a
        direction does not move.
    """

    plus: Vectors
    minus: Vectors | None
    weights: Vectors

    def averaged(self, kept: NDArray[np.bool_]) -> Vectors:
        """Weights over the number of directions that moved each knob, lost ones left out.

        Parameters
        ----------
        kept : ndarray of bool, shape (batch, directions)
            Which directions were rendered both ways.

        Returns
        -------
        ndarray, float64, shape (batch, directions, knobs)
        """
        weights = self.weights * kept[:, :, None]
        count = (weights != 0).sum(axis=1, keepdims=True)
        result: Vectors = weights / np.maximum(count, 1)
        return result


class Perturber:
    """Draws directions for settings of one effect.

    Parameters
    ----------
    spec : EffectSpec
    options : SpsaOptions

    Raises
    ------
    ParameterError
        If the options name a knob that the effect does not have.
    RecipeError
        If no knob is left to move.
    """

    def __init__(self, spec: EffectSpec, options: SpsaOptions) -> None:
        self.spec, self.options = spec, options
        self._steps = np.full(spec.size, options.step)
        for id, value in options.steps.items():
            self._steps[spec.index(id)] = value
        fixed = {spec.index(id) for id in options.fixed}
        self.free = np.array(
            [p.status == "live" and n not in fixed for n, p in enumerate(spec.parameters)],
            dtype=bool,
        )
        if not self.free.any():
            raise RecipeError(f"{spec.name} has no knob that may move: all are fixed or dead")
        self._notches = np.array(
            [1.0 / (p.steps - 1) if p.is_stepped else 0.0 for p in spec.parameters]
        )

    def lengths(self, iteration: int) -> Vectors:
        """Steps c_k of the knobs at a training step, notches taken into account.

        Parameters
        ----------
        iteration : int
            Training step, from 0.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            In travels of the knobs, 0 to 1.
        """
        options = self.options
        lengths = np.maximum(self._steps / (iteration + 1.0) ** options.decay, options.smallest)
        notch = self._notches
        whole = np.maximum(1.0, np.rint(lengths / np.where(notch > 0, notch, 1.0))) * notch
        result: Vectors = np.where(notch > 0, whole, lengths)
        return result

    def draw(self, settings: Vectors, iteration: int) -> Directions:
        """Directions for a batch.

        Parameters
        ----------
        settings : ndarray, shape (batch, knobs)
            In [0, 1].
        iteration : int
            Number of the training step.

        Returns
        -------
        Directions
        """
        notch = np.where(self._notches > 0, self._notches, 1.0)
        centre = np.where(self._notches > 0, np.rint(settings / notch) * notch, settings)
        centre = np.clip(centre, 0.0, 1.0)[:, None, :]
        length = self.lengths(iteration)
        up, down = np.minimum(length, 1.0 - centre), np.minimum(length, centre)
        signs = self._signs(len(settings), iteration)
        plus = centre + np.where(signs > 0, up, 0.0) - np.where(signs < 0, down, 0.0)
        weights = signs / (up + down)
        if self.options.method == "one-sided":
            return Directions(plus, None, 2.0 * weights)
        minus = centre + np.where(signs < 0, up, 0.0) - np.where(signs > 0, down, 0.0)
        return Directions(plus, minus, weights)

    def _signs(self, batch: int, iteration: int) -> Vectors:
        """Which way each knob moves: (batch, directions, knobs) of -1, 0 and 1."""
        options = self.options
        free = np.flatnonzero(self.free)
        if options.method == "differences":
            signs = np.zeros((batch, len(free), self.spec.size))
            signs[:, np.arange(len(free)), free] = 1.0
            return signs
        key = (options.stream, iteration)
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
        signs = np.zeros((batch, options.directions, self.spec.size))
        for item in range(batch):
            rows = self._rows(rng, len(free))
            signs[item][:, free] = rows * rng.choice((-1.0, 1.0), size=(1, len(free)))
        return signs

    def _rows(self, rng: np.random.Generator, knobs: int) -> Vectors:
        count = self.options.directions
        if not self.options.orthogonal:
            return rng.choice((-1.0, 1.0), size=(count, knobs))
        matrix = _orthogonal(knobs)
        size = len(matrix)
        orders = [rng.permutation(size) for _ in range(-(-count // size))]
        # A row's sign says nothing of the others: without it a knob would move one way only.
        rows: Vectors = matrix[np.concatenate(orders)[:count]]
        rows = rows * rng.choice((-1.0, 1.0), size=(count, 1))
        return rows


@functools.lru_cache(maxsize=8)
def _orthogonal(knobs: int) -> Vectors:
    """Columns of a Hadamard matrix: any two are orthogonal, also of its rows in any order."""
    size = 1 << int(np.ceil(np.log2(max(knobs, 2))))
    columns: Vectors = hadamard(size)[:, :knobs].astype(np.float64)
    return columns
