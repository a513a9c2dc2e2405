"""Which of an effect's knobs shape spectra, found out by impulses alone.

An effect counts as an equaliser if its answers to a weaker and to a later impulse are the same as
to the first (it is linear and time-invariant), it has no echoes to speak of, and some knob changes
what it does to spectra. Nothing of the effect's name, units or formulas is used.

1. *Waking.* Many equalisers have bands that are switched off. A stepped knob is put to the first
   value at which the effect still leaves sound alone while its other knobs do more than before.
2. *Levers.* A continuous knob that changes the response by itself, all others where they are. It is
   a *gain* if it does the same shape more or less.
3. *Companions* of a lever: knobs that do nothing by themselves, but change what the lever does:
   frequency and Q of a gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.cache import probe_name, remembered
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import DialinError, RenderError
from dialin.measures.song import band_centres

Values = NDArray[np.float64]

VERSION = 1
"""Of what is kept in the cache."""

RATE = 44_100
LEAD_SECONDS, ANSWER_SECONDS = 0.15, 0.5
PEAK, DITHER = 0.25, 1e-6

LINEAR_DB = 0.3
"""By so much answers to a weaker or a later impulse may differ."""

HEARD_DB = 0.5
"""Change of the response, somewhere, from which a knob counts."""

FLAT_DB = 1.0
"""How far from flat a response is that leaves the sound alone, its level aside."""

LATE = 0.05
"""Share of an answer's energy that may come later than `LATE_SECONDS`; more is a room."""

LATE_AT_REST = 0.003
"""The same where the effect stands at its default, as an equaliser is flat there."""

LATE_SECONDS = 0.1

MOST_RENDERS = 4000
"""Impulses spent on finding out, at most."""

LIFT_DB = 6.0
"""What a lever is moved by while its companions are looked for."""

NUDGE = 0.15

NEAR = 6
"""Sleeping knobs that are tried where a switch may have woken them."""

ALIKE = 0.85
"""Cosine between what a gain does at half of it, or the other way, and its whole."""

DRAWS = 3


@dataclass(frozen=True)
class Lever:
    """A knob that shapes spectra, and those that say how.

    Attributes
    ----------
    knob : int
        Index in the spec.
    gain : bool
        Whether it does one shape, more or less.
    rest : float
        Position at which it does nothing.
    lifted : float
        Position at which it does about `LIFT_DB`.
    peak_db : float
        What it does there at most, with its sign.
    companions : tuple of int
        Knobs that change its shape; that which moves it most along frequency comes first.
    """

    knob: int
    gain: bool
    rest: float
    lifted: float
    peak_db: float
    companions: tuple[int, ...] = ()


@dataclass(frozen=True)
class EqProbe:
    """What was found out.

    Attributes
    ----------
    linear : bool
        Whether the effect is linear, time-invariant and without echoes.
    base : tuple of float
        Settings at which it leaves sound alone, its bands awake.
    levers : tuple of Lever
    renders : int
    """

    linear: bool
    base: tuple[float, ...]
    levers: tuple[Lever, ...]
    renders: int

    @property
    def equaliser(self) -> bool:
        """Whether there is something to solve."""
        return self.linear and bool(self.levers)

    @property
    def knobs(self) -> tuple[int, ...]:
        """All knobs that are solved for, each once."""
        indices = [k for lever in self.levers for k in (lever.knob, *lever.companions)]
        return tuple(dict.fromkeys(indices))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EqProbe:
        """Read what was written to the cache.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        EqProbe
        """
        levers = tuple(
            Lever(**{**lever, "companions": tuple(lever["companions"])}) for lever in data["levers"]
        )
        return cls(bool(data["linear"]), tuple(data["base"]), levers, int(data["renders"]))


def probe_eq(effect: Effect, *, use_cache: bool = True) -> EqProbe:
    """Find out what an effect's knobs do to spectra, or take what is in the user's cache.

    Runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    use_cache : bool, default True
        Whether what was found out before may be taken.

    Returns
    -------
    EqProbe
    """
    name = probe_name(effect.spec, f"eq {VERSION}", kind="eq-")

    def probed() -> EqProbe:
        return _EqProber(effect).run()

    return remembered(name, EqProbe.from_dict, probed, asdict, use_cache=use_cache)


def excitation(sample_rate: int, *, delay: float = 0.0, gain: float = 1.0) -> Audio:
    """An impulse in noise far below hearing (some effects sleep in silence), ``(1, samples)``.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    delay : float, default 0
        Seconds by which it comes later.
    gain : float, default 1
        Of amplitude.

    Returns
    -------
    ndarray, float32, shape (1, samples)
    """
    count = round((LEAD_SECONDS + ANSWER_SECONDS + delay) * sample_rate)
    audio = np.random.default_rng(5).standard_normal(count) * DITHER
    audio[round((LEAD_SECONDS + delay) * sample_rate)] = PEAK
    return np.asarray(gain * audio[None], dtype=np.float32)


