"""Setting an effect of echoes by its answers to impulses, no music rendered.

What a reference's cepstrum holds beyond the input's is compared with cepstra of the effect's
answers (`dialin.matching.hearing.impulses`). Two kinds of knobs
(`dialin.matching.hearing.time_probe`):

* *Lag* knobs move peaks, and a hundredth of their travel moves them away altogether, so nothing
  can be searched there by small steps. Each is moved along its travel; the law from knob to lag is
  interpolated and inverted at the reference's peaks, and the inversion is refined by further
  impulses until the lag agrees to a fraction of a sample. Where an answer is a pattern rather than
  one peak (the size of a room), the pattern is shifted in log time until it fits.
* *Smooth* knobs are then searched by CMA-ES with the lag knobs frozen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.impulses import (
    SHORTEST,
    EchoTarget,
    ImpulseLab,
    PartPair,
    Values,
    agreed_drop,
)
from dialin.matching.hearing.lag_laws import LagLaw, LagPatterns
from dialin.measures.cepstrum import LAG_RATE, find_peaks

GRID = 9
"""Positions at which a lag knob is asked, unless it has fewer steps."""

MOST_STEPS = 24
"""Steps of a stepped knob that are all tried."""

LAW_FROM = 8e-4
"""Lag in seconds from which peaks of answers are looked for: they hold no music."""

COMBINED, CONTEXTS = 32, 3
"""Positions of several switches together up to which all are tried, and other knobs with each."""

MOST_IMPULSES = 1200
"""After so many no lag knob is moved along its travel any more."""

PEAKS = 5
"""Peaks of each view of the reference at which laws are inverted."""

HIGHEST = 2
"""The same of the highest, whatever noise is around."""

HIDDEN_PEAKS, MULTIPLES = 2, (2, 3, 4)
"""The first echo of a short comb lies where nothing is looked for: the second, third or fourth, of
so many peaks, tells of it."""

BEAMS = 3
"""Settings of the lag knobs that are followed."""

FIRST_DRAWS, SEEDED_DRAWS = 20, 8
"""Random settings tried to begin with: without and with likely ones beside them."""

ENDS, MOST_ENDS = (0.05, 0.98, 0.95), 6
"""Where smooth knobs stand in some more, and how many of the knobs."""

ELSEWHERE = 24
"""Settings tried whose pattern was heard with other smooth knobs."""

OTHERWISE, MOST_POSITIONS, SAME = 5, 12, 1e-3
"""Other smooth knobs that are tried at the lags of peaks that nothing explains yet; how many lags,
and travel within which they are the same."""

REFINES = 6
"""Rounds of refining an inverted lag."""

EXACT = 0.2
"""Samples (at `LAG_RATE`) within which a lag agrees."""

DENSER, MOST_PATTERNS = 3, 40
"""Rounds of asking in between, and positions asked at most."""

SHIFTED = 0.5
"""Share of neighbouring positions whose patterns must be one, shifted, for a pre-delay."""

LEAST_REFINING, MOST_REFINING = 40, 80
"""Impulses for the smooth knobs of one setting of the lag knobs, and of all."""

ALIKE_DROP, ALIKE_SHARE = 15.0, 0.03
"""Drop, and share of it, by which settings may explain less and still be handed on."""

MOST_ALIKE, APART = 8, 0.08
"""How many of them, and how far a knob of theirs must stand from that of the others."""

RIVAL_DROP, RIVALS, OTHER_LAGS = 60.0, 2, 0.01
"""Drop from which settings with other lags are handed on besides, how many of them, and travel of
a lag knob from which lags are others."""

TALL, SWEPT, SWEEP = 15.0, 2, 48
"""Standard deviations of a peak that should not be left unexplained; how many lag knobs are swept
for it, and at how many positions."""

HOPELESS = 20.0
"""Drop, at whatever strength, below which nothing is worth refining."""

NOTHING = 10.0
"""The same of the first random settings of an effect without lag knobs: of 19 rooms on music of the
validation split the least reached 103 with them, of ten dry pieces the most 7; what a search found
in the end was at most 1.6 times as much."""

STRAY = 0.3
"""What a knob's full travel from its default costs, in units of the noise's variance: keeps knobs
that are not heard where they are."""


@dataclass(eq=False)
class EchoFit:
    """What a search came to.

    Attributes
    ----------
    settings : ndarray
    drop : float
        How much of the reference's cepstrum it explains; see `EchoTarget.drop`.
    chance : float
        The best of the first random settings.
    answer : ndarray
        The effect's cepstrum at these settings.
    alike : list of (settings, drop)
        Other settings that explain nearly as much, far from each other, the best first: a loud
        echo of a soft sound and a soft echo of a loud one have the same spectrum.
    rivals : list of EchoFit
        With other lags, that explain less but something, the best first: what explains most may
        be a beat.
    """

    settings: Settings
    drop: float
    chance: float
    answer: Values
    alike: list[tuple[Settings, float]]
    rivals: list[EchoFit] = field(default_factory=list)


@dataclass(eq=False)
class _TriedEcho:
    settings: Settings
    answer: Values
    drop: float


class EchoSearch:
    """One search.

    Parameters
    ----------
    lab : ImpulseLab
    spec : EffectSpec
        Of the effect alone.
    target : EchoTarget
    kinds : mapping
        Parameter id -> ``lag``, ``smooth`` or ``none``.
    start : ndarray
        Settings, of which locked knobs keep theirs.
    free : sequence of int
        Places of the knobs that may be moved.
    pairs : sequence of PartPair
        Parts of the references that must agree.
    seed : int
    seeds : sequence of ndarray
        Settings of the effect that are likely, tried first; then few are drawn, and half of the
        impulses do.
    budget : int
        Impulses, about.
    """

    def __init__(
        self,
        lab: ImpulseLab,
        spec: EffectSpec,
        target: EchoTarget,
        kinds: dict[str, str],
        start: Settings,
        free: Sequence[int],
        *,
        pairs: Sequence[PartPair] = (),
        seed: int = 0,
        seeds: Sequence[Settings] = (),
        budget: int = 280,
    ) -> None:
        self._lab, self._spec, self._target, self._pairs = lab, spec, target, pairs
        self._start = start
        heard = [n for n in free if kinds.get(spec.parameters[n].id) != "none"]
        # A step of one knob is told from the next by echoes that another one has set exactly.
        self._lags = sorted(
            (n for n in heard if kinds.get(spec.parameters[n].id) == "lag"),
            key=lambda n: spec.parameters[n].is_stepped,
        )
        self._smooth = [n for n in heard if n not in self._lags]
        self._free = heard
        self._rng = np.random.default_rng([seed, 23])
        self._seeds = list(seeds)
        self._budget = budget // 2 if self._seeds else budget
        self._tried: list[_TriedEcho] = []
        self._drawn = 0
        peaks = [
            (
                view,
                find_peaks(row, _noise(target, view), count=PEAKS)
                # Against as much noise everywhere: where music is loud a comb is, too.
                + find_peaks(row, 1.0, count=HIGHEST),
            )
            for view, row in enumerate(target.values)
        ]
        self._targets = [goal for view, tops in peaks for goal in _goals(view, tops)]
        heights = [abs(h) / _noise(target, view) for view, tops in peaks for _, h in tops]
        self._tallest = max(heights, default=0.0)

    def run(self) -> EchoFit | None:
        """Search; None if not a single impulse came back."""
        self._lab.renders = 0
        drawn = [self._start]
        for seed in self._seeds:
            vector = self._start.copy()
            vector[self._free] = seed[self._free]
            drawn.append(self._spec.check(vector))
        for _ in range(SEEDED_DRAWS if self._seeds else FIRST_DRAWS):
            vector = self._start.copy()
            vector[self._free] = 0.02 + 0.96 * self._rng.random(len(self._free))
            drawn.append(self._spec.check(vector))
        for index in self._smooth[:MOST_ENDS] if self._lags else []:
            # What is all wet has a pattern of its own.
            for end in ENDS:
                vector = self._start.copy()
                vector[self._free] = 0.02 + 0.96 * self._rng.random(len(self._free))
                vector[index] = end
                drawn.append(self._spec.check(vector))
        self._drawn = len(drawn)
        first = self._try(drawn)
        if not self._tried:
            return None
        chance = max((t.drop for t in first if t is not None), default=0.0)
        if not self._lags:
            loudest = max(self._tried, key=self._reach)
            if self._reach(loudest) < NOTHING:
                return EchoFit(loudest.settings, loudest.drop, chance, loudest.answer, [])
        beams = self._contexts() + self._combined()
        for number in range(2 if len(self._lags) > 1 else 1):
            for index in self._lags:
                if self._lab.renders < MOST_IMPULSES:
                    beams = self._along(index, beams)
            if number == 0 and len(self._lags) > 1:
                beams += [self._refine(beam, 32) for beam in beams[:2]]
        if self._lags and self._tallest > TALL and max(map(self._reach, beams)) < HOPELESS:
            beams = self._swept(beams)
        if self._lags and max(map(self._reach, beams)) < HOPELESS:
            best = max(self._tried, key=lambda t: self._reach(t))
            return EchoFit(best.settings, best.drop, chance, best.answer, [])
        reach = [self._reach(t) for t in beams]
        beams = [t for t, drop in zip(beams, reach, strict=True) if drop > 0.5 * max(reach)]
        left = max(MOST_REFINING, self._budget - self._lab.renders) // max(1, len(beams))
        for beam in beams:
            self._refine(beam, max(LEAST_REFINING, left))
        best = self._best
        if self._lags:
            best = self._polish(best)
            self._mirror(best)
        if self._smooth:
            self._refine(best, LEAST_REFINING, sigma=0.05)
        best = self._best
        fit = EchoFit(best.settings, best.drop, chance, best.answer, self._alike(best))
        fit.rivals = [
            EchoFit(t.settings, t.drop, chance, t.answer, self._alike(t))
            for t in self._rivals(best)
        ]
        return fit

    def _rivals(self, best: _TriedEcho) -> list[_TriedEcho]:
        kept = [best]
        for tried in sorted(self._tried if self._lags else [], key=lambda t: -t.drop):
            if tried.drop < RIVAL_DROP or len(kept) > RIVALS:
                break
            if all(self._other_lags(tried, k) for k in kept):
                kept.append(tried)
        return [self._refine(t, LEAST_REFINING, sigma=0.1, fresh=False) for t in kept[1:]]

    def _other_lags(self, one: _TriedEcho, two: _TriedEcho) -> bool:
        return float(np.abs(one.settings - two.settings)[self._lags].max()) > OTHER_LAGS

    def _alike(self, best: _TriedEcho) -> list[tuple[Settings, float]]:
        least = best.drop - max(ALIKE_DROP, ALIKE_SHARE * best.drop)
        kept = [best]
        for tried in sorted(self._tried, key=lambda t: -t.drop):
            if tried.drop < least or len(kept) > MOST_ALIKE:
                break
            indices = self._free
            if self._lags and best is not self._best and self._other_lags(tried, best):
                continue
            if all(np.abs(tried.settings - k.settings)[indices].max() > APART for k in kept):
                kept.append(tried)
        return [(t.settings, t.drop) for t in kept[1:]]

    @property
    def _best(self) -> _TriedEcho:
        return max(self._tried, key=lambda t: t.drop - self._stray(t.settings))

    def _stray(self, vector: Settings) -> float:
        moved = np.abs(vector - self._start)[self._free]
        return STRAY * float(moved.sum())

    def _try(self, settings: Sequence[Settings]) -> list[_TriedEcho | None]:
        results: list[_TriedEcho | None] = []
        for vector, answer in zip(settings, self._lab.answers(settings), strict=True):
            if answer is None:
                results.append(None)
                continue
            drop = self._agreed(self._target.drop(answer), answer, 1.0)
            tried = _TriedEcho(vector, answer, drop)
            self._tried.append(tried)
            results.append(tried)
        return results

    def _reach(self, tried: _TriedEcho) -> float:
        """How much an answer explains at whatever strength."""
        drop, gain = self._target.best_drop(tried.answer)
        return self._agreed(drop, tried.answer, gain)

    def _agreed(self, drop: float, answer: Values, gain: float) -> float:
        # Where little is explained nothing depends on it.
        if drop < HOPELESS:
            return drop
        return agreed_drop(drop, gain * self._target.fit(answer), self._pairs)

    def _contexts(self) -> list[_TriedEcho]:
        """Settings from which lag knobs are moved: where a lot is heard, and where it fits."""
        if not self._lags:
            return [self._best]
        loud = sorted(self._tried, key=lambda t: -_sparse_norm(t.answer))[:1]
        return [self._best, *(t for t in loud if t is not self._best)]

    def _combined(self) -> list[_TriedEcho]:
        """The best of all positions of several switches together, which mean little one by one."""
        switches: list[int] = []
        count = 1
        stepped = [n for n in self._lags if self._spec.parameters[n].is_stepped]
        for index in sorted(stepped, key=lambda n: self._spec.parameters[n].steps):
            count *= self._spec.parameters[index].steps
            if count > COMBINED:
                break
            switches.append(index)
        if not switches:
            return []
        loud = sorted(self._tried, key=lambda t: -_sparse_norm(t.answer))[:CONTEXTS]
        vectors = []
        for positions in itertools.product(*(_grid(self._spec.parameters[n]) for n in switches)):
            for context in loud:
                vector = context.settings.copy()
                vector[switches] = positions
                vectors.append(vector)
        there = [t for t in self._try(vectors) if t]
        return sorted(there, key=lambda t: -self._reach(t))[:1]

    def _along(self, index: int, beams: list[_TriedEcho]) -> list[_TriedEcho]:
        """Move one lag knob along its travel, from each beam, and keep the best."""
        parameter = self._spec.parameters[index]
        pool = list(beams)
        for beam in beams:
            grid = _grid(parameter)
            there = [t for t in self._try([_with(beam.settings, index, u) for u in grid]) if t]
            pool += there
            if (parameter.is_stepped and parameter.steps <= MOST_STEPS) or len(there) < 3:
                continue
            law = LagLaw(index, _pairs(there), self._first)
            if law.sparse:
                pool += self._inverted(law, beam)
                continue
            patterns = LagPatterns(index, _pairs(there), self._first)
            shifted = LagPatterns(index, _pairs(there), self._first, shifts=True)
            if shifted.alike > max(patterns.alike, SHIFTED):
                patterns = shifted
            for _ in range(DENSER):
                gaps = patterns.gaps()
                if not gaps or len(patterns) >= MOST_PATTERNS:
                    break
                more = self._try([_with(beam.settings, index, u) for u in gaps])
                patterns.add(_pairs(more))
                pool += [t for t in more if t]
            wanted = [_with(beam.settings, index, u) for u in patterns.stretched(self._target)]
            pool += self._shifted(patterns, wanted)
            pool += self._shifted(patterns, self._elsewhere(patterns))
        ranked = sorted(pool, key=lambda t: -self._reach(t))
        kept: list[_TriedEcho] = []
        for tried in ranked:
            if all(np.abs(tried.settings - k.settings)[self._lags].max() > 2e-4 for k in kept):
                kept.append(tried)
            if len(kept) == BEAMS:
                break
        return kept

    def _swept(self, beams: list[_TriedEcho]) -> list[_TriedEcho]:
        """Many positions of each lag knob, where something stands out and no law led there."""
        pool = list(beams)
        for index in self._lags[:SWEPT]:
            loud = max(self._tried, key=lambda t: _sparse_norm(t.answer))
            grid = (np.arange(SWEEP) + 0.5) / SWEEP
            there = self._try([_with(loud.settings, index, float(u)) for u in grid])
            pool += [t for t in there if t]
            law = LagLaw(index, _pairs(there), self._first) if any(there) else None
            pool += [] if law is None else self._inverted(law, loud)
        return sorted(pool, key=lambda t: -self._reach(t))[:BEAMS]

    @property
    def _first(self) -> int:
        return round(LAW_FROM * LAG_RATE)

    def _inverted(self, law: LagLaw, beam: _TriedEcho) -> list[_TriedEcho]:
        """Positions whose peak lies at one of the reference's, refined."""
        wanted: list[tuple[int, float, float]] = []
        for view, lag in self._targets:
            wanted += [(view, lag, u) for u in law.positions(view, lag)]
        results: list[_TriedEcho] = []
        for _ in range(REFINES):
            if not wanted:
                break
            batch = self._try([_with(beam.settings, law.index, u) for _, _, u in wanted])
            again = []
            for (view, lag, u), tried in zip(wanted, batch, strict=True):
                if tried is None:
                    continue
                results.append(tried)
                measured = law.add(view, u, lag, tried.answer)
                if measured is None or abs(measured - lag) * LAG_RATE < EXACT:
                    continue
                closer = law.closer(view, lag, u)
                if closer is not None:
                    again.append((view, lag, closer))
            wanted = again
        if max(map(self._reach, results), default=0.0) < max(HOPELESS, self._tallest**2):
            results += self._otherwise(law.index, results)
        return results

    def _otherwise(self, index: int, there: Sequence[_TriedEcho]) -> list[_TriedEcho]:
        """The same lags with other smooth knobs: a loud echo has multiples of another sign."""
        drawn = [t.settings for t in self._tried[: self._drawn]]
        chosen: list[Settings] = []
        while self._smooth and len(chosen) < OTHERWISE and drawn:
            known = [*chosen, self._start]
            apart = [min(float(np.abs(v - k)[self._smooth].max()) for k in known) for v in drawn]
            chosen.append(drawn.pop(int(np.argmax(apart))))
        positions: list[float] = []
        for tried in sorted(there, key=lambda t: -self._reach(t)):
            u = float(tried.settings[index])
            if all(abs(u - other) > SAME for other in positions):
                positions.append(u)
        vectors = []
        for u in positions[:MOST_POSITIONS]:
            for other in chosen:
                vector = _with(there[0].settings, index, u)
                vector[self._smooth] = other[self._smooth]
                vectors.append(vector)
        return [t for t in self._try(vectors) if t]

    def _elsewhere(self, patterns: LagPatterns) -> list[Settings]:
        """Settings at which a pattern heard with other smooth knobs, stretched, would fit.

        A sound that is mostly wet has another pattern than one that is mostly dry; the law by which
        the knob stretches it is the same.
        """
        scored: list[tuple[float, Settings]] = []
        for tried in self._tried[: self._drawn]:
            u = float(tried.settings[patterns.index])
            scored += [
                (score, _with(tried.settings, patterns.index, position))
                for score, position in patterns.fitting(tried.answer, u, self._target)
            ]
        scored.sort(key=lambda pair: -pair[0])
        return [settings for _, settings in scored[:ELSEWHERE]]

    def _shifted(self, patterns: LagPatterns, wanted: Sequence[Settings]) -> list[_TriedEcho]:
        """Settings at which the pattern, stretched in time, fits the reference."""
        index, results = patterns.index, []
        for _ in range(3):
            batch = [t for t in self._try(wanted) if t]
            results += batch
            ranked = sorted(batch, key=lambda t: -patterns.nearness(t.answer, self._target)[0])[:8]
            wanted = []
            for tried in ranked:
                _, shift = patterns.nearness(tried.answer, self._target)
                u = patterns.moved(float(tried.settings[index]), shift)
                if u is not None and abs(shift) > patterns.step:
                    wanted.append(_with(tried.settings, index, u))
            if not wanted:
                break
        ranked = sorted(results, key=lambda t: -self._reach(t))[:2]
        near: list[Settings] = []
        for tried in ranked:
            u = float(tried.settings[index])
            fine = patterns.fine(u)
            near += [_with(tried.settings, index, u + n * fine) for n in (-3, -2, -1, 1, 2, 3)]
        return results + [t for t in self._try(near) if t]

    def _refine(
        self, beam: _TriedEcho, budget: int, sigma: float = 0.25, *, fresh: bool = True
    ) -> _TriedEcho:
        """CMA-ES over the smooth knobs, lag knobs where they are.

        A fresh search is led by what answers explain at whatever strength, too: where all are far
        too loud, they would all be worse than none, and the search end there.
        """
        if not self._smooth:
            return beam
        size = len(self._smooth)
        starts = self._starts(beam) if fresh and sigma > 0.1 else []
        led = bool(starts) and max(map(self._reach, [beam, *starts])) >= RIVAL_DROP

        def worth(tried: _TriedEcho) -> float:
            return max(tried.drop, 0.0) + self._reach(tried) if led else tried.drop

        best = max([beam, *starts], key=worth)
        mean = np.clip(best.settings[self._smooth], 0.02, 0.98)
        if size == 1:
            return self._line(best, self._smooth[0], budget)
        population = 6 + int(2 * np.log(size))
        import cmaes  # with scipy.stats: half a second

        search = cmaes.CMA(
            mean=mean,
            sigma=sigma,
            bounds=np.array([[0.0, 1.0]] * size),
            seed=int(self._rng.integers(2**31)),
            population_size=population,
        )
        spent = 0
        while spent < budget and not search.should_stop():
            asked = [search.ask() for _ in range(population)]
            vectors = []
            for x in asked:
                vector = beam.settings.copy()
                vector[self._smooth] = x
                vectors.append(self._spec.check(vector))
            batch = self._try(vectors)
            spent += population
            told = []
            for x, vector, tried in zip(asked, vectors, batch, strict=True):
                value = 1e9 if tried is None else self._stray(vector) - worth(tried)
                if tried is not None and worth(tried) > worth(best):
                    best = tried
                told.append((x, value))
            search.tell(told)
            if float(np.sqrt(np.diag(search._C).max()) * search._sigma) < 0.003:
                break
        return best

    def _mirror(self, best: _TriedEcho) -> None:
        """Look for another answer with the same lags: see `EchoFit.alike`."""
        if not self._smooth:
            return
        vectors = []
        for tried in self._tried[: self._drawn]:
            vector = best.settings.copy()
            vector[self._smooth] = tried.settings[self._smooth]
            vectors.append(vector)
        self._try(vectors)
        away = [
            t
            for t in self._tried
            if not self._other_lags(t, best)
            and np.abs(t.settings - best.settings)[self._smooth].max() > 0.25
        ]
        if not away:
            return
        start = max(away, key=lambda t: t.drop)
        if start.drop > 0:
            self._refine(start, MOST_REFINING, sigma=0.15, fresh=False)

    def _starts(self, beam: _TriedEcho) -> list[_TriedEcho]:
        """Random smooth knobs around a beam, and its own scaled where one knob does that."""
        vectors = []
        for _ in range(8 if self._lags else 0):
            vector = beam.settings.copy()
            vector[self._smooth] = self._rng.random(len(self._smooth))
            vectors.append(self._spec.check(vector))
        return [t for t in self._try(vectors) if t]

    def _line(self, beam: _TriedEcho, index: int, budget: int) -> _TriedEcho:
        """One knob alone: a grid, then two finer ones."""
        best, width = beam, 0.5
        for _ in range(4):
            u = float(best.settings[index])
            grid = np.unique(np.clip(u + np.linspace(-width, width, 9), 0, 1))
            batch = self._try([_with(best.settings, index, float(v)) for v in grid])
            best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
            width /= 4
        return best

    def _polish(self, beam: _TriedEcho) -> _TriedEcho:
        """Each lag knob by itself, in steps that get smaller: what is left of a sample."""
        best = beam
        for index in self._lags:
            if self._spec.parameters[index].is_stepped:
                continue
            for width in (1e-3, 2.5e-4, 6e-5):
                u = float(best.settings[index])
                grid = u + width * np.array([-1, -0.5, 0.5, 1])
                batch = self._try([_with(best.settings, index, float(v)) for v in grid])
                best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
        return best


