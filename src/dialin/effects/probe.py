"""Finding out what an effect does: which knobs live, whether renders repeat, what is dangerous.

The effect is only listened to. A test signal (a click, a noise burst, a plucked tone and a soft
sweep) goes through it at its default and at a few random settings; each knob is moved while the
others stand still. Runs in a worker process, on the effect itself.

Conventions: a *dead* knob changes no sample by more than -100 dBFS or twice what two equal renders
differ by, at any of these settings. A *neutral* position lets the signal through untouched at all
of them. Both are findings about half a second of sound: a knob that only matters for slower ones
(a release of ten seconds) can look dead.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from dialin.audio import Audio, peak_of, to_db
from dialin.effects.cache import probe_name, remembered
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import DialinError

SAMPLE_RATE = 44_100
GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
AUDIBLE = 1e-5
"""A change below -100 dBFS counts as none."""

LOUD_DBFS = 24.0
"""Output peaks above this are called dangerous."""

MAX_KNOBS = 64
"""Knobs that are looked at one by one; the rest are taken for live."""

TAIL_SECONDS = 2.0
"""How long the answer to a click is listened to."""

QUIET = -300.0
"""Stands for the decibels of exact silence, for which JSON has no word."""


@dataclass(frozen=True)
class Probe:
    """What was found out.

    Attributes
    ----------
    uri : str
    verdict : str
        ``ok``, ``silent``, ``no effect``, ``not finite`` or ``fails``.
    knobs : dict
        Parameter id -> ``live``, ``dead`` or ``stepped`` (live, but with undeclared steps).
    deterministic : bool
        Whether the same render comes out bit for bit, after other settings and other audio.
    repeat_error_db : float
        Largest difference between two such renders, in dBFS; -300 for none.
    noise_floor_db : float
        Peak of what comes out for digital silence, in dBFS; -300 for none.
    latency : int
        Samples by which the output is late after compensation, by its first response to a click.
    transparent_default : bool
        Whether the default settings change nothing.
    neutrals : dict
        Parameter id -> native value at which this knob alone lets the sound through untouched.
    tail : float
        Seconds until the answer to a click has fallen by 60 dB, at the default; at most 2.
    peak_db : float
        Highest output peak met, in dBFS, for an input that peaks at -6 dBFS.
    loud_knobs : tuple of str
        Knobs that alone take the output above +24 dBFS.
    channels : str
        ``stereo`` if left and right affect each other or are treated differently, else ``mono``.
    speed : float
        Seconds of stereo audio rendered a second.
    failures : tuple of str
        What went wrong on the way, at most a few.
    renders : int
    seconds : float
    """

    uri: str
    verdict: str
    knobs: Mapping[str, str]
    deterministic: bool
    repeat_error_db: float
    noise_floor_db: float
    latency: int
    transparent_default: bool
    neutrals: Mapping[str, float]
    tail: float
    peak_db: float
    loud_knobs: tuple[str, ...]
    channels: str
    speed: float
    failures: tuple[str, ...]
    renders: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return asdict(self) | {"knobs": dict(self.knobs), "neutrals": dict(self.neutrals)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Probe:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        Probe

        Raises
        ------
        KeyError, TypeError, ValueError
            If it was something else.
        """
        lists = {name: tuple(data[name]) for name in ("loud_knobs", "failures")}
        tables = {name: dict(data[name]) for name in ("knobs", "neutrals")}
        return cls(**{**data, **lists, **tables})


