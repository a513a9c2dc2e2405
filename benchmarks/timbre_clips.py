"""What the study of timbre does with single clips, in worker processes; see ``timbre_study.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialin.audio import audio_info, read_audio
from dialin.audio.excerpts import SILENCE_MEAN_SQUARE, silence_level
from dialin.errors import AudioError, DialinError
from dialin.timbre import ATTRIBUTES, timbre

SECONDS = 5.0
PEAK = 10.0 ** (-12.0 / 20.0)
LEAST_LIKENESS = 0.75
"""Cosine of mean MFCCs before and after an effect under which the result is nonsense."""


@dataclass(frozen=True)
class Excerpt:
    """A piece of a song, mono, at a peak of -12 dBFS; timbre in order, and `mean_mfcc`."""

    name: str
    audio: NDArray[np.float32]
    rate: int
    values: tuple[float, ...]
    mfcc: tuple[float, ...]


def mean_mfcc(audio: NDArray[np.float32], rate: int) -> tuple[float, ...]:
    """Mean of 30 cepstral coefficients over 60 mel bands: (30,)."""
    from scipy import fft

    rows = np.lib.stride_tricks.sliding_window_view(audio[0], 2048)[::1024]
    power = np.abs(fft.rfft(rows * np.hanning(2048).astype(np.float32), axis=1)) ** 2
    hertz = np.fft.rfftfreq(2048, 1.0 / rate)
    mel = np.log1p(hertz / 700.0)
    edges = np.linspace(mel[0], mel[-1], 62)
    rise = (mel - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - mel) / np.diff(edges)[1:, None]
    bands = np.log(power @ np.maximum(0.0, np.minimum(rise, fall)).T + 1e-10)
    return tuple(fft.dct(bands, norm="ortho", axis=1)[:, :30].mean(axis=0).tolist())


def _normalised(audio: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Mono at the working peak, or None where it is silent."""
    mono = audio.mean(axis=0, keepdims=True)
    peak = float(np.abs(mono).max())
    if not peak > 1e-6:
        return None
    mono = np.asarray(mono * np.float32(PEAK / peak))
    return mono if silence_level(mono) >= SILENCE_MEAN_SQUARE else None


def prepare(path: str, fraction: float) -> Excerpt | str:
    """Cut and measure an excerpt; a word for why not instead, where it cannot be used."""
    try:
        info = audio_info(path)
        frames = round(SECONDS * info.sample_rate)
        start = int(fraction * (info.frames - frames))
        audio, rate = read_audio(path, start=start, frames=frames)
        mono = _normalised(audio)
        if mono is None:
            return "silent"
        values = timbre(mono, rate)
    except DialinError:
        return "unreadable"
    name = f"{Path(path).name}@{start / rate:.2f}"
    in_order = tuple(values[a] for a in ATTRIBUTES)
    return Excerpt(name, mono, rate, in_order, mean_mfcc(mono, rate))


def measure_render(
    audio: NDArray[np.float32], rate: int, dry_mfcc: Sequence[float]
) -> tuple[float, ...] | str:
    """Timbre of a render, or a word for why it is rejected; runs where the effect runs."""
    try:
        mono = _normalised(audio)
        if mono is None:
            return "silent"
        a, b = np.array(dry_mfcc), np.array(mean_mfcc(mono, rate))
        if not a @ b >= LEAST_LIKENESS * np.sqrt((a @ a) * (b @ b)):
            return "nonsense"
        values = timbre(mono, rate)
    except AudioError:
        return "not finite"
    return tuple(values[name] for name in ATTRIBUTES)
