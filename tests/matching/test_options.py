"""Groups of options are checked when they are made."""

import dataclasses

import numpy as np
import pytest

import dialin
from dialin.errors import UsageError
from dialin.matching.options import MatchOptions, RenderOptions, SearchOptions


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"min_gain": -0.1}, "min_gain is -0.1; use a number 0 or more"),
        ({"crowd": 0.0}, "crowd is 0.0; use a number above 0"),
        ({"first": 1.5}, "first is 1.5; use a number from 0 to 1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"candidates": 2.5}, "candidates is 2.5; use a whole number"),
        ({"least_renders": 0}, "least_renders is 0; use a number 1 or more"),
    ],
)
def test_a_search_option_out_of_range_is_refused_by_name(wrong, said):
    with pytest.raises(UsageError, match=said):
        SearchOptions(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"budget": 0}, "the budget is 0 renders"),
        ({"seconds": 0.0}, "the time limit is 0.0 s"),
        ({"seed": -1}, "the seed is -1"),
        ({"only": ["tones"]}, "there is no aspect 'tones'"),
    ],
)
def test_a_match_option_that_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        MatchOptions(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"amount": 101}, "the amount is 101"), ({"tail": -1}, "the tail is -1")]
)
def test_a_render_option_out_of_range_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        RenderOptions(**wrong)


def test_every_search_option_is_described_with_its_default():
    text = SearchOptions.__doc__ or ""
    for each in dataclasses.fields(SearchOptions):
        assert f"{each.name} :" in text or f"{each.name}," in text or f", {each.name}" in text
        assert f"{each.default:g}" in text


def test_options_stand_in_place_of_keywords_not_beside_them():
    sound = (np.zeros((1, 100), np.float32), 44_100)
    with pytest.raises(UsageError, match="one or the other"):
        dialin.match(sound, sound, ["fake:gain"], seed=2, options=MatchOptions(seed=1))
