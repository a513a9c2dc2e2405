"""Knobs that only scale echoes are set in few impulses, switches among them as well."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_trials import EchoTrials
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.smooth_search import SmoothSearch
from tests.matching.hearing.test_echoes import Here
from tests.matching.hearing.test_room_search import KINDS, RATE, Room, trials_of
from tests.measures.test_cepstrum import music


class Switched:
    """A room with a switch that turns its reflections over."""

    room = Room()
    spec = EffectSpec(
        uri="fake:switched",
        name="Switched",
        format="fake",
        parameters=(*Room.spec.parameters, Parameter("over", "Over", "", 0.0, 1.0, 0.0, steps=2)),
    )

    def process(self, audio, sample_rate, settings):
        wet = self.room.process(audio, sample_rate, settings[:4])
        return wet if settings[4] < 0.5 else 2 * audio - wet


@pytest.mark.parametrize("start", [(0.9, 0.1), (0.05, 0.95), (0.5, 0.5)])
def test_slopes_lead_to_what_the_true_setting_explains_in_few_impulses(start):
    true = Room.spec.vector({"delay": 40.0, "size": 0.6, "decay": 0.5, "mix": 0.4})
    _, trials = trials_of(Room().process(music(RATE, 1), RATE, true))
    (answer,) = trials.answered([true])
    beginning = true.copy()
    beginning[2:] = start
    (beam,) = trials.answered([beginning])
    before = trials.lab.renders
    found = SmoothSearch(trials).refine(beam, 60)
    assert found.drop > 0.99 * answer.drop > 100
    # What is drawn to begin with, and a few slopes: not all that it might have asked for.
    assert trials.lab.renders - before <= 40
    assert np.array_equal(found.settings[:2], true[:2])


def test_a_switch_is_turned_as_well(monkeypatch):
    monkeypatch.setitem(KINDS, "over", "smooth")
    room = Switched()
    true = np.array(
        [*Room.spec.vector({"delay": 40.0, "size": 0.6, "decay": 0.5, "mix": 0.4}), 1.0]
    )
    _, trials = trials_of(room.process(music(RATE, 1), RATE, true), room, (0, 1, 2, 3, 4))
    (answer,) = trials.answered([true])
    (beam,) = trials.answered([np.array([*true[:2], 0.5, 0.5, 0.0])])
    found = SmoothSearch(trials).refine(beam, 120)
    assert found.settings[4] > 0.5
    assert found.drop > 0.9 * answer.drop > 100


@pytest.mark.parametrize("mix", [20.0, 35.0, 75.0])
def test_a_loud_echo_of_a_soft_sound_is_found_beside_a_soft_echo_of_a_loud_one(mix):
    delay = open_effect("builtin:delay")
    true, twin = (
        delay.spec.vector({"time": 140.0, "feedback": 0.0, "mix": m}) for m in (mix, 100.0 - mix)
    )
    ear = make_ear((music(RATE, 2), RATE), [(delay.process(music(RATE, 1), RATE, true), RATE, 1.0)])
    lab = ImpulseLab(Here(delay), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.6)
    kinds = {"time": "lag", "feedback": "smooth", "mix": "smooth"}
    trials = EchoTrials(lab, delay.spec, ear.whole, kinds, delay.spec.default, (0, 1, 2), ear.pairs)
    trials.answered([np.array([0.5, *place]) for place in np.random.default_rng(1).random((20, 2))])
    trials.drawn = len(trials.tried)
    (best,) = trials.answered([true])
    other = SmoothSearch(trials).mirror(best)
    assert other.drop > 0.95 * best.drop > 100
    assert other.settings[1:] == pytest.approx(twin[1:], abs=0.05)
