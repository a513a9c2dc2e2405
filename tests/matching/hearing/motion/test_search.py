"""From which evidence on a motion is heard."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dialin.matching.hearing.motion.search import MotionFit, MotionSearch
from dialin.matching.hearing.motion.turns import TriedMotion


def fit(score, half, phased, rounds=20.0):
    return MotionFit(np.zeros(2), 1.0, score, half, 2.0, 100, phased=phased, rounds=rounds)


@pytest.mark.parametrize(
    ("score", "half", "phased", "rounds", "verdict"),
    [
        # Phases tell it in both halves.
        (185, 26, 56, 12.0, "heard"),
        # A comb that sweeps by many of its teeth within a frame: energy alone tells it.
        (974, 269, 3, 35.0, "heard"),
        (244, 118, 9, 20.0, "heard"),
        (635, 93, 32, 5.0, "heard"),
        (480, 386, 12, 1.04, "doubt"),
        # Very clear in all, soft in one half.
        (400, 20, 90, 12.0, "heard"),
        # Energy in one half is a passage of the music.
        (208, 27, 8, 20.0, "doubt"),
        # What a dry piece of music that grows brighter was seen to have.
        (139, 71, 78, 0.76, "doubt"),
        (220, 71, 78, 0.76, "doubt"),
        (354, 132, 231, 1.01, "doubt"),
        (554, 348, 311, 0.76, "doubt"),
        # A comb that does go round so slowly.
        (1800, 400, 1200, 0.93, "heard"),
        (220, 71, 78, 12.0, "heard"),
        # The most that dry pieces had by chance at fast rates.
        (161, 39, 92, 54.0, "doubt"),
        (20, 10, 20, 20.0, "absent"),
    ],
)
def test_what_is_heard_is_more_than_music_does_by_itself(score, half, phased, rounds, verdict):
    assert fit(score, half, phased, rounds).verdict == verdict


def test_of_two_shapes_the_one_whose_phases_agree_is_the_right_one():
    right = TriedMotion(np.zeros(2), (), 0, 16.3, 4300.0, phased=2270.0)
    wrong = TriedMotion(np.ones(2), (), 0, 16.3, 4900.0, phased=1800.0)
    assert right.worth > wrong.worth
    # Where no phases agree, energy leads.
    louder, softer = (TriedMotion(np.ones(2), (), 0, 1.0, s, phased=5.0) for s in (900.0, 400.0))
    assert louder.worth > softer.worth


class OctaveListener:
    """What is told at a rate, and between the lines of its double."""

    def __init__(self, tried, between):
        self.tried, self._between = tried, between

    def try_at(self, near, settings):
        pass

    def nearest(self, rate, also=()):
        return None

    def again(self, tried):
        return tried

    def at_rate(self, rate, frame=None):
        return [t for t in self.tried if abs(np.log(t.rate / rate)) < 0.06]

    def phased(self, tried):
        return tried.phased

    def between(self, tried, turns):
        return self._between.get((tried.rate, turns), 0.0)


@pytest.mark.parametrize(("between", "chosen"), [(0.37, 6.9), (0.02, 13.8)])
@pytest.mark.parametrize("begun", [6.9, 13.8])
def test_a_rate_is_told_from_its_double_by_the_lines_between(between, chosen, begun):
    slow = TriedMotion(np.zeros(2), (), 0, 6.9, 850.0, phased=360.0)
    fast = TriedMotion(np.ones(2), (), 0, 13.8, 1170.0, phased=280.0)
    search = object.__new__(MotionSearch)
    search._listener = OctaveListener([slow, fast], {(6.9, 2): between})
    search._ears = SimpleNamespace(whole=[SimpleNamespace(rates=[0.2])])
    search._drawn = lambda count: []
    search._refine = lambda tried, rounds: tried
    search._settle = lambda tried: tried
    assert search._octave(slow if begun == 6.9 else fast).rate == chosen


class CombListener:
    """A knob that must be right to hundredths for anything to be told, and one with two tops."""

    def __init__(self, sharp):
        self.sharp = sharp

    def try_settings(self, settings, near):
        return [self._tried(vector) for vector in settings]

    def _tried(self, vector):
        lag, feedback = vector
        right = np.exp(-(((lag - 0.4) / (0.01 if self.sharp else 1.0)) ** 2))
        tops = [(0.2, 0.1, 0.5), (0.75, 0.1, 1.0)]
        told = sum(h * np.exp(-(((feedback - at) / wide) ** 2)) for at, wide, h in tops)
        score = 4000.0 * right * (0.05 + told)
        return TriedMotion(vector, (), 0, 1.0, score, phased=score)


@pytest.mark.parametrize("sharp", [True, False])
def test_a_comb_with_the_right_lags_and_the_wrong_feedback_is_drawn_anew(sharp):
    listener = CombListener(sharp)
    search = object.__new__(MotionSearch)
    search._listener, search._shape = listener, (0, 1)
    search._redraws = np.random.default_rng(1)
    knob = SimpleNamespace(is_stepped=False)
    search._spec = SimpleNamespace(parameters=(knob, knob), check=np.copy)
    search._descend = lambda tried, steps: tried
    best = listener._tried(np.array([0.4, 0.2]))
    again = search._redrawn(best)
    # Where nothing is known sharply, draws elsewhere have had their turn.
    assert (again is best) is not sharp
    if sharp:
        assert again.settings[0] == 0.4 and again.worth > 1.5 * best.worth
