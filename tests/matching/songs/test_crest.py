"""Crest factors that follow from levels are those of renders."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.audio import Audio
from dialin.effects.builtin_table import builtin_spec
from dialin.matching.songs.crest import (
    envelope_levels,
    gain_levels,
    least_amount,
    sample_levels,
)
from dialin.matching.songs.mastering import (
    EXPANDER,
    PEAKS,
    QUICK,
    SATURATION,
    SLOW,
    render_slots,
)
from dialin.measures.level import crest_db

RATE = 44_100


def drums(seconds: float = 6.0) -> Audio:
    """Bursts that fall, over a quiet hum; silence at the beginning."""
    rng = np.random.default_rng(5)
    time = np.arange(round(seconds * RATE)) / RATE
    beat = np.exp(-12 * (time % 0.5)) * rng.normal(size=(2, time.size))
    level = 0.3 + 0.7 * (time > seconds / 2)
    audio = 0.2 * level * beat + 0.02 * np.sin(2 * np.pi * 110 * time)
    audio[:, : RATE // 2] = 0.0
    return audio.astype(np.float32)


def through(slot: int, audio: Audio, **knobs: float) -> Audio:
    name = {PEAKS: "compressor", EXPANDER: "gate", SATURATION: "distortion"}[slot]
    return render_slots({slot: builtin_spec(name).vector(knobs)}, audio, RATE)


@pytest.mark.parametrize("times", [QUICK, SLOW])
def test_one_render_tells_the_crest_factor_at_every_threshold(times: dict[str, float]) -> None:
    audio = drums()
    levels = envelope_levels(audio, RATE, **times)
    for threshold in (-3.0, -12.0, -24.0):
        wet = through(PEAKS, audio, threshold=threshold, ratio=3.0, **times)
        assert levels.compressed(threshold, 3.0) == pytest.approx(crest_db(wet), abs=0.15)


def test_sizes_of_samples_tell_the_crest_factor_behind_a_curve() -> None:
    audio = drums()
    levels = sample_levels(audio)
    for drive in (0.0, 6.0, 12.0):
        wet = through(SATURATION, audio, drive=drive, mix=100.0)
        assert levels.saturated(drive) == pytest.approx(crest_db(wet), abs=0.15)


def test_gains_tell_the_crest_factor_of_half_of_them() -> None:
    audio = drums()
    knobs = {"threshold": -20.0, "attack": 5.0, "release": 300.0}
    wet = through(EXPANDER, audio, ratio=1.5, **knobs)
    levels = gain_levels(audio, wet)
    half = through(EXPANDER, audio, ratio=1.25, **knobs)
    assert levels.crest(levels.decibels) == pytest.approx(crest_db(wet), abs=0.15)
    assert levels.crest(0.5 * levels.decibels) == pytest.approx(crest_db(half), abs=0.2)


def test_the_least_amount_is_taken() -> None:
    assert least_amount(lambda x: 10.0 - x, 7.0, 24.0, 0.1) == pytest.approx(3.0)
    # Where it never gets there, the amount of the least.
    assert least_amount(lambda x: abs(x - 5.0) + 6.0, 3.0, 24.0, 0.1) == pytest.approx(5.0)
