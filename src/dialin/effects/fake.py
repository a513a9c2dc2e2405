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

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.fake_faults import FAULTS, Fault
from dialin.effects.fake_sounds import GAIN, GOOD, gain
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.effects.tempo import USUAL
from dialin.errors import EffectNotFoundError

_BADNESS = Parameter("badness", "Badness", "", 0.0, 1.0, 1.0)


def fake_names() -> tuple[str, ...]:
    """Every name that `open_fake` knows, the good ones first."""
    return (*GOOD, *FAULTS)


class _Fake(ABC):
    """What all fakes have in common: a stream that renders at its end, and no state."""

    spec: EffectSpec

    @abstractmethod
    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `dialin.effects.effect.Effect.process`."""

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

    def close(self) -> None:  # noqa: B027
        """Nothing to let go of."""


class FakeEffect(_Fake):
    """A well-behaved effect made of one function.

    Parameters
    ----------
    name : str
        Such as ``gain``.
    """

    def __init__(self, name: str) -> None:
        parameters, self._function = GOOD[name]
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
        effect: _Fake,
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


class BadEffect(_Fake):
    """An effect with one fault; see this module's table.

    Parameters
    ----------
    fault : str
        Such as ``nan``.
    """

    def __init__(self, fault: str) -> None:
        self.spec = _spec(fault, (GAIN, _BADNESS))
        self._fault = Fault(fault)

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
        bad = native["badness"] >= 0.5
        wet = gain(dry, sample_rate, native)
        wet = self._fault.remember(dry, wet, sample_rate, native["gain"], bad)
        return self._fault.spoil(dry, wet) if bad else wet


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
    if name in GOOD:
        return FakeEffect(name)
    if name in FAULTS:
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
