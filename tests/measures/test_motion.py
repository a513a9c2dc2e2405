"""Motion that is known is found in music-like sound at its rate, and not where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dialin.measures.motion import (
    LONG,
    SHORT,
    MotionEar,
    frame_cepstra,
    impulse_cepstra,
    motion_depth,
    turning,
    window_smear,
)
from tests.measures.test_cepstrum import music

RATE = 24_000


def flanged(sound: np.ndarray, rate: float, start: float = 0.0, longer: float = 1.0) -> np.ndarray:
    """Sound plus 0.7 of itself, 1 to 5 ms late."""
    times = np.arange(sound.shape[1])
    lag = 0.003 + 0.002 * np.sin(2 * np.pi * (rate * times / RATE + start))
    lag = RATE * longer * lag
    late = [np.interp(times - lag, times, channel) for channel in sound]
    return (sound + 0.7 * np.array(late)).astype(np.float32)


def shaken(sound: np.ndarray, rate: float) -> np.ndarray:
    times = np.arange(sound.shape[1]) / RATE
    return (sound * (1 + 0.6 * np.sin(2 * np.pi * rate * times))).astype(np.float32)


def turns(effect, rate: float, frame: float = SHORT):
    train = np.zeros((1, 8 * RATE), np.float32)
    step = round(0.025 * RATE)
    train[:, ::step] = 0.5
    return turning(impulse_cepstra(effect(train, rate), RATE, step, frame), 0.025)


@pytest.mark.parametrize("rate", [0.6, 1.3, 4.0])
@pytest.mark.parametrize("effect", [flanged, shaken])
def test_turns_are_those_of_the_oscillator(effect, rate):
    found = turns(effect, rate)
    assert found is not None
    assert found.rate == pytest.approx(rate, rel=0.02)
    assert found.steady > 0.6
    assert found.depth > 1.0


@pytest.mark.parametrize("known", [1.3, 1.26])
def test_a_known_rate_is_taken_only_where_it_is_right(known):
    train = np.zeros((1, 3 * RATE), np.float32)
    train[:, :: round(0.025 * RATE)] = 0.5
    cepstra = impulse_cepstra(flanged(train, 1.3), RATE, round(0.025 * RATE), SHORT)
    found = turning(cepstra, 0.025, known)
    assert found is not None
    assert found.rate == pytest.approx(1.3, rel=1e-9 if known == 1.3 else 0.01)


def test_overtones_above_half_the_rate_of_impulses_are_told_where_the_rate_is_known():
    train = np.zeros((1, 2 * RATE), np.float32)
    train[:, :: round(0.025 * RATE)] = 0.5
    cepstra = impulse_cepstra(flanged(train, 6.95), RATE, round(0.025 * RATE), SHORT)
    found = turning(cepstra, 0.025, 6.95)
    assert found is not None
    # By 40 impulses a second only two of them seem to be there.
    assert found.lines.shape[1] > 6
    assert found.steady > 0.5
    # Where they fall on each other no more are believed.
    cepstra = impulse_cepstra(flanged(train, 10.0), RATE, round(0.025 * RATE), SHORT)
    aliased = turning(cepstra, 0.025, 10.0)
    assert aliased is None or aliased.lines.shape[1] == 1


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


def test_what_stands_still_has_no_turns():
    assert turns(lambda sound, _: sound, 1.0) is None
    train = np.zeros((1, RATE), np.float32)
    train[:, ::600] = 0.5
    assert motion_depth(impulse_cepstra(train, RATE, 600)) < 1e-3
    assert motion_depth(np.zeros((1, 0, 0))) == 0.0


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


def test_channels_are_heard_by_their_difference_too():
    both = np.concatenate([music(RATE, 1), music(RATE, 1)])
    assert frame_cepstra(both, RATE).shape[0] == 2
    assert np.abs(frame_cepstra(both, RATE)[1]).max() < 1e-3


def test_short_recordings_have_no_frames_and_windows_smear():
    assert frame_cepstra(np.zeros((1, 100), np.float32), RATE).shape[1] == 0
    assert window_smear(np.array([0.0, 4.0])) == pytest.approx([1.0, 0.0], abs=0.01)


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
