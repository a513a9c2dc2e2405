"""Choosing the parts of a recording worth analysing."""

from __future__ import annotations

import numpy as np

from dialin.audio.gate import Audio

SILENCE_MEAN_SQUARE = 1e-5
"""Mean square below which an excerpt counts as silent (-50 dBFS)."""


def silence_level(audio: Audio) -> float:
    """Mean square of the samples over all channels; compare with `SILENCE_MEAN_SQUARE`."""
    return float(np.mean(np.square(audio, dtype=np.float64)))


def active_excerpts(
    audio: Audio, sample_rate: int, *, seconds: float = 10.0, pieces: int = 2
) -> list[slice]:
    """Places of the most active excerpts, in time order.

    The recording is cut into windows of ``seconds / pieces``; windows are ranked by their median
    short-term level (50 ms blocks), which prefers sustained material to a single hit, and the
    best ones that do not overlap are returned. A recording no longer than `seconds` is returned
    whole.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
    sample_rate : int
        In hertz.
    seconds : float
        Total length wanted.
    pieces : int
        How many excerpts to spread it over.

    Returns
    -------
    list of slice
        Along the sample axis.
    """
    samples = audio.shape[-1]
    if samples <= int(seconds * sample_rate):
        return [slice(0, samples)]
    block = max(1, int(0.05 * sample_rate))
    per_piece = max(1, int(seconds * sample_rate / pieces / block))
    blocks = samples // block
    level = np.zeros(blocks)
    for channel in audio:
        trimmed = channel[: blocks * block].reshape(blocks, block)
        level += np.einsum("ij,ij->i", trimmed, trimmed, dtype=np.float64)
    level = 10 * np.log10(level / block + 1e-12)
    hop = max(1, per_piece // 4)
    starts = np.arange(0, blocks - per_piece + 1, hop)
    scores = np.array([np.median(level[s : s + per_piece]) for s in starts])
    chosen: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        start = int(starts[index])
        if all(abs(start - other) >= per_piece for other in chosen):
            chosen.append(start)
        if len(chosen) == pieces:
            break
    return [slice(s * block, (s + per_piece) * block) for s in sorted(chosen)]
