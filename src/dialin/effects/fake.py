"""Test doubles: effects that behave, and effects that fail in every way a plugin can.

They need no plugin and no host, only numpy, so most tests use them; they are public, for tests of
programs built on dialin. Open them as ``fake:NAME`` or with `open_fake`.

Good ones, pure functions of audio and settings:

==============  ===================================================================================
``gain``        one knob, ``gain`` -24 to +24 dB, neutral at 0 dB
``tilt``        ``cutoff`` 100 to 10 000 Hz (log), ``tilt`` -12 to +12 dB: a one-pole filter
``drive``       ``drive`` 0 to 40 dB into tanh, ``level`` -24 to +6 dB, ``mix`` 0 to 100 %
``echo``        ``time`` 1 to 500 ms (whole samples), ``feedback`` 0 to 90 %, ``mix`` 0 to 100 %
``sync``        an echo ``steps`` (1 to 8) sixteenths later, at the tempo it is told; ``mix``
``room``        ``size`` 5 to 60 ms, twelve reflections at multiples of it; ``mix`` 0 to 100 %
``ring``        times a cosine of ``frequency`` 50 to 5000 Hz (log); ``mix`` 0 to 100 %
``mode``        ``mode``, stepped: clean, soft, hard, fold; ``amount`` 0 to 24 dB
==============  ===================================================================================

Bad ones. All have the knob ``gain`` of ``fake:gain`` (and do what it says) and a knob ``badness``
from 0 to 1: below 0.5 they behave, from 0.5 on they do not. Its default is 1.

====================  =============================================================================
``hang``              sleeps for ever
``freeze``            never returns and never lets go of the interpreter, as a C loop would
``crash``             dies of a segmentation fault
``exit``              ends its process with status 3, without a word
``nan``               one sample is NaN
``inf``               one sample is infinite
``silent``            returns zeros
``leak``              the end of one render leaks into the start of the next
``smooth``            starts each render at the settings of the one before
``latency``           128 samples late
``lfo``               a tremolo whose phase runs on from render to render
``noise``             adds noise at -60 dBFS, different each time
``loud``              60 dB louder
``short``             half of the samples are missing
``ignore``            `gain` does nothing
``mono``              the second channel is a copy of the first
``error``             raises `RenderError`
``bug``               raises `ZeroDivisionError`
``memory``            keeps 16 MB more with each render
``chatter``           prints on standard output and standard error, from Python and from C
``slow``              takes 0.3 s
``slow_load``         takes 1 s to open
``hang_load``         never opens
``crash_load``        dies of a segmentation fault while opening
``fail_load``         raises `EffectLoadError` when opened
====================  =============================================================================

Examples
--------
>>> import numpy as np
>>> gain = open_fake("gain")
>>> gain.process(np.ones((1, 4), np.float32), 44_100, gain.spec.vector({"gain": -24}))[0, 0]
np.float32(0.06309573)
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.effects.tempo import USUAL
from dialin.errors import EffectLoadError, EffectNotFoundError, RenderError

Native = dict[str, float]
_GAIN = Parameter("gain", "Gain", "dB", -24.0, 24.0, 0.0, neutral=0.0)
_MIX = Parameter("mix", "Mix", "%", 0.0, 100.0, 100.0, neutral=0.0)
_BADNESS = Parameter("badness", "Badness", "", 0.0, 1.0, 1.0)


def _amplitude(db: float) -> float:
    return float(10.0 ** (db / 20.0))


def _gain(audio: Audio, sample_rate: int, native: Native) -> Audio:
    wet: Audio = audio * np.float32(_amplitude(native["gain"]))
    return wet


def _tilt(audio: Audio, sample_rate: int, native: Native) -> Audio:
    # The response of a one-pole low-pass, applied by FFT with room for its decay, so that the
    # result is causal and needs no loop over samples.
    samples = audio.shape[1]
    decay = np.exp(-2.0 * np.pi * native["cutoff"] / sample_rate)
    room = int(np.ceil(np.log(1e-8) / np.log(decay)))
    size = 1 << int(np.ceil(np.log2(samples + room)))
    low = (1.0 - decay) * decay ** np.arange(min(samples, size), dtype=np.float64)
    filtered = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(low, size), size)[:, :samples]
    down, up = _amplitude(-native["tilt"] / 2), _amplitude(native["tilt"] / 2)
    return (down * filtered + up * (audio - filtered)).astype(np.float32)


def _drive(audio: Audio, sample_rate: int, native: Native) -> Audio:
    shaped = np.tanh(audio * _amplitude(native["drive"])) * _amplitude(native["level"])
    mix = native["mix"] / 100.0
    wet: Audio = ((1.0 - mix) * audio + mix * shaped).astype(np.float32)
    return wet


def _echo(audio: Audio, sample_rate: int, native: Native) -> Audio:
    lag = max(1, round(native["time"] / 1000.0 * sample_rate))
    samples = audio.shape[1]
    echoes = np.zeros(audio.shape, np.float64)
    level, start = 1.0, lag
    while start < samples and level > 1e-6:
        echoes[:, start:] += level * audio[:, : samples - start]
        level *= native["feedback"] / 100.0
        start += lag
    return (audio + native["mix"] / 100.0 * echoes).astype(np.float32)


def _sync(audio: Audio, sample_rate: int, native: Native) -> Audio:
    """One echo, a number of sixteenths later."""
    lag = round(native["steps"] * 15.0 / native["bpm"] * sample_rate)
    late = np.zeros_like(audio)
    late[:, lag:] = audio[:, : max(0, audio.shape[1] - lag)]
    wet: Audio = audio + np.float32(native["mix"] / 100.0) * (late - audio)
    return wet


def _room(audio: Audio, sample_rate: int, native: Native) -> Audio:
    """Twelve reflections at fixed multiples of the size, some of them upside down."""
    wet = np.zeros(audio.shape, np.float64)
    for number, multiple in enumerate(_REFLECTIONS):
        lag = max(1, round(native["size"] * multiple / 1000.0 * sample_rate))
        if lag >= audio.shape[1]:
            break
        level = 0.85**number * (-1.0 if number % 3 == 2 else 1.0)
        wet[:, lag:] += level * audio[:, : audio.shape[1] - lag]
    return (audio + native["mix"] / 100.0 * wet).astype(np.float32)


def _ring(audio: Audio, sample_rate: int, native: Native) -> Audio:
    turns = native["frequency"] / sample_rate * np.arange(audio.shape[1])
    wet = audio * np.cos(2 * np.pi * turns)
    mix = native["mix"] / 100.0
    return np.asarray((1.0 - mix) * audio + mix * wet, dtype=np.float32)


_REFLECTIONS = (1.0, 1.17, 1.43, 1.71, 1.93, 2.23, 2.59, 2.83, 3.29, 3.61, 4.07, 4.43)


def _mode(audio: Audio, sample_rate: int, native: Native) -> Audio:
    pushed = audio.astype(np.float64) * _amplitude(native["amount"])
    shapes: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
        lambda x: x,
        np.tanh,
        lambda x: np.clip(x, -1.0, 1.0),
        lambda x: np.sin(x * np.pi / 2),
    )
    return shapes[round(native["mode"])](pushed).astype(np.float32)


_GOOD: dict[str, tuple[tuple[Parameter, ...], Callable[[Audio, int, Native], Audio]]] = {
    "gain": ((_GAIN,), _gain),
    "tilt": (
        (
            Parameter("cutoff", "Cutoff", "Hz", 100.0, 10_000.0, 1_000.0, "log"),
            Parameter("tilt", "Tilt", "dB", -12.0, 12.0, 0.0, neutral=0.0),
        ),
        _tilt,
    ),
    "drive": (
        (
            Parameter("drive", "Drive", "dB", 0.0, 40.0, 12.0),
            Parameter("level", "Level", "dB", -24.0, 6.0, 0.0),
            _MIX,
        ),
        _drive,
    ),
    "echo": (
        (
            Parameter("time", "Time", "ms", 1.0, 500.0, 250.0, "log"),
            Parameter("feedback", "Feedback", "%", 0.0, 90.0, 30.0),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _echo,
    ),
    "sync": (
        (
            Parameter(
                *("steps", "Steps", "", 1.0, 8.0, 4.0, "stepped"),
                labels=tuple(f"{n}/16" for n in range(1, 9)),
                steps=8,
            ),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _sync,
    ),
    "room": (
        (
            Parameter("size", "Size", "ms", 5.0, 60.0, 20.0),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 30.0, neutral=0.0),
        ),
        _room,
    ),
    "ring": (
        (
            Parameter("frequency", "Frequency", "Hz", 50.0, 5_000.0, 440.0, "log"),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _ring,
    ),
    "mode": (
        (
            Parameter(
                "mode",
                "Mode",
                "",
                0.0,
                3.0,
                0.0,
                "stepped",
                labels=("Clean", "Soft", "Hard", "Fold"),
                steps=4,
            ),
            Parameter("amount", "Amount", "dB", 0.0, 24.0, 0.0),
        ),
        _mode,
    ),
}

_BAD = (
    "hang",
    "freeze",
    "crash",
    "exit",
    "nan",
    "inf",
    "silent",
    "leak",
    "smooth",
    "latency",
    "lfo",
    "noise",
    "loud",
    "short",
    "ignore",
    "mono",
    "error",
    "bug",
    "memory",
    "chatter",
    "slow",
    "slow_load",
    "hang_load",
    "crash_load",
    "fail_load",
)


def fake_names() -> tuple[str, ...]:
    """Every name that `open_fake` knows, the good ones first."""
    return (*_GOOD, *_BAD)


class FakeEffect:
    """A well-behaved effect made of one function.

    Parameters
    ----------
    name : str
        Such as ``gain``.
    """

    def __init__(self, name: str) -> None:
        parameters, self._function = _GOOD[name]
        self.spec = _spec(name, parameters)
        self.follows_tempo = name == "sync"
        self._bpm = USUAL

    def set_tempo(self, bpm: float) -> None:
        """Set the tempo of everything rendered from now on.

        Parameters
        ----------
        bpm : float
            In beats a minute.
        """
        self._bpm = bpm

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `dialin.effects.effect.Effect.process`.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        native = self.spec.native(settings) | {"bpm": self._bpm}
        return self._function(_with_tail(audio, sample_rate, tail), sample_rate, native)

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> FakeStream:
        """Start a block-wise render.

        Parameters
        ----------
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        FakeStream
        """
        return FakeStream(self, sample_rate, channels, settings, tail)

    def state(self, settings: ArrayLike) -> bytes | None:
        """Fakes have no host state.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def close(self) -> None:
        """Nothing to let go of."""


