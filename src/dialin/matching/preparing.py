"""Before a match is searched: recordings heard, effects chosen, knobs probed, the budget known."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dialin.audio import Audio
from dialin.effects import chain_uri, default_chain, resolve_effects
from dialin.effects.spec import EffectSpec
from dialin.errors import ParameterError, UsageError
from dialin.matching.candidate import measure
from dialin.matching.detail import Detail
from dialin.matching.features import Vector
from dialin.matching.guessing.auto import AutoPlan, plan_auto
from dialin.matching.guessing.auto_families import AUTO, DEFAULT, is_auto, wanted_families
from dialin.matching.guessing.auto_trust import Trust, guess_distances, trusted
from dialin.matching.guessing.auto_undo import undoing_notes
from dialin.matching.guessing.auto_voters import Recordings, Vote, Voter
from dialin.matching.guessing.guess import GuessVoter
from dialin.matching.options import MatchOptions, Recording
from dialin.matching.probing import Probed, probe_chain
from dialin.matching.recordings import Heard, hear, reference_list
from dialin.matching.song_tempo import InTempo, in_tempo
from dialin.matching.songs.mastering import mastering_chain
from dialin.matching.songs.mixes import MASTERING_NAME, is_mastering, whole_mixes
from dialin.measures.time_features import RecordingFeatures
from dialin.rendering import Renderer
from dialin.reports.words import SAME_RECORDING

WHOLE_MIXES = (
    "input and reference are whole mixes, so the mastering chain was set (tone, width, dynamics, "
    "level); --fx auto or --fx default looks for other effects"
)

NOTHING_TO_HEAR = (
    "a profile has no sound that effects could be heard in, so the fixed chain of built-ins was "
    "searched, as with --fx default"
)

RENDERS_PER_KNOB = 20

DEFAULT_BUDGETS = (100, 600)
"""Least and most renders spent where no budget is given."""

AUTO_BUDGETS, UNTOLD_BUDGETS = (60, 140), (100, 400)
"""The same where dialin chooses the effects and guesses of them already come near, and where
nobody's do."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A match that may be searched.

    Attributes
    ----------
    input : (ndarray, int) or str
        The whole input, or its path.
    heard : Heard
        Input and references.
    tempo : InTempo
        Effects in the song's tempo.
    options : MatchOptions
        As given.
    pool : Renderer
        Workers that render.
    plan : AutoPlan, optional
        Where dialin chose the effects.
    songs : bool
        Whether whole songs are mastered.
    named : bool
        Whether a person named the effects.
    probed : Probed
        The chain, and what its knobs do.
    locked : dict of int to float
        Index of a knob -> position that is kept.
    budget : int
        Renders to spend.
    untouched : (ndarray, ndarray)
        Style features of the input as it is, and what `measure` says beside them.
    began : float
        Of the monotonic clock, in seconds.
    heard_input : RecordingFeatures, optional
        The excerpt as the network of chains heard it, where it was asked.
    """

    input: tuple[Audio, int] | str
    heard: Heard
    tempo: InTempo
    options: MatchOptions
    pool: Renderer
    plan: AutoPlan | None
    songs: bool
    named: bool
    probed: Probed
    locked: dict[int, float]
    budget: int
    untouched: tuple[Vector, Detail]
    began: float
    heard_input: RecordingFeatures | None = None

    @property
    def excerpt(self) -> Audio:
        """What is rendered of the input."""
        return self.heard.input.pieces[0]

    @property
    def sample_rate(self) -> int:
        """Of the input."""
        return self.heard.input.sample_rate

    @property
    def distance(self) -> float:
        """Of the input as it is to the reference."""
        return float(self.heard.target.distance(self.untouched[0]))


def prepare(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    effects: Sequence[str] | str | None,
    options: MatchOptions,
    pool: Renderer,
    voters: Sequence[Voter] = (),
) -> Prepared:
    """Hear the recordings, choose the effects where nobody named them, and probe their knobs.

    Parameters
    ----------
    input, reference, effects, options, voters
        As `dialin.match` takes them.
    pool : Renderer
        Workers that render.

    Returns
    -------
    Prepared

    Raises
    ------
    UsageError, AudioError, EffectError
        As `dialin.match` does.
    """
    heard = hear(input, reference, options)
    if effects is None:
        effects, why = chosen_for(input, reference, heard, options)
        heard = replace(heard, notes=(*heard.notes, *why))
    songs = is_mastering(effects)
    families = wanted_families(effects) if is_auto(effects) else ()
    named = mastering_chain() if songs else () if families else _named(effects)
    plan = None
    untouched = measure(heard.input.pieces[0], heard.input.sample_rate)
    # Who listens to the whole sound cannot say what a part of it takes.
    asked = options.models is None and options.all_aspects
    own = GuessVoter()
    witnesses = (*voters, own) if asked else voters
    if families and not heard.whole:
        raise UsageError(
            "--fx auto listens to references, and a profile has no sound; name effects, or "
            "--fx mastering or default"
        )
    if families:
        recordings = Recordings(
            (heard.input.pieces[0], heard.input.sample_rate),
            tuple((*sound.whole, sound.weight) for sound in heard.whole),
            options.seed,
        )
        plan = plan_auto(
            *(families, witnesses, recordings, pool.describe, tuple(options.lock or ())),
            trust=functools.partial(_believed, pool, heard, untouched[0]),
        )
        if asked and plan.nearest > SAME_RECORDING:
            drier = undoing_notes(
                *(pool, heard, untouched[0], witnesses, pool.describe, options.seed),
                nearest=plan.nearest,
            )
            plan = replace(plan, notes=(*plan.notes, *drier))
    tempo = in_tempo(
        *(pool, named if plan is None else plan.uris, options.bpm),
        *(heard.input.recording, heard.input.sample_rate),
    )
    began = time.monotonic()
    probed = probe_chain(pool, chain_uri(tempo.uris))
    spec = probed.spec
    locked = locked_knobs(spec, options.lock or {})
    free = [p for n, p in enumerate(spec.parameters) if n not in locked]
    live = sum(p.status == "live" for p in free)
    usual = DEFAULT_BUDGETS
    if plan is not None:
        usual = AUTO_BUDGETS if plan.told else UNTOLD_BUDGETS
    return Prepared(
        input=str(Path(input)) if isinstance(input, str | os.PathLike) else input,
        heard=heard,
        tempo=tempo,
        options=options,
        pool=pool,
        plan=plan,
        songs=songs,
        named=not (songs or families or _is_default(effects)),
        probed=probed,
        locked=locked,
        budget=options.budget or int(np.clip(RENDERS_PER_KNOB * live, *usual)),
        untouched=untouched,
        began=began,
        heard_input=own.heard(heard.input.pieces[0]),
    )


def _believed(pool: Renderer, heard: Heard, untouched: Vector, votes: Sequence[Vote]) -> Trust:
    """Which voters come near enough with their own settings."""
    shared = pool.share(heard.input.pieces[0], heard.input.sample_rate)
    try:
        return trusted(
            votes,
            float(heard.target.distance(untouched)),
            functools.partial(guess_distances, pool, shared, heard.target),
        )
    finally:
        pool.release(shared)


def chosen_for(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    heard: Heard,
    options: MatchOptions,
) -> tuple[str, tuple[str, ...]]:
    """What is searched where nobody named effects: the one place that decides it.

    Parameters
    ----------
    input, reference, options
        As `dialin.match` takes them.
    heard : Heard
        Both, listened to.

    Returns
    -------
    str
        `MASTERING_NAME` where one whole mix should sound like another and nothing else was asked
        for; else `AUTO`, or `DEFAULT` where there is no sound to hear effects in.
    tuple of str
        Notes for the person.
    """
    everything = options.all_aspects and not (options.lock or options.weights or options.models)
    if everything and whole_mixes(input, [one for one, _ in reference_list(reference)]):
        return MASTERING_NAME, (WHOLE_MIXES,)
    return (AUTO, ()) if heard.whole else (DEFAULT, (NOTHING_TO_HEAR,))


def _named(effects: Sequence[str] | str) -> Sequence[str]:
    """URIs of effects that were named."""
    return default_chain() if _is_default(effects) else resolve_effects(effects).uris


def _is_default(effects: Sequence[str] | str) -> bool:
    return effects == DEFAULT or list(effects) == [DEFAULT]


def locked_knobs(spec: EffectSpec, lock: Mapping[str, float]) -> dict[int, float]:
    """Indices and positions of locked knobs; the slot's name may be left out where it is clear.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain.
    lock : mapping of str to float
        ``slot.parameter`` -> native value.

    Returns
    -------
    dict of int to float
        Positions from 0 to 1.

    Raises
    ------
    ParameterError
        If there is no such knob, or several.
    """
    result = {}
    for name, native in lock.items():
        id = name
        if "." not in name:
            ends = [p.id for p in spec.parameters if p.id.split(".", 1)[-1] == name]
            if len(ends) > 1:
                raise ParameterError(
                    f"{name!r} could be any of {', '.join(ends)}; write the slot too"
                )
            id = ends[0] if ends else name
        index = spec.index(id)
        result[index] = spec.parameters[index].to_normalised(float(native))
    return result
