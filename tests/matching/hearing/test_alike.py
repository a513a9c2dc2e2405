"""Settings that explain a reference's echoes alike: which is tried where few can be."""

from dataclasses import replace

import numpy as np

from dialin.matching.hearing.alike import choices, choose
from dialin.matching.hearing.time_guesses import Echo


def echo(settings, drop, alike):
    return Echo(0, "heard", np.array(settings), alike, (0, 1), drop, 10.0, "an echo")


def test_the_one_that_is_tried_alone_is_the_likelier_of_two_that_explain_as_much():
    default = np.array([0.5, 0.3])
    loud, soft = [0.4, 1.0], np.array([0.4, 0.25])
    (only,) = choices(echo(loud, 120.0, [(soft, 119.0)]), 1, default)
    np.testing.assert_array_equal(only[0], soft)


def test_what_explains_much_more_comes_first_wherever_it_lies():
    default = np.array([0.5, 0.3])
    far, near = [0.4, 1.0], np.array([0.4, 0.25])
    first, second = choices(echo(far, 400.0, [(near, 380.0)]), 2, default)
    assert first[1] == 400.0
    assert second[1] == 380.0


class Nobody:
    """A renderer that must not be asked."""

    def render(self, jobs):
        raise AssertionError


def test_the_setting_that_leaves_the_more_concentrated_reference_is_chosen():
    default = np.array([0.5, 0.5])
    soft, loud = np.array([0.4, 0.25]), np.array([0.4, 0.75])
    heard = echo([0.4, 0.25], 120.0, [(loud, 120.0)])
    options = choices(heard, 2, default)
    chosen = {}
    for name, undone in {
        "loud": {0.25: 1.0, 0.75: 1.1},
        "soft": {0.25: 1.1, 0.75: 1.0},
        "failed": {0.25: float("nan"), 0.75: 1.0},
        "all failed": {0.25: float("nan"), 0.75: float("nan")},
    }.items():
        told = replace(heard, undo=lambda asked, undone=undone: [undone[s[1]] for s in asked])
        place = choose(Nobody(), "", None, told, options, [1.0, 1.0], default, 0.1)
        chosen[name] = options[place][0]
    np.testing.assert_array_equal(chosen["loud"], loud)
    np.testing.assert_array_equal(chosen["soft"], soft)
    # Where nothing came back nothing speaks against it.
    np.testing.assert_array_equal(chosen["failed"], options[0][0])
    np.testing.assert_array_equal(chosen["all failed"], options[0][0])


def test_how_concentrated_it_is_outweighs_no_sound_that_is_far_away():
    default = np.array([0.5, 0.5])
    soft, loud = np.array([0.4, 0.25]), np.array([0.4, 0.75])
    heard = echo(soft, 120.0, [(loud, 120.0)])
    told = replace(heard, undo=lambda asked: [float(s[1] > 0.5) for s in asked])
    options = choices(heard, 2, default)
    distances = [0.5 if settings[1] < 0.5 else 3.0 for settings, _ in options]
    place = choose(Nobody(), "", None, told, options, distances, default, 0.1)
    np.testing.assert_array_equal(options[place][0], soft)
