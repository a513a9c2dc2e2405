"""The main job: input, reference and effects in; settings, preset and report out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal

from dialin.errors import UsageError
from dialin.matching.candidate import SearchResult, measure
from dialin.matching.describe import (
    KEPT,
    LEFT_ALONE,
    NOTHING,
    UNSURE,
    level_notes,
    result_of,
    search_notes,
)
from dialin.matching.guessing.auto import order_notes
from dialin.matching.guessing.auto_voters import Voter
from dialin.matching.guessing.learned import Folder, find_learned
from dialin.matching.options import MatchOptions, Recording
from dialin.matching.outcome import make_match
from dialin.matching.preparing import Prepared, prepare
from dialin.matching.result import Match, MatchProgress
from dialin.matching.searching import search_settings
from dialin.matching.song_answer import solve_songs
from dialin.rendering import Renderer, RenderPool, SharedAudio
from dialin.workers.algebra import one_thread_of_algebra


def match(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    effects: Sequence[str] | str | None = None,
    *,
    budget: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    only: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    lock: Mapping[str, float] | None = None,
    reference_for: Mapping[str, Recording] | None = None,
    models: Sequence[Folder] | None = None,
    bpm: float | Literal["auto"] | None = None,
    pick: int = 1,
    keep: bool = False,
    options: MatchOptions | None = None,
    voters: Sequence[Voter] = (),
    pool: Renderer | None = None,
    progress: Callable[[MatchProgress], None] | None = None,
) -> Match:
    """Find settings that make `input` sound like `reference`.

    Parameters
    ----------
    input : path, or (audio, sample_rate)
        The recording to change, ``(channels, samples)``, any length.
    reference : path, or (audio, sample_rate), or a sequence of those or of (recording, weight)
        What it should sound like: other music is welcome. Several are weighed.
    effects : sequence of str, optional
        URIs, or names as ``dialin effects list`` prints them, in order. ``auto``, as without
        any: built-ins of the families that are heard in the reference; ``auto:drive,delay``: of
        these families alone; ``default``: a fixed chain of built-ins, without delay and
        modulation, of which those that do not help are left out; ``mastering``, as without any
        where input and reference are whole mixes: tone, width, dynamics and level of whole songs,
        solved and not searched. References that are profiles alone have no sound to hear effects
        in: ``default`` is then as without any.
    budget : int, optional
        Renders to spend; by default 20 for each knob, but 100 to 600 (with ``auto`` at most 400, or
        140 where its networks' guesses come near).
    seconds : float, optional
        End the search after this long, whatever the budget.
    seed : int
        The same seed, budget, recordings and models give the same match, however many workers.
    only : sequence of str, optional
        Aspects to match: tone, level, dynamics, space, modulation, distortion.
    weights : mapping, optional
        How much an aspect counts, in place of the default.
    lock : mapping, optional
        Knobs to keep, ``slot.parameter`` -> native value.
    reference_for : mapping, optional
        Aspect -> another recording that alone counts for it.
    models : sequence of path-like, optional
        Folders of trained controllers whose answers are tried first; by default those that
        ``dialin train controller --fx`` left for these effects, and none for ``()``.
    bpm : float or "auto", optional
        Tempo of the song in beats a minute, for effects that follow their host's; ``auto`` is
        heard from the input. Without, hosts are at 120.
    pick : int
        Which of the choices becomes the match, from 1; see `MatchReport.choices`.
    keep : bool
        Take the nearest candidate even where it is not sure that it is better than leaving the
        input alone; without, it is the match's `nearest`. Of effects that were named, four at
        most, none is left out.
    options : MatchOptions, optional
        All of the above from `budget` to `keep` in one, and how knobs are searched; in place of
        them, not beside them.
    voters : sequence of Voter
        Who else is asked which effects are there, with ``auto``.
    pool : Renderer, optional
        A pool to use; one is made and closed otherwise.
    progress : callable, optional
        Called with a `MatchProgress` after every render.

    Returns
    -------
    Match

    Raises
    ------
    UsageError
        If an aspect, a weight or the budget makes no sense, or `options` stands beside what it
        holds.
    AudioError
        If a recording is missing, empty, not finite, silent, or holds less than 0.1 s of sound.
    EffectError
        If an effect cannot be opened, has no such knob, or fails on every render.

    Examples
    --------
    >>> match = dialin.match("dry.wav", "reference.wav", ["builtin:reverb"])  # doctest: +SKIP
    """
    single = MatchOptions(
        budget=budget,
        seconds=seconds,
        seed=seed,
        only=only,
        weights=weights,
        lock=lock,
        reference_for=reference_for,
        models=models,
        bpm=bpm,
        pick=pick,
        keep=keep,
    )
    if options is None:
        options = single
    elif single != MatchOptions():
        raise UsageError(
            "options stands in place of budget, seconds, seed, only, weights, lock, "
            "reference_for, models, bpm, pick and keep; give one or the other"
        )
    with (
        one_thread_of_algebra(),
        nullcontext(pool) if pool is not None else _warm_pool() as used,
    ):
        prepared = prepare(input, reference, effects, options, used, voters)
        shared = used.share(prepared.excerpt, prepared.sample_rate)
        try:
            return _match_prepared(prepared, shared, progress)
        finally:
            used.release(shared)


def _warm_pool() -> RenderPool:
    """Workers that start while the recordings are read."""
    pool = RenderPool()
    pool.warm_up(measure.__module__)
    return pool


def _match_prepared(
    prepared: Prepared, shared: SharedAudio, progress: Callable[[MatchProgress], None] | None
) -> Match:
    """Search, and put the answer, or the input left alone, together."""
    heard, options, probed = prepared.heard, prepared.options, prepared.probed
    # Controllers listen to references; a profile has no sound.
    learned = find_learned(probed.slots, options.models if heard.whole else ())
    if prepared.songs:
        answer = solve_songs(prepared, progress)
    else:
        answer = search_settings(prepared, shared, learned, progress)
    result, plan = answer.result, prepared.plan
    notes = [
        *probed.notes,
        *prepared.tempo.notes,
        *(() if plan is None else (*plan.notes, *order_notes(plan, result.ordered))),
        *learned.notes,
        *(note for sound in (heard.input, *heard.references) for note in sound.notes),
        *heard.notes,
        *answer.notes,
        *search_notes(result, prepared.budget, options.seconds),
    ]
    alone = replace(
        result,
        slots=(),
        settings=probed.spec.default,
        features=prepared.untouched[0],
        distance=result.untouched,
        evidence=(),
        left_out=dict.fromkeys(range(len(probed.slots)), UNSURE) | result.absent,
    )
    result, picked = _picked(result, options.pick)
    notes += picked
    taken = result if result.sure or options.keep else alone
    if not prepared.songs:
        notes += level_notes(heard.target, taken, probed.slots, options.search)
    outcome = functools.partial(make_match, prepared, shared, learned, answer)
    if taken is result and result.slots:
        return outcome(result, notes if result.sure else [KEPT, *notes])
    if not result.slots:
        return outcome(alone, [NOTHING, *notes])
    return outcome(alone, [LEFT_ALONE, *notes], outcome(result, notes))


def _picked(result: SearchResult, number: int) -> tuple[SearchResult, list[str]]:
    """The result with another choice in place of the likeliest, and a note of it."""
    if number == 1:
        return result, []
    count = 1 + len(result.others)
    if number > count:
        raise UsageError(
            f"there is no choice {number}: this match has {count}; leave out --pick, or use "
            f"{'1' if count == 1 else f'1 to {count}'}"
        )
    other = result.others[number - 2]
    note = (
        f"this is choice {number} of {count}, by wish: {100 * other.likelihood:.0f} % likely among "
        "them"
    )
    return replace(result_of(result, other), sure=True), [note]
