"""What an effect's knobs do to its motion, found out by trains of impulses alone.

An effect that stands still answers each impulse of a train alike, whatever else it does. Where the
answers go round, one knob after another is moved: the one that changes the rate most is the *rate*
knob, and its law is taken down at some positions; those that change the answers' motion are its
*shape* knobs; the rest does not touch it. Nothing of the effect's name, units or formulas is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.effects.cache import probe_name, remembered
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.pchip import Pchip
from dialin.measures.short_cepstra import SHORT, Floats, impulse_cepstra
from dialin.measures.turning import STEADY, Turning, exact_rate, motion_depth, turning

VERSION = 3
"""Of what is kept in the cache."""

RATE = 24_000
SPACINGS = (0.025, 0.0203, 0.0171)
"""Seconds between impulses. Something that goes round faster than every other impulse seems to
have another rate with another spacing."""

TRUE_HZ = 0.6
"""Rates below are what they seem: what folds to them with one spacing is not steady."""

LEADS = (0.5, 4.0)
"""Seconds before answers count: most settle at once, rotors take their time."""

LAW_LEAD = 12.0
"""The same for the law of what takes its time: half a per cent of a rate is heard after some turns.
Its shape is nearly the same before."""

SECONDS, LONG_SECONDS = 6.0, 30.0
DRAWS = 10
MOVES_DB = 0.5
PEAK, BED = 0.5, 1e-5
MOST_KNOBS = 24
POSITIONS = (0.0, 0.12, 0.25, 0.38, 0.5, 0.62, 0.75, 0.88, 1.0)
RATE_POSITIONS = (0.3, 0.5, 0.7, 0.9)
LEAST_CHANGE = 0.15
"""Change of the rate, as a logarithm, from which a knob sets it."""

LEAST_BEYOND = 0.1
"""Share of a law's last rate below which no rate beyond it is taken to be."""

EASY_HZ = 0.75
"""Rate at which shapes are asked for: of deep combs many overtones are told there."""


@dataclass(frozen=True, eq=False)
class Train:
    """Impulses that an effect is asked with.

    Attributes
    ----------
    audio : ndarray, shape (channels, samples)
    start, step : int
        Place of the first impulse that counts, and samples between two.
    count : int
        Of those that count.
    """

    audio: Audio
    start: int
    step: int
    count: int


def impulse_train(
    sample_rate: int,
    channels: int,
    spacing: float,
    lead: float,
    seconds: float,
    silence: float = 0.0,
) -> Train:
    """Impulses at equal distances in noise of -100 dBFS, which keeps effects awake.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
        All alike.
    spacing, lead, seconds : float
        Between two impulses, before answers count, and after.
    silence : float, default 0
        Seconds after the last one's answer.

    Returns
    -------
    Train
    """
    step = max(2, round(spacing * sample_rate))
    before = int(np.ceil(lead / spacing))
    count = max(16, int(np.ceil(seconds / spacing)))
    train = BED * np.random.default_rng(5).standard_normal((before + count) * step)
    train[::step] += PEAK
    train = np.pad(train.astype(np.float32), (0, round(silence * sample_rate)))
    return Train(np.repeat(train[None], channels, axis=0), before * step, step, count)


@dataclass(frozen=True)
class _Line:
    """Rates beyond an end of a law: straight on in hertz, or in their logarithm."""

    position: float
    value: float
    slope: float
    is_log: bool

    def __call__(self, at: Floats) -> Floats:
        straight = self.value + self.slope * (at - self.position)
        if self.is_log:
            return np.asarray(np.exp(straight))
        return np.asarray(np.maximum(straight, LEAST_BEYOND * self.value))


def _beyond(positions: Floats, hertz: Floats) -> _Line:
    """The line on from the first of some points, as it comes nearer to that from the next two."""
    lines = []
    for is_log in (True, False):
        values = np.log(hertz) if is_log else hertz
        slopes = np.diff(values) / np.diff(positions)
        apart = 0.0
        if slopes.size > 1:
            told = values[1] + slopes[1] * (positions[0] - positions[1])
            apart = abs(
                float(told if is_log else np.log(max(told, 1e-3))) - float(np.log(hertz[0]))
            )
        line = _Line(float(positions[0]), float(values[0]), float(slopes[0]), is_log)
        lines.append((apart, line))
    return min(lines, key=lambda each: each[0])[1]


