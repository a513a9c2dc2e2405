"""Settings that explain a reference's echoes alike: which is tried where few can be."""

import numpy as np

from dialin.matching.hearing.alike import choices
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
