"""Whoever can say which effects are there is heard, and no one alone decides."""

from dataclasses import dataclass

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.errors import AudioError, UsageError
from dialin.matching.guessing.auto_voters import ChainGuess, Recordings, Vote, ask_voters, pooled

DELAY, REVERB = "builtin:delay", "builtin:reverb"


@dataclass
class FakeVoter:
    """Says what it was told to, of the effects it is asked about."""

    presence: dict
    error: Exception | None = None

    def vote(self, heard, effects):
        if self.error is not None:
            raise self.error
        known = {e.uri: self.presence[e.uri] for e in effects if e.uri in self.presence}
        return Vote("a fake", known, prior=0.3) if known else None


def heard():
    audio = np.zeros((2, 100), dtype=np.float32)
    return Recordings((audio, 8_000), ((audio, 8_000, 1.0),))


def specs():
    return [open_effect(uri).spec for uri in (DELAY, REVERB)]


def test_voters_say_what_they_know_and_are_silent_on_the_rest():
    asked = ask_voters([FakeVoter({DELAY: 0.9}), FakeVoter({})], heard(), specs())
    assert [dict(v.presence) for v in asked.votes] == [{DELAY: 0.9}]
    assert pooled(DELAY, asked.votes, 0.3) == pytest.approx(0.9)
    assert pooled(REVERB, asked.votes, 0.3) == pytest.approx(0.3)


def test_a_voter_that_fails_costs_its_vote_alone():
    broken = FakeVoter({}, AudioError("the recording is too short for it"))
    asked = ask_voters([broken, FakeVoter({REVERB: 0.2})], heard(), specs())
    assert len(asked.votes) == 1
    assert "too short for it" in asked.notes[0]


def test_witnesses_that_agree_are_surer_than_one_and_none_is_certain():
    vote = Vote("one", {DELAY: 0.8}, prior=0.5)
    other = Vote("other", {DELAY: 0.2}, prior=0.5)
    assert pooled(DELAY, [vote, vote]) > 0.9
    assert pooled(DELAY, [vote, other]) == pytest.approx(0.5)
    assert pooled(DELAY, [Vote("sure", {DELAY: 1.0}), other, other, other, other]) < 0.9
    # Nothing is learnt from who says what all assumed.
    assert pooled(DELAY, [Vote("usual", {DELAY: 0.3}, prior=0.3)], 0.5) == pytest.approx(0.5)


def test_votes_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match=r"1\.2; it must be from 0 to 1"):
        Vote("a fake", {DELAY: 1.2})
    with pytest.raises(UsageError, match="1 effects and settings of 0"):
        ChainGuess((DELAY,), ())