class FakeStream:
    """Collects everything and renders at the end: exact, if not what streams are for.

    Parameters
    ----------
    effect : FakeEffect or BadEffect
        What renders.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    settings : array_like, shape (knobs,)
        Positions of the knobs, 0 to 1.
    tail : float
        Seconds of silence after the input that are rendered too.
    """

    exact = True

    def __init__(
        self,
        effect: FakeEffect | BadEffect,
        sample_rate: int,
        channels: int,
        settings: ArrayLike,
        tail: float,
    ) -> None:
        self._effect, self._settings = effect, settings
        self._rate, self._tail = sample_rate, tail
        self._blocks: list[Audio] = [np.zeros((channels, 0), np.float32)]

    def process(self, block: Audio) -> Audio:
        """Keep a block; nothing is ready before the end.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        self._blocks.append(block)
        return block[:, :0]

    def finish(self) -> Audio:
        """Return the render of all that came in."""
        whole = np.concatenate(self._blocks, axis=1)
        return self._effect.process(whole, self._rate, self._settings, tail=self._tail)


class BadEffect:
    """An effect with one fault; see this module's table.

    Parameters
    ----------
    fault : str
        Such as ``nan``.
    """

    def __init__(self, fault: str) -> None:
        self.spec = _spec(fault, (_GAIN, _BADNESS))
        self._fault = fault
        self._last_end: Audio | None = None
        self._last_gain: float | None = None
        self._clock = 0
        self._noise = np.random.default_rng()
        self._hoard: list[np.ndarray] = []
        if fault == "slow_load":
            time.sleep(1.0)
        elif fault == "hang_load":
            _hang()
        elif fault == "crash_load":
            _crash()
        elif fault == "fail_load":
            raise EffectLoadError("fake:fail_load cannot be opened, on purpose; use another fake")

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render as `fake:gain` does, with the fault if `badness` is 0.5 or more.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        native = self.spec.native(settings)
        dry = _with_tail(audio, sample_rate, tail)
        wet = _gain(dry, sample_rate, native)
        bad = native["badness"] >= 0.5
        wet = self._stateful(dry, wet, sample_rate, native, bad)
        if bad:
            wet = self._spoil(dry, wet)
        return wet

    def _stateful(
        self, dry: Audio, wet: Audio, sample_rate: int, native: Native, bad: bool
    ) -> Audio:
        """Faults that remember: their state moves on with every render, good or bad."""
        end, gain, clock = self._last_end, self._last_gain, self._clock
        self._last_end, self._last_gain = wet[:, -64:].copy(), native["gain"]
        self._clock += wet.shape[1]
        if not bad:
            return wet
        if self._fault == "leak" and end is not None:
            wet = wet.copy()
            rows, count = min(len(end), len(wet)), min(end.shape[1], wet.shape[1])
            wet[:rows, :count] += end[:rows, :count]
        elif self._fault == "smooth" and gain is not None:
            ramp = np.linspace(gain, native["gain"], min(512, wet.shape[1]))
            wet = wet.copy()
            wet[:, : len(ramp)] = dry[:, : len(ramp)] * (10 ** (ramp / 20))
        elif self._fault == "lfo":
            phase = 2 * np.pi * 3.0 * (clock + np.arange(wet.shape[1])) / sample_rate
            wet = (wet * (0.75 + 0.25 * np.sin(phase))).astype(np.float32)
        return wet

    def _spoil(self, dry: Audio, wet: Audio) -> Audio:
        fault, middle = self._fault, wet.shape[1] // 2
        if fault in ("nan", "inf"):
            wet = wet.copy()
            wet[-1, middle] = np.nan if fault == "nan" else np.inf
        elif fault == "latency":
            wet = np.pad(wet, ((0, 0), (128, 0)))[:, : wet.shape[1]]
        elif fault == "noise":
            wet = wet + self._noise.normal(0, 1e-3, wet.shape).astype(np.float32)
        elif fault == "memory":
            self._hoard.append(np.ones(2 << 20))
        elif fault in _SPOILERS:
            wet = _SPOILERS[fault](dry, wet)
        return wet

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> FakeStream:
        """Start a block-wise render.

        Parameters
        ----------
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        FakeStream
        """
        return FakeStream(self, sample_rate, channels, settings, tail)

    def state(self, settings: ArrayLike) -> bytes | None:
        """Fakes have no host state.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def close(self) -> None:
        """Nothing to let go of."""


