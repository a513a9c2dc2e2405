"""Distances in words: a percentage only where it tells of the match."""

import pytest

from dialin.reports import AspectReport
from dialin.reports.words import (
    SAME_RECORDING,
    change,
    closeness,
    direction,
    rounded,
    signed,
    still_off,
)


@pytest.mark.parametrize(
    ("before", "after", "said", "way"),
    [
        (1.6, 1.2, "−25 %", "better"),
        (1.2, 1.6, "+33 %", "worse"),
        (1.6, 0.0, "now alike", "better"),
        (0.0, 0.0, "alike as before", "same"),
        (0.0, 0.4, "alike as before", "same"),
        (1e-12, 0.7, "was alike, now a little off", "worse"),
        (0.3, 2.0, "was alike, now far off", "worse"),
        (1.2, 1.21, "unchanged", "same"),
    ],
)
def test_a_change_is_said_so_that_it_means_something(before, after, said, way):
    assert change(before, after) == said
    assert direction(before, after) == way


def test_closeness_has_the_same_recording_as_its_measure():
    assert closeness(SAME_RECORDING) == "alike"
    assert [closeness(d) for d in (0.7, 1.2, 3.0)] == ["a little off", "off", "far off"]


def test_what_is_still_off_is_named_the_furthest_first():
    aspects = [
        AspectReport(name, 1.0, 1.0, after)
        for name, after in (("tone", 0.7), ("level", 0.1), ("space", 2.0))
    ]
    assert still_off(aspects) == (
        "Still off: space (far off, 2.00), tone (a little off, 0.70). "
        "As near as two pieces of one recording: level."
    )
    assert still_off(aspects[1:2]) == "Everything is as near as two pieces of one recording."


def test_signs_are_typeset_and_zero_has_none():
    assert [signed(-3.14, 1), signed(-0.04, 1), signed(2.0, 0)] == ["−3.1", "0.0", "+2"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("41.6123 dB", "41.6 dB"),
        ("-41.27 dB", "−41.3 dB"),
        ("0.6951 ms", "0.695 ms"),
        ("0.01234", "0.0123"),
        ("0.00001 s", "0.00001 s"),
        ("123.456 %", "123 %"),
        ("12345 Hz", "12345 Hz"),
        ("2.000 :1", "2 :1"),
        ("1/8 dotted", "1/8 dotted"),
        ("1.2.3", "1.2.3"),
        ("Vintage", "Vintage"),
        ("", ""),
    ],
)
def test_values_are_rounded_for_the_eye(text, shown):
    assert rounded(text) == shown
