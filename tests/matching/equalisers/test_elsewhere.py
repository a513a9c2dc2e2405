"""What the built-in equaliser does, done by others: as near as is told."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects import open_effect
from dialin.effects.builtin_table import builtin_spec
from dialin.errors import PresetError
from dialin.matching.equalisers.bands import eq_response
from dialin.matching.equalisers.elsewhere import refit, refit_preset
from dialin.matching.equalisers.probe import RATE, Responder
from dialin.measures.song import band_centres
from dialin.presets import Preset
from dialin.rendering import RenderPool
from tests.plugins import needs_lv2

THREE_BANDS = "lv2:http://distrho.sf.net/plugins/3BandEQ"


def eq_preset(channels: float = 0.0, **knobs: float) -> Preset:
    spec = builtin_spec("eq")
    settings = spec.vector({"channels": channels, **knobs})
    return Preset.from_settings([spec], settings)


def test_one_band_is_done_exactly_by_another_equaliser() -> None:
    preset = eq_preset(gain_4=6.0, frequency_4=400.0, q_4=1.5)
    wanted = eq_response(np.asarray(preset.slots[0].normalised), band_centres(), RATE)
    solved = refit(open_effect("builtin:peak"), wanted)
    assert solved is not None
    assert np.abs(solved[1] - wanted)[12:-6].max() < 0.05


def test_what_is_no_equaliser_is_refused() -> None:
    with RenderPool(workers=1) as pool:
        with pytest.raises(PresetError, match=r"no builtin:eq .* it holds builtin:gain"):
            gain = builtin_spec("gain")
            refit_preset(Preset.from_settings([gain], gain.default), THREE_BANDS, pool)
        with pytest.raises(PresetError, match="no equaliser"):
            refit_preset(eq_preset(gain_4=6.0), "builtin:clipping", pool)


@needs_lv2("3BandEQ.lv2")
def test_a_plugin_comes_as_near_as_is_told() -> None:
    preset = eq_preset(1.0, gain_1=4.0, frequency_1=150.0, gain_10=-5.0, frequency_10=5_000.0)
    with RenderPool(workers=1) as pool:
        made, told = refit_preset(preset, THREE_BANDS, pool)
    assert [slot.uri for slot in made.slots] == [THREE_BANDS]
    assert told[0].channels == "middle" and "put it on the middle alone" in told[0].text
    hertz = band_centres()
    wanted = eq_response(np.asarray(preset.slots[0].normalised), hertz, RATE)
    response = Responder(open_effect(THREE_BANDS)).decibels(np.asarray(made.slots[0].normalised))
    gap = (response - wanted)[(hertz >= 40) & (hertz <= 16_000)]
    assert np.abs(gap - gap.mean()).max() == pytest.approx(told[0].largest_db, abs=0.02)
    assert told[0].largest_db < 2.5
