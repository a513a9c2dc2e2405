"""Echoes, rooms and motion of a whole chain: what is heard of them, and what would make them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dialin.audio import Audio
from dialin.effects.chain import chain_slots
from dialin.effects.spec import Settings
from dialin.matching.hearing.ears import Ear, listened, make_ear
from dialin.matching.hearing.motion_guesses import fit_motions, motions_of
from dialin.matching.hearing.time_guesses import Echo, Echoes, find_echoes, time_probes
from dialin.matching.probing import Probed
from dialin.matching.recordings import Heard
from dialin.rendering import Renderer

STANDING = 30.0
"""Standard deviations from which a comb is heard of an effect that may stand still: on songs for
validation those of five flangers that did were by 10 to 74, and four in 84 dry references by 11 to
22. Fainter ones are in doubt."""


def find_time_and_motion(
    pool: Renderer,
    probed: Probed,
    heard: Heard,
    locked: Mapping[int, float],
    seed: int,
    seeds: Mapping[int, Sequence[Settings]] | None = None,
    shapes: Callable[[], Mapping[int, Sequence[Settings]]] = dict,
    briefly: Collection[int] = (),
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
    briefly : collection of int
        Slots whose motion is looked for briefly.

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

    @functools.cache
    def listen(longest: float) -> Ear | None:
        return make_ear(*recordings(), longest)

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
        briefly=briefly,
        stop=stop,
    )
    hear_echoes = functools.partial(
        find_echoes,
        *(pool, probed.spec, probed.slots, listen, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
        probes=probes,
    )
    with ThreadPoolExecutor(1) as beside:
        moving = beside.submit(search, apart, recordings, locked)
        try:
            echoes = hear_echoes(seeds=seeds)
            # What answers impulses alike at any time does not move; what is in doubt may wobble.
            told = {e.slot for e in echoes.found if e.verdict != "doubt"}
            others = sorted(set(range(len(chain))) - told - set(apart))
            fits = [moving.result(), search(others, recordings, locked)]
        except BaseException:
            stop.set()
            raise
    motions, moves = motions_of(probed.slots, fits)
    echoes_apart = any(p is not None and p.echoes and not p.standing for p in chain)
    if not echoes_apart:
        # What does not go round may stand still, where no other effect is there to be an echo.
        going = {e.slot for e in motions if e.verdict == "heard"}
        still = [n for n, p in enumerate(chain) if p is not None and p.standing and n not in going]
        there = hear_echoes(only=still)
        motions = _standing(there, motions)
        echoes = replace(echoes, impulses=echoes.impulses + there.impulses)
    moved = {e.slot for e in motions}
    stay = [e for e in echoes.found if e.slot not in moved]
    found = sorted([*stay, *motions], key=lambda e: e.slot)
    return replace(echoes, found=tuple(found), moves=moves)


def _standing(there: Echoes, motions: Sequence[Echo]) -> tuple[Echo, ...]:
    """What is heard of effects that stand still, and in doubt where their motion is not."""
    heard = [e for e in there.found if e.verdict == "heard"]
    plain = [e for e in heard if e.score >= STANDING]
    sure = {e.slot for e in plain}
    kept = [e for e in motions if e.slot not in sure]
    told = sure | {e.slot for e in kept}
    faint = [replace(e, verdict="doubt") for e in heard if e.slot not in told]
    return (*plain, *kept, *faint)
