"""The main job: input, reference and effects in; settings, preset and report out."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from dialin._version import __version__
from dialin.audio import Audio
from dialin.effects import chain_slots, chain_uri, default_chain, resolve_effects
from dialin.effects.chain import chain_spec
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import MissingPackageError, ModelError, ParameterError, UsageError
from dialin.matching.candidate import SearchResult, measure, settings_of, warm_up
from dialin.matching.describe import (
    KEPT,
    LEFT_ALONE,
    NOTHING,
    UNSURE,
    aspect_reports,
    choice_reports,
    host_facts,
    level_notes,
    result_of,
    search_notes,
    slot_reports,
    sound_report,
)
from dialin.matching.equalisers.guesses import equaliser_guesses
from dialin.matching.features import Vector
from dialin.matching.guessing.auto import (
    DEFAULT,
    AutoPlan,
    as_guesses,
    bending_slots,
    family_reports,
    is_auto,
    order_notes,
    plan_auto,
    wanted_families,
)
from dialin.matching.guessing.auto_voters import Recordings, Voter
from dialin.matching.guessing.guess import Guess, GuessVoter, guess_chain
from dialin.matching.guessing.guess_probe import guess_by_probe
from dialin.matching.guessing.learned import Folder, Learned, find_learned, guesses
from dialin.matching.hearing.motion_guesses import find_motions
from dialin.matching.hearing.time_facts import time_pictures
from dialin.matching.hearing.time_guesses import Ear, Echoes, find_echoes, listened, make_ear
from dialin.matching.options import MatchOptions, Recording, SearchOptions
from dialin.matching.probing import Probed, probe_chain
from dialin.matching.recordings import Heard, hear, reference_list
from dialin.matching.result import Match, MatchProgress
from dialin.matching.search import ChainSearch
from dialin.matching.song_tempo import InTempo, in_tempo
from dialin.matching.songs.mastering import mastering_chain
from dialin.matching.songs.mixes import answer_song, is_mastering, whole_mixes
from dialin.matching.trajectories import (
    TrajectoryTarget,
    make_trajectory_target,
    trajectory_features,
)
from dialin.presets import Preset
from dialin.rendering import Job, Renderer, RenderPool, SharedAudio
from dialin.reports import MatchReport, PictureReport

_NOT_NEEDED = "input and reference do not differ in what it could mend, or nobody asked for it"

WHOLE_MIXES = (
    "input and reference are whole mixes, so the mastering chain was set (tone, width, dynamics, "
    "level); --fx auto or --fx default looks for other effects"
)

RENDERS_PER_KNOB = 20
DEFAULT_BUDGETS = (100, 600)
"""Least and most renders spent where no budget is given."""

AUTO_HALVING = 0.6
"""Share of the effects of one round that the next tries, where dialin chooses among all."""

AUTO_SLOT_COST = 0.08
"""Distance that an effect must take away there: of more effects the best gains more by chance."""

AUTO_BUDGETS = (100, 300)
"""The same where dialin chooses the effects: listening has told much by then."""


ALL_TRIES, MOST_TRIES = 16, 48
"""Renders up to which all are of a network's guesses, and how many guesses are rendered at most."""

PROBED_TRIES = 6
"""The same for an effect that no network knows."""

GUESSED_TEMPERATURE = 0.05
"""`SearchOptions.temperature` where a network guessed (``benchmarks/guess.py``)."""


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
        URIs, or names as ``dialin effects list`` prints them, in order. ``auto``: built-ins of
        the families that are heard in the reference; ``auto:drive,delay``: of these families
        alone; ``default``, as without any: a fixed chain of built-ins, without delay and
        modulation, of which those that do not help are left out; ``mastering``, as without any
        where input and reference are whole mixes: tone, width, dynamics and level of whole songs,
        solved and not searched.
    budget : int, optional
        Renders to spend; by default 20 for each knob, but 100 to 600.
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
        input alone; without, it is the match's `nearest`.
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
    kept = str(Path(input)) if isinstance(input, str | os.PathLike) else input
    with nullcontext(pool) if pool is not None else _warm_pool() as used:
        heard = hear(input, reference, options)
        songs = is_mastering(effects) or (effects is None and _are_songs(input, reference, options))
        families = wanted_families(effects) if effects is not None and is_auto(effects) else ()
        named = mastering_chain() if songs else () if families else _named(effects)
        plan = None
        witnesses = (*voters, GuessVoter()) if options.models is None else voters
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
            plan = plan_auto(families, witnesses, recordings, used.describe)
        tempo = in_tempo(
            *(used, named if plan is None else plan.uris, options.bpm),
            *(heard.input.recording, heard.input.sample_rate),
        )
        if songs and effects is None:
            heard = replace(heard, notes=(*heard.notes, WHOLE_MIXES))
        return _Matching(
            heard,
            kept,
            tempo,
            options,
            used,
            plan,
            songs=songs,
            named=not (songs or families or _is_default(effects)),
        ).run(progress)


