"""Whole songs in a match: whether recordings are whole mixes, and the answer for them.

A song is listened to from beginning to end; a longer one than `MOST_SECONDS` is worked out on
pieces of it, spread evenly from its quiet to its loud parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialin.audio import Audio, audio_info, read_audio, read_blocks, resample
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import AudioError, DialinError
from dialin.matching.options import Recording, SongOptions
from dialin.matching.songs.mastering import ASPECTS, master
from dialin.matching.songs.pieces import MOST_SECONDS, PIECE_SECONDS, pieces_of
from dialin.matching.songs.profiles import Profile, combine, hear_profile
from dialin.measures.song import SongFacts, SongMeter, measure_song

MASTERING_NAME = "mastering"
"""What the chain is called where effects are named."""

MIX_SECONDS = 45.0
"""A whole mix lasts at least so long."""

MIX_MUSIC = 0.6
"""Share of it that is music: stems have rests."""

MIX_OCTAVES, MIX_RANGE_DB = 7, 30.0
"""Octaves, of the eight from 45 Hz to 11 kHz, that sound at a time in half of its seconds; an
octave sounds that lies so many decibels below the strongest or less."""

MIX_BASS_DB = 12.0
"""By so much the stronger of the two lowest octaves lies below the strongest of all, at most: a
guitar or a voice alone has less bass."""

MIX_GAPS, GAP_DB = 0.12, 20.0
"""Share of its moments (50 ms) that lie so many decibels below the loud ones (the 90th percentile)
or more, at most: between syllables, and between the notes of one instrument, it is quiet."""

FADE_SECONDS = 0.01


def is_mastering(effects: Sequence[str] | str | None) -> bool:
    """Whether effects that were named are the mastering chain.

    Parameters
    ----------
    effects : sequence of str, or str
        As `dialin.match` takes them.

    Returns
    -------
    bool
    """
    named = [effects] if isinstance(effects, str) else list(effects or ())
    return len(named) == 1 and named[0].strip().lower() == MASTERING_NAME


def is_whole_mix(facts: SongFacts) -> bool:
    """Whether a recording is a whole mix: long, nearly always playing, and from bass to treble.

    Speech, a solo instrument, a stem or a loop is not. What decides is heard, not what a file is
    called.

    Parameters
    ----------
    facts : SongFacts
        With spectra.

    Returns
    -------
    bool
    """
    if facts.samples < MIX_SECONDS * facts.sample_rate or facts.music.mean() < MIX_MUSIC:
        return False
    level = 10 * np.log10(facts.power[facts.music] + 1e-12)
    if (level < np.percentile(level, 90) - GAP_DB).mean() > MIX_GAPS:
        return False
    density = facts.middle + facts.side
    first = 14  # 45 Hz; from there on twelve bands are an octave
    wide = 2.0 ** (np.arange(density.shape[1]) / 12.0)
    power = (density * wide)[facts.music_segments, first : first + 96]
    octaves = 10 * np.log10(power.reshape(len(power), 8, 12).sum(axis=2) + 1e-20)
    octaves -= octaves.max(axis=1, keepdims=True)
    sounding = (octaves > -MIX_RANGE_DB).sum(axis=1)
    bass = np.median(octaves[:, :2].max(axis=1))
    return bool(np.median(sounding) >= MIX_OCTAVES and bass >= -MIX_BASS_DB)


def hear_song(recording: Recording) -> SongFacts:
    """Listen to a recording from beginning to end.

    Parameters
    ----------
    recording : path-like, or (ndarray, int)
        A file, or audio and its rate in hertz.

    Returns
    -------
    SongFacts

    Raises
    ------
    AudioError
        If it cannot be read.
    """
    if isinstance(recording, tuple):
        return measure_song(np.asarray(recording[0], dtype=np.float32), int(recording[1]))
    meter = SongMeter(audio_info(recording).sample_rate)
    for block in read_blocks(recording):
        meter.feed(block)
    return meter.finish()


def whole_mixes(input: Recording, references: Sequence[Recording]) -> bool:
    """Whether the input and all references are whole mixes.

    Parameters
    ----------
    input : path-like, or (ndarray, int)
        What is changed.
    references : sequence of path-like or of (ndarray, int)
        What it should sound like.

    Returns
    -------
    bool
    """
    each = [input, *references]
    return all(map(_long_enough, each)) and all(is_whole_mix(hear_song(r)) for r in each)


def _long_enough(recording: Recording) -> bool:
    """Told without listening."""
    if isinstance(recording, tuple):
        return bool(np.shape(recording[0])[-1] >= MIX_SECONDS * recording[1])
    if Path(recording).suffix.lower() == ".json":
        return False
    return audio_info(recording).seconds >= MIX_SECONDS


@dataclass(frozen=True, eq=False)
class SongAnswer:
    """Settings of the whole mastering chain, and which of its effects are in use.

    Attributes
    ----------
    slots : tuple of int
        Indices of the effects in use.
    settings : ndarray, float64, shape (knobs,)
        Of the whole chain, 0 to 1.
    facts : dict of str to float
        Numbers before and after, and the reference's.
    notes : tuple of str
        What a person should know.
    rendered : ndarray, float32, shape (channels, samples), optional
        The song through these effects; None where pieces of it were enough.
    """

    slots: tuple[int, ...]
    settings: Settings
    facts: dict[str, float]
    notes: tuple[str, ...]
    rendered: Audio | None = None


def answer_song(
    input: Recording,
    references: Sequence[tuple[Recording, float]],
    spec: EffectSpec,
    wishes: SongOptions,
    *,
    locked: Mapping[int, float] | None = None,
    only: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> SongAnswer:
    """Settings of the mastering chain for a song and its references.

    Parameters
    ----------
    input : path-like, or (ndarray, int)
        What is changed.
    references : sequence of (recording, float)
        What it should sound like, with weights; profiles are welcome.
    spec : EffectSpec
        Of the mastering chain.
    wishes : SongOptions
        What else is asked for.
    locked : mapping of int to float, optional
        Index of a knob -> position that is kept.
    only : sequence of str, optional
        Aspects to match, in place of all: effects of others are left out.
    progress : callable, optional
        Told how much of the work is done, 0 to 1.

    Returns
    -------
    SongAnswer

    Raises
    ------
    UsageError, AudioError
    """
    profile = reference_profile(references)
    audio, rate, offset = song_material(input)
    mastered = master(audio, rate, profile, wishes, offset=offset, progress=progress)
    whole = audio.shape[1] == _samples(input)
    settings = spec.default
    spans = [span for _, _, span in chain_slots(spec)]
    for slot, own in zip(mastered.slots, mastered.settings, strict=True):
        settings[spans[slot]] = own
    used = {slot for slot in mastered.slots if only is None or ASPECTS[slot] in (*only, "")}
    for index, position in (locked or {}).items():
        settings[index] = position
        # Who turns a knob wants its effect.
        used |= {n for n, span in enumerate(spans) if span.start <= index < span.stop}
    same = whole and not locked and used == set(mastered.slots)
    rendered = mastered.made if same else None
    return SongAnswer(tuple(sorted(used)), settings, mastered.facts, mastered.notes, rendered)


def _samples(recording: Recording) -> int:
    if isinstance(recording, tuple):
        return int(np.shape(recording[0])[-1])
    return audio_info(recording).frames


def reference_profile(references: Sequence[tuple[Recording, float]]) -> Profile:
    """What references come to.

    Parameters
    ----------
    references : sequence of (recording, float)
        With weights.

    Returns
    -------
    Profile
    """
    return combine(
        [(hear_profile(r, f"reference {n}"), w) for n, (r, w) in enumerate(references, 1)]
    )


def song_material(input: Recording) -> tuple[Audio, int, float]:
    """What a song is worked out on: all of it, or pieces of a long one.

    Parameters
    ----------
    input : path-like, or (ndarray, int)
        The song.

    Returns
    -------
    (ndarray of shape (channels, samples), int, float)
        Audio, its rate in hertz, and by how many LU the whole is louder.
    """
    if isinstance(input, tuple):
        audio, rate = np.asarray(input[0], dtype=np.float32), int(input[1])
        if audio.shape[1] <= MOST_SECONDS * rate:
            return audio, rate, 0.0
        whole = measure_song(audio, rate)
        spans = pieces_of(whole)
        cut = [audio[:, span] for span in spans]
    else:
        if audio_info(input).seconds <= MOST_SECONDS:
            return (*read_audio(input), 0.0)
        whole = hear_song(input)
        rate = whole.sample_rate
        spans = pieces_of(whole)
        cut = [read_audio(input, start=s.start, frames=s.stop - s.start)[0] for s in spans]
    edge = np.linspace(0, 1, max(2, round(FADE_SECONDS * rate)), dtype=np.float32)
    faded = []
    for piece in cut:
        piece = piece.copy()
        piece[:, : edge.size] *= edge
        piece[:, -edge.size :] *= edge[::-1]
        faded.append(piece)
    audio = np.concatenate(faded, axis=1)
    return audio, rate, whole.loudness - measure_song(audio, rate, spectra=False).loudness


def album_material(
    songs: Sequence[str | os.PathLike[str]],
    *,
    on_failure: Callable[[Path, DialinError], None] | None = None,
) -> tuple[Audio, int]:
    """Songs as one, each in pieces from its quiet to its loud parts, at its own level.

    Parameters
    ----------
    songs : sequence of path-like
        Files.
    on_failure : callable, optional
        Called with a file that cannot be read and its error, and the others count; without it
        the error is raised.

    Returns
    -------
    (ndarray of shape (2, samples), int)
        At the first one's rate.

    Raises
    ------
    AudioError
        If none can be read.
    """
    share = MOST_SECONDS / max(1, len(songs))
    parts: list[Audio] = []
    rate = 0
    for path in songs:
        try:
            facts = hear_song(path)
            spans = pieces_of(facts)
            wanted = max(1, min(len(spans), round(share / PIECE_SECONDS)))
            chosen = [spans[i] for i in np.linspace(0, len(spans) - 1, wanted).round().astype(int)]
            cut = [
                read_audio(path, start=span.start, frames=span.stop - span.start)[0]
                for span in chosen or [slice(0, facts.samples)]
            ]
        except DialinError as error:
            if on_failure is None:
                raise
            on_failure(Path(path), error)
            continue
        own = facts.sample_rate
        rate = rate or own
        for audio in cut:
            pair = np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio[:2]
            parts.append(pair if own == rate else resample(pair, own, rate))
    if not parts:
        raise AudioError(
            f"none of {len(songs)} recordings can be read, so there is nothing to match; "
            "check their paths"
        )
    return np.concatenate(parts, axis=1), rate
