"""Searching an effect's knobs for the sound of a reference, within a budget of renders.

1. *Search.* Renders of an excerpt are measured in the workers (style features, and a sample of the
   spectrogram); the optimiser minimises the style distance, plus a little for straying from the
   default, which keeps knobs that do nothing where they are.
2. *Pick.* The lowest distance is not the best bet: input and reference play different music, so
   distances carry content noise. Every candidate i gets a weight ``exp(-(d_i - d_min) / T)``,
   shared with those that sound the same, and the pick is the candidate whose expected audible
   difference to all the others, weighted so, is least (minimum Bayes risk; a weighted medoid). The
   untouched input is a candidate like any other, so where the evidence is weak it wins. T grows
   with the square of ``d_min``, up to `LARGEST_NOISE`: what the effect could not mend is mostly
   content, and tells how large its noise is for this pair.
   A pick is *sure* if it brings the sound closer by `MIN_GAIN`, and its expected difference is at
   most `MAX_RISK` times the untouched input's. Where none is, what comes back is the nearest
   candidate by the same measure, marked as not sure.
   A candidate that moves the level further than is likely has that counted against it.
3. *Level.* A gain at the end of the chain is not searched but computed: no feature but ``level``
   hears it. Where nothing else is sure and the level surely differs, the gain alone is the answer;
   for a single effect, its output knob (`dialin.matching.output_level`).
4. *Fewest effects.* A chain of several grows effect by effect (`dialin.matching.forward`).
5. *Prune.* Effects of a chain are taken out one by one, as long as that does not cost more than
   `PRUNE_TOLERANCE` of the distance gained.

What was heard of echoes (`dialin.matching.time_guesses`) comes first: an effect that is heard
stays in, its knobs where they were found, and of settings that explain the echoes alike the most
likely is taken (`dialin.matching.alike`); one that is absent is left out; one in doubt is a guess
among others.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.chain import chain_slots, chain_uri
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import DialinError, RenderError
from dialin.matching.alike import choices, choose
from dialin.matching.detail import Detail, detail, detail_distances
from dialin.matching.features import Vector, style_features
from dialin.matching.forward import LEAST_BUDGET, LEAST_EFFECTS, SLOT_COST, select_forward
from dialin.matching.optimiser import KnobSearch
from dialin.matching.output_level import OUTPUT_RENDERS, turn_output
from dialin.matching.style import Target, level_of, with_gain
from dialin.matching.surrogate import LinearModel
from dialin.matching.time_guesses import Echoes
from dialin.rendering import Job, RenderPool, SharedAudio

SILENT = 1e-6
"""Swing (-120 dBFS) below which a render counts as silent."""

PRIOR = 0.03
"""Distance that a knob's full travel from its default costs, shared by all knobs."""

TEMPERATURE = 0.15
"""Difference in distance at which a candidate's weight falls to 1/e, where the best comes as near
as two pieces of one recording are."""

SAME_RECORDING = 0.6
"""Distance between two pieces of one recording."""

LARGEST_NOISE = 2.0
"""How many times the usual content noise is allowed for, at most."""

CANDIDATES = 600
"""How many of the renders take part in the pick, at most: the nearest to the reference."""

CROWD = 0.03
"""Audible difference (log10 magnitude) within which candidates share a weight, so that where the
search looked most does not count as likely for that alone."""

LEARNED = 0.2
"""Audible difference from a trained controller's answer within which a candidate's likelihood falls
to 1/e."""

EVERY = 4
"""The pick looks at every so many values of the details: enough, and fast."""

LOUDEST_STEP, SOFTEST_STEP = 24.0, -20.0
"""Change of level, in decibels, beyond which a setting is unlikely: 1 % of the energy is left."""

EXTREME = 0.05
"""Distance that a decibel beyond that counts as."""

LEVEL_SURE = 2.5
"""Times its content noise that the level must differ by to be set where nothing else is sure."""

