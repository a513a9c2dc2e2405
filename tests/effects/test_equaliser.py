"""The equaliser's response is what is said of it, and only the channels asked for are turned."""

import numpy as np
import pytest

from dialin.effects import open_effect
from dialin.effects.builtin_table import EQ_BANDS
from dialin.effects.equaliser import band_sections, sections_db
from tests.effects.streams import noise

RATE = 44_100


def random_bands(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frequencies = np.geomspace(40, 14_000, EQ_BANDS) * 2 ** rng.uniform(-0.5, 0.5, EQ_BANDS)
    return frequencies, rng.uniform(-12, 12, EQ_BANDS), 2 ** rng.uniform(-1, 2, EQ_BANDS)


def settings(channels: int, bands: tuple[np.ndarray, ...]) -> np.ndarray:
    values = {"channels": float(channels)}
    for name, row in zip(("frequency", "gain", "q"), bands, strict=True):
        values |= {f"{name}_{n}": float(v) for n, v in enumerate(row, 1)}
    return open_effect("builtin:eq").spec.vector(values)


def test_response_is_what_an_impulse_shows() -> None:
    bands = random_bands(1)
    impulse = np.zeros((2, 1 << 16), dtype=np.float32)
    impulse[:, 0] = 0.25
    wet = open_effect("builtin:eq").process(impulse, RATE, settings(0, bands))
    heard = 20 * np.log10(np.abs(np.fft.rfft(wet[0].astype(np.float64))) / 0.25)
    hertz = np.fft.rfftfreq(wet.shape[1], 1 / RATE)
    places = np.searchsorted(hertz, np.geomspace(25, 20_000, 60))
    said = sections_db(band_sections(*bands, RATE), hertz[places], RATE)
    np.testing.assert_allclose(heard[places], said, atol=0.02)


def test_one_band_is_the_filter_of_the_same_knobs() -> None:
    audio = noise(2, 20_000)
    for band, other in ((1, "lowshelf"), (4, "peak"), (EQ_BANDS, "highshelf")):
        knobs = {"frequency": 900.0, "gain": -7.0, "q": 0.8}
        eq, single = open_effect("builtin:eq"), open_effect(f"builtin:{other}")
        one = eq.process(audio, RATE, eq.spec.vector({f"{k}_{band}": v for k, v in knobs.items()}))
        two = single.process(audio, RATE, single.spec.vector(knobs))
        np.testing.assert_allclose(one, two, atol=2e-5)


@pytest.mark.parametrize(("channels", "kept"), [(1, "side"), (2, "middle")])
def test_middle_and_side_are_turned_alone(channels: int, kept: str) -> None:
    audio = noise(2, 20_000)
    wet = open_effect("builtin:eq").process(audio, RATE, settings(channels, random_bands(2)))
    middle, side = (audio[0] + audio[1], wet[0] + wet[1]), (audio[0] - audio[1], wet[0] - wet[1])
    before, after = side if kept == "side" else middle
    np.testing.assert_allclose(after, before, atol=1e-5)
    before, after = middle if kept == "side" else side
    assert np.abs(after - before).max() > 0.05


def test_width_scales_the_side() -> None:
    effect, audio = open_effect("builtin:width"), noise(2, 1_000)
    wet = effect.process(audio, RATE, effect.spec.vector({"width": 150.0}))
    np.testing.assert_allclose(wet[0] - wet[1], 1.5 * (audio[0] - audio[1]), atol=1e-6)
    np.testing.assert_allclose(wet[0] + wet[1], audio[0] + audio[1], atol=1e-6)
    mono = effect.process(audio, RATE, effect.spec.vector({"width": 0.0}))
    np.testing.assert_allclose(mono[0], mono[1], atol=1e-7)
