"""Setting an effect of echoes by its answers to impulses, no music rendered.

What a reference's cepstrum holds beyond the input's is compared with cepstra of the effect's
answers (`dialin.matching.impulses`). Two kinds of knobs (`dialin.matching.time_probe`):

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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.impulses import SHORTEST, EchoTarget, ImpulseLab, Values
from dialin.measures.cepstrum import LAG_RATE, find_peaks

GRID = 9
"""Positions at which a lag knob is asked, unless it has fewer steps."""

MOST_STEPS = 24
"""Steps of a stepped knob that are all tried."""

LAW_FROM = 8e-4
"""Lag in seconds from which peaks of answers are looked for: they hold no music."""

PEAKS = 5
"""Peaks of each view of the reference at which laws are inverted."""

BEAMS = 3
"""Settings of the lag knobs that are followed."""

FIRST_DRAWS = 20
"""Random settings tried to begin with."""

REFINES = 6
"""Rounds of refining an inverted lag."""

EXACT = 0.2
"""Samples (at `LAG_RATE`) within which a lag agrees."""

SPARSE = 0.2
"""Share of a pattern's energy in its highest peak, from which it counts as a peak."""

LOG_STEP = 2e-4
"""Step of log time in which patterns are shifted."""

FAR = 0.12
"""Stretch in log time between two positions, above which one between them is asked too."""

DENSER, MOST_PATTERNS = 3, 40
"""Rounds of asking in between, and positions asked at most."""

LIKE = 0.35
"""Correlation above which one pattern is the other stretched."""

STRETCHED = 24
"""Positions tried where patterns fit."""

LEAST_REFINING, MOST_REFINING = 40, 80
"""Impulses for the smooth knobs of one setting of the lag knobs, and of all."""

ALIKE_DROP, ALIKE_SHARE = 15.0, 0.03
"""Drop, and share of it, by which settings may explain less and still be handed on."""

MOST_ALIKE, APART = 8, 0.08
"""How many of them, and how far a knob of theirs must stand from that of the others."""

