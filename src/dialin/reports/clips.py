"""What lies in a page to listen to: FLAC clips, and the gains they are played with.

Conventions: loudness is that of what a browser plays, `dialin.audio.played_loudness`: a mono clip
comes from both loudspeakers. It is measured of the very samples that lie in the page, after they
were made fewer or mono to save room.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dialin.audio import Audio, peak_dbfs, played_loudness, resample

Kind = Literal["input", "matched", "nearest", "reference"]

AUDIO_BYTES = 5_200_000
"""FLAC that a page may carry; base64 makes a third more of it."""

LOUDEST = -16.0
"""Loudness that tracks are matched at, in LUFS, unless a peak does not allow it."""


@dataclass(frozen=True, eq=False)
class Track:
    """One thing to listen to.

    Attributes
    ----------
    kind : {"input", "matched", "nearest", "reference"}
        `nearest` is the input through the nearest candidate of a match that is not sure.
    title : str
        Such as a file's name.
    audio : ndarray, shape (channels, samples)
        The excerpt to play and draw.
    sample_rate : int
    start : float
        Where in its recording the excerpt begins, in seconds.
    """

    kind: Kind
    title: str
    audio: Audio
    sample_rate: int
    start: float = 0.0


@dataclass(frozen=True, eq=False)
class Clip:
    """A track as it lies in the page.

    Attributes
    ----------
    flac : str
        16-bit FLAC in base64.
    sample_rate : int
    seconds : float
    restore : float
        Factor that gives the clip the track's own level back.
    loudness : float or None
        In LUFS as a browser plays it at its own level; None for silence.
    peak : float or None
        In dBFS at its own level; None for silence.
    match_db, natural_db : float
        Gain with equal loudness on, and off.
    """

    flac: str
    sample_rate: int
    seconds: float
    restore: float
    loudness: float | None
    peak: float | None
    match_db: float = 0.0
    natural_db: float = 0.0


def equally_loud(clips: Sequence[Clip]) -> list[Clip]:
    """Find the gains at which clips are equally loud.

    The common loudness is the highest at which no clip's peak passes -0.5 dBFS, but -16 LUFS at
    most. With equal loudness off the clips keep their levels to each other, turned down together
    if one would otherwise clip.

    Parameters
    ----------
    clips : sequence of Clip
        From `compress`.

    Returns
    -------
    list of Clip
        The same with gains.
    """
    heard = [(c.loudness, c.peak) for c in clips if c.loudness is not None and c.peak is not None]
    target = min([LOUDEST, *(loudness - peak - 0.5 for loudness, peak in heard)])
    natural = min([0.0, *(-0.1 - peak for _, peak in heard)])
    return [
        replace(
            clip,
            match_db=0.0 if clip.loudness is None else round(target - clip.loudness, 2),
            natural_db=round(natural, 2),
        )
        for clip in clips
    ]


def compress(track: Track, limit: int, loudness: float | None = None) -> Clip:
    """Compress to 16-bit FLAC; mono and then lower rates are the way to stay below a limit.

    Parameters
    ----------
    track : Track
        What is to be heard.
    limit : int
        Bytes that it may have.
    loudness : float, optional
        `played_loudness` of the track, where it is known.

    Returns
    -------
    Clip
        Without gains.
    """
    import soundfile

    audio, rate = track.audio[:2], track.sample_rate
    highest = 48_000
    while True:
        target = rate
        while target > highest:
            target = target // 2 if target % 2 == 0 else highest
        sound = resample(audio, rate, target)
        peak = float(np.abs(sound).max(initial=0.0))
        scale = min(1.0, 0.999 / peak) if peak > 0 else 1.0
        buffer = io.BytesIO()
        soundfile.write(buffer, (sound * scale).T, target, format="FLAC", subtype="PCM_16")
        flac = buffer.getvalue()
        if len(flac) <= limit or (audio.shape[0] == 1 and highest <= 12_000):
            break
        if highest > 24_000:
            highest //= 2
        elif audio.shape[0] == 2:
            audio = audio.mean(axis=0, keepdims=True)
        else:
            highest //= 2
    if loudness is None or target != rate or sound.shape != track.audio.shape:
        loudness = played_loudness(sound, target)
    level = peak_dbfs(sound)
    silent = not (np.isfinite(loudness) and np.isfinite(level))
    return Clip(
        flac=base64.b64encode(flac).decode("ascii"),
        sample_rate=target,
        seconds=sound.shape[1] / target,
        restore=1.0 / scale,
        loudness=None if silent else loudness,
        peak=None if silent else level,
    )
