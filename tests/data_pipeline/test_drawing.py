import pickle

import numpy as np
import pytest

from dialin.data.checks import CAUSES, checked_render
from dialin.data.drawing import Drawn, Refused, draw_until
from dialin.data.recipe import CheckOptions
from dialin.effects.fake import open_fake
from dialin.measures.mfcc import mfcc

RATE = 24_000


def test_draws_go_on_until_one_is_accepted_and_no_further():
    rng = np.random.default_rng(1)
    values = np.random.default_rng(1).random(100)
    first = int(np.flatnonzero(values > 0.9)[0])

    def high(number: int) -> tuple[int, float]:
        value = rng.random()
        if value <= 0.9:
            raise Refused("low")
        return number, value

    drawn = draw_until(high, 100)
    assert drawn.value == (first, values[first])
    assert drawn.refused == ("low",) * first
    # What is drawn next is what comes next.
    assert rng.random() == values[first + 1]


def test_where_all_is_refused_every_cause_is_counted():
    def never(number: int) -> int:
        raise Refused("odd" if number % 2 else "even")

    drawn = draw_until(never, 3)
    assert drawn.value is None
    assert drawn.refused == ("even", "odd", "even")


def test_errors_are_no_refusals():
    with pytest.raises(ZeroDivisionError):
        draw_until(lambda number: 1 // number, 3)


def test_a_result_travels_between_processes():
    back = pickle.loads(pickle.dumps(Drawn((1, "a"), ("silent",))))
    assert (back.value, back.refused) == ((1, "a"), ("silent",))
    assert pickle.loads(pickle.dumps(Refused("silent"))).cause == "silent"


@pytest.mark.parametrize(
    ("name", "cause"),
    [("error", "failed"), ("nan", "non-finite"), ("silent", "silent"), ("loud", "clipping")],
)
def test_a_render_is_refused_for_its_cause(name, cause):
    assert cause in CAUSES
    audio = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    before = mfcc(audio, RATE)
    effect, options = open_fake(name), CheckOptions()
    with pytest.raises(Refused) as refusal:
        checked_render(effect, audio, RATE, np.array([0.5, 1.0]), before, options)
    assert refusal.value.cause == cause
    wet, similarity = checked_render(effect, audio, RATE, np.array([0.5, 0.0]), before, options)
    np.testing.assert_array_equal(wet, audio)
    assert similarity == pytest.approx(1.0)
