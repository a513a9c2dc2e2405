"""Block-wise rendering of effects whose host can only render a recording in one go.

Pedalboard's pitch shifter is one: fed block by block it falls silent at first and clicks at the
seams. So a recording is cut into long segments on a fixed grid; each is rendered by itself, with a
lead-in before it and a lead-out after it, and neighbours are crossfaded. Because the grid does
not depend on how the samples arrive, a whole render and a stream give the same samples. A
recording shorter than a segment has no seams.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dialin.audio import Audio

SEGMENT = 1 << 20
"""Samples from one seam to the next: 24 s at 44.1 kHz."""

FADE = 2048
"""Samples over which neighbours are crossfaded."""

LEAD = 8192
"""Samples of lead-in and lead-out, in which an effect settles; thrown away."""


class SegmentedStream:
    """A stream over an effect that renders one segment at a time.

    Parameters
    ----------
    render : callable
        ``render(audio) -> audio`` of the same shape; a pure function.
    channels : int
    tail : int
        Samples of silence to feed after the end.
    """

    exact = True

    def __init__(self, render: Callable[[Audio], Audio], channels: int, tail: int) -> None:
        self._render = render
        self._tail = tail
        self._channels = channels
        self._pending: list[Audio] = []
        self._waiting = 0
        self._lead = 0
        self._fade: Audio | None = None

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
        while self._waiting >= self._lead + SEGMENT + FADE + LEAD:
            audio = np.concatenate(self._pending, axis=1)
            end = self._lead + SEGMENT
            wet = self._joined(self._render(audio[:, : end + FADE + LEAD]))
            pieces.append(wet[:, : end - self._lead])
            self._fade = wet[:, end - self._lead : end - self._lead + FADE].copy()
            self._pending = [audio[:, end - LEAD :].copy()]
            self._waiting = self._pending[0].shape[1]
            self._lead = LEAD
        return np.concatenate(pieces, axis=1)

    def finish(self) -> Audio:
        """Return the last segment and the tail."""
        silence = np.zeros((self._channels, self._tail), dtype=np.float32)
        pieces = [self.process(silence)]
        if self._waiting > self._lead:
            pieces.append(self._joined(self._render(np.concatenate(self._pending, axis=1))))
        return np.concatenate(pieces, axis=1)

    def _joined(self, wet: Audio) -> Audio:
        """Take the lead-in off and blend with what the segment before says of the same samples."""
        wet = wet[:, self._lead :].copy()
        if self._fade is not None:
            wet[:, :FADE] = crossfade(self._fade, wet[:, :FADE])
        return wet


def crossfade(old: Audio, new: Audio) -> Audio:
    """Fade from one version of the same music to another at constant power.

    Both fade linearly; the sum is divided by its expected level, which depends on how much the
    two agree: with correlation r it is ``sqrt(a^2 + b^2 + 2 r a b)`` for fades a and b.

    Parameters
    ----------
    old : ndarray, float32, shape (channels, samples)
        Faded out.
    new : ndarray, float32, shape (channels, samples)
        Faded in; of the same shape.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    rise = (np.arange(old.shape[1], dtype=np.float64) + 0.5) / old.shape[1]
    power = float(
        np.sqrt(np.sum(np.square(old, dtype=np.float64)) * np.sum(np.square(new, dtype=np.float64)))
    )
    agreement = float(np.sum(old.astype(np.float64) * new)) / power if power > 0 else 1.0
    agreement = max(agreement, -0.5)
    fall = 1.0 - rise
    level = np.sqrt(rise**2 + fall**2 + 2 * agreement * rise * fall)
    return np.asarray((fall * old + rise * new) / level, dtype=np.float32)
