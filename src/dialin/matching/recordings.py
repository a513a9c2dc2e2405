"""Recordings as a match hears them: read, cut to their most active stretches, measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dialin.audio import (
    Audio,
    active_excerpts,
    check_audio,
    cut_file,
    infrasound_share,
    without_infrasound,
)
from dialin.audio.excerpts import SILENCE_MEAN_SQUARE, silence_level
from dialin.errors import AudioError, UsageError
from dialin.matching.features import ASPECTS, Vector, style_features
from dialin.matching.options import MatchOptions, Recording
from dialin.matching.songs.profiles import Profile, hear_profile, is_profile, load_profile
from dialin.matching.style import Target, make_target

EXCERPT_SECONDS = 10.0
"""How much of each recording is analysed: its most active stretches."""

LEAST_SECONDS = 0.1
"""Sound that a recording must hold at least: two of the frames that spectra are made of."""

ENOUGH_SECONDS = 3.0
"""Sound below which a note says how little it is."""

INFRASOUND_SHARE = 0.01
"""Share of a recording's power below 20 Hz that is worth telling of."""

PARTS = 4
"""Parts of a reference in which a gain should be found, each by itself."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording, as far as it is analysed.

    Attributes
    ----------
    name : str
        Of its file.
    pieces : list of ndarray, float32, shape (channels, samples)
        Its most active stretches, the most active first.
    recording : path-like or (ndarray, int)
        Where all of it is.
    sample_rate : int
        In hertz.
    seconds : float
        Of the whole.
    notes : tuple of str
        What a person should know of it.
    aspects : tuple of str
        That a reference stands for; empty for all.
    weight : float
        How much a reference counts, above 0.
    profile : Profile, optional
        What a reference without sound is known by; it has no pieces.
    """

    name: str
    pieces: list[Audio]
    recording: Recording
    sample_rate: int
    seconds: float
    notes: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    weight: float = 1.0
    profile: Profile | None = None

    @property
    def heard(self) -> float:
        """Seconds that are analysed."""
        if self.profile is not None:
            return self.profile.heard
        return float(sum(piece.shape[1] for piece in self.pieces) / self.sample_rate)

    @property
    def whole(self) -> tuple[Audio, int]:
        """All that is analysed, one piece after the other, and its rate."""
        return np.concatenate(self.pieces, axis=1), self.sample_rate


def reference_list(
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
) -> list[tuple[Recording, float]]:
    """Bring one or several references into one form; a pair of array and rate is one recording.

    Parameters
    ----------
    reference : recording, or sequence of recordings or of (recording, weight)
        As `dialin.match` takes it.

    Returns
    -------
    list of (recording, weight)
        At least one.

    Raises
    ------
    UsageError
        If there is none, or a weight is not above 0.
    """
    if isinstance(reference, str | os.PathLike) or _is_array_pair(reference):
        return [(reference, 1.0)]  # type: ignore[list-item]
    result: list[tuple[Recording, float]] = []
    for item in reference:
        if isinstance(item, str | os.PathLike) or _is_array_pair(item):
            result.append((item, 1.0))  # type: ignore[arg-type]
        else:
            recording, weight = item  # type: ignore[misc]
            if not (np.isfinite(weight) and weight > 0):
                raise UsageError(f"the weight of a reference is {weight}; use a number above 0")
            result.append((recording, float(weight)))
    if not result:
        raise UsageError("there is no reference; name at least one recording")
    return result


def load_sound(recording: Recording, what: str, *, weight: float = 1.0) -> Sound:
    """Read what is analysed of a recording.

    Parameters
    ----------
    recording : path-like or (ndarray, int)
        A file, or audio ``(channels, samples)`` and its rate in hertz.
    what : str
        What an error calls it: ``input``, of which one stretch is taken, or a reference, of which
        two are.
    weight : float, default 1
        How much it counts.

    Returns
    -------
    Sound

    Raises
    ------
    AudioError
        If it cannot be read, is silent, or holds less than 0.1 s of sound.
    """
    if not isinstance(recording, tuple) and is_profile(recording):
        if what == "input":
            raise AudioError(
                f"the input {str(recording)!r} is a profile, which has no sound; name a recording"
            )
        return _stored(recording, weight)
    pieces = 1 if what == "input" else 2
    if isinstance(recording, tuple):
        data, rate = recording
        audio, name = check_audio(data, rate, what=what), what
        spans = active_excerpts(audio, rate, seconds=EXCERPT_SECONDS, pieces=pieces)
        parts = [audio[:, span] for span in spans]
        recording = (audio, rate)
        seconds = audio.shape[1] / rate
    else:
        path = Path(recording)
        cut = cut_file(path, seconds=EXCERPT_SECONDS, pieces=pieces)
        parts, rate = cut.pieces, cut.sample_rate
        name, seconds = path.name, cut.samples / rate
    parts = [np.ascontiguousarray(part) for part in parts]
    # Level is no ground for refusal: quiet recordings are fine, digital silence and DC are not.
    varying = max(float(np.std(without_infrasound(p, rate), axis=1).max()) for p in parts)
    if varying < 1e-6:
        silent = max(silence_level(part) for part in parts) < SILENCE_MEAN_SQUARE
        kind = "silent" if silent else "constant (DC)"
        raise AudioError(
            f"{what} {name!r} is {kind}: there is no sound to match; choose another recording"
        )
    sound = Sound(name, parts, recording, int(rate), seconds, weight=weight)
    if sound.heard < LEAST_SECONDS:
        raise AudioError(
            f"{what} {name!r} holds {sound.heard:.3f} s of sound, and nothing can be told from "
            f"less than {LEAST_SECONDS:g} s; choose a longer recording"
        )
    return replace(sound, notes=tuple(_sound_notes(sound, what)))


