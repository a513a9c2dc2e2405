"""Pieces of a song, from its quiet to its loud parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.measures.song import SongFacts

MOST_SECONDS = 300.0
"""A longer song is worked out on pieces of so much in all."""

PIECE_SECONDS = 10.0

EXCERPT_SECONDS, EXCERPT_PIECE = 60.0, 5.0
"""What dynamics do to the tone is heard in so many seconds, in pieces of so many."""


def excerpt_of(audio: Audio, facts: SongFacts) -> Audio:
    """Pieces of a song from its quiet to its loud parts, one behind the other.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The song.
    facts : SongFacts
        Of it.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        All of a short one.
    """
    if audio.shape[1] <= EXCERPT_SECONDS * facts.sample_rate:
        return audio
    spans = pieces_of(facts, piece=EXCERPT_PIECE, seconds=EXCERPT_SECONDS)
    return np.concatenate([audio[:, span] for span in spans], axis=1)


def pieces_of(
    facts: SongFacts, *, piece: float = PIECE_SECONDS, seconds: float = MOST_SECONDS
) -> list[slice]:
    """Places of pieces of a long song, evenly from its quiet to its loud parts, in order.

    Parameters
    ----------
    facts : SongFacts
        Of the whole.
    piece, seconds : float
        Length of each piece, and of all.

    Returns
    -------
    list of slice
        Along the samples.
    """
    length = round(piece * facts.sample_rate)
    blocks = max(1, round(piece / 0.05))
    count = facts.power.size // blocks
    power = facts.power[: count * blocks].reshape(count, blocks).mean(axis=1)
    music = facts.music[: count * blocks].reshape(count, blocks).mean(axis=1) >= 0.5
    candidates: NDArray[np.intp] = np.flatnonzero(music) if music.any() else np.arange(count)
    ranked = candidates[np.argsort(power[candidates], kind="stable")]
    wanted = min(int(seconds / piece), ranked.size)
    if not ranked.size:
        return [slice(0, facts.samples)]
    chosen = ranked[np.unique(np.linspace(0, ranked.size - 1, wanted).round().astype(int))]
    return [slice(int(c) * length, (int(c) + 1) * length) for c in sorted(chosen)]