def open_fake(name: str) -> FakeEffect | BadEffect:
    """Open a test double by its name; this module's docstring lists them.

    Parameters
    ----------
    name : str
        What follows ``fake:``.

    Returns
    -------
    FakeEffect or BadEffect

    Raises
    ------
    EffectNotFoundError
        If there is no such double.
    """
    if name in _GOOD:
        return FakeEffect(name)
    if name in _BAD:
        return BadEffect(name)
    raise EffectNotFoundError(
        f"there is no test double 'fake:{name}'; there are {', '.join(fake_names())}"
    )


def _spec(name: str, parameters: tuple[Parameter, ...]) -> EffectSpec:
    return EffectSpec(
        uri=f"fake:{name}",
        name=f"Fake {name.replace('_', ' ')}",
        format="fake",
        parameters=parameters,
        version="1",
        vendor="dialin",
        category="Test",
    )


def _with_tail(audio: Audio, sample_rate: int, tail: float) -> Audio:
    return np.pad(audio, ((0, 0), (0, round(tail * sample_rate)))) if tail else audio


def _hang(*_: object) -> Audio:
    while True:
        time.sleep(3600)


def _freeze(*_: object) -> Audio:
    # PyDLL keeps the interpreter locked during the call: no other thread of this process runs.
    pause = ctypes.PyDLL(None).pause
    while True:
        pause()