HOPELESS = 20.0
"""Drop, at whatever strength, below which nothing is worth refining."""

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
    """

    settings: Settings
    drop: float
    chance: float
    answer: Values
    alike: list[tuple[Settings, float]]


@dataclass(eq=False)
class _Tried:
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
    seed : int
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
        seed: int = 0,
        budget: int = 280,
    ) -> None:
        self._lab, self._spec, self._target = lab, spec, target
        self._start = start
        heard = [n for n in free if kinds.get(spec.parameters[n].id) != "none"]
        self._lags = [n for n in heard if kinds.get(spec.parameters[n].id) == "lag"]
        self._smooth = [n for n in heard if n not in self._lags]
        self._free = heard
        self._rng = np.random.default_rng([seed, 23])
        self._budget = budget
        self._tried: list[_Tried] = []
        self._targets = [
            (view, peak[0])
            for view, row in enumerate(target.values)
            for peak in find_peaks(row, _noise(target, view), count=PEAKS)
        ]

    def run(self) -> EchoFit | None:
        """Search; None if not a single impulse came back."""
        self._lab.renders = 0
        drawn = [self._start]
        for _ in range(FIRST_DRAWS):
            vector = self._start.copy()
            vector[self._free] = 0.02 + 0.96 * self._rng.random(len(self._free))
            drawn.append(self._spec.check(vector))
        first = self._try(drawn)
        if not self._tried:
            return None
        chance = max((t.drop for t in first if t is not None), default=0.0)
        beams = self._contexts()
        for number in range(2 if len(self._lags) > 1 else 1):
            for place in self._lags:
                beams = self._along(place, beams)
            if number == 0 and len(self._lags) > 1:
                beams += [self._refine(beam, 32) for beam in beams[:2]]
        if self._lags and max(self._target.best_drop(t.answer)[0] for t in beams) < HOPELESS:
            best = max(self._tried, key=lambda t: self._target.best_drop(t.answer)[0])
            return EchoFit(best.settings, best.drop, chance, best.answer, [])
        reach = [self._target.best_drop(t.answer)[0] for t in beams]
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
        return EchoFit(best.settings, best.drop, chance, best.answer, self._alike(best))

    def _alike(self, best: _Tried) -> list[tuple[Settings, float]]:
        least = best.drop - max(ALIKE_DROP, ALIKE_SHARE * best.drop)
        kept = [best]
        for tried in sorted(self._tried, key=lambda t: -t.drop):
            if tried.drop < least or len(kept) > MOST_ALIKE:
                break
            places = self._free
            if all(np.abs(tried.settings - k.settings)[places].max() > APART for k in kept):
                kept.append(tried)
        return [(t.settings, t.drop) for t in kept[1:]]

    @property
    def _best(self) -> _Tried:
        return max(self._tried, key=lambda t: t.drop - self._stray(t.settings))

    def _stray(self, vector: Settings) -> float:
        moved = np.abs(vector - self._start)[self._free]
        return STRAY * float(moved.sum())

    def _try(self, settings: Sequence[Settings]) -> list[_Tried | None]:
        found: list[_Tried | None] = []
        for vector, answer in zip(settings, self._lab.answers(settings), strict=True):
            if answer is None:
                found.append(None)
                continue
            tried = _Tried(vector, answer, self._target.drop(answer))
            self._tried.append(tried)
            found.append(tried)
        return found

    def _contexts(self) -> list[_Tried]:
        """Settings from which lag knobs are moved: where a lot is heard, and where it fits."""
        if not self._lags:
            return [self._best]
        loud = sorted(self._tried, key=lambda t: -_sparse_norm(t.answer))[:1]
        return [self._best, *(t for t in loud if t is not self._best)]

    def _along(self, place: int, beams: list[_Tried]) -> list[_Tried]:
        """Move one lag knob along its travel, from each beam, and keep the best."""
        parameter = self._spec.parameters[place]
        pool = list(beams)
        for beam in beams:
            grid = _grid(parameter)
            there = [t for t in self._try([_with(beam.settings, place, u) for u in grid]) if t]
            pool += there
            if (parameter.is_stepped and parameter.steps <= MOST_STEPS) or len(there) < 3:
                continue
            law = _Law(place, there, self._first)
            if law.sparse:
                pool += self._inverted(law, beam)
                continue
            patterns = _Patterns(place, there, self._first)
            for _ in range(DENSER):
                gaps = patterns.gaps()
                if not gaps or len(patterns) >= MOST_PATTERNS:
                    break
                more = self._try([_with(beam.settings, place, u) for u in gaps])
                patterns.add([t for t in more if t])
                pool += [t for t in more if t]
            pool += self._shifted(patterns, beam)
        ranked = sorted(pool, key=lambda t: -self._target.best_drop(t.answer)[0])
        kept: list[_Tried] = []
        for tried in ranked:
            if all(np.abs(tried.settings - k.settings)[self._lags].max() > 2e-4 for k in kept):
                kept.append(tried)
            if len(kept) == BEAMS:
                break
        return kept

    @property
    def _first(self) -> int:
        return round(LAW_FROM * LAG_RATE)

    def _inverted(self, law: _Law, beam: _Tried) -> list[_Tried]:
        """Positions whose peak lies at one of the reference's, refined."""
        wanted: list[tuple[int, float, float]] = []
        for view, lag in self._targets:
            wanted += [(view, lag, u) for u in law.positions(view, lag)]
        found: list[_Tried] = []
        for _ in range(REFINES):
            if not wanted:
                break
            batch = self._try([_with(beam.settings, law.place, u) for _, _, u in wanted])
            again = []
            for (view, lag, u), tried in zip(wanted, batch, strict=True):
                if tried is None:
                    continue
                found.append(tried)
                measured = law.add(view, u, lag, tried.answer)
                if measured is None or abs(measured - lag) * LAG_RATE < EXACT:
                    continue
                closer = law.closer(view, lag, u)
                if closer is not None:
                    again.append((view, lag, closer))
            wanted = again
        return found

    def _shifted(self, patterns: _Patterns, beam: _Tried) -> list[_Tried]:
        """Positions at which the pattern, stretched in time, fits the reference."""
        place, found = patterns.place, []
        wanted = patterns.stretched(self._target)
        for _ in range(3):
            batch = [t for t in self._try([_with(beam.settings, place, u) for u in wanted]) if t]
            found += batch
            ranked = sorted(batch, key=lambda t: -patterns.nearness(t.answer, self._target)[0])[:8]
            wanted = []
            for tried in ranked:
                _, shift = patterns.nearness(tried.answer, self._target)
                u = patterns.moved(float(tried.settings[place]), shift)
                if u is not None and abs(shift) > LOG_STEP:
                    wanted.append(u)
            if not wanted:
                break
        ranked = sorted(found, key=lambda t: -self._target.best_drop(t.answer)[0])[:2]
        near: list[Settings] = []
        for tried in ranked:
            u = float(tried.settings[place])
            fine = patterns.fine(u)
            near += [_with(beam.settings, place, u + n * fine) for n in (-3, -2, -1, 1, 2, 3)]
        return found + [t for t in self._try(near) if t]

    def _refine(
        self, beam: _Tried, budget: int, sigma: float = 0.25, *, fresh: bool = True
    ) -> _Tried:
        """CMA-ES over the smooth knobs, lag knobs where they are."""
        if not self._smooth:
            return beam
        size = len(self._smooth)
        starts = self._starts(beam) if fresh and sigma > 0.1 else []
        best = max([beam, *starts], key=lambda t: t.drop)
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
                value = 1e9 if tried is None else self._stray(vector) - tried.drop
                if tried is not None and tried.drop > best.drop:
                    best = tried
                told.append((x, value))
            search.tell(told)
            if float(np.sqrt(np.diag(search._C).max()) * search._sigma) < 0.003:
                break
        return best

    def _mirror(self, best: _Tried) -> None:
        """Look for another answer with the same lags: see `EchoFit.alike`."""
        away = [
            t
            for t in self._tried
            if np.abs(t.settings - best.settings)[self._lags].max() < 1e-3
            and self._smooth
            and np.abs(t.settings - best.settings)[self._smooth].max() > 0.25
        ]
        if not away:
            return
        start = max(away, key=lambda t: t.drop)
        vector = best.settings.copy()
        vector[self._smooth] = start.settings[self._smooth]
        for tried in self._try([vector]):
            if tried is not None and tried.drop > 0:
                self._refine(tried, MOST_REFINING, sigma=0.15, fresh=False)

    def _starts(self, beam: _Tried) -> list[_Tried]:
        """Random smooth knobs around a beam, and its own scaled where one knob does that."""
        vectors = []
        for _ in range(8 if self._lags else 0):
            vector = beam.settings.copy()
            vector[self._smooth] = self._rng.random(len(self._smooth))
            vectors.append(self._spec.check(vector))
        return [t for t in self._try(vectors) if t]

    def _line(self, beam: _Tried, place: int, budget: int) -> _Tried:
        """One knob alone: a grid, then two finer ones."""
        best, width = beam, 0.5
        for _ in range(4):
            u = float(best.settings[place])
            grid = np.unique(np.clip(u + np.linspace(-width, width, 9), 0, 1))
            batch = self._try([_with(best.settings, place, float(v)) for v in grid])
            best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
            width /= 4
        return best

    def _polish(self, beam: _Tried) -> _Tried:
        """Each lag knob by itself, in steps that get smaller: what is left of a sample."""
        best = beam
        for place in self._lags:
            if self._spec.parameters[place].is_stepped:
                continue
            for width in (1e-3, 2.5e-4, 6e-5):
                u = float(best.settings[place])
                grid = u + width * np.array([-1, -0.5, 0.5, 1])
                batch = self._try([_with(best.settings, place, float(v)) for v in grid])
                best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
        return best


