"""What an effect's knobs do in time, found out by impulses alone.

An effect is asked with an impulse at some random settings. Where its answer has something beyond
tone colour (echoes, combs, a room), it is asked whether it is linear and time-invariant, and each
knob is moved by a hundredth of its travel: one that moves the peaks of the cepstrum leaves nothing
of it in place (a *lag* knob: delay time, size, pre-delay), one that only scales it leaves it alike
(a *smooth* knob: mix, feedback, damping). An effect that moves inside, as many rooms do, is asked
by trains of impulses: what stays the same of its answers, later than choruses reach, is listened
for all the same. Nothing of the effect's name, units or formulas is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.cache import probe_name, remembered
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.carrier_lines import SURE
from dialin.matching.hearing.carrier_search import noise
from dialin.matching.hearing.echo_target import SHORTEST
from dialin.matching.hearing.impulses import (
    FAR_SECONDS,
    PREROLL,
    SECONDS,
    TURN_SECONDS,
    TURNS,
    impulse,
    impulse_answer,
)
from dialin.matching.hearing.step_taps import StepTaps, find_taps
from dialin.measures.carriers import strongest, symmetry_lines
from dialin.measures.cepstrum import HIGHEST_HZ, LAG_RATE, LONGEST, impulse_cepstrum

VERSION = 12
"""Of what is kept in the cache."""

RATE = 44_100
DRAWS = 12
CONTEXTS = 3
HEARD = 0.05
"""Root of the sum of squares of a cepstrum beyond 2 ms from which an answer counts as heard."""

STEP = 0.01
"""Share of its travel by which a knob is moved."""

ALIKE = 0.8
"""Cosine between two cepstra below which the peaks have moved."""

STILL = 1e-3
"""Relative change below which a knob is not heard in the cepstrum."""

LINEAR = 0.1
"""Relative difference between answers up to which an effect is linear, or time-invariant."""

LATE = 5e-3
"""Share of an answer's peak that counts, where it is asked how long an answer lasts."""

LEAST_SECONDS = 0.6
"""Shortest time for which an impulse is followed."""

ASKED_AT = (1.0, 0.5, 0.25, 0.0)
"""Positions of a lag knob at which it is asked how late the first echo comes: at the end of its
travel that may be later than an impulse is followed for."""

FIRST_ECHOES = 0.1
"""Share of the energy beyond 2 ms that has come with the first echo, however often it comes
again."""

MOVED_HZ = 0.5
"""By which a carrier moves with a knob that moves it."""

MOST_STILL = 2
"""Knobs that are held at their defaults at most, so that an effect is the same at any time."""

LATER, STEADY, OFTEN = 0.04, 0.1, 0.25
"""Lag in seconds beyond which choruses and flangers do not reach; as `HEARD`, of what stays the
same there of an effect that moves inside; and share of random settings at which there is so much.
"""

MOST_KNOBS = 40
"""Knobs looked at; what comes after them is taken for smooth."""