def _crash(*_: object) -> Audio:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("a process survived its segmentation fault")


def _exit(*_: object) -> Audio:
    os._exit(3)


def _error(*_: object) -> Audio:
    raise RenderError("fake:error refuses to render, on purpose; use another fake")


def _bug(*_: object) -> Audio:
    raise ZeroDivisionError("fake:bug has a bug")


def _chatter(dry: Audio, wet: Audio) -> Audio:
    sys.stdout.write("fake:chatter on standard output\n")
    sys.stderr.write("fake:chatter on standard error\n")
    os.write(1, b"fake:chatter on descriptor 1\n")
    os.write(2, b"fake:chatter on descriptor 2\n")
    return wet


def _slow(dry: Audio, wet: Audio) -> Audio:
    time.sleep(0.3)
    return wet


_SPOILERS: dict[str, Callable[[Audio, Audio], Audio]] = {
    "hang": _hang,
    "freeze": _freeze,
    "crash": _crash,
    "exit": _exit,
    "error": _error,
    "bug": _bug,
    "chatter": _chatter,
    "slow": _slow,
    "silent": lambda dry, wet: np.zeros_like(wet),
    "loud": lambda dry, wet: wet * np.float32(1000.0),
    "short": lambda dry, wet: wet[:, : wet.shape[1] // 2],
    "ignore": lambda dry, wet: dry.copy(),
    "mono": lambda dry, wet: np.repeat(wet[:1], len(wet), axis=0),
}
