"""How a recording's spectrum moves: the energy of short-time cepstra by quefrency and rate.

Chorus, flangers, phasers and rotary speakers move combs and tilts of the spectrum to and fro. What
a frame of 27 ms (and one of 80 ms, for combs of long lags) shows of them is a cepstrum; how each
part of it moves is a modulation spectrum. Unlike a rate that is looked for
(`dialin.measures.motion_ear`), this tells deep motion from shallow, and slow from fast, though no
line stands out. Used beside the style distance where an effect of the chain moves: to smooth
effects it says nothing that the style features do not.

Conventions
-----------
* Features are in dB; those of a recording too short for a rate, and those of left over right where
  one of both recordings is mono, are NaN and take no part.
* The music's own motion is in them too. What two halves of one song differ by is the *content
  noise*, measured by ``benchmarks/trajectory_noise.py`` on songs kept out of every table.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.short_cepstra import HIGHEST_HZ, LONG, SHORT, Floats, frame_cepstra
from dialin.measures.transforms import hann

FRAMES = ((SHORT, HIGHEST_HZ), (LONG, 3_000.0))
"""Seconds of a frame, and end in hertz of its band."""

RATES_HZ = (0.1, 0.4, 1.0, 2.5, 6.0, 12.0, 20.0)
"""Edges of the bands of rates."""

QUEFRENCIES = 12
"""Bands of quefrency, the first of which is the level."""

LIMIT = 6.0
"""Differences count up to so many times the content noise."""

FLOOR = 1e-3
LONGEST = 30.0
"""Seconds of a recording that are looked at, at most."""

MOST_HZ = 0.45
"""Highest frequency that counts, as a share of the rate."""


def trajectory_features(audio: Audio, sample_rate: int) -> Floats:
    """Energy of the motion of short-time cepstra.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Of more than two channels the first two.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (features,)
        In dB: by view (mean level, left over right), length of frames, rate and quefrency.
    """
    sound = audio[:2, : round(LONGEST * sample_rate)]
    views = [_Views(sound, sample_rate, frame, end) for frame, end in FRAMES]
    return np.concatenate([v.features(view) for view in range(2) for v in views])


class _Views:
    """Short-time cepstra of one length of frames."""

    def __init__(self, audio: Audio, sample_rate: int, frame: float, end: float) -> None:
        highest = min(end, MOST_HZ * sample_rate)
        self._cepstra = frame_cepstra(audio, sample_rate, frame, highest)
        self._step = frame / 4
        # As if the band were whole: a quefrency is a time, however far the band reaches.
        self._scale = highest / end
        self._edges = _edges(round(end * frame))

    def features(self, view: int) -> Floats:
        count = len(RATES_HZ) - 1
        nothing = np.full(count * (self._edges.size - 1), np.nan)
        if view >= self._cepstra.shape[0] or self._cepstra.shape[1] < 8:
            return nothing
        rows = self._cepstra[view]
        frames, bins = rows.shape
        # Numbers of frames have large primes in them, which makes transforms six times as slow.
        size = sfft.next_fast_len(frames, real=True)
        window = hann(frames)[:, None].astype(np.float32)
        spectrum = sfft.rfft(rows * window, size, axis=0)
        rates = np.arange(spectrum.shape[0]) / (size * self._step)
        bounds = np.searchsorted(rates, RATES_HZ)
        spectrum = spectrum[: bounds[-1]]
        power = (spectrum.real**2 + spectrum.imag**2) / frames
        # Sums up to each quefrency, the differences of which are those of bands.
        upto = np.zeros((count, bins + 1))
        for energy, low, high in zip(upto, bounds[:-1], bounds[1:], strict=True):
            energy[1:] = power[low:high].mean(axis=0) if high > low else np.nan
        upto = np.cumsum(upto, axis=1)
        edges = np.minimum(np.round(self._edges * self._scale).astype(int), bins)
        wide = np.diff(edges)
        means = np.diff(upto[:, edges], axis=1) / np.where(wide > 0, wide, np.nan)
        return np.asarray(10 * np.log10(means + FLOOR).ravel())


@functools.cache
def _edges(bins: int) -> NDArray[np.int64]:
    """Edges of bands of quefrency: the level alone, then wider and wider."""
    return np.unique(np.concatenate([[0], np.geomspace(1, bins, QUEFRENCIES).astype(int)]))


@functools.cache
def trajectory_noise() -> Floats:
    """Standard deviation of each feature's difference between halves of one song.

    Returns
    -------
    ndarray, float64, shape (features,)
    """
    text = files("dialin.matching").joinpath("trajectory_noise.json").read_text("utf-8")
    return np.array(json.loads(text)["noise"], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TrajectoryTarget:
    """How references move.

    Attributes
    ----------
    features : ndarray, shape (references, features)
    shares : ndarray, shape (references,)
        How much each counts; sums to 1.
    """

    features: Floats
    shares: Floats

    def distance(self, features: Floats) -> float:
        """Mean absolute difference of the features that can be compared.

        Parameters
        ----------
        features : ndarray, shape (features,)
            From `trajectory_features`.

        Returns
        -------
        float
            In units of content noise; NaN where nothing can be compared.
        """
        total = weight = 0.0
        for row, share in zip(self.features, self.shares, strict=True):
            apart = np.minimum(np.abs(features - row) / trajectory_noise(), LIMIT)
            apart = apart[np.isfinite(apart)]
            if apart.size:
                total += share * float(apart.mean())
                weight += share
        return total / weight if weight > 0 else float("nan")


def make_trajectory_target(
    references: Sequence[tuple[Audio, int, float]],
) -> TrajectoryTarget:
    """Measure references.

    Parameters
    ----------
    references : sequence of (audio, sample_rate, weight)
        What it should sound like.

    Returns
    -------
    TrajectoryTarget
    """
    rows = [trajectory_features(audio, rate) for audio, rate, _ in references]
    shares = np.array([weight for _, _, weight in references], dtype=np.float64)
    return TrajectoryTarget(np.array(rows), shares / shares.sum())
