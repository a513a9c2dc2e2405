"""Methods that render candidates and choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.effects import chain_uri, parse_chain
from dialin.effects.spec import Settings
from dialin.evaluation.encoders import embed
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods.method import Outcome, Tools, random_answer
from dialin.evaluation.methods.systems import folder_of
from dialin.evaluation.metrics.perceived import cosine_distance
from dialin.matching import match
from dialin.rendering import Job, Renderer, Result, SharedAudio

SIGMA, POPULATION = 0.33, 64


class Recorder:
    """A renderer that writes down what is rendered through it, for the account of a budget.

    Parameters
    ----------
    pool : Renderer
        Where it is rendered.
    """

    def __init__(self, pool: Renderer) -> None:
        self.jobs: list[tuple[str, Settings]] = []
        self.workers, self.deadline = pool.workers, pool.deadline
        self._pool = pool
        self.share, self.release = pool.share, pool.release
        self.scratch, self.call, self.map = pool.scratch, pool.call, pool.map
        self.describe, self.probe = pool.describe, pool.probe

    @property
    def closed(self) -> bool:
        """As of the pool."""
        return self._pool.closed

    def render(self, jobs: Iterable[Job]) -> list[Result]:
        """As `RenderPool.render`.

        Parameters
        ----------
        jobs : iterable of Job
            What to render.

        Returns
        -------
        list of Result
        """
        return self._pool.render(self._noted(jobs))

    def render_iter(self, jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """As `RenderPool.render_iter`.

        Parameters
        ----------
        jobs : iterable of Job
            What to render.

        Returns
        -------
        iterator of (int, Result)
        """
        return self._pool.render_iter(self._noted(jobs))

    def _noted(self, jobs: Iterable[Job]) -> list[Job]:
        jobs = list(jobs)
        # What is rendered of test signals is no candidate; they are not shared.
        self.jobs += [
            (job.effect, np.asarray(job.settings, dtype=np.float64))
            for job in jobs
            if isinstance(job.audio, SharedAudio)
        ]
        return jobs

    def candidates(self) -> list[tuple[str, Settings]]:
        """URI and settings of all that was rendered of the input, in order, each once."""
        found = {(uri, settings.tobytes()): (uri, settings) for uri, settings in self.jobs}
        return list(found.values())


@dataclass(frozen=True)
class Search:
    """dialin's own matching, by its public function.

    Its knobs travel their full range, wider than that of some protocols. Fixed knobs are locked,
    except in hidden chains, where a lock would give away that its effect is there. With a `model`
    the answers of that controller are tried first; without, none that may be kept on this machine.

    Attributes
    ----------
    budget : int
        Renders.
    model : str
        Folder; empty for none.
    shipped : bool
        Whether the networks that come with dialin guess, as they do for everybody.
    keep : bool
        Take the nearest candidate even where it is not sure, since an effect is known to be there.
    """

    budget: int
    model: str = ""
    shipped: bool = False
    keep: bool = False

    @property
    def name(self) -> str:
        """What tables call it."""
        if self.shipped:
            return f"{'guess' if self.keep else 'match'}:{self.budget}"
        if self.keep:
            return f"plain:{self.budget}"
        return f"refine:{self.budget}:{self.model}" if self.model else f"search:{self.budget}"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        noted = Recorder(tools.pool)
        knobs = task.spec.parameters
        fixed = {} if task.hidden else task.fixed
        models = (folder_of(self.model, task.spec),) if self.model else ()
        result = match(
            (task.input, task.sample_rate),
            (task.reference, task.sample_rate),
            parse_chain(task.spec.uri),
            budget=self.budget,
            seed=task.seed % 2**31,
            weights=None if task.level_counts else {"level": 0.0},
            lock={knobs[p].id: knobs[p].to_native(v) for p, v in fixed.items()},
            models=None if self.shipped else models,
            keep=self.keep,
            pool=noted,
        )
        trace = tuple((uri, settings, None) for uri, settings in noted.candidates())
        uri = chain_uri(result.effects) if result.effects else ""
        return Outcome(uri, result.settings, renders=result.report.renders, trace=trace)


def embedding_gap(audio: Any, sample_rate: int, wanted: Any, encoder: str) -> float:
    """Cosine distance of a render's embedding to the wanted one; runs where the effect is.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.
    wanted : ndarray, shape (dimensions,)
        The embedding to come near to.
    encoder : str
        Name of the encoder.

    Returns
    -------
    float
        0 to 2.
    """
    return cosine_distance(embed(audio, sample_rate, encoder), wanted)


def _gaps(
    task: MatchTask, tools: Tools, shared: Any, candidates: list[tuple[str, Settings]],
    encoder: str, wanted: Any,
) -> list[float]:  # fmt: skip
    jobs = [
        Job(uri, shared, settings, measure=embedding_gap, measure_args=(wanted, encoder))
        for uri, settings in candidates
    ]
    return [np.inf if r.failure else float(r.value) for r in tools.pool.render(jobs)]


def _best(trace: list[tuple[str, Settings, float]]) -> Outcome:
    uri, settings, _ = min(trace, key=lambda entry: entry[2])
    return Outcome(uri, settings, renders=len(trace), trace=tuple(trace))


@dataclass(frozen=True)
class PickMethod:
    """The best of random settings by an embedding.

    Attributes
    ----------
    encoder : str
        Of the embedding; see `dialin.evaluation.encoders`.
    budget : int
        Renders.
    """

    encoder: str
    budget: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"pick:{self.encoder.replace(':', '/')}:{self.budget}"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        rng = np.random.default_rng([task.seed, 2])
        wanted = embed(task.reference, task.sample_rate, self.encoder)
        drawn = [random_answer(task, rng)[1:] for _ in range(self.budget)]
        shared = tools.pool.share(task.input, task.sample_rate)
        try:
            gaps = _gaps(task, tools, shared, drawn, self.encoder, wanted)
        finally:
            tools.pool.release(shared)
        return _best([(u, s, g) for (u, s), g in zip(drawn, gaps, strict=True)])


@dataclass(frozen=True)
class StIto:
    """ST-ITO's recipe: CMA-ES on the cosine distance of embeddings, lowest distance wins.

    Population 64, initial deviation 0.33, started from the middle of each knob's range. For hidden
    chains each effect has a switch: the (at most four) highest above one half are in use.

    Attributes
    ----------
    encoder : str
        Of the embedding; see `dialin.evaluation.encoders`.
    budget : int
        Renders.

    References
    ----------
    Steinmetz et al., "ST-ITO", arXiv:2410.21233. Re-created from its description; its embedding
    (AFx-Rep) is not to be had here, so `encoder` takes its place.
    """

    encoder: str
    budget: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"st-ito:{self.encoder.replace(':', '/')}:{self.budget}"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        from cmaes import CMA

        wanted = embed(task.reference, task.sample_rate, self.encoder)
        switches = len(parse_chain(task.spec.uri)) if task.hidden else 0
        # One idle dimension where there is but one knob: CMA-ES wants two.
        size = max(2, len(task.free) + switches)
        population = min(POPULATION, self.budget)
        search = CMA(
            mean=np.full(size, 0.5),
            sigma=SIGMA,
            bounds=np.tile([0.0, 1.0], (size, 1)),
            population_size=max(2, population),
            seed=task.seed % 2**31,
        )
        trace: list[tuple[str, Settings, float]] = []
        shared = tools.pool.share(task.input, task.sample_rate)
        try:
            while len(trace) + search.population_size <= max(self.budget, 2):
                asked = [search.ask() for _ in range(search.population_size)]
                candidates = [self._decode(task, point, switches) for point in asked]
                gaps = _gaps(task, tools, shared, candidates, self.encoder, wanted)
                trace += [(u, s, g) for (u, s), g in zip(candidates, gaps, strict=True)]
                worst = max([g for g in gaps if np.isfinite(g)], default=2.0)
                told = [g if np.isfinite(g) else worst + 1.0 for g in gaps]
                search.tell(list(zip(asked, told, strict=True)))
        finally:
            tools.pool.release(shared)
        return _best(trace)

    def _decode(self, task: MatchTask, point: Any, switches: int) -> tuple[str, Settings]:
        vector = task.default
        for value, index in zip(point[switches:], task.free, strict=False):
            low, high = task.span(index)
            vector[index] = low + float(value) * (high - low)
        settings = task.complete(vector)
        if not switches:
            return task.spec.uri, settings
        order = np.argsort(-point[:switches], kind="stable")
        on = [int(s) for s in order[:4] if point[s] >= 0.5] or [int(order[0])]
        return task.part(settings, sorted(on))
