"""Rendering candidates in the workers, and keeping count of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dialin.effects.chain import chain_uri
from dialin.effects.spec import Settings
from dialin.errors import DialinError
from dialin.matching.candidate import Candidate, measure, measure_moving
from dialin.matching.detail import Detail
from dialin.matching.features import Vector
from dialin.matching.options import SearchOptions
from dialin.matching.space import SearchSpace
from dialin.matching.style import Target, level_of, with_gain
from dialin.matching.trajectories import TrajectoryTarget
from dialin.rendering import Job, Renderer, SharedAudio

EVIDENCE, CERTAIN, LOST = 0.3, 300.0, 2_000.0
"""Distance that a setting costs which explains nothing of a motion that was heard, how much must be
explained for that (`dialin.matching.hearing.motion.search`), and how much less than another it may
explain at most: how far true settings are from the best does not grow with what is heard."""


class TimeUp(Exception):
    """The time limit was reached."""


class Trials:
    """Renders of an excerpt, measured in the workers, each a `Candidate`.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    space : SearchSpace
        What is searched.
    audio : SharedAudio
        The input's excerpt.
    untouched : tuple of features and detail
        Of that excerpt as it is.
    target : Target
        What it should sound like.
    budget : int
        Renders in all.
    options : SearchOptions
        What counts against a candidate.
    seconds : float, optional
        Time limit.
    progress : callable, optional
        ``progress(renders, seconds, best)``.
    moving : tuple of TrajectoryTarget and ndarray, optional
        How the references move, and the excerpt as it is; where the chain moves.
    costs : mapping of int to float, optional
        Slot -> distance that its effect must take away, where that is not what all must.

    Attributes
    ----------
    candidates : list of Candidate
        Those that may be picked, in the order in which they came back.
    seen : list of (tuple of int, float)
        Effects and distance of all that came back, those that may not be picked included.
    best : float
        The least distance so far.
    renders, failures : int
        How many there were.
    last_failure : DialinError or None
        The last one.
    grows : bool
        Whether chains grow, and so every effect of a candidate counts against it; else those alone
        of which somebody told what they must take away.
    """

    def __init__(
        self,
        pool: Renderer,
        space: SearchSpace,
        audio: SharedAudio,
        untouched: tuple[Vector, Detail],
        target: Target,
        *,
        budget: int,
        options: SearchOptions,
        seconds: float | None = None,
        progress: Callable[[int, float, float], None] | None = None,
        moving: tuple[TrajectoryTarget, Vector] | None = None,
        costs: Mapping[int, float] | None = None,
    ) -> None:
        self._costs = costs or {}
        self.pool, self.space, self.audio, self.target = pool, space, audio, target
        self.budget, self.options = budget, options
        self._moving = None if moving is None else moving[0]
        self._weighed = [echo for echo in space.heard if echo.weigh is not None]
        # What explains a motion best, so far.
        self._most = [echo.drop for echo in self._weighed]
        self.untouched = Candidate(
            *(None, *untouched, float(target.distance(untouched[0]))),
            motion=None if moving is None else moving[0].distance(moving[1]),
            explained=(0.0,) * len(self._most),
        )
        self.untouched.unexplained = self._unexplained(self.untouched.explained)
        self.grows = space.grows(budget, options)
        self.candidates: list[Candidate] = []
        self.seen: list[tuple[tuple[int, ...], float]] = []
        self.best = self.untouched.distance
        self.renders = self.failures = 0
        self.last_failure: DialinError | None = None
        self._limit, self._progress = seconds, progress
        self._began = time.monotonic()

    def slot_cost(self, slot: int) -> float:
        """Distance that an effect must take away to be in.

        Parameters
        ----------
        slot : int
            Of the chain.

        Returns
        -------
        float
            Below 0 of one that is there for sure, which may take the sound farther away.
        """
        return self._costs.get(slot, self.options.slot_cost)

    def told_cost(self, slot: int) -> float:
        """The same where voters told it, else 0.

        Parameters
        ----------
        slot : int
            Of the chain.

        Returns
        -------
        float
        """
        return self._costs.get(slot, 0.0)

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self._began

    def temperature(self, least: float) -> float:
        """Difference in distance at which likelihoods fall to 1/e.

        Parameters
        ----------
        least : float
            Distance of the best candidate: what no effect could mend tells how large the noise is.

        Returns
        -------
        float
        """
        options = self.options
        noise = np.clip(least / options.same_recording, 1.0, options.largest_noise)
        return float(options.temperature * noise**2 * self.target.doubt**2)

    def gains(self) -> dict[int, float]:
        """What each effect brings: the best of all chains with it against the best without.

        Returns
        -------
        dict of int to float
            Slot -> distance, below 0 where it takes the sound farther away; slots that were
            rendered.
        """
        base = self.levelled(replace(self.untouched, settings=self.space.start))
        seen = [((), base.distance), *self.seen]
        result = {}
        for slot in self.space.effects:
            having = [distance for slots, distance in seen if slot in slots]
            if having:
                without = min(distance for slots, distance in seen if slot not in slots)
                result[slot] = without - min(having)
        return result

    def render(
        self, slots: tuple[int, ...], settings: Sequence[Settings], *, kept: bool = True
    ) -> list[Candidate | None]:
        """Render some slots of the chain at settings of the whole.

        Parameters
        ----------
        slots : tuple of int
            Which effects.
        settings : sequence of ndarray, float64, shape (knobs,)
            Of the whole chain, 0 to 1.
        kept : bool, default True
            Whether they may be picked.

        Returns
        -------
        list of Candidate or None
            None for a render that failed.

        Raises
        ------
        TimeUp
            Once the time limit is reached.
        """
        return self.render_each([(slots, vector) for vector in settings], kept=kept)

    def render_each(
        self, wanted: Sequence[tuple[tuple[int, ...], Settings]], *, kept: bool = True
    ) -> list[Candidate | None]:
        """Render slots of the chain, others each time, all at once.

        Parameters
        ----------
        wanted : sequence of (tuple of int, ndarray)
            Which effects, and settings of the whole chain.
        kept : bool, default True
            Whether they may be picked.

        Returns
        -------
        list of Candidate or None
            None for a render that failed.

        Raises
        ------
        TimeUp
            Once the time limit is reached.
        """
        how = measure if self._moving is None else measure_moving
        jobs = [Job(*self._part(slots, v), measure=how) for slots, v in wanted]
        used = [tuple(s for s in slots if s in self.space.effects) for slots, _ in wanted]
        explained = self._explained(used, [vector for _, vector in wanted])
        rendered: list[Candidate | None] = [None] * len(jobs)
        for number, result in self.pool.render_iter(jobs):
            self.renders += 1
            if result.failure is not None:
                self.failures += 1
                self.last_failure = result.failure
            else:
                features, sample, *motion = result.value
                distance = float(self.target.distance(features))
                cost = self.unlikely(features)
                settings, effects = wanted[number][1], used[number]
                size = sum(map(self.slot_cost if self.grows else self.told_cost, effects))
                candidate = self.levelled(
                    Candidate(
                        *(settings, features, sample, distance, cost, effects, size),
                        motion=self._moving.distance(motion[0]) if self._moving else None,
                        explained=explained[number],
                        unexplained=self._unexplained(explained[number]),
                    )
                )
                rendered[number] = candidate
                self.seen.append((effects, candidate.distance + candidate.cost))
                if kept:
                    # At once, so that Ctrl-C loses none.
                    self.candidates.append(candidate)
                    self.best = min(self.best, candidate.distance)
            now = self.seconds
            if self._progress is not None:
                self._progress(self.renders, now, self.best)
            if self._limit is not None and now > self._limit:
                raise TimeUp
        return rendered

    @property
    def certainty(self) -> float:
        """How sure the motion is that was heard best, from 0 to 1."""
        return min(1.0, max(self._most, default=0.0) / CERTAIN)

    def weigh_again(self) -> None:
        """Weigh what was rendered by what explains most of all in the end."""
        for candidate in (self.untouched, *self.candidates):
            candidate.unexplained = self._unexplained(candidate.explained)

    def _explained(
        self, effects: Sequence[tuple[int, ...]], settings: Sequence[Settings]
    ) -> list[tuple[float, ...]]:
        """How much each of some settings, through some effects, explains of motions heard."""
        columns = []
        for number, echo in enumerate(self._weighed):
            assert echo.weigh is not None
            drops = [0.0] * len(settings)
            there = [n for n, slots in enumerate(effects) if echo.slot in slots]
            if there:
                knobs = self.space.slots[echo.slot][2]
                for n, drop in zip(
                    there, echo.weigh([settings[n][knobs] for n in there]), strict=True
                ):
                    drops[n] = drop
            self._most[number] = max(self._most[number], *drops)
            columns.append(drops)
        return [tuple(column[n] for column in columns) for n in range(len(settings))]

    def _unexplained(self, explained: tuple[float, ...]) -> float:
        """What it costs that others explain more."""
        cost = 0.0
        for drop, most in zip(explained, self._most, strict=True):
            lost = max((most - drop) / most, (most - drop) / LOST)
            cost += EVIDENCE * min(1.0, most / CERTAIN) * min(max(lost, 0.0), 1.0)
        return cost

    def _part(
        self, slots: tuple[int, ...], settings: Settings
    ) -> tuple[str, SharedAudio, Settings]:
        """Effect or chain, audio and settings of a render."""
        whole = self.space.slots
        if slots == tuple(range(len(whole))):
            return self.space.spec.uri, self.audio, settings
        uri = chain_uri([whole[s][1] for s in slots])
        return uri, self.audio, np.concatenate([settings[whole[s][2]] for s in slots])

    def levelled(self, candidate: Candidate) -> Candidate:
        """The candidate with the gain that brings it to the reference's level.

        Parameters
        ----------
        candidate : Candidate
            As rendered.

        Returns
        -------
        Candidate
            The same where the chain does not end in a gain.
        """
        space = self.space
        if space.gain is None or candidate.settings is None:
            return candidate
        knob = space.spec.parameters[space.gain]
        wanted = self.target.level_offset(candidate.features)
        gain = float(np.clip(wanted, knob.minimum, knob.maximum))
        settings = candidate.settings.copy()
        settings[space.gain] = knob.to_normalised(gain)
        features = with_gain(candidate.features, gain)
        distance = float(self.target.distance(features))
        return replace(candidate, settings=settings, features=features, distance=distance)

    def unlikely(self, features: Vector) -> float:
        """Cost of moving the level further than is likely, before a gain puts it right.

        Parameters
        ----------
        features : ndarray, float64, shape (features,)
            Of a render.

        Returns
        -------
        float
            Distance, 0 or more.
        """
        moved = level_of(features) - level_of(self.untouched.features)
        wanted = self.target.level_offset(self.untouched.features)
        above = moved - max(wanted, 0.0) - self.options.loudest_step
        below = min(wanted, 0.0) + self.options.softest_step - moved
        return self.options.extreme * max(above, below, 0.0)
