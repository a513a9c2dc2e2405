"""Echoes, rooms and motion of a whole chain: what is heard of them, and what would make them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dialin.audio import Audio
from dialin.effects.chain import chain_slots
from dialin.effects.spec import Settings
from dialin.matching.hearing.ears import Ear, listened, make_ear
from dialin.matching.hearing.motion_guesses import fit_motions, motions_of
from dialin.matching.hearing.time_guesses import Echoes, find_echoes, time_probes
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

    reading = threading.Lock()

    @functools.cache
    def read() -> tuple[tuple[Audio, int], list[tuple[Audio, int, float]]]:
        theirs = [(listened(s.recording), s.sample_rate, s.weight) for s in heard.whole]
        return (listened(heard.input.recording), rate), theirs

    def recordings() -> tuple[tuple[Audio, int], list[tuple[Audio, int, float]]]:
        # Once, whoever comes first.
        with reading:
            return read()

    def listen() -> Ear | None:
        return make_ear(*recordings())

    probes = time_probes(pool, probed.spec)
    chain = [probes[uri] for _, uri, _ in chain_slots(probed.spec)]
    # What has no echoes is not told by them, and may be looked at beside.
    apart = [n for n, probe in enumerate(chain) if probe is None or not probe.listened_for]
    stop = threading.Event()
    search = functools.partial(
        fit_motions,
        *(pool, probed.spec, probed.slots),
        sample_rate=rate,
        channels=channels,
        seed=seed,
        seeds=lambda: {**(seeds or {}), **shapes()},
        stop=stop,
    )
    with ThreadPoolExecutor(1) as beside:
        moving = beside.submit(search, apart, recordings, locked)
        try:
            echoes = find_echoes(
                *(pool, probed.spec, probed.slots, listen, locked),
                sample_rate=rate,
                channels=channels,
                seed=seed,
                seeds=seeds,
                probes=probes,
            )
            # What answers impulses alike at any time does not move; what is in doubt may wobble.
            told = {e.slot for e in echoes.found if e.verdict != "doubt"}
            others = sorted(set(range(len(chain))) - told - set(apart))
            fits = [moving.result(), search(others, recordings, locked)]
        except BaseException:
            stop.set()
            raise
    motions, moves = motions_of(probed.slots, fits)
    moved = {e.slot for e in motions}
    stay = (e for e in echoes.found if e.slot not in moved)
    return replace(echoes, found=(*stay, *motions), moves=moves)
