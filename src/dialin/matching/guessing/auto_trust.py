"""How far voters are believed: as near as their own settings bring the sound to the reference.

A network says that there is no drive as surely on music unlike any that it has heard as on other
music. What tells the two apart is what its settings sound like: those of a voter that knows what
it hears bring the input most of the way; where all of them leave it far off, what it says of
effects is no better, and all of them are tried as if nobody had said anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dialin.effects.chain import chain_uri
from dialin.matching.candidate import measure
from dialin.matching.guessing.auto_voters import ChainGuess, Vote
from dialin.matching.style import Target, with_gain
from dialin.rendering import Job, Renderer, SharedAudio

NEAR = 0.8
"""Distance to the reference at which a voter's best settings explain it: about what two pieces of
one recording differ by, and as in `dialin.matching.options.SearchOptions.unexplained`."""

HALFWAY = 0.5
"""Share of the input's own distance that is as good."""

TRIED = 8
"""Guesses of a voter that are rendered."""


@dataclass(frozen=True, eq=False)
class Trust:
    """Who is believed.

    Attributes
    ----------
    votes : tuple of Vote
        Of those who are, the nearest of their rendered settings first.
    nearest : float
        Distance of the best of their settings to the reference; infinite where there are none.
    notes : tuple of str
        Of those who are not.
    best : ChainGuess, optional
        The nearest settings of all, whoever gave them: worth a render at any rate.
    """

    votes: tuple[Vote, ...]
    nearest: float = np.inf
    notes: tuple[str, ...] = ()
    best: ChainGuess | None = None


def trusted(
    votes: Sequence[Vote],
    untouched: float,
    distances: Callable[[Sequence[ChainGuess]], Sequence[float]],
) -> Trust:
    """Sort out whom to believe.

    Parameters
    ----------
    votes : sequence of Vote
        What was said; a vote without settings is believed.
    untouched : float
        Distance of the input as it is.
    distances : callable
        Chains -> their distances to the reference; infinite where one cannot be rendered.

    Returns
    -------
    Trust
    """
    kept: list[Vote] = []
    notes: list[str] = []
    nearest = np.inf
    tried: list[tuple[float, ChainGuess]] = []
    for vote in votes:
        if not vote.guesses:
            kept.append(vote)
            continue
        reached = distances(vote.guesses[:TRIED])
        best = min(reached, default=np.inf)
        tried += zip(reached, vote.guesses, strict=False)
        if best <= max(NEAR, HALFWAY * untouched):
            order = np.argsort(reached, kind="stable")
            ranked = [vote.guesses[int(n)] for n in order]
            kept.append(replace(vote, guesses=(*ranked, *vote.guesses[len(ranked) :])))
            nearest = min(nearest, best)
            continue
        notes.append(
            f"{vote.source} was not believed: the best of its settings leaves a distance of "
            f"{best:.2f} to the reference ({untouched:.2f} without any), so all effects were tried"
        )
    least = min(tried, key=lambda one: one[0], default=(np.inf, None))
    chosen = least[1] if np.isfinite(least[0]) else None
    return Trust(tuple(kept), nearest, tuple(notes), chosen)


def guess_distances(
    pool: Renderer, audio: SharedAudio, target: Target, guesses: Sequence[ChainGuess]
) -> list[float]:
    """Distances of chains to the reference, at the reference's level.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    audio : SharedAudio
        The input's excerpt.
    target : Target
        What it should sound like.
    guesses : sequence of ChainGuess
        Chains and settings.

    Returns
    -------
    list of float
        Infinite for those that cannot be rendered.
    """
    jobs = [
        Job(chain_uri(list(g.effects)), audio, np.concatenate(g.settings), measure=measure)
        for g in guesses
    ]
    found = []
    for result in pool.render(jobs):
        if result.failure is not None:
            found.append(np.inf)
            continue
        features = np.asarray(result.value[0])
        features = with_gain(features, target.level_offset(features))
        found.append(float(target.distance(features)))
    return found