@dataclass(frozen=True)
class MotionProbe:
    """What was found out.

    Attributes
    ----------
    moves : bool
        Whether anything goes round slower than 20 Hz.
    lead, spacing : float
        Seconds, see `impulse_train`.
    rate_knob : str
        Id of the knob that sets the rate; empty where none does.
    law : tuple of (position, hertz)
        Of that knob.
    shape : tuple of str
        Ids of other knobs that change the motion.
    renders : int
    """

    moves: bool
    lead: float = LEADS[0]
    spacing: float = SPACINGS[0]
    rate_knob: str = ""
    law: tuple[tuple[float, float], ...] = ()
    shape: tuple[str, ...] = ()
    renders: int = 0

    def rate_at(self, position: float) -> float:
        """Rate where the law was taken down.

        Parameters
        ----------
        position : float
            Of the rate knob, in [0, 1].

        Returns
        -------
        float
            In hertz.
        """
        return float(self._rates(np.array([position]))[0])

    def position_of(self, rate: float) -> float:
        """Position of the rate knob for a rate, within its travel.

        Parameters
        ----------
        rate : float
            In hertz.

        Returns
        -------
        float
            In [0, 1].
        """
        grid = np.linspace(0.0, 1.0, 401)
        logs = np.log(self._rates(grid))
        wanted = np.log(rate)
        order = np.argsort(logs, kind="stable")
        return float(np.interp(wanted, logs[order], grid[order]))

    def _rates(self, at: Floats) -> Floats:
        """Rates in hertz at some positions: the law, and straight on beyond its ends."""
        curve, (first, last), (before, after) = self._law
        within = np.clip(at, first, last)
        rates = np.exp(curve(within))
        rates = np.where(at < first, before(at), rates)
        return np.asarray(np.where(at > last, after(at), rates))

    @cached_property
    def _law(
        self,
    ) -> tuple[Callable[[Floats], Floats], tuple[float, float], tuple[_Line, _Line]]:
        """Logarithm of the rate over the knob's position, its ends, and rates beyond them."""
        positions, hertz = (np.array(column) for column in zip(*self.law, strict=True))
        logs = np.log(hertz)
        if len(positions) == 1:
            same = _Line(0.0, float(logs[0]), 0.0, True)
            return lambda at: np.full_like(at, logs[0]), (0.0, 1.0), (same, same)
        ends = float(positions[0]), float(positions[-1])
        lines = _beyond(positions, hertz), _beyond(positions[::-1], hertz[::-1])
        return Pchip(positions, logs), ends, lines

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MotionProbe:
        """Read what was written to the cache.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        MotionProbe
        """
        law = tuple((float(u), float(f)) for u, f in data["law"])
        return cls(**{**data, "law": law, "shape": tuple(data["shape"])})


def motion_name(spec: EffectSpec) -> str:
    """Name of the cache file of an effect's probe.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.

    Returns
    -------
    str
    """
    return probe_name(spec, f"motion {VERSION}", kind="motion-")


def probe_motion(effect: Effect, *, use_cache: bool = True) -> MotionProbe:
    """Find out what an effect's knobs do to its motion, or take what is in the user's cache.

    Runs where the effect is. The cache is beside that of `dialin.effects.probe`, under the same
    conditions.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    use_cache : bool, default True
        Whether what was found out before may be taken.

    Returns
    -------
    MotionProbe
    """

    def probed() -> MotionProbe:
        return _MotionProber(effect).run()

    return remembered(
        motion_name(effect.spec), MotionProbe.from_dict, probed, asdict, use_cache=use_cache
    )


