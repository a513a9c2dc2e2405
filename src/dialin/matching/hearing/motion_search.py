"""Setting an effect that moves by what it does to impulses, no music rendered.

Random settings are asked for one turn each, their rate knob where it turns easily
(`dialin.matching.hearing.motion_probe`), and each turn is looked for in the reference at every rate
(`dialin.measures.motion`). What the input shows by itself at the same rate, a beat or a trill, is
no effect. The best are refined by CMA-ES at the rate that was heard, and the law of the rate knob
is inverted at that rate in the end. The phase of the oscillator is never asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import maximum_filter1d

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.motion_probe import EASY_HZ, MotionProbe, impulse_train
from dialin.measures.cepstrum import band_end
from dialin.measures.motion import (
    HIGHEST_HZ,
    LONG,
    RATES_HZ,
    SHORT,
    Floats,
    MotionEar,
    Turning,
    frame_cepstra,
    impulse_cepstra,
    turning,
)
from dialin.rendering import Job, Renderer, SharedAudio

SECONDS, TURNS = 4.0, 3.0
"""For which a train of impulses is followed, and turns that are enough where the rate is known."""

LONG_HZ = 3_000.0
"""End of the band for long frames: combs of long lags sweep too fast higher up."""

DRAWS, MORE_DRAWS, MOST_DRAWS = 23, 24, 3
"""Random settings to begin with, and more, so many times at most, where little was found."""

RATE_DRAWS, HALF_DRAWS = 48, 16
"""Random settings more at a rate that was heard, and at half of it."""

OCTAVES, SLOWER, LEAST_PHASED = (0.5, 1 / 3, 2.0), 0.9, 0.4
"""Other rates of which a shape may be the overtone, or the fundamental; the share of its score from
which a slower one is taken, and of what phases tell."""

FOLLOWED = (5, 3, 1)
"""Rates that are followed after a first look, and after more of them."""

LINE_WIDTH = 0.15
"""How far beside a line its rate may lie, in turns over the whole."""

LINES, LINE_BEAMS = 8, 6
"""Rates taken from lines of the modulation spectrum, and how many of them are followed."""

NEAREST = 3
"""Settings that are looked at again at another rate."""

BEAMS, APART = 3, 0.08
"""Rates that are followed, and how far apart as logarithms."""

POPULATION, ROUNDS, MORE_ROUNDS = 8, 2, 14
"""Renders in a round, rounds for each of the rates, and the most for the best."""

STARTS, LEAST_START, APART_SHAPES = 3, 0.2, 0.15
"""Shapes from which the best is looked for in frames of each length, the least share of the best
one's score, and how far apart they are."""

MOST_ALIKE, LEAST_ALIKE = 6, 0.4
"""Shapes besides that are handed on, and the least share of the best one's score."""

SIGMAS = (0.15, 0.12)
"""How far around them at first."""

CALM, GAINED = 4, 1.02
"""Rounds after which nothing more is hoped for where the best is not so many times better."""

WINDOW = 0.06
"""Natural logarithm of the rate, by which it may still be moved while shapes are refined."""

FINE_FROM, FINE = 5, np.linspace(-0.0075, 0.0075, 7)
"""How many of the best rates of a grid are looked at between its points, and where."""

SAME_LAW = 0.06
"""Logarithm of the rate, by which a setting may seem to be off the law and is not."""

BY = np.linspace(-0.02, 0.02, 5)
"""Logarithms of the rate, by which the input's own motion may lie beside."""

SLACK = 1.1
"""By which a rate may lie beyond the law's ends."""

OWN = 1.5
"""How many times what the input explains by itself is taken off."""

LIKE = 3
"""Steps of the rate on each side within which the input is listened to."""

STRETCH_SECONDS, STRETCHES = 12.0, 5
SHORTEST = 2.0
"""Seconds of a recording below which nothing is said of motion."""

HEARD, PHASED, HEARD_HALF, EVEN = 200.0, 40.0, 30.0, 0.15
"""Score in all, what phases tell of it, and score in the worse half of the references, from which
a motion is heard; and the share of all that the worse half must have."""

