"""Size and pre-delay of a room are found together, as neither can be found without the other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.fft import next_fast_len

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_search import EchoSearch
from dialin.matching.hearing.echo_trials import EchoTrials
from dialin.matching.hearing.echo_verdicts import may_be_beat, verdict_of
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.lag_laws import LagPatterns
from dialin.matching.hearing.room_search import RoomSearch
from tests.matching.hearing.test_echoes import Here
from tests.measures.test_cepstrum import music

RATE = 24_000
KINDS = {"delay": "lag", "size": "lag", "decay": "smooth", "mix": "smooth"}


class Room:
    """Hundreds of reflections, stretched by a size, all of them late by a delay."""

    spec = EffectSpec(
        uri="fake:room",
        name="Room",
        format="fake",
        parameters=(
            Parameter("delay", "Delay", "ms", 0.0, 160.0, 0.0),
            Parameter("size", "Size", "", 0.1, 1.0, 0.5),
            Parameter("decay", "Decay", "s", 0.1, 1.0, 0.4),
            Parameter("mix", "Mix", "", 0.0, 1.0, 0.3),
        ),
    )
    rng = np.random.default_rng(4)
    times = np.sort(rng.uniform(0.01, 0.35, 250))
    signs = rng.choice([-1.0, 1.0], times.size)

    def process(self, audio, sample_rate, settings):
        delay, size, decay, mix = self.spec.native(np.asarray(settings)).values()
        lags = np.round((delay / 1000 + size * self.times) * sample_rate).astype(int)
        heights = 0.2 * mix * self.signs * 10 ** (-3 * size * self.times / decay)
        response = np.zeros(lags.max() + 1)
        response[0] = 1.0
        np.add.at(response, lags, heights)
        size = next_fast_len(audio.shape[1] + response.size, real=True)
        spectrum = np.fft.rfft(audio, size, axis=1) * np.fft.rfft(response, size)
        return np.fft.irfft(spectrum, size, axis=1)[:, : audio.shape[1]].astype(np.float32)


def trials_of(reference, room=None, free=(0, 1, 2, 3)):
    room = room or Room()
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(room), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.6)
    return ear, EchoTrials(lab, room.spec, ear.whole, KINDS, room.spec.default, free, ear.pairs)


@pytest.fixture(scope="module")
def true():
    return Room.spec.vector({"delay": 113.7, "size": 0.733, "decay": 0.8, "mix": 0.5})


@pytest.fixture(scope="module")
def wet(true):
    return Room().process(music(RATE, 1), RATE, true)


def test_a_room_is_found_whose_size_and_delay_mean_nothing_one_by_one(wet, true):
    ear, trials = trials_of(wet)
    fit = EchoSearch(trials).run()
    (answer,) = trials.answered([true])
    assert fit.drop > 0.6 * answer.drop > 500
    assert fit.settings[:2] == pytest.approx(true[:2], abs=1e-3)
    # Its highest peak may be late: a pattern of hundreds is no beat.
    assert verdict_of(fit, trials.lab, ear)[0] == "heard"
    assert not may_be_beat(fit, ear)


@pytest.mark.parametrize(("echoes", "beat"), [(1, True), (60, False)])
def test_dull_echoes_at_beats_may_be_one_and_a_dense_room_may_not(echoes, beat):
    """A delay's filter spreads each of its echoes over many lags, none of them high."""
    rng = np.random.default_rng(5)
    ear, _ = trials_of(music(RATE, 1))
    answer = np.zeros((1, ear.whole.values.shape[1]))
    dull = np.hanning(41) / 41
    for turn in range(1, 9):
        for beside in rng.integers(0, 4_000, echoes) if echoes > 1 else (0,):
            start = 3_000 * turn + int(beside)
            answer[0, start : start + 41] += 0.7**turn * dull
    fit = SimpleNamespace(answer=answer)
    assert may_be_beat(fit, ear) is beat


def shifts(trials, fixed=0.0):
    """How the delay shifts answers, where a tall echo of its own may stay in one place."""
    settings = [np.array([u, 0.7, 0.7, 0.4]) for u in np.linspace(0, 1, 9)]
    pairs = [(t.settings, t.answer.copy()) for t in trials.answered(settings)]
    for _, answer in pairs:
        answer[:, 2136] += fixed
    return LagPatterns(0, pairs, 24, shifts=True), LagPatterns(0, pairs, 24)


@pytest.mark.parametrize("fixed", [0.0, 1.0])
def test_an_echo_that_stays_in_place_does_not_hide_how_a_knob_shifts_the_others(wet, fixed):
    _, trials = trials_of(wet)
    shifted, stretched = shifts(trials, fixed)
    assert shifted.alike == 1.0
    assert stretched.alike < 0.5
    positions, seconds = shifted.law
    assert np.interp(1.0, positions, seconds) == pytest.approx(0.160, abs=0.001)


def test_only_a_room_that_was_missed_is_swept_for(wet):
    ear, trials = trials_of(wet)
    search = RoomSearch(trials, {0: shifts(trials)[0]})
    energy = float((ear.whole.weight * ear.whole.values**2).sum())
    assert search.missed(0.0)
    assert not search.missed(0.5 * energy)
    # With its size locked, or without a delay, nothing is to be set together.
    _, locked = trials_of(wet, free=(0, 2, 3))
    assert not RoomSearch(locked, {0: shifts(trials)[0]}).missed(0.0)
    assert not RoomSearch(trials, {}).missed(0.0)


def test_a_sweep_of_a_dry_reference_leads_nowhere_and_is_short(wet):
    _, trials = trials_of(wet)
    _, dry = trials_of(music(RATE, 1))
    dry.answered([dry.start])
    dry.drawn = 1
    assert RoomSearch(dry, {0: shifts(trials)[0]}).run() == []
    assert dry.lab.renders < 200


def test_a_size_that_no_answer_comes_back_from_is_passed_over(wet, true):
    class Holes(Room):
        def process(self, audio, sample_rate, settings):
            wet = super().process(audio, sample_rate, settings)
            return wet * np.nan if 0.2 < settings[1] < 0.6 else wet

    _, trials = trials_of(wet, Holes())
    trials.answered([trials.start, np.array([0.1, 0.7, 0.6, 0.5])])
    trials.drawn = 2
    found = RoomSearch(trials, {0: shifts(trials)[0]}).run()
    best = max(found, key=lambda t: t.reach)
    assert best.settings[:2] == pytest.approx(true[:2], abs=1e-3)
    assert trials.lab.renders < 400
