"""The answer of a search: a chain's knobs, from what was heard, guessed and learned of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from dialin.effects.chain import chain_slots
from dialin.effects.spec import Settings
from dialin.errors import MissingPackageError, ModelError
from dialin.matching.answer import Answer
from dialin.matching.equaliser_guesses import equaliser_guesses
from dialin.matching.features import Vector
from dialin.matching.first_guess import FIRST_GUESS, LEAST_LISTENED
from dialin.matching.guessing.auto import bending_slots, likely_settings, nearest_guess, slot_costs
from dialin.matching.guessing.auto_sureness import as_guesses, as_offered, unlikely_slots
from dialin.matching.guessing.guess import KNOWN_EFFECTS, Guess, guess_chain
from dialin.matching.guessing.guess_probe import guess_by_probe
from dialin.matching.guessing.learned import Learned, guesses
from dialin.matching.hearing.time_and_motion import find_time_and_motion
from dialin.matching.hearing.time_guesses import Echoes
from dialin.matching.options import SearchOptions
from dialin.matching.preparing import Prepared
from dialin.matching.prune import least_brought
from dialin.matching.result import MatchProgress
from dialin.matching.search import ChainSearch
from dialin.matching.trajectories import (
    TrajectoryTarget,
    make_trajectory_target,
    trajectory_features,
)
from dialin.rendering import SharedAudio

AUTO_HALVING = 0.6
"""Share of the effects of one round that the next tries, where dialin chooses among all."""

AUTO_SLOT_COST = 0.08
"""Distance that an effect must take away there: of more effects the best gains more by chance."""

UNTOLD_FIRST, UNTOLD_NEXT = 0.2, 0.12
"""Shares of the budget for the rounds that try effects one by one, where dialin chooses among all
and nobody tells which: what they lead to is found by the knobs that are turned together after them.
Of eleven pairs of other music (validation songs) 0.4 and 0.15 with half as many renders again came
to style distances of 0.89 at best and 1.08 of the match, this to 0.91 and 1.04 in seven tenths of
the time."""

ALL_TRIES, MOST_TRIES = 16, 48
"""Renders up to which all are of a network's guesses, and how many guesses are rendered at most."""

PROBED_TRIES = 6
"""The same for an effect that no network knows."""

GUESSED_TEMPERATURE, SINGLE_TEMPERATURE = 0.05, 0.1
"""`SearchOptions.temperature` where a network guessed (``benchmarks/guess.py``), and where it was
the one of single effects and neither motion nor echoes are told: most of these shape dynamics, of
which the distance is less sure than of filters."""


def search_settings(
    prepared: Prepared,
    shared: SharedAudio,
    learned: Learned,
    progress: Callable[[MatchProgress], None] | None,
) -> Answer:
    """Search the knobs of the chain, beginning with all that is known of them.

    Parameters
    ----------
    prepared : Prepared
        The match.
    shared : SharedAudio
        Its excerpt.
    learned : Learned
        Controllers of its effects.
    progress : callable, optional
        Called after every render.

    Returns
    -------
    Answer
    """
    heard, options, probed = prepared.heard, prepared.options, prepared.probed
    spec, budget, seed, before = probed.spec, prepared.budget, options.seed, prepared.distance
    excerpt = (prepared.excerpt, prepared.sample_rate)

    def tell(renders: int, so_far: float, best: float) -> None:
        if progress is not None:
            progress(MatchProgress(renders, budget, so_far, best, before))

    whole = [sound.whole for sound in heard.whole]
    listen, plan = options.all_aspects and bool(whole), prepared.plan
    equalisers = equaliser_guesses(prepared.pool, probed, heard, prepared.locked)
    echoes, guess = Echoes(), Guess()
    notes: tuple[str, ...] = ()
    unbelieved = plan is not None and not plan.told
    nearest = () if plan is None else nearest_guess(plan, spec)
    # What a voter's settings explain need not be listened for, where a first guess is asked for.
    first_guess = plan is not None and plan.told and budget < LEAST_LISTENED
    # The network is asked while the recordings are listened to.
    with ThreadPoolExecutor(1) as beside:
        asked: Future[tuple[Guess, tuple[str, ...]]] | None = None
        if listen and options.models is None and not unbelieved:
            drawn = not first_guess or budget > len(nearest)
            asked = beside.submit(_network_guess, prepared, drawn)
        if listen and not first_guess:
            # The search will need it, and it takes a fifth of a second of processor time.
            beside.submit(importlib.import_module, "scipy.optimize")
            likely = {} if plan is None else likely_settings(plan)
            echoes = find_time_and_motion(
                *(prepared.pool, probed, heard, prepared.locked, seed, likely),
                shapes=lambda: _shapes(prepared, Guess() if asked is None else asked.result()[0]),
                briefly=() if plan is None else unlikely_slots(plan),
            )
            # What narrow bands ring on is no room.
            kept = tuple(echo for echo in echoes.found if echo.slot not in equalisers)
            echoes = replace(echoes, found=kept)
        if asked is not None:
            guess, notes = asked.result()
    if first_guess:
        notes = (*notes, FIRST_GUESS)
    how = options.search
    # What somebody set is theirs.
    usual = SearchOptions()
    few = plan is not None and plan.told
    if few and (how.halving, how.slot_cost) == (usual.halving, usual.slot_cost):
        how = replace(how, halving=AUTO_HALVING, slot_cost=AUTO_SLOT_COST)
    if unbelieved and (how.first, how.next) == (usual.first, usual.next):
        how = replace(how, first=UNTOLD_FIRST, next=UNTOLD_NEXT)
    if plan is not None and few and how.least_budget == usual.least_budget:
        # Few renders are still of few effects each: more at once would imitate anything.
        each = budget // (2 * len(plan.uris))
        how = replace(how, least_budget=1, least_renders=int(np.clip(each, 3, usual.least_renders)))
    # Echoes that listening left in doubt are doubted as they are without networks.
    doubted = len(probed.slots) == 1 and any(e.exact and e.verdict != "heard" for e in echoes.found)
    still = not (echoes.moves or echoes.found)
    single = still and guess.judge is not None and guess.judge.mono
    if guess.names and not doubted and how.temperature == usual.temperature:
        how = replace(how, temperature=SINGLE_TEMPERATURE if single else GUESSED_TEMPERATURE)
    chances = _chances(prepared, guess)
    guessed = as_offered(echoes, chances) if plan is None else as_guesses(echoes, plan)
    search = ChainSearch(
        prepared.pool,
        spec,
        shared,
        prepared.untouched,
        heard.target,
        locked=prepared.locked,
        seed=seed,
        budget=budget,
        options=how,
        seconds=options.seconds,
        guesses=[
            *guesses(learned, spec, probed.slots, excerpt, whole, seed),
            *equalisers.values(),
        ],
        # A controller knows its effect alone, and listens to all there is.
        trusted=listen and len(probed.slots) == 1,
        parts=heard.parts,
        echoes=guessed,
        tries=(*nearest, *guess.tries) or _probed_guesses(prepared, learned, echoes),
        judge=guess.judge,
        staying=_staying(prepared),
        near=bool(guess.names),
        bending=None if plan is None else bending_slots(plan),
        moving=_moving(prepared) if guessed.moves else None,
        costs=_costs(prepared, chances),
        told=chances,
        heard_alone=not single,
        progress=tell,
    )
    return Answer(search.run(), echoes, guess, notes=notes)


