"""Ring modulators: their carriers are told from the lines of symmetry that a reference has."""

from __future__ import annotations

import numpy as np
import pytest

import dialin
from dialin.effects.open import open_effect
from dialin.matching.hearing.carrier_lines import carriers_of, reference_lines
from dialin.matching.hearing.carrier_search import CarrierSearch
from dialin.matching.hearing.time_probe import probe_time
from dialin.measures.carriers import lines_alike
from tests.matching.hearing.sounds import RATE, wet
from tests.measures.test_cepstrum import music
from tests.plugins import MDA, needs_lv2

pytestmark = pytest.mark.usefixtures("own_cache")


def run(reference, pool):
    return dialin.match(
        (music(RATE, 2), RATE), (reference, RATE), ["fake:ring"], pool=pool, budget=40, seed=2
    )


def modulated(sound, hertz, feedback):
    """A ring modulator whose output goes round again: ``y[n] = (x[n] + g y[n-1]) cos``."""
    carrier = np.cos(2 * np.pi * hertz * np.arange(sound.shape[1]) / RATE)
    result = np.zeros_like(sound)
    last = np.zeros(sound.shape[0])
    for n in range(sound.shape[1]):
        last = (sound[:, n] + feedback * last) * carrier[n]
        result[:, n] = last
    return result.astype(np.float32)


def test_a_ring_modulator_is_set_to_the_carrier(pool):
    assert probe_time(open_effect("fake:ring")).carriers == ("frequency",)
    assert probe_time(open_effect("builtin:chorus")).carriers == ()
    match = run(wet("fake:ring", frequency=777.7, mix=80), pool)
    assert match.preset.native["ring.frequency"] == pytest.approx(777.7, abs=0.3)
    assert "ring modulation about 777.7" in match.report.evidence[0]


def test_a_dry_reference_gets_no_carrier(pool):
    match = run(music(RATE, 1), pool)
    assert not any("ring modulation" in text for text in match.report.evidence)


def test_a_carrier_in_one_half_alone_is_none():
    dry = (music(RATE, 2), RATE)
    ring = wet("fake:ring", frequency=777.7, mix=80)
    assert reference_lines(dry, [(ring, RATE, 1.0)])[0][0] == pytest.approx(777.7, abs=0.3)
    middle = ring.shape[1] // 2
    half = np.concatenate([ring[:, :middle], music(RATE, 1)[:, middle:]], axis=1)
    assert reference_lines(dry, [(half, RATE, 1.0)]) == []


def test_lines_that_are_faint_one_by_one_are_heard_together():
    # The more of other music lies over it, the fainter are the lines of a modulator with feedback.
    dry = (music(RATE, 2), RATE)
    ring, other = modulated(music(RATE, 1)[:1], 1_176.0, 0.75), music(RATE, 3)[:1]
    told = []
    for share in (0.0, 0.4, 0.55, 0.7, 0.85, 1.0):
        lines = reference_lines(dry, [((1 - share) * ring + share * other, RATE, 1.0)])
        told.append(bool(lines))
        if lines:
            assert any(abs(f - 1_176.0) < 1.0 for f, _ in carriers_of(lines))
    assert told[0] and not told[-1]


def test_a_carrier_is_told_by_what_its_multiples_explain():
    half = 353.0
    teeth = [(half * n, 25.0 if n == 5 else 12.0) for n in (5, 1, 2, 3, 4, 6)]
    assert carriers_of(teeth)[0] == pytest.approx((2 * half, 1.0))
    # A single line is the carrier itself, or half of it.
    assert [hertz for hertz, _ in carriers_of([(400.0, 30.0)])[:2]] == [400.0, 800.0]


def test_lines_are_alike_however_strong_they_are():
    ring = wet("fake:ring", frequency=900.0, mix=100)
    assert lines_alike(ring, RATE, [(900.0, 20.0)], 9.0) > 0.95
    assert lines_alike(ring, RATE, [(900.0, 90.0)], 9.0) > 0.95
    assert lines_alike(ring, RATE, [(700.0, 20.0)], 9.0) < 0.1
    assert lines_alike(np.zeros_like(ring), RATE, [(700.0, 20.0)], 9.0) == 0.0


@needs_lv2("mda.lv2")
@pytest.mark.parametrize(
    ("freq", "feedback"),
    [
        # Multiples of half the carrier stand out more than it does.
        (0.0735, 0.75),
        # It lies beyond half of the rate, and what is heard is how far.
        (0.754, 0.0),
    ],
)
def test_positions_are_found_whatever_line_stands_out_most(pool, freq, feedback):
    effect = open_effect(f"lv2:{MDA}RingMod")
    settings = np.array([freq, 0.0, feedback])
    sound = music(RATE, 1)[:1]
    lines = reference_lines(
        (music(RATE, 2), RATE), [(effect.process(sound, RATE, settings), RATE, 1.0)]
    )
    search = CarrierSearch(
        *(pool, effect.spec, effect.spec.default, [0, 1], [2]), sample_rate=RATE, channels=1
    )
    options = search.run(lines)
    assert search.renders < 150
    assert any(
        abs(abs(12_000 - 16_000 * vector[0]) - abs(12_000 - 16_000 * freq)) < 0.5
        for vector, _ in options
    )
