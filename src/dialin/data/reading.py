"""Decoding just the part of a song that is needed, at the rate that is needed.

Samples above full scale, which lossy files decode to, are left as they are: levels are set later
by scaling, and nothing is clipped.
"""

from __future__ import annotations

import hashlib
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from dialin.audio import Audio
from dialin.data.songs import Part, Track
from dialin.errors import AudioFileError, UsageError

GUARD = 64
"""Output samples decoded on each side, so that the resampler's start is not heard."""


def _stempeg() -> Any:
    try:
        import stempeg  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise UsageError(
            "MUSDB18's .stem.mp4 files need stempeg and ffmpeg: pip install 'dialin[data]'"
        ) from error
    except (OSError, RuntimeError) as error:
        raise UsageError(f"stempeg cannot find ffmpeg and ffprobe; install ffmpeg ({error})") from (
            error
        )
    return stempeg


def stem_info(path: Path) -> tuple[int, int]:
    """Length in samples and rate of a stem file."""
    info = _stempeg().Info(str(path))
    return int(info.duration(0) * info.sample_rate(0)), int(info.sample_rate(0))


def _decode(part: Part, start: int, frames: int) -> Audio:
    """Samples ``[start, start + frames)`` of a part, ``(channels, frames)``; zeros outside."""
    first, last = max(0, start), min(part.frames, start + frames)
    if first >= last:
        return np.zeros((1, frames), np.float32)
    if part.stem >= 0:
        data, _ = _stempeg().read_stems(
            part.path,
            stem_id=part.stem,
            start=first / part.sample_rate,
            duration=(last - first) / part.sample_rate,
            dtype=np.float32,
        )
        data = np.asarray(data, np.float32).reshape(-1, data.shape[-1])
    else:
        import soundfile

        try:
            with soundfile.SoundFile(part.path) as file:
                file.seek(first)
                data = file.read(last - first, dtype="float32", always_2d=True)
        except (RuntimeError, OSError) as error:
            raise AudioFileError(f"{part.path!r} cannot be read at {first}: {error}") from error
    out = np.zeros((data.shape[1], frames), np.float32)
    count = min(data.shape[0], last - first)
    out[:, first - start : first - start + count] = data[:count].T
    # A float file may hold anything; what is not a number is not heard.
    if not np.isfinite(out.sum()):
        np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return out


def _channels(audio: Audio, channels: int) -> Audio:
    if audio.shape[0] == channels:
        return audio
    if channels == 1:
        mixed: Audio = audio.mean(axis=0, keepdims=True, dtype=np.float32)
        return mixed
    return np.repeat(audio[:1], channels, axis=0) if audio.shape[0] == 1 else audio[:channels]


def _read_part(
    part: Part, start: float, samples: int, sample_rate: int, channels: int, speed: float
) -> Audio:
    ratio = Fraction(sample_rate, part.sample_rate) / Fraction(speed).limit_denominator(64)
    ratio = ratio.limit_denominator(400)
    guard = 0 if ratio == 1 else GUARD
    first = math.floor(start * part.sample_rate) - math.ceil(guard / ratio)
    raw = _channels(_decode(part, first, math.ceil((samples + 2 * guard) / ratio) + 1), channels)
    if ratio != 1:
        raw = resample_poly(raw, ratio.numerator, ratio.denominator, axis=-1)
    skip = round(math.ceil(guard / ratio) * ratio)
    out = np.zeros((channels, samples), np.float32)
    piece = raw[:, skip : skip + samples]
    out[:, : piece.shape[1]] = piece
    return out


def read_track(
    track: Track,
    start: float,
    samples: int,
    sample_rate: int,
    *,
    channels: int = 1,
    speed: float = 1.0,
) -> Audio:
    """Decode part of a track.

    Parameters
    ----------
    track : Track
    start : float
        In seconds.
    samples, sample_rate : int
        How much is wanted, at which rate in hertz.
    channels : int
        1 mixes down; 2 doubles mono.
    speed : float
        Play it so many times as fast, pitch included (kept to a 64th).

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Zeros past the end of the track.
    """
    pieces: list[Audio] = []
    missing = samples
    position = start
    for part in track.parts:
        if position >= part.seconds:
            position -= part.seconds
            continue
        left = math.ceil((part.seconds - position) / speed * sample_rate)
        count = missing if part is track.parts[-1] else min(missing, left)
        pieces.append(_read_part(part, position, count, sample_rate, channels, speed))
        missing -= count
        position = 0.0
        if not missing:
            break
    audio = np.concatenate(pieces, axis=1) if pieces else np.zeros((channels, 0), np.float32)
    return np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))


class ReadingCache:
    """A bounded folder of decoded excerpts, shared by processes and by recipes of one seed.

    It never changes a result: what it holds is named by all that decided it. Nothing is added
    once it is full.
    """

    def __init__(self, folder: str | os.PathLike[str], gigabytes: float = 4.0) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._limit = gigabytes * 2**30
        self._used = float(sum(p.stat().st_size for p in self.folder.glob("*.npy")))

    def read(
        self,
        track: Track,
        start: float,
        samples: int,
        sample_rate: int,
        *,
        channels: int = 1,
        speed: float = 1.0,
    ) -> Audio:
        """As `read_track`, from the folder where it is there."""
        stamps = [[p.path, Path(p.path).stat().st_mtime_ns, p.stem] for p in track.parts[:1]]
        key = repr((track.identity(), stamps, start, samples, sample_rate, channels, speed))
        file = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        try:
            cached: Audio = np.load(file)
            return cached
        except (OSError, ValueError):
            pass
        audio = read_track(track, start, samples, sample_rate, channels=channels, speed=speed)
        if self._used + audio.nbytes < self._limit:
            temporary = file.with_suffix(f".{os.getpid()}.part")
            with temporary.open("wb") as handle:
                np.save(handle, audio)
            temporary.replace(file)
            self._used += audio.nbytes
        return audio
