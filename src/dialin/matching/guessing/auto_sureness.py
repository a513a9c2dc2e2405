"""How sure it is that each family of effects is there, after a search.

A logistic function of what the distance to the reference gains by the effect, of what was heard
(`dialin.matching.hearing`), and of the votes; its weights are from validation songs
(``benchmarks/auto_chain.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dialin.effects.chain import slot_names
from dialin.matching.guessing.auto import AutoPlan
from dialin.matching.guessing.auto_voters import log_odds
from dialin.reports import FamilyReport

if TYPE_CHECKING:
    from dialin.matching.candidate import SearchResult
    from dialin.matching.hearing.time_guesses import Echo, Echoes

PLAIN, LIKELY = 60.0, 0.5
"""Standard deviations from which an echo or a room speaks for itself, and probability by voters
above which a fainter one is believed too. Echoes of 0.1 s and more on songs stood out by 160 and
more, beats of the metal guitar that comes with dialin by 26."""

UNCERTAIN = ("moving", "faint", "disputed")
"""What is heard or not of an effect that is a guess among others all the same."""

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
    # Other music moves otherwise: how it moves is compared only where voters explain the reference
    # and an effect may be behind it.
    moves = plan.told and any(
        not e.exact and (e.verdict == "heard" or _likely(plan.uris[e.slot], plan))
        for e in echoes.found
    )
    return replace(echoes, found=guessed, moves=echoes.moves and moves)


def unlikely_slots(plan: AutoPlan) -> tuple[int, ...]:
    """Slots of the plan's chain whose effects no voter that is believed holds for likely.

    Parameters
    ----------
    plan : AutoPlan
        What is tried.

    Returns
    -------
    tuple of int
    """
    return tuple(n for n, uri in enumerate(plan.uris) if not _likely(uri, plan))


def as_offered(echoes: Echoes, chances: Mapping[int, float]) -> Echoes:
    """What was heard, less what a network holds for unlikely and is no proof by itself.

    Of many effects on offer the one that moves is tried for whatever moves in the reference; a
    network that knows all of them has the others to tell of.

    Parameters
    ----------
    echoes : Echoes
        What was listened for.
    chances : mapping of int to float
        Slot -> probability that its effect is there; of other slots nothing is known.

    Returns
    -------
    Echoes
    """
    guessed = tuple(
        replace(e, verdict="doubt")
        if e.verdict == "heard"
        and chances.get(e.slot, 1.0) <= LIKELY
        and (not e.exact or e.score < PLAIN)
        else e
        for e in echoes.found
    )
    return replace(echoes, found=guessed)


def _verdict(echo: Echo, plan: AutoPlan) -> str:
    """What an echo, a room or a motion stands for, as `judge_families` has it."""
    likely = _likely(plan.uris[echo.slot], plan)
    if echo.verdict == "absent" and likely:
        return "disputed"
    if echo.verdict != "heard":
        return echo.verdict
    if not echo.exact:
        return "moving"
    return "heard" if likely or echo.score >= PLAIN else "faint"


def _likely(uri: str, plan: AutoPlan) -> bool:
    """Whether voters hold an effect for likely."""
    return bool(plan.votes) and plan.chance(uri) > LIKELY


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
                votes = log_odds(plan.chance(plan.uris[slot])) - log_odds(plan.prior)
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
