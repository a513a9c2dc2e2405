"""Asking an effect that moves for its turns, and listening for them in the references.

Settings are rendered with a train of impulses where the effect is, and what goes round in the
answers is looked for at all rates, or near one that is known, beyond what the input shows at the
same rate. All that was tried is kept: a shape says as much of other rates.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.motion.ears import APART, MotionEars, line_rates
from dialin.matching.hearing.motion.probe import EASY_HZ, MotionProbe, impulse_train
from dialin.matching.hearing.motion.turns import SILENCE, TriedMotion, turns_of
from dialin.measures.short_cepstra import Floats
from dialin.measures.smoothing import maximum_filter1d
from dialin.measures.turning import Turning
from dialin.rendering import Job, Renderer, SharedAudio

SECONDS, TURNS, LEAST_SECONDS = 4.0, 1.3, 1.35
"""For which a train of impulses is followed, and turns that are enough where the rate is known,
but for how many seconds at least."""

LATE, OFTEN, FARTHER = 0.05, 0.2, (2, 1.7)
"""Share of an answer that comes after the next impulse, and how often so much does at the first
settings that are asked for, from which an effect is one whose answers last: its lag of 28 ms looks
like one of 3 ms, and a comb that rings on like one of other teeth. How many times as far apart
impulses are for those, and followed for how many times as long: fewer overtones are told then."""

LINE_WIDTH = 0.15
"""How far beside a line its rate may lie, in turns over the whole."""

LINE_BEAMS = 6
"""Rates of lines that are followed."""

NEAREST = 3
"""Settings that are looked at again at another rate."""


WINDOW = 0.06
"""Natural logarithm of the rate, by which it may still be moved while shapes are refined."""

FINE_STEP, FINES, EACH = 0.0025, 3, 4
"""Logarithm of the rate between two that are looked at finely, how many are on each side of one of
a grid, and how many from one of a grid to the next."""

FINELY = FINES + EACH * round(WINDOW / (EACH * FINE_STEP))
FINE_FROM, FINE = 3, FINE_STEP * np.arange(-FINES, FINES + 1)
"""How many of the best rates of a grid are looked at between its points, and where."""

BY = np.linspace(-0.02, 0.02, 5)
"""Logarithms of the rate, by which the input's own motion may lie beside."""

SLACK = 1.1
"""By which a rate may lie beyond the law's ends."""

OWN = 1.5
"""How many times what the input explains by itself is taken off."""

LIKE = 3
"""Steps of the rate on each side within which the input is listened to."""

HOPELESS = 18.0
"""Score below which a motion is not looked at any more."""

SCANNED = 12
"""Overtones that are looked for at all rates."""

LEAST_DEPTH = 0.05
"""Depth in dB below which nothing moves."""


class MotionStopped(Exception):
    """Nobody waits for what is listened for any more."""


@dataclass(frozen=True, eq=False)
class _Found:
    """Where a turn explains most; see `TriedMotion`."""

    rate: float
    score: float
    phased: float
    scans: tuple[tuple[int, Floats, Floats], ...] = ()


def _better(one: TriedMotion | None, two: TriedMotion) -> TriedMotion:
    """The one that explains more; where all rates were looked at, with what both explain there."""
    if one is None:
        return two
    best = one if one.score >= two.score else two
    return replace(best, scans=(*one.scans, *two.scans))


