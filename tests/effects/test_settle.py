"""Plugins that glide to their settings are fed silence before the music."""

import numpy as np
import pytest

from dialin.effects.effect import BLOCK
from dialin.effects.fake import open_fake
from dialin.effects.faust import open_faust
from dialin.effects.settle import LONGEST, RATE, lead_samples, settling_blocks
from tests.effects.streams import assert_streams, noise

SPEC = open_fake("gain").spec


def glide(samples):
    """A gain that opens over so many samples."""

    def render(audio, settings):
        gain = np.minimum(1.0, np.arange(1, audio.shape[1] + 1) / max(1, samples))
        return (audio * gain * (0.5 + settings[0])).astype(np.float32)

    return render


@pytest.mark.parametrize("blocks", [0, 1, 7, 40])
def test_time_of_a_glide(blocks):
    found = settling_blocks(glide(blocks * BLOCK), SPEC, 2)
    assert blocks - 1 <= found <= blocks


def test_oscillators_never_settle():
    def tremolo(audio, settings):
        return (audio * np.sin(np.arange(audio.shape[1]) * 0.0007)).astype(np.float32)

    assert settling_blocks(tremolo, SPEC, 1) == 0


def test_not_finite_and_silent_plugins():
    assert settling_blocks(lambda audio, _: np.full_like(audio, np.nan), SPEC, 2) == 0
    assert settling_blocks(lambda audio, _: np.zeros_like(audio), SPEC, 2) == 0
    assert settling_blocks(glide(3 * LONGEST), SPEC, 2) == 0


def test_silence_lasts_as_long_at_every_rate():
    assert lead_samples(0, 48_000) == 0
    assert lead_samples(10, RATE) == 10 * BLOCK
    assert lead_samples(10, 96_000) == 22 * BLOCK
    assert lead_samples(10, 8_000) == 2 * BLOCK


def test_a_smoothed_knob_stands_where_it_was_set(tmp_path):
    file = tmp_path / "smooth.dsp"
    file.write_text(
        'import("stdfaust.lib");\n'
        'process = *(hslider("gain [unit:dB]", 0, -20, 20, 0.1) : ba.db2linear : si.smoo);'
    )
    effect = open_faust(str(file))
    audio = noise(2, 8_000)
    settings = effect.spec.vector({"gain": -12})
    wet = effect.process(audio, 48_000, settings)
    np.testing.assert_allclose(wet, audio * 10 ** (-12 / 20), atol=2e-3)
    assert_streams(effect, audio, 48_000, settings)
