"""The built-in reverb where its loop was compiled: Pedalboard's, the same to the bit, faster.

Freeverb (Jezar at Dreampoint, 2000; public domain) as JUCE 6 and newer have it in
``juce_Reverb.h``, which Pedalboard wraps: eight combs with low-passes side by side and four
all-passes in series, for each channel. Pedalboard takes sample after sample through all of them;
``_builtins.c`` takes blocks, and the combs side by side in vector registers.
"""

from __future__ import annotations

import numpy as np

from dialin.audio import Audio
from dialin.audio.compiled import LONG, LONGS, POINTER, compiled

COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
"""Samples of delay of the left channel's combs at 44.1 kHz; the right one's are `SPREAD` more."""

ALL_PASSES = (556, 441, 341, 225)
"""The same of the all-passes."""

SPREAD = 23

reverberate = compiled(
    "dialin.effects._builtins",
    "reverberate",
    *(None, POINTER, POINTER, LONG, *[POINTER] * 5),
)
"""The compiled loop, or None where there is none."""


class Reverb:
    """Renders as Pedalboard's class does, its state kept from block to block.

    Parameters
    ----------
    room_size, damping, wet_level, dry_level, width : float
        0 to 1 each.
    """

    def __init__(
        self,
        room_size: float = 0.5,
        damping: float = 0.5,
        wet_level: float = 0.33,
        dry_level: float = 0.4,
        width: float = 1.0,
    ) -> None:
        self.room_size, self.damping, self.width = room_size, damping, width
        self.wet_level, self.dry_level = wet_level, dry_level
        single = np.float32
        wet, wide = single(wet_level) * single(3.0), single(width)
        self._levels = np.array(
            [
                single(0.015),
                single(damping) * single(0.4),
                single(room_size) * single(0.28) + single(0.7),
                single(dry_level) * single(2.0),
                single(0.5) * wet * (single(1.0) + wide),
                single(0.5) * wet * (single(1.0) - wide),
            ],
            dtype=np.float32,
        )
        self._rate = self._channels = 0

    def __call__(self, audio: Audio, sample_rate: int, buffer_size: int, reset: bool) -> Audio:
        """Render the next block of one channel or two; `reset` forgets what came before."""
        channels, samples = audio.shape
        if reset or (sample_rate, channels) != (self._rate, self._channels):
            self._begin(sample_rate, channels)
        result = np.array(audio, dtype=np.float32, order="C")
        rows = [row.ctypes.data for row in result]
        reverberate(
            *(rows[0], rows[1] if channels == 2 else None, samples, self._rings.ctypes.data),
            *(self._lengths.ctypes.data, self._positions.ctypes.data),
            *(self._last.ctypes.data, self._levels.ctypes.data),
        )
        return result

    def _begin(self, sample_rate: int, channels: int) -> None:
        self._rate, self._channels = sample_rate, channels
        lines = [
            *(delay + spread for spread in (0, SPREAD) for delay in COMBS),
            *(delay + spread for spread in (0, SPREAD) for delay in ALL_PASSES),
        ]
        lengths = [max(1, int(sample_rate) * line // 44_100) for line in lines]
        self._lengths = np.array(lengths, dtype=LONGS)
        self._positions = np.zeros_like(self._lengths)
        self._rings = np.zeros(int(self._lengths.sum()), dtype=np.float32)
        self._last = np.zeros(2 * len(COMBS), dtype=np.float32)