def _tries(budget: int) -> int:
    """Guesses to try: all of a small budget, half of a larger one."""
    return budget if budget <= ALL_TRIES else min(MOST_TRIES, max(ALL_TRIES, budget // 2))


def _warm_pool() -> RenderPool:
    """Workers that start while the recordings are read."""
    pool = RenderPool()
    warm_up(pool)
    return pool


def _are_songs(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    options: MatchOptions,
) -> bool:
    """Whether nothing was asked for but that one whole mix should sound like another."""
    if not options.all_aspects or options.lock or options.weights or options.models:
        return False
    return whole_mixes(input, [recording for recording, _ in reference_list(reference)])


def _named(effects: Sequence[str] | str | None) -> Sequence[str]:
    """URIs of effects that were named."""
    return default_chain() if _is_default(effects) else resolve_effects(effects or ()).uris


def _is_default(effects: Sequence[str] | str | None) -> bool:
    return effects is None or effects == DEFAULT or list(effects) == [DEFAULT]


class _Matching:
    """One match of recordings that have been read."""

    def __init__(
        self,
        heard: Heard,
        input: tuple[Audio, int] | str,
        tempo: InTempo,
        options: MatchOptions,
        pool: Renderer,
        plan: AutoPlan | None = None,
        *,
        songs: bool = False,
        named: bool = False,
    ) -> None:
        self._began = time.monotonic()
        self._songs = songs
        self._facts: Mapping[str, float] = {}
        self._said: tuple[str, ...] = ()
        self._heard, self._input, self._options, self._pool = heard, input, options, pool
        self._plan, self._tempo, self._echoes = plan, tempo, Echoes()
        self._guess, self._named = Guess(), named
        self._probed = probe_chain(pool, chain_uri(tempo.uris))
        spec = self._probed.spec
        self._locked = locked_knobs(spec, options.lock or {})
        free = [p for n, p in enumerate(spec.parameters) if n not in self._locked]
        live = sum(p.status == "live" for p in free)
        usual = DEFAULT_BUDGETS if plan is None else AUTO_BUDGETS
        self._budget = options.budget or int(np.clip(RENDERS_PER_KNOB * live, *usual))
        self._excerpt, self._rate = heard.input.pieces[0], heard.input.sample_rate
        self._untouched = measure(self._excerpt, self._rate)

    def run(self, progress: Callable[[MatchProgress], None] | None) -> Match:
        """Search, and put what was found together."""
        shared = self._pool.share(self._excerpt, self._rate)
        try:
            return self._run(shared, progress)
        finally:
            self._pool.release(shared)

    def _run(self, shared: SharedAudio, progress: Callable[[MatchProgress], None] | None) -> Match:
        heard, options, probed = self._heard, self._options, self._probed
        # Controllers listen to references; a profile has no sound.
        learned = find_learned(probed.slots, options.models if heard.whole else ())
        result = (self._master if self._songs else self._search)(shared, learned, progress)
        plan = self._plan
        notes = [
            *probed.notes,
            *self._tempo.notes,
            *(() if plan is None else (*plan.notes, *order_notes(plan, result.ordered))),
            *learned.notes,
            *(note for sound in (heard.input, *heard.references) for note in sound.notes),
            *heard.notes,
            *self._said,
            *search_notes(result, self._budget, options.seconds),
        ]
        alone = replace(
            result,
            slots=(),
            settings=probed.spec.default,
            features=self._untouched[0],
            distance=result.untouched,
            evidence=(),
            left_out=dict.fromkeys(range(len(probed.slots)), UNSURE) | result.absent,
        )
        result, picked = _picked(result, options.pick)
        notes += picked
        taken = result if result.sure or options.keep else alone
        if not self._songs:
            notes += level_notes(heard.target, taken, probed.slots, options.search)
        outcome = functools.partial(self._outcome, shared, learned)
        if taken is result and result.slots:
            return outcome(result, notes if result.sure else [KEPT, *notes])
        if not result.slots:
            return outcome(alone, [NOTHING, *notes])
        return outcome(alone, [LEFT_ALONE, *notes], outcome(result, notes))

    def _search(
        self,
        shared: SharedAudio,
        learned: Learned,
        progress: Callable[[MatchProgress], None] | None,
    ) -> SearchResult:
        heard, options, probed = self._heard, self._options, self._probed
        spec, budget, seed = probed.spec, self._budget, options.seed
        before = float(heard.target.distance(self._untouched[0]))

        def tell(renders: int, so_far: float, best: float) -> None:
            if progress is not None:
                progress(MatchProgress(renders, budget, so_far, best, before))

        whole = [sound.whole for sound in heard.whole]
        listen, plan = options.all_aspects and bool(whole), self._plan
        equalisers = equaliser_guesses(self._pool, probed, heard, self._locked)
        if listen:
            echoes = find_time(self._pool, probed, heard, self._locked, seed)
            # What narrow bands ring on is no room.
            kept = tuple(echo for echo in echoes.found if echo.slot not in equalisers)
            self._echoes = replace(echoes, found=kept)
        if listen and options.models is None:
            try:
                self._guess = guess_chain(
                    spec,
                    (self._excerpt, self._rate),
                    [(sound.pieces[0], sound.sample_rate) for sound in heard.whole],
                    certain=self._named,
                    count=_tries(budget),
                    seed=seed,
                )
            except (MissingPackageError, ModelError) as error:
                self._said = (*self._said, f"the networks of this package cannot be used: {error}")
        how = options.search
        if plan is not None and how == SearchOptions():
            how = replace(how, halving=AUTO_HALVING, slot_cost=AUTO_SLOT_COST)
        if self._guess.tries and options.search == SearchOptions():
            how = replace(how, temperature=GUESSED_TEMPERATURE)
        search = ChainSearch(
            self._pool,
            spec,
            shared,
            self._untouched,
            heard.target,
            locked=self._locked,
            seed=seed,
            budget=budget,
            options=how,
            seconds=options.seconds,
            guesses=[
                *guesses(learned, spec, probed.slots, (self._excerpt, self._rate), whole, seed),
                *equalisers.values(),
            ],
            # A controller knows its effect alone, and listens to all there is.
            trusted=listen and len(probed.slots) == 1,
            parts=heard.parts,
            echoes=self._echoes if plan is None else as_guesses(self._echoes),
            tries=self._guess.tries or self._probed_guesses(learned),
            near=bool(self._guess.tries),
            bending=None if plan is None else bending_slots(plan),
            moving=self._moving() if self._echoes.moves else None,
            progress=tell,
        )
        return search.run()

    def _probed_guesses(self, learned: Learned) -> list[tuple[tuple[int, ...], Settings]]:
        """Guesses for one effect that no network knows, from what its knobs do to a test signal."""
        heard, options, spec = self._heard, self._options, self._probed.spec
        unknown = len(self._probed.slots) == 1 and not learned.controllers
        if options.models is not None or not options.all_aspects or not unknown:
            return []
        places = tuple(
            n
            for n, parameter in enumerate(spec.parameters)
            if parameter.status == "live" and n not in self._locked
        )
        told = {n for e in self._echoes.found if e.verdict == "heard" for n in e.places}
        if told.issuperset(places):
            return []
        uri = self._probed.slots[0].uri
        made = guess_by_probe(
            *(self._pool, uri, places, self._untouched[0], heard.target),
            min(PROBED_TRIES, self._budget),
            options.seed,
        )
        return [((0,), settings) for settings in made]

    def _master(
        self,
        shared: SharedAudio,
        learned: Learned,
        progress: Callable[[MatchProgress], None] | None,
    ) -> SearchResult:
        """The answer of `dialin.matching.songs.mastering`, told as that of a search is."""
        heard, spec, began = self._heard, self._probed.spec, time.monotonic()
        before = float(heard.target.distance(self._untouched[0]))

        def tell(share: float) -> None:
            if progress is not None:
                done = round(share * self._budget)
                seconds = time.monotonic() - began
                progress(MatchProgress(done, self._budget, seconds, before, before))

        answer = answer_song(
            heard.input.recording,
            [(sound.recording, sound.weight) for sound in heard.references if not sound.aspects],
            spec,
            self._options.song,
            locked=self._locked,
            only=self._options.only,
            progress=tell,
        )
        self._facts, self._said = answer.facts, answer.notes
        features = self._untouched[0]
        spans = [span for _, _, span in chain_slots(spec)]
        parts = [answer.settings[spans[slot]] for slot in answer.slots]
        if parts:
            uri = chain_uri([chain_slots(spec)[slot][1] for slot in answer.slots])
            job = Job(uri, shared, np.concatenate(parts), measure=measure)
            features = self._pool.render([job])[0].get()[0]
        distance = float(heard.target.distance(features))
        tell(1.0)
        return SearchResult(
            slots=answer.slots,
            settings=answer.settings,
            features=features,
            distance=distance,
            untouched=before,
            sure=True,
            gain=before - distance,
            left_out={n: _NOT_NEEDED for n in range(len(spans)) if n not in answer.slots},
            renders=1,
            seconds=time.monotonic() - began,
        )

    def _moving(self) -> tuple[TrajectoryTarget, Vector]:
        """How the references and the input move."""
        target = make_trajectory_target([(*s.whole, s.weight) for s in self._heard.whole])
        return target, trajectory_features(self._excerpt, self._rate)

    def _outcome(
        self,
        shared: SharedAudio,
        learned: Learned,
        result: SearchResult,
        notes: Sequence[str],
        nearest: Match | None = None,
    ) -> Match:
        """Put a result together: its preset, and its report."""
        heard, probed, pool = self._heard, self._probed, self._pool
        uris, settings = settings_of(result, probed.spec)
        output = self._excerpt
        if uris:
            job = Job(chain_uri(uris), shared, settings)
            (render,) = pool.render([job])
            if render.failure is not None:
                # It worked in the search: a plugin that crashes now and then gets another go.
                (render,) = pool.render([job])
            output = render.get()
        specs = [probed.slots[number] for number in result.slots]
        preset, unsaid = self._preset(learned, result)
        report = MatchReport(
            before=result.untouched,
            after=result.distance,
            aspects=aspect_reports(heard.target, self._untouched[0], result),
            slots=slot_reports(probed.spec, result, self._locked, probed.slots),
            input=sound_report(heard.input, self._excerpt),
            output=sound_report(heard.input, output),
            references=tuple(
                sound_report(s, self._excerpt if s.profile else s.whole[0])
                for s in heard.references
            ),
            seed=self._options.seed,
            budget=self._budget,
            renders=result.renders,
            failures=result.failures,
            seconds=time.monotonic() - self._began,
            interrupted=result.interrupted,
            models=(*learned.folders, *self._guess.names),
            notes=(*notes, *unsaid),
            version=__version__,
            sure=result.sure,
            gain=result.gain,
            risk=result.risk,
            evidence=result.evidence,
            parts=result.parts,
            bpm=self._tempo.bpm,
            pictures=self._pictures(result, output),
            choices=choice_reports(probed.spec, result, self._locked, probed.slots) if uris else (),
            song=self._facts,
            families=()
            if self._plan is None
            else family_reports(self._plan, result, self._echoes, result.slots),
        )
        chain = chain_spec(chain_uri(uris), specs) if uris else None
        choices = tuple(
            self._preset(learned, result_of(result, other))[0]
            for other in (result.others if uris else ())
        )
        return Match(uris, chain, settings, preset, report, self._input, pool, nearest, choices)

    def _preset(self, learned: Learned, result: SearchResult) -> tuple[Preset, list[str]]:
        """The preset of a result, and what could not be asked of its plugins."""
        heard = self._heard
        _, settings = settings_of(result, self._probed.spec)
        specs = [self._probed.slots[number] for number in result.slots]
        facts, unsaid = host_facts(self._pool, specs, settings)
        preset = Preset.from_settings(
            specs,
            settings,
            **facts,
            provenance={
                "input": heard.input.name,
                "references": [{"name": s.name, "weight": s.weight} for s in heard.references],
                "seed": self._options.seed,
                "budget": self._budget,
                "renders": result.renders,
                "bpm": self._tempo.bpm,
                "models": [Path(name).name for name in (*learned.folders, *self._guess.names)],
                "distance": {"before": result.untouched, "after": result.distance},
                "sure": result.sure,
            },
        )
        return preset, unsaid

    def _pictures(self, result: SearchResult, output: Audio) -> tuple[PictureReport, ...]:
        """What the report draws of echoes, rooms and motion in use."""
        if not result.slots or not self._heard.whole:
            return ()
        places = chain_slots(self._probed.spec)
        used = [
            (slot, self._probed.slots[slot], result.settings[places[slot][2]])
            for slot in result.slots
        ]
        heaviest = max(self._heard.whole, key=lambda sound: sound.weight)
        return time_pictures(
            self._pool,
            self._echoes.found,
            used,
            (self._excerpt, self._rate),
            (output, self._rate),
            heaviest.whole,
        )


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


def find_time(
    pool: Renderer, probed: Probed, heard: Heard, locked: Mapping[int, float], seed: int
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
    )
    # What answers impulses alike at any time does not move.
    others = sorted(set(range(len(probed.slots))) - {e.slot for e in echoes.found})
    motions, moves = find_motions(
        *(pool, probed.spec, probed.slots, others, recordings, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
    )
    return replace(echoes, found=(*echoes.found, *motions), moves=moves)


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
