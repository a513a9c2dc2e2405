"""Which families of effects a reference holds: the chain of built-ins that is tried.

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
   (`dialin.matching.order`).

How sure it is of each is told after the search (`dialin.matching.guessing.auto_sureness`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dialin.effects.chain import chain_slots, slot_names
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.guessing.auto_families import FAMILIES, ORDER, Family
from dialin.matching.guessing.auto_trust import TRIED, Trust
from dialin.matching.guessing.auto_voters import (
    ChainGuess,
    Recordings,
    Vote,
    Voter,
    ask_voters,
    asked_of,
    pooled,
)
from dialin.measures.lattice import lattice_bits

if TYPE_CHECKING:
    from dialin.matching.order import Ordered

UNLIKELY = 0.08
"""Probability by all voters below which an effect is not tried."""

GAIN = "builtin:gain"

BENDING = ("distortion", "compressor", "bitcrush", "pitch")
"""Built-ins that do not commute with others."""


EVEN_COST, ODDS_COST, COSTS = 0.06, 0.03, (0.03, 0.16)
"""Distance that an effect must take away which is as likely as not, how much less for each unit of
log odds, and within which limits. With a limit below 0, where a sure voter is enough, three of five
chains of validation songs at 24 kHz mono got an effect that was not there, with one cost for all
effects one of five."""


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

    @property
    def prior(self) -> float:
        """Probability of an effect before anything was heard, as voters have it."""
        return float(np.mean([vote.prior for vote in self.votes])) if self.votes else 0.5

    def chance(self, uri: str) -> float:
        """Probability of an effect by all voters; see `pooled`.

        Parameters
        ----------
        uri : str
            Of the effect.

        Returns
        -------
        float
            0 to 1.
        """
        return pooled(uri, self.votes, self.prior)


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
    plan = AutoPlan(
        *((), tuple(chosen), votes.votes),
        nearest=votes.nearest,
        best=votes.best,
        notes=tuple(notes),
    )
    left: dict[str, str] = {}
    kept = _with_locks(asked, locked)
    for name in sorted(names - kept) if votes.votes else ():
        uri = f"builtin:{name}"
        chance = plan.chance(uri)
        if any(uri in v.presence for v in votes.votes) and chance < UNLIKELY:
            left[name] = f"{', '.join(v.source for v in votes.votes)}: {100 * chance:.0f} % likely"
    uris = tuple(f"builtin:{n}" for n in ORDER if n in names and n not in left)
    if not uris:
        uris, left = tuple(f"builtin:{n}" for n in ORDER if n in names), {}
    return replace(plan, uris=(*uris, GAIN), left=left)


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


def _crushed(heard: Recordings) -> float | None:
    """Bits on whose steps all references stand while the input does not."""
    known = []
    for audio, _, _ in heard.references:
        bits = lattice_bits(audio)
        if bits is None:
            return None
        known.append(bits)
    own = lattice_bits(heard.input[0])
    if own is not None and own <= max(known) + 1.0:
        return None
    return float(np.mean(known))


def slot_costs(plan: AutoPlan) -> dict[int, float]:
    """Distance that each effect must take away, where voters told how likely it is.

    Of an effect that is there twice the first alone was asked about.

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
            costs[slot] = asked_of(plan.chance(uri), EVEN_COST, ODDS_COST, COSTS)
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
