"""Searching an effect's knobs for the sound of a reference, within a budget of renders.

1. *Space*: which effects and knobs are searched (`dialin.matching.space`). What was heard of echoes
   comes first: an effect that is heard stays in, its knobs where they were found, and of settings
   that explain the echoes alike the most likely is taken (`dialin.matching.hearing.alike`); one
   that is absent is left out; one in doubt is a guess among others.
2. *Explore*: renders of an excerpt are measured in the workers (`dialin.matching.trials`), and the
   knobs turned for less distance (`dialin.matching.explore`); a chain of several effects grows
   (`dialin.matching.forward`).
3. *Pick*: the best bet among all candidates, and whether it is sure (`dialin.matching.pick`).
4. *Level*: where nothing else is sure and the level surely differs, it alone is set
   (`dialin.matching.level_alone`).
5. *Prune*: effects that bring too little are taken out (`dialin.matching.prune`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dialin.effects.chain import chain_uri
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.candidate import Candidate, Pick, SearchResult
from dialin.matching.choices import knob_ranges, other_choices
from dialin.matching.detail import Detail
from dialin.matching.explore import Explorer
from dialin.matching.features import Vector
from dialin.matching.guessing.judging import RenderJudge
from dialin.matching.hearing.time_guesses import Echoes
from dialin.matching.level_alone import level_alone, level_differs
from dialin.matching.options import SearchOptions
from dialin.matching.order import MOST_SWAPS, Ordered, best_order
from dialin.matching.output_level import OUTPUT_RENDERS
from dialin.matching.pick import pick
from dialin.matching.prune import prune, without
from dialin.matching.space import SearchSpace
from dialin.matching.style import Target
from dialin.matching.trajectories import TrajectoryTarget
from dialin.matching.trials import TimeUp, Trials
from dialin.rendering import Job, Renderer, SharedAudio

NOT_HEARD = "no echo or room was heard in the reference that the input has not got by itself"

NOT_CLOSER = "the match is not closer with it by what one more effect must bring"


class ChainSearch:
    """One search: an excerpt, a target, a chain.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    spec : EffectSpec
        Of the chain to search.
    audio : SharedAudio
        The input's excerpt.
    untouched : tuple of features and detail
        Of that excerpt as it is.
    target : Target
        What it should sound like.
    locked : mapping of int to float
        Index in the settings vector -> position in [0, 1], kept; so is its effect, where that is
        not the default.
    seed, budget : int
        Of the search; renders to spend.
    options : SearchOptions, optional
        What a candidate must bring.
    seconds : float, optional
        Time limit.
    guesses : sequence of ndarray
        Settings of the chain to try first, after the default.
    trusted : bool
        Whether the guesses say how the whole should sound, and so count in the pick.
    parts : sequence of Target
        Parts of the references by themselves, which tell how consistent a gain is.
    echoes : Echoes, optional
        What was heard of echoes.
    tries : sequence of (tuple of int, ndarray)
        Slots of the chain and settings of the whole of it, to be rendered before the search.
    judge : RenderJudge, optional
        A network that hears the nearest candidates before one is picked.
    staying : collection of int
        Slots of effects that are known to be there, and are never left out.
    near : bool, default True
        Whether the best of the tries is near enough to search around it alone.
    bending : collection of int, optional
        Slots of effects that are not linear, round which other orders are tried.
    moving : tuple of TrajectoryTarget and ndarray, optional
        How the references move, and the excerpt as it is; where the chain moves.
    costs : mapping of int to float, optional
        Slot -> distance that its effect must take away, where that is not what all must.
    told : collection of int
        Slots whose costs count by themselves where effects are left out, whatever share of the gain
        they bring.
    heard_alone : bool, default True
        Whether those renders alone may be picked that the judge has heard, where there is one.
    progress : callable, optional
        ``progress(renders, seconds, best)``.
    """

    def __init__(
        self,
        pool: Renderer,
        spec: EffectSpec,
        audio: SharedAudio,
        untouched: tuple[Vector, Detail],
        target: Target,
        *,
        locked: Mapping[int, float],
        seed: int,
        budget: int,
        options: SearchOptions | None = None,
        seconds: float | None = None,
        guesses: Sequence[Settings] = (),
        trusted: bool = False,
        parts: Sequence[Target] = (),
        echoes: Echoes | None = None,
        tries: Sequence[tuple[tuple[int, ...], Settings]] = (),
        judge: RenderJudge | None = None,
        staying: Collection[int] = (),
        near: bool = True,
        bending: Collection[int] | None = None,
        moving: tuple[TrajectoryTarget, Vector] | None = None,
        costs: Mapping[int, float] | None = None,
        told: Collection[int] = (),
        heard_alone: bool = True,
        progress: Callable[[int, float, float], None] | None = None,
    ) -> None:
        self._space = SearchSpace(spec, locked, guesses, echoes, staying)
        self._trials = Trials(
            pool,
            self._space,
            audio,
            untouched,
            target,
            budget=budget,
            options=options or SearchOptions(),
            seconds=seconds,
            progress=progress,
            moving=moving,
            costs=costs,
        )
        self._explorer = Explorer(self._trials, seed, len(guesses) if trusted else 0)
        self._parts, self._bending = parts, bending
        self._tries, self._near, self._judge = tries, near, judge
        self._told, self._heard_alone = told, heard_alone
        self._ordered: Ordered | None = None
        self._spent = False

    def run(self) -> SearchResult:
        """Search, pick and prune; Ctrl-C ends the search and keeps the best so far.

        Returns
        -------
        SearchResult

        Raises
        ------
        DialinError
            If every render failed.
        """
        trials, space = self._trials, self._space
        if trials.target.level_weight == 1.0:
            asked = level_alone(trials)
            if asked is not None:
                return self._result(asked, interrupted=False)
        interrupted = False
        count = len(space.active)
        swaps = 0 if self._bending is None else MOST_SWAPS
        pruning = min(2 * count + swaps, trials.budget // 4) if count > 1 else 0
        if len(space.slots) == 1 and level_differs(trials):
            # Kept for its output knob.
            pruning = min(OUTPUT_RENDERS, trials.budget // 4)
        try:
            self._explorer.choose_alike()
            if space.active and space.free:
                self._explorer.try_first(self._tries, near=self._near)
            budget = self._budget(pruning)
            self._explorer.run(budget)
            # What is left is kept for leaving effects out.
            self._spent = trials.renders >= budget == max(1, trials.budget - pruning)
        except (KeyboardInterrupt, TimeUp):
            interrupted = True
        if not trials.candidates and trials.last_failure is not None:
            raise trials.last_failure
        if self._judge is not None and not interrupted:
            self._ask(self._judge)
        said, parts = self._explorer.said, self._parts
        choice = self._with_gain(pick(trials, said, parts, heard_alone=self._heard_alone))
        level = None if choice.sure else level_alone(trials)
        if level is not None:
            return self._result(level, interrupted=interrupted)
        if pruning and len(choice.slots) > 1:
            try:
                choice = self._in_order(prune(trials, choice, self._told))
            except (KeyboardInterrupt, TimeUp):
                interrupted = True
        return self._result(choice, interrupted=interrupted)

    def _ask(self, judge: RenderJudge) -> None:
        """Play the nearest candidates to the judge, and have it say what the input is off by."""
        trials, options = self._trials, self._trials.options
        if options.judge == 0 or not trials.candidates:
            return
        slots, last = trials.space.slots, len(trials.space.slots) - 1
        nearest = sorted(trials.candidates, key=lambda c: c.value)[: options.judged]
        jobs = []
        for candidate in nearest:
            assert candidate.settings is not None
            used = (*candidate.slots, *(() if trials.space.gain is None else (last,)))
            settings = np.concatenate([candidate.settings[slots[s][2]] for s in used])
            jobs.append(Job(chain_uri([slots[s][1] for s in used]), trials.audio, settings))
        for candidate, said in zip(nearest, judge.judge(trials.pool, jobs), strict=True):
            candidate.judged = said
        trials.untouched.judged = judge.untouched()

    def _in_order(self, choice: Pick) -> Pick:
        """Try other orders of the effects, where that was asked for; a gain stays last."""
        trials, space, bending = self._trials, self._trials.space, self._bending
        whole = choice.candidate.settings
        effects = tuple(s for s in choice.slots if s in space.effects)
        if bending is None or whole is None or len(effects) < 2:
            return choice
        last = tuple(s for s in choice.slots if s not in space.effects)
        whole = whole.copy()
        if space.gain is not None:
            whole[space.gain] = space.start[space.gain]
        tried: dict[tuple[int, ...], Candidate] = {}

        def distance(order: tuple[int, ...]) -> float | None:
            if trials.renders >= trials.budget:
                return None
            (candidate,) = without(trials, whole, [(*order, *last)])
            if candidate is None:
                return None
            tried[order] = candidate
            return candidate.distance

        self._ordered = best_order(
            effects, choice.candidate.distance, lambda slot: slot in bending, distance
        )
        order = self._ordered.slots
        return replace(choice, candidate=tried.get(order, choice.candidate), slots=(*order, *last))

    def _budget(self, pruning: int) -> int:
        """Renders to spend before pruning: few where echoes have told nearly everything."""
        trials, space = self._trials, self._space
        budget, unheard = max(1, trials.budget - pruning), trials.options.unheard_budget
        if not space.active:
            return min(budget, unheard)
        if space.heard and len(space.heard) == len(space.active):
            return min(budget, trials.renders + 1 + unheard * len(space.free))
        return budget

    def _why_ended(self) -> str:
        """Why the search ended where it did."""
        trials, options = self._trials, self._trials.options
        if self._spent or trials.renders >= trials.budget:
            return "its budget is spent"
        if self._explorer.settled:
            return (
                "further renders no longer gained: the last "
                f"{options.patience} batches of them came no nearer by {options.step:g}"
            )
        if self._space.heard:
            return "what was heard in the reference leaves little to search"
        return "nothing is left to try"

    def _with_gain(self, choice: Pick) -> Pick:
        """Say which effects are left out, and add the gain that was computed."""
        if not choice.slots:
            return choice
        space = self._space
        left_out = {s: NOT_CLOSER for s in space.effects if s not in choice.slots}
        last = () if space.gain is None else (len(space.slots) - 1,)
        return replace(choice, slots=(*choice.slots, *last), left_out=left_out)

    def _result(self, choice: Pick, *, interrupted: bool) -> SearchResult:
        trials, space = self._trials, self._space
        best = choice.candidate
        absent = dict.fromkeys(space.absent, NOT_HEARD)
        unheard = {n: why for n, why in absent.items() if n not in choice.slots}
        return SearchResult(
            slots=choice.slots,
            settings=space.start if best.settings is None else best.settings,
            features=best.features,
            distance=best.distance,
            untouched=trials.untouched.distance,
            sure=choice.sure,
            gain=choice.gain,
            risk=choice.risk,
            evidence=choice.evidence,
            parts=choice.parts,
            left_out=choice.left_out | unheard,
            absent=absent,
            gains=trials.gains(),
            temperature=trials.temperature(trials.best)
            * (SearchOptions().temperature / trials.options.temperature),
            ordered=self._ordered,
            others=other_choices(trials, choice),
            ranges=knob_ranges(trials, choice),
            renders=trials.renders,
            failures=trials.failures,
            seconds=trials.seconds,
            interrupted=interrupted,
            stopped="" if interrupted else self._why_ended(),
        )
