"""How lag knobs move peaks, and stretch patterns, of an effect's answers to impulses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import SHORTEST, EchoTarget, Values
from dialin.matching.hearing.pchip import Pchip
from dialin.measures.cepstrum import LAG_RATE

SPARSE = 0.2
"""Share of a pattern's energy in its highest peak, from which it counts as a peak."""

LOG_STEP = 2e-4
"""Step of log time in which patterns are shifted."""

FAR = 0.12
"""Stretch in log time between two positions, above which one between them is asked too."""

FAR_SECONDS = 0.03
"""The same of patterns that are shifted in time itself."""

LIKE = 0.35
"""Correlation above which one pattern is the other stretched."""

WIDE, FITTING = 2.5, 4
"""Stretch in log time over which an answer is moved along a known law, and positions kept of it."""

STAYING = 0.4
"""Share of a pattern's energy that stays where it is, from which that is left out."""

LAW_POINTS = 201
"""Positions at which a law is summed up."""

STRETCHED = 24
"""Positions tried where patterns fit."""

Answers = Sequence[tuple[Settings, Values]]
"""Settings, and cepstra of the answers there."""


class LagLaw:
    """How a knob moves the peaks: positions and lags, by view.

    Parameters
    ----------
    index : int
        Of the knob.
    there : sequence of (settings, answer)
        At some positions of the knob, all else alike.
    first : int
        Lag, in steps of the answers, from which peaks are looked for.

    Attributes
    ----------
    index : int
    sparse : bool
        Whether answers are peaks, rather than patterns of many.
    """

    def __init__(self, index: int, there: Answers, first: int) -> None:
        self.index = index
        self._first = first
        self._positions = np.array([float(settings[index]) for settings, _ in there])
        rows = np.stack([answer for _, answer in there])
        rows = rows.copy()
        rows[:, :, :first] = 0.0
        # What stays where it is belongs to other knobs.
        self._staying = np.median(rows, axis=0)
        self._moving = rows - self._staying
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
                self._points[view][float(position)] = vertex(row[view], peak)
        self.sparse = bool(shares) and float(np.median(shares)) > SPARSE

    def positions(self, view: int, lag: float) -> list[float]:
        """Positions whose peak lies at a lag, as far as the law is known.

        Parameters
        ----------
        view : int
            Row of the answers.
        lag : float
            In seconds.

        Returns
        -------
        list of float
            Four at most.
        """
        points = self._known(view)
        solved: list[tuple[float, float]] = []
        for (u1, l1), (u2, l2) in itertools.pairwise(points):
            if (l1 - lag) * (l2 - lag) > 0 or l1 == l2:
                continue
            away = min(abs(l1 - lag), abs(l2 - lag))
            solved.append((away, self._between(points, u1, u2, lag)))
        # Peaks that are not this knob's lead astray: the nearer it was, the surer.
        solved += sorted(_across(points, lag))[:2]
        return [u for _, u in sorted(solved)[:4]] or _beyond(points, lag)[:1]

    def lag_at(self, view: int, position: float) -> float | None:
        """Where the peak lies, in seconds; None where nothing is known of a view.

        Parameters
        ----------
        view : int
            Row of the answers.
        position : float
            Of the knob.

        Returns
        -------
        float or None
        """
        points = self._known(view)
        if not points:
            return None
        positions, lags = np.array(points).T
        return float(np.interp(position, positions, lags))

    def closer(self, view: int, lag: float, position: float) -> float | None:
        """The next guess after what was measured at one position.

        Parameters
        ----------
        view : int
            Row of the answers.
        lag : float
            That is wanted, in seconds.
        position : float
            Where it was measured last.

        Returns
        -------
        float or None
            None where it cannot be told from those that are known.
        """
        points = self._known(view)
        best = None
        for (u1, l1), (u2, l2) in itertools.pairwise(points):
            if (l1 - lag) * (l2 - lag) <= 0 and l1 != l2:
                u = u1 + (u2 - u1) * (lag - l1) / (l2 - l1)
                if best is None or abs(u - position) < abs(best - position):
                    best = u
        return best if best is not None else next(iter(_beyond(points, lag)), None)

    def add(self, view: int, position: float, lag: float, answer: Values) -> float | None:
        """Note where the peak lies that should be at a lag.

        Parameters
        ----------
        view : int
            Row of the answers.
        position : float
            Of the knob.
        lag : float
            In seconds.
        answer : ndarray, shape (views, lags)
            Measured there.

        Returns
        -------
        float or None
            Where it is, in seconds; None where there is no peak.
        """
        view = min(view, self._views - 1)
        row = answer[view]
        near = max(24.0, 0.1 * lag * LAG_RATE)
        low = max(self._first, int(lag * LAG_RATE - near))
        high = min(row.size - 1, int(lag * LAG_RATE + near) + 1)
        measured = _peak_within(row, low, high)
        if measured is None:
            # Far from where the law led: whatever has moved.
            count = min(row.size, self._staying.shape[1])
            moved = row[:count] - self._staying[view, :count]
            measured = _peak_within(moved, self._first, count - 1)
        if measured is not None:
            self._points[view][position] = measured
        return measured

    def _known(self, view: int) -> list[tuple[float, float]]:
        """Positions and lags of a view, by position."""
        return sorted(self._points[min(view, self._views - 1)].items())

    def _between(
        self, points: Sequence[tuple[float, float]], low: float, high: float, lag: float
    ) -> float:
        """Invert between two neighbours; the curve through all, where they rise or fall as one."""
        u = np.array([p[0] for p in points])
        logs = np.log(np.array([p[1] for p in points]))
        fine = np.linspace(low, high, 257)
        steps = np.diff(logs)
        if (steps > 0).all() or (steps < 0).all():
            # Through the square root of the lags: exact for linear and quadratic laws between
            # grid points, near enough for exponential ones.
            values = Pchip(u, logs)(fine)
        else:
            values = np.interp(fine, u, logs)
        return float(fine[int(np.argmin(np.abs(values - np.log(lag))))])


