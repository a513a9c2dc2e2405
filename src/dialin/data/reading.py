"""Decoding just the part of a song that is needed, at the rate that is needed.

Samples above full scale, which lossy files decode to, are left as they are: levels are set later
by scaling, and nothing is clipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from dialin.audio import Audio, AudioReader
from dialin.data.songs import Part, SongTrack
from dialin.data.stems import read_stem
from dialin.files import atomic_file

CHUNK = 1 << 20
"""Samples decoded at a time when a whole song is."""
GUARD = 64
"""Output samples decoded on each side, so that the resampler's start is not heard."""


def _decode(part: Part, start: int, frames: int) -> Audio:
    """Samples ``[start, start + frames)`` of a part, ``(channels, frames)``; zeros outside."""
    first, last = max(0, start), min(part.frames, start + frames)
    if first >= last:
        return np.zeros((1, frames), np.float32)
    if part.stem >= 0:
        rate = part.sample_rate
        data = read_stem(part.path, part.stem, first / rate, (last - first) / rate)
    else:
        with AudioReader(part.path) as file:
            file.seek(first)
            data = file.read(last - first)
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


def _grid(part: Part, sample_rate: int, speed: float = 1.0) -> Fraction:
    """Output samples for each sample of the file."""
    ratio = Fraction(sample_rate, part.sample_rate) / Fraction(speed).limit_denominator(64)
    return ratio.limit_denominator(400)


def _read_part(part: Part, first: int, samples: int, ratio: Fraction, channels: int) -> Audio:
    """Output samples ``[first, first + samples)`` of a part; zeros outside.

    Wherever they start, they are those of the whole part resampled at once: what is decoded
    starts at a multiple of the ratio's denominator.
    """
    if ratio == 1:
        return _channels(_decode(part, first, samples), channels)
    before = math.floor((first - GUARD) / ratio.numerator)
    start = before * ratio.denominator
    skip = first - before * ratio.numerator
    wanted = math.ceil((skip + samples + GUARD) / ratio)
    raw = _channels(_decode(part, start, wanted), channels)
    out = resample_poly(raw, ratio.numerator, ratio.denominator, axis=-1)
    piece: Audio = out[:, skip : skip + samples].astype(np.float32)
    # The filter rings past the end of the part; the part does not.
    piece[:, max(0, math.ceil(part.frames * ratio) - first) :] = 0.0
    return piece


def read_track(
    track: SongTrack,
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
    track : SongTrack
        What is decoded.
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
    return _assemble(track, start, samples, sample_rate, channels, speed, _read_part)


def _assemble(
    track: SongTrack,
    start: float,
    samples: int,
    sample_rate: int,
    channels: int,
    speed: float,
    read: Callable[[Part, int, int, Fraction, int], Audio],
) -> Audio:
    """Read through the parts of a track, end to end."""
    pieces: list[Audio] = []
    missing = samples
    position = start
    for part in track.parts:
        if position >= part.seconds:
            position -= part.seconds
            continue
        ratio = _grid(part, sample_rate, speed)
        first = round(position * part.sample_rate * ratio)
        left = math.ceil(part.frames * ratio) - first
        count = missing if part is track.parts[-1] else min(missing, max(left, 0))
        pieces.append(read(part, first, count, ratio, channels))
        missing -= count
        position = 0.0
        if not missing:
            break
    audio = np.concatenate(pieces, axis=1) if pieces else np.zeros((channels, 0), np.float32)
    return np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))


class ReadingCache:
    """A bounded folder of decoded songs, shared by processes and by recipes.

    A song is decoded and resampled whole when it is first needed; from then on reading it costs
    next to nothing. It changes no result, except that decoders of MP3 and AAC start anew at a
    seek, so that their samples differ a little near it. What it holds is named by all that decided
    it. Nothing is added once it is full; songs of more than `LONGEST` seconds are not kept.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    gigabytes : float, default 8.0
        What it may hold.
    """

    LONGEST = 1800.0

    def __init__(self, folder: str | os.PathLike[str], gigabytes: float = 8.0) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        # A quarter of what is free, at most: the rest is for what the songs are decoded for.
        self._limit = min(gigabytes * 2**30, 0.25 * shutil.disk_usage(self.folder).free)
        self._used = float(sum(p.stat().st_size for p in self.folder.glob("*.npy")))

    def read(
        self,
        track: SongTrack,
        start: float,
        samples: int,
        sample_rate: int,
        *,
        channels: int = 1,
        speed: float = 1.0,
    ) -> Audio:
        """As `read_track`, from the folder where it is there.

        Parameters
        ----------
        track : SongTrack
            What is decoded.
        start : float
            In seconds.
        samples : int
            How many are wanted.
        sample_rate : int
            Wanted rate in hertz.
        channels : int, default 1
            1 mixes down; 2 doubles mono.
        speed : float, default 1.0
            How many times as fast it is played, pitch included.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Zeros past the end of the track.
        """
        # Played at another speed a song has another grid, which is not worth keeping.
        read = self._read_part if speed == 1.0 else _read_part
        return _assemble(track, start, samples, sample_rate, channels, speed, read)

    def _read_part(
        self, part: Part, first: int, samples: int, ratio: Fraction, channels: int
    ) -> Audio:
        whole = self._whole(part, ratio, channels)
        if whole is None:
            return _read_part(part, first, samples, ratio, channels)
        audio = np.zeros((channels, samples), np.float32)
        piece = whole[:, max(first, 0) : max(first + samples, 0)]
        audio[:, max(-first, 0) : max(-first, 0) + piece.shape[1]] = piece
        return audio

    def _whole(self, part: Part, ratio: Fraction, channels: int) -> Audio | None:
        stamp = [part.path, Path(part.path).stat().st_mtime_ns, part.stem, part.frames]
        key = repr((stamp, str(ratio), channels))
        file = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        with contextlib.suppress(OSError, ValueError):
            kept: Audio = np.load(file, mmap_mode="r")
            return kept
        length = math.ceil(part.frames * ratio)
        if part.seconds > self.LONGEST or self._used + 4 * channels * length > self._limit:
            return None
        with atomic_file(file) as temporary:
            whole = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=np.float32, shape=(channels, length)
            )
            for first in range(0, length, CHUNK):
                count = min(CHUNK, length - first)
                whole[:, first : first + count] = _read_part(part, first, count, ratio, channels)
            whole.flush()
        self._used += whole.nbytes
        return whole
