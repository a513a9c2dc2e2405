"""What a page shows and plays of one track, which several processes can make side by side."""

from __future__ import annotations

from dataclasses import dataclass

from dialin.audio import peak_dbfs, played_loudness
from dialin.reports.charts import Curve, level_distribution, loudness_spectrum, outline
from dialin.reports.clips import Clip, Track, compress
from dialin.reports.report import PlayedReport


@dataclass(frozen=True, eq=False)
class DrawnTrack:
    """A track as it lies in a page.

    Attributes
    ----------
    played : PlayedReport
        Its level facts.
    clip : Clip
        To listen to, without gains.
    outline : str
        Points of a polygon.
    spectrum : Curve
        In dB re its loudness.
    levels : Curve
        How often which level occurs.
    """

    played: PlayedReport
    clip: Clip
    outline: str
    spectrum: Curve
    levels: Curve


def draw_track(track: Track, limit: int) -> DrawnTrack:
    """Make what a page holds of a track.

    Parameters
    ----------
    track : Track
        What is to be heard and seen.
    limit : int
        Bytes that its clip may have.

    Returns
    -------
    DrawnTrack
    """
    audio, rate = track.audio, track.sample_rate
    loudness = played_loudness(audio, rate)
    clip = compress(track, limit, loudness)
    played = PlayedReport(
        kind=track.kind,
        name=track.title,
        start=track.start,
        seconds=audio.shape[1] / rate,
        sample_rate=rate,
        channels=audio.shape[0],
        loudness_lufs=loudness,
        peak_dbfs=peak_dbfs(audio),
    )
    peak = 10 ** ((clip.peak or 0.0) / 20)
    return DrawnTrack(
        played,
        clip,
        outline(audio, gain=0.95 / max(peak, 1e-6)),
        Curve(track.title, track.kind, *loudness_spectrum(audio, rate, loudness)),
        Curve(track.title, track.kind, *level_distribution(audio, rate)),
    )
