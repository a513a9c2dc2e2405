"""Late echoes that come again: how loud and how often, told by what is left of them undone."""

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_search import EchoFit
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.undone_search import UndoneSearch, is_long
from dialin.measures.undoing import LONG_TAIL
from dialin.rendering import RenderPool
from tests.measures.test_cepstrum import music

RATE = 24_000
URI = "builtin:delay"
SPEC = open_effect(URI).spec
SMOOTH = (1, 2)


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2) as made:
        yield made


def heard(pool, true, found, *, begins=True):
    """A reference through the delay, and what a search by answers to impulses may have come to."""
    dry = music(RATE, 1)
    sound = dry if begins else np.concatenate([dry, dry], axis=1)
    reference = open_effect(URI).process(sound, RATE, SPEC.vector(true))[:, -dry.shape[1] :]
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(pool, URI, RATE, len(dry), ear.whole.highest, ear.seconds, LONG_TAIL)
    settings = SPEC.vector(true | found)
    (answer,) = lab.answers([settings])
    return EchoFit(settings, 5_000.0, 0.0, answer, []), lab, ear


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize(
    ("true", "found"),
    [
        ({"time": 480, "feedback": 0.8, "mix": 0.3}, {"feedback": 0.55, "mix": 0.35}),
        # Mostly wet, and taken for mostly dry.
        ({"time": 350, "feedback": 0.6, "mix": 0.9}, {"feedback": 0.4, "mix": 0.4}),
    ],
)
def test_feedback_and_mix_of_late_echoes_are_set_exactly(pool, true, found, begins):
    fit, lab, ear = heard(pool, true, found, begins=begins)
    assert is_long(fit, ear)
    closer = UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit)
    readings = [closer.settings, *(settings for settings, _ in closer.alike)]
    nearest = min(readings, key=lambda s: float(np.abs(s - SPEC.vector(true)).max()))
    np.testing.assert_allclose(nearest, SPEC.vector(true), atol=0.03)
    assert closer.drop == fit.drop and all(drop <= fit.drop for _, drop in closer.alike)
    again = UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit)
    np.testing.assert_array_equal(again.settings, closer.settings)


def test_what_is_right_already_stays_and_so_does_what_cannot_be_moved(pool):
    true = {"time": 400, "feedback": 0.5, "mix": 0.4}
    fit, lab, ear = heard(pool, true, {})
    np.testing.assert_allclose(
        UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit).settings, fit.settings, atol=0.03
    )
    assert UndoneSearch(lab, ear, SPEC, ()).run(fit) is fit
    assert lab.renders > 1


def test_short_echoes_are_left_as_they_were_heard(pool):
    fit, lab, ear = heard(pool, {"time": 5, "feedback": 0.5, "mix": 0.4}, {"feedback": 0.3})
    asked = lab.renders
    assert not is_long(fit, ear)
    assert UndoneSearch(lab, ear, SPEC, SMOOTH).run(fit) is fit
    assert lab.renders == asked