class _Law:
    """How a knob moves the peaks: positions and lags, by view."""

    def __init__(self, place: int, there: Sequence[_Tried], first: int) -> None:
        self.place = place
        self._first = first
        self._positions = np.array([float(t.settings[place]) for t in there])
        rows = np.stack([t.answer for t in there])
        rows = rows.copy()
        rows[:, :, :first] = 0.0
        # What stays where it is belongs to other knobs.
        self._moving = rows - np.median(rows, axis=0)
        self._views = rows.shape[1]
        self._points: list[dict[float, float]] = [{} for _ in range(self._views)]
        shares = []
        for row, position in zip(self._moving, self._positions, strict=True):
            energy = (row**2).sum()
            for view in range(self._views):
                own = (row[view] ** 2).sum()
                if own < 0.05 * energy or own < 1e-5:
                    continue
                peak = int(np.argmax(np.abs(row[view])))
                low, high = max(peak - 1, 0), peak + 2
                shares.append(float((row[view][low:high] ** 2).sum() / own))
                self._points[view][float(position)] = _vertex(row[view], peak)
        self.sparse = bool(shares) and float(np.median(shares)) > SPARSE

    def positions(self, view: int, lag: float) -> list[float]:
        """Positions whose peak lies at a lag, in seconds, as far as the law is known."""
        points = sorted(self._points[min(view, self._views - 1)].items())
        found = []
        for (u1, l1), (u2, l2) in itertools.pairwise(points):
            if (l1 - lag) * (l2 - lag) > 0 or l1 == l2:
                continue
            found.append(self._between(points, u1, u2, lag))
        return found[:4]

    def closer(self, view: int, lag: float, position: float) -> float | None:
        """The next guess after what was measured at one position."""
        points = sorted(self._points[min(view, self._views - 1)].items())
        best = None
        for (u1, l1), (u2, l2) in itertools.pairwise(points):
            if (l1 - lag) * (l2 - lag) <= 0 and l1 != l2:
                u = u1 + (u2 - u1) * (lag - l1) / (l2 - l1)
                if best is None or abs(u - position) < abs(best - position):
                    best = u
        return best

    def add(self, view: int, position: float, lag: float, answer: Values) -> float | None:
        """Note where the peak lies that should be at a lag; returns that."""
        view = min(view, self._views - 1)
        row = answer[view]
        near = max(24.0, 0.1 * lag * LAG_RATE)
        low = max(self._first, int(lag * LAG_RATE - near))
        high = min(row.size - 1, int(lag * LAG_RATE + near) + 1)
        if high - low < 3:
            return None
        piece = np.abs(row[low:high])
        peak = low + int(np.argmax(piece))
        if piece.max() < 4 * np.median(piece) + 1e-4:
            return None
        measured = _vertex(row, peak)
        self._points[view][position] = measured
        return measured

    def _between(
        self, points: Sequence[tuple[float, float]], low: float, high: float, lag: float
    ) -> float:
        """Invert between two neighbours; the curve through all, where they rise or fall as one."""
        from scipy.interpolate import PchipInterpolator

        u = np.array([p[0] for p in points])
        logs = np.log(np.array([p[1] for p in points]))
        fine = np.linspace(low, high, 257)
        steps = np.diff(logs)
        if (steps > 0).all() or (steps < 0).all():
            # Through the square root of the lags: exact for linear and quadratic laws between
            # grid points, near enough for exponential ones.
            values = PchipInterpolator(u, logs)(fine)
        else:
            values = np.interp(fine, u, logs)
        return float(fine[int(np.argmin(np.abs(values - np.log(lag))))])