def _stored(recording: str | os.PathLike[str], weight: float) -> Sound:
    """A reference that is kept as a profile."""
    profile = load_profile(recording)
    if not profile.style:
        raise UsageError(f"profile {str(recording)!r} has no style; make it again")
    note = (
        f"{str(Path(recording).name)!r} is a profile of {', '.join(profile.names)}: without their "
        "sound, echoes and motion were not listened for"
    )
    return Sound(
        name=Path(recording).name,
        pieces=[],
        recording=recording,
        sample_rate=round(2 * profile.nyquist),
        seconds=profile.seconds,
        notes=(note,),
        weight=weight,
        profile=profile,
    )


def listen(path: str | os.PathLike[str], weight: float = 1.0) -> tuple[Profile, float]:
    """Profile of a recording with its style, to be kept.

    Parameters
    ----------
    path : path-like
        Of a recording, or of a profile.
    weight : float, default 1
        How much it counts.

    Returns
    -------
    (Profile, float)

    Raises
    ------
    UsageError, AudioError
    """
    profile = hear_profile(path, str(path))
    if profile.style:
        return profile, weight
    sound = load_sound(path, "reference")
    style = tuple(float(v) for v in _features(sound))
    parts = tuple(tuple(float(v) for v in part) for part in _part_features(sound))
    return replace(profile, style=style, parts=parts, heard=sound.heard), weight


def _is_array_pair(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], np.ndarray)


def _sound_notes(sound: Sound, what: str) -> Iterator[str]:
    """What is worth knowing of a recording before it is compared."""
    share = max(infrasound_share(piece, sound.sample_rate) for piece in sound.pieces)
    if share > INFRASOUND_SHARE:
        yield (
            f"{what} {sound.name!r} has {100 * share:.0f} % of its power below 20 Hz (direct "
            "current or infrasound), which is no sound: it was left out of what was compared"
        )
    if sound.heard < ENOUGH_SECONDS:
        yield (
            f"{what} {sound.name!r} holds {sound.heard:.2f} s of sound, too little to tell much: "
            f"more had to speak for a match than usual; from {ENOUGH_SECONDS:g} s on it is surer"
        )


@dataclass(frozen=True, eq=False)
class Heard:
    """Everything that was read for a match.

    Attributes
    ----------
    input : Sound
        What is changed.
    references : tuple of Sound
        What it should sound like: whole ones first, then those of single aspects.
    target : Target
        What they come to.
    parts : tuple of Target
        The same by parts of the references.
    notes : tuple of str
        What a person should know beside what is said of each recording.
    """

    input: Sound
    references: tuple[Sound, ...]
    target: Target
    parts: tuple[Target, ...]
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[Sound, ...]:
        """References that stand for all aspects, and have sound."""
        return tuple(s for s in self.references if not s.aspects and s.profile is None)


def hear(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    options: MatchOptions,
) -> Heard:
    """Read the recordings of a match, and put together what the input should sound like.

    Parameters
    ----------
    input : path-like or (ndarray, int)
        What is changed.
    reference : recording, or sequence of recordings or of (recording, weight)
        What it should sound like.
    options : MatchOptions
        What of it counts.

    Returns
    -------
    Heard

    Raises
    ------
    UsageError
        If there is no reference, or nothing to match.
    AudioError
        If a recording cannot be read, is silent, or too short.
    """
    sound = load_sound(input, "input")
    special = dict(options.reference_for or {})
    references = [
        load_sound(recording, f"reference {number}", weight=weight)
        for number, (recording, weight) in enumerate(reference_list(reference), 1)
    ]
    shares = [
        {aspect: 0.0 if aspect in special else one.weight for aspect in ASPECTS}
        for one in references
    ]
    for aspect, recording in special.items():
        own = replace(load_sound(recording, f"reference for {aspect}"), aspects=(aspect,))
        references.append(own)
        shares.append({name: float(name == aspect) for name in ASPECTS})
    lengths = (sound.heard, min(one.heard for one in references))
    asked = (shares, options.weights, options.only, lengths)
    parts = zip(*map(_part_features, references), strict=True)
    return Heard(
        sound,
        tuple(references),
        make_target([_features(one) for one in references], *asked),
        tuple(make_target(list(rows), *asked) for rows in parts),
    )


def _features(sound: Sound) -> Vector:
    if sound.profile is not None:
        return np.asarray(sound.profile.style)
    rows = np.array([style_features(piece, sound.sample_rate) for piece in sound.pieces])
    lengths = [piece.shape[1] for piece in sound.pieces]
    return np.asarray(np.average(rows, axis=0, weights=lengths))


def _part_features(sound: Sound) -> list[Vector]:
    """Features of `PARTS` parts of a recording by themselves."""
    if sound.profile is not None:
        return [np.asarray(part) for part in sound.profile.parts]
    each = PARTS // len(sound.pieces)
    cut = [part for piece in sound.pieces for part in np.array_split(piece, each, axis=1)]
    return [style_features(np.ascontiguousarray(part), sound.sample_rate) for part in cut]
