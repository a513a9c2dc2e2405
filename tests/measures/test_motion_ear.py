"""Motion that is known is found in music-like sound at its rate, and not where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dialin.measures.motion_ear import MotionEar
from dialin.measures.short_cepstra import LONG, SHORT, frame_cepstra
from tests.measures.test_cepstrum import music
from tests.measures.test_turning import RATE, flanged, shaken, turns


def test_energy_leads_to_a_comb_whose_lags_are_a_little_off():
    ear = MotionEar([frame_cepstra(flanged(music(RATE, 1), 0.7, start=0.2), RATE)])
    dry = MotionEar([frame_cepstra(music(RATE, 1), RATE)])
    right, near, far = (
        turns(lambda sound, rate, longer=longer: flanged(sound, rate, longer=longer), 1.0)
        for longer in (1.0, 1.12, 6.0)
    )
    assert right is not None and near is not None and far is not None
    rates = np.array([0.69, 0.7, 0.71])
    assert ear.drops(near, rates)[0].max() < 0.2 * ear.drops(right, rates)[0].max()
    told = ear.spreads(right, rates).max()
    assert told > 100
    assert ear.spreads(near, rates).max() > 0.5 * told
    assert ear.spreads(far, rates).max() < 0.5 * told
    assert dry.spreads(right, rates).max() < 0.2 * told


def test_few_rates_are_heard_as_all_are():
    shape = turns(flanged, 1.0)
    assert shape is not None
    ear = MotionEar([frame_cepstra(flanged(music(RATE, 1), 0.7), RATE)])
    drops, gains = ear.drops(shape)
    few, weaker = ear.drops(shape, ear.rates[20:24])
    np.testing.assert_allclose(few, drops[20:24], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(weaker, gains[20:24], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("frame", [SHORT, LONG])
@pytest.mark.parametrize("rate", [0.7, 2.3])
def test_a_sweep_is_heard_in_music_at_its_rate_whatever_its_phase(rate, frame):
    shape = turns(flanged, 1.0, frame)
    assert shape is not None
    dry = frame_cepstra(music(RATE, 2), RATE, frame)
    wet = frame_cepstra(flanged(music(RATE, 1), rate, start=0.37), RATE, frame)
    drops, gains = MotionEar([wet], frame, [dry]).drops(shape)
    ear = MotionEar([wet], frame)
    place = int(np.argmax(drops))
    assert ear.rates[place] == pytest.approx(rate, rel=0.03)
    assert drops[place] > 100
    assert 0.1 < gains[place] < 2.0
    clean = MotionEar([frame_cepstra(music(RATE, 1), RATE, frame)], frame, [dry])
    assert clean.drops(shape)[0].max() < 40


def test_beats_of_the_input_are_no_tremolo():
    shape = turns(shaken, 2.0)
    assert shape is not None
    beating = frame_cepstra(shaken(music(RATE, 1), 3.1), RATE)
    other = frame_cepstra(shaken(music(RATE, 2), 3.1), RATE)
    alone = MotionEar([beating]).drops(shape)[0].max()
    assert alone > 100
    assert MotionEar([beating], own=[other]).drops(shape)[0].max() < 0.3 * alone


def test_a_rate_between_the_points_of_a_spectrum_is_found_as_surely():
    """Lines beside their bins turn in phase; the overtones of a sweep must still agree."""
    found = turns(flanged, 3.0)
    scores = []
    for rate in (3.0, 3.05):
        ear = MotionEar([frame_cepstra(flanged(music(RATE, 1), rate), RATE)])
        scores.append(float(ear.drops(found, np.array([rate]))[0][0]))
    assert min(scores) > 0.5 * max(scores)


def test_a_line_stands_out_at_the_rate_of_a_motion():
    ear = MotionEar([frame_cepstra(flanged(music(RATE, 1), 3.0), RATE)])
    hertz, ratio = ear.excess()
    inside = (hertz > 0.5) & (hertz < 20.0)
    turns_of_it = hertz[inside][int(np.argmax(ratio[inside]))] / 3.0
    assert turns_of_it == pytest.approx(round(turns_of_it), abs=0.05)


def test_between_the_frequencies_of_a_transform_a_rate_is_told_more_finely():
    turn = turns(flanged, 4.0)
    assert turn is not None
    turn = replace(turn, lines=turn.lines[:, :1])
    times = np.arange(800) * SHORT / 4
    numbers = np.arange(1, turn.lines.shape[1] + 1)
    exact, nearest = [], []
    for rate in (4.03, 4.08, 4.11):
        moving = np.exp(2j * np.pi * rate * np.outer(numbers, times))
        rows = np.einsum("vhq,ht->vtq", turn.lines, moving).real
        rows += 3.0 * np.random.default_rng(1).standard_normal(rows.shape)
        ear = MotionEar([rows])
        rates = rate * np.exp(np.linspace(-0.01, 0.01, 201))
        for found, exactly in ((exact, True), (nearest, False)):
            drops, _ = ear.drops(turn, rates, exactly=exactly)
            found.append(abs(rates[np.argmax(drops)] / rate - 1))
    assert max(exact) < 2e-3
    assert max(nearest) > 3e-3


def test_steps_lead_to_what_explains_more():
    turn = turns(flanged, 4.0)
    assert turn is not None
    rng = np.random.default_rng(2)
    change = turn.lines * rng.uniform(-1, 1, turn.lines.shape[2])
    times = np.arange(800) * SHORT / 4
    moving = np.exp(2j * np.pi * (4.0 * np.outer(np.arange(1, change.shape[1] + 1), times)))
    rows = np.einsum("vhq,ht->vtq", turn.lines + 0.5 * change, moving).real
    ear = MotionEar([rows + rng.standard_normal(rows.shape)])
    moved = replace(turn, lines=turn.lines + 0.1 * change.astype(np.complex64))
    near, far = ear.steps(turn, [moved], 4.0, (1e-3, 1e6))
    assert near[0] == pytest.approx(5.0, abs=0.5)
    assert abs(far[0]) < 1e-3


@pytest.mark.parametrize("rates", [None, 0.7 * np.exp(np.linspace(-0.06, 0.06, 13))])
def test_many_motions_are_heard_at_once_as_they_are_one_by_one(rates):
    shapes = [turns(flanged, 1.0), turns(shaken, 2.0), turns(flanged, 4.0)]
    ear = MotionEar([frame_cepstra(flanged(music(RATE, 1), 0.7), RATE)])
    for exactly in (False, True) if rates is not None else (False,):
        drops, gains = ear.drops_of(shapes, rates, exactly=exactly)
        for shape, drop, gain in zip(shapes, drops, gains, strict=True):
            alone = ear.drops(shape, rates, exactly=exactly)
            np.testing.assert_allclose(drop, alone[0], rtol=1e-3, atol=1e-2)
            np.testing.assert_allclose(gain, alone[1], rtol=1e-2, atol=1e-3)
    some = ear.rates if rates is None else rates
    spreads = ear.spreads_of(shapes, some)
    for shape, spread in zip(shapes, spreads, strict=True):
        np.testing.assert_allclose(spread, ear.spreads(shape, some), rtol=1e-3, atol=1e-2)
