"""An ask/tell search over knobs: a space-filling start, then CMA-ES and a local model.

CMA-ES after Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv:1604.00772), from the `cmaes`
package; where knobs are stepped its margin variant keeps every step reachable (Hamano et al.,
"CMA-ES with Margin", GECCO 2022). The batch size depends on the number of knobs alone, never on
the machine, so that a seed gives the same search everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dialin.effects.parameter import Parameter
from dialin.matching.evolution import plain_cma
from dialin.matching.sobol import sobol_points
from dialin.matching.surrogate import LinearModel

if TYPE_CHECKING:
    import cmaes

Positions = NDArray[np.float64]

SIGMA = 0.25
"""First step size of CMA-ES, as a share of a knob's travel."""

RESTART_SIGMA = 0.12
"""Step size of restarts, which begin at the best of what has been found far from each other."""

CONVERGED = 0.004
"""Standard deviation of a population, as a share of travel, at which a run has ended."""


class KnobSearch:
    """Ask for knob positions, tell how far from the reference they sound.

    Parameters
    ----------
    parameters : sequence of Parameter
        The knobs to search.
    start : ndarray, shape (len(parameters),)
        Where they stand now: the first position asked for.
    seed : int
    budget : int
        Renders planned in all; a fourth of them (at most 20 and 4 a knob) fill the space first.
    guesses : sequence of ndarray
        More positions to try first.
    model : LinearModel, optional
        Proposes a position beside every batch of CMA-ES, if `tell` is given features.
    near : bool
        Whether `start` is good already: nothing is filled, and the first steps are small.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        start: Positions,
        *,
        seed: int,
        budget: int,
        guesses: Sequence[Positions] = (),
        model: LinearModel | None = None,
        near: bool = False,
    ) -> None:
        self._model = model
        self._sigma = RESTART_SIGMA if near else SIGMA
        self._features: list[NDArray[np.float64]] = []
        self._proposed: list[Positions] = []
        self._parameters = tuple(parameters)
        self._rng = np.random.default_rng([seed, 1])
        self._size = len(parameters)
        self.batch = 2 * (int(4 + 3 * np.log(max(self._size, 1))) // 2)
        self._positions: list[Positions] = []
        self._values: list[float] = []
        self._cma: Any = None
        self._pending: list[Positions] = []
        self._spread = np.inf
        fill = 0 if near else min(budget // 4, 20 + 4 * self._size)
        self._queue = [self._snap(start), *map(self._snap, guesses)]
        middle = np.full(self._size, 0.5)
        if fill > 2:
            self._queue.append(self._snap(middle))
        self._points, self._seed = max(0, fill - len(self._queue)), seed

    def skip_start(self) -> None:
        """Leave the start out, since it has been told already."""
        self._queue = self._queue[1:]

    @property
    def filled(self) -> bool:
        """Whether the first positions are through, and each batch learns from those before."""
        return self._cma is not None

    @property
    def told(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All positions told so far ``(n, size)`` and their values ``(n,)``."""
        positions = np.array(self._positions).reshape(len(self._positions), self._size)
        return positions, np.array(self._values)

    def ask(self, limit: int | None = None) -> list[Positions]:
        """The next positions to try, `batch` of them or at most `limit`; each snapped.

        Parameters
        ----------
        limit : int, optional
            How many renders are left.

        Returns
        -------
        list of ndarray of shape (knobs,)
            0 to 1; empty where there is no knob.
        """
        count = self.batch + 2 if limit is None else min(limit, self.batch + 2)
        if self._points:
            self._queue, self._points = [*self._queue, *self._space_filling(self._points)], 0
        if self._queue:
            count = len(self._queue) if limit is None else min(limit, len(self._queue))
            asked, self._queue = self._queue[:count], self._queue[count:]
            return asked
        if self._size == 0:
            return []
        if self._cma is None or self._finished():
            self._restart()
            self._spread = np.inf
        self._pending = [np.asarray(self._cma.ask()) for _ in range(self._cma.population_size)]
        self._proposed = self._model_positions()
        return [self._snap(p) for p in [*self._proposed, *self._pending][:count]]

    def _space_filling(self, count: int) -> list[Positions]:
        rng = np.random.default_rng([self._seed, 2])
        points = sobol_points(self._size, count, rng)
        return [self._snap(point) for point in points]

    def _model_positions(self) -> list[Positions]:
        if self._model is None or len(self._features) != len(self._values):
            return []
        positions, values = self.told
        proposal = self._model.propose(positions, np.array(self._features), values)
        if proposal is None:
            return []
        # Half the step is the safer bet where the sound bends.
        halfway = 0.5 * (proposal + positions[int(np.argmin(values))])
        return [proposal, halfway]

    def tell(
        self,
        positions: Sequence[Positions],
        values: Sequence[float],
        features: Sequence[NDArray[np.float64]] | None = None,
    ) -> None:
        """Say how far off each asked position sounded; ``inf`` for a render that failed.

        `features`, one row a position (NaN where a render failed), feed the model.

        Parameters
        ----------
        positions : sequence of ndarray
            As they were asked for.
        values : sequence of float
            Distance of each, 0 or more.
        features : sequence of ndarray, optional
            Style features of each.
        """
        best_before = min(self._values, default=np.inf)
        self._positions += [np.asarray(p) for p in positions]
        self._values += [float(v) for v in values]
        if features is not None:
            self._features += list(features)
        extra = len(self._proposed)
        if extra and self._model is not None and values:
            self._model.judge(min(values[:extra]), best_before)
        own = list(values[extra:])
        if self._pending and len(own) == len(self._pending):
            worst = max([v for v in own if np.isfinite(v)], default=1.0)
            solutions = [
                (x, float(v) if np.isfinite(v) else 2 * worst + 1)
                for x, v in zip(self._pending, own, strict=True)
            ]
            self._inject(solutions, list(zip(self._proposed, values[:extra], strict=True)))
            self._cma.tell(solutions)
            self._spread = float(np.std(self._pending, axis=0).max())
        self._pending, self._proposed = [], []

    def _inject(
        self,
        solutions: list[tuple[Positions, float]],
        proposed: Sequence[tuple[Positions, float]],
    ) -> None:
        """Put the model's best in place of the worst of a population, if it beats them all.

        Hansen, "Injecting external solutions into CMA-ES" (arXiv:1110.4181); the margin variant
        keeps its own coordinates and takes none.
        """
        if not proposed or isinstance(self._cma, _Margin):
            return
        position, value = min(proposed, key=lambda pair: pair[1])
        if value < min(v for _, v in solutions):
            worst = max(range(len(solutions)), key=lambda i: solutions[i][1])
            solutions[worst] = (np.clip(position, 0.0, 1.0), float(value))

    def _finished(self) -> bool:
        return bool(self._cma.should_stop()) or self._spread < CONVERGED

    def _restart(self) -> None:
        positions, values = self.told
        order = np.argsort(values)
        if self._cma is None:
            best = positions[order[: max(1, min(3, len(order) // 8))]]
            mean, sigma = best.mean(axis=0), self._sigma
        else:
            # Next basin: the best point that lies well away from where the last run ended.
            centre = np.clip(self._cma.mean, 0, 1)
            away = [i for i in order if np.abs(positions[i] - centre).max() > 0.2]
            mean = positions[away[0]] if away else self._rng.random(self._size)
            sigma = RESTART_SIGMA if away else SIGMA
        seed = int(self._rng.integers(2**31))
        bounds = np.array([[0.0, 1.0]] * self._size)
        mean = np.clip(mean, 0.02, 0.98)
        population = max(self.batch, 4)
        steps = np.array([1 / (p.steps - 1) if p.is_stepped else 0.0 for p in self._parameters])
        if steps.any():
            # Which needs scipy.stats: a third of a second that the first renders need not wait for.
            import cmaes

            self._cma = _Margin(
                cmaes.CMAwM(
                    mean=mean,
                    sigma=sigma,
                    bounds=bounds,
                    steps=steps,
                    seed=seed,
                    population_size=population,
                )
            )
        else:
            self._cma = plain_cma()(
                mean=mean, sigma=sigma, bounds=bounds, seed=seed, population_size=population
            )

    def _snap(self, position: Positions) -> Positions:
        return np.array([p.snap(float(v)) for p, v in zip(self._parameters, position, strict=True)])


class _Margin:
    """CMAwM with the face of CMA: it keeps what `tell` needs beside what is evaluated."""

    def __init__(self, inner: cmaes.CMAwM) -> None:
        self._inner = inner
        self._told: list[NDArray[np.float64]] = []

    @property
    def population_size(self) -> int:
        return int(self._inner.population_size)

    @property
    def mean(self) -> NDArray[np.float64]:
        return np.asarray(self._inner.mean)

    def should_stop(self) -> bool:
        return bool(self._inner.should_stop())

    def ask(self) -> NDArray[np.float64]:
        evaluated, kept = self._inner.ask()
        self._told.append(kept)
        return np.asarray(evaluated)

    def tell(self, solutions: Sequence[tuple[NDArray[np.float64], float]]) -> None:
        kept = self._told[-len(solutions) :]
        self._inner.tell([(k, v) for k, (_, v) in zip(kept, solutions, strict=True)])
        self._told = []