def _peak_within(row: Values, low: int, high: int) -> float | None:
    """Lag in seconds of the highest peak between two places; None where none stands out."""
    if high - low < 3:
        return None
    piece = np.abs(row[low:high])
    if piece.max() < 4 * np.median(piece) + 1e-4:
        return None
    return vertex(row, low + int(np.argmax(piece)))


def _beyond(points: Sequence[tuple[float, float]], lag: float) -> list[float]:
    """Positions beyond those that are known, where a law that goes on evenly has a lag.

    Where a time is in milliseconds, evenly from next to nothing to seconds, many positions of a
    grid show no echo: it comes too soon, or too late.
    """
    if len(points) < 2:
        return []
    solved = []
    for end, inner, least, most in (
        (points[0], points[1], 0.0, points[0][0]),
        (points[-1], points[-2], points[-1][0], 1.0),
    ):
        solved += _going_on(end, inner, lag, least, most)
    return solved


def _across(points: Sequence[tuple[float, float]], lag: float) -> list[tuple[float, float]]:
    """Positions in a gap between those that are known, where the law at its side has a lag.

    Where a knob does something else from some position on (a ratio, then notes), the law breaks.
    With how far it must go on for that, in seconds of lag.
    """
    solved: list[tuple[float, float]] = []
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        if (here[1] - before[1]) * (after[1] - here[1]) >= 0:
            continue
        there = [
            *_going_on(here, before, lag, here[0], after[0]),
            *_going_on(here, after, lag, before[0], here[0]),
        ]
        solved += [(abs(lag - here[1]), u) for u in there]
    return solved


def _going_on(
    end: tuple[float, float], inner: tuple[float, float], lag: float, least: float, most: float
) -> list[float]:
    """Where the line through two positions and their lags has a lag, if that lies in between."""
    if end[1] == inner[1]:
        return []
    u = end[0] + (lag - end[1]) * (end[0] - inner[0]) / (end[1] - inner[1])
    return [u] if least < u < most else []


