"""Knobs that glide to their place when a plugin starts: silence first, so that no music hears it.

Many plugins fade in, or turn their knobs smoothly from where they wake up (x42's equaliser takes
0.3 s), and `Effect.process` starts every render with a fresh instance. Fed silence first, they are
at their settings when the music begins, as in a studio, where they have long been running.

How much silence is found out once for each plugin: some noise is rendered by itself and behind
half a second of silence, and the time is taken from which both sound the same. Where they never do,
an oscillator runs, which silence cannot settle, and none is fed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.effect import BLOCK, Stream
from dialin.effects.preroll import PrerollStream
from dialin.effects.spec import EffectSpec, Settings

FreshRender = Callable[[Audio, int, Settings], Audio]
"""``render(audio, sample_rate, settings) -> audio`` of the same shape, from a fresh instance."""

RATE = 44_100
LONGEST = 44 * BLOCK
"""Samples of silence at most, half a second."""

SAME = 3e-3
"""Difference, as a share of the level (-50 dB), below which a plugin counts as settled."""

_TRIES = 2


def settling_blocks(
    render: Callable[[Audio, Settings], Audio], spec: EffectSpec, channels: int
) -> int:
    """Blocks, at 44.1 kHz, after which a fresh instance sounds as it goes on; 0 to 44.

    Parameters
    ----------
    render : callable
        ``render(audio, settings) -> audio`` at 44.1 kHz, from a fresh instance.
    spec : EffectSpec
        Of the effect.
    channels : int
        That the plugin takes.

    Returns
    -------
    int
    """
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((channels, LONGEST + LONGEST // 2))).astype(np.float32)
    late = np.pad(noise, ((0, 0), (LONGEST, 0)))
    longest = 0
    for _ in range(_TRIES):
        settings = spec.random(rng)
        fresh, settled = render(noise, settings), render(late, settings)[:, LONGEST:]
        with np.errstate(all="ignore"):
            level = _block_levels(settled)
            apart = np.flatnonzero(~(_block_levels(settled - fresh) <= SAME * level.max()))
        if apart.size and apart[-1] < LONGEST // BLOCK:
            longest = max(longest, int(apart[-1]) + 1)
    return longest


def lead_samples(blocks: int, sample_rate: int) -> int:
    """Samples of silence, in whole blocks, that last as long as these do at 44.1 kHz.

    Parameters
    ----------
    blocks : int
        From `settling_blocks`.
    sample_rate : int
        In hertz.

    Returns
    -------
    int
    """
    return math.ceil(blocks * sample_rate / RATE) * BLOCK


def after_silence(render: Callable[[Audio], Audio], audio: Audio, lead: int) -> Audio:
    """Render audio behind so many samples of silence, which are cut off again.

    Parameters
    ----------
    render : callable
        Gives as many samples as it gets.
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    lead : int
        Samples of silence.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the input's shape.
    """
    if not lead:
        return render(audio)
    return np.ascontiguousarray(render(np.pad(audio, ((0, 0), (lead, 0))))[:, lead:])


class Settled:
    """Renders of one plugin, each by a fresh instance and behind the silence in which it settles.

    How much silence that takes is found out when it is first asked. What renders is given each
    time, not kept: an effect that held itself in a circle would be let go of by whichever thread
    collects garbage, and a plugin only ever by the one that opened it.

    Parameters
    ----------
    spec : EffectSpec
    channels : int
        That the plugin takes.

    Attributes
    ----------
    blocks : int or None
        What `settling_blocks` found; None before it was asked.
    """

    def __init__(self, spec: EffectSpec, channels: int) -> None:
        self._spec = spec
        self._channels = channels
        self.blocks: int | None = None

    def lead(self, render: FreshRender, sample_rate: int) -> int:
        """Samples of silence to feed first.

        Parameters
        ----------
        render : callable
            `FreshRender`.
        sample_rate : int
            In hertz.

        Returns
        -------
        int
        """
        if self.blocks is None:
            self.blocks = settling_blocks(
                lambda audio, settings: render(audio, RATE, settings), self._spec, self._channels
            )
        return lead_samples(self.blocks, sample_rate)

    def process(
        self,
        render: FreshRender,
        audio: Audio,
        sample_rate: int,
        settings: ArrayLike,
        *,
        tail: float = 0.0,
    ) -> Audio:
        """Render; see `Effect.process`.

        Parameters
        ----------
        render : callable
            `FreshRender`.
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
        vector = self._spec.check(settings)
        silence = round(tail * sample_rate)
        if silence > 0:
            audio = np.pad(audio, ((0, 0), (0, silence)))
        lead = self.lead(render, sample_rate)
        return after_silence(lambda sound: render(sound, sample_rate, vector), audio, lead)

    def preroll(
        self,
        render: FreshRender,
        sample_rate: int,
        channels: int,
        settings: ArrayLike,
        *,
        tail: float = 0.0,
    ) -> Stream:
        """Start a block-wise render of a host that starts afresh; see `PrerollStream`.

        Parameters
        ----------
        render : callable
            `FreshRender`.
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
        Stream
        """
        vector = self._spec.check(settings)
        return PrerollStream(
            lambda audio: self.process(render, audio, sample_rate, vector),
            channels,
            sample_rate,
            round(tail * sample_rate),
        )


def _block_levels(audio: Audio) -> np.ndarray:
    count = audio.shape[1] // BLOCK
    blocks = audio[:, : count * BLOCK].astype(np.float64).reshape(audio.shape[0], count, BLOCK)
    return np.asarray(np.sqrt(np.mean(blocks**2, axis=(0, 2))))


class LeadStream:
    """A stream that is fed silence first, and whose answer to it is dropped.

    Parameters
    ----------
    stream : Stream
    channels : int
    lead : int
        Samples of silence.
    """

    def __init__(self, stream: Stream, channels: int, lead: int) -> None:
        self._stream = stream
        self._silence: Audio | None = np.zeros((channels, lead), dtype=np.float32)
        self._to_drop = lead
        self.exact = stream.exact

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        if self._silence is not None:
            block = np.concatenate([self._silence, block], axis=1)
            self._silence = None
        return self._heard(self._stream.process(block))

    def finish(self) -> Audio:
        """Return the rest and the tail."""
        return self._heard(self._stream.finish())

    def _heard(self, audio: Audio) -> Audio:
        self.exact = self._stream.exact
        dropped = min(self._to_drop, audio.shape[1])
        self._to_drop -= dropped
        return audio[:, dropped:]
