"""Late echoes that come again: how loud and how often, told by what is left of them undone."""

from dataclasses import replace

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_search import EchoFit
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.undone_search import UndoneSearch, tail_of
from tests.measures.test_cepstrum import music

RATE = 24_000
URI = "builtin:delay"
SPEC = open_effect(URI).spec
SMOOTH = (1, 2)


def heard(pool, true, found, *, begins=True):
    """A reference through the delay, and what a search by answers to impulses may have come to."""
    dry = music(RATE, 1)
    sound = dry if begins else np.concatenate([dry, dry], axis=1)
    reference = open_effect(URI).process(sound, RATE, SPEC.vector(true))[:, -dry.shape[1] :]
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(pool, URI, RATE, len(dry), ear.whole.highest, ear.whole.seen)
    settings = SPEC.vector(true | found)
    (answer,) = lab.answers([settings])
    fit = EchoFit(settings, 5_000.0, 0.0, answer, [])
    tail = tail_of(fit, ear)
    return fit, lab if tail is None else replace(lab, seconds=tail, _shared=None), ear


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize(
    ("true", "found"),
    [
        ({"time": 480, "feedback": 80, "mix": 30}, {"feedback": 55, "mix": 35}),
        # Mostly wet, and taken for mostly dry.
        ({"time": 350, "feedback": 60, "mix": 90}, {"feedback": 40, "mix": 40}),
    ],
)
def test_feedback_and_mix_of_late_echoes_are_set_exactly(pool, true, found, begins):
    fit, lab, ear = heard(pool, true, found, begins=begins)
    assert tail_of(fit, ear) == np.ceil(20 * true["time"] / 1000)
    closer = UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit)
    readings = [closer.settings, *(settings for settings, _ in closer.alike)]
    nearest = min(readings, key=lambda s: float(np.abs(s - SPEC.vector(true)).max()))
    np.testing.assert_allclose(nearest, SPEC.vector(true), atol=0.08)
    assert closer.drop == fit.drop and all(drop <= fit.drop for _, drop in closer.alike)
    again = UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit)
    np.testing.assert_array_equal(again.settings, closer.settings)


def test_what_is_right_already_stays_and_so_does_what_cannot_be_moved(pool):
    true = {"time": 400, "feedback": 50, "mix": 40}
    fit, lab, ear = heard(pool, true, {})
    asked = lab.renders
    assert UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit) is fit
    assert lab.renders == asked + 1
    wrong, lab, ear = heard(pool, true, {"feedback": 20})
    assert UndoneSearch(lab, ear, SPEC, ()).run(wrong) is wrong
    assert UndoneSearch(lab, ear, SPEC, SMOOTH).run(wrong) is not wrong


def test_short_echoes_are_left_as_they_were_heard(pool):
    fit, _, ear = heard(pool, {"time": 5, "feedback": 50, "mix": 40}, {"feedback": 30})
    assert tail_of(fit, ear) is None