class LagPatterns:
    """How a knob stretches a pattern in time, or shifts it: positions and time, piece by piece.

    The size of a room stretches its reflections, which shifts them in log time; a pre-delay shifts
    them in time itself.

    Parameters
    ----------
    index : int
        Of the knob.
    there : sequence of (settings, answer)
        At some positions of the knob, all else alike.
    first : int
        Lag, in steps of the answers, below which nothing counts.
    shifts : bool, default False
        Whether time is not taken by its logarithm, and seconds stand for log time below.

    Attributes
    ----------
    step : float
        Least stretch that is told.
    """

    def __init__(self, index: int, there: Answers, first: int, *, shifts: bool = False) -> None:
        self.index = index
        self._first = first
        self.step, self._far = LOG_STEP, FAR
        self._axis = np.exp(np.arange(np.log(SHORTEST * 1.25), np.log(0.6), LOG_STEP))
        if shifts:
            self.step, self._far = 1.0 / LAG_RATE, FAR_SECONDS
            self._axis = np.arange(SHORTEST * 1.25, 0.6, self.step)
        # Reaches in log time count for as much of the far distance.
        self._scale = self._far / FAR
        self._size = sfft.next_fast_len(2 * self._axis.size, real=True)
        self._known: dict[float, Values] = {}
        self._staying = _staying([answer for _, answer in there], first)
        self._goals: list[tuple[EchoTarget, Values]] = []
        self.add(there)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def alike(self) -> float:
        """Share of neighbouring positions of which one's pattern is the other's, stretched."""
        return float(np.mean([step is not None for step in self._steps])) if self._steps else 0.0

    def add(self, there: Answers) -> None:
        """Take in more answers.

        Parameters
        ----------
        there : sequence of (settings, answer)
            At other positions of the knob.
        """
        for settings, answer in there:
            moving = answer
            if self._staying is not None:
                count = min(answer.shape[1], self._staying.shape[1])
                moving = answer[:, :count] - self._staying[:, :count]
            rows = _log_time(moving, self._axis)
            self._known[float(settings[self.index])] = np.asarray(
                sfft.rfft(rows, self._size, axis=1)
            )
        self._positions = sorted(self._known)
        self._steps: list[float | None] = []
        for one, two in itertools.pairwise(self._positions):
            self._steps.append(self._stretch(self._known[one], self._known[two]))
        self._law = self._summed()

    def gaps(self) -> list[float]:
        """Positions between those that lie too far apart to know what is between them.

        Returns
        -------
        list of float
        """
        return [
            (one + two) / 2
            for (one, two), step in zip(
                itertools.pairwise(self._positions), self._steps, strict=True
            )
            if (step is None or abs(step) > self._far) and two - one > 0.01
        ]

    def stretched(self, target: EchoTarget) -> list[float]:
        """Positions at which a neighbour's pattern, stretched, stands out in the reference.

        Parameters
        ----------
        target : EchoTarget
            What the reference holds.

        Returns
        -------
        list of float
            The likeliest first.
        """
        goal = self._goal(target)
        scored: list[tuple[float, float]] = []
        for number, u in enumerate(self._positions):
            own = self._known[u]
            reach = max(
                [abs(s) for s in self._steps[max(0, number - 1) : number + 1] if s is not None],
                default=self._far,
            )
            scored += self._placed(own, u, goal, max(0.6 * reach, 20 * self.step), 6)
        scored.sort(reverse=True)
        chosen: list[float] = []
        for _, u in scored:
            if all(abs(u - c) > 0.5 * self.fine(u) for c in chosen):
                chosen.append(u)
            if len(chosen) == STRETCHED:
                break
        return chosen

    def fitting(self, answer: Values, u: float, target: EchoTarget) -> list[tuple[float, float]]:
        """Positions at which an answer, stretched by the law as far as it is known, would fit.

        Parameters
        ----------
        answer : ndarray, shape (views, lags)
            Of the effect, whatever its other knobs.
        u : float
            Position of the knob there.
        target : EchoTarget
            What the reference holds.

        Returns
        -------
        list of (float, float)
            Correlation and position, the highest first.
        """
        own = sfft.rfft(_log_time(answer, self._axis), self._size, axis=1)
        return self._placed(own, u, self._goal(target), WIDE * self._scale, FITTING)

    def _placed(
        self, own: Values, u: float, goal: Values, reach: float, count: int
    ) -> list[tuple[float, float]]:
        """Correlation and position of the highest peaks of a pattern against a reference."""
        lags, shared = self._correlation(own, goal, reach)
        inside = (shared[1:-1] >= shared[:-2]) & (shared[1:-1] >= shared[2:])
        peaks = np.flatnonzero(inside) + 1
        found = []
        for peak in peaks[np.argsort(-shared[peaks])][:count]:
            wanted = self.moved(u, float(lags[peak]) * self.step)
            if wanted is not None:
                found.append((float(shared[peak]), wanted))
        return found

    def nearness(self, answer: Values, target: EchoTarget) -> tuple[float, float]:
        """How well an answer fits when stretched a little more, and by how much.

        Parameters
        ----------
        answer : ndarray, shape (views, lags)
            Of the effect.
        target : EchoTarget
            What the reference holds.

        Returns
        -------
        (float, float)
            Correlation, and stretch in log time.
        """
        own = sfft.rfft(_log_time(answer, self._axis), self._size, axis=1)
        lags, shared = self._correlation(own, self._goal(target), 0.06 * self._scale)
        best = int(np.argmax(shared))
        return float(shared[best]), float(lags[best]) * self.step

    def moved(self, u: float, shift: float) -> float | None:
        """Position whose pattern is that at `u` stretched by so much log time.

        Parameters
        ----------
        u : float
            Position of the knob.
        shift : float
            In log time.

        Returns
        -------
        float or None
            None beyond the knob's travel, or where the law is not known.
        """
        slope = self._slope(u, 1.0 if shift > 0 else -1.0)
        if slope is None or slope == 0.0:
            return None
        wanted = u + shift / slope
        if abs(shift) > self._far:
            # The law bends on the way.
            way, logs = self._law
            away = logs - float(np.interp(u, way, logs)) - shift
            crossed = np.flatnonzero(np.diff(np.sign(away)) != 0)
            if not crossed.size:
                return None
            share = away[crossed] / (away[crossed] - away[crossed + 1])
            solved = way[crossed] + share * way[1]
            wanted = float(solved[int(np.argmin(np.abs(solved - u)))])
        return wanted if -0.01 <= wanted <= 1.01 else None

    @property
    def law(self) -> tuple[Values, Values]:
        """Positions along the travel, and log time from its beginning to each."""
        return self._law

    def _summed(self) -> tuple[Values, Values]:
        """Positions along the travel, and log time from its beginning to each."""
        way = np.linspace(0.0, 1.0, LAW_POINTS)
        slopes = np.array([self._slope(float(v), 1.0) or 0.0 for v in way])
        logs = np.concatenate([[0.0], np.cumsum((slopes[1:] + slopes[:-1]) / 2)]) * way[1]
        return way, logs

    def fine(self, u: float) -> float:
        """Travel that stretches by one step of log time.

        Parameters
        ----------
        u : float
            Position of the knob.

        Returns
        -------
        float
        """
        slope = self._slope(u, 1.0) or self._slope(u, -1.0)
        return 1e-3 if not slope else float(np.clip(self.step / abs(slope), 1e-5, 2e-3))

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
        reach = min(round(self._scale / self.step), self._size // 2 - 1)
        lags = np.arange(-reach, reach + 1)
        best = int(np.argmax(shared[lags]))
        if shared[lags[best]] * self._size / size < LIKE:
            return None
        return float(lags[best]) * self.step

    def _goal(self, target: EchoTarget) -> Values:
        """Spectrum of what a reference holds by log time; the last target's is kept."""
        if not self._goals or self._goals[0][0] is not target:
            rows = _log_time(target.values * np.sqrt(target.weight), self._axis)
            self._goals = [(target, np.asarray(sfft.rfft(rows, self._size, axis=1)))]
        return self._goals[0][1]

    def _correlation(
        self, own: Values, goal: Values, reach: float
    ) -> tuple[NDArray[np.intp], Values]:
        views = min(own.shape[0], goal.shape[0])
        shared = sfft.irfft((goal[-views:] * np.conj(own[-views:])).sum(axis=0), self._size)
        count = max(1, min(round(reach / self.step), self._size // 2 - 1))
        lags = np.arange(-count, count + 1)
        return lags, shared[lags] / max(float(np.sqrt(_power(own))), 1e-12)


def _staying(answers: Sequence[Values], first: int) -> Values | None:
    """What is in all answers in the same place, and belongs to other knobs; None for little."""
    if not answers:
        return None
    count = min(answer.shape[1] for answer in answers)
    rows = np.stack([answer[:, first:count] for answer in answers])
    middle = np.median(rows, axis=0)
    if (middle**2).sum() < STAYING * (rows**2).sum() / len(answers):
        return None
    return np.asarray(np.pad(middle, ((0, 0), (first, 0))))


def _power(spectrum: Values) -> float:
    return float(2 * (np.abs(spectrum) ** 2).sum())


def _log_time(rows: Values, axis: NDArray[np.float64]) -> Values:
    """Rows by log time."""
    grid = axis * LAG_RATE
    return np.stack([np.interp(grid, np.arange(row.size), row) for row in rows])


def vertex(row: Values, peak: int) -> float:
    """Lag in seconds of a peak, between samples.

    Parameters
    ----------
    row : ndarray, shape (lags,)
        One view of a cepstrum.
    peak : int
        Its highest sample.

    Returns
    -------
    float
    """
    if not 0 < peak < row.size - 1:
        return peak / LAG_RATE
    left, middle, right = (abs(float(v)) for v in row[peak - 1 : peak + 2])
    bend = left - 2 * middle + right
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return (peak + shift) / LAG_RATE
