"""What is in a recording but no sound: direct current and infrasound.

Below 20 Hz nothing is heard, yet an offset or the slow sway of a turntable can hold most of a
recording's power, and every measure of level, crest or distribution would speak of it. It is taken
out before a recording is analysed, never from what is written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.audio.gate import Audio

PASSED_HZ, STOPPED_HZ = 20.0, 12.0
"""Above the one all is kept, below the other nothing; a raised cosine between."""

MATTERS = 3e-3
"""Share of the power (-25 dB) below which what lies under 20 Hz changes no measure."""

_BLOCKS_PER_SECOND = 1_000
_PAD = 200


def infrasound_share(audio: Audio, sample_rate: int) -> float:
    """Share of a recording's power that lies below 20 Hz, direct current included; 0 to 1.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        0 to 1.
    """
    slow = _slow(audio, sample_rate)
    if slow is None:
        return 0.0
    total = float(np.einsum("cs,cs->", audio, audio, dtype=np.float64)) / audio.shape[1]
    below = float(np.square(slow).sum()) / slow.shape[1]
    return min(1.0, below / total) if total > 0 else 0.0


def without_infrasound(audio: Audio, sample_rate: int) -> Audio:
    """Audio without what lies below 20 Hz; the very same array where there is hardly anything.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (channels, samples)
        In phase with the input, sample by sample. What is shorter than 50 ms loses its mean only.

    Notes
    -----
    The slow part is found in means of a millisecond, where it costs next to nothing, and
    interpolated back. Sound that folds down in those means does so at least 34 dB lower.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        slow = _slow(audio, sample_rate)
        if slow is None or not np.isfinite(slow).all():
            return audio
        total = np.einsum("cs,cs->", audio, audio) / audio.shape[1]
        if float(np.square(slow).sum()) / slow.shape[1] <= MATTERS * total:
            return audio
    block = _block(sample_rate)
    centres = (np.arange(slow.shape[1]) + 0.5) * block - 0.5
    samples = np.arange(audio.shape[1])
    result = np.empty_like(audio)
    for channel, values in enumerate(slow):
        result[channel] = audio[channel] - np.interp(samples, centres, values)
    return result


def _block(sample_rate: int) -> int:
    return max(1, round(sample_rate / _BLOCKS_PER_SECOND))


def _slow(audio: Audio, sample_rate: int) -> NDArray[np.float64] | None:
    """The part below 20 Hz as a value for each block, ``(channels, blocks)``."""
    block = _block(sample_rate)
    count = audio.shape[1] // block
    if count == 0:
        return None
    cut = audio[:, : count * block].reshape(audio.shape[0], count, block)
    # A product with ones is many times faster than a mean over so short an axis.
    means = np.asarray(cut @ np.ones(block, dtype=cut.dtype), dtype=np.float64) / block
    if count < 50:
        return np.repeat(means.mean(axis=1, keepdims=True), count, axis=1)
    # Mirrored ends: a recording does not go on from its end at its beginning.
    pad = min(_PAD, count - 1)
    padded = np.pad(means, ((0, 0), (pad, pad)), mode="reflect")
    size = sfft.next_fast_len(padded.shape[1], real=True)
    padded = np.pad(padded, ((0, 0), (0, size - padded.shape[1])), mode="edge")
    spectrum = sfft.rfft(padded, axis=1)
    hertz = np.arange(spectrum.shape[1]) * sample_rate / block / size
    share = np.clip((hertz - STOPPED_HZ) / (PASSED_HZ - STOPPED_HZ), 0.0, 1.0)
    spectrum *= 0.5 + 0.5 * np.cos(np.pi * share)
    return np.asarray(sfft.irfft(spectrum, size, axis=1)[:, pad : pad + count])
