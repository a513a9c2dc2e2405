"""Long recordings read once, block by block, into what the attributes need of them.

Kept are the mono sum at 44.1 kHz and the loudness; the recording itself is never in memory as a
whole. Reverberation is measured on each channel, and reads the recording again for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from dialin.timbre.filters import k_weighting
from dialin.timbre.loudness import gated
from dialin.timbre.resampling import Resampler

Floats = NDArray[np.float64]
Blocks = Callable[[], Iterable[NDArray[np.float32]]]


class LoudnessMeter:
    """Loudness of mono audio that comes in blocks, by ITU-R BS.1770-4.

    Parameters
    ----------
    rate : int
        In hertz.
    """

    def __init__(self, rate: int) -> None:
        rows = k_weighting(rate)
        # Rows of b0 b1 b2 a1 a2, and a0 is 1.
        self._sections = np.column_stack([rows[:, :3], np.ones(len(rows)), rows[:, 3:]])
        self._state = np.zeros((len(rows), 2))
        self._rate, self._size, self._sum = rate, 0, 0.0
        self._starts: list[float] = []
        self._ends: list[float] = []

    def add(self, x: Floats) -> None:
        """Hear more.

        Parameters
        ----------
        x : ndarray, float64, shape (samples,)
            The next samples, full scale 1.
        """
        y, self._state = sosfilt(self._sections, x, zi=self._state)
        energy = np.concatenate([[0.0], np.cumsum(y * y)])
        for known, offset in ((self._starts, 0), (self._ends, 1)):
            while (edge := self._edge(len(known), offset)) <= self._size + x.size:
                known.append(self._sum + float(energy[edge - self._size]))
        self._sum += float(energy[-1])
        self._size += x.size

    def loudness(self) -> float:
        """In LUFS; -inf where all is under -70 LUFS."""
        count = max(round((self._size / self._rate - 0.4) / 0.1) + 1, 1)
        ends = [*self._ends, *[self._sum] * count][:count]
        starts = [*self._starts, *[self._sum] * count][:count]
        return gated((np.array(ends) - np.array(starts)) / (0.4 * self._rate))

    def _edge(self, block: int, offset: int) -> int:
        return int(0.4 * (block * 0.25 + offset) * self._rate)


def resampled(blocks: Iterable[Floats], source: int, target: int, expected: int) -> Floats:
    """Mono blocks at another rate, as one array.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (samples,)
        One after the other, of any length.
    source, target : int
        Rates in hertz.
    expected : int
        Samples there will be at `target`, or about so many.

    Returns
    -------
    ndarray, float64, shape (samples,)
    """
    room, used = np.empty(expected + 65_536), 0
    for piece in _resampled(blocks, source, target):
        if used + piece.size > room.size:
            room = np.concatenate([room[:used], np.empty(max(used // 4, piece.size))])
        room[used : used + piece.size] = piece
        used += piece.size
    return room[:used]


def _resampled(blocks: Iterable[Floats], source: int, target: int) -> Iterator[Floats]:
    if source == target:
        yield from blocks
        return
    resampler = Resampler(source, target)
    for block in blocks:
        yield resampler.add(block)
    yield resampler.finish()
