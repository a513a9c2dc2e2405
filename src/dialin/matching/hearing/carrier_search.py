"""Setting a ring modulator by the frequencies about which a reference's spectrum is symmetrical.

Which knobs move the carrier is found by rendering noise (`dialin.matching.hearing.time_probe`).
Here each is moved along its travel, the law from knob to hertz is inverted at the carriers that the
reference's lines may be of (`dialin.matching.hearing.carrier_lines`) and refined by more noise
until the lines agree. How alike the lines of noise are there to the reference's tells most of the
positions apart; how the input sounds through the others decides (`dialin.matching.hearing.alike`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.carrier_lines import SURE, carriers_of
from dialin.measures.carriers import NEAR_HZ, lines_alike, symmetry_lines
from dialin.rendering import Job, Renderer, SharedAudio

NOISE_SURE = 9.0
"""How far a line of noise must stand out, which has no music to be mistaken for one."""

NOISE_EDGE_HZ = 30.0
"""How near to the end of the band its lines are told."""

NOISE_SECONDS = 2.0
GRID = 33
"""Positions at which a knob is asked."""

EXACT_HZ = 0.05
"""Agreement at which refining ends."""

LOG_REACH = 0.3
"""Share of its frequency by which a line may move from one position to the next in any case."""

ROUNDS = 5
DRAWS = 4
"""Settings of the other knobs tried beside the default."""

MOST, COMPARED, MOST_HITS, MOST_WANTED = 5, 6, 20, 40
"""Positions handed on, whose lines are compared with several settings of the other knobs and with
one, and that are refined."""

APART = 0.01
"""Travel by which positions differ."""

LIKELY, SETTINGS = 0.4, 3
"""By how much a position may be less likely to be handed on, of how likely its carrier is and how
alike its lines are together, and settings of the other knobs handed on at each."""


def noise(sample_rate: int, channels: int) -> Audio:
    """What effects are asked with: white noise at -20 dBFS.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    count = round(NOISE_SECONDS * sample_rate)
    row = 0.1 * np.random.default_rng(9).standard_normal(count)
    return np.repeat(row.astype(np.float32)[None], channels, axis=0)


def lines_of(audio: Audio, sample_rate: int) -> list[tuple[float, float]]:
    """Lines of an answer; runs where the effect is.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        What came of `noise`.
    sample_rate : int
        In hertz.

    Returns
    -------
    list of (float, float)
        Frequency in hertz and sigma, the surest first.
    """
    return symmetry_lines(audio, sample_rate, edge=NOISE_EDGE_HZ)


