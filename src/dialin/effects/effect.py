"""What every effect can do, whichever host runs it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec

BLOCK = 512
"""Samples a host processes at a time. Part of an effect's sound, so it is the same everywhere."""


class Stream(Protocol):
    """An effect running over a long recording, block by block, its state kept in between."""

    exact: bool
    """Whether the blocks put together equal one `Effect.process` of the whole, bit for bit."""

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready (latency makes the first blocks shorter)."""
        ...

    def finish(self) -> Audio:
        """Return the rest, so that as much has come out as went in, plus the tail asked for."""
        ...


@runtime_checkable
class Effect(Protocol):
    """A black box: audio and settings in, audio out. Used on its process's main thread only."""

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        ...

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render, as a pure function of its arguments.

        The same audio and settings give the same samples, whatever ran before.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Never modified. One or more channels; the effect adapts (mono plugins run once a
            channel, stereo plugins get mono twice).
        sample_rate : int
            In hertz.
        settings : array_like, shape (spec.size,)
            In [0, 1], in spec order; snapped and clipped.
        tail : float
            Seconds of silence fed after the end to let reverb and echoes ring out.

        Returns
        -------
        ndarray, float32, shape (channels, samples + round(tail * sample_rate))
            Latency compensated. May be non-finite: the rendering pool refuses such a result.

        Raises
        ------
        dialin.errors.EffectError
        """
        ...

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render with fresh state."""
        ...

    def state(self, settings: ArrayLike) -> bytes | None:
        """Return the host's own opaque state at these settings, or None if it has none."""
        ...

    def close(self) -> None:
        """Let go of the plugin."""
        ...


@runtime_checkable
class Plugin(Protocol):
    """An effect that other hosts know too, by its own positions of the knobs."""

    def positions(self, settings: ArrayLike) -> list[float]:
        """Position in [0, 1] of each knob as the plugin itself counts it.

        The travel of a knob in dialin need not be the plugin's: what a plugin spreads linearly
        from 20 to 20 000 Hz is logarithmic here.
        """
        ...