MIN_GAIN = 0.15
"""Distance that a match must take away, or the input is left alone: a quarter of what two pieces
of one recording differ by."""

MAX_RISK = 0.9
"""Expected audible difference of a match, as a share of that of the untouched input, above which
the input is left alone."""

LEVEL_TOLERANCE = 0.25
"""Gain in decibels that is not worth an effect."""

GAIN_URI = "builtin:gain"

UNHEARD_BUDGET = 24
"""Renders for each knob that no echo tells of, where all effects are of echoes and were heard; and
renders in all, where all are absent."""

NOT_HEARD = "no echo or room was heard in the reference that the input has not got by itself"

PRUNE_TOLERANCE = 0.03
"""Share of the gain that an effect must bring to stay in a chain."""


def measure(audio: Audio, sample_rate: int) -> tuple[Vector, Detail]:
    """What a worker sends back of a render.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.

    Returns
    -------
    (ndarray, ndarray)
        From `style_features` and `detail`.

    Raises
    ------
    RenderError
        If it is silent, or constant: silence may be nearer to a reference than the input is, by
        what it lacks.
    """
    if float(np.ptp(audio, axis=1).max()) < SILENT:
        raise RenderError(
            "the effects gave back nothing but silence or direct current; a plugin may need a "
            "file or a window to be set up (see: dialin effects probe): leave it out or lock its "
            "volume"
        )
    return style_features(audio, sample_rate), detail(audio, sample_rate)


@dataclass(eq=False)
class Candidate:
    """One rendered setting; `settings` is None for the untouched input.

    Attributes
    ----------
    settings : ndarray, float64, shape (knobs,), or None
        Positions of the knobs, 0 to 1.
    features : Vector
        What the render sounds like.
    detail : Detail
        A sample of its spectrogram.
    distance : float
        To the target, in units of content noise.
    """

    settings: Settings | None
    features: Vector
    detail: Detail
    distance: float
    cost: float = 0.0
    """What counts against it beside its distance."""
    slots: tuple[int, ...] = ()
    """Places of its effects in the whole chain, without a gain that is computed."""
    size_cost: float = 0.0
    """What the number of its effects counts."""

    @property
    def value(self) -> float:
        """What is minimised."""
        return self.distance + self.cost + self.size_cost


@dataclass(eq=False)
class Choice:
    """A pick and the case for it; see `Found`.

    Attributes
    ----------
    candidate : Candidate
        What was picked.
    sure : bool
        Whether there was evidence enough.
    gain : float
        Distance that it takes away.
    risk : float
        Expected audible difference to what the reference may be, as a share of the input's.
    evidence : tuple of str
        What speaks for and against it, for a person.
    parts : tuple of float
        The gain by parts of the references.
    """

    candidate: Candidate
    sure: bool
    gain: float = 0.0
    risk: float = 1.0
    evidence: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()


@dataclass(eq=False)
class Found:
    """What a search came to: the nearest candidate, sure or not.

    Attributes
    ----------
    slots : tuple of int
        Places, in the chain searched, of the effects to use; empty for the untouched input.
    settings : ndarray
        Of the whole chain searched.
    features : ndarray
        Style features of the pick.
    distance, untouched : float
    sure : bool
        Whether it is better to take it than to leave the input alone.
    gain : float
        Distance it takes away.
    risk : float
        Its expected audible difference to what the reference may be, as a share of the untouched
        input's.
    evidence : tuple of str
        What speaks for and against it, for a person.
    parts : tuple of float
        The gain by parts of the references.
    left_out : dict
        Place of a slot that is not used -> why.
    absent : dict
        The same of those whose echoes were listened for and not heard.
    renders, failures : int
    seconds : float
    interrupted : bool
    """

    slots: tuple[int, ...]
    settings: Settings
    features: Vector
    distance: float
    untouched: float
    sure: bool
    gain: float = 0.0
    risk: float = 1.0
    evidence: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()
    left_out: dict[int, str] = field(default_factory=dict)
    absent: dict[int, str] = field(default_factory=dict)
    renders: int = 0
    failures: int = 0
    seconds: float = 0.0
    interrupted: bool = False


