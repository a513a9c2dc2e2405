"""Searching the knobs that only scale an effect's echoes: CMA-ES, lag knobs where they are."""

from __future__ import annotations

import numpy as np

from dialin.matching.evolution import plain_cma
from dialin.matching.hearing.echo_trials import EchoTrials, TriedEcho, with_knob

RIVAL_DROP = 60.0
"""Drop at whatever strength from which a fresh search is led by that, too."""

PATIENCE, SETTLED, SETTLED_SHARE = 3, 0.5, 1e-4
"""Generations without a gain after which a search ends; what a gain is, in units of the noise's
variance and as a share of what is explained."""

MOST_REFINING = 80
"""Impulses for the smooth knobs of what may be another answer with the same lags."""


class SmoothSearch:
    """Positions of the smooth knobs, lag knobs where they are.

    Parameters
    ----------
    trials : EchoTrials
    """

    def __init__(self, trials: EchoTrials) -> None:
        self._trials = trials

    def refine(
        self, beam: TriedEcho, budget: int, sigma: float = 0.25, *, fresh: bool = True
    ) -> TriedEcho:
        """CMA-ES over the smooth knobs, lag knobs where they are.

        A fresh search is led by what answers explain at whatever strength, too: where all are far
        too loud, they would all be worse than none, and the search end there.

        Parameters
        ----------
        beam : TriedEcho
            Where it begins.
        budget : int
            Impulses, about.
        sigma : float
            How far it looks at first, in the knobs' travel.
        fresh : bool
            Whether it may begin elsewhere.

        Returns
        -------
        TriedEcho
            The best of it.
        """
        if not self._trials.smooth:
            return beam
        size = len(self._trials.smooth)
        starts = self._starts(beam) if fresh and sigma > 0.1 else []
        led = bool(starts) and max(t.reach for t in [beam, *starts]) >= RIVAL_DROP

        def worth(tried: TriedEcho) -> float:
            return max(tried.drop, 0.0) + tried.reach if led else tried.drop

        best = max([beam, *starts], key=worth)
        mean = np.clip(best.settings[self._trials.smooth], 0.02, 0.98)
        if size == 1:
            return self._line(best, self._trials.smooth[0], budget)
        population = 6 + int(2 * np.log(size))
        search = plain_cma()(
            mean=mean,
            sigma=sigma,
            bounds=np.array([[0.0, 1.0]] * size),
            seed=int(self._trials.rng.integers(2**31)),
            population_size=population,
        )
        spent = 0
        reached: list[float] = []
        while spent < budget and not search.should_stop():
            asked = [search.ask() for _ in range(population)]
            vectors = []
            for x in asked:
                vector = beam.settings.copy()
                vector[self._trials.smooth] = x
                vectors.append(self._trials.spec.check(vector))
            batch = self._trials.ask(vectors)
            spent += population
            told = []
            for x, vector, tried in zip(asked, vectors, batch, strict=True):
                value = 1e9 if tried is None else self._trials.stray(vector) - worth(tried)
                if tried is not None and worth(tried) > worth(best):
                    best = tried
                told.append((x, value))
            search.tell(told)
            reached.append(-min(value for _, value in told))
            least = max(SETTLED, SETTLED_SHARE * max(reached))
            if len(reached) > PATIENCE and max(reached) - max(reached[:-PATIENCE]) < least:
                break
            if float(np.sqrt(np.diag(search._C).max()) * search._sigma) < 0.003:
                break
        return best

    def mirror(self, best: TriedEcho) -> TriedEcho | None:
        """Look for another answer with the same lags, among the settings that were drawn.

        A loud echo of a soft sound and a soft echo of a loud one have the same spectrum.

        Parameters
        ----------
        best : TriedEcho
            The one that is known.

        Returns
        -------
        TriedEcho or None
            None where nothing else explains anything.
        """
        if not self._trials.smooth:
            return None
        vectors = []
        for tried in self._trials.tried[: self._trials.drawn]:
            vector = best.settings.copy()
            vector[self._trials.smooth] = tried.settings[self._trials.smooth]
            vectors.append(vector)
        self._trials.ask(vectors)
        away = [
            t
            for t in self._trials.tried
            if not self._trials.differ(t, best)
            and np.abs(t.settings - best.settings)[self._trials.smooth].max() > 0.25
        ]
        start = max(away, key=lambda t: t.drop, default=None)
        if start is None or start.drop <= 0:
            return None
        return self.refine(start, MOST_REFINING, sigma=0.15, fresh=False)

    def _starts(self, beam: TriedEcho) -> list[TriedEcho]:
        """Random smooth knobs around a beam, and its own scaled where one knob does that."""
        vectors = []
        for _ in range(8 if self._trials.lags else 0):
            vector = beam.settings.copy()
            vector[self._trials.smooth] = self._trials.rng.random(len(self._trials.smooth))
            vectors.append(self._trials.spec.check(vector))
        return [t for t in self._trials.ask(vectors) if t]

    def _line(self, beam: TriedEcho, index: int, budget: int) -> TriedEcho:
        """One knob alone: a grid, then two finer ones."""
        best, width = beam, 0.5
        for _ in range(4):
            u = float(best.settings[index])
            grid = np.unique(np.clip(u + np.linspace(-width, width, 9), 0, 1))
            batch = self._trials.ask([with_knob(best.settings, index, float(v)) for v in grid])
            best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
            width /= 4
        return best
