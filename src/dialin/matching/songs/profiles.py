"""What is needed of references, without their sound: spectra, loudness, dynamics, width.

A profile is plain data in a JSON file: it can be kept, passed around and matched to, and the music
cannot be made of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin._version import __version__
from dialin.audio import Audio, audio_info, check_audio, read_blocks
from dialin.errors import AudioError, UsageError
from dialin.files.reading import read_json
from dialin.matching.equalisers.target import GROUPS, Spectra, song_spectra
from dialin.measures.song import SongFacts, SongMeter, band_centres, measure_song, momentary_power

Values = NDArray[np.float64]

KIND = "dialin profile"
SCHEMA = 1

NOTHING = -199.0
"""Decibels that stand for none."""

SHARES = (10, 30, 50, 70, 90, 95)
"""Percentiles of the short-term loudness that are kept."""


@dataclass(frozen=True, eq=False)
class Profile:
    """How a reference, or several, sound in the long run.

    Attributes
    ----------
    names : tuple of str
        Of the recordings.
    seconds : float
        Of music in them.
    nyquist : float
        Half the sample rate, in hertz: nothing is known above.
    channels : int
        1 where there is no side.
    spectra : Spectra
    loudness : float
        Integrated, in LUFS (ITU-R BS.1770-4), as a pair of loudspeakers plays it.
    crest_db : float
        Peak over RMS.
    short_term : tuple of float
        Percentiles `SHARES` of the loudness of 400 ms while there is music, in LU re `loudness`.
    peak : float
        Largest sample.
    style : tuple of float
        Style features of its most active stretches (`dialin.matching.features`); empty where they
        were not asked for.
    parts : tuple of tuple of float
        The same of parts of them.
    heard : float
        Seconds of those stretches.
    """

    names: tuple[str, ...]
    seconds: float
    nyquist: float
    channels: int
    spectra: Spectra
    loudness: float
    crest_db: float
    short_term: tuple[float, ...]
    peak: float = 1.0
    style: tuple[float, ...] = ()
    parts: tuple[tuple[float, ...], ...] = ()
    heard: float = 0.0

    @property
    def spread(self) -> float:
        """From the quieter to the loud moments (30th to 95th percentile), in LU."""
        return self.short_term[-1] - self.short_term[1]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""

        def decibels(rows: Values) -> list[list[float]]:
            logs = 10 * np.log10(np.maximum(rows, 1e-20))
            return [[round(float(v), 2) for v in row] for row in logs]

        return {
            "kind": KIND,
            "schema": SCHEMA,
            "version": __version__,
            "names": list(self.names),
            "seconds": round(self.seconds, 2),
            "nyquist": self.nyquist,
            "channels": self.channels,
            "loudness_lufs": round(self.loudness, 3),
            "crest_db": round(self.crest_db, 3),
            "short_term_lu": [round(v, 3) for v in self.short_term],
            "bands_hz": np.round(band_centres(), 2).tolist(),
            "middle_db": decibels(self.spectra.middle),
            "side_db": decibels(self.spectra.side),
            "peak": round(self.peak, 6),
            "heard": round(self.heard, 3),
            "style": _numbers(self.style),
            "style_parts": [_numbers(part) for part in self.parts],
        }

    @classmethod
    def from_dict(cls, data: Any) -> Profile:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            Plain data, of a stranger's perhaps.

        Returns
        -------
        Profile

        Raises
        ------
        UsageError
            If it is no profile, or of a later kind.
        """
        if not isinstance(data, Mapping) or data.get("kind") != KIND:
            raise UsageError("it is no profile; dialin profile save makes one of recordings")
        if data.get("schema") != SCHEMA:
            raise UsageError(
                f"it has schema {data.get('schema')!r}, and this dialin reads {SCHEMA}; make it "
                "again with dialin profile save"
            )
        try:
            shape = (GROUPS, band_centres().size)
            rows = [np.array(data[key], dtype=np.float64) for key in ("middle_db", "side_db")]
            short = tuple(float(v) for v in data["short_term_lu"])
            style, *parts = (_read(row) for row in (data["style"], *data["style_parts"]))
            if any(len(part) != len(style) for part in parts):
                raise ValueError("its style has no shape")
            keys = ("seconds", "nyquist", "loudness_lufs", "crest_db", "peak", "heard")
            numbers = [float(data[key]) for key in keys]
            if any(r.shape != shape for r in rows) or len(short) != len(SHARES):
                raise ValueError("bands or percentiles are missing")
            if not all(np.isfinite(np.asarray(r)).all() for r in (*rows, short, numbers)):
                raise ValueError("a number is not finite")
            if not (numbers[0] > 0 and 1_000 <= numbers[1] <= 1e6):
                raise ValueError("its seconds or its rate make no sense")
            middle, side = (
                np.where(r <= NOTHING, 0.0, 10 ** (np.minimum(r, 200) / 10)) for r in rows
            )
            return cls(
                names=tuple(str(name) for name in data["names"]),
                seconds=numbers[0],
                nyquist=numbers[1],
                channels=2 if int(data["channels"]) > 1 else 1,
                spectra=Spectra(middle, side),
                loudness=numbers[2],
                crest_db=numbers[3],
                short_term=short,
                peak=numbers[4],
                style=style,
                parts=tuple(parts),
                heard=numbers[5],
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"it is no whole profile ({error}); make it again with dialin profile save"
            ) from error


def _numbers(row: Sequence[float]) -> list[float | None]:
    """A feature that could not be told has no value."""
    return [float(f"{v:.7g}") if np.isfinite(v) else None for v in row]


