"""Measures of impulse responses, on responses of which the truth is known."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from dialin.measures import rooms

RATE = 24_000


def tail(seconds, length=4.0, channels=1, seed=0):
    """Noise that falls by 60 dB in so many seconds."""
    time = np.arange(round(length * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal((channels, time.size))
    return (noise * 10 ** (-3 * time / seconds)).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.3, 0.8, 2.0])
def test_an_exponential_decay_has_its_time(seconds):
    room = rooms.measure_room(tail(seconds, length=3 * seconds), RATE)
    assert room.t30 == pytest.approx(seconds, rel=0.05)
    assert room.edt == pytest.approx(seconds, rel=0.1)
    assert room.has_tail


def test_clarity_of_a_decay_follows_the_formula():
    # Energy falls as exp(-13.8 t / T), ISO 3382-1's relation between T, C80 and D50.
    room = rooms.measure_room(tail(1.0), RATE)
    late = np.exp(-13.8 * 0.08)
    assert room.c80 == pytest.approx(10 * np.log10((1 - late) / late), abs=0.3)
    assert room.d50 == pytest.approx(1 - np.exp(-13.8 * 0.05), abs=0.02)
    assert room.c50 < room.c80


def test_dry_sound_hides_no_tail():
    wet = 0.02 * tail(1.2)
    wet[0, 0] = 1.0
    room = rooms.measure_room(wet, RATE)
    assert room.t30 == pytest.approx(1.2, rel=0.07)
    assert room.c80 > 5


def test_a_tail_that_is_cut_has_no_time():
    assert np.isnan(rooms.measure_room(tail(4.0, length=1.0), RATE).t30)


def echo(milliseconds, gain, feedback=0.0, seconds=2.0):
    response = np.zeros((1, round(seconds * RATE)), dtype=np.float32)
    response[0, 0] = 1.0
    place, level = round(milliseconds * RATE / 1000), gain
    while place < response.shape[1] and level > 1e-4:
        response[0, place] += level
        place, level = place + round(milliseconds * RATE / 1000), level * feedback
    return response


@pytest.mark.parametrize(("milliseconds", "gain"), [(3.0, 0.8), (42.0, 0.5), (1150.0, 0.1)])
def test_an_echo_has_its_time_and_level(milliseconds, gain):
    time, level = rooms.measure_room(echo(milliseconds, gain), RATE).echoes[0]
    assert time == pytest.approx(milliseconds, abs=0.1)
    assert level == pytest.approx(10 * np.log10(gain**2 / (1 + gain**2)), abs=0.1)


def test_one_echo_has_no_decay_and_many_have():
    assert np.isnan(rooms.measure_room(echo(300.0, 0.5), RATE).t30)
    # 6 dB every 100 ms.
    room = rooms.measure_room(echo(100.0, 0.7, feedback=0.5), RATE)
    assert room.t30 == pytest.approx(1.0, rel=0.15)


def test_reflections_of_a_dense_tail_are_no_echoes():
    assert rooms.measure_room(tail(1.0), RATE).echoes == ()


def test_short_ringing_is_no_tail():
    room = rooms.measure_room(tail(0.01), RATE)
    assert not room.has_tail


def test_width_of_the_tail():
    both = tail(1.0, channels=2)
    assert rooms.measure_room(both, RATE).width_late == pytest.approx(0.5, abs=0.05)
    same = np.tile(tail(1.0), (2, 1))
    assert rooms.measure_room(same, RATE).width_late == 0
    assert np.isnan(rooms.measure_room(tail(1.0), RATE).width_late)


def test_decay_curves_of_the_same_room_are_near_and_of_others_far():
    a, b, c = (
        rooms.band_decays(tail(t, seed=seed).astype(float), RATE)
        for t, seed in ((1.0, 0), (1.0, 1), (2.0, 2))
    )
    assert rooms.decay_distance(a, a) == 0
    assert rooms.decay_distance(b, a) < 1.5
    assert rooms.decay_distance(c, a) > 5
    # Curves of other lengths compare.
    assert rooms.decay_distance(a[:, :300], a) < 1.0


def test_the_octaves_end_where_the_rate_does():
    assert rooms.octaves(24_000)[-1] == 8000.0
    assert rooms.octaves(16_000)[-1] == 4000.0
    assert np.isnan(rooms.band_decays(tail(1.0).astype(float)[:, ::2], 12_000)[-1]).all()


def test_silence_has_no_measures():
    room = rooms.measure_room(np.zeros((2, 1000), np.float32), RATE)
    assert np.isnan(room.t30)
    assert not room.has_tail
    assert room.echoes == ()


@pytest.mark.parametrize("rate", [24_000, 44_100, 96_000])
def test_band_decays_are_those_behind_scipys_butterworth_band_passes(rate):
    rng = np.random.default_rng(4)
    samples = round(0.9 * rate)
    fading = np.exp(-np.arange(samples) / (0.15 * rate))
    response = rng.standard_normal((2, samples)) * fading
    found = rooms.band_decays(response, rate)
    block = round(0.005 * rate)
    for row, centre in zip(found, rooms.octaves(rate), strict=False):
        edges = [centre / np.sqrt(2.0), centre * np.sqrt(2.0)]
        sections = butter(3, edges, "bandpass", fs=rate, output="sos")
        energy = np.square(sosfilt(sections, response, axis=1)).sum(axis=0)
        true = np.maximum(rooms.energy_decay(energy)[::block][: row.size], -60.0)
        np.testing.assert_allclose(row, true, atol=1e-8)
