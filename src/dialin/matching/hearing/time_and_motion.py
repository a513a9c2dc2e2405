"""Echoes, rooms and motion of a whole chain: what is heard of them, and what would make them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dialin.audio import Audio
from dialin.effects.spec import Settings
from dialin.matching.hearing.ears import Ear, listened, make_ear
from dialin.matching.hearing.motion_guesses import find_motions
from dialin.matching.hearing.time_guesses import Echoes, find_echoes
from dialin.matching.probing import Probed
from dialin.matching.recordings import Heard
from dialin.rendering import Renderer


def find_time_and_motion(
    pool: Renderer,
    probed: Probed,
    heard: Heard,
    locked: Mapping[int, float],
    seed: int,
    seeds: Mapping[int, Sequence[Settings]] | None = None,
    shapes: Callable[[], Mapping[int, Sequence[Settings]]] = dict,
) -> Echoes:
    """What is heard of echoes and motion in the references, and which settings make them.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    probed : Probed
        The chain.
    heard : Heard
        Input and references.
    locked : mapping of int to float
        Index of a knob -> position that is kept.
    seed : int
        Of what is drawn.
    seeds : mapping of int to sequence of ndarray, optional
        Slot -> settings of its effect that are likely.
    shapes : callable
        Returns the same, from which motions alone are looked for; called after echoes were, so
        that who makes them has the time until then.

    Returns
    -------
    Echoes
    """
    rate, channels = heard.input.sample_rate, heard.input.pieces[0].shape[0]

    @functools.cache
    def recordings() -> tuple[tuple[Audio, int], list[tuple[Audio, int, float]]]:
        theirs = [(listened(s.recording), s.sample_rate, s.weight) for s in heard.whole]
        return (listened(heard.input.recording), rate), theirs

    def listen() -> Ear | None:
        return make_ear(*recordings())

    echoes = find_echoes(
        *(pool, probed.spec, probed.slots, listen, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
        seeds=seeds,
    )
    # What answers impulses alike at any time does not move; what is in doubt may wobble.
    told = {e.slot for e in echoes.found if e.verdict != "doubt"}
    others = sorted(set(range(len(probed.slots))) - told)
    motions, moves = find_motions(
        *(pool, probed.spec, probed.slots, others, recordings, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
        seeds={**(seeds or {}), **shapes()},
    )
    moved = {e.slot for e in motions}
    stay = (e for e in echoes.found if e.slot not in moved)
    return replace(echoes, found=(*stay, *motions), moves=moves)
