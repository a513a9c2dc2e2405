"""Equalisers of a chain set by least squares, as guesses that a search begins with."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dialin.effects.chain import chain_slots
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import DialinError
from dialin.matching.equalisers.effects import DEADLINE, solve_effect
from dialin.matching.equalisers.target import EqTarget, eq_target
from dialin.matching.probing import Probed
from dialin.matching.recordings import Heard
from dialin.matching.songs.profiles import combine, profile_of
from dialin.measures.song import measure_song
from dialin.rendering import Renderer

LEAST_KNOBS = 6
"""Knobs from which a search alone does not find its way: below, it does as well."""


def equaliser_guesses(
    pool: Renderer, probed: Probed, heard: Heard, locked: Collection[int]
) -> dict[int, Settings]:
    """Settings of a chain with one equaliser each set to what the spectra differ by.

    Parameters
    ----------
    pool : Renderer
        Whose worker opens the effects.
    probed : Probed
        The chain.
    heard : Heard
        Input and references.
    locked : collection of int
        Indices of knobs that are kept: effects that have any are not solved.

    Returns
    -------
    dict of int to ndarray, shape (knobs,)
        Index of an effect that is an equaliser of many knobs -> settings of the whole chain.
    """
    spans = [span for _, _, span in chain_slots(probed.spec)]
    worth = [
        number
        for number, own in enumerate(probed.slots)
        if _knobs(own) >= LEAST_KNOBS
        and not any(spans[number].start <= index < spans[number].stop for index in locked)
    ]
    if not worth or not heard.whole:
        return {}
    target = spectral_target(heard)
    rate = heard.input.sample_rate
    guesses = {}
    for number in worth:
        uri = probed.slots[number].uri
        try:
            own = pool.call(solve_for, target, rate, effect=uri, deadline=DEADLINE)
        except DialinError:
            continue  # a guess that is not there; the search meets the effect itself
        if own is not None:
            settings = probed.spec.default
            settings[spans[number]] = own
            guesses[number] = settings
    return guesses


def spectral_target(heard: Heard) -> EqTarget:
    """What is between the spectra of the recordings of a match.

    Parameters
    ----------
    heard : Heard
        Input and references.

    Returns
    -------
    EqTarget
    """
    sounds = [heard.input, *heard.whole]
    profiles = []
    for sound in sounds:
        audio, rate = sound.whole
        profiles.append((profile_of(measure_song(audio, rate), sound.name), sound.weight))
    own, wanted = profiles[0][0], combine(profiles[1:])
    return eq_target(
        own.spectra.middle, wanted.spectra.middle, nyquist=min(own.nyquist, wanted.nyquist)
    )


def solve_for(effect: Effect, target: EqTarget, sample_rate: int) -> Settings | None:
    """Settings of an effect for a target; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened there.
    target : EqTarget
        What is wanted.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray of shape (knobs,), or None
        None where it is no equaliser.
    """
    solved = solve_effect(effect, target, sample_rate)
    return None if solved is None else np.asarray(solved[0])


def _knobs(spec: EffectSpec) -> int:
    return sum(p.status == "live" and not p.is_stepped for p in spec.parameters)
