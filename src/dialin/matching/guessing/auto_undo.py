"""Whether the input has effects that the reference has not, which nothing can take out again.

Voters are asked the other way round: what would make the reference sound like the input? Where
their settings come near (`dialin.matching.guessing.auto_trust`), what they hold for likely is on
the input already. An equaliser is undone by another; an echo, a room or a drive is not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from dialin.effects.spec import EffectSpec
from dialin.matching.features import ASPECTS, Vector, style_features
from dialin.matching.guessing.auto_trust import guess_distances, trusted
from dialin.matching.guessing.auto_voters import Recordings, Voter, ask_voters, pooled
from dialin.matching.recordings import Heard
from dialin.matching.style import make_target
from dialin.rendering import Renderer

LASTING = ("lowpass", "distortion", "compressor", "chorus", "phaser", "delay", "reverb")
"""Built-ins whose work no effect takes back."""

PLAIN = 0.8
"""Probability from which a person is told."""


def undoing_notes(
    pool: Renderer,
    heard: Heard,
    untouched: Vector,
    voters: Sequence[Voter],
    specs: Callable[[str], EffectSpec],
    seed: int,
    nearest: float = np.inf,
) -> tuple[str, ...]:
    """What a person should know where the reference is the drier of the two.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    heard : Heard
        Input and references.
    untouched : ndarray, float64, shape (features,)
        Style features of the input.
    voters : sequence of Voter
        Who is asked.
    specs : callable
        URI -> spec of a built-in.
    seed : int
        Of all chance.
    nearest : float
        Distance to which voters' settings bring the input: the other way round they must come
        nearer.

    Returns
    -------
    tuple of str
        One at most.
    """
    if not voters or not heard.whole:
        return ()
    reference = max(heard.whole, key=lambda sound: sound.weight)
    own = (heard.input.pieces[0], heard.input.sample_rate)
    swapped = Recordings((reference.pieces[0], reference.sample_rate), ((*own, 1.0),), seed)
    asked = [specs(f"builtin:{name}") for name in ("highpass", *LASTING)]
    said = ask_voters(voters, swapped, asked).votes
    target = make_target(
        [untouched], [dict.fromkeys(ASPECTS, 1.0)], None, None, (reference.heard, heard.input.heard)
    )
    shared = pool.share(*swapped.input)
    try:
        distance = float(target.distance(style_features(*swapped.input)))
        trust = trusted(said, distance, functools.partial(guess_distances, pool, shared, target))
    finally:
        pool.release(shared)
    told = [vote for vote in trust.votes if vote.guesses and trust.nearest < nearest]
    there = [
        spec.name.lower()
        for spec in asked
        if told and spec.uri.removeprefix("builtin:") in LASTING
        if pooled(spec.uri, told, float(np.mean([v.prior for v in told]))) >= PLAIN
    ]
    if not there:
        return ()
    return (
        "the input sounds as if it had effects that the reference has not (likely "
        f"{', '.join(there)}): what an effect has done cannot be taken back, so use a recording "
        "without it if there is one",
    )
