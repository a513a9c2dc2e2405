"""What is heard of motion in a reference, and the settings that make it.

For each slot of a chain whose effect goes round (`dialin.matching.hearing.motion.probe`), settings
are found by its answers to impulses (`dialin.matching.hearing.motion.search`). A motion is *heard*
where it stands out from the music in both halves of the reference, beyond what the input does by
itself. Where none is heard nothing is said: the effect may have other uses.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dialin.audio import Audio
from dialin.effects.amount import settings_at_amount
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.motion.ears import make_motion_ears
from dialin.matching.hearing.motion.listener import MotionListener
from dialin.matching.hearing.motion.probe import MotionProbe, probe_motion
from dialin.matching.hearing.motion.search import MotionFit, MotionSearch
from dialin.matching.hearing.time_guesses import Echo
from dialin.matching.probing import ask_effect
from dialin.rendering import Renderer

MILDER = (70.0, 45.0)
"""Amounts, in per cent, at which a motion that is heard is tried besides."""

SAME_RATE = 0.05
"""Logarithm of the rates' ratio up to which two effects explain one and the same motion."""


@dataclass(frozen=True, eq=False)
class MotionFits:
    """What was found of some slots.

    Attributes
    ----------
    found : tuple of (int, MotionFit, MotionSearch)
        Slots whose motion may be there.
    moves : bool
        Whether any of the effects goes round.
    """

    found: tuple[tuple[int, MotionFit, MotionSearch], ...]
    moves: bool


def fit_motions(
    pool: Renderer,
    spec: EffectSpec,
    slots: Sequence[EffectSpec],
    wanted: Sequence[int],
    listen: Callable[[], tuple[tuple[Audio, int], Sequence[tuple[Audio, int, float]]]],
    locked: Mapping[int, float],
    *,
    sample_rate: int,
    channels: int,
    seed: int = 0,
    seeds: Callable[[], Mapping[int, Sequence[Settings]]] = dict,
    briefly: Collection[int] = (),
    stop: threading.Event | None = None,
) -> MotionFits:
    """Find settings of some effects that move in a chain, of each by itself.

    Parameters
    ----------
    pool : Renderer
        Renders the impulses.
    spec : EffectSpec
        Of the chain.
    slots : sequence of EffectSpec
        Of its effects.
    wanted : sequence of int
        Slots to look at.
    listen : callable
        Returns the input, ``(audio, sample_rate)``, and the references, ``(audio, sample_rate,
        weight)`` each; called only where something moves.
    locked : mapping
        Place in the chain's settings -> position.
    sample_rate, channels : int
        As the input is rendered.
    seed : int
        Of the settings that are drawn.
    seeds : callable
        Returns slot -> settings of its effect that are likely, the likeliest first; called only
        where something moves.
    briefly : collection of int
        Slots that are looked at briefly: what is heard of them will only be a guess.
    stop : Event, optional
        Ends the search once it is set, by `MotionStopped`.

    Returns
    -------
    MotionFits
    """
    chain = chain_slots(spec)
    probes = {
        uri: ask_effect(pool, probe_motion, uri)
        for uri in dict.fromkeys(chain[n][1] for n in wanted)
    }
    moving = [n for n in wanted if (p := probes[chain[n][1]]) is not None and p.moves]
    ears = make_motion_ears(*listen()) if moving else None
    if ears is None:
        return MotionFits((), bool(moving))
    likely = seeds()
    fits: list[tuple[int, MotionFit, MotionSearch]] = []
    for number in moving:
        _, uri, span = chain[number]
        own_spec, probe = slots[number], probes[uri]
        assert probe is not None
        start = own_spec.default
        kept = {n - span.start: v for n, v in locked.items() if span.start <= n < span.stop}
        for n, position in kept.items():
            start[n] = position
        free = [
            n for n, p in enumerate(own_spec.parameters) if n not in kept and p.status == "live"
        ]

        def searched(
            far: bool,
            own_spec: EffectSpec = own_spec,
            probe: MotionProbe = probe,
            start: Settings = start,
            free: Sequence[int] = free,
            likely: Sequence[Settings] = likely.get(number, ()),
            brief: bool = number in briefly,
        ) -> tuple[MotionListener, MotionSearch, MotionFit | None]:
            listener = MotionListener(
                *(pool, own_spec, ears, probe, start, free),
                sample_rate=sample_rate,
                channels=channels,
                far=far,
                stop=stop,
            )
            search = MotionSearch(listener, seed=seed, seeds=likely, brief=brief)
            return listener, search, search.run() if search.places else None

        listener, search, fit = searched(far=False)
        if listener.lasts and (fit is None or fit.verdict != "heard") and number not in briefly:
            # Late answers to one impulse are mistaken for early ones to the next.
            _, again, other = searched(far=True)
            if other is not None and other.verdict == "heard":
                search, fit = again, other
        if fit is not None and fit.verdict != "absent":
            # How deep it goes is heard less well than how fast, and searched for by the sound.
            fits.append((number, fit, search))
    return MotionFits(tuple(fits), True)


def motions_of(
    slots: Sequence[EffectSpec], fits: Sequence[MotionFits]
) -> tuple[tuple[Echo, ...], bool]:
    """What all that was found comes to: of effects that explain the same motion, the best.

    Parameters
    ----------
    slots : sequence of EffectSpec
        Effects of the chain.
    fits : sequence of MotionFits
        Of any of them.

    Returns
    -------
    echoes : tuple of Echo
        Of the slots whose motion is heard, or may be.
    moves : bool
        Whether any of the effects goes round.
    """
    echoes: list[Echo] = []
    rates: list[float] = []
    found = sorted((one for some in fits for one in some.found), key=lambda f: f[0])
    for number, fit, search in sorted(found, key=lambda f: -f[1].score):
        if any(abs(np.log(fit.rate / rate)) < SAME_RATE for rate in rates):
            continue
        rates.append(fit.rate)
        sigma = float(np.sqrt(fit.score))
        text = f"{slots[number].name}: motion at {fit.rate:.3g} Hz, {sigma:.0f} sigma"
        # How deep it goes is heard far less well than how fast: milder ones are as likely.
        milder = [
            (settings_at_amount(slots[number], fit.settings, share)[0], fit.score)
            for share in MILDER
        ]
        alike = [(v, score) for v, score in milder if not np.array_equal(v, fit.settings)]
        alike += fit.alike
        echoes.append(
            Echo(
                *(number, fit.verdict, fit.settings, alike, search.rate_places),
                *(fit.score, sigma, text),
                exact=False,
                weigh=functools.partial(search.weigh, fit),
                refine=functools.partial(search.refined, fit),
                rounds=fit.rounds,
            )
        )
    return tuple(sorted(echoes, key=lambda e: e.slot)), any(some.moves for some in fits)