CLEAR, CLEAR_HALF = 300.0, 15.0
"""Score from which so much in the worse half is enough: music is loud in one half and soft in the
other. Of 27 dry pieces of the validation split none had more than 81 in all."""

ABSENT = 25.0
HOPELESS, FAINT, ENOUGH = 18.0, 45.0, 200.0
"""Scores below which nothing is refined, little is, and from which no more is drawn."""

STRAY = 1.0
"""What a knob's full travel from its default costs, in units of the noise's variance."""


@dataclass(frozen=True, eq=False)
class MotionEars:
    """What references and the input sound like, for frames of two lengths.

    Attributes
    ----------
    whole, own : tuple of MotionEar
        Of the references and of the input, short frames first.
    halves : tuple of (MotionEar, MotionEar)
    highest : float
        End in hertz of the band.
    """

    whole: tuple[MotionEar, ...]
    own: tuple[MotionEar, ...]
    halves: tuple[tuple[MotionEar, MotionEar], ...]
    highest: float


def make_motion_ears(
    own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]
) -> MotionEars | None:
    """Listen to an input and its references.

    Parameters
    ----------
    own : (audio, sample_rate)
        The input.
    references : sequence of (audio, sample_rate, weight)
        All count alike here.

    Returns
    -------
    MotionEars or None
        None where they are too short to tell.
    """
    sounds = [own, *((a, r) for a, r, _ in references)]
    if min(a.shape[1] / r for a, r in sounds) < SHORTEST:
        return None
    highest = min([HIGHEST_HZ, *(band_end(a, r) for a, r in sounds)])
    channels = min(a.shape[0] for a, _ in sounds)
    cut = [s for a, r, _ in references for s in _stretches(_few(a, channels), r)]
    length = min(a.shape[1] / r for a, r in cut)
    cut = [(a[:, : round(length * r)], r) for a, r in cut]
    dry = _stretches(_few(own[0], channels), own[1])
    whole, mine, halves = [], [], []
    for frame, end in ((SHORT, highest), (LONG, min(highest, LONG_HZ))):
        rows = _even([frame_cepstra(a, r, frame, end) for a, r in dry])
        parts = [frame_cepstra(a, r, frame, end) for a, r in cut]
        whole.append(MotionEar(_even(parts), frame, rows))
        middle = min(p.shape[1] for p in parts) // 2
        both = [p[:, :middle] for p in parts], [p[:, -middle:] for p in parts]
        halves.append((MotionEar(both[0], frame, rows), MotionEar(both[1], frame, rows)))
        mine.append(MotionEar(rows, frame))
    return MotionEars(tuple(whole), tuple(mine), tuple(halves), highest)


def _few(audio: Audio, channels: int) -> Audio:
    return audio[:2] if min(channels, audio.shape[0]) > 1 else audio.mean(axis=0, keepdims=True)


def _even(rows: Sequence[Floats]) -> list[Floats]:
    frames = min(r.shape[1] for r in rows)
    return [r[:, :frames] for r in rows]