def _goals(view: int, peaks: Sequence[tuple[float, float]]) -> list[tuple[int, float]]:
    """View and lag of peaks, and of what they may be multiples of where that is not looked at."""
    lags = [lag for lag, _ in peaks]
    hidden = [
        lag / multiple
        for lag in (*lags[:HIDDEN_PEAKS], *lags[-HIGHEST:])
        for multiple in MULTIPLES
        if LAW_FROM < lag / multiple < 1.2 * SHORTEST
    ]
    return [(view, lag) for lag in dict.fromkeys((*lags, *hidden))]


def _grid(parameter: Parameter) -> list[float]:
    count = GRID
    if parameter.is_stepped:
        count = parameter.steps if parameter.steps <= MOST_STEPS else GRID
    return [parameter.snap(float(u)) for u in np.linspace(0.0, 1.0, count)]


def _pairs(tried: Sequence[_TriedEcho | None]) -> list[tuple[Settings, Values]]:
    return [(t.settings, t.answer) for t in tried if t is not None]


def _with(settings: Settings, index: int, position: float) -> Settings:
    vector = settings.copy()
    vector[index] = min(1.0, max(0.0, position))
    return vector


def _noise(target: EchoTarget, view: int) -> float:
    weight = target.weight[view] * target.weight.shape[0]
    return float(1 / np.sqrt(np.median(weight[weight > 0]))) if (weight > 0).any() else 1.0


def _sparse_norm(answer: Values) -> float:
    """How much one peak stands out."""
    return float(np.abs(answer[:, round(SHORTEST * LAG_RATE) :]).max())