def probe_effect(
    effect: Effect,
    *,
    seed: int = 0,
    quick: bool = False,
    use_cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Probe:
    """Probe an effect, or take what an earlier probe of the same file found.

    Parameters
    ----------
    effect : Effect
        Opened in this process.
    seed : int
        Of the random settings.
    quick : bool
        Move the knobs around the default settings only: a third of the renders, but a knob that
        matters only together with another looks dead, and no neutral positions are found.
    use_cache : bool
        Read and write the user's cache (``$XDG_CACHE_HOME/dialin``), keyed by the plugin's file
        hash, its URI and dialin's version. A file there that holds anything else is replaced.
    progress : callable, optional
        Called with the number of knobs done and of all knobs.

    Returns
    -------
    Probe
    """
    name = probe_name(effect.spec, str(seed), *(["quick"] if quick else []))

    def probed() -> Probe:
        return _EffectProber(effect, seed, quick, progress).run()

    return remembered(name, Probe.from_dict, probed, Probe.to_dict, use_cache=use_cache)


def apply_probe(spec: EffectSpec, probe: Probe) -> EffectSpec:
    """Spec with what was found out: dead knobs, which are not searched, and neutral positions.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    probe : Probe
        Of the same effect.

    Returns
    -------
    EffectSpec
    """
    parameters = []
    for p in spec.parameters:
        dead = probe.knobs.get(p.id) == "dead"
        neutral = probe.neutrals.get(p.id) if p.neutral is None else p.neutral
        parameters.append(replace(p, status="dead" if dead else p.status, neutral=neutral))
    return replace(spec, parameters=tuple(parameters))


class _EffectProber:
    def __init__(
        self,
        effect: Effect,
        seed: int,
        quick: bool,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._effect = effect
        self._spec = effect.spec
        self._rng = np.random.default_rng([seed, self._spec.size])
        self._signal = probe_signal()
        self._failures: list[str] = []
        self._renders = 0
        self._busy = 0.0
        self._peak = 0.0
        self._not_finite = False
        self._quick = quick
        self._progress = progress
        self._audible = AUDIBLE
        self._neutrals: dict[str, float] = {}
        self._more: list[Settings] = []
        rest = np.zeros((2, round(TAIL_SECONDS * SAMPLE_RATE)), dtype=np.float32)
        # To full scale: what is below a threshold at -6 dBFS need not be so for music.
        self._followed = np.concatenate([self._signal / np.abs(self._signal).max(), rest], axis=1)

    def run(self) -> Probe:
        began = time.monotonic()
        spec, default = self._spec, self._spec.default
        base = self._render(default)
        again = self._render(default)
        if base is not None and again is not None:
            # What two equal renders differ by is the effect's own noise, no answer to a knob.
            self._audible = max(AUDIBLE, 2 * _distance(base, again))
        count = 0 if self._quick else 2
        contexts = [default, *(spec.random(self._rng) for _ in range(count))]
        self._more = [spec.random(self._rng) for _ in range(4 * count)]
        knobs, loud, moved = self._knobs(contexts)
        error = self._repeat(default, base)
        silence = self._render(default, np.zeros((2, SAMPLE_RATE // 2), dtype=np.float32))
        verdict, transparent = "fails", False
        if base is not None:
            transparent = _distance(base, self._signal) < AUDIBLE
            verdict = "ok"
            if self._not_finite:
                verdict = "not finite"
            elif self._peak < 1e-6:
                verdict = "silent"
            elif transparent and not moved:
                verdict = "no effect"
        elif self._not_finite:
            verdict = "not finite"
        length = self._signal.shape[1] / SAMPLE_RATE
        late, tail = self._click(default)
        return Probe(
            uri=spec.uri,
            verdict=verdict,
            knobs=knobs,
            deterministic=error == 0.0,
            repeat_error_db=_level(error),
            noise_floor_db=_level(0.0 if silence is None else peak_of(silence)),
            latency=late,
            transparent_default=transparent,
            neutrals=self._neutrals,
            tail=tail,
            peak_db=round(_level(self._peak), 2),
            loud_knobs=tuple(loud),
            channels=self._channels(default),
            speed=round(length * self._renders / max(self._busy, 1e-9), 1),
            failures=tuple(dict.fromkeys(self._failures))[:5],
            renders=self._renders,
            seconds=round(time.monotonic() - began, 3),
        )

    def _render(self, settings: Settings, audio: Audio | None = None) -> Audio | None:
        sound = self._signal if audio is None else audio
        started = time.monotonic()
        try:
            output = self._effect.process(sound, SAMPLE_RATE, settings)
        except DialinError as error:
            self._failures.append(str(error))
            return None
        finally:
            self._renders += 1
            self._busy += time.monotonic() - started
        if output.shape != sound.shape:
            self._failures.append(f"returned audio of shape {output.shape} for {sound.shape}")
            return None
        if not np.isfinite(output).all():
            self._not_finite = True
            self._failures.append("returned samples that are not finite")
            return None
        if audio is None:
            self._peak = max(self._peak, peak_of(output))
        return output

    def _knobs(self, contexts: list[Settings]) -> tuple[dict[str, str], list[str], bool]:
        states: dict[str, str] = {}
        loud: list[str] = []
        for index, parameter in enumerate(self._spec.parameters):
            if self._progress is not None:
                self._progress(index, self._spec.size)
            states[parameter.id] = "live"
            if index >= MAX_KNOBS:
                continue
            states[parameter.id] = self._knob(index, contexts, loud)
        if self._progress is not None:
            self._progress(self._spec.size, self._spec.size)
        return states, loud, any(state != "dead" for state in states.values())

    def _knob(self, index: int, contexts: list[Settings], loud: list[str]) -> str:
        """Move one knob through its travel; note where it is neutral and whether it is loud."""
        parameter = self._spec.parameters[index]
        count = min(parameter.steps, 9)
        grid = [parameter.snap(float(u)) for u in (np.linspace(0, 1, count) if count else GRID)]
        for context in contexts:
            outputs = [self._moved(context, index, position) for position in grid]
            if context is contexts[0]:
                present = [output for output in outputs if output is not None]
                if any(_level(peak_of(output)) > LOUD_DBFS for output in present):
                    loud.append(parameter.id)
                self._find_neutral(index, contexts, grid, outputs)
            pair = self._first_change(grid, outputs)
            if pair is not None:
                stepped = not parameter.is_stepped and self._has_steps(context, index, *pair)
                return "stepped" if stepped else "live"
        # Many a knob waits for a switch or a threshold elsewhere: ask at more settings.
        for context in self._more:
            ends = [parameter.snap(u) for u in (0.0, 0.5, 1.0)]
            outputs = [self._moved(context, index, position) for position in ends]
            if self._first_change(ends, outputs) is not None:
                return "live"
        return "dead"

    def _moved(
        self, context: Settings, index: int, position: float, audio: Audio | None = None
    ) -> Audio | None:
        vector = context.copy()
        vector[index] = position
        return self._render(vector, audio)

    def _first_change(
        self, grid: list[float], outputs: list[Audio | None]
    ) -> tuple[float, float] | None:
        """Two neighbouring positions that sound different; one that fails differs from others."""
        for left, right, one, two in zip(grid, grid[1:], outputs, outputs[1:], strict=False):
            if one is None and two is None:
                continue
            if one is None or two is None or _distance(one, two) > self._audible:
                return left, right
        return None

    def _find_neutral(
        self,
        index: int,
        contexts: list[Settings],
        grid: list[float],
        outputs: list[Audio | None],
    ) -> None:
        """Note a position of this knob that lets the sound through, whatever the others say.

        A knob whose whole travel does so has no such position: it is the others that are neutral.
        Nor has a time: an echo that comes later than we listen only looks like none.
        """
        parameter = self._spec.parameters[index]
        through = [
            position
            for position, output in zip(grid, outputs, strict=True)
            if output is not None and _distance(output, self._signal) < AUDIBLE
        ]
        if not 0 < len(through) < len(grid) or len(contexts) < 2 or parameter.unit in ("s", "ms"):
            return
        sound, settings = self._followed, [*contexts, *self._more]
        for position in through:
            renders = (self._moved(context, index, position, sound) for context in settings)
            if all(o is not None and _distance(o, sound) < AUDIBLE for o in renders):
                self._neutrals[parameter.id] = parameter.to_native(position)
                return

    def _has_steps(self, context: Settings, index: int, left: float, right: float) -> bool:
        """Whether a knob declared continuous jumps between values.

        Small moves must change nothing at most places. Then the change between two positions is
        narrowed down by halving: at a jump the sound stands still on both sides of it, elsewhere
        it keeps changing on one of them at least. A noisy effect does not let us tell.
        """
        if self._audible > AUDIBLE:
            return False
        still = 0
        for tried, start in enumerate((0.11, 0.37, 0.61, 0.83)):
            one, two = (self._moved(context, index, u) for u in (start, start + 0.02))
            still += self._same(one, two)
            if still < tried:
                return False
        low, high = (self._moved(context, index, position) for position in (left, right))
        for _ in range(7):
            middle = (left + right) / 2
            output = self._moved(context, index, middle)
            if self._same(output, low):
                left, low = middle, output
            else:
                right, high = middle, output
        margin = right - left
        before = self._moved(context, index, max(0.0, left - margin))
        after = self._moved(context, index, min(1.0, right + margin))
        return self._same(before, low) and self._same(after, high)

    def _same(self, one: Audio | None, two: Audio | None) -> bool:
        if one is None or two is None:
            return one is two
        return bool(np.array_equal(one, two))

    def _repeat(self, default: Settings, base: Audio | None) -> float:
        """Largest difference of a render to the same one after other settings and other audio."""
        worst = 0.0
        vectors = [default, self._spec.random(self._rng)]
        for vector in vectors:
            first = base if vector is default else self._render(vector)
            if first is None:
                continue
            # Loud audio at other settings comes last: neither its tail nor they may be left over.
            self._render(self._spec.random(self._rng))
            self._render(
                self._spec.random(self._rng), np.ascontiguousarray(0.99 * np.sign(self._signal))
            )
            again = self._render(vector)
            if again is not None:
                worst = max(worst, _distance(again, first))
        return worst

    def _click(self, default: Settings) -> tuple[int, float]:
        """Latency in samples and tail in seconds, by the answer to a click."""
        start = 100
        click = np.zeros((2, round(TAIL_SECONDS * SAMPLE_RATE) + start), dtype=np.float32)
        click[:, start] = 0.5
        output = self._render(default, click)
        if output is None:
            return 0, 0.0
        level = np.abs(output).max(axis=0)
        if level.max() < 1e-6:
            return 0, 0.0
        # The first sample that stands out; echoes and reverb come after it.
        late = int(np.argmax(level > 0.05 * level.max())) - start
        heard = int(np.flatnonzero(level > 1e-3 * level.max())[-1]) - start
        return late, round(max(0, heard) / SAMPLE_RATE, 3)

    def _channels(self, default: Settings) -> str:
        left = self._signal.copy()
        left[1] = 0.0
        one = self._render(default, left)
        both = self._render(default)
        if one is None or both is None:
            return "mono"
        crosses = float(np.abs(one[1]).max()) > AUDIBLE
        depends = float(np.abs(one[0] - both[0]).max()) > AUDIBLE
        return "stereo" if crosses or depends else "mono"


@functools.cache
def probe_signal() -> Audio:
    """The test signal, ``(2, samples)``, half a second that peaks at -6 dBFS."""
    rng = np.random.default_rng(11)
    rate = SAMPLE_RATE
    time_axis = np.arange(rate // 8) / rate
    pieces = []
    for channel in range(2):
        noise = rng.normal(0, 0.12, time_axis.size) * np.exp(-time_axis * 25)
        pluck = sum(
            np.sin(2 * np.pi * (220 + channel) * n * time_axis) / n * np.exp(-time_axis * 8 * n)
            for n in range(1, 9)
        )
        sweep = np.sin(2 * np.pi * 40 * (np.exp(time_axis * 40) - 1) / 40) * 0.05
        click = np.zeros(time_axis.size)
        click[30] = 0.9
        pieces.append(np.concatenate([click, noise, 0.5 * np.asarray(pluck), sweep]))
    signal = np.array(pieces)
    return np.asarray(0.5 * signal / np.abs(signal).max(), dtype=np.float32)


def _distance(one: Audio, two: Audio) -> float:
    """Largest difference of two renders."""
    return float(np.abs(one - two).max())


def _level(amplitude: float) -> float:
    return float(to_db(amplitude, QUIET))