def _stretches(audio: Audio, sample_rate: int) -> list[tuple[Audio, int]]:
    """Stretches of equal length, evenly over the recording."""
    size = round(STRETCH_SECONDS * sample_rate)
    count = int(np.clip(audio.shape[1] // size, 1, STRETCHES))
    if audio.shape[1] <= size:
        return [(audio, sample_rate)]
    starts = np.linspace(0, audio.shape[1] - size, count).astype(int)
    return [(audio[:, s : s + size], sample_rate) for s in starts]


@dataclass(frozen=True, eq=False)
class MotionFit:
    """What a search came to.

    Attributes
    ----------
    settings : ndarray
    rate : float
        Heard in the references, in hertz.
    score : float
        How much is explained beyond what the input has by itself.
    half : float
        How much in the worse half.
    depth : float
        In dB, at these settings.
    renders : int
    phased : float
        What of the score its phases tell, energy apart.
    frame : int
        0 where short frames tell most, 1 for long ones.
    alike : tuple of (ndarray, float)
        Other settings that explain a good part of it, and how much each does.
    """

    settings: Settings
    rate: float
    score: float
    half: float
    depth: float
    renders: int
    phased: float = 0.0
    frame: int = 0
    alike: tuple[tuple[Settings, float], ...] = ()

    @property
    def verdict(self) -> str:
        """``heard``, ``doubt`` or ``absent``."""
        even = self.half >= max(HEARD_HALF, EVEN * self.score)
        clear = self.score >= CLEAR and self.half >= CLEAR_HALF
        if self.score >= HEARD and self.phased >= PHASED and (even or clear):
            return "heard"
        return "absent" if self.score < ABSENT or self.half < HEARD_HALF / 3 else "doubt"


@dataclass(eq=False)
class _TriedMotion:
    settings: Settings
    turns: tuple[Turning | None, ...]
    frame: int
    rate: float
    score: float
    scans: tuple[tuple[int, Floats, Floats], ...] = ()
    """Frame, rates and scores, where all rates were looked at."""


def turns_of(
    audio: Audio,
    sample_rate: int,
    start: int,
    step: int,
    highest: float,
    rate: float | None,
    frame: int | None = None,
) -> tuple[Turning | None, ...]:
    """Measure turns for short and long frames; runs where the effect is.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Answer to a train of impulses.
    sample_rate : int
        In hertz.
    start, step : int
        Place of the first impulse that counts, and samples between two.
    highest : float
        End in hertz of the band.
    rate : float, optional
        In hertz, that is expected.
    frame : int, optional
        0 for short frames alone, 1 for long ones.

    Returns
    -------
    tuple of Turning or None
        None where nothing goes round, or was not looked at.
    """
    turns: list[Turning | None] = []
    for number, (length, end) in enumerate(((SHORT, highest), (LONG, min(highest, LONG_HZ)))):
        if frame is not None and number != frame:
            turns.append(None)
            continue
        cepstra = impulse_cepstra(audio[:, start:], sample_rate, step, length, end)
        one = turning(cepstra, step / sample_rate, rate)
        turns.append(one)
        rate = rate if one is None else one.rate
    return tuple(turns)


class MotionSearch:
    """One search.

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
    seed : int
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
        seed: int = 0,
    ) -> None:
        self._pool, self._spec, self._ears, self._probe = pool, spec, ears, probe
        self._start, self._rate = start.copy(), sample_rate
        names = [p.id for p in spec.parameters]
        self._knob = names.index(probe.rate_knob) if probe.rate_knob else None
        if self._knob is not None and self._knob not in free:
            self._knob = None
        self._shape = [n for n in free if n != self._knob and names[n] in probe.shape]
        self._rng = np.random.default_rng([seed, 31])
        self._tried: list[_TriedMotion] = []
        self._easy: float | None = None
        if self._knob is not None:
            position = spec.parameters[self._knob].snap(probe.position_of(EASY_HZ))
            self._start[self._knob] = position
            self._easy = probe.rate_at(position)
            ends = probe.rate_at(0.0), probe.rate_at(1.0)
            self._reach = min(ends), max(ends)
        seconds = SECONDS if self._easy is None else min(SECONDS, TURNS / self._easy)
        train, self._from, self._step = impulse_train(
            sample_rate, min(channels, 2), probe.spacing, probe.lead, seconds
        )
        self._train = train
        self._shared: SharedAudio | None = None
        self._lines = [] if self._knob is None else self._line_rates()
        self.renders = 0

    @property
    def places(self) -> tuple[int, ...]:
        """Knobs that are set."""
        return tuple(sorted([*self._shape, *([] if self._knob is None else [self._knob])]))

    @property
    def rate_places(self) -> tuple[int, ...]:
        """The knob that sets the rate, if there is one."""
        return () if self._knob is None else (self._knob,)

    def run(self) -> MotionFit | None:
        """Search; None if nothing went round at any setting."""
        self._shared = self._pool.share(self._train, self._rate)
        try:
            return self._run()
        finally:
            self._pool.release(self._shared)

    def weigh(self, fit: MotionFit, settings: Sequence[Settings]) -> list[float]:
        """How much settings explain at the rate that was heard, whatever their own.

        Parameters
        ----------
        fit : MotionFit
            What was heard.
        settings : sequence of ndarray
            Of the effect.

        Returns
        -------
        list of float
            As `MotionFit.score`; 0 for what does not go round.
        """
        near = _TriedMotion(fit.settings, (), fit.frame, fit.rate, fit.score)
        self._shared = self._pool.share(self._train, self._rate)
        try:
            return [0.0 if t is None else t.score for t in self._try(settings, near)]
        finally:
            self._pool.release(self._shared)

    def _run(self) -> MotionFit | None:
        drawn = [self._start]
        self._try([*drawn, *self._drawn(DRAWS)], None)
        for _ in range(MOST_DRAWS):
            if max((t.score for t in self._tried), default=0.0) >= ENOUGH:
                break
            self._try(self._drawn(MORE_DRAWS), None)
        if not self._tried:
            return None
        beams = sorted(self._tried, key=lambda t: -t.score)
        if beams[0].score >= HOPELESS:
            kept: list[_TriedMotion] = []
            for tried in beams:
                if tried.score < 0.3 * beams[0].score or len(kept) == BEAMS:
                    break
                if all(abs(np.log(tried.rate / k.rate)) > APART for k in kept):
                    kept.append(tried)
            kept += self._at_lines(kept)
            kept = [b for b in map(self._again, kept) if b is not None] or kept[:1]
            for count in FOLLOWED:
                kept = [self._refine(beam, 1) for beam in kept]
                kept = sorted(kept, key=lambda t: -t.score)[:count]
                if kept[0].score < FAINT:
                    break
            best = kept[0]
            if best.score < FAINT:
                return self._finish(best)
            best = self._settle(best)
            for factor in OCTAVES if self._knob is not None and best.score > ENOUGH else ():
                slower = factor < 1.0
                if factor == OCTAVES[0] and best.rate * factor >= self._ears.whole[0].rates[0]:
                    # The commonest mistake: a sweep to and fro taken for two.
                    self._draw_at(replace(best, rate=best.rate * factor), HALF_DRAWS)
                other = self._again(self._nearest(best.rate * factor, [best]))
                if other is not None:
                    other = self._refine(other, ROUNDS)
                    if other.score > 0.4 * best.score:
                        other = self._refine(other, ROUNDS)
                    # A turn that takes twice as long explains all that two do, and what differs;
                    # mere energy is alike at both rates.
                    enough = SLOWER if slower else 1.0
                    told = self._phased(other) > LEAST_PHASED * self._phased(best)
                    if told and other.score > enough * best.score:
                        best = self._settle(other)
            beams = self._at_rate(best.rate)
        return self._finish(max(beams, key=lambda t: t.score - self._stray(t.settings)))

    def _again(self, tried: _TriedMotion | None) -> _TriedMotion | None:
        """The same at its own rate, and not as it goes round at another."""
        return None if tried is None else self._try([tried.settings], tried)[0]

    def _phased(self, tried: _TriedMotion) -> float:
        """What phases tell of it, energy apart."""
        turn = tried.turns[tried.frame]
        assert turn is not None
        rates = tried.rate * np.exp(np.concatenate([FINE, 2 * FINE]))
        return float(self._ears.whole[tried.frame].drops(turn, rates)[0].max())

    def _settle(self, best: _TriedMotion) -> _TriedMotion:
        """Refine shapes at a rate that was heard, from several beginnings: combs have many tops."""
        if best.score > ENOUGH:
            self._draw_at(best, RATE_DRAWS)
        starts: list[_TriedMotion] = []
        for frame in range(len(self._ears.whole)):
            # Short frames tell more of a shape that is right, and less of one that nearly is.
            mine: list[_TriedMotion] = []
            for tried in self._at_rate(best.rate, frame):
                if mine and (len(mine) == STARTS or tried.score < LEAST_START * mine[0].score):
                    break
                if all(self._apart(tried, other) > APART_SHAPES for other in mine):
                    mine.append(tried)
            starts += mine
        sigma = SIGMAS[0]
        while len(starts) > 1:
            starts = [self._refine(start, ROUNDS, sigma) for start in starts]
            starts = sorted(starts, key=lambda t: -t.score)[: len(starts) // 2]
        refined = self._refine(starts[0] if starts else best, MORE_ROUNDS, SIGMAS[1])
        return max(best, refined, key=lambda t: t.score)

    def _at_rate(self, rate: float, frame: int | None = None) -> list[_TriedMotion]:
        """What was tried at about a rate, the best first."""
        near = [t for t in self._tried if abs(np.log(t.rate / rate)) < WINDOW]
        if self._knob is not None and rate > EASY_HZ:
            # What was looked at as it goes round elsewhere has another shape here.
            near = [t for t in near if not t.scans] or near
        near = [t for t in near if frame is None or t.frame == frame]
        return sorted(near, key=lambda t: -t.score)

    def _apart(self, one: _TriedMotion, two: _TriedMotion) -> float:
        return float(np.abs(one.settings - two.settings)[self._shape].max(initial=0.0))

    def _drawn(self, count: int) -> list[Settings]:
        drawn = []
        for _ in range(count if self._shape else 0):
            vector = self._start.copy()
            vector[self._shape] = 0.03 + 0.94 * self._rng.random(len(self._shape))
            drawn.append(self._spec.check(vector))
        return drawn

    def _nearest(self, rate: float, also: Sequence[_TriedMotion] = ()) -> _TriedMotion | None:
        """The best of all settings so far, had they gone round at about this rate."""
        if rate < self._ears.whole[0].rates[0]:
            return None
        found: list[tuple[float, int, _TriedMotion]] = []
        for tried in self._tried:
            for frame, rates, scores in tried.scans:
                near = scores[np.abs(np.log(rates / rate)) < WINDOW]
                if near.size:
                    found.append((float(near.max()), frame, tried))
        found.sort(key=lambda f: -f[0])
        options = [(frame, tried) for _, frame, tried in found[:NEAREST]]
        options += [(tried.frame, tried) for tried in also]
        heard = [
            self._heard(tried.settings, tried.turns, replace(tried, rate=rate, frame=frame))
            for frame, tried in options
        ]
        return max((t for t in heard if t is not None), key=lambda t: t.score, default=None)

    def _at_lines(self, kept: Sequence[_TriedMotion]) -> list[_TriedMotion]:
        """The best of all settings so far at rates where the reference moves, whatever the shape.

        A line of its modulation spectrum that the input lacks may be the rate or its double.
        """
        rates = [r for r in self._lines if all(abs(np.log(r / t.rate)) > APART for t in kept)]
        beams = [self._nearest(rate) for rate in rates]
        return sorted((b for b in beams if b is not None), key=lambda t: -t.score)[:LINE_BEAMS]

    def _line_rates(self) -> list[float]:
        """Rates at which the references move more than beside them, and the input does not.

        A line of the modulation spectrum may be the rate or its double.
        """
        lines: list[tuple[float, float]] = []
        for ear, own in zip(self._ears.whole, self._ears.own, strict=True):
            hertz, ratio = ear.excess()
            theirs, mine = own.excess()
            near = maximum_filter1d(mine, 9)
            ratio = ratio - np.interp(hertz, theirs, near)
            ratio[(hertz < ear.rates[0]) | (hertz > RATES_HZ[1])] = -np.inf
            tops = np.argsort(-ratio)[: 8 * LINES]
            lines += [(float(ratio[n]), float(hertz[n])) for n in tops]
        rates: list[float] = []
        for _, line in sorted(lines, reverse=True):
            for rate in (line, line / 2):
                reached = rate >= self._ears.whole[0].rates[0]
                if reached and all(abs(np.log(rate / other)) > APART for other in rates):
                    rates.append(rate)
            if len(rates) >= LINES:
                break
        return rates

    def _stray(self, vector: Settings) -> float:
        return STRAY * float(np.abs(vector - self._start)[self._shape].sum())

    def _try(
        self, settings: Sequence[Settings], near: _TriedMotion | None
    ) -> list[_TriedMotion | None]:
        """Render settings and listen for them: at all rates, or as something near goes round."""
        settings = self._placed(settings, near)
        rendered = self._turns(settings, None if near is None else near.frame)
        results = [self._heard(v, turns, near) for v, turns in zip(settings, rendered, strict=True)]
        self._tried += [tried for tried in results if tried is not None]
        return results

    def _draw_at(self, near: _TriedMotion, count: int) -> None:
        """Random settings more at a rate, heard in short and in long frames by themselves."""
        drawn = self._placed(self._drawn(count), near)
        for vector, turns in zip(drawn, self._turns(drawn, None), strict=True):
            for frame in range(len(turns)):
                tried = self._heard(vector, turns, replace(near, frame=frame))
                if tried is not None:
                    self._tried.append(tried)

    def _placed(
        self, settings: Sequence[Settings], near: _TriedMotion | None
    ) -> Sequence[Settings]:
        """Settings with the rate knob where it turns fast enough to be followed.

        A fast turn is asked for at its own rate: oscillators that are smoothed, or set now and
        then, have another shape there.
        """
        if self._knob is None or near is None:
            return settings
        rate = float(np.clip(max(near.rate, EASY_HZ), *self._reach))
        position = self._spec.parameters[self._knob].snap(self._probe.position_of(rate))
        placed = []
        for vector in settings:
            moved = vector.copy()
            moved[self._knob] = position
            placed.append(moved)
        return placed

    def _expected(self, vector: Settings) -> float | None:
        """Rate in hertz by the law of the knob, where there is one."""
        return None if self._knob is None else self._probe.rate_at(float(vector[self._knob]))

    def _turns(
        self, settings: Sequence[Settings], frame: int | None
    ) -> list[tuple[Turning | None, ...]]:
        assert self._shared is not None
        args = (self._from, self._step, self._ears.highest)
        jobs = [
            Job(
                *(self._spec.uri, self._shared, v),
                measure=turns_of,
                measure_args=(*args, self._expected(v), frame),
            )
            for v in settings
        ]
        self.renders += len(jobs)
        return [() if r.failure is not None else r.value for r in self._pool.render(jobs)]

    def _heard(
        self, vector: Settings, turns: tuple[Turning | None, ...], near: _TriedMotion | None
    ) -> _TriedMotion | None:
        best: _TriedMotion | None = None
        scans: list[tuple[int, Floats, Floats]] = []
        for frame, turn in enumerate(turns):
            if turn is None or turn.depth < 0.05 or (near is not None and frame != near.frame):
                continue
            ear, own = self._ears.whole[frame], self._ears.own[frame]
            rates = ear.rates
            if self._knob is None:
                rates = turn.rate * np.exp(np.linspace(-0.01, 0.01, 3))
            elif near is not None:
                rates = near.rate * np.exp(np.linspace(-WINDOW, WINDOW, 17))
            expected = self._expected(vector)
            if expected is not None:
                # The knob does not reach all rates.
                scale = turn.rate / expected
                ends = self._reach[0] * scale / SLACK, self._reach[1] * scale * SLACK
                rates = rates[(rates >= ends[0]) & (rates <= ends[1])]
            if not rates.size:
                continue
            scores, _ = ear.drops(turn, rates)
            mine, _ = own.drops(turn, rates)
            spread = np.zeros(rates.size)
            if near is not None:
                spread = ear.spreads(turn, rates)
                scores = scores + spread
                # Of the input a look at some rates near by is enough.
                mine = mine + own.spreads(turn, near.rate * np.exp(BY)).max()
            elif self._lines:
                # Of mere energy there is much to look at: only where something moves.
                beside = np.linspace(-1, 1, 5) * LINE_WIDTH / ear.seconds
                some = (np.array(self._lines)[:, None] + beside).ravel()
                some = np.sort(some[(some >= rates[0]) & (some <= rates[-1])])
                told = ear.spreads(turn, some)
                if told.max(initial=0.0) > HOPELESS:
                    told -= OWN * own.spreads(turn, some)
                    told += np.interp(some, rates, scores - OWN * mine)
                    scans.append((frame, some, told))
            mine = OWN * maximum_filter1d(mine, 2 * LIKE + 1, mode="nearest")
            scores = scores - mine
            if near is None:
                scans.append((frame, rates, scores))
            if self._knob is not None:
                # Overtones tell rates apart more finely than the grid does.
                tops = np.argsort(-scores)[:FINE_FROM]
                finer = (rates[tops, None] * np.exp(FINE)).ravel()
                more, _ = ear.drops(turn, finer)
                more = more + np.repeat(spread[tops] - mine[tops], FINE.size)
                scores = np.concatenate([scores, more])
                rates = np.concatenate([rates, finer])
            top = int(np.argmax(scores))
            if best is None or scores[top] > best.score:
                best = _TriedMotion(vector, turns, frame, float(rates[top]), float(scores[top]))
        for frame, rates, scores in scans:
            top = int(np.argmax(scores))
            if best is not None and scores[top] > best.score:
                best = _TriedMotion(vector, turns, frame, float(rates[top]), float(scores[top]))
        return None if best is None else replace(best, scans=tuple(scans))

    def _refine(self, beam: _TriedMotion, rounds: int, sigma: float = 0.2) -> _TriedMotion:
        """Search the shape knobs near a beam, at its rate."""
        indices = [n for n in self._shape if not self._spec.parameters[n].is_stepped]
        if not indices:
            return beam
        import cmaes  # with scipy.stats: half a second

        search = cmaes.CMA(
            mean=beam.settings[indices],
            sigma=sigma,
            bounds=np.tile([0.0, 1.0], (len(indices), 1)),
            seed=int(self._rng.integers(2**31)),
            population_size=POPULATION,
        )
        best, scores = beam, [beam.score]
        for _ in range(rounds):
            if len(scores) > CALM and scores[-1] < GAINED * scores[-1 - CALM]:
                break
            asked = [search.ask() for _ in range(POPULATION)]
            vectors = []
            for position in asked:
                vector = beam.settings.copy()
                vector[indices] = position
                vectors.append(self._spec.check(vector))
            tried = self._try(vectors, best)
            search.tell(
                [
                    (position, 1e6 if t is None else self._stray(t.settings) - t.score)
                    for position, t in zip(asked, tried, strict=True)
                ]
            )
            best = max([best, *(t for t in tried if t is not None)], key=lambda t: t.score)
            scores.append(best.score)
        return best

    def _finish(self, best: _TriedMotion) -> MotionFit:
        turn = best.turns[best.frame]
        assert turn is not None
        low = self._ears.whole[best.frame].rates[0]
        fine = max(best.rate, low) * np.exp(np.linspace(-0.015, 0.015, 25))
        if self._knob is None:
            fine = np.array([best.rate])
        ear = self._ears.whole[best.frame]
        phased = ear.drops(turn, fine)[0]
        drops = phased + ear.spreads(turn, fine)
        top = int(np.argmax(drops))
        rate = float(fine[top])
        near = rate * np.exp(np.linspace(-WINDOW, WINDOW, 13))
        halves = [
            # In half the time a rate is known half as well, and rotors may still speed up.
            float((half.drops(turn, near)[0] + half.spreads(turn, near)).max())
            for half in self._ears.halves[best.frame]
        ]
        settings = best.settings.copy()
        if self._knob is not None:
            # The law was taken down elsewhere: what counts is how far to go from here.
            scale = self._probe.rate_at(float(settings[self._knob])) / turn.rate
            if abs(np.log(scale)) < SAME_LAW:
                # Rotors that still speed up say less of it than the law does.
                scale = 1.0
            settings[self._knob] = self._spec.parameters[self._knob].snap(
                self._probe.position_of(rate * scale)
            )
        return MotionFit(
            *(settings, rate, best.score, min(halves), turn.depth, self.renders),
            *(float(phased[top]), best.frame, tuple(self._alike(best, settings))),
        )

    def _alike(self, best: _TriedMotion, settings: Settings) -> list[tuple[Settings, float]]:
        """Other shapes at this rate that explain a good part, no two of them near each other."""
        kept = [best]
        for tried in self._at_rate(best.rate):
            if len(kept) > MOST_ALIKE or tried.score < LEAST_ALIKE * best.score:
                break
            if all(self._apart(tried, other) > APART_SHAPES for other in kept):
                kept.append(tried)
        alike = []
        for tried in kept[1:]:
            vector = tried.settings.copy()
            if self._knob is not None:
                vector[self._knob] = settings[self._knob]
            alike.append((vector, tried.score))
        return alike
