"""Excerpts hold music and nothing but music; infrasound is no part of it."""

import time

import numpy as np
import pytest

from dialin.audio import (
    active_excerpts,
    cut_file,
    excerpts,
    infrasound_share,
    read_audio,
    without_infrasound,
    write_audio,
)
from dialin.audio.excerpts import block_levels, halves_audible, middle_of, music_blocks

RATE = 24_000


def tune(seconds, seed=0, level=0.3):
    """Notes that fade, four a second."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * RATE))
    clock = np.arange(RATE // 2) / RATE
    for start in np.arange(0, seconds - 0.01, 0.25):
        note = np.sin(2 * np.pi * 110 * 2 ** (rng.integers(24) / 12) * clock) * np.exp(-5 * clock)
        place = round(start * RATE)
        sound[place : place + note.size] += note[: sound.size - place]
    return (level * sound / np.abs(sound).max()).astype(np.float32)[np.newaxis]


def silence(seconds):
    return np.zeros((1, round(seconds * RATE)), np.float32)


def noise(seconds, dbfs):
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(1, round(seconds * RATE))) * 10 ** (dbfs / 20)
    return samples.astype(np.float32)


def hum(seconds):
    clock = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 50 * clock) + 0.5 * np.sin(2 * np.pi * 150 * clock)
    return (0.01 * wave).astype(np.float32)[np.newaxis]


def clicks(seconds):
    sound = silence(seconds)
    for start in range(0, sound.shape[1] - 600, RATE // 2):
        sound[0, start : start + 480] = 0.8 * np.hanning(480)
    return sound


def dull(seconds):
    """A fundamental far below what is heard."""
    clock = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * 5 * clock)).astype(np.float32)[np.newaxis]


BEFORE = {
    "silence": silence(12),
    "noise floor": noise(12, -55),
    "hum": hum(12),
    "count-in": clicks(4),
    "infrasound": dull(12),
}


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_is_no_music_is_no_excerpt(before, pieces):
    music = tune(7)
    padded = np.concatenate([before, music, before], axis=1)
    (place,) = active_excerpts(padded, RATE, pieces=pieces)
    first, last = before.shape[1] / RATE, (before.shape[1] + music.shape[1]) / RATE
    assert first - 0.6 <= place.start / RATE <= first + 0.1
    assert last - 0.5 <= place.stop / RATE <= last + 0.6


def test_music_throughout_is_cut_at_its_loudest():
    sound = np.concatenate([tune(10, 1, 0.05), tune(10, 2), tune(10, 3, 0.1)], axis=1)
    places = active_excerpts(sound, RATE)
    assert [p.stop - p.start for p in places] == [5 * RATE] * 2
    assert all(8 * RATE <= p.start and p.stop <= 22 * RATE for p in places)
    (whole,) = active_excerpts(sound[:, : 9 * RATE], RATE)
    assert whole == slice(0, 9 * RATE)


def test_phrases_with_silence_between_give_shorter_windows():
    sound = np.concatenate(
        [silence(5), tune(3, 1), silence(6), tune(4, 2), silence(5), tune(0.4, 3, 0.9), silence(9)],
        axis=1,
    )
    places = active_excerpts(sound, RATE)
    assert len(places) == 2
    for place, (first, last) in zip(places, [(5, 8), (14, 18)], strict=True):
        assert first - 0.1 <= place.start / RATE <= place.stop / RATE <= last + 0.6


def test_sparse_hits_are_music_where_there_is_nothing_else():
    (place,) = active_excerpts(clicks(6), RATE)
    assert (place.stop - place.start) / RATE > 5


def test_rests_belong_to_the_music():
    sound = np.concatenate([tune(2, 1), silence(1), tune(2, 2)], axis=1)
    (place,) = active_excerpts(sound, RATE)
    assert (place.stop - place.start) / RATE > 4.5


def test_of_silence_the_beginning_is_returned():
    assert active_excerpts(silence(30), RATE) == [slice(0, 10 * RATE)]
    assert active_excerpts(silence(0.01), RATE) == [slice(0, 240)]
    assert music_blocks(np.zeros(0)).size == 0


def test_a_file_is_looked_through_to_its_end(tmp_path):
    """Music after eleven minutes of noise floor, found without holding the file in memory."""
    sound = np.concatenate([noise(660, -60), tune(6)], axis=1)
    path = write_audio(tmp_path / "late.flac", sound, RATE)
    began = time.process_time()
    cut = cut_file(path)
    assert time.process_time() - began < 10
    assert cut.samples == sound.shape[1]
    assert cut.starts[0] / RATE == pytest.approx(660, abs=0.1)
    assert cut.pieces[0].shape[1] / RATE > 5.5
    np.testing.assert_array_equal(
        cut.pieces[0],
        read_audio(path, start=cut.starts[0], frames=cut.pieces[0].shape[1])[0],
    )


def test_levels_do_not_depend_on_how_a_recording_is_divided():
    sound = np.repeat(tune(5), 2, axis=0)
    whole = block_levels([sound], RATE)
    parts = block_levels(np.array_split(sound, 7, axis=1), RATE)
    np.testing.assert_allclose(parts, whole, atol=1e-3)
    assert block_levels([sound[:, :100]], RATE).size == 1


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_infrasound_is_taken_out_and_sound_is_not(rate):
    clock = np.arange(2 * rate) / rate
    sound = np.stack([np.sin(2 * np.pi * 40 * clock), np.sin(2 * np.pi * 997 * clock)])
    sound = (0.2 * sound).astype(np.float32)
    slow = np.stack([0.5 + 0 * clock, 0.3 * np.sin(2 * np.pi * 4 * clock) - 0.2])
    dirty = sound + slow.astype(np.float32)
    clean = without_infrasound(dirty, rate)
    inner = slice(rate // 5, -rate // 5)
    assert np.abs(clean - sound)[:, inner].max() < 0.01
    assert infrasound_share(dirty, rate) > 0.8
    assert infrasound_share(sound, rate) < 3e-3
    assert without_infrasound(sound, rate) is sound


def test_an_offset_of_a_few_samples_is_taken_out_too():
    few = np.full((1, 40), 0.25, np.float32)
    assert np.abs(without_infrasound(few, 8_000)).max() < 1e-6
    single = np.ones((1, 1), np.float32)
    assert without_infrasound(single, 48_000) is single


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_short_recordings_are_filtered_as_long_ones(rate, monkeypatch):
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal((2, 3 * rate)) + 0.3).astype(np.float32)
    audio[:, rate : rate + rate // 2] = 0.3
    monkeypatch.setattr(excerpts, "COMPILED", False)
    at_once = block_levels([audio[:, :rate], audio[:, rate:]], rate)
    monkeypatch.setattr(excerpts, "SHORT_SECONDS", 0.0)
    assert np.abs(block_levels([audio], rate) - at_once).max() < 1e-5


def test_an_excerpt_is_audible_only_if_both_halves_are():
    rng = np.random.default_rng(0)
    audio = 0.1 * rng.standard_normal((1, 2 * RATE)).astype(np.float32)
    half = audio.copy()
    half[:, RATE:] = 0.0
    assert halves_audible(audio, RATE)
    assert not halves_audible(half, RATE)
    assert not halves_audible(half[:, ::-1], RATE)
    # Two halves of the part that is asked about.
    assert halves_audible(half, RATE, samples=RATE)
    # Infrasound and an offset are no sound.
    assert not halves_audible(np.full_like(audio, 0.5), RATE)
    quiet = audio * np.float32(1e-3)
    assert not halves_audible(quiet, RATE)
    assert halves_audible(quiet, RATE, full_scale=float(np.abs(quiet).max()))
    assert halves_audible(quiet, RATE, least=1e-9)


@pytest.mark.parametrize(
    ("samples", "most", "place"), [(9, 4, (2, 6)), (4, 9, (0, 4)), (0, 3, (0, 0))]
)
def test_the_middle_is_as_long_as_there_is_sound_for(samples, most, place):
    assert middle_of(samples, most) == slice(*place)