class _Patterns:
    """How a knob stretches a pattern in time: positions and log time, piece by piece."""

    def __init__(self, place: int, there: Sequence[_Tried], first: int) -> None:
        self.place = place
        self._first = first
        self._axis = np.exp(np.arange(np.log(SHORTEST * 1.25), np.log(0.6), LOG_STEP))
        self._size = sfft.next_fast_len(2 * self._axis.size, real=True)
        self._known: dict[float, Values] = {}
        self._offsets: list[float | None] = []
        self.add(there)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, there: Sequence[_Tried]) -> None:
        """More answers."""
        for tried in there:
            rows = _log_time(tried.answer, self._axis)
            self._known[float(tried.settings[self.place])] = np.asarray(
                sfft.rfft(rows, self._size, axis=1)
            )
        self._positions = sorted(self._known)
        self._steps: list[float | None] = []
        for one, two in itertools.pairwise(self._positions):
            self._steps.append(self._stretch(self._known[one], self._known[two]))

    def gaps(self) -> list[float]:
        """Positions between those that lie too far apart to know what is between them."""
        return [
            (one + two) / 2
            for (one, two), step in zip(
                itertools.pairwise(self._positions), self._steps, strict=True
            )
            if (step is None or abs(step) > FAR) and two - one > 0.01
        ]

    def stretched(self, target: EchoTarget) -> list[float]:
        """Positions at which a neighbour's pattern, stretched, stands out in the reference."""
        goal = self._goal(target)
        scored: list[tuple[float, float]] = []
        for number, u in enumerate(self._positions):
            own = self._known[u]
            reach = max(
                [abs(s) for s in self._steps[max(0, number - 1) : number + 1] if s is not None],
                default=FAR,
            )
            lags, shared = self._correlation(own, goal, max(0.6 * reach, 20 * LOG_STEP))
            inside = (shared[1:-1] >= shared[:-2]) & (shared[1:-1] >= shared[2:])
            peaks = np.flatnonzero(inside) + 1
            for place in peaks[np.argsort(-shared[peaks])][:6]:
                wanted = self.moved(u, float(lags[place]) * LOG_STEP)
                if wanted is not None:
                    scored.append((float(shared[place]), wanted))
        scored.sort(reverse=True)
        chosen: list[float] = []
        for _, u in scored:
            if all(abs(u - c) > 0.5 * self.fine(u) for c in chosen):
                chosen.append(u)
            if len(chosen) == STRETCHED:
                break
        return chosen

    def nearness(self, answer: Values, target: EchoTarget) -> tuple[float, float]:
        """How well an answer fits when stretched a little more, and by how much."""
        own = sfft.rfft(_log_time(answer, self._axis), self._size, axis=1)
        lags, shared = self._correlation(own, self._goal(target), 0.06)
        best = int(np.argmax(shared))
        return float(shared[best]), float(lags[best]) * LOG_STEP

    def moved(self, u: float, shift: float) -> float | None:
        """Position whose pattern is that at `u` stretched by so much log time."""
        slope = self._slope(u, 1.0 if shift > 0 else -1.0)
        if slope is None or slope == 0.0:
            return None
        wanted = u + shift / slope
        return wanted if -0.01 <= wanted <= 1.01 else None

    def fine(self, u: float) -> float:
        """Travel that stretches by one step of log time."""
        slope = self._slope(u, 1.0) or self._slope(u, -1.0)
        return 1e-3 if not slope else float(np.clip(LOG_STEP / abs(slope), 1e-5, 2e-3))

    def _slope(self, u: float, sign: float) -> float | None:
        """Log time for travel around a position: a curve through the neighbouring steps."""
        spans = [
            ((one + two) / 2, step / (two - one))
            for (one, two), step in zip(
                itertools.pairwise(self._positions), self._steps, strict=True
            )
            if step is not None and step != 0.0
        ]
        if not spans:
            return None
        centres = np.array([s[0] for s in spans])
        slopes = np.array([s[1] for s in spans])
        return float(np.interp(u, centres, slopes))

    def _stretch(self, one: Values, two: Values) -> float | None:
        """Log time by which the second pattern is the first stretched; None if it is not."""
        size = float(np.sqrt(_power(one) * _power(two)))
        if size <= 0:
            return None
        shared = sfft.irfft((two * np.conj(one)).sum(axis=0), self._size)
        reach = round(1.0 / LOG_STEP)
        lags = np.arange(-reach, reach + 1)
        best = int(np.argmax(shared[lags]))
        if shared[lags[best]] * self._size / size < LIKE:
            return None
        return float(lags[best]) * LOG_STEP

    def _goal(self, target: EchoTarget) -> Values:
        rows = _log_time(target.values * np.sqrt(target.weight), self._axis)
        return np.asarray(sfft.rfft(rows, self._size, axis=1))

    def _correlation(
        self, own: Values, goal: Values, reach: float
    ) -> tuple[NDArray[np.intp], Values]:
        views = min(own.shape[0], goal.shape[0])
        shared = sfft.irfft((goal[-views:] * np.conj(own[-views:])).sum(axis=0), self._size)
        count = max(1, round(reach / LOG_STEP))
        lags = np.arange(-count, count + 1)
        return lags, shared[lags] / max(float(np.sqrt(_power(own))), 1e-12)


