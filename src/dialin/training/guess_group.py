"""Examples that guessing networks learn from: chains and effects on music, with their settings.

A *group* is made of two stretches of one song, A and B, and some settings that are rendered on
both: first any, then ones near to them, then others. Each render is an example of a reference (the
input is the other stretch), and each two renders of one stretch are an example of how far apart
two settings sound, which teaches a network to judge candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.matching.guessing.gap_features import hear
from dialin.measures.time_features import RecordingFeatures, echo_peaks

Floats = NDArray[np.float64]
Half = NDArray[np.float16]

RATE = 44_100
"""Of chains, in hertz."""

ONE_RATE = 24_000
"""Of single effects, in hertz."""

VARIANTS = 4
"""Settings rendered for each pair of stretches."""

FRAMES = 40
"""Frames of each resolution and channel that `magnitudes_of` keeps."""

LD = ((1024, 600), (2048, 1200), (512, 240))
"""FFT sizes and windows of L_d."""

EPSILON = 1e-8


Propose = Callable[[Audio, Audio, int, Floats, int], list[Floats]]
"""``propose(input, reference, rate, vector, count)`` gives candidates for what made a reference."""


@dataclass(frozen=True, eq=False)
class Group:
    """Renders of one pair of stretches, as a network sees them.

    Attributes
    ----------
    inputs : ndarray, float16, shape (2, features)
        Of A and B.
    renders : ndarray, float16, shape (VARIANTS, 2, features)
        Of each setting on A and on B.
    peaks : ndarray, float16, shape (VARIANTS + 1, 2, 2, values)
        `echo_peaks` of setting and stretch (second) against the input (third); the first row is of
        the untouched stretches.
    vectors : ndarray, float16, shape (VARIANTS, size)
        Settings, as the vocabulary has them.
    distances : ndarray, float16, shape (2, VARIANTS + 1, VARIANTS + 1)
        How far apart renders of one stretch are, estimated: prediction, truth; 0 is untouched.
    usual : bool
        Whether the chain is one of `USUAL`.
    valid : bool
        Whether the song is one for validation.
    """

    inputs: Half
    renders: Half
    peaks: Half
    vectors: Half
    distances: Half
    usual: bool
    valid: bool = False


def magnitudes_of(audio: Audio, seed: int = 0) -> list[NDArray[np.float32]]:
    """A sample of the spectra that L_d is made of.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    seed : int
        Of the frames' places: the same for what is to be compared.

    Returns
    -------
    list of ndarray, float32, shape (frames, bins)
        One for each resolution.
    """
    rng = np.random.default_rng(seed)
    result = []
    for size, length in LD:
        starts = rng.integers(0, max(1, audio.shape[1] - length), FRAMES)
        indices = starts[:, None] + np.arange(length)
        window = np.hanning(length + 1)[:-1].astype(np.float32)
        frames = np.concatenate([channel[indices] for channel in audio]) * window
        spectrum = sfft.rfft(frames, size, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        result.append(np.sqrt(np.maximum(power, EPSILON)))
    return result


def sampled_distances(spectra: Sequence[list[NDArray[np.float32]]]) -> NDArray[np.float32]:
    """L_d of each prediction (row) to each truth (column), from a sample of frames.

    Parameters
    ----------
    spectra : sequence of list of ndarray
        From `magnitudes_of`.

    Returns
    -------
    ndarray, float32, shape (n, n)
    """
    count = len(spectra)
    total = np.zeros((count, count), dtype=np.float32)
    for resolution in range(len(LD)):
        rows = [s[resolution] for s in spectra]
        logs = [np.log(r) for r in rows]
        norms = [float(np.linalg.norm(r)) for r in rows]
        for a in range(count):
            for b in range(a + 1, count):
                log = float(np.abs(logs[a] - logs[b]).mean())
                gap = float(np.linalg.norm(rows[a] - rows[b]))
                total[a, b] += log + gap / max(norms[b], EPSILON)
                total[b, a] += log + gap / max(norms[a], EPSILON)
    return np.asarray(total / len(LD), dtype=np.float32)


def pack_group(
    windows: list[Audio],
    renders: list[list[Audio]],
    vectors: list[Floats],
    rate: int,
    usual: bool,
    *,
    valid: bool = False,
) -> Group:
    """What a network sees of sounds; see `Group`.

    Parameters
    ----------
    windows : list of ndarray
        Two stretches.
    renders : list of list of ndarray
        Of each setting, on both.
    vectors : list of ndarray
        Settings.
    rate : int
        In hertz.
    usual, valid : bool
        As in `Group`.

    Returns
    -------
    Group
    """
    inputs = [hear(x, rate) for x in windows]
    heard = [[hear(x, rate) for x in pair] for pair in renders]
    peaks = [_peaks(inputs, inputs), *(_peaks(inputs, pair) for pair in heard)]
    apart = []
    for side in range(2):
        sounds = [windows[side], *(pair[side] for pair in renders)]
        if rate == ONE_RATE:
            sounds = [to_peak(x, -12.0) for x in sounds]
        apart.append(sampled_distances([magnitudes_of(x) for x in sounds]))
    return Group(
        _half([h.features for h in inputs]),
        _half([[h.features for h in pair] for pair in heard]),
        _half(peaks),
        _half(vectors),
        _half(apart),
        usual,
        valid,
    )


def _peaks(
    inputs: Sequence[RecordingFeatures], sounds: Sequence[RecordingFeatures]
) -> list[list[Any]]:
    return [[echo_peaks(x, sound) for x in inputs] for sound in sounds]


def _half(values: Any) -> Half:
    return np.clip(np.asarray(values, dtype=np.float32), -6e4, 6e4).astype(np.float16)
