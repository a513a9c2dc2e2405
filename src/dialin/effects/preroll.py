"""Block-wise rendering of effects whose host starts afresh at every render.

A recording is cut into long segments, and each is rendered with the seconds before it in front,
so that echoes, envelopes and reverb are where they would be; those seconds are cut off again.
What lies longer back (the phase of a slow oscillator, an echo beyond the lead-in) is not carried
over, hence `exact` is False where there is more than one segment.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dialin.audio import Audio
from dialin.effects.segments import crossfade

SEGMENT_SECONDS = 60.0
LEAD_SECONDS = 15.0
FADE_SECONDS = 0.05


class PrerollStream:
    """A stream over an effect that can only render from a standing start.

    Parameters
    ----------
    render : callable
        ``render(audio) -> audio`` of the same shape; a pure function.
    channels : int
    sample_rate : int
    tail : int
        Samples of silence to feed after the end.
    """

    def __init__(
        self, render: Callable[[Audio], Audio], channels: int, sample_rate: int, tail: int
    ) -> None:
        self._render = render
        self._channels = channels
        self._tail = tail
        self._segment = round(SEGMENT_SECONDS * sample_rate)
        self._lead_wanted = round(LEAD_SECONDS * sample_rate)
        self._fade_length = round(FADE_SECONDS * sample_rate)
        self._pending: list[Audio] = []
        self._waiting = 0
        self._lead = 0
        self._fade: Audio | None = None
        self.exact = True

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns the segments that are complete.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        self._pending.append(block)
        self._waiting += block.shape[1]
        pieces = [np.zeros((self._channels, 0), dtype=np.float32)]
        while self._waiting > self._lead + self._segment + self._fade_length:
            audio = np.concatenate(self._pending, axis=1)
            end = self._lead + self._segment
            wet = self._joined(self._render(audio[:, : end + self._fade_length]))
            pieces.append(wet[:, : self._segment])
            self._fade = wet[:, self._segment :].copy()
            start = max(0, end - self._lead_wanted)
            self._pending = [audio[:, start:].copy()]
            self._waiting = self._pending[0].shape[1]
            self._lead = end - start
            self.exact = False
        return np.concatenate(pieces, axis=1)

    def finish(self) -> Audio:
        """Return the last segment and the tail."""
        pieces = [self.process(np.zeros((self._channels, self._tail), dtype=np.float32))]
        if self._waiting > self._lead:
            pieces.append(self._joined(self._render(np.concatenate(self._pending, axis=1))))
        return np.concatenate(pieces, axis=1)

    def _joined(self, wet: Audio) -> Audio:
        wet = wet[:, self._lead :].copy()
        if self._fade is not None:
            length = min(self._fade.shape[1], wet.shape[1])
            wet[:, :length] = crossfade(self._fade[:, :length], wet[:, :length])
        return wet