def _network_guess(prepared: Prepared, drawn: bool) -> tuple[Guess, tuple[str, ...]]:
    """What the networks of the package say of the chain, or a note of why they cannot be used."""
    excerpt = (prepared.excerpt, prepared.sample_rate)
    try:
        guess = guess_chain(
            prepared.probed.spec,
            excerpt,
            [(sound.pieces[0], sound.sample_rate) for sound in prepared.heard.whole],
            certain=prepared.named,
            count=_tries(prepared.budget),
            seed=prepared.options.seed,
            heard_before=prepared.heard_input,
            careful=prepared.plan is None and prepared.budget < LEAST_LISTENED,
            drawn=drawn,
        )
    except (MissingPackageError, ModelError) as error:
        return Guess(), (f"the networks of this package cannot be used: {error}",)
    return guess, ()


def _probed_guesses(
    prepared: Prepared, learned: Learned, echoes: Echoes
) -> list[tuple[tuple[int, ...], Settings]]:
    """Guesses for one effect that no network knows, from what its knobs do to a test signal."""
    options, probed = prepared.options, prepared.probed
    unknown = len(probed.slots) == 1 and not learned.controllers
    if options.models is not None or not options.all_aspects or not unknown:
        return []
    knobs = tuple(
        n
        for n, parameter in enumerate(probed.spec.parameters)
        if parameter.status == "live" and n not in prepared.locked
    )
    told = {n for e in echoes.found if e.verdict == "heard" for n in e.places}
    if told.issuperset(knobs):
        return []
    uri = probed.slots[0].uri
    made = guess_by_probe(
        *(prepared.pool, uri, knobs, prepared.untouched[0], prepared.sample_rate),
        prepared.heard.target,
        min(PROBED_TRIES, prepared.budget),
        options.seed,
    )
    return [((0,), settings) for settings in made]


def _chances(prepared: Prepared, guess: Guess) -> Mapping[int, float]:
    """How likely effects are there, by the network, where many are on offer and none is named."""
    offered = len(prepared.probed.slots) > KNOWN_EFFECTS and prepared.plan is None
    usual = prepared.options.search == SearchOptions()
    return guess.there if offered and usual else {}


def _costs(prepared: Prepared, chances: Mapping[int, float]) -> Mapping[int, float]:
    """Distance that effects must take away, where it was told how likely they are."""
    if prepared.plan is None:
        return {slot: least_brought(chance) for slot, chance in chances.items()}
    return slot_costs(prepared.plan) if prepared.options.search == SearchOptions() else {}


def _staying(prepared: Prepared) -> range:
    """Slots that are there for sure: few effects, named, and kept by wish."""
    count = len(prepared.probed.slots)
    sure = prepared.named and prepared.options.keep and count <= KNOWN_EFFECTS
    return range(count if sure else 0)


def _moving(prepared: Prepared) -> tuple[TrajectoryTarget, Vector]:
    """How the references and the input move."""
    whole = [(*s.whole, s.weight) for s in prepared.heard.whole]
    with ThreadPoolExecutor(1) as beside:
        target = beside.submit(make_trajectory_target, whole)
        own = trajectory_features(prepared.excerpt, prepared.sample_rate)
        return target.result(), own


def _shapes(prepared: Prepared, guess: Guess) -> dict[int, list[Settings]]:
    """Settings of each effect that the networks gave, from which motions may be looked for."""
    shapes: dict[int, list[Settings]] = {}
    spans = [span for _, _, span in chain_slots(prepared.probed.spec)]
    for slots, settings in guess.tries:
        for slot in slots:
            shapes.setdefault(slot, []).append(settings[spans[slot]])
    return shapes


def _tries(budget: int) -> int:
    """Guesses to try: all of a small budget, half of a larger one."""
    return budget if budget <= ALL_TRIES else min(MOST_TRIES, max(ALL_TRIES, budget // 2))
