"""Front end in NumPy: from a waveform to what networks see. `frontend` is its twin in torch.

Conventions: Hann window (periodic), ``(fft - hop) / 2`` zeros at both ends, so that an excerpt of
``frames * hop`` samples gives `frames` frames. The waveform is scaled to an RMS of one, so that its
level changes nothing; the power spectrum is divided by the window's energy, so that white noise of
that level measures 0 dB in every bin; mel bands are means of power over Slaney's triangles.
Levels in decibels have a soft floor, are shifted and scaled to about zero mean and unit variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio.fourier import rfft
from dialin.audio.mel import mel_filters
from dialin.errors import RecipeError

SILENCE = 1e-5
"""RMS that is added before scaling, so that silence stays silent."""

LONGEST = 65_536
"""Largest window, in samples."""


@dataclass(frozen=True)
class FrontEndConfig:
    """What decides features.

    Attributes
    ----------
    kind : {"mel", "linear"}
        Mel bands, or means over neighbouring bins of the spectrum.
    sample_rate : int
        In hertz.
    fft, hop : int
        In samples; `hop` divides `fft`.
    bands : int
        Rows of the result.
    level : {"rms", "none"}
        Scale the waveform to an RMS of one, or leave it as it is.
    floor_db : float
        Level that is added to every level as noise would be.
    mean_db, scale_db : float
        Features are ``(level - mean_db) / scale_db``.
    """

    kind: Literal["mel", "linear"] = "mel"
    sample_rate: int = 24_000
    fft: int = 2048
    hop: int = 512
    bands: int = 128
    level: Literal["rms", "none"] = "rms"
    floor_db: float = -70.0
    mean_db: float = -20.0
    scale_db: float = 20.0

    def __post_init__(self) -> None:
        if self.kind not in ("mel", "linear") or self.level not in ("rms", "none"):
            raise RecipeError(
                f"front_end.kind = {self.kind!r} and level = {self.level!r}: use mel or linear, "
                "and rms or none"
            )
        if not 1000 <= self.sample_rate <= 768_000:
            raise RecipeError(
                f"front_end.sample_rate = {self.sample_rate}: use 1000 to 768000 hertz"
            )
        if self.fft > LONGEST:
            raise RecipeError(f"front_end.fft = {self.fft}: use at most {LONGEST}")
        if self.fft < 16 or self.hop < 1 or (self.fft - self.hop) % 2 or self.hop > self.fft:
            raise RecipeError(
                f"front_end.fft = {self.fft} and hop = {self.hop}: fft must be at least 16, not "
                "below hop, and their difference even"
            )
        if not 2 <= self.bands <= self.fft // 2:
            raise RecipeError(f"front_end.bands = {self.bands}: use 2 to fft / 2 = {self.fft // 2}")
        if self.scale_db <= 0:
            raise RecipeError(f"front_end.scale_db = {self.scale_db:g}: use a positive number")

    def frames(self, samples: int) -> int:
        """Frames of so many samples.

        Parameters
        ----------
        samples : int
            One hop at least.

        Returns
        -------
        int
        """
        return (samples - self.hop) // self.hop + 1

    @property
    def floor(self) -> float:
        """The floor as a power."""
        return float(10.0 ** (self.floor_db / 10.0))


@lru_cache(maxsize=8)
def window(fft: int) -> NDArray[np.float32]:
    """Hann window of energy one, so that noise of unit variance has unit power in every bin.

    Parameters
    ----------
    fft : int
        Its length in samples.

    Returns
    -------
    ndarray, float32, shape (fft,)
    """
    # A periodic Hann window; that of scipy.signal takes half a second to import.
    shape = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, fft + 1)[:-1])
    result: NDArray[np.float32] = (shape / np.sqrt(np.square(shape).sum())).astype(np.float32)
    return result


@lru_cache(maxsize=8)
def band_weights(config: FrontEndConfig) -> NDArray[np.float32]:
    """Weights of spectral bins in each band, shape ``(bands, 1 + fft // 2)``, rows of sum one.

    Parameters
    ----------
    config : FrontEndConfig
        What decides features.

    Returns
    -------
    ndarray, float32, shape (bands, 1 + fft // 2)

    Raises
    ------
    RecipeError
        If a band would be left without a bin.
    """
    bins = 1 + config.fft // 2
    if config.kind == "mel":
        weights = mel_filters(config.sample_rate, config.bands, config.fft).astype(np.float64)
        empty = np.flatnonzero(weights.sum(axis=1) == 0)
        if empty.size:
            raise RecipeError(
                f"front_end.bands = {config.bands} with fft = {config.fft} at "
                f"{config.sample_rate} Hz leaves mel band {empty[0]} without a bin; use fewer "
                "bands or a longer fft"
            )
    else:
        # Bin 0 is left out: it is the offset, and what is left divides evenly more often.
        edges = np.linspace(1, bins, config.bands + 1)
        left, right = edges[:-1, None], edges[1:, None]
        low = np.arange(bins)
        weights = np.clip(np.minimum(right, low + 1) - np.maximum(left, low), 0.0, None)
    result: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def features(audio: NDArray[np.float32], config: FrontEndConfig) -> NDArray[np.float32]:
    """Features of waveforms.

    Parameters
    ----------
    audio : ndarray, shape (batch, samples)
        At ``config.sample_rate``, at least one hop long.
    config : FrontEndConfig
        What decides features.

    Returns
    -------
    ndarray, float32, shape (batch, bands, frames)
        About zero mean and unit variance for music.

    Raises
    ------
    RecipeError
        If the waveforms are of another shape, or shorter than a hop.
    """
    audio = np.asarray(audio, np.float32)
    if audio.ndim != 2 or audio.shape[1] < config.hop:
        raise RecipeError(
            f"features need waveforms of shape (batch, samples) with at least {config.hop} "
            f"samples, not {audio.shape}"
        )
    if config.level == "rms":
        rms = np.sqrt(np.mean(np.square(audio), axis=1, keepdims=True, dtype=np.float64))
        audio = (audio / (rms + SILENCE)).astype(np.float32)
    margin = (config.fft - config.hop) // 2
    padded = np.pad(audio, ((0, 0), (margin, margin)))
    view = np.lib.stride_tricks.sliding_window_view(padded, config.fft, axis=1)
    spectrum = rfft(view[:, :: config.hop] * window(config.fft), axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    levels = 10.0 * np.log10(power @ band_weights(config).T + np.float32(config.floor))
    scaled = (levels - config.mean_db) / config.scale_db
    return np.ascontiguousarray(scaled.transpose(0, 2, 1), dtype=np.float32)
