"""Songs for evaluation: those of one split, never of the training split."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.audio.excerpts import halves_audible
from dialin.data import Corpus, Recipe, SongSource, find_songs
from dialin.data.drawing import Refused, draw_until
from dialin.data.reading import read_track
from dialin.data.recipe import Split
from dialin.errors import AudioError, UsageError

PLACES = 500
"""Places tried before a corpus counts as unusable."""


def open_corpus(folders: Sequence[Path | str], split: str, *, kind: str = "folder") -> Corpus:
    """Songs of one split in some folders, as `dialin.data` finds and divides them.

    Parameters
    ----------
    folders : sequence of Path or str
        Of songs.
    split : str
        ``train``, ``valid`` or ``test``.
    kind : str, default 'folder'
        Layout of the folders, as `dialin.data.SongSource` names them.

    Returns
    -------
    Corpus

    Raises
    ------
    UsageError
        If there are none, or the split is unknown.
    """
    if split not in ("train", "valid", "test"):
        raise UsageError(f"there is no split {split!r}; use test, or valid while you tune")
    sources = tuple(SongSource(root=str(f), kind=kind) for f in folders)  # type: ignore[arg-type]
    chosen: Split = split  # type: ignore[assignment]
    # Each song as likely as the next: a few long ones should not make up the table.
    recipe = Recipe(effect="builtin:gain", songs=sources, split=chosen, weighting="file")
    return find_songs(recipe)


def generator(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Generator of its own for everything that has a name and numbers.

    Parameters
    ----------
    seed : int
        Of the whole evaluation.
    name : str
        Of what is drawn, such as a protocol's.
    *numbers : int
        Such as an item's.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *numbers])


def cut(
    corpus: Corpus,
    rng: np.random.Generator,
    samples: int,
    sample_rate: int,
    *,
    channels: int = 1,
    besides: str | None = None,
) -> tuple[Audio, dict[str, Any]]:
    """Cut a random excerpt of which both halves are audible.

    Parameters
    ----------
    corpus : Corpus
        Songs of one split.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.
    samples : int
        Length of the excerpt.
    sample_rate : int
        In hertz.
    channels : int, default 1
        Number of channels.
    besides : str, optional
        A song that it must not be cut from.

    Returns
    -------
    audio : ndarray, shape (channels, samples)
        At its own level.
    where : dict
        SongTrack, song and start in seconds.

    Raises
    ------
    AudioError
        If the corpus has nothing long and loud enough.
    """
    seconds = samples / sample_rate

    def once(_: int) -> tuple[Audio, dict[str, Any]]:
        track = corpus.draw(rng, besides)
        start = round(float(rng.random()) * (track.seconds - seconds), 4)
        if start < 0:
            raise Refused("too short")
        audio = read_track(track, start, samples, sample_rate, channels=channels)
        peak = float(np.abs(audio).max())
        # Measured at full scale: quiet recordings are not silent ones.
        if peak <= 0 or not halves_audible(audio, sample_rate, full_scale=peak):
            raise Refused("silent")
        return audio, {"track": track.id, "song": track.song, "start": start}

    drawn = draw_until(once, PLACES)
    if drawn.value is not None:
        return drawn.value
    raise AudioError(
        f"no excerpt of {seconds:.1f} s with both halves audible was found in {PLACES} places of "
        f"{len(corpus.tracks)} songs; use longer songs"
    )
