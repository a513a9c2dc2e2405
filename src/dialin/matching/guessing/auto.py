"""Which families of effects a reference holds: the chain of built-ins that is tried, and how sure.

Nobody names effects to ``dialin match --fx auto``. What is there is told by four witnesses:

1. *Listening.* Echoes, rooms and motion are looked for with the built-ins' own answers as matched
   filters (`dialin.matching.hearing.time_guesses`, `dialin.matching.hearing.motion_guesses`): what
   is heard stays in, with its knobs where they were found, and what is absent is left out. Samples
   that stand on a lattice are those of a bit crusher (`dialin.measures.lattice`).
2. *Voters*, such as a trained network (`dialin.matching.guessing.auto_voters`), as far as their own
   settings bring the sound near (`dialin.matching.guessing.auto_trust`): what all of them hold for
   unlikely is not tried, and their settings are tried first.
3. *Search.* Drive, dynamics, filters and equalisers are added as long as one more brings what an
   effect must (`dialin.matching.forward`), behind what was heard.
4. *Order*: the effects found are swapped where that can be heard
   (`dialin.matching.guessing.auto_order`).

How sure it is of each is a logistic function of what the distance to the reference gains by the
effect, what was heard, and the votes; its weights are from validation songs
(``benchmarks/auto_chain.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dialin.effects.chain import chain_slots, slot_names
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import UsageError
from dialin.matching.guessing.auto_trust import TRIED, Trust
from dialin.matching.guessing.auto_voters import (
    ChainGuess,
    Recordings,
    Vote,
    Voter,
    ask_voters,
    log_odds,
    pooled,
)
from dialin.measures.lattice import lattice_bits
from dialin.reports import FamilyReport

if TYPE_CHECKING:
    from dialin.matching.candidate import SearchResult
    from dialin.matching.guessing.auto_order import Ordered
    from dialin.matching.hearing.time_guesses import Echo, Echoes

AUTO, DEFAULT = "auto", "default"
"""What people write in place of effects."""

UNLIKELY = 0.08
"""Probability by all voters below which an effect is not tried."""

PLAIN, LIKELY = 60.0, 0.5
"""Standard deviations from which an echo or a room speaks for itself, and probability by voters
above which a fainter one is believed too. Echoes of 0.1 s and more on songs stood out by 160 and
more, beats of the metal guitar that comes with dialin by 26."""

UNCERTAIN = ("moving", "faint", "disputed")
"""What is heard or not of an effect that is a guess among others all the same."""

GAIN = "builtin:gain"

BENDING = ("distortion", "compressor", "bitcrush", "pitch")
"""Built-ins that do not commute with others."""


@dataclass(frozen=True)
class Family:
    """Effects that do the same kind of thing.

    Attributes
    ----------
    name : str
        As in ``--fx auto:NAME``.
    title : str
        For people.
    effects : tuple of str
        Names of built-ins, without repeats; none where no built-in does it.
    usual : bool
        Whether it is looked for without being named.
    """

    name: str
    title: str
    effects: tuple[str, ...]
    usual: bool = True


FAMILIES = (
    Family("filters", "high-pass and low-pass", ("highpass", "lowpass")),
    Family("drive", "drive", ("distortion",)),
    Family("bitcrush", "bit crusher", ("bitcrush",), usual=False),
    Family("dynamics", "dynamics", ("compressor",)),
    Family("eq", "equaliser", ("lowshelf", "peak", "highshelf")),
    Family("modulation", "chorus, flanger, phaser", ("chorus", "phaser")),
    Family("delay", "delay", ("delay",)),
    Family("reverb", "reverb", ("reverb",)),
    Family("pitch", "pitch shift", ("pitch",), usual=False),
)

ORDER = (
    *("pitch", "highpass", "distortion", "compressor", "lowshelf", "peak", "peak", "highshelf"),
    *("lowpass", "chorus", "phaser", "delay", "reverb", "bitcrush"),
)
"""In which built-ins are put one behind the other, unless another order is heard: clean up, colour,
control the level, shape the tone, move, repeat, place in a room. Crushed samples can only be told
where nothing comes behind."""

EVEN_COST, ODDS_COST, COSTS = 0.06, 0.03, (0.03, 0.16)
"""Distance that an effect must take away which is as likely as not, how much less for each unit of
log odds, and within which limits. With a limit below 0, where a sure voter is enough, three of five
chains of validation songs at 24 kHz mono got an effect that was not there, with one cost for all
effects one of five."""

WEIGHTS = {
    "bias": -1.6,
    "gain": 0.3,
    "heard": 2.4,
    "moving": 0.5,
    "faint": 0.5,
    "absent": -0.7,
    "votes": 0.45,
}
"""Of the logistic function, with gains in units of the temperature of the pick and votes in log
odds. From 154 families of 22 matches on validation songs, at 24 kHz mono (``benchmarks/
auto_chain.py``); of those that were held for 90 % and more likely three quarters were there before,
with votes at their own word."""

LEAST_GAIN, MOST_GAIN = -2.0, 6.0
"""Within which gains count."""


@dataclass(frozen=True, eq=False)
class AutoPlan:
    """What will be tried.

    Attributes
    ----------
    uris : tuple of str
        The chain.
    families : tuple of Family
        Those that are looked for.
    votes : tuple of Vote
        Of voters.
    left : mapping of str to str
        Name of a family or built-in that is not tried -> why.
    notes : tuple of str
        For the person.
    nearest : float
        Distance of the best settings of voters that are believed; infinite where there are none.
    best : ChainGuess, optional
        The nearest settings of all voters, believed or not.
    """

    uris: tuple[str, ...]
    families: tuple[Family, ...]
    votes: tuple[Vote, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    nearest: float = np.inf
    best: ChainGuess | None = None

    @property
    def told(self) -> bool:
        """Whether settings of voters explain the reference, so that few renders are needed."""
        return bool(np.isfinite(self.nearest))


def is_auto(effects: object) -> bool:
    """Whether it is left to dialin which effects to use.

    >>> is_auto("auto"), is_auto(["auto:drive,delay"]), is_auto("automaton"), is_auto(None)
    (True, True, False, False)

    Parameters
    ----------
    effects : object
        What was asked for.

    Returns
    -------
    bool
    """
    if effects is None:
        return False
    words = [effects] if isinstance(effects, str) else list(effects)  # type: ignore[call-overload]
    return len(words) == 1 and (words[0] == AUTO or str(words[0]).startswith(f"{AUTO}:"))


def wanted_families(effects: str | Sequence[str]) -> tuple[Family, ...]:
    """Families that ``auto`` or ``auto:drive,delay`` ask for.

    >>> [family.name for family in wanted_families("auto:delay,drive")]
    ['drive', 'delay']

    Parameters
    ----------
    effects : str or sequence of str
        For which `is_auto` holds.

    Returns
    -------
    tuple of Family
        In the order of `FAMILIES`.

    Raises
    ------
    UsageError
        If there is no family of a name.
    """
    text = effects if isinstance(effects, str) else effects[0]
    names = [word.strip() for word in text.partition(":")[2].split(",") if word.strip()]
    if not names:
        return tuple(family for family in FAMILIES if family.usual)
    known = {family.name: family for family in FAMILIES}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no family of effects {name!r}; use {', '.join(known)}")
    return tuple(family for family in FAMILIES if family.name in names)


def plan_auto(
    families: Sequence[Family],
    voters: Sequence[Voter],
    heard: Recordings,
    specs: Callable[[str], EffectSpec],
    locked: Sequence[str] = (),
    trust: Callable[[Sequence[Vote]], Trust] | None = None,
) -> AutoPlan:
    """Decide which built-ins are tried, before anything is rendered.

    Parameters
    ----------
    families : sequence of Family
        From `wanted_families`.
    voters : sequence of Voter
        Witnesses; may be none.
    heard : Recordings
        Input and references.
    specs : callable
        URI -> spec of a built-in.
    locked : sequence of str
        Knobs that a person locked, ``slot.parameter`` or the parameter alone: their effects are
        tried whatever voters say.
    trust : callable, optional
        Sorts out whom to believe (`dialin.matching.guessing.auto_trust.trusted`); without, all.

    Returns
    -------
    AutoPlan
    """
    chosen = list(families)
    notes: list[str] = []
    crushed = _crushed(heard)
    if crushed is not None:
        crusher = next(f for f in FAMILIES if f.name == "bitcrush")
        notes.append(
            f"heard in the reference: samples that stand on steps of {crushed:.3g} bit, as a bit "
            "crusher leaves them"
        )
        if crusher not in chosen and all(f.usual for f in chosen):
            chosen.append(crusher)
    names = {name for family in chosen for name in family.effects}
    asked: list[EffectSpec] = [
        specs(f"builtin:{name}") for name in dict.fromkeys(ORDER) if name in names
    ]
    said = ask_voters(voters, heard, asked)
    votes = Trust(said.votes) if trust is None else trust(said.votes)
    notes += [*said.notes, *votes.notes]
    left: dict[str, str] = {}
    kept = _with_locks(asked, locked)
    for name in sorted(names - kept) if votes.votes else ():
        uri = f"builtin:{name}"
        chance = pooled(uri, votes.votes, _prior(votes.votes))
        if any(uri in v.presence for v in votes.votes) and chance < UNLIKELY:
            left[name] = f"{', '.join(v.source for v in votes.votes)}: {100 * chance:.0f} % likely"
    uris = tuple(f"builtin:{n}" for n in ORDER if n in names and n not in left)
    if not uris:
        uris, left = tuple(f"builtin:{n}" for n in ORDER if n in names), {}
    return AutoPlan(
        (*uris, GAIN), tuple(chosen), votes.votes, left, tuple(notes), votes.nearest, votes.best
    )


def _with_locks(asked: Sequence[EffectSpec], locked: Sequence[str]) -> set[str]:
    """Names of the effects that locked knobs are of."""
    slots = {lock.rpartition(".")[0].rstrip("0123456789") for lock in locked}
    knobs = {lock for lock in locked if "." not in lock}
    return {
        name
        for spec in asked
        if (name := spec.uri.removeprefix("builtin:")) in slots
        or knobs & {parameter.id for parameter in spec.parameters}
    }


def _prior(votes: Sequence[Vote]) -> float:
    return float(np.mean([vote.prior for vote in votes])) if votes else 0.5


def _crushed(heard: Recordings) -> float | None:
    """Bits on whose steps all references stand while the input does not."""
    bits = [lattice_bits(audio) for audio, _, _ in heard.references]
    own = lattice_bits(heard.input[0])
    known = [b for b in bits if b is not None]
    if len(known) < len(bits) or (own is not None and own <= max(known) + 1.0):
        return None
    return float(np.mean(known))


def slot_costs(plan: AutoPlan) -> dict[int, float]:
    """Distance that each effect must take away, where voters told how likely it is.

    The likelihood of a chain falls by 1/e with every bit of distance, so what was known of an
    effect beforehand is worth a distance that grows with the logarithm of its odds. Of an effect
    that is there twice the first alone was asked about.

    Parameters
    ----------
    plan : AutoPlan
        What is tried.

    Returns
    -------
    dict of int to float
        Slot -> distance, above 0.
    """
    told = {uri for vote in plan.votes for uri in vote.presence} if plan.told else set()
    costs: dict[int, float] = {}
    for slot, uri in enumerate(plan.uris):
        if uri in told and plan.uris.index(uri) == slot:
            odds = log_odds(pooled(uri, plan.votes, _prior(plan.votes)))
            costs[slot] = float(np.clip(EVEN_COST - ODDS_COST * odds, *COSTS))
    return costs


def likely_settings(plan: AutoPlan) -> dict[int, list[Settings]]:
    """Settings of each effect that believed voters gave, the likeliest first.

    Parameters
    ----------
    plan : AutoPlan
        What is tried.

    Returns
    -------
    dict of int to list of ndarray
        Slot -> settings; slots of effects in none of the guesses are left out.
    """
    result: dict[int, list[Settings]] = {}
    for guess in (guess for vote in plan.votes for guess in vote.guesses[:TRIED]):
        for slot, uri in enumerate(plan.uris):
            if uri in guess.effects:
                result.setdefault(slot, []).append(guess.settings[guess.effects.index(uri)])
    return result


def nearest_guess(plan: AutoPlan, spec: EffectSpec) -> tuple[tuple[tuple[int, ...], Settings], ...]:
    """The settings of voters that come nearest, as a search tries them.

    Parameters
    ----------
    plan : AutoPlan
        What is tried.
    spec : EffectSpec
        Of its chain.

    Returns
    -------
    tuple of (tuple of int, ndarray)
        One at most: slots, and settings of the whole chain.
    """
    guess = plan.best
    if guess is None:
        return ()
    vector, used = spec.default, []
    free = list(range(len(plan.uris)))
    spans = [span for _, _, span in chain_slots(spec)]
    for uri, settings in zip(guess.effects, guess.settings, strict=True):
        slot = next((n for n in free if plan.uris[n] == uri), None)
        if slot is None:
            continue
        free.remove(slot)
        vector[spans[slot]] = settings
        used.append(slot)
    return ((tuple(sorted(used)), vector),) if used else ()


def bending_slots(plan: AutoPlan) -> frozenset[int]:
    """Slots of effects that do not commute with others.

    Parameters
    ----------
    plan : AutoPlan
        What is tried.

    Returns
    -------
    frozenset of int
    """
    bending = {f"builtin:{name}" for name in BENDING}
    return frozenset(n for n, uri in enumerate(plan.uris) if uri in bending)


def order_notes(plan: AutoPlan, ordered: Ordered | None) -> list[str]:
    """What was heard of the effects' order, for a person.

    Parameters
    ----------
    plan : AutoPlan
        What was tried.
    ordered : Ordered, optional
        What swapping came to.

    Returns
    -------
    list of str
    """
    if ordered is None:
        return []
    names = slot_names(plan.uris)
    pairs = {(first, second): gain for first, second, gain in (*ordered.swaps, *ordered.told)}
    return [
        f"{names[first]} stands before {names[second]}: the other way round it would sound "
        f"{gain:.2f} farther from the reference"
        for (first, second), gain in pairs.items()
    ]


def family_reports(
    plan: AutoPlan, result: SearchResult, echoes: Echoes | None, used: Sequence[int]
) -> tuple[FamilyReport, ...]:
    """How likely each family is there, after a search; see `judge_families`.

    Parameters
    ----------
    plan : AutoPlan
        What was tried.
    result : SearchResult
        What the search came to.
    echoes : Echoes, optional
        What was heard.
    used : sequence of int
        Slots that the match uses.

    Returns
    -------
    tuple of FamilyReport
    """
    heard = () if echoes is None else echoes.found
    verdicts = {echo.slot: (_verdict(echo, plan), echo.text) for echo in heard}
    return judge_families(plan, result.gains, verdicts, used, result.temperature)


def as_guesses(echoes: Echoes, plan: AutoPlan) -> Echoes:
    """What was heard, less what is no proof of an effect where there are others to choose from.

    Music moves by itself at many rates, and what matches one of them may be anything; and it
    repeats at its beats. So a motion is a guess among others, that must bring the sound nearer, and
    so is an echo or a room that is faint, unless a voter holds it for likely too, or one that only
    a voter holds for likely. Others stay in.

    Parameters
    ----------
    echoes : Echoes
        What was listened for.
    plan : AutoPlan
        What is tried.

    Returns
    -------
    Echoes
    """
    guessed = tuple(
        replace(e, verdict="doubt") if _verdict(e, plan) in UNCERTAIN else e for e in echoes.found
    )
    return replace(echoes, found=guessed)


def _verdict(echo: Echo, plan: AutoPlan) -> str:
    """What an echo, a room or a motion stands for, as `judge_families` has it."""
    uri = plan.uris[echo.slot]
    likely = bool(plan.votes) and pooled(uri, plan.votes, _prior(plan.votes)) > LIKELY
    if echo.verdict == "absent" and likely:
        return "disputed"
    if echo.verdict != "heard":
        return echo.verdict
    if not echo.exact:
        return "moving"
    return "heard" if likely or echo.score >= PLAIN else "faint"


def judge_families(
    plan: AutoPlan,
    gains: Mapping[int, float],
    verdicts: Mapping[int, tuple[str, str]],
    used: Sequence[int],
    temperature: float,
) -> tuple[FamilyReport, ...]:
    """How likely each family is there, after everything.

    Parameters
    ----------
    plan : AutoPlan
        What was tried.
    gains : mapping of int to float
        Slot of the plan's chain -> distance that the best chain with it is nearer than the best
        without; below 0 where it is farther.
    verdicts : mapping of int to (str, str)
        Slot -> ``heard``, ``moving`` (a motion was heard), ``faint`` (what may be the music's
        own), ``disputed`` (voters alone hold it for likely), ``doubt`` or ``absent``, and what was
        heard.
    used : sequence of int
        Slots that the match uses.
    temperature : float
        Distance that counts as one.

    Returns
    -------
    tuple of FamilyReport
        In the order of the plan's families.
    """
    names = slot_names(plan.uris)
    prior = _prior(plan.votes)
    reports = []
    for family in plan.families:
        uris = {f"builtin:{name}" for name in family.effects}
        slots = [n for n, uri in enumerate(plan.uris) if uri in uris]
        evidence: list[str] = []
        best: tuple[float, float | None, str, float] = (0.0, None, "", 0.0)
        for slot in slots:
            verdict, text = verdicts.get(slot, ("", ""))
            votes = 0.0
            if any(plan.uris[slot] in vote.presence for vote in plan.votes):
                votes = log_odds(pooled(plan.uris[slot], plan.votes, prior)) - log_odds(prior)
            gain = gains[slot] / temperature if slot in gains else None
            chance = probability(gain, verdict, votes)
            best = max(best, (chance, gain, verdict, votes), key=_first)
            if verdict in ("heard", "moving"):
                evidence.append(f"heard: {text}")
            elif verdict == "faint":
                evidence.append(f"faint, and may be the music's own: {text}")
            elif slot in used and gains.get(slot, 0.0) > 0:
                evidence.append(f"{names[slot]} brings the sound {gains[slot]:.2f} nearer")
            elif slot in used:
                evidence.append(f"{names[slot]} is used, but chains without it come as near")
        said = [
            (vote.presence[plan.uris[slot]], vote.source, names[slot])
            for vote in plan.votes
            for slot in slots
            if plan.uris[slot] in vote.presence
        ]
        if said:
            share, source, name = max(said)
            evidence.append(f"{source} holds {name} for {100 * share:.0f} % likely")
        evidence += [
            f"{name} was not tried: {why}" for name, why in plan.left.items() if name in
            family.effects
        ]  # fmt: skip
        if not any(slot in used for slot in slots) and not plan.left.keys() >= set(family.effects):
            absent = slots and all(verdicts.get(p, ("",))[0] == "absent" for p in slots)
            evidence += [
                "listened for and not heard"
                if absent
                else "no closer with it by what one more effect must bring"
            ]
        mine = tuple(names[p] for p in slots if p in used)
        reports.append(
            FamilyReport(
                *(family.name, family.title, round(best[0], 3), bool(mine), mine, tuple(evidence)),
                gain=best[1],
                verdict=best[2],
                votes=round(best[3], 3),
            )
        )
    return tuple(reports)


def _first(entry: tuple[float, float | None, str, float]) -> float:
    return entry[0]


def probability(gain: float | None, verdict: str, votes: float = 0.0) -> float:
    """That an effect is there.

    Parameters
    ----------
    gain : float, optional
        Distance that it brings, in units of the temperature; None where it was never tried.
    verdict : {"heard", "moving", "faint", "disputed", "doubt", "absent", ""}
        Of listening; empty where the effect is none that can be listened for.
    votes : float
        Log odds beyond what voters began with.

    Returns
    -------
    float
        0 to 1.
    """
    odds = WEIGHTS["bias"] + WEIGHTS.get(verdict, 0.0)
    odds += WEIGHTS["votes"] * votes
    held = LEAST_GAIN if gain is None and verdict != "heard" else gain or 0.0
    odds += WEIGHTS["gain"] * float(np.clip(held, LEAST_GAIN, MOST_GAIN))
    return float(1.0 / (1.0 + np.exp(-odds)))