class _TimeUp(Exception):
    """The time limit was reached."""


class Search:
    """One search: an excerpt, a target, a chain.

    Parameters
    ----------
    pool : RenderPool
    spec : EffectSpec
        Of the chain to search.
    audio : SharedAudio
        The input's excerpt.
    untouched : tuple of features and detail
        Of that excerpt as it is.
    target : Target
    locked : dict
        Place in the settings vector -> position in [0, 1], kept; so is its effect, where that is
        not the default.
    seed, budget : int
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
    progress : callable, optional
        ``progress(renders, seconds, best)``.
    """

    def __init__(
        self,
        pool: RenderPool,
        spec: EffectSpec,
        audio: SharedAudio,
        untouched: tuple[Vector, Detail],
        target: Target,
        *,
        locked: dict[int, float],
        seed: int,
        budget: int,
        seconds: float | None = None,
        guesses: Sequence[Settings] = (),
        trusted: bool = False,
        parts: Sequence[Target] = (),
        echoes: Echoes | None = None,
        progress: Callable[[int, float, float], None] | None = None,
    ) -> None:
        self._guesses, self._trusted, self._parts = list(guesses), trusted, parts
        self._learned = len(self._guesses)
        self._said: list[Candidate] = []
        self._pool, self._spec, self._audio, self._target = pool, spec, audio, target
        self._seed, self._budget, self._limit = seed, budget, seconds
        self._progress = progress
        self._start = spec.default
        for place, position in locked.items():
            self._start[place] = position
        # Who locks a knob elsewhere than at its default wants its effect.
        set_by_hand = [p for p, v in locked.items() if abs(v - spec.default[p]) > 1e-9]
        self._wanted = {
            number
            for number, (_, _, place) in enumerate(chain_slots(spec))
            if any(place.start <= index < place.stop for index in set_by_hand)
        }
        self._gain = self._last_gain(locked)
        if self._gain is not None:
            neutral = spec.parameters[self._gain].to_normalised(0.0)
            self._start[self._gain] = neutral
        held = self._hear(echoes)
        self._free = [
            place
            for place, parameter in enumerate(spec.parameters)
            if place not in locked
            and place not in held
            and place != self._gain
            and parameter.status == "live"
        ]
        features, sample = untouched
        self._untouched = Candidate(None, features, sample, float(target.distance(features)))
        last = len(chain_slots(spec)) - 1
        self._effects = tuple(n for n in self._rendered if self._gain is None or n != last)
        enough = LEAST_BUDGET * len(self._effects) <= budget
        self._grows = len(self._effects) >= LEAST_EFFECTS and enough
        self._candidates: list[Candidate] = []
        self._best = self._untouched.distance
        self._began = time.monotonic()
        self.renders = self.failures = 0
        self.last_failure: DialinError | None = None

    def run(self) -> Found:
        """Search, pick and prune; Ctrl-C ends the search and keeps the best so far."""
        interrupted = False
        asked = self._level_alone() if self._target.level_weight == 1.0 else None
        if asked is not None:
            return self._found(*asked, interrupted=False)
        count = len(self._active)
        pruning = min(2 * count, self._budget // 4) if count > 1 else 0
        if len(chain_slots(self._spec)) == 1 and self._level_alone_likely():
            # Kept for its output knob.
            pruning = min(OUTPUT_RENDERS, self._budget // 4)
        try:
            self._choose_alike()
            self._search(self._search_budget(pruning))
        except (KeyboardInterrupt, _TimeUp):
            interrupted = True
        if not self._candidates and self.last_failure is not None:
            raise self.last_failure
        choice = self._pick()
        slots = choice.candidate.slots
        left_out = {
            s: "the match is not closer with it by what one more effect must bring"
            for s in self._effects
            if slots and s not in slots
        }
        if slots and self._gain is not None:
            slots += (len(chain_slots(self._spec)) - 1,)
        level = None if choice.sure else self._level_alone()
        if level is not None:
            return self._found(*level, interrupted=interrupted)
        if pruning and len(slots) > 1:
            try:
                slots, choice.candidate, pruned = self._prune(choice.candidate, slots)
                left_out |= pruned
            except (KeyboardInterrupt, _TimeUp):
                interrupted = True
        return self._found(choice, slots, left_out, interrupted=interrupted)

    def _found(
        self, choice: Choice, slots: tuple[int, ...], left_out: dict[int, str], *, interrupted: bool
    ) -> Found:
        pick = choice.candidate
        absent = dict.fromkeys(self._absent, NOT_HEARD)
        return Found(
            slots=slots,
            settings=self._start if pick.settings is None else pick.settings,
            features=pick.features,
            distance=pick.distance,
            untouched=self._untouched.distance,
            sure=choice.sure,
            gain=choice.gain,
            risk=choice.risk,
            evidence=choice.evidence,
            parts=choice.parts,
            left_out=left_out | {n: why for n, why in absent.items() if n not in slots},
            absent=absent,
            renders=self.renders,
            failures=self.failures,
            seconds=time.monotonic() - self._began,
            interrupted=interrupted,
        )

    def _hear(self, echoes: Echoes | None) -> set[int]:
        """Take over what was heard; returns the places of the knobs that are set by it."""
        slots = chain_slots(self._spec)
        found = () if echoes is None else echoes.found
        self._heard = [e for e in found if e.verdict == "heard"]
        self._absent = {e.slot for e in found if e.verdict == "absent"} - self._wanted
        self._active = tuple(n for n in range(len(slots)) if n not in self._absent)
        # With nothing else to render, what was not heard is still shown as the nearest there is.
        self._rendered = self._active or tuple(range(len(slots)))
        held: set[int] = set()
        for echo in self._heard:
            place = slots[echo.slot][2]
            self._start[place] = echo.settings
            held |= {place.start + n for n in echo.places}
        for echo in found:
            place = slots[echo.slot][2]
            if echo.verdict == "doubt" or not self._active:
                vector = self._start.copy()
                vector[place] = echo.settings
                self._guesses.append(vector)
            elif echo.slot in self._absent:
                held |= set(range(place.start, place.stop))
        return held

    def _search_budget(self, pruning: int) -> int:
        """Renders to spend before pruning: few where echoes have told nearly everything."""
        budget = max(1, self._budget - pruning)
        if not self._active:
            return min(budget, UNHEARD_BUDGET)
        if self._heard and len(self._heard) == len(self._active):
            return min(budget, self.renders + 1 + UNHEARD_BUDGET * len(self._free))
        return budget

    def _choose_alike(self) -> None:
        """Of settings that explain the echoes alike, take the most likely."""
        for echo in self._heard:
            _, uri, place = chain_slots(self._spec)[echo.slot]
            options = choices(echo, self._budget // 4)
            if len(options) == 1:
                continue
            vectors = []
            for settings, _ in options:
                vector = self._start.copy()
                vector[place] = settings
                vectors.append(vector)
            rendered = self._render(self._rendered, vectors)
            distances = [np.inf if c is None else c.value for c in rendered]
            own = self._spec.default[place]
            chosen = choose(
                *(self._pool, uri, self._audio, echo, options, distances, own, TEMPERATURE)
            )
            self._start[place] = vectors[chosen][place]
            self._candidates = [
                c
                for c in self._candidates
                if c.settings is not None and np.array_equal(c.settings[place], self._start[place])
            ]

    def _last_gain(self, locked: dict[int, float]) -> int | None:
        """Place of the gain knob that ends the chain, if there is one to set."""
        slots = chain_slots(self._spec)
        _, uri, place = slots[-1]
        if len(slots) > 1 and uri == GAIN_URI and place.start not in locked:
            return int(place.start)
        return None

    def _levelled(self, candidate: Candidate) -> Candidate:
        """The candidate with the gain that brings it to the reference's level."""
        if self._gain is None or candidate.settings is None:
            return candidate
        knob = self._spec.parameters[self._gain]
        wanted = self._target.level_offset(candidate.features)
        gain = float(np.clip(wanted, knob.minimum, knob.maximum))
        settings = candidate.settings.copy()
        settings[self._gain] = knob.to_normalised(gain)
        features = with_gain(candidate.features, gain)
        distance = float(self._target.distance(features))
        return replace(candidate, settings=settings, features=features, distance=distance)

    def _unlikely(self, features: Vector) -> float:
        """Cost of moving the level further than is likely, before a gain puts it right."""
        moved = level_of(features) - level_of(self._untouched.features)
        wanted = self._target.level_offset(self._untouched.features)
        above = moved - max(wanted, 0.0) - LOUDEST_STEP
        below = min(wanted, 0.0) + SOFTEST_STEP - moved
        return EXTREME * max(above, below, 0.0)

    def _search(self, budget: int) -> None:
        """Spend the budget: on chains that grow, or on the whole chain at once."""
        if not self._grows:
            self._explore(self._rendered, self._rendered, None, budget - self.renders)
            return
        kept = sorted(self._wanted | {echo.slot for echo in self._heard})
        select_forward(self._effects, kept, self._explore, lambda c: c.value, budget - self.renders)

    def _explore(
        self,
        slots: tuple[int, ...],
        turned: tuple[int, ...],
        start: Candidate | None,
        budget: int,
    ) -> Candidate | None:
        """Search the chain of some slots, with the knobs of some of them; the best of it."""
        places = chain_slots(self._spec)
        free = [p for p in self._free if any(p in range(*_span(places[s][2])) for s in turned)]
        origin = self._start
        if start is not None and start.settings is not None:
            origin = start.settings.copy()
            if self._gain is not None:
                origin[self._gain] = self._start[self._gain]
        goal, weights = self._target.goal()
        search = KnobSearch(
            [self._spec.parameters[place] for place in free],
            origin[free],
            seed=self._seed,
            budget=budget if free else 1,
            guesses=[vector[free] for vector in self._guesses],
            model=LinearModel(goal, weights),
            near=start is not None and start.slots == turned,
        )
        end = self.renders + (budget if free else min(budget, 1))
        best: Candidate | None = None
        while self.renders < end:
            asked = search.ask(end - self.renders)
            if not asked:
                break
            settings = []
            for position in asked:
                vector = origin.copy()
                vector[free] = position
                settings.append(vector)
            found = self._render(slots, settings)
            values = [
                np.inf if candidate is None else candidate.value + self._stray(vector)
                for candidate, vector in zip(found, settings, strict=True)
            ]
            if self._trusted and not self._said:
                # The first batch is the default, then the guesses.
                self._said = [c for c in found[1 : 1 + self._learned] if c is not None]
            nothing = np.full(goal.size, np.nan)
            rows = [nothing if c is None else c.features / self._target.noise for c in found]
            search.tell(asked, values, rows)
            best = min((c for c in (best, *found) if c is not None), key=_value, default=None)
        return best

    def _stray(self, vector: Settings) -> float:
        moved = np.abs(vector - self._spec.default)[self._free]
        return PRIOR * float(moved.mean()) if moved.size else 0.0

    def _render(
        self, slots: tuple[int, ...], settings: Sequence[Settings], *, kept: bool = True
    ) -> list[Candidate | None]:
        """Render some slots of the chain at settings of the whole; `kept` ones may be picked."""
        places = chain_slots(self._spec)
        uri = self._spec.uri
        parts = list(settings)
        if len(slots) < len(places):
            uri = chain_uri([places[s][1] for s in slots])
            parts = [np.concatenate([vector[places[s][2]] for s in slots]) for vector in settings]
        effects = tuple(s for s in slots if s in self._effects)
        size = SLOT_COST * len(effects) if self._grows else 0.0
        jobs = [Job(uri, self._audio, part, measure=measure) for part in parts]
        found: list[Candidate | None] = [None] * len(jobs)
        for place, result in self._pool.render_iter(jobs):
            self.renders += 1
            if result.failure is not None:
                self.failures += 1
                self.last_failure = result.failure
            else:
                features, sample = result.value
                distance = float(self._target.distance(features))
                cost = self._unlikely(features)
                candidate = self._levelled(
                    Candidate(settings[place], features, sample, distance, cost, effects, size)
                )
                found[place] = candidate
                if kept:
                    # At once, so that Ctrl-C loses none.
                    self._candidates.append(candidate)
                    self._best = min(self._best, candidate.distance)
            now = time.monotonic() - self._began
            if self._progress is not None:
                self._progress(self.renders, now, self._best)
            if self._limit is not None and now > self._limit:
                raise _TimeUp
        return found

    def _pick(self) -> Choice:
        """The candidate of least expected difference to what the reference may be."""
        ranked = sorted(self._candidates, key=lambda c: c.value)[: CANDIDATES - 1]
        # The others have the reference's level by the gain alone, which must not speak for them.
        base = self._levelled(replace(self._untouched, settings=self._start))
        field = [base, *ranked]
        values = np.array([c.value for c in field])
        least = values.min()
        noise = np.clip(least / SAME_RECORDING, 1.0, LARGEST_NOISE)
        temperature = TEMPERATURE * noise**2 * self._target.doubt**2
        weights = np.exp(-(values - least) / temperature)
        apart = detail_distances(np.stack([c.detail[::EVERY] for c in field]))
        weights /= np.exp(-((apart / CROWD) ** 2)).sum(axis=1)
        if self._said:
            # A second witness: it heard the same recordings, but listens to other things in them.
            heard = detail_distances(np.stack([c.detail[::EVERY] for c in (*self._said, *field)]))
            count = len(self._said)
            weights *= np.exp(-heard[:count, count:] / LEARNED).mean(axis=0)
        # Renders are compared at one level; where the level counts, so do its differences.
        level = np.array([level_of(c.features) for c in field])
        apart += self._target.level_weight * np.abs(level[:, None] - level) / 20.0
        risk = apart @ (weights / weights.sum())
        if not ranked:
            return Choice(self._untouched, sure=False)
        place = int(np.argmin(risk))
        best = place or 1 + int(np.argmin(risk[1:]))
        gain = float(values[0] - values[best]) + field[best].size_cost
        share = float(risk[best] / max(risk[0], 1e-12))
        # A motion's rate is heard, not how deep it goes: what takes the sound further from the
        # reference than leaving it alone is no answer.
        told = any(echo.exact or gain >= -self._asked for echo in self._heard)
        sure = bool(self._wanted or told) or (
            bool(self._active) and place > 0 and gain >= self._asked and share <= MAX_RISK
        )
        parts = tuple(
            float(part.distance(base.features) - part.distance(field[best].features))
            for part in self._parts
        )
        return Choice(
            field[best], sure, gain, share, self._evidence(field[best], base, gain, share), parts
        )

    @property
    def _asked(self) -> float:
        """Distance that a sure match takes away."""
        return MIN_GAIN * self._target.doubt**2

    def _evidence(
        self, pick: Candidate, base: Candidate, gain: float, share: float
    ) -> tuple[str, ...]:
        """What speaks for and against a candidate."""
        parts = f"two pieces of one recording differ by {SAME_RECORDING:g}"
        level = " at the reference's level" if self._gain is not None else ""
        said = [f"heard in the reference: {echo.text}" for echo in self._heard]
        said += [
            f"it takes {gain:.2f} off the distance of {base.distance:.2f} that the input has"
            f"{level}; to be sure it should take {self._asked:.2g} ({parts})"
            if gain > 0
            else f"its distance to the reference is no smaller than the input's ({parts})",
            f"what it may still be wrong by is {100 * share:.0f} % of what leaving the input alone "
            f"may be wrong by; to be sure it should be {100 * MAX_RISK:.0f} % at most",
        ]
        if pick.cost > 0:
            moved = level_of(pick.features) - level_of(self._untouched.features)
            if self._gain is not None and pick.settings is not None:
                moved -= self._spec.parameters[self._gain].to_native(pick.settings[self._gain])
            said.append(f"its effects move the level by {moved:+.0f} dB, which is unlikely")
        if self._wanted:
            said.append("its effect was asked for, since a knob of it is locked")
        return tuple(said)

    def _level_alone(self) -> tuple[Choice, tuple[int, ...], dict[int, str]] | None:
        """The answer where the level surely differs and nothing else does."""
        if not self._level_alone_likely():
            return None
        offset = self._target.level_offset(self._untouched.features)
        alone = self._target.level_weight == 1.0
        slots = tuple(range(len(chain_slots(self._spec))))
        start = self._untouched.features
        if self._gain is not None:
            knob = self._spec.parameters[self._gain]
            gain = float(np.clip(offset, knob.minimum, knob.maximum))
            settings = self._start.copy()
            settings[self._gain] = knob.to_normalised(gain)
            features = with_gain(start, gain)
            used = slots[-1:]
        elif len(slots) == 1:
            found = self._turn_output(offset)
            if found is None:
                return None
            settings, features = found
            gain, used = level_of(features) - level_of(start), slots
        else:
            return None
        distance = float(self._target.distance(features))
        reason = "what was asked for is the level" if alone else "nothing else is surely closer"
        evidence = (
            f"the reference is {abs(offset):.1f} dB {'louder' if offset > 0 else 'quieter'}, more "
            f"than two pieces of one recording differ by ({self._target.level_noise:.1f} dB); "
            f"{reason}, so the level alone is set, by {gain:+.1f} dB",
        )
        choice = Choice(
            Candidate(settings, features, self._untouched.detail, distance),
            True,
            self._untouched.distance - distance,
            0.0,
            evidence,
        )
        return choice, used, {n: "the level alone is surely different" for n in slots[:-1]}

    def _level_alone_likely(self) -> bool:
        """Whether the level differs by more than content does."""
        offset = self._target.level_offset(self._untouched.features)
        if self._target.level_weight == 1.0:
            return abs(offset) >= LEVEL_TOLERANCE
        enough = LEVEL_SURE * self._target.level_noise
        return self._target.level_weight > 0.0 and abs(offset) >= enough

    def _turn_output(self, offset: float) -> tuple[Settings, Vector] | None:
        """Settings of a single effect that change the level alone, by so much; None if none do."""

        def render(settings: Settings) -> tuple[Vector, Detail] | None:
            if self.renders >= self._budget:
                return None
            (candidate,) = self._render(self._effects, [settings])
            return None if candidate is None else (candidate.features, candidate.detail)

        untouched = (self._untouched.features, self._untouched.detail)
        try:
            return turn_output(self._spec, self._start, self._free, untouched, offset, render)
        except (KeyboardInterrupt, _TimeUp):
            return None

    def _prune(
        self, pick: Candidate, slots: tuple[int, ...]
    ) -> tuple[tuple[int, ...], Candidate, dict[int, str]]:
        """Take out effects that bring too little, the least useful first.

        Each slot is left out once by itself, to rank them; then they go one after another, as
        long as what is lost altogether stays within the tolerance. Last go two that undo each
        other.
        """
        whole = pick.settings
        assert whole is not None
        reached, gain = pick.distance, self._untouched.distance - pick.distance
        allowed = reached + PRUNE_TOLERANCE * max(gain, 0.0)
        left_out: dict[int, str] = {}
        if self._gain is not None:
            # Its level is put right by the gain, whatever else goes; it is looked at last.
            whole = whole.copy()
            whole[self._gain] = self._start[self._gain]
        last = None if self._gain is None else slots[-1]
        complete = len(slots)
        kept = self._wanted | {echo.slot for echo in self._heard}
        removable = tuple(s for s in slots if s != last and s not in kept)
        if not removable or self.renders + len(removable) > self._budget:
            return slots, pick, left_out
        alone = self._without(whole, [tuple(s for s in slots if s != out) for out in removable])
        costs = [np.inf if c is None else c.distance - reached for c in alone]
        for place in np.argsort(costs, kind="stable"):
            gone, cost = removable[int(place)], costs[int(place)]
            if not np.isfinite(cost) or cost + reached > allowed:
                break
            trial = tuple(s for s in slots if s != gone)
            again = len(trial) < complete - 1
            if all(s == last for s in trial) or (again and self.renders >= self._budget):
                break
            (candidate,) = self._without(whole, [trial]) if again else [alone[int(place)]]
            if candidate is None or candidate.distance > allowed:
                continue
            share = 100 * cost / max(gain, 1e-9)
            left_out[gone] = (
                "with it off, and all else as it is, the match is no further from the reference"
                if share <= 0
                else f"it brought {share:.1f} % of the gain, less than the "
                f"{100 * PRUNE_TOLERANCE:.0f} % it must"
            )
            pick, slots = candidate, trial
        pick, slots = self._part_pairs(whole, pick, slots, [s for s in removable if s in slots])
        for gone in set(removable) - set(slots) - set(left_out):
            left_out[gone] = "it and another effect undid each other, so both are out"
        if self._gain is not None and pick.settings is not None:
            gain = self._spec.parameters[self._gain].to_native(pick.settings[self._gain])
            if abs(gain) < LEVEL_TOLERANCE:
                left_out[slots[-1]] = "the level is right without it"
                slots = slots[:-1]
        return slots, pick, left_out

    def _part_pairs(
        self, whole: Settings, pick: Candidate, slots: tuple[int, ...], removable: Sequence[int]
    ) -> tuple[Candidate, tuple[int, ...]]:
        """Take out two effects that undo each other: each by itself is missed, both are not.

        Together they must have brought what two effects have to.
        """
        others = len(slots) - (self._gain is not None)
        pairs = list(itertools.combinations(removable, 2)) if others > 2 else []
        if not pairs or self.renders + len(pairs) > self._budget:
            return pick, slots
        trials = [tuple(s for s in slots if s not in pair) for pair in pairs]
        found = [
            (candidate.distance, trial, candidate)
            for trial, candidate in zip(trials, self._without(whole, trials), strict=True)
            if candidate is not None and candidate.distance <= pick.distance + 2 * SLOT_COST
        ]
        if not found:
            return pick, slots
        _, trial, candidate = min(found, key=lambda f: f[0])
        return candidate, trial

    def _without(
        self, whole: Settings, trials: Sequence[tuple[int, ...]]
    ) -> list[Candidate | None]:
        """Render with some slots only; the settings stay those of the whole chain."""
        found: list[Candidate | None] = []
        for trial in trials:
            found += self._render(trial, [whole], kept=False)
        return found


def _span(place: slice) -> tuple[int, int]:
    return int(place.start), int(place.stop)


def _value(candidate: Candidate) -> float:
    return candidate.value


def settings_of(found: Found, spec: EffectSpec) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """URIs and settings of the effects that a search kept.

    Parameters
    ----------
    found : Found
        What the search kept.
    spec : EffectSpec
        Of the chain that was searched.

    Returns
    -------
    (tuple of str, ndarray)
        Settings of the kept effects alone, 0 to 1.
    """
    places = chain_slots(spec)
    uris = tuple(places[s][1] for s in found.slots)
    parts = [found.settings[places[s][2]] for s in found.slots]
    return uris, np.concatenate(parts) if parts else np.zeros(0)