@dataclass(frozen=True)
class TimeProbe:
    """What was found out.

    Attributes
    ----------
    heard : float
        How much there is beyond 2 ms at the settings where there is most; see `HEARD`.
    linear, invariant : float
        Relative difference of answers to a weaker and to a later impulse; 0 for none.
    knobs : dict
        Parameter id -> ``lag``, ``smooth`` or ``none`` (not heard beyond 2 ms).
    carriers : tuple of str
        Parameters that move the carrier of a ring modulator; empty for an effect that has none.
    seconds : float
        For which an impulse should be followed.
    renders : int
    still : tuple of str
        Parameters that must stay at their defaults, or the effect is not the same at any time: a
        delay's own wobble. `linear` and `invariant` are what they are then.
    standing : dict
        The same of what moves at its defaults, and stands still with a knob at an end of its
        travel: parameter id -> position. A flanger without its oscillator is a comb.
    inside : bool
        Whether it moves inside, and enough of its echoes stay where they are to be listened for.
    taps : StepTaps, optional
        Patterns of its echoes in all positions of knobs in steps together.
    """

    heard: float
    linear: float
    invariant: float
    knobs: Mapping[str, str]
    carriers: tuple[str, ...]
    seconds: float
    renders: int
    still: tuple[str, ...] = ()
    standing: Mapping[str, float] = field(default_factory=dict)
    inside: bool = False
    taps: StepTaps | None = None

    @property
    def echoes(self) -> bool:
        """Whether the effect is one of echoes: heard, and the same at any time or in part."""
        return self.heard >= HEARD and (self.invariant <= LINEAR or self.inside)

    @property
    def listened_for(self) -> bool:
        """Whether impulses tell what is heard of it: of its echoes, or of a ring modulator.

        What stands still at an end alone is listened for where no motion of it is heard.
        """
        return (self.echoes and not self.standing) or bool(self.carriers)

    @property
    def turns(self) -> int:
        """Impulses of the trains that it is asked with."""
        return TURNS if self.inside else 1

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TimeProbe:
        """Read what was written to the cache.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        TimeProbe
        """
        kept = {"knobs": dict(data["knobs"]), "carriers": tuple(data["carriers"])}
        kept["standing"] = dict(data["standing"])
        taps = None if data["taps"] is None else StepTaps.from_dict(data["taps"])
        return cls(**{**data, **kept, "still": tuple(data["still"]), "taps": taps})


def time_name(spec: EffectSpec) -> str:
    """Name of the cache file of an effect's probe.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.

    Returns
    -------
    str
    """
    return probe_name(spec, f"time {VERSION}", kind="time-")


def probe_time(effect: Effect, *, use_cache: bool = True) -> TimeProbe:
    """Find out what an effect's knobs do in time, or take what is in the user's cache.

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
    TimeProbe
    """

    def probed() -> TimeProbe:
        return _TimeProber(effect).run()

    return remembered(
        time_name(effect.spec), TimeProbe.from_dict, probed, asdict, use_cache=use_cache
    )


