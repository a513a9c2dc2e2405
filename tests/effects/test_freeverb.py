"""The compiled reverb is Pedalboard's, to the bit, whole and in blocks."""

import numpy as np
import pedalboard
import pytest

from dialin.effects import freeverb
from dialin.effects.builtin import open_builtin

pytestmark = pytest.mark.skipif(freeverb.reverberate is None, reason="was not compiled")

NAMES = ("room_size", "damping", "wet_level", "dry_level", "width")


def sound(channels, samples, seed=0):
    audio = 0.1 * np.random.default_rng(seed).standard_normal((channels, samples))
    # A decay into silence, where rounding against denormal numbers is all there is.
    audio[:, samples // 3 :] = 0.0
    return audio.astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("levels", [(0.4, 0.5, 0.3, 0.5, 1.0), (1.0, 0.0, 1.0, 0.0, 0.2)])
def test_it_renders_what_pedalboard_does(channels, rate, levels):
    settings = dict(zip(NAMES, levels, strict=True))
    audio = sound(channels, rate)
    theirs = pedalboard.Reverb(**settings)(audio, rate, buffer_size=8192, reset=True)
    ours = freeverb.Reverb(**settings)(audio, rate, 8192, True)
    np.testing.assert_array_equal(ours, theirs)


def test_blocks_of_any_length_are_the_whole_and_the_input_stays_as_it_is():
    audio = sound(2, 20_000)
    kept = audio.copy()
    whole = freeverb.Reverb()(audio, 44_100, 8192, True)
    reverb, parts = freeverb.Reverb(), []
    for block in np.split(audio, [1, 100, 131, 6_000], axis=1):
        parts.append(reverb(block, 44_100, 8192, False))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    np.testing.assert_array_equal(audio, kept)
    np.testing.assert_array_equal(reverb(audio, 44_100, 8192, True), whole)


def test_a_rate_at_which_a_line_holds_nothing_is_rendered_too():
    assert np.isfinite(freeverb.Reverb()(sound(2, 500), 100, 8192, True)).all()


def test_the_built_in_uses_it(monkeypatch):
    effect = open_builtin("reverb")
    audio = sound(2, 4_000)
    expected = effect.process(audio, 44_100, effect.spec.default)
    monkeypatch.delattr(pedalboard, "Reverb")
    np.testing.assert_array_equal(effect.process(audio, 44_100, effect.spec.default), expected)
