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

SECONDS = 4.0
"""For which a train of impulses is followed."""

LONG_HZ = 3_000.0
"""End of the band for long frames: combs of long lags sweep too fast higher up."""

DRAWS, MORE_DRAWS = 23, 24
"""Random settings to begin with, and more where little was found."""

OCTAVE_DRAWS = 16
"""Random settings more at half of the best rate."""

OCTAVES = (0.5, 1 / 3, 2.0)
"""Other rates of which a shape may be the overtone, or the fundamental."""

LINES, LINE_BEAMS = 8, 3
"""Rates taken from lines of the modulation spectrum, and how many of them are followed."""

BEAMS, APART = 3, 0.08
"""Rates that are followed, and how far apart as logarithms."""

POPULATION, ROUNDS, MORE_ROUNDS = 8, 2, 2
"""Renders in a round, rounds for each of the rates, and more for the best."""

WINDOW = 0.06
"""Natural logarithm of the rate, by which it may still be moved while shapes are refined."""

FINE_FROM, FINE = 5, np.linspace(-0.0075, 0.0075, 7)
"""How many of the best rates of a grid are looked at between its points, and where."""

SLACK = 1.1
"""By which a rate may lie beyond the law's ends."""

OWN = 1.5
"""How many times what the input explains by itself is taken off."""

LIKE = 3
"""Steps of the rate on each side within which the input is listened to."""

STRETCH_SECONDS, STRETCHES = 12.0, 5
SHORTEST = 2.0
"""Seconds of a recording below which nothing is said of motion."""

HEARD, HEARD_HALF = 60.0, 15.0
"""Drop in all, and in the worse half of the references, from which a motion is heard."""

