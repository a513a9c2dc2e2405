"""Setting a ring modulator by the frequency about which a reference's spectrum is symmetrical.

Which knobs move the carrier is found by rendering noise (`dialin.matching.hearing.time_probe`).
Here each is moved along its travel, the law from knob to hertz is inverted at the reference's lines
(`dialin.measures.carriers`) and refined by more noise until the lines agree. With feedback there
are lines at multiples of half the carrier, so several positions come out; how the input sounds
through them decides (`dialin.matching.hearing.alike`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.measures.carriers import symmetry_lines, symmetry_near, symmetry_spectrum
from dialin.rendering import Job, Renderer, SharedAudio

SURE = 12.0
"""How far a line must stand out; dry pieces of music reach 8."""

LASTING_SURE, HALF_SURE, HALF_SECONDS = 9.5, 6.0, 2.0
"""How far it must stand out where each half of a recording shows it, how far in each, and length of
halves that are asked: a tone that is held, or a stretch of silence, is symmetrical for a while. Of
40 carriers in music of the validation split 38 had 6.4 or more in both halves, and of 120 dry
pieces one has such a line, and another one of 9.1."""

NOISE_SURE = 9.0
"""The same in noise, which has no music to be mistaken for one."""

NOISE_SECONDS = 2.0
GRID = 33
"""Positions at which a knob is asked."""

MULTIPLES = (1.0, 2.0, 0.5)
EXACT_HZ, NEAR_HZ = 0.05, 0.5
"""Agreement at which refining ends, and that a position must reach."""

LOG_REACH = 0.3
"""Share of its frequency by which a line may move from one position to the next in any case."""

ROUNDS = 5
DRAWS = 4
"""Settings of the other knobs tried beside the default."""

MOST, MOST_WANTED = 5, 40
"""Positions handed on, and refined."""

APART = 0.01
"""Travel by which positions differ."""


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
    return symmetry_lines(audio, sample_rate)


def reference_lines(
    own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]
) -> list[tuple[float, float]]:
    """Lines that references have beyond the input, the surest first.

    Parameters
    ----------
    own : (ndarray, int)
        Audio of the input, shape (channels, samples), and its rate in hertz.
    references : sequence of (ndarray, int, float)
        Audio, rate and weight of each.

    Returns
    -------
    list of (float, float)
        Frequency in hertz and sigma.
    """
    mine = [hertz for hertz, sigma in symmetry_lines(*own) if sigma >= 0.5 * SURE]
    pairs: list[tuple[float, float]] = []
    for audio, rate, _ in references:
        pairs += _lasting(audio, rate)
    lines = [
        (hertz, sigma)
        for hertz, sigma in sorted(pairs, key=lambda line: -line[1])
        if all(abs(hertz - other) > 1.0 for other in mine)
    ]
    return lines[:MOST]


def _lasting(audio: Audio, sample_rate: int) -> list[tuple[float, float]]:
    """Sure lines of a recording, that are in both its halves as far as these can tell."""
    middle = audio.shape[1] // 2
    long = middle >= HALF_SECONDS * sample_rate
    least = LASTING_SURE if long else SURE
    lines = [(line, s) for line, s in symmetry_lines(audio, sample_rate) if s >= least]
    if not long or not lines:
        return lines
    for half in (audio[:, :middle], audio[:, middle:]):
        spectrum = symmetry_spectrum(half, sample_rate)
        lines = [(f, sigma) for f, sigma in lines if symmetry_near(*spectrum, f) >= HALF_SURE]
    return lines


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

    def run(self, lines: Sequence[tuple[float, float]]) -> list[Settings]:
        """Settings whose carrier is at one of some lines, or half or twice it.

        Parameters
        ----------
        lines : sequence of (float, float)
            Frequency in hertz and sigma, the surest first.

        Returns
        -------
        list of ndarray
            Of the whole chain, 0 to 1; none where no carrier can be set so.
        """
        shared = self._pool.share(noise(self._rate, self._channels), self._rate)
        try:
            context = self._context(shared)
            hits: list[Settings] = []
            for index in self._carriers:
                hits = self._along(index, context, lines, shared)
                if hits:
                    break
        finally:
            self._pool.release(shared)
        options = list(hits[:MOST])
        draws = self._rng.random((DRAWS, len(self._others)))
        if len(self._others) == 1:
            draws = np.linspace(0.1, 0.9, DRAWS)[:, None]
        for draw in draws if self._others else ():
            for vector in hits[:MOST]:
                drawn = vector.copy()
                drawn[list(self._others)] = draw
                options.append(self._spec.check(drawn))
        return options

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
        lines: Sequence[tuple[float, float]],
        shared: SharedAudio,
    ) -> list[Settings]:
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
        tops = [lines[0] for _, lines in known if lines]
        # From one position to the next a line moves so far; what moves further is another one.
        reach = 1.5 * float(np.median(np.abs(np.diff(tops)))) if len(tops) > 1 else 0.0
        wanted: list[tuple[float, float]] = []
        laws: dict[float, dict[float, float]] = {}
        for (hertz, _), multiple in itertools.product(lines, MULTIPLES):
            goal = hertz * multiple
            law = laws.setdefault(goal, {})
            for (u1, first), (u2, second) in itertools.pairwise(known):
                for f1, f2 in itertools.product(first, second):
                    far = max(reach, LOG_REACH * max(f1, f2))
                    if 0 < abs(f2 - f1) <= far and (f1 - goal) * (f2 - goal) <= 0:
                        law[u1], law[u2] = f1, f2
                        wanted.append((goal, u1 + (u2 - u1) * (goal - f1) / (f2 - f1)))
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
        return [at(u) for u in self._best(reached, laws, lines)]

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
        lines: Sequence[tuple[float, float]],
    ) -> list[float]:
        """The nearest positions to each goal, those of the surest lines first."""
        ranked = []
        for goal in dict.fromkeys(g for g, _ in reached):
            own = [(abs(laws[goal][u] - goal), u) for g, u in reached if g == goal]
            taken: list[float] = []
            for _, u in sorted(own):
                if all(abs(u - other) > APART for other in taken):
                    taken.append(u)
            sigma = max((s for f, s in lines if abs(f - goal) < 1.0), default=0.0)
            ranked += [(-sigma, u) for u in taken]
        chosen: list[float] = []
        for _, u in sorted(ranked):
            if all(abs(u - other) > APART / 10 for other in chosen):
                chosen.append(u)
        return chosen
