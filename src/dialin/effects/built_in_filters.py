"""Built-in filters and compressor where their loops were compiled: Pedalboard's, but faster.

Pedalboard wraps JUCE's ``dsp::IIR::Filter`` (biquads after R. Bristow-Johnson's "Audio EQ Cookbook"
and filters of the first order) and ``dsp::Compressor``, in single precision. They take one channel
after the other, each sample waiting for the one before; ``_builtins.c`` takes two channels at once,
and of filters in a row all of them.
Samples are the same to the bit, but for denormal numbers, which are zero here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio.compiled import FLOAT, INT, LONG, POINTER, compiled

BUILTIN_BLOCK = 8192
"""Samples Pedalboard processes at a time; its own effects sound the same with any other number."""

KINDS = ("HighpassFilter", "LowpassFilter", "LowShelfFilter", "HighShelfFilter", "PeakFilter")
"""Pedalboard's classes, in the order in which ``_builtins.c`` knows them."""


_loop = functools.partial(compiled, "dialin.effects._builtins")
_coefficients = _loop("filter_coefficients", None, INT, *[FLOAT] * 4, POINTER)
filter_channels = _loop("filter_channels", None, POINTER, *[LONG] * 3, POINTER, LONG, POINTER)
compress_channels = _loop("compress_channels", None, POINTER, LONG, LONG, POINTER, POINTER)
"""The compiled loops, or None where there are none."""


MOST_IN_SERIES = 8
"""Filters that the compiled loop takes in one pass."""


class Filter:
    """Renders as Pedalboard's class of a kind does, its state kept from block to block.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    cutoff_frequency_hz : float
    gain_db, q : float
        Of shelves and peaks.
    """

    def __init__(
        self, kind: str, cutoff_frequency_hz: float, gain_db: float = 0.0, q: float = 0.7071
    ) -> None:
        self._kind = KINDS.index(kind)
        self.cutoff_frequency_hz, self.gain_db, self.q = cutoff_frequency_hz, gain_db, q
        self._rate = 0.0
        self._numbers = np.zeros(5, dtype=np.float32)
        self._state = np.zeros((0, 2), dtype=np.float32)

    def __call__(self, audio: Audio, sample_rate: float, buffer_size: int, reset: bool) -> Audio:
        """Render the next block; `reset` forgets what came before."""
        reset = reset or sample_rate != self._rate
        numbers = self.coefficients(sample_rate)
        if reset or len(self._state) != len(audio):
            self._state = np.zeros((len(audio), 2), dtype=np.float32)
        result = np.array(audio, dtype=np.float32, order="C")
        filter_channels(
            *(result.ctypes.data, *result.shape, buffer_size, numbers.ctypes.data),
            *(1, self._state.ctypes.data),
        )
        return result

    def coefficients(self, sample_rate: float) -> NDArray[np.float32]:
        """``b0 b1 b2 a1 a2`` at a rate.

        Parameters
        ----------
        sample_rate : float
            In hertz.

        Returns
        -------
        ndarray, float32, shape (5,)
            Not to be written to. Zeros for what a filter of the first order lacks.
        """
        if sample_rate != self._rate:
            self._rate = sample_rate
            _coefficients(
                *(self._kind, sample_rate, self.cutoff_frequency_hz, self.q, self.gain_db),
                self._numbers.ctypes.data,
            )
        return self._numbers


def filter_in_series(
    filters: Sequence[Filter], audio: Audio, sample_rate: float, buffer_size: int = BUILTIN_BLOCK
) -> Audio:
    """Render whole audio through filters one after the other, in one pass.

    Parameters
    ----------
    filters : sequence of Filter
        One or more; none of them keeps anything of it.
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : float
        In hertz.
    buffer_size : int, default BUILTIN_BLOCK
        Samples after which a filter's state is made zero where it is nearly so.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        To the bit what the filters give one by one.
    """
    result = np.array(audio, dtype=np.float32, order="C")
    for first in range(0, len(filters), MOST_IN_SERIES):
        some = filters[first : first + MOST_IN_SERIES]
        numbers = np.stack([each.coefficients(sample_rate) for each in some])
        state = np.zeros((len(audio), len(some), 2), dtype=np.float32)
        filter_channels(
            *(result.ctypes.data, *result.shape, buffer_size),
            *(numbers.ctypes.data, len(some), state.ctypes.data),
        )
    return result


class Compressor:
    """Renders as Pedalboard's class does, its state kept from block to block.

    Parameters
    ----------
    threshold_db, ratio, attack_ms, release_ms : float
    """

    def __init__(
        self,
        threshold_db: float = 0.0,
        ratio: float = 1.0,
        attack_ms: float = 1.0,
        release_ms: float = 100.0,
    ) -> None:
        self.threshold_db, self.ratio = threshold_db, ratio
        self.attack_ms, self.release_ms = attack_ms, release_ms
        self._rate = 0.0
        self._levels = np.zeros(5, dtype=np.float32)
        self._envelope = np.zeros(0, dtype=np.float32)

    def __call__(self, audio: Audio, sample_rate: float, buffer_size: int, reset: bool) -> Audio:
        """Render the next block; `reset` forgets what came before."""
        if sample_rate != self._rate:
            self._rate, reset = sample_rate, True
            self._set(sample_rate)
        if reset or len(self._envelope) != len(audio):
            self._envelope = np.zeros(len(audio), dtype=np.float32)
        result = np.array(audio, dtype=np.float32, order="C")
        compress_channels(
            *(result.ctypes.data, *result.shape),
            *(self._levels.ctypes.data, self._envelope.ctypes.data),
        )
        return result

    def _set(self, sample_rate: float) -> None:
        single = np.float32
        threshold = single(10.0 ** float(single(self.threshold_db) * single(0.05)))
        factor = -2.0 * math.pi * 1000.0 / sample_rate
        kept = [
            0.0 if milliseconds < 1e-3 else math.exp(factor / float(single(milliseconds)))
            for milliseconds in (self.attack_ms, self.release_ms)
        ]
        power = single(1.0) / single(self.ratio) - single(1.0)
        self._levels = np.array([threshold, single(1.0) / threshold, power, *kept], np.float32)
