"""Biquads in series over audio in blocks: compiled, or by SciPy where that was not built."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.audio.compiled import INT, LONG, POINTER, compiled
from dialin.audio.gate import Audio

Values = NDArray[np.float64]

MOST_SECTIONS = 32
"""That the compiled loop takes."""


_compiled = compiled(
    "dialin.audio._biquads",
    "biquads",
    *(INT, POINTER, LONG, POINTER, POINTER, LONG, LONG, POINTER),
)

COMPILED = _compiled is not None
"""Whether the compiled loop is there: without it, scipy.signal is imported first."""


class Biquads:
    """A filter that goes on from block to block.

    Parameters
    ----------
    sections : ndarray, shape (sections, 6)
        As `scipy.signal.sosfilt` takes them: b0, b1, b2, 1, a1, a2.
    channels : int
        Of the audio.
    state : ndarray, shape (channels, sections, 2), optional
        Of the transposed direct form II to begin with; zeros by default.
    """

    def __init__(self, sections: Values, channels: int, state: Values | None = None) -> None:
        self._sections = np.ascontiguousarray(sections, dtype=np.float64)
        begin = np.zeros((channels, len(sections), 2)) if state is None else state
        self._state = np.array(begin, dtype=np.float64, order="C")

    def __call__(self, audio: Audio) -> Audio:
        """Filter the next samples.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Computed in double precision.
        """
        if _compiled is None or len(self._sections) > MOST_SECTIONS:
            return self._by_scipy(audio)
        audio = np.ascontiguousarray(audio, dtype=np.float32)
        result = np.empty_like(audio)
        _compiled(
            self._sections.ctypes.data,
            len(self._sections),
            audio.ctypes.data,
            result.ctypes.data,
            *audio.shape,
            self._state.ctypes.data,
        )
        return result

    def _by_scipy(self, audio: Audio) -> Audio:
        """The same, slower, and after half a second of imports."""
        if not audio.size:
            return audio.copy()
        from scipy.signal import sosfilt

        before = self._state.transpose(1, 0, 2)
        result, after = sosfilt(self._sections, audio.astype(np.float64), axis=1, zi=before)
        self._state = np.ascontiguousarray(after.transpose(1, 0, 2))
        return np.asarray(result, dtype=np.float32)