def _read(row: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(float("nan") if v is None else float(v) for v in row)


def profile_of(facts: SongFacts, name: str) -> Profile:
    """Profile of one song from what was measured.

    Parameters
    ----------
    facts : SongFacts
        With spectra.
    name : str
        Of the recording.

    Returns
    -------
    Profile

    Raises
    ------
    AudioError
        If it is silent.
    """
    if not np.isfinite(facts.loudness) or facts.peak < 1e-6:
        raise AudioError(
            f"{name!r} is silent: there is no sound to match; choose another recording"
        )
    return Profile(
        names=(name,),
        seconds=float(facts.frames[facts.music_segments].sum() * 4096 / facts.sample_rate),
        nyquist=facts.sample_rate / 2,
        channels=facts.channels,
        spectra=song_spectra(facts),
        loudness=played(facts),
        crest_db=facts.crest_db,
        short_term=short_term(facts),
        peak=facts.peak,
    )


def played(facts: SongFacts) -> float:
    """Integrated loudness from a pair of loudspeakers, in LUFS: one channel comes from both.

    Parameters
    ----------
    facts : SongFacts
        Of a song.

    Returns
    -------
    float
    """
    return facts.loudness + (10 * np.log10(2.0) if facts.channels == 1 else 0.0)


def short_term(facts: SongFacts) -> tuple[float, ...]:
    """Percentiles `SHARES` of the loudness of 400 ms while there is music, re the integrated one.

    Parameters
    ----------
    facts : SongFacts
        Of a song.

    Returns
    -------
    tuple of float
        In LU.
    """
    kept = facts.power[facts.music] if facts.music.any() else facts.power
    loud = -0.691 + 10 * np.log10(momentary_power(kept) + 1e-12)
    loud = loud[loud > loud.max() - 40.0]
    return tuple(float(v) for v in np.percentile(loud, SHARES) - facts.loudness)


def combine(profiles: Sequence[tuple[Profile, float]]) -> Profile:
    """Several references as one: spectra at equal loudness, numbers averaged, by weight.

    Parameters
    ----------
    profiles : sequence of (Profile, float)
        With weights above 0.

    Returns
    -------
    Profile

    Raises
    ------
    UsageError
        If there are none.
    """
    if not profiles:
        raise UsageError("there is no reference; name at least one recording")
    if len(profiles) == 1:
        return profiles[0][0]
    each = [p for p, _ in profiles]
    weights = np.array([w for _, w in profiles], dtype=np.float64)
    weights = weights / weights.sum()
    loudness = float(weights @ [p.loudness for p in each])
    gains = [10 ** ((loudness - p.loudness) / 10) for p in each]

    def mean(rows: Iterable[Values]) -> Values:
        # In decibels, so that each reference's shape counts by its weight and no more.
        scaled = np.array([r * g for r, g in zip(rows, gains, strict=True)])
        # Of a group that only some have, these alone tell.
        there = (scaled.sum(axis=2, keepdims=True) > 0) * weights[:, None, None]
        total = there.sum(axis=0)
        share = there / np.where(total > 0, total, 1.0)
        logs = (share * np.log(np.maximum(scaled, 1e-20))).sum(axis=0)
        return np.asarray(np.where(total > 0, np.exp(logs), 0.0))

    return Profile(
        names=tuple(name for p in each for name in p.names),
        seconds=float(sum(p.seconds for p in each)),
        nyquist=min(p.nyquist for p in each),
        channels=max(p.channels for p in each),
        spectra=Spectra(mean(p.spectra.middle for p in each), mean(p.spectra.side for p in each)),
        loudness=loudness,
        crest_db=float(weights @ [p.crest_db for p in each]),
        short_term=tuple(float(v) for v in weights @ np.array([p.short_term for p in each])),
        peak=max(p.peak for p in each),
        **_styles(each, weights),
    )


def _styles(profiles: Sequence[Profile], weights: Values) -> dict[str, Any]:
    """Mean style, where all have one."""
    if len({(len(p.style), len(p.parts)) for p in profiles}) > 1:
        return {}
    style = np.tensordot(weights, np.array([p.style for p in profiles]), axes=1)
    parts = np.tensordot(weights, np.array([p.parts for p in profiles]), axes=1)
    return {
        "style": tuple(style.tolist()),
        "parts": tuple(tuple(part.tolist()) for part in np.atleast_2d(parts) if part.size),
        "heard": min(p.heard for p in profiles),
    }


def is_profile(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is a profile.

    Parameters
    ----------
    path : path-like
        Of a reference.

    Returns
    -------
    bool
    """
    return Path(path).suffix.lower() == ".json"


def load_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile.

    Parameters
    ----------
    path : path-like
        A JSON file.

    Returns
    -------
    Profile

    Raises
    ------
    UsageError
        If it cannot be read or is no profile.
    """
    try:
        data = read_json(Path(path))
    except (OSError, ValueError) as error:
        raise UsageError(f"profile {str(path)!r} cannot be read: {error}") from error
    try:
        return Profile.from_dict(data)
    except UsageError as error:
        raise UsageError(f"{str(path)!r}: {error}") from error


def hear_profile(recording: str | os.PathLike[str] | tuple[Audio, int], what: str) -> Profile:
    """Profile of a recording, or a stored one.

    Parameters
    ----------
    recording : path-like, or (audio, sample_rate)
        A ``.json`` file is a stored profile; any other is listened to, in blocks.
    what : str
        Its name where it has none.

    Returns
    -------
    Profile

    Raises
    ------
    UsageError, AudioError
    """
    if isinstance(recording, tuple):
        audio = check_audio(recording[0], recording[1], what=what)
        return profile_of(measure_song(audio, int(recording[1])), what)
    if is_profile(recording):
        return load_profile(recording)
    meter = SongMeter(audio_info(recording).sample_rate)
    for block in read_blocks(recording):
        meter.feed(block)
    return profile_of(meter.finish(), Path(recording).name)