class _MotionProber:
    def __init__(self, effect: Effect) -> None:
        self._effect = effect
        self._renders = 0
        self._lead = LEADS[0]

    def run(self) -> MotionProbe:
        spec = self._effect.spec
        live = [n for n, p in enumerate(spec.parameters) if p.status == "live"]
        rng = np.random.default_rng([29, spec.size])
        drawn = [spec.default]
        for _ in range(DRAWS if live else 0):
            drawn.append(spec.check(0.05 + 0.9 * rng.random(spec.size)))
        seen: list[tuple[float, Settings, Turning | None]] = []
        for vector in drawn:
            cepstra = self._cepstra(vector)
            if cepstra is not None:
                turn = turning(cepstra, SPACINGS[0])
                seen.append((motion_depth(cepstra), vector, turn))
        moving = [s for s in seen if s[0] >= MOVES_DB]
        if not moving:
            return MotionProbe(False, renders=self._renders)
        unsteady = [v for _, v, t in moving if t is None or t.steady < 0.9]
        if unsteady:
            self._lead = self._settled(unsteady[:2])
            if self._lead != LEADS[0]:
                moving = [(d, v, self._turning(v)) for d, v, _ in moving]
        turns = [(d * t.steady, v, t) for d, v, t in moving if t is not None and t.steady >= STEADY]
        turns = [(d, v, t) for d, v, t in turns if self._is_true(v, t)]
        turns.sort(key=lambda x: -x[0])
        # What moves too slowly or too fast as drawn may show with another knob.
        contexts = [v for _, v, _ in turns[:2]] or [v for _, v, _ in moving[:2]]
        knob, law = self._rate_knob(live[:MOST_KNOBS], contexts)
        if not turns and knob is None:
            return MotionProbe(False, renders=self._renders)
        shape = [n for n in live if n != knob]
        names = tuple(spec.parameters[n].id for n in shape)
        return MotionProbe(
            True,
            self._lead,
            SPACINGS[0],
            "" if knob is None else spec.parameters[knob].id,
            tuple(law),
            tuple(n for n, p in zip(names, shape, strict=True) if self._shapes(p, contexts)),
            self._renders,
        )

    def _settled(self, vectors: Sequence[Settings]) -> float:
        """Seconds to wait: longer where what goes round is steadier later."""
        shares = []
        for lead in LEADS:
            self._lead = lead
            turns = [self._turning(v) for v in vectors]
            shares.append(np.mean([0.0 if t is None else t.steady for t in turns]))
        return LEADS[int(shares[1] > shares[0] + 0.1)]

    def _is_true(self, vector: Settings, turn: Turning, seconds: float = SECONDS) -> bool:
        """Whether it has the same rate when it is looked at more often."""
        for spacing in SPACINGS[1:] if turn.rate > TRUE_HZ else ():
            again = self._turning(vector, spacing, seconds)
            if again is None or abs(np.log(again.rate / turn.rate)) > 0.05:
                return False
        return True

    def _rate_knob(
        self, live: Sequence[int], contexts: Sequence[Settings]
    ) -> tuple[int | None, list[tuple[float, float]]]:
        best: tuple[float, int, Settings] | None = None
        for index in live:
            parameter = self._effect.spec.parameters[index]
            if parameter.is_stepped and parameter.steps <= 3:
                continue
            for vector in contexts:
                rates = []
                for position in RATE_POSITIONS:
                    moved = vector.copy()
                    moved[index] = parameter.snap(position)
                    turn = self._turning(moved)
                    if turn is not None and turn.steady >= STEADY:
                        rates.append(turn.rate)
                    elif len(rates) > 1:
                        break
                if len(rates) >= 2:
                    change = abs(float(np.log(rates[-1] / rates[0])))
                    if change >= LEAST_CHANGE and (best is None or change > 1.2 * best[0]):
                        best = (change, index, vector)
        if best is None:
            return None, []
        _, index, vector = best
        parameter = self._effect.spec.parameters[index]
        points = []
        lead = self._lead
        if lead != LEADS[0]:
            self._lead = LAW_LEAD
        for position in dict.fromkeys(parameter.snap(u) for u in POSITIONS):
            moved = vector.copy()
            moved[index] = position
            seconds = SECONDS
            turn = self._turning(moved)
            if turn is None or turn.steady < STEADY or turn.rate * SECONDS < 2.5:
                seconds = LONG_SECONDS
                turn = self._turning(moved, seconds=seconds)
            if turn is not None and turn.steady >= STEADY and self._is_true(moved, turn, seconds):
                points.append((float(position), self._exactly(moved, turn.rate, seconds)))
        self._lead = lead
        law = _monotone(points)
        return (index, law) if len(law) > 1 else (None, [])

    def _shapes(self, index: int, contexts: Sequence[Settings]) -> bool:
        parameter = self._effect.spec.parameters[index]
        for vector in contexts:
            here = self._cepstra(vector)
            moved = vector.copy()
            moved[index] = parameter.snap(vector[index] + (0.4 if vector[index] < 0.5 else -0.4))
            there = self._cepstra(moved)
            if here is None or there is None:
                return True
            one, two = (
                here - here.mean(axis=1, keepdims=True),
                there - there.mean(axis=1, keepdims=True),
            )
            if float(((one - two) ** 2).sum()) > 1e-3 * float((one**2).sum()):
                return True
        return False

    def _turning(
        self, vector: Settings, spacing: float = SPACINGS[0], seconds: float = SECONDS
    ) -> Turning | None:
        cepstra = self._cepstra(vector, spacing, seconds)
        return None if cepstra is None else turning(cepstra, spacing)

    def _exactly(self, vector: Settings, rate: float, seconds: float) -> float:
        cepstra = self._cepstra(vector, seconds=seconds)
        return rate if cepstra is None else exact_rate(cepstra, SPACINGS[0], rate)

    def _cepstra(
        self, vector: Settings, spacing: float = SPACINGS[0], seconds: float = SECONDS
    ) -> Floats | None:
        train = impulse_train(RATE, 2, spacing, self._lead, seconds)
        self._renders += 1
        try:
            wet = self._effect.process(train.audio, RATE, vector)[:, train.start :]
        except Exception:
            # Whatever a host throws: settings that cannot be rendered tell nothing.
            return None
        if not np.isfinite(wet).all() or float(np.abs(wet).max(initial=0.0)) < 1e-6:
            return None
        # What moves across shows in each side; one is enough.
        return impulse_cepstra(wet[:1], RATE, train.step, SHORT)


def _monotone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The longest run of points whose rates only rise, or only fall."""
    best: list[tuple[float, float]] = []
    for sign in (1, -1):
        chains: list[list[tuple[float, float]]] = []
        for point in points:
            before = [c for c in chains if sign * (point[1] - c[-1][1]) > 0]
            chains.append([*max(before, key=len, default=[]), point])
        longest = max(chains, key=len, default=[])
        if len(longest) > len(best):
            best = longest
    return best