class CarrierSearch:
    """One search.

    Parameters
    ----------
    pool : Renderer
    spec : EffectSpec
        Of the effect alone.
    start : ndarray
    carriers : sequence of int
        Places of the free knobs that move the carrier.
    others : sequence of int
        Places of the other free ones.
    sample_rate, channels : int
        As the input is rendered.
    seed : int
    """

    def __init__(
        self,
        pool: Renderer,
        spec: EffectSpec,
        start: Settings,
        carriers: Sequence[int],
        others: Sequence[int],
        *,
        sample_rate: int,
        channels: int,
        seed: int = 0,
    ) -> None:
        self._pool, self._spec, self._start = pool, spec, start
        self._carriers, self._others = carriers, others
        self._rate, self._channels = sample_rate, channels
        self._rng = np.random.default_rng([seed, 29])
        self.renders = 0

    def run(self, lines: Sequence[tuple[float, float]]) -> list[tuple[Settings, float]]:
        """Settings whose carrier is one that lines may be of, and how likely they are.

        Parameters
        ----------
        lines : sequence of (float, float)
            Frequency in hertz and sigma, the surest first.

        Returns
        -------
        list of (ndarray, float)
            Of the whole effect, 0 to 1, and how likely their carrier is and how alike their lines
            are, 0 to 2 together, those of the likeliest position first; none where no carrier can
            be set so.
        """
        shared = self._pool.share(noise(self._rate, self._channels), self._rate)
        try:
            context = self._context(shared)
            for index in self._carriers:
                hits = self._along(index, context, carriers_of(lines), shared)
                if hits:
                    return self._likely(hits, lines, shared)
        finally:
            self._pool.release(shared)
        return []

    def _likely(
        self,
        hits: Sequence[tuple[Settings, float]],
        lines: Sequence[tuple[float, float]],
        shared: SharedAudio,
    ) -> list[tuple[Settings, float]]:
        """The likeliest positions, with some other knobs each."""
        draws = self._rng.random((DRAWS, len(self._others)))
        if len(self._others) == 1:
            draws = np.linspace(0.1, 0.9, DRAWS)[:, None]
        options: list[tuple[float, list[Settings]]] = []
        for vector, likely in hits[:MOST_HITS]:
            settings = [vector]
            for draw in draws if self._others else ():
                drawn = vector.copy()
                drawn[list(self._others)] = draw
                settings.append(self._spec.check(drawn))
            options.append((likely, settings))
        # One of each tells which of them to ask about more.
        middle = len(options[0][1]) // 2
        first = self._alike([settings[middle] for _, settings in options], lines, shared)
        order = sorted(range(len(options)), key=lambda n: -options[n][0] - first[n])[:COMPARED]
        alike = iter(self._alike([v for n in order for v in options[n][1]], lines, shared))
        ranked: list[list[tuple[Settings, float]]] = []
        for likely, settings in (options[n] for n in order):
            pairs = [(vector, likely + next(alike)) for vector in settings]
            ranked.append(sorted(pairs, key=lambda pair: -pair[1])[:SETTINGS])
        ranked.sort(key=lambda pairs: -pairs[0][1])
        least = ranked[0][0][1] - LIKELY
        return [pair for pairs in ranked[:MOST] if pairs[0][1] >= least for pair in pairs]

    def _alike(
        self,
        settings: Sequence[Settings],
        lines: Sequence[tuple[float, float]],
        shared: SharedAudio,
    ) -> list[float]:
        """How alike the lines of noise are to a reference's."""
        jobs = [
            Job(self._spec.uri, shared, v, measure=lines_alike, measure_args=(lines, NOISE_SURE))
            for v in settings
        ]
        self.renders += len(jobs)
        return [0.0 if r.failure is not None else float(r.value) for r in self._pool.render(jobs)]

    def _context(self, shared: SharedAudio) -> Settings:
        """Settings at which the carrier is clear: the default, or some others."""
        drawn = [self._start]
        for _ in range(6):
            vector = self._start.copy()
            indices = [*self._carriers, *self._others]
            vector[indices] = self._rng.random(len(indices))
            drawn.append(self._spec.check(vector))
        answers = self._ask(drawn, shared)
        sure = [lines[0][1] if lines else 0.0 for lines in answers]
        if sure[0] >= SURE:
            return self._start
        best = drawn[int(np.argmax(sure))].copy()
        best[list(self._carriers)] = self._start[list(self._carriers)]
        return best

    def _ask(
        self, settings: Sequence[Settings], shared: SharedAudio
    ) -> list[list[tuple[float, float]]]:
        jobs = [Job(self._spec.uri, shared, vector, measure=lines_of) for vector in settings]
        self.renders += len(jobs)
        return [[] if r.failure is not None else r.value for r in self._pool.render(jobs)]

    def _along(
        self,
        index: int,
        context: Settings,
        goals: Sequence[tuple[float, float]],
        shared: SharedAudio,
    ) -> list[tuple[Settings, float]]:
        parameter = self._spec.parameters[index]
        if parameter.is_stepped:
            count = min(GRID, parameter.steps)
            grid = [parameter.snap(float(u)) for u in np.linspace(0, 1, count)]
        else:
            # Not the default, whose law some plugins keep from another sample rate.
            grid = [float(u) for u in (np.arange(GRID) + 0.37) / GRID]

        def at(u: float) -> Settings:
            vector = context.copy()
            vector[index] = min(1.0, max(0.0, u))
            return vector

        known: list[tuple[float, list[float]]] = []
        for u, heard in zip(grid, self._ask([at(u) for u in grid], shared), strict=True):
            known.append((u, [hertz for hertz, sigma in heard if sigma >= NOISE_SURE]))
        laws: dict[float, dict[float, float]] = {goal: {} for goal, _ in goals}
        wanted = _crossings(known, laws)
        wanted = list(dict.fromkeys(wanted))[:MOST_WANTED]
        reached: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            answers = self._ask([at(u) for _, u in wanted], shared)
            again: list[tuple[float, float]] = []
            for (goal, u), heard in zip(wanted, answers, strict=True):
                sure = [hertz for hertz, sigma in heard if sigma >= NOISE_SURE]
                if not sure:
                    continue
                hertz = sure[int(np.argmin(np.abs(np.array(sure) - goal)))]
                laws[goal][u] = hertz
                if abs(hertz - goal) <= NEAR_HZ:
                    reached.append((goal, u))
                if abs(hertz - goal) > EXACT_HZ:
                    again += self._closer(goal, u, laws[goal])
            wanted = again
            if not wanted:
                break
        return [(at(u), likely) for u, likely in self._best(reached, laws, goals)]

    def _closer(self, goal: float, u: float, law: dict[float, float]) -> list[tuple[float, float]]:
        """A better guess, from the two nearest positions on both sides of the goal."""
        best: float | None = None
        for (u1, f1), (u2, f2) in itertools.pairwise(sorted(law.items())):
            if f1 == f2 or (f1 - goal) * (f2 - goal) > 0 or not u1 - 1e-9 <= u <= u2 + 1e-9:
                continue
            guess = u1 + (u2 - u1) * (goal - f1) / (f2 - f1)
            if best is None or abs(guess - u) < abs(best - u):
                best = guess
        return [] if best is None or abs(best - u) < 1e-9 else [(goal, best)]

    def _best(
        self,
        reached: Sequence[tuple[float, float]],
        laws: dict[float, dict[float, float]],
        goals: Sequence[tuple[float, float]],
    ) -> list[tuple[float, float]]:
        """The nearest positions to each goal, those of the likeliest carriers first."""
        chosen: list[tuple[float, float]] = []
        for goal, likely in goals:
            law, taken = laws[goal], list[float]()
            for _, u in sorted((abs(law[u] - goal), u) for g, u in reached if g == goal):
                if all(abs(u - other) > APART for other in taken):
                    taken.append(u)
            known = [u for u, _ in chosen]
            chosen += [(u, likely) for u in taken if all(abs(u - v) > APART / 10 for v in known)]
        return chosen


