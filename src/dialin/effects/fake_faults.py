"""What the bad test doubles do wrong.

`dialin.effects.fake` describes them and makes effects of them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np

from dialin.audio import Audio
from dialin.errors import EffectLoadError, RenderError

FAULTS = (
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
"""Every fault there is."""


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


class Fault:
    """One fault, and what it remembers from render to render.

    Opening is faulty too, for those whose name says so.

    Parameters
    ----------
    name : str
        One of `FAULTS`.

    Raises
    ------
    EffectLoadError
        For ``fail_load``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._last_end: Audio | None = None
        self._last_gain: float | None = None
        self._clock = 0
        self._noise = np.random.default_rng()
        self._hoard: list[np.ndarray] = []
        if name == "slow_load":
            time.sleep(1.0)
        elif name == "hang_load":
            _hang()
        elif name == "crash_load":
            _crash()
        elif name == "fail_load":
            raise EffectLoadError("fake:fail_load cannot be opened, on purpose; use another fake")

    def remember(
        self, dry: Audio, wet: Audio, sample_rate: int, gain_db: float, bad: bool
    ) -> Audio:
        """Faults that remember: their state moves on with every render, good or bad.

        Parameters
        ----------
        dry, wet : ndarray, float32, shape (channels, samples)
            What went in, and what should come out.
        sample_rate : int
            In hertz.
        gain_db : float
            Gain of this render.
        bad : bool
            Whether the fault shows.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        end, last_gain, clock = self._last_end, self._last_gain, self._clock
        self._last_end, self._last_gain = wet[:, -64:].copy(), gain_db
        self._clock += wet.shape[1]
        if not bad:
            return wet
        if self._name == "leak" and end is not None:
            wet = wet.copy()
            rows, count = min(len(end), len(wet)), min(end.shape[1], wet.shape[1])
            wet[:rows, :count] += end[:rows, :count]
        elif self._name == "smooth" and last_gain is not None:
            ramp = np.linspace(last_gain, gain_db, min(512, wet.shape[1]))
            wet = wet.copy()
            wet[:, : len(ramp)] = dry[:, : len(ramp)] * (10 ** (ramp / 20))
        elif self._name == "lfo":
            phase = 2 * np.pi * 3.0 * (clock + np.arange(wet.shape[1])) / sample_rate
            wet = (wet * (0.75 + 0.25 * np.sin(phase))).astype(np.float32)
        return wet

    def spoil(self, dry: Audio, wet: Audio) -> Audio:
        """Faults of a single render.

        Parameters
        ----------
        dry, wet : ndarray, float32, shape (channels, samples)
            What went in, and what should come out.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Half as long for ``short``; many faults never return.
        """
        name, middle = self._name, wet.shape[1] // 2
        if name in ("nan", "inf"):
            wet = wet.copy()
            wet[-1, middle] = np.nan if name == "nan" else np.inf
        elif name == "latency":
            wet = np.pad(wet, ((0, 0), (128, 0)))[:, : wet.shape[1]]
        elif name == "noise":
            wet = wet + self._noise.normal(0, 1e-3, wet.shape).astype(np.float32)
        elif name == "memory":
            self._hoard.append(np.ones(2 << 20))
        elif name in _SPOILERS:
            wet = _SPOILERS[name](dry, wet)
        return wet
