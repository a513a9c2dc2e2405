"""Compiled filters and compressor are Pedalboard's, whole and in blocks."""

import numpy as np
import pedalboard
import pytest

from dialin.effects import built_in_filters, chain_uri
from dialin.effects.built_in_filters import KINDS, Compressor, Filter, filter_in_series
from dialin.effects.builtin import open_builtin
from dialin.effects.chain import ChainEffect
from dialin.effects.open import open_effect

pytestmark = pytest.mark.skipif(built_in_filters.filter_channels is None, reason="not compiled")

BLOCK = 8192


def sound(channels, samples, seed=0):
    audio = 0.1 * np.random.default_rng(seed).standard_normal((channels, samples))
    audio[:, samples // 3 : samples // 2] = 0.0
    return audio.astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_filters_are_pedalboards_to_the_bit(kind, channels, rate):
    audio = sound(channels, rate)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        knobs = {"cutoff_frequency_hz": float(np.exp(rng.uniform(np.log(20), np.log(0.45 * rate))))}
        if kind not in KINDS[:2]:
            knobs["gain_db"] = float(rng.uniform(-24, 24))
            knobs["q"] = float(np.exp(rng.uniform(np.log(0.1), np.log(10))))
        theirs = getattr(pedalboard, kind)(**knobs)(audio, rate, buffer_size=BLOCK, reset=True)
        # Denormal numbers alone are zero here.
        np.testing.assert_allclose(
            Filter(kind, **knobs)(audio, rate, BLOCK, True), theirs, rtol=0, atol=1e-30
        )


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    "knobs", [(-60.0, 4.0, 0.1, 5.0), (-20.0, 20.0, 10.0, 100.0), (0, 1, 1, 9)]
)
def test_the_compressor_is_pedalboards_but_for_a_last_bit_now_and_then(channels, knobs):
    audio = sound(channels, 44_100)
    theirs = pedalboard.Compressor(*knobs)(audio, 44_100, buffer_size=BLOCK, reset=True)
    ours = Compressor(*knobs)(audio, 44_100, BLOCK, True)
    np.testing.assert_allclose(ours, theirs, rtol=3e-7, atol=0)
    assert np.mean(ours != theirs) < 0.01


@pytest.mark.parametrize(
    "make", [lambda: Filter("PeakFilter", 300.0, 9.0, 2.0), lambda: Compressor(-30.0, 4.0)]
)
def test_blocks_are_the_whole_and_the_input_stays_as_it_is(make):
    audio = sound(2, 4 * BLOCK)
    kept = audio.copy()
    whole = make()(audio, 44_100, BLOCK, True)
    effect = make()
    parts = [
        effect(block, 44_100, BLOCK, False) for block in np.split(audio, [BLOCK, 3 * BLOCK], axis=1)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    np.testing.assert_array_equal(effect(audio, 44_100, BLOCK, True), whole)
    np.testing.assert_array_equal(audio, kept)


def test_samples_that_are_no_numbers_stay_such():
    audio = sound(2, 1_000)
    audio[0, 500], audio[1, 600] = np.inf, np.nan
    wet = Compressor(-40.0, 8.0)(audio, 44_100, BLOCK, True)
    assert not np.isfinite(wet[0]).all()
    assert not np.isfinite(wet[1]).all()


@pytest.mark.parametrize("name", ["highpass", "lowshelf", "compressor"])
def test_the_built_ins_use_them(name, monkeypatch):
    effect = open_builtin(name)
    audio, settings = sound(2, 4_000), np.full(effect.spec.size, 0.3)
    expected = effect.process(audio, 44_100, settings)
    for kind in (*KINDS, "Compressor"):
        monkeypatch.delattr(pedalboard, kind)
    np.testing.assert_array_equal(effect.process(audio, 44_100, settings), expected)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_filters_in_series_are_those_one_by_one_to_the_bit(channels):
    audio = np.random.default_rng(4).normal(0, 0.1, (channels, 20_011)).astype(np.float32)
    filters = [
        Filter(kind, 100.0 * (n + 1) ** 2, gain_db=6.0 - n, q=0.5 + 0.1 * n)
        for n, kind in enumerate((*KINDS, *KINDS))
    ]
    for count in range(len(filters) + 1):
        wanted = audio
        for each in filters[:count]:
            wanted = each(wanted, 44_100, 8_192, True)
        made = filter_in_series(filters[:count], audio, 44_100)
        assert made is not audio and np.array_equal(made, wanted)


def test_a_chain_runs_its_filters_in_one_pass_and_gives_the_same(monkeypatch):
    uris = ["peak", "lowshelf", "gain", "highpass", "peak", "lowpass", "compressor", "highshelf"]
    effect = open_effect(chain_uri([f"builtin:{name}" for name in uris]))
    rng = np.random.default_rng(5)
    audio = rng.normal(0, 0.1, (2, 9_000)).astype(np.float32)
    audio.flags.writeable = False
    settings = effect.spec.vector({"peak.gain": 0.0, "highpass.frequency": 300.0})
    vectors = [settings, effect.spec.check(rng.random(effect.spec.size)), settings]
    late = vectors[1].copy()
    late[effect.spec.index("lowpass.frequency")] = 0.3
    vectors += [late, vectors[1]]
    together = [effect.process(audio, 44_100, vector) for vector in vectors]
    assert len(effect._filters(range(8), 44_100, vectors[1])) == 2
    monkeypatch.setattr(ChainEffect, "_filters", lambda *_: [])
    for vector, made in zip(vectors, together, strict=True):
        assert np.array_equal(made, effect.process(audio, 44_100, vector))
        made[:] = 0.0
