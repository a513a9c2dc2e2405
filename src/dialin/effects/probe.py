"""Finding out what an effect does: which knobs live, whether renders repeat, what is dangerous.

The effect is only listened to. A test signal (a click, a noise burst, a plucked tone and a soft
sweep) goes through it at its default and at a few random settings; each knob is moved while the
others stand still. Runs in a worker process, on the effect itself.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from dialin._version import __version__
from dialin.audio import Audio
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
    peak_db: float
    loud_knobs: tuple[str, ...]
    channels: str
    speed: float
    failures: tuple[str, ...]
    renders: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return asdict(self) | {"knobs": dict(self.knobs)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Probe:
        """Read what `to_dict` wrote."""
        lists = {name: tuple(data[name]) for name in ("loud_knobs", "failures")}
        return cls(**{**data, **lists})


def probe_effect(effect: Effect, *, seed: int = 0, use_cache: bool = True) -> Probe:
    """Probe an effect, or take what an earlier probe of the same file found.

    Parameters
    ----------
    effect : Effect
        Opened in this process.
    seed : int
        Of the random settings.
    use_cache : bool
        Read and write the user's cache (``$XDG_CACHE_HOME/dialin``), keyed by the plugin's file
        hash, its URI and dialin's version.
    """
    place = _cache_file(effect.spec, seed)
    if use_cache:
        try:
            return Probe.from_dict(json.loads(place.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            # Not there, or not what was written: probe, and write it anew.
            pass
    result = _Prober(effect, seed).run()
    if use_cache:
        _write(place, result)
    return result


def apply_probe(spec: EffectSpec, probe: Probe) -> EffectSpec:
    """Spec with the status of each knob as probed, so that dead ones are not searched."""
    parameters = tuple(
        p.with_status("dead") if probe.knobs.get(p.id) == "dead" else p for p in spec.parameters
    )
    return replace(spec, parameters=parameters)


class _Prober:
    def __init__(self, effect: Effect, seed: int) -> None:
        self._effect = effect
        self._spec = effect.spec
        self._rng = np.random.default_rng([seed, self._spec.size])
        self._signal = probe_signal()
        self._failures: list[str] = []
        self._renders = 0
        self._busy = 0.0
        self._peak = 0.0
        self._not_finite = False

    def run(self) -> Probe:
        began = time.monotonic()
        spec, default = self._spec, self._spec.default
        base = self._render(default)
        contexts = [default, *(spec.random(self._rng) for _ in range(2))]
        knobs, loud, moved = self._knobs(contexts)
        error = self._repeat(default, base)
        silence = self._render(default, np.zeros((2, SAMPLE_RATE // 2), dtype=np.float32))
        verdict, transparent = "fails", False
        if base is not None:
            transparent = bool(np.abs(base - self._signal).max() < AUDIBLE)
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
        return Probe(
            uri=spec.uri,
            verdict=verdict,
            knobs=knobs,
            deterministic=error == 0.0,
            repeat_error_db=_db(error),
            noise_floor_db=_db(0.0 if silence is None else float(np.abs(silence).max())),
            latency=self._latency(default),
            transparent_default=transparent,
            peak_db=round(_db(self._peak), 2),
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
        if not np.isfinite(output).all():
            self._not_finite = True
            self._failures.append("returned samples that are not finite")
            return None
        if audio is None:
            self._peak = max(self._peak, float(np.abs(output).max()))
        return output

    def _knobs(self, contexts: list[Settings]) -> tuple[dict[str, str], list[str], bool]:
        spec = self._spec
        states: dict[str, str] = {}
        loud: list[str] = []
        for place, parameter in enumerate(spec.parameters):
            if place >= MAX_KNOBS:
                states[parameter.id] = "live"
                continue
            state = "dead"
            for context in contexts:
                positions = (
                    GRID if parameter.steps == 0 else np.linspace(0, 1, min(parameter.steps, 9))
                )
                outputs = []
                for position in positions:
                    vector = context.copy()
                    vector[place] = parameter.snap(float(position))
                    outputs.append(self._render(vector))
                    done = outputs[-1]
                    if (
                        done is not None
                        and context is contexts[0]
                        and _db(float(np.abs(done).max())) > LOUD_DBFS
                        and parameter.id not in loud
                    ):
                        loud.append(parameter.id)
                present = [o for o in outputs if o is not None]
                changes = [float(np.abs(o - present[0]).max()) for o in present[1:]]
                if any(change > AUDIBLE for change in changes):
                    state = "live"
                    if not parameter.is_stepped and self._has_steps(context, place):
                        state = "stepped"
                    break
            states[parameter.id] = state
        return states, loud, any(state != "dead" for state in states.values())

    def _has_steps(self, context: Settings, place: int) -> bool:
        """Whether a knob declared continuous takes few values: fine moves that do nothing."""
        same = 0
        for start in (0.11, 0.37, 0.61, 0.83):
            outputs = []
            for position in (start, start + 0.02):
                vector = context.copy()
                vector[place] = position
                outputs.append(self._render(vector))
            if outputs[0] is None or outputs[1] is None:
                return False
            same += bool(np.array_equal(outputs[0], outputs[1]))
            if not same:
                return False
        return same >= 3

    def _repeat(self, default: Settings, base: Audio | None) -> float:
        """Largest difference of a render to the same one after other settings and other audio."""
        worst = 0.0
        vectors = [default, self._spec.random(self._rng)]
        for vector in vectors:
            first = base if vector is default else self._render(vector)
            if first is None:
                continue
            self._render(self._spec.random(self._rng))
            self._render(vector, np.ascontiguousarray(0.99 * np.sign(self._signal)))
            again = self._render(vector)
            if again is not None:
                worst = max(worst, float(np.abs(again - first).max()))
        return worst

    def _latency(self, default: Settings) -> int:
        click = np.zeros((2, SAMPLE_RATE // 4), dtype=np.float32)
        click[:, 100] = 0.5
        output = self._render(default, click)
        if output is None:
            return 0
        level = np.abs(output[0])
        if level.max() < 1e-6:
            return 0
        # The first sample that stands out; echoes and reverb come after it.
        return int(np.argmax(level > 0.05 * level.max())) - 100

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


def _db(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude > 1e-15 else QUIET


def _cache_file(spec: EffectSpec, seed: int) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    key = "\n".join([spec.uri, spec.hash, spec.file_hash, spec.version, __version__, str(seed)])
    return (
        Path(base) / "dialin" / "probes" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    )


def _write(place: Path, probe: Probe) -> None:
    """Write to the cache; a cache that cannot be written is no reason to fail."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            "w", dir=place.parent, prefix=".probe-", delete=False, encoding="utf-8"
        ) as file:
            file.write(json.dumps(probe.to_dict(), indent=1))
        Path(file.name).replace(place)
    except OSError:
        return
