"""Voters: whoever can say, before anything is rendered, which effects a reference holds.

Which effects are there is told by what was heard (`dialin.matching.hearing.time_guesses`) and by
what the search finds; a voter is one more witness, such as a trained network. It answers with a
probability for each effect it knows and, where it can, with settings of whole chains to try first.

Conventions
-----------
* Effects are named by their URIs (``builtin:delay``); a voter is silent on those it leaves out.
* Probabilities are of *presence*: that the reference was made with this effect, at settings that
  can be heard. They are calibrated by the voter: of all the effects it gives 0.7, 70 % are there.
* A voter is asked once for a match, in the program itself, and takes well under a second.

`pooled` brings several witnesses together: their log odds are added, less what all of them assumed
beforehand (independent opinion pool; Genest and Zidek, "Combining probability distributions",
Statistical Science 1, 1986, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import DialinError, UsageError

LEAST_ODDS = 0.005
"""Probability below which, and above the rest to one of which, no single witness is believed."""


@dataclass(frozen=True, eq=False)
class ChainGuess:
    """A whole chain to try.

    Attributes
    ----------
    effects : tuple of str
        URIs of its effects, in their order.
    settings : tuple of ndarray
        Of each effect, positions of its knobs from 0 to 1.
    """

    effects: tuple[str, ...]
    settings: tuple[Settings, ...]

    def __post_init__(self) -> None:
        if len(self.effects) != len(self.settings):
            raise UsageError(
                f"a guess has {len(self.effects)} effects and settings of {len(self.settings)}; "
                "give one settings vector for each effect"
            )


@dataclass(frozen=True, eq=False)
class Vote:
    """What a voter says.

    Attributes
    ----------
    source : str
        Who says it, for people.
    presence : mapping of str to float
        URI of an effect -> probability that it is there.
    guesses : tuple of ChainGuess
        Chains to try first, the likeliest first.
    prior : float
        The probability of presence that the voter began with: the share of its training examples
        that have the effect.
    """

    source: str
    presence: Mapping[str, float]
    guesses: tuple[ChainGuess, ...] = ()
    prior: float = 0.5

    def __post_init__(self) -> None:
        for uri, value in (*self.presence.items(), ("the prior", self.prior)):
            if not 0.0 <= value <= 1.0:
                raise UsageError(
                    f"{self.source} gives {uri} the probability {value}; it must be from 0 to 1"
                )


@dataclass(frozen=True, eq=False)
class Recordings:
    """What a voter hears.

    Attributes
    ----------
    input : (audio, sample_rate)
        The excerpt to change, ``(channels, samples)``.
    references : tuple of (audio, sample_rate, weight)
        What it should sound like.
    seed : int
        Of all chance.
    """

    input: tuple[Audio, int]
    references: tuple[tuple[Audio, int, float], ...]
    seed: int = 0


class Voter(Protocol):
    """A witness to which effects are there."""

    def vote(self, heard: Recordings, effects: Sequence[EffectSpec]) -> Vote | None:
        """Say which of some effects are there; None where nothing can be said.

        Parameters
        ----------
        heard : Recordings
            Input and references.
        effects : sequence of EffectSpec
            Asked about, without repeats.

        Returns
        -------
        Vote or None
        """
        ...


@dataclass(frozen=True, eq=False)
class Votes:
    """What all voters said.

    Attributes
    ----------
    votes : tuple of Vote
    notes : tuple of str
        Of voters that failed.
    """

    votes: tuple[Vote, ...] = ()
    notes: tuple[str, ...] = field(default=())


def ask_voters(voters: Sequence[Voter], heard: Recordings, effects: Sequence[EffectSpec]) -> Votes:
    """Ask everybody; one that fails costs its vote, and a note says so.

    Parameters
    ----------
    voters : sequence of Voter
        In any order.
    heard : Recordings
        Input and references.
    effects : sequence of EffectSpec
        Asked about.

    Returns
    -------
    Votes
    """
    votes: list[Vote] = []
    notes: list[str] = []
    for voter in voters:
        try:
            vote = voter.vote(heard, effects)
        except DialinError as error:
            notes.append(f"{type(voter).__name__} could not say which effects are there: {error}")
            continue
        if vote is not None:
            votes.append(vote)
    return Votes(tuple(votes), tuple(notes))


def log_odds(probability: float) -> float:
    """Logarithm of the odds, held within what a single witness is believed.

    Parameters
    ----------
    probability : float
        0 to 1.

    Returns
    -------
    float
    """
    held = min(max(probability, LEAST_ODDS), 1.0 - LEAST_ODDS)
    return float(np.log(held / (1.0 - held)))


def asked_of(probability: float, even: float, each: float, limits: tuple[float, float]) -> float:
    """Distance that an effect must take away, by how likely it was before anything was rendered.

    The likelihood of a chain falls by 1/e with every bit of distance, so what was known of an
    effect beforehand is worth a distance that grows with the logarithm of its odds.

    Parameters
    ----------
    probability : float
        That the effect is there, 0 to 1.
    even : float
        Distance where that is as likely as not.
    each : float
        How much less for each unit of log odds.
    limits : (float, float)
        The least and the most.

    Returns
    -------
    float
    """
    return float(np.clip(even - each * log_odds(probability), *limits))


def pooled(uri: str, votes: Sequence[Vote], prior: float = 0.5) -> float:
    """Probability that an effect is there, by all that was said of it.

    >>> vote = Vote("a network", {"builtin:delay": 0.9}, prior=0.5)
    >>> round(pooled("builtin:delay", [vote, vote]), 3)
    0.988
    >>> pooled("builtin:reverb", [vote], prior=0.25)
    0.25

    Parameters
    ----------
    uri : str
        Of the effect.
    votes : sequence of Vote
        What was said.
    prior : float
        Before anybody spoke.

    Returns
    -------
    float
    """
    odds = log_odds(prior)
    for vote in votes:
        if uri in vote.presence:
            odds += log_odds(vote.presence[uri]) - log_odds(vote.prior)
    return float(1.0 / (1.0 + np.exp(-odds)))
