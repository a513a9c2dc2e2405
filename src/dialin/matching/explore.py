"""Spending a budget of renders: on the knobs of some effects, or on chains that grow.

The optimiser minimises the style distance, plus a little for straying from the default, which
keeps knobs that do nothing where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.candidate import Candidate
from dialin.matching.forward import select_forward
from dialin.matching.hearing.alike import choices, choose
from dialin.matching.optimiser import KnobSearch
from dialin.matching.surrogate import LinearModel
from dialin.matching.trials import Trials

WIDE, NEAR = 0.5, (0.5, 1.0)
"""Share of a budget after which a motion is listened for again, near to what was found by the
sound; and shares of what is left then that are spent near there, each after listening once more."""

REFINED, REFINED_APART = 2, 0.1
"""Settings around which is listened then, and how far they are apart."""


class Explorer:
    """Searches the knobs of effects for the least distance.

    Parameters
    ----------
    trials : Trials
        Renders, and what is searched.
    seed : int
        Of the optimiser.
    learned : int, default 0
        How many of the first guesses are answers of controllers that listen to all there is, and
        so are witnesses in the pick.

    Attributes
    ----------
    said : list of Candidate
        Renders of those answers.
    settled : int
        Renders that were left where a search of some knobs came no nearer any more.
    """

    def __init__(self, trials: Trials, seed: int, learned: int = 0) -> None:
        self._trials, self._seed, self._learned = trials, seed, learned
        self.said: list[Candidate] = []
        self.settled = 0
        self._tried: list[Candidate] = []
        self._near = True

    def try_first(
        self, tries: Sequence[tuple[tuple[int, ...], Settings]], *, near: bool = True
    ) -> None:
        """Render guesses of chains, as far as the budget allows.

        What is locked or was heard stays as it is, and effects that stay in are in.

        Parameters
        ----------
        tries : sequence of (tuple of int, ndarray)
            Slots of the chain and settings of the whole of it, the likeliest first.
        near : bool
            Whether the best of them is near enough to search around it alone.
        """
        self._near = near
        trials, space = self._trials, self._trials.space
        by_slots: dict[tuple[int, ...], list[Settings]] = {}
        for slots, settings in tries[: max(0, trials.budget - trials.renders)]:
            there = tuple(s for s in space.effects if s in slots or s in space.kept)
            vector = space.start.copy()
            vector[space.free] = settings[space.free]
            if there:
                by_slots.setdefault(there, []).append(vector)
        for there, vectors in by_slots.items():
            self._tried += [c for c in trials.render(there, vectors) if c is not None]

    def run(self, budget: int) -> None:
        """Spend the budget: on chains that grow, or on the whole chain at once.

        Parameters
        ----------
        budget : int
            Renders, those that are spent included.
        """
        trials, space = self._trials, self._trials.space
        left = budget - trials.renders
        best = min(self._tried, key=_value, default=None)
        if left <= 0 and self._tried:
            return
        if not trials.grows:
            first = best if self._near else None
            if any(echo.refine is not None for echo in space.heard):
                self._near_motion(first, left)
            elif first is None:
                self.explore(space.rendered, space.rendered, None, left)
            else:
                self.explore(first.slots, first.slots, first, left)
            return
        if best is not None and self._near:
            self.explore(best.slots, best.slots, best, int(trials.options.guessed * left))
            left = budget - trials.renders
        select_forward(
            space.effects,
            sorted(space.kept),
            self.explore,
            lambda candidate: candidate.value,
            left,
            trials.options,
            {slot: space.slots[slot][1] for slot in space.effects},
        )

    def _near_motion(self, start: Candidate | None, budget: int) -> None:
        """Search by the sound, and by listening near to what was found so, in turns."""
        trials = self._trials
        slots = trials.space.rendered if start is None else start.slots
        end = trials.renders + budget
        best = self.explore(slots, slots, start, max(1, int(WIDE * budget)))
        for share in NEAR if trials.space.free else ():
            if best is None or trials.renders >= end:
                return
            best = self._refined(best, end - trials.renders)
            self._tried = list(trials.candidates)
            left = end - trials.renders
            if left > 0:
                best = self.explore(slots, slots, best, max(1, int(share * left)))

    def _refined(self, best: Candidate, budget: int) -> Candidate:
        """The nearest of what was rendered, and of what explains more of a motion near there."""
        trials, space = self._trials, self._trials.space
        free, slots = space.free, best.slots
        starts: list[Settings] = []
        for candidate in sorted((c for c in trials.candidates if c.slots == slots), key=_value):
            if len(starts) == REFINED:
                break
            here = candidate.settings
            if here is not None and all(
                np.abs(here - other)[free].max(initial=0.0) > REFINED_APART for other in starts
            ):
                starts.append(here)
        vectors = []
        for start in starts:
            vector = start.copy()
            if space.gain is not None:
                vector[space.gain] = space.start[space.gain]
            for echo in space.heard:
                knobs = space.slots[echo.slot][2]
                if echo.refine is not None:
                    vector[knobs] = echo.refine(vector[knobs])
            vectors.append(vector)
            halfway = vector.copy()
            halfway[free] = 0.5 * (vector + start)[free]
            vectors.append(space.spec.check(halfway))
        rendered = trials.render(slots, vectors[:budget])
        trials.weigh_again()
        return min((c for c in (best, *rendered) if c is not None), key=_value)

    def _guesses(self, free: list[int], origin: Settings) -> list[Settings]:
        """Guesses as far as these knobs go; in a chain, those alone that say anything of them."""
        space = self._trials.space
        told = [vector[free] for vector in space.guesses]
        if len(space.slots) == 1:
            return told
        known = [origin[free]]
        for guess in told:
            if not any(np.array_equal(guess, other) for other in known):
                known.append(guess)
        return known[1:]

    def explore(
        self,
        slots: tuple[int, ...],
        turned: tuple[int, ...],
        start: Candidate | None,
        budget: int,
    ) -> Candidate | None:
        """Search the chain of some slots, with the knobs of some of them.

        Parameters
        ----------
        slots : tuple of int
            Effects that are rendered.
        turned : tuple of int
            Those whose knobs are turned.
        start : Candidate or None
            An earlier answer to begin with.
        budget : int
            Renders to spend.

        Returns
        -------
        Candidate or None
            The best of it; None if every render failed.
        """
        trials, space = self._trials, self._trials.space
        free = space.free_of(turned)
        origin = space.start
        if start is not None and start.settings is not None:
            origin = start.settings.copy()
            if space.gain is not None:
                origin[space.gain] = space.start[space.gain]
        goal, weights = trials.target.goal()
        search = KnobSearch(
            [space.spec.parameters[index] for index in free],
            origin[free],
            seed=self._seed,
            budget=budget if free else 1,
            guesses=self._guesses(free, origin),
            model=LinearModel(goal, weights),
            near=start is not None and start.slots == turned,
        )
        before = [c for c in self._tried if c.slots == turned and c.settings is not None]
        again = start is not None and start in before
        if before and free and (again or not self._near):
            # What was rendered already need not be again.
            told = [c.settings[free] for c in before if c.settings is not None]
            search.tell(
                told,
                [c.value + self._stray(c.settings) for c in before if c.settings is not None],
                [c.features / trials.target.noise for c in before],
            )
            if again:
                search.skip_start()
        end = trials.renders + (budget if free else min(budget, 1))
        best: Candidate | None = start if again else None
        # Where the search came nearer last, in distance and in renders.
        nearest, since = np.inf, trials.renders
        patience = trials.options.patience * search.batch or budget
        while trials.renders < end:
            asked = search.ask(end - trials.renders)
            if not asked:
                break
            settings = []
            for position in asked:
                vector = origin.copy()
                vector[free] = position
                settings.append(vector)
            rendered = trials.render(slots, settings)
            values = [
                np.inf if candidate is None else candidate.value + self._stray(vector)
                for candidate, vector in zip(rendered, settings, strict=True)
            ]
            if self._learned and not self.said:
                # The first batch is the default, then the guesses.
                self.said = [c for c in rendered[1 : 1 + self._learned] if c is not None]
            nothing = np.full(goal.size, np.nan)
            rows = [nothing if c is None else c.features / trials.target.noise for c in rendered]
            search.tell(asked, values, rows)
            best = min((c for c in (best, *rendered) if c is not None), key=_value, default=None)
            reached = np.inf if best is None else best.value
            if reached < nearest - trials.options.step or not search.filled:
                nearest, since = min(reached, nearest), trials.renders
            elif trials.renders - since >= patience:
                self.settled += end - trials.renders
                break
        return best

    def choose_alike(self) -> None:
        """Of settings that explain the echoes alike, take the most likely for the start."""
        trials, space = self._trials, self._trials.space
        for echo in space.heard:
            _, uri, knobs = space.slots[echo.slot]
            options = choices(echo, trials.budget // 4, space.spec.default[knobs])
            if len(options) == 1:
                space.start[knobs] = options[0][0]
                continue
            vectors = []
            for settings, _ in options:
                vector = space.start.copy()
                vector[knobs] = settings
                vectors.append(vector)
            rendered = trials.render(space.rendered, vectors)
            distances = [np.inf if c is None else c.value for c in rendered]
            if echo.refine is not None:
                # A motion's shape is told by how it sounds as well, and what was rendered may be
                # searched on from.
                space.start[knobs] = vectors[int(np.argmin(distances))][knobs]
                continue
            chosen = choose(
                *(trials.pool, uri, trials.audio, echo, options, distances),
                space.spec.default[knobs],
                trials.options.temperature,
            )
            space.start[knobs] = vectors[chosen][knobs]
            trials.candidates = [
                c
                for c in trials.candidates
                if c.settings is not None and np.array_equal(c.settings[knobs], space.start[knobs])
            ]

    def _stray(self, vector: Settings) -> float:
        """Cost of straying from the default."""
        space = self._trials.space
        moved = np.abs(vector - space.spec.default)[space.free]
        return self._trials.options.prior * float(moved.mean()) if moved.size else 0.0


def _value(candidate: Candidate) -> float:
    return candidate.value