def _power(spectrum: Values) -> float:
    return float(2 * (np.abs(spectrum) ** 2).sum())


def _log_time(rows: Values, axis: NDArray[np.float64]) -> Values:
    """Rows by log time."""
    grid = axis * LAG_RATE
    return np.stack([np.interp(grid, np.arange(row.size), row) for row in rows])


def _grid(parameter: Parameter) -> list[float]:
    count = GRID
    if parameter.is_stepped:
        count = parameter.steps if parameter.steps <= MOST_STEPS else GRID
    return [parameter.snap(float(u)) for u in np.linspace(0.0, 1.0, count)]


def _with(settings: Settings, place: int, position: float) -> Settings:
    vector = settings.copy()
    vector[place] = min(1.0, max(0.0, position))
    return vector


def _vertex(row: Values, peak: int) -> float:
    """Lag in seconds of a peak, between samples."""
    if not 0 < peak < row.size - 1:
        return peak / LAG_RATE
    left, middle, right = (abs(float(v)) for v in row[peak - 1 : peak + 2])
    bend = left - 2 * middle + right
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return (peak + shift) / LAG_RATE


def _noise(target: EchoTarget, view: int) -> float:
    weight = target.weight[view] * target.weight.shape[0]
    return float(1 / np.sqrt(np.median(weight[weight > 0]))) if (weight > 0).any() else 1.0


def _sparse_norm(answer: Values) -> float:
    """How much one peak stands out."""
    return float(np.abs(answer[:, round(SHORTEST * LAG_RATE) :]).max())