class Responder:
    """Asks an effect, where it is opened, what settings do to spectra.

    Parameters
    ----------
    effect : Effect
        The effect.
    sample_rate : int
        In hertz.
    """

    def __init__(self, effect: Effect, sample_rate: int = RATE) -> None:
        self._effect, self._rate = effect, sample_rate
        self._bands = band_centres()
        self.renders = 0

    def answer(self, settings: Settings, *, delay: float = 0.0, gain: float = 1.0) -> Values:
        """What comes of an impulse, from its place on, the middle of all channels.

        Parameters
        ----------
        settings : ndarray, shape (knobs,)
            Positions, 0 to 1.
        delay, gain : float
            Of the impulse.

        Returns
        -------
        ndarray, float64, shape (samples,)

        Raises
        ------
        RenderError
            If the effect fails at these settings.
        """
        self.renders += 1
        audio = excitation(self._rate, delay=delay, gain=gain)
        try:
            wet = self._effect.process(audio, self._rate, settings)
        except DialinError:
            raise
        except Exception as error:
            # Whatever a host throws is about this effect: a match goes on without its answer.
            raise RenderError(
                f"{self._effect.spec.name} failed at an impulse: {type(error).__name__}: {error}"
            ) from error
        start = round((LEAD_SECONDS + delay) * self._rate)
        count = round(ANSWER_SECONDS * self._rate)
        # What comes a little early belongs to it too: linear phase, latency told wrongly.
        early = round(0.02 * self._rate)
        heard = wet.mean(axis=0).astype(np.float64)[start - early : start - early + count]
        return np.asarray(heard / gain)

    def decibels(self, settings: Settings, *, delay: float = 0.0, gain: float = 1.0) -> Values:
        """Response in the bands of `dialin.measures.song`, in decibels, -100 at least.

        Parameters
        ----------
        settings : ndarray, shape (knobs,)
            Positions, 0 to 1.
        delay, gain : float
            Of the impulse.

        Returns
        -------
        ndarray, float64, shape (bands,)
            NaN where the effect gave no numbers.
        """
        answer = self.answer(settings, delay=delay, gain=gain)
        power = np.abs(np.fft.rfft(answer, 1 << 16)) ** 2 / PEAK**2
        sums = np.concatenate([[0.0], np.cumsum(power)])
        edges = np.arange(sums.size) - 0.5
        bins = self._bands / self._rate * (1 << 16)
        low = np.minimum(bins * 2 ** (-1 / 24), bins - 0.5)
        high = np.maximum(bins * 2 ** (1 / 24), bins + 0.5)
        total = np.interp(high, edges, sums) - np.interp(low, edges, sums)
        inside = np.maximum(np.minimum(high, edges[-1]) - low, 1e-9)
        mean = np.where(low < edges[-1], total / inside, 1.0)
        return np.asarray(10 * np.log10(np.maximum(mean, 1e-10)))

    def rows(self, points: Sequence[Settings] | Values) -> Values:
        """Responses of several settings, ``(settings, bands)``.

        Parameters
        ----------
        points : sequence of ndarray
            Positions, 0 to 1.

        Returns
        -------
        ndarray, float64, shape (settings, bands)
        """
        return np.array([self.decibels(point) for point in points])


def changed(one: Values, other: Values) -> float:
    """Largest difference of two responses where either is heard, in decibels.

    Parameters
    ----------
    one, other : ndarray, shape (bands,)
        In decibels.

    Returns
    -------
    float
        0 where one of them holds no numbers.
    """
    gap = np.abs(np.maximum(one, -40.0) - np.maximum(other, -40.0))[4:-6]
    return float(gap.max()) if np.isfinite(gap).all() else 0.0