ABSENT = 25.0
HOPELESS, ENOUGH = 18.0, 60.0
"""Scores below which nothing is refined, and from which no more is drawn."""

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
    """

    settings: Settings
    rate: float
    score: float
    half: float
    depth: float
    renders: int

    @property
    def verdict(self) -> str:
        """``heard``, ``doubt`` or ``absent``."""
        if self.score >= HEARD and self.half >= HEARD_HALF:
            return "heard"
        return "absent" if self.score < ABSENT or self.half < HEARD_HALF / 3 else "doubt"


@dataclass(eq=False)
class _TriedMotion:
    settings: Settings
    turns: tuple[Turning | None, ...]
    frame: int
    rate: float
    score: float


def turns_of(
    audio: Audio, sample_rate: int, start: int, step: int, highest: float, rate: float | None
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

    Returns
    -------
    tuple of Turning or None
        None where nothing goes round.
    """
    turns: list[Turning | None] = []
    for frame, end in ((SHORT, highest), (LONG, min(highest, LONG_HZ))):
        cepstra = impulse_cepstra(audio[:, start:], sample_rate, step, frame, end)
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
        train, self._from, self._step = impulse_train(
            sample_rate, min(channels, 2), probe.spacing, probe.lead, SECONDS
        )
        self._train = train
        self._shared: SharedAudio | None = None
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

    def _run(self) -> MotionFit | None:
        drawn = [self._start]
        self._try([*drawn, *self._drawn(DRAWS)], None)
        if max((t.score for t in self._tried), default=0.0) < ENOUGH:
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
            best = max((self._refine(beam, ROUNDS) for beam in kept), key=lambda t: t.score)
            for factor in OCTAVES if self._knob is not None and best.score > ENOUGH else ():
                if factor == OCTAVES[0] and best.rate * factor >= self._ears.whole[0].rates[0]:
                    # The commonest mistake: a sweep to and fro taken for two.
                    self._try(self._drawn(OCTAVE_DRAWS), replace(best, rate=best.rate * factor))
                other = self._nearest(best.rate * factor)
                if other is not None:
                    other = self._refine(other, ROUNDS)
                    if other.score > 0.4 * best.score:
                        other = self._refine(other, ROUNDS)
                    best = max(best, other, key=lambda t: t.score)
            self._refine(best, MORE_ROUNDS, sigma=0.12)
        best = max(self._tried, key=lambda t: t.score - self._stray(t.settings))
        return self._finish(best)

    def _drawn(self, count: int) -> list[Settings]:
        drawn = []
        for _ in range(count if self._shape else 0):
            vector = self._start.copy()
            vector[self._shape] = 0.03 + 0.94 * self._rng.random(len(self._shape))
            drawn.append(self._spec.check(vector))
        return drawn

    def _nearest(self, rate: float) -> _TriedMotion | None:
        """The best of all settings so far, had they gone round at about this rate."""
        if rate < self._ears.whole[0].rates[0]:
            return None
        near = [
            self._heard(t.settings, t.turns, replace(t, rate=rate, frame=frame))
            for t in self._tried
            for frame in range(len(t.turns))
        ]
        return max((t for t in near if t is not None), key=lambda t: t.score, default=None)

    def _at_lines(self, kept: Sequence[_TriedMotion]) -> list[_TriedMotion]:
        """The best of all settings so far at rates where the reference moves, whatever the shape.

        A line of its modulation spectrum that the input lacks may be the rate or its double.
        """
        if self._knob is None:
            return []
        lines: list[tuple[float, float]] = []
        for ear, own in zip(self._ears.whole, self._ears.own, strict=True):
            hertz, ratio = ear.excess()
            theirs, mine = own.excess()
            near = maximum_filter1d(mine, 9)
            ratio = ratio - np.interp(hertz, theirs, near)
            ratio[(hertz < ear.rates[0]) | (hertz > RATES_HZ[1])] = -np.inf
            tops = np.argsort(-ratio)[: 8 * LINES]
            lines += [(float(ratio[n]), float(hertz[n])) for n in tops]
        taken: list[float] = [t.rate for t in kept]
        rates: list[float] = []
        for _, line in sorted(lines, reverse=True):
            for rate in (line, line / 2):
                if all(abs(np.log(rate / other)) > APART for other in taken):
                    taken.append(rate)
                    rates.append(rate)
            if len(rates) >= LINES:
                break
        beams = [self._nearest(rate) for rate in rates]
        return sorted((b for b in beams if b is not None), key=lambda t: -t.score)[:LINE_BEAMS]

    def _stray(self, vector: Settings) -> float:
        return STRAY * float(np.abs(vector - self._start)[self._shape].sum())

    def _try(
        self, settings: Sequence[Settings], near: _TriedMotion | None
    ) -> list[_TriedMotion | None]:
        assert self._shared is not None
        args = (self._from, self._step, self._ears.highest, self._easy)
        jobs = [
            Job(self._spec.uri, self._shared, v, measure=turns_of, measure_args=args)
            for v in settings
        ]
        self.renders += len(jobs)
        results: list[_TriedMotion | None] = []
        for vector, result in zip(settings, self._pool.render(jobs), strict=True):
            turns = () if result.failure is not None else result.value
            tried = self._heard(vector, turns, near)
            results.append(tried)
            if tried is not None:
                self._tried.append(tried)
        return results

    def _heard(
        self, vector: Settings, turns: tuple[Turning | None, ...], near: _TriedMotion | None
    ) -> _TriedMotion | None:
        best: _TriedMotion | None = None
        for frame, turn in enumerate(turns):
            if turn is None or turn.depth < 0.05 or (near is not None and frame != near.frame):
                continue
            ear, own = self._ears.whole[frame], self._ears.own[frame]
            rates = ear.rates
            if self._knob is None:
                rates = turn.rate * np.exp(np.linspace(-0.01, 0.01, 3))
            elif near is not None:
                rates = near.rate * np.exp(np.linspace(-WINDOW, WINDOW, 17))
            if self._easy is not None:
                # The knob does not reach all rates.
                scale = turn.rate / self._easy
                ends = self._reach[0] * scale / SLACK, self._reach[1] * scale * SLACK
                rates = rates[(rates >= ends[0]) & (rates <= ends[1])]
            if not rates.size:
                continue
            scores, _ = ear.drops(turn, rates)
            mine, _ = own.drops(turn, rates)
            mine = OWN * maximum_filter1d(mine, 2 * LIKE + 1, mode="nearest")
            scores = scores - mine
            if self._knob is not None:
                # Overtones tell rates apart more finely than the grid does.
                tops = np.argsort(-scores)[:FINE_FROM]
                finer = (rates[tops, None] * np.exp(FINE)).ravel()
                more, _ = ear.drops(turn, finer)
                scores = np.concatenate([scores, more - np.repeat(mine[tops], FINE.size)])
                rates = np.concatenate([rates, finer])
            top = int(np.argmax(scores))
            if best is None or scores[top] > best.score:
                best = _TriedMotion(vector, turns, frame, float(rates[top]), float(scores[top]))
        return best

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
        best = beam
        for _ in range(rounds):
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
        return best

    def _finish(self, best: _TriedMotion) -> MotionFit:
        turn = best.turns[best.frame]
        assert turn is not None
        low = self._ears.whole[best.frame].rates[0]
        fine = max(best.rate, low) * np.exp(np.linspace(-0.015, 0.015, 25))
        if self._knob is None:
            fine = np.array([best.rate])
        drops, _ = self._ears.whole[best.frame].drops(turn, fine)
        rate = float(fine[int(np.argmax(drops))])
        halves = [
            # In half the time a rate is known half as well, and rotors may still speed up.
            float(half.drops(turn, rate * np.exp(np.linspace(-WINDOW, WINDOW, 13)))[0].max())
            for half in self._ears.halves[best.frame]
        ]
        settings = best.settings.copy()
        if self._knob is not None:
            # The law was taken down elsewhere: what counts is how far to go from here.
            scale = self._probe.rate_at(float(settings[self._knob])) / turn.rate
            settings[self._knob] = self._spec.parameters[self._knob].snap(
                self._probe.position_of(rate * scale)
            )
        return MotionFit(settings, rate, best.score, min(halves), turn.depth, self.renders)
