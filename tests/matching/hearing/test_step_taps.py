"""Knobs in steps that make echoes together: their patterns are known, and laid upon a reference."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_search import EchoSearch
from dialin.matching.hearing.echo_trials import EchoTrials
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.step_taps import stretch_of
from dialin.matching.hearing.taps_search import ask_taps
from dialin.matching.hearing.time_probe import TimeProbe, probe_time
from tests.matching.hearing.test_echoes import Here
from tests.measures.test_cepstrum import music

RATE = 24_000


class Notes:
    """Two echoes, each a number of units late; a switch that does nothing to where they lie."""

    spec = EffectSpec(
        uri="fake:notes",
        name="Notes",
        format="fake",
        parameters=(
            Parameter("first", "First", "", 1.0, 9.0, 3.0, "stepped", steps=9),
            Parameter("second", "Second", "", 1.0, 9.0, 4.0, "stepped", steps=9),
            Parameter("unit", "Unit", "ms", 5.0, 150.0, 40.0),
            Parameter("mix", "Mix", "", 0.0, 1.0, 0.3),
        ),
    )

    def process(self, audio, sample_rate, settings):
        first, second, unit, mix = self.spec.native(np.asarray(settings)).values()
        wet = audio.copy()
        for notes in (first, first + second):
            lag = round(notes * unit / 1000 * sample_rate)
            if lag < audio.shape[1]:
                wet[:, lag:] += 0.8 * mix * audio[:, : audio.shape[1] - lag]
        return wet


@pytest.fixture(scope="module")
def probe():
    return probe_time(Notes(), use_cache=False)


def test_patterns_of_two_knobs_in_steps_are_taken_down_once(probe):
    assert probe.taps is not None
    assert probe.taps.knobs == ("first", "second")
    assert probe.taps.stretcher == "unit"
    assert len(probe.taps.positions) == 81
    for (first, second), pattern in zip(probe.taps.positions, probe.taps.patterns, strict=True):
        early, late = 1 + 8 * first, 2 + 8 * (first + second)
        lags = [lag for lag, _ in pattern]
        assert any(abs(lag / min(lags) - late / early) < 0.02 * late / early for lag in lags)
    assert TimeProbe.from_dict(json.loads(json.dumps(asdict(probe)))) == probe


def test_times_that_are_products_are_both_found(probe):
    effect = Notes()
    true = np.array([0.5, 0.875, 0.37, 0.6])
    reference = effect.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(effect), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.9)
    kinds = {"first": "lag", "second": "lag", "unit": "lag", "mix": "smooth"}

    def lags(settings: np.ndarray) -> np.ndarray:
        first, second, unit, _ = effect.spec.native(settings).values()
        return np.array([first * unit, (first + second) * unit])

    def asked(start: np.ndarray, free: tuple[int, ...]) -> EchoTrials:
        return EchoTrials(lab, effect.spec, ear.whole, kinds, start, free, ear.pairs, 3)

    start = effect.spec.default
    fit = EchoSearch(asked(start, (0, 1, 2, 3)), taps=probe.taps).run()
    assert fit is not None
    assert lags(fit.settings) == pytest.approx(lags(true), abs=0.2)
    # A knob that is locked stays, and so does all where the one that stretches is.
    start[1] = true[1]
    tried = ask_taps(asked(start, (0, 2, 3)), probe.taps)
    assert lags(max(tried, key=lambda t: t.reach).settings) == pytest.approx(lags(true), abs=0.2)
    assert {t.settings[1] for t in tried} == {true[1]}
    assert ask_taps(asked(start, (0, 1, 3)), probe.taps) == []


def test_a_pattern_is_another_stretched_or_it_is_not():
    one = [(0.1, 0.5), (0.15, 0.4), (0.25, 0.1)]
    assert stretch_of(one, [(1.7 * lag, h) for lag, h in one]) == pytest.approx(1.7)
    assert stretch_of(one, [(0.1, 0.5), (0.17, 0.4)]) is None