class _EqProber:
    def __init__(self, effect: Effect) -> None:
        self._spec = effect.spec
        self._ear = Responder(effect)
        live = [n for n, p in enumerate(self._spec.parameters) if p.status == "live"]
        self._turned = [n for n in live if not self._spec.parameters[n].is_stepped]
        self._stepped = [n for n in live if self._spec.parameters[n].is_stepped]
        self._rng = np.random.default_rng(11)

    def run(self) -> EqProbe:
        base = self._spec.default
        try:
            if not self._turned or not self._linear(base):
                return EqProbe(False, tuple(base), (), self._ear.renders)
            base = self._wake(base)
            levers = self._levers(base)
        except DialinError:
            # What cannot be asked is not solved; a search will say why.
            return EqProbe(False, tuple(self._spec.default), (), self._ear.renders)
        if levers and not self._linear(self._lifted(base, levers), draws=0):
            levers = []
        return EqProbe(bool(levers), tuple(base), tuple(levers), self._ear.renders)

    def _random(self, base: Settings) -> Settings:
        point = base.copy()
        point[self._turned] = self._rng.uniform(0.15, 0.85, len(self._turned))
        return point

    @staticmethod
    def _lifted(base: Settings, levers: Sequence[Lever]) -> Settings:
        point = base.copy()
        for lever in levers:
            point[lever.knob] = lever.lifted
        return point

    def _linear(self, base: Settings, draws: int = DRAWS) -> bool:
        points = [base, *(self._random(base) for _ in range(draws))]
        for number, point in enumerate(points):
            whole = self._ear.answer(point)
            energy = float(np.square(whole).sum())
            if not np.isfinite(energy):
                return False
            if energy < 1e-9:
                continue
            late = round((0.02 + LATE_SECONDS) * RATE)
            limit = LATE if number or not draws else LATE_AT_REST
            if float(np.square(whole[late:]).sum()) > limit * energy:
                return False
            response = self._ear.decibels(point)
            for variation in ({"gain": 0.25}, {"delay": 0.0371}):
                if changed(response, self._ear.decibels(point, **variation)) > LINEAR_DB:
                    return False
        return True

    def _wake(self, base: Settings) -> Settings:
        flat = self._ear.decibels(base)
        context = self._random(base)
        asleep = [n for n in self._turned if not self._does(context, n)]
        for index in self._stepped:
            steps = self._spec.parameters[index].steps
            if not asleep or self._ear.renders + 2 * steps > MOST_RENDERS // 2:
                break
            before = self._ear.decibels(context)
            for value in np.linspace(0, 1, steps):
                if abs(value - base[index]) < 1e-9:
                    continue
                tried, moved = base.copy(), context.copy()
                tried[index] = moved[index] = value
                if changed(self._ear.decibels(moved), before) < HEARD_DB:
                    continue
                here = self._ear.decibels(tried)
                spread = here - np.median(here)
                if changed(here, flat) > FLAT_DB and np.abs(spread[8:-8]).max() > FLAT_DB:
                    continue
                # What it wakes mostly stands near it.
                near = sorted(asleep, key=lambda n: abs(n - index))[:NEAR]
                woken = [n for n in near if self._does(moved, n)]
                if woken:
                    base, flat, context = tried, here, moved
                    asleep = [n for n in asleep if n not in woken]
                    break
        return base

    def _does(self, context: Settings, index: int) -> bool:
        """Whether a knob changes anything where the others stand anywhere."""
        point = context.copy()
        point[index] = 0.95 if point[index] < 0.5 else 0.05
        return changed(self._ear.decibels(point), self._ear.decibels(context)) > 0.1

    def _levers(self, base: Settings) -> list[Lever]:
        flat = self._ear.decibels(base)
        levers: list[Lever] = []
        passive: list[int] = []
        for index in self._turned:
            lever = self._lever(base, flat, index)
            if lever is None:
                passive.append(index)
            else:
                levers.append(lever)
        return [self._with_companions(base, lever, passive) for lever in levers]

    def _lever(self, base: Settings, flat: Values, index: int) -> Lever | None:
        rest, floor = float(base[index]), np.maximum(flat, -60.0)

        def shape_at(position: float) -> Values:
            point = base.copy()
            point[index] = position
            return np.asarray(np.maximum(self._ear.decibels(point), -60.0) - floor)[4:-6]

        def size(shape: Values) -> float:
            return float(np.abs(shape).max()) if np.isfinite(shape).all() else 0.0

        sides: list[tuple[float, Values]] = []
        for end in (0.02, 0.98):
            if abs(end - rest) < 0.05:
                continue
            position, shape = end, shape_at(end)
            for _ in range(4):
                if size(shape) <= 1.3 * LIFT_DB:
                    break
                nearer = rest + (position - rest) * max(0.2, LIFT_DB / size(shape))
                tried = shape_at(nearer)
                if size(tried) < HEARD_DB:
                    break
                position, shape = nearer, tried
            if size(shape) >= HEARD_DB:
                sides.append((position, shape))
        if not sides:
            return None
        lifted, main = max(sides, key=lambda side: size(side[1]))
        others = [shape for _, shape in sides if shape is not main]
        others.append(shape_at(rest + 0.5 * (lifted - rest)))
        likes = [
            float(abs(main @ o) / np.sqrt((main @ main) * (o @ o))) for o in others if size(o) > 0.2
        ]
        at = int(np.argmax(np.abs(main)))
        return Lever(
            index, bool(likes) and min(likes) > ALIKE, rest, float(lifted), float(main[at])
        )

    def _with_companions(self, base: Settings, lever: Lever, passive: Sequence[int]) -> Lever:
        start = base.copy()
        start[lever.knob] = lever.lifted
        before = self._ear.decibels(start)
        flat = self._ear.decibels(base)
        where = _centroid(before - flat)
        moved: list[tuple[float, int]] = []
        for index in passive:
            if self._ear.renders >= MOST_RENDERS:
                break
            point = start.copy()
            point[index] += NUDGE if point[index] < 0.5 else -NUDGE
            after = self._ear.decibels(point)
            if changed(after, before) > HEARD_DB / 2:
                moved.append((abs(_centroid(after - flat) - where), index))
        moved.sort(reverse=True)
        return Lever(**{**asdict(lever), "companions": tuple(index for _, index in moved)})


def _centroid(shape: Values) -> float:
    """Where a shape lies, in bands."""
    weight = np.abs(shape[4:-6])
    return float((weight * np.arange(weight.size)).sum() / max(float(weight.sum()), 1e-9))