def _crossings(
    known: Sequence[tuple[float, Sequence[float]]], laws: dict[float, dict[float, float]]
) -> list[tuple[float, float]]:
    """Goals, and positions at which a line should lie there by those of two neighbours.

    The neighbours are taken down in each goal's law.
    """
    tops = [lines[0] for _, lines in known if lines]
    # From one position to the next a line moves so far; what moves further is another one.
    reach = 1.5 * float(np.median(np.abs(np.diff(tops)))) if len(tops) > 1 else 0.0
    wanted: list[tuple[float, float]] = []
    for goal, law in laws.items():
        beyond: list[tuple[float, float]] = []
        for (u1, first), (u2, second) in itertools.pairwise(known):
            for f1, f2 in itertools.product(first, second):
                if not 0 < abs(f2 - f1) <= max(reach, LOG_REACH * max(f1, f2)):
                    continue
                step = (goal - f1) / (f2 - f1)
                if 0 <= step <= 1:
                    law[u1], law[u2] = f1, f2
                    wanted.append((goal, u1 + (u2 - u1) * step))
                elif -1 <= step <= 2:
                    beyond.append((goal, u1 + (u2 - u1) * step))
        if not law:
            # It may turn round between two positions, or before the first.
            wanted += [(goal, u) for goal, u in beyond if 0 <= u <= 1]
    return wanted
