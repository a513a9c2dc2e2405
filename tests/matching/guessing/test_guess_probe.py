"""First guesses for effects that no network knows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.matching.features import style_features
from dialin.matching.guessing.guess_probe import (
    KnobMoves,
    guess_by_probe,
    knob_signal,
    nearest_level,
    probe_knobs,
    propose_settings,
)
from dialin.matching.style import make_target
from dialin.rendering import RenderPool

RATE = 44_100


def _music(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    gate = np.repeat(0.4 + 0.6 * rng.random(int(seconds * 8) + 1), RATE // 8 + 1)[:count]
    return np.asarray(0.2 * rng.standard_normal((2, count)) * gate, dtype=np.float32)


@pytest.fixture(scope="module")
def moves() -> KnobMoves:
    found = probe_knobs(open_effect("builtin:peak"), (0, 1), RATE, -18.0)
    assert found is not None
    return found


def test_what_knobs_do_is_kept_as_plain_data(moves: KnobMoves) -> None:
    again = KnobMoves.from_dict(moves.to_dict())
    np.testing.assert_allclose(again.settings, moves.settings)
    np.testing.assert_allclose(again.moves, moves.moves, atol=1e-3, equal_nan=True)
    assert np.isfinite(knob_signal(RATE, -18.0)).all()
    with pytest.raises(ValueError, match="version"):
        KnobMoves.from_dict({**moves.to_dict(), "version": 0})


def test_one_proposal_is_nearer_than_the_default_and_than_chance(moves: KnobMoves) -> None:
    effect = open_effect("builtin:peak")
    rng = np.random.default_rng(3)
    dry, other = _music(4.0, 0), _music(4.0, 1)
    gains = []
    for _ in range(4):
        true = effect.spec.default
        true[:2] = [rng.uniform(0.3, 0.8), rng.choice([0.1, 0.9])]
        target = make_target([style_features(effect.process(other, RATE, true), RATE)])
        input = style_features(dry, RATE)
        (first, *_) = propose_settings(moves, (0, 1), input, target, 3, 0)

        def distance(settings: np.ndarray, target=target) -> float:
            return float(target.distance(style_features(effect.process(dry, RATE, settings), RATE)))

        chance = np.mean([distance(effect.spec.random(rng)) for _ in range(4)])
        gains.append((distance(first), distance(effect.spec.default), chance))
    found, default, chance = np.mean(gains, axis=0)
    assert found < 0.9 * default and found < 0.85 * chance


def test_the_test_signal_is_about_as_loud_as_the_input() -> None:
    levels = []
    for gain in (1.0, 0.1):
        sound = gain * _music(3.0, 6)
        level = nearest_level(style_features(sound, RATE))
        levels.append(level)
        signal = knob_signal(RATE, level)
        assert 20 * np.log10(signal.std()) == pytest.approx(level, abs=0.1)
        assert abs(20 * np.log10(sound.std()) - level) < 6
    assert levels[0] - levels[1] == pytest.approx(20, abs=6)
    assert nearest_level(style_features(1e-6 * _music(3.0, 6), RATE)) == -42


def test_a_threshold_is_proposed_for_the_level_that_the_input_has() -> None:
    """What a loud signal passes, a soft one does not: a proposal for it has to lie lower."""
    effect = open_effect("builtin:compressor")
    thresholds = []
    for gain in (1.0, 0.03):
        dry, other = gain * _music(4.0, 0), gain * _music(4.0, 1)
        true = effect.spec.default
        true[:2] = effect.spec.parameters[0].to_normalised(-24 + 20 * np.log10(gain)), 0.8
        target = make_target([style_features(effect.process(other, RATE, true), RATE)])
        input = style_features(dry, RATE)
        moves = probe_knobs(effect, (0,), RATE, nearest_level(input))
        assert moves is not None
        (first, *_) = propose_settings(moves, (0,), input, target, 1, 0)
        thresholds.append(effect.spec.parameters[0].to_native(float(first[0])))
    assert thresholds[0] - thresholds[1] > 10


def test_proposals_are_by_turns_predicted_and_rendered_and_apart(moves: KnobMoves) -> None:
    target = make_target([style_features(_music(4.0, 1), RATE)])
    input = style_features(0.3 * _music(4.0, 0), RATE)
    made = propose_settings(moves, (0, 1), input, target, 6, 0)
    known = [any(np.array_equal(s, row) for row in moves.settings) for s in made]
    assert known == [False, True] * 3
    apart = [np.abs(a[:2] - b[:2]).mean() for n, a in enumerate(made) for b in made[:n]]
    assert min(apart) >= 0.12 - 1e-9
    few = propose_settings(moves, (0, 1), input, target, 500, 0)
    assert 6 < len(few) < 500


def test_features_that_compare_nowhere_are_passed_over_in_silence(moves: KnobMoves) -> None:
    blank = moves.moves.copy()
    blank[:, 5] = np.nan
    target = make_target([style_features(_music(4.0, 1), RATE)])
    input = style_features(_music(4.0, 0), RATE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = propose_settings(KnobMoves(moves.settings, blank), (0, 1), input, target, 2, 0)
    assert len(made) == 2 and all(np.isfinite(s).all() for s in made)


def test_a_worker_is_asked_and_an_effect_that_fails_gives_none() -> None:
    target = make_target([style_features(_music(2.0, 4), RATE)])
    input = style_features(_music(2.0, 5), RATE)
    with RenderPool(1) as pool:
        found = guess_by_probe(pool, "builtin:highpass", (0,), input, RATE, target, 2, 0)
        assert len(found) == 2 and all(s.shape == (1,) for s in found)
        assert guess_by_probe(pool, "builtin:highpass", (), input, RATE, target, 2, 0) == []
        assert guess_by_probe(pool, "builtin:nothing", (0,), input, RATE, target, 2, 0) == []
