"""What lies around a match: likely ranges of knobs, and effects it could do without."""

from pathlib import Path

import numpy as np
import pytest

from dialin.audio import read_audio
from dialin.effects.chain import chain_uri
from dialin.effects.spec import EffectSpec
from dialin.matching.around import look_around
from dialin.matching.options import MatchOptions
from dialin.matching.recordings import hear
from dialin.rendering import Job, RenderPool

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "audio"


@pytest.fixture(scope="module")
def found():
    """Around the very settings that made the reference: a strong drive, a gain that is nothing."""
    audio, rate = read_audio(EXAMPLES / "guitar-clean.flac", frames=4 * 44_100)
    with RenderPool(2) as pool:
        uri = chain_uri(["builtin:distortion", "builtin:gain"])
        spec: EffectSpec = pool.describe(uri)
        settings = spec.vector(
            {"distortion.drive": 30.0, "distortion.mix": 100.0, "gain.gain": 0.0}
        )
        reference = pool.render([Job(uri, audio, settings, rate)])[0].get()
        heard = hear((audio, rate), (reference, rate), MatchOptions())
        told = []
        around = look_around(
            pool, heard, spec, settings, progress=lambda done, of: told.append((done, of))
        )
    return spec, settings, around, told


def test_a_range_holds_the_match_and_is_narrow_where_the_knob_is_heard(found):
    spec, settings, around, told = found
    assert around.distance < 0.05
    assert told[-1][0] == told[-1][1] == len(told)
    for here, (low, high) in zip(settings, around.likely, strict=True):
        assert 0 <= low <= here <= high <= 1
    low, high = around.likely[spec.index("distortion.drive")]
    assert high - low < 0.5


def test_an_effect_that_does_nothing_can_be_done_without_and_no_other(found):
    _, _, around, _ = found
    drive, gain = around.without
    assert (drive.slot, gain.slot) == (0, 1)
    assert gain.distance <= around.distance + around.margin
    assert drive.distance > around.distance + around.margin
    assert np.isfinite(gain.distance)


def test_a_locked_knob_is_not_turned():
    audio, rate = read_audio(EXAMPLES / "piano.flac", frames=2 * 44_100)
    with RenderPool(1) as pool:
        heard = hear((audio, rate), (audio, rate), MatchOptions())
        spec = pool.describe("builtin:gain")
        around = look_around(pool, heard, spec, spec.default, fixed=[0])
    assert around.likely == (None,)
    assert around.without == ()