class MotionListener:
    """Renders settings of an effect with impulses, and listens for what they do.

    Parameters
    ----------
    pool : Renderer
    spec : EffectSpec
        Of the effect alone.
    ears : MotionEars
    probe : MotionProbe
    start : ndarray
        Settings, of which locked knobs keep theirs.
    free : sequence of int
        Places of the knobs that may be moved.
    sample_rate, channels : int
        As the input is rendered.
    far : bool, default False
        Whether impulses are `FARTHER` apart, for effects whose answers last.
    stop : Event, optional
        Nothing more is rendered once it is set.

    Attributes
    ----------
    spec, ears, probe
        As given.
    start : ndarray
        As given, with the rate knob where it turns easily.
    knob : int or None
        Place of the rate knob.
    shape : list of int
        Places of the knobs that change a turn.
    tried : list of TriedMotion
        All that went round.
    lines : list of float
        Rates in hertz at which the references move more than the input.
    renders : int
        How many there were.
    lasts : bool
        Whether many of the first answers come later than the next impulse.
    """

    def __init__(
        self,
        pool: Renderer,
        spec: EffectSpec,
        ears: MotionEars,
        probe: MotionProbe,
        start: Settings,
        free: Sequence[int],
        *,
        sample_rate: int,
        channels: int,
        far: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self._pool, self.spec, self.ears, self.probe = pool, spec, ears, probe
        self.start, self._rate = start.copy(), sample_rate
        names = [p.id for p in spec.parameters]
        self.knob = names.index(probe.rate_knob) if probe.rate_knob else None
        if self.knob is not None and self.knob not in free:
            self.knob = None
        self.shape = [n for n in free if n != self.knob and names[n] in probe.shape]
        self.tried: list[TriedMotion] = []
        easy: float | None = None
        if self.knob is not None:
            position = spec.parameters[self.knob].snap(probe.position_of(EASY_HZ))
            self.start[self.knob] = position
            easy = probe.rate_at(position)
            ends = probe.rate_at(0.0), probe.rate_at(1.0)
            self._reach = min(ends), max(ends)
        seconds = SECONDS if easy is None else min(SECONDS, max(TURNS / easy, LEAST_SECONDS))
        apart, longer = FARTHER if far else (1, 1.0)
        # A fast motion goes round often enough in the first part of it.
        whole, enough = (
            impulse_train(
                *(sample_rate, min(channels, 2), apart * probe.spacing, probe.lead),
                longer * each,
                SILENCE,
            )
            for each in (seconds, seconds if easy is None else LEAST_SECONDS)
        )
        self._trains = whole, enough
        self._shared: tuple[SharedAudio, SharedAudio] | None = None
        self.lasts = False
        self._stop = stop
        self.lines = [] if self.knob is None else line_rates(ears)
        self.renders = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Share the impulses with the workers; settings are tried within."""
        whole, enough = (self._pool.share(train.audio, self._rate) for train in self._trains)
        self._shared = whole, enough
        try:
            # The input is listened to beside the references: large products leave the interpreter.
            with ThreadPoolExecutor(1) as self._beside:
                yield
        finally:
            self._pool.release(whole)
            self._pool.release(enough)
            self._shared = None

    def try_settings(
        self, settings: Sequence[Settings], near: TriedMotion | None
    ) -> list[TriedMotion | None]:
        """Render settings and listen for them.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect.
        near : TriedMotion or None
            At whose rate, in whose frames; None for all rates.

        Returns
        -------
        list of TriedMotion or None
            None for what does not go round.
        """
        settings = self._placed(settings, near)
        rendered = self._turns(settings, None if near is None else near.frame)
        results = self._heard(settings, rendered, near, None if near is None else near.frame)
        self.tried += [tried for tried in results if tried is not None]
        return results

    def try_at(self, near: TriedMotion, settings: Sequence[Settings]) -> None:
        """Listen for settings at a rate, in each band by itself.

        Parameters
        ----------
        near : TriedMotion
            At whose rate.
        settings : sequence of ndarray
            Of the effect.
        """
        settings = self._placed(settings, near)
        rendered = self._turns(settings, None)
        for frame in range(len(self.ears.whole)):
            heard = self._heard(settings, rendered, near, frame)
            self.tried += [tried for tried in heard if tried is not None]

    def _placed(self, settings: Sequence[Settings], near: TriedMotion | None) -> Sequence[Settings]:
        """Settings with the rate knob where it turns fast enough to be followed.

        A fast turn is asked for at its own rate: oscillators that are smoothed, or set now and
        then, have another shape there.
        """
        if self.knob is None or near is None:
            return settings
        rate = float(np.clip(max(near.rate, EASY_HZ), *self._reach))
        position = self.spec.parameters[self.knob].snap(self.probe.position_of(rate))
        placed = []
        for vector in settings:
            moved = vector.copy()
            moved[self.knob] = position
            placed.append(moved)
        return placed

    def _expected(self, vector: Settings) -> float | None:
        """Rate in hertz by the law of the knob, where there is one."""
        return None if self.knob is None else self.probe.rate_at(float(vector[self.knob]))

    def _turns(
        self, settings: Sequence[Settings], frame: int | None
    ) -> list[tuple[Turning | None, ...]]:
        """Turns of settings; the first that are asked for tell whether answers last."""
        rendered = self._answers(settings, frame)
        if self.renders == len(settings):
            self.lasts = float(np.mean([late >= LATE for late, _ in rendered])) >= OFTEN
        return [turns for _, turns in rendered]

    def _answers(
        self, settings: Sequence[Settings], frame: int | None
    ) -> list[tuple[float, tuple[Turning | None, ...]]]:
        """Render settings with impulses, and measure how late answers are, and turns."""
        assert self._shared is not None
        if self._stop is not None and self._stop.is_set():
            raise MotionStopped
        jobs = []
        for vector in settings:
            rate = self._expected(vector)
            fast = rate is not None and rate * LEAST_SECONDS >= TURNS
            train = self._trains[fast]
            asked = (train.start, train.step, train.count, self.ears.highest)
            jobs.append(
                Job(
                    *(self.spec.uri, self._shared[fast], vector),
                    measure=turns_of,
                    measure_args=(*asked, rate, frame),
                )
            )
        self.renders += len(jobs)
        return [(0.0, ()) if r.failure is not None else r.value for r in self._pool.render(jobs)]

    def _heard(
        self,
        settings: Sequence[Settings],
        rendered: Sequence[tuple[Turning | None, ...]],
        near: TriedMotion | None,
        frame: int | None = None,
    ) -> list[TriedMotion | None]:
        """Listen for turns of settings, at all rates or near one, in a band or in each of them."""
        frames = range(len(self.ears.whole)) if frame is None else (frame,)
        best: list[TriedMotion | None] = [None] * len(settings)
        for number in frames:
            told: list[tuple[int, Turning]] = []
            for place, turns in enumerate(rendered):
                turn = turns[number] if turns else None
                if turn is not None and turn.depth >= LEAST_DEPTH:
                    told.append((place, turn))
            if not told:
                continue
            vectors = [settings[place] for place, _ in told]
            moving = [turn for _, turn in told]
            if self.knob is None:
                heard: list[_Found | None] = [self._at_its_own(t, number, near) for t in moving]
            elif near is None:
                heard = self._anywhere(vectors, moving, number)
            else:
                heard = self._nearby(vectors, moving, number, near.rate)
            for (place, _), found in zip(told, heard, strict=True):
                if found is None:
                    continue
                tried = TriedMotion(
                    settings[place],
                    rendered[place],
                    number,
                    found.rate,
                    found.score,
                    found.scans,
                    found.phased,
                )
                best[place] = _better(best[place], tried)
        return best

    def _reached(self, vector: Settings, turn: Turning, rates: Floats) -> NDArray[np.bool_]:
        """Which rates the knob reaches."""
        expected = self._expected(vector)
        if expected is None:
            return np.ones(rates.shape, dtype=np.bool_)
        scale = turn.rate / expected
        ends = self._reach[0] * scale / SLACK, self._reach[1] * scale * SLACK
        return np.asarray((rates >= ends[0]) & (rates <= ends[1]))

    def _nearby(
        self, vectors: Sequence[Settings], turns: Sequence[Turning], frame: int, rate: float
    ) -> list[_Found | None]:
        """Listen for turns near a rate, by phases and by energy."""
        ear, own = self.ears.whole[frame], self.ears.own[frame]
        # Overtones tell rates apart more finely than is looked for by energy.
        finely = rate * np.exp(FINE_STEP * np.arange(-FINELY, FINELY + 1))
        rates = finely[FINES:-FINES:EACH]
        # Of the input a look at some rates near by is enough.
        asked = self._beside.submit(own.drops_of, turns, rates)
        beating = self._beside.submit(own.spreads_of, turns, rate * np.exp(BY))
        phased = ear.drops_of(turns, finely)[0]
        spreads = ear.spreads_of(turns, rates)
        mine, beats = asked.result()[0], beating.result().max(axis=1)
        found: list[_Found | None] = []
        for row, (vector, turn) in enumerate(zip(vectors, turns, strict=True)):
            reached = np.flatnonzero(self._reached(vector, turn, rates))
            if not reached.size:
                found.append(None)
                continue
            less = mine[row, reached] + beats[row]
            less = OWN * maximum_filter1d(less, 2 * LIKE + 1, mode="nearest")
            beyond = spreads[row, reached] - less
            places = FINES + EACH * reached
            tops = np.argsort(-(phased[row, places] + beyond))[:FINE_FROM]
            looked = places[tops, None] + np.arange(-FINES, FINES + 1)
            scores = phased[row, looked] + beyond[tops, None]
            top = np.unravel_index(int(np.argmax(scores)), scores.shape)
            place = int(looked[top])
            found.append(
                _Found(float(finely[place]), float(scores[top]), float(phased[row, place]))
            )
        return found

    def _anywhere(
        self, vectors: Sequence[Settings], turns: Sequence[Turning], frame: int
    ) -> list[_Found | None]:
        """Listen for turns at all rates, by phases; by energy where the references have lines."""
        ear, own = self.ears.whole[frame], self.ears.own[frame]
        every = ear.rates
        # Where a motion may be is told by its first overtones.
        turns = [replace(turn, lines=turn.lines[:, :SCANNED]) for turn in turns]
        asked = self._beside.submit(own.drops_of, turns, every)
        phased = ear.drops_of(turns, every)[0]
        beside = np.linspace(-1, 1, 5) * LINE_WIDTH / ear.seconds
        some = np.sort((np.array(self.lines)[:, None] + beside).ravel())
        some = some[(some >= every[0]) & (some <= every[-1])]
        spreads = ear.spreads_of(turns, some)
        mine = asked.result()[0]
        found: list[_Found | None] = []
        for row, (vector, turn) in enumerate(zip(vectors, turns, strict=True)):
            reached = self._reached(vector, turn, every)
            rates = every[reached]
            if not rates.size:
                found.append(None)
                continue
            less = mine[row, reached]
            plain = phased[row, reached] - OWN * less
            scans: list[tuple[int, Floats, Floats]] = []
            inside = (some >= rates[0]) & (some <= rates[-1])
            told = spreads[row, inside]
            if told.max(initial=0.0) > HOPELESS:
                # Of mere energy there is much to look at: only where something moves.
                lines = some[inside]
                told = told - OWN * own.spreads(turn, lines)
                scans.append((frame, lines, told + np.interp(lines, rates, plain)))
            less = OWN * maximum_filter1d(less, 2 * LIKE + 1, mode="nearest")
            scores = phased[row, reached] - less
            scans.append((frame, rates, scores))
            tops = np.argsort(-scores)[:FINE_FROM]
            finer = (rates[tops, None] * np.exp(FINE)).ravel()
            more = ear.drops(turn, finer)[0]
            rates = np.concatenate([rates, finer])
            both = np.concatenate([phased[row, reached], more])
            scores = np.concatenate([scores, more - np.repeat(less[tops], FINE.size)])
            top = int(np.argmax(scores))
            best = _Found(float(rates[top]), float(scores[top]), float(both[top]), tuple(scans))
            for _, where, values in scans:
                top = int(np.argmax(values))
                if values[top] > best.score:
                    best = replace(best, rate=float(where[top]), score=float(values[top]), phased=0)
            found.append(best)
        return found

    def _at_its_own(self, turn: Turning, frame: int, near: TriedMotion | None) -> _Found:
        """Listen for a turn whose rate no knob sets."""
        ear, own = self.ears.whole[frame], self.ears.own[frame]
        rates = turn.rate * np.exp(np.linspace(-0.01, 0.01, 3))
        phased, mine = ear.drops(turn, rates)[0], own.drops(turn, rates)[0]
        spreads = np.zeros(rates.size)
        if near is not None:
            spreads = ear.spreads(turn, rates)
            mine = mine + own.spreads(turn, near.rate * np.exp(BY)).max()
        scores = phased + spreads - OWN * mine.max()
        top = int(np.argmax(scores))
        scans = () if near is not None else ((frame, rates, scores),)
        return _Found(float(rates[top]), float(scores[top]), float(phased[top]), scans)

    def again(self, tried: TriedMotion | None) -> TriedMotion | None:
        """Try settings at the rate that they seem to have, not as they go round at another.

        Parameters
        ----------
        tried : TriedMotion or None
            What is asked for once more.

        Returns
        -------
        TriedMotion or None
            None for what does not go round there.
        """
        return None if tried is None else self.try_settings([tried.settings], tried)[0]

    def phased(self, tried: TriedMotion) -> float:
        """What phases tell of a motion, energy apart.

        Parameters
        ----------
        tried : TriedMotion
            The motion.

        Returns
        -------
        float
            In units of the noise's variance.
        """
        turn = tried.turns[tried.frame]
        assert turn is not None
        rates = tried.rate * np.exp(np.concatenate([FINE, 2 * FINE]))
        return float(self.ears.whole[tried.frame].drops(turn, rates)[0].max())

    def between(self, tried: TriedMotion, turns: int) -> float:
        """What those of a motion's lines tell that no motion so many times as fast has.

        Parameters
        ----------
        tried : TriedMotion
            The motion.
        turns : int
            Of a faster motion, in one of this.

        Returns
        -------
        float
            Share of what all its lines tell, 0 to 1.
        """
        turn, ear = tried.turns[tried.frame], self.ears.whole[tried.frame]
        assert turn is not None
        rates = tried.rate * np.exp(np.concatenate([FINE, 2 * FINE]))
        lines = turn.lines.copy()
        lines[:, turns - 1 :: turns] = 0
        parts = [
            float((ear.drops(each, rates)[0] + ear.spreads(each, rates)).max())
            for each in (replace(turn, lines=lines), turn)
        ]
        return float(np.clip(parts[0] / max(parts[1], 1e-9), 0.0, 1.0))

    def at_rate(self, rate: float, frame: int | None = None) -> list[TriedMotion]:
        """What was tried at about a rate.

        Parameters
        ----------
        rate : float
            In hertz.
        frame : int, optional
            Place of the only band that counts.

        Returns
        -------
        list of TriedMotion
            The best first.
        """
        near = [t for t in self.tried if abs(np.log(t.rate / rate)) < WINDOW]
        if self.knob is not None and rate > EASY_HZ:
            # What was looked at as it goes round elsewhere has another shape here.
            near = [t for t in near if not t.scans] or near
        near = [t for t in near if frame is None or t.frame == frame]
        return sorted(near, key=lambda t: -t.worth)

    def apart(self, one: TriedMotion, two: TriedMotion) -> float:
        """How far apart two shapes are.

        Parameters
        ----------
        one, two : TriedMotion
            Of which the rates do not matter.

        Returns
        -------
        float
            In the knob that differs most, 0 to 1.
        """
        return float(np.abs(one.settings - two.settings)[self.shape].max(initial=0.0))

    def nearest(self, rate: float, also: Sequence[TriedMotion] = ()) -> TriedMotion | None:
        """The best of all settings so far, had they gone round at about this rate.

        Parameters
        ----------
        rate : float
            In hertz.
        also : sequence of TriedMotion
            Looked at besides.

        Returns
        -------
        TriedMotion or None
            None where the reference is too short for the rate.
        """
        if rate < self.ears.whole[0].rates[0]:
            return None
        found: list[tuple[float, int, TriedMotion]] = []
        for tried in self.tried:
            for frame, rates, scores in tried.scans:
                near = scores[np.abs(np.log(rates / rate)) < WINDOW]
                if near.size:
                    found.append((float(near.max()), frame, tried))
        found.sort(key=lambda f: -f[0])
        options = [(frame, tried) for _, frame, tried in found[:NEAREST]]
        options += [(tried.frame, tried) for tried in also]
        heard = [
            self._heard([tried.settings], [tried.turns], replace(tried, rate=rate), frame)[0]
            for frame, tried in options
        ]
        return max((t for t in heard if t is not None), key=lambda t: t.score, default=None)

    def at_lines(self, kept: Sequence[TriedMotion]) -> list[TriedMotion]:
        """The best of all settings so far at rates where the reference moves, whatever the shape.

        Parameters
        ----------
        kept : sequence of TriedMotion
            Whose rates are followed anyway.

        Returns
        -------
        list of TriedMotion
            The best first.
        """
        rates = [r for r in self.lines if all(abs(np.log(r / t.rate)) > APART for t in kept)]
        beams = [self.nearest(rate) for rate in rates]
        return sorted((b for b in beams if b is not None), key=lambda t: -t.score)[:LINE_BEAMS]