class _TimeProber:
    def __init__(self, effect: Effect) -> None:
        self._effect = effect
        self._channels = 2
        self._renders = 0
        self._first = round(SHORTEST * LAG_RATE)
        self._reach = 0

    def run(self) -> TimeProbe:
        spec = self._effect.spec
        live = [n for n, p in enumerate(spec.parameters) if p.status == "live"]
        rng = np.random.default_rng([17, spec.size])
        drawn = [spec.default]
        for _ in range(DRAWS if live else 0):
            drawn.append(spec.check(0.05 + 0.9 * rng.random(spec.size)))
        heard, chosen = self._chosen(drawn)
        linear, invariant = self._steady(chosen)
        still: list[int] = []
        carriers: tuple[str, ...] = ()
        inside = False
        standing: tuple[int, float] | None = None
        if invariant > LINEAR:
            # What stays the same tells of all knobs, so it comes before holding some of them.
            inside = self._stays(drawn)
            still = [] if inside else self._wobbles(chosen, live)
            if still:
                for vector in drawn:
                    vector[still] = spec.default[still]
                heard, chosen = self._chosen(drawn)
                linear, invariant = self._steady(chosen)
            if invariant > LINEAR:
                still = []
                carriers = self._carriers(drawn, live)
                inside = inside and not carriers
            if invariant > LINEAR and not inside and not carriers:
                standing = self._standing(chosen, live)
                if standing is not None:
                    held = [vector.copy() for vector in drawn]
                    for vector in held:
                        vector[standing[0]] = standing[1]
                    heard, chosen = self._chosen(held)
                    linear, invariant = self._steady(chosen)
        knobs = {p.id: "smooth" for p in spec.parameters}
        moving = [n for n in live if standing is None or n != standing[0]]
        for index in moving[:MOST_KNOBS]:
            kind = self._kind(index, chosen[:CONTEXTS])
            if kind == "none":
                # A knob may count for nothing but in one position of another.
                kind = self._kind(index, chosen[CONTEXTS:])
            if kind == "lag" and inside and not self._moves_all(index, chosen[:CONTEXTS]):
                # The speed of what moves inside.
                kind = "smooth"
            knobs[spec.parameters[index].id] = kind
        taps = None
        seconds = self._seconds()
        if invariant <= LINEAR and heard >= HEARD:
            lags = [n for n in moving if knobs[spec.parameters[n].id] == "lag"]
            if self._comes_late(lags, chosen[0][0]):
                seconds = FAR_SECONDS
            taps = find_taps(self._middle, spec, lags, [vector for vector, _ in chosen])
        return TimeProbe(
            heard=round(heard, 4),
            linear=round(linear, 4),
            invariant=round(invariant, 4),
            knobs=knobs,
            carriers=carriers,
            seconds=min(seconds, TURN_SECONDS) if inside else seconds,
            renders=self._renders,
            still=tuple(spec.parameters[n].id for n in still),
            standing={} if standing is None else {spec.parameters[standing[0]].id: standing[1]},
            inside=inside,
            taps=taps,
        )

    def _middle(self, settings: Settings, seconds: float) -> NDArray[np.float64] | None:
        """Cepstrum of the middle of an answer that is followed for some seconds."""
        start = round(PREROLL * LAG_RATE)
        audio = impulse(LAG_RATE, self._channels, seconds=seconds)
        wet = self._rendered(audio, LAG_RATE, settings, start)
        return None if wet is None else np.asarray(impulse_cepstrum(wet, LAG_RATE).values[-1])

    def _rendered(
        self, audio: Audio, rate: int, settings: Settings, start: int = 0
    ) -> Audio | None:
        """A render from a sample on; None where it failed, and where there is nothing."""
        self._renders += 1
        try:
            wet = self._effect.process(audio, rate, settings)[:, start:]
        except Exception:
            # Whatever a host throws: settings that cannot be rendered tell nothing.
            return None
        there = np.isfinite(wet).all() and float(np.abs(wet).max(initial=0.0)) >= 1e-6
        return wet if there else None

    def _stays(self, drawn: list[Settings]) -> bool:
        """Whether enough stays the same where no chorus reaches, at a quarter of the settings."""
        needed = int(np.ceil(OFTEN * len(drawn)))
        later = round(LATER * LAG_RATE)
        found = 0
        for number, vector in enumerate(drawn):
            if found + len(drawn) - number < needed:
                break
            steady = self._steady_cepstrum(vector)
            if steady is not None and _norm(steady[:, later:]) >= STEADY:
                found += 1
            if found == needed:
                return True
        return False

    def _moves_all(
        self, index: int, contexts: list[tuple[Settings, NDArray[np.float64] | None]]
    ) -> bool:
        """Whether a knob moves what stays the same, too, where it moves anything."""
        parameter = self._effect.spec.parameters[index]
        step = 1 / (parameter.steps - 1) if parameter.is_stepped else STEP
        for vector, _ in contexts:
            step = abs(step) if vector[index] + abs(step) <= 1.0 else -abs(step)
            here = self._steady_cepstrum(vector)
            there = self._steady_cepstrum(_moved(vector, index, vector[index] + step))
            if here is None or there is None or min(_norm(here), _norm(there)) < HEARD:
                continue
            count = min(here.shape[1], there.shape[1])
            if _cosine(here[:, :count], there[:, :count]) < ALIKE:
                return True
        return False

    def _steady_cepstrum(self, settings: Settings) -> NDArray[np.float64] | None:
        """What stays the same of the answers to a train of impulses."""
        audio = impulse(RATE, self._channels, seconds=TURN_SECONDS, turns=TURNS)
        wet = self._rendered(audio, RATE, settings)
        if wet is None:
            return None
        values = impulse_answer(wet, RATE, HIGHEST_HZ, None, TURN_SECONDS, TURNS)
        return np.asarray(values[:, self._first :], dtype=np.float64)

    def _chosen(
        self, drawn: list[Settings]
    ) -> tuple[float, list[tuple[Settings, NDArray[np.float64] | None]]]:
        """How much is heard at most, and where something is, with the answers: most first."""
        answers = [(vector, self._cepstrum(vector)) for vector in drawn]
        ranked = sorted(
            ((_norm(c), n) for n, (_, c) in enumerate(answers) if c is not None), reverse=True
        )
        heard = ranked[0][0] if ranked else 0.0
        return heard, [answers[n] for norm, n in ranked if norm >= HEARD]

    def _steady(
        self, chosen: list[tuple[Settings, NDArray[np.float64] | None]]
    ) -> tuple[float, float]:
        """How far answers to a weaker and to a later impulse are apart from the first, at most."""
        linear = invariant = 0.0
        for vector, here in chosen[:CONTEXTS]:
            assert here is not None
            weak, late = self._cepstrum(vector, gain=0.25), self._cepstrum(vector, delay=0.37)
            linear = max(linear, _apart(here, weak))
            invariant = max(invariant, _apart(here, late))
        return linear, invariant

    def _wobbles(
        self,
        chosen: list[tuple[Settings, NDArray[np.float64] | None]],
        live: list[int],
    ) -> list[int]:
        """Knobs whose defaults make the effect the same at any time; none where there are none."""
        default = self._effect.spec.default
        still: list[int] = []
        for vector, _ in chosen[:CONTEXTS]:
            moved = vector.copy()
            moved[still] = default[still]
            for _ in range(MOST_STILL + 1):
                if self._drifts(moved) <= LINEAR:
                    break
                options = [n for n in live[:MOST_KNOBS] if n not in still]
                if len(still) == MOST_STILL or not options:
                    return []
                drifts = [self._drifts(_moved(moved, n, float(default[n]))) for n in options]
                best = int(np.argmin(drifts))
                still.append(options[best])
                moved[options[best]] = default[options[best]]
        return still

    def _standing(
        self, chosen: list[tuple[Settings, NDArray[np.float64] | None]], live: list[int]
    ) -> tuple[int, float] | None:
        """A knob and an end of its travel at which the effect stands still, and is still heard."""
        best, most = None, 0.0
        for index in live[:MOST_KNOBS]:
            for end in (0.0, 1.0):
                total, heard = 0.0, 0
                for vector, _ in chosen[:CONTEXTS]:
                    moved = _moved(vector, index, end)
                    here = self._cepstrum(moved)
                    if here is None or _norm(here) < HEARD:
                        continue
                    if _apart(here, self._cepstrum(moved, delay=0.37)) > LINEAR:
                        heard = 0
                        break
                    total, heard = total + _norm(here), heard + 1
                if heard > 1 and total > most:
                    best, most = (index, end), total
        return best

    def _drifts(self, vector: Settings) -> float:
        """How far the answer to a later impulse is apart; more than that where none is heard."""
        here = self._cepstrum(vector)
        if here is None or _norm(here) < HEARD:
            return 10.0
        return _apart(here, self._cepstrum(vector, delay=0.37))

    def _kind(self, index: int, contexts: list[tuple[Settings, NDArray[np.float64] | None]]) -> str:
        parameter = self._effect.spec.parameters[index]
        kind = "none"
        for vector, here in contexts:
            assert here is not None
            step = 1 / (parameter.steps - 1) if parameter.is_stepped else STEP
            step = step if vector[index] + step <= 1.0 else -step
            there = self._cepstrum(_moved(vector, index, vector[index] + step))
            if there is None:
                continue
            if _cosine(here, there) < ALIKE and _norm(there) > 0.3 * _norm(here):
                for end in (0.0, 1.0):
                    # How late its peaks come.
                    self._cepstrum(_moved(vector, index, end))
                return "lag"
            step = 0.4 if vector[index] < 0.5 else -0.4
            away = self._cepstrum(_moved(vector, index, parameter.snap(vector[index] + step)))
            if away is None or _apart(here, away) > STILL:
                kind = "smooth"
        return kind

    def _cepstrum(
        self, settings: Settings, *, gain: float = 1.0, delay: float = 0.0
    ) -> NDArray[np.float64] | None:
        audio: Audio = impulse(RATE, self._channels, gain=gain, delay=delay)
        wet = self._rendered(audio, RATE, settings, round((PREROLL + delay) * RATE))
        if wet is None:
            return None
        if not delay:
            self._heard(wet)
        values = impulse_cepstrum(wet, RATE).values[:, self._first :]
        return np.asarray(values)

    def _carriers(self, drawn: list[Settings], live: list[int]) -> tuple[str, ...]:
        """Knobs that move the frequency about which noise comes out symmetrical."""
        contexts = [
            (vector, line)
            for vector in drawn[: 1 + DRAWS // 2]
            if (line := strongest(self._lines(vector), SURE)) is not None
        ][:CONTEXTS]
        ids = []
        for index in live[:MOST_KNOBS] if contexts else []:
            parameter = self._effect.spec.parameters[index]
            for vector, hertz in contexts:
                step = 1 / (parameter.steps - 1) if parameter.is_stepped else STEP
                step = step if vector[index] + step <= 1.0 else -step
                lines = self._lines(_moved(vector, index, vector[index] + step))
                sure = [line for line, sigma in lines if sigma >= SURE]
                if sure and min(abs(line - hertz) for line in sure) > MOVED_HZ:
                    ids.append(parameter.id)
                    break
        return tuple(ids)

    def _lines(self, settings: Settings) -> list[tuple[float, float]]:
        self._renders += 1
        try:
            wet = self._effect.process(noise(RATE, self._channels), RATE, settings)
        except Exception:
            return []
        return symmetry_lines(wet, RATE) if np.isfinite(wet).all() else []

    def _heard(self, response: Audio) -> None:
        """Note how late something comes."""
        level = np.abs(response).max(axis=0)
        late = np.flatnonzero(level > LATE * level.max())
        self._reach = max(self._reach, int(late[-1]))

    def _comes_late(self, lags: list[int], settings: Settings) -> bool:
        """Whether the first echo may come later than `LONGEST`, with a lag knob elsewhere."""
        start = round(PREROLL * RATE)
        audio = impulse(RATE, self._channels, seconds=FAR_SECONDS)
        for index in lags[:MOST_KNOBS]:
            for position in ASKED_AT:
                wet = self._rendered(audio, RATE, _moved(settings, index, position), start)
                if wet is not None and _first_echo(wet) > LONGEST:
                    return True
        return False

    def _seconds(self) -> float:
        """A quarter longer than the latest of what was heard, in tenths of a second."""
        reach = 1.25 * self._reach / RATE
        return float(np.clip(np.ceil(10 * reach) / 10, LEAST_SECONDS, SECONDS))


def _first_echo(response: Audio) -> float:
    """Seconds after which the first echo has come: a tenth of the energy beyond 2 ms."""
    level = np.abs(response).max(axis=0)
    energy = np.where(level > LATE * level.max(), level.astype(np.float64) ** 2, 0.0)
    energy[: round(SHORTEST * RATE)] = 0.0
    total = np.cumsum(energy)
    if total[-1] <= 0:
        return 0.0
    return float(np.searchsorted(total, FIRST_ECHOES * total[-1])) / RATE


def _moved(vector: Settings, index: int, position: float) -> Settings:
    moved = vector.copy()
    moved[index] = position
    return moved


def _norm(values: NDArray[np.float64]) -> float:
    return float(np.sqrt((values**2).sum(axis=1).max()))


def _apart(one: NDArray[np.float64], two: NDArray[np.float64] | None) -> float:
    if two is None:
        return 1.0
    count = min(one.shape[1], two.shape[1])
    return float(_norm(one[:, :count] - two[:, :count]) / max(_norm(one), 1e-12))


def _cosine(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    size = np.sqrt((one**2).sum() * (two**2).sum())
    return float((one * two).sum() / size) if size > 0 else 1.0
