"""Metrics: equal to the field's own, defined at the edges, the same for a batch."""

import numpy as np
import pyloudnorm
import pytest

from dialin.effects.builtin_table import builtin_spec
from dialin.errors import AudioError, UsageError
from dialin.evaluation import metrics
from dialin.evaluation.metrics.parameters import live_knobs
from dialin.measures.level import crest_db, loudness, stereo_width
from dialin.measures.spectral import spectral_centroid

N = 131_072
RATE = 24_000


def pairs():
    rng = np.random.default_rng(0)
    noise = [0.1 * rng.standard_normal(N), 0.1 * rng.standard_normal(N)]
    phase = np.arange(N) * 0.05
    silence = [np.zeros(N), 0.01 * rng.standard_normal(N)]
    return {
        "noise": noise,
        "sine and tanh": [0.2 * np.sin(phase), np.tanh(3 * np.sin(phase)) * 0.2],
        "silence and noise": silence,
    }


# From auraloss 0.4.0 on torch 2.13: MultiResolutionSTFTLoss with the six sizes and weights 0, 1, 1;
# MelSTFTLoss(24000, 65536, 65536, 65536, n_mels=128); MultiResolutionSTFTLoss with L_d's sizes.
AURALOSS = {
    "noise": (2.683785, 0.178263, 1.350750),
    "sine and tanh": (0.816898, 1.329892, 1.205238),
    "silence and noise": (7.584507, 10.469840, 7.984700),
}


@pytest.mark.parametrize("name", AURALOSS)
def test_spectral_distances_equal_auraloss(name):
    a, b = (x.astype(np.float32) for x in pairs()[name])
    found = metrics.mrstft(a, b), metrics.mel_distance(a, b, RATE), metrics.ld(a, b)
    assert found == pytest.approx(AURALOSS[name], abs=1e-4)


def test_ld_takes_both_channels_as_one_vector():
    a, b = (x.astype(np.float32) for x in pairs()["noise"])
    quiet = np.stack([a, 0.001 * a]), np.stack([b, 0.001 * b])
    loud_alone = metrics.ld(a, b)
    # The quiet channel hardly counts in the convergence, but half in the logarithms.
    assert metrics.ld(np.stack([a, a]), np.stack([b, b])) == pytest.approx(loud_alone, rel=1e-5)
    assert 0 < metrics.ld(*quiet) < loud_alone


def test_loudness_equals_pyloudnorm():
    rng = np.random.default_rng(1)
    a = (0.1 * rng.standard_normal((2, 3 * 44_100))).astype(np.float32)
    meter = pyloudnorm.Meter(44_100)
    want = abs(meter.integrated_loudness(a.T) - meter.integrated_loudness(0.5 * a.T))
    assert metrics.loudness_error(a, 0.5 * a, 44_100) == pytest.approx(want, abs=1e-4)


def test_pesq_equals_pesq():
    pesq = pytest.importorskip("pesq", reason="pesq is not installed")
    rng = np.random.default_rng(2)
    phase = np.cumsum(200 + 50 * np.sin(np.arange(48_000) / 4000)) * 2 * np.pi / 16_000
    a = (0.2 * np.sign(np.sin(phase)) * (np.sin(np.arange(48_000) / 3000) > 0)).astype(np.float32)
    b = (a + 0.01 * rng.standard_normal(a.size)).astype(np.float32)
    assert metrics.pesq_score(b, a, 16_000) == pytest.approx(pesq.pesq(16_000, a, b, "wb"))


def test_pesq_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pesq", None)
    with pytest.raises(UsageError, match=r"dialin\[speech\]"):
        metrics.pesq_score(np.ones(9), np.ones(9), RATE)


@pytest.mark.parametrize("name", metrics.of_sounds(m for m in metrics.METRICS if m != "pesq"))
def test_edges(name):
    metric = metrics.METRICS[name]
    rng = np.random.default_rng(3)
    sound = (0.1 * rng.standard_normal((2, RATE))).astype(np.float32)
    silence = np.zeros_like(sound)
    assert metric.function(sound, sound, RATE) == pytest.approx(0, abs=1e-6)
    far = metric.function(silence, sound, RATE)
    assert far > 0 or np.isnan(far)
    same = metric.function(silence, silence, RATE)
    assert same == pytest.approx(0, abs=1e-6) or np.isnan(same) or name == "embedding"
    broken = sound.copy()
    broken[0, 5] = np.nan
    with pytest.raises(AudioError, match="not finite"):
        metric.function(broken, sound, RATE)
    shorter = sound[:, : RATE // 2]
    if metric.paired:
        with pytest.raises(AudioError, match="sample by sample"):
            metric.function(shorter, sound, RATE)
    else:
        assert np.isfinite(metric.function(shorter, sound, RATE))


def test_a_batch_is_its_items():
    rng = np.random.default_rng(4)
    a, b = (0.1 * rng.standard_normal((2, 3, 2, 8000))).astype(np.float32)
    for name in ("mrstft", "ld", "crest", "lufs", "centroid", "width"):
        function = metrics.METRICS[name].function
        one_by_one = [function(x, y, RATE) for x, y in zip(a, b, strict=True)]
        assert function(a, b, RATE) == pytest.approx(one_by_one)
    with pytest.raises(AudioError, match="as many items"):
        metrics.mrstft(a, b[:2])


def test_levels_of_known_signals():
    square = np.sign(np.sin(np.arange(RATE) * 0.1 + 0.01)).astype(np.float32)[None]
    assert crest_db(square) == pytest.approx(0, abs=1e-3)
    sine = np.sin(np.arange(RATE) * 2 * np.pi * 1000 / RATE).astype(np.float32)[None]
    assert crest_db(sine) == pytest.approx(3.01, abs=0.01)
    assert spectral_centroid(sine, RATE) == pytest.approx(1000, abs=20)
    assert loudness(np.zeros((1, RATE), np.float32), RATE) == -70
    assert stereo_width(np.concatenate([sine, -sine])) == pytest.approx(1)
    assert stereo_width(np.concatenate([sine, sine])) == pytest.approx(0)


def test_parameter_error_counts_live_audible_knobs():
    spec = builtin_spec("reverb")
    counted = live_knobs(spec, fixed=[4])
    assert counted.tolist() == [True] * 4 + [False]
    true, found = np.zeros(5), np.array([0.4, 0, 0, 0, 1])
    assert metrics.parameter_error(found, true, counted) == pytest.approx(0.1)
    heard = np.array([True, False, False, False, True])
    assert metrics.parameter_error(found, true, counted, heard) == pytest.approx(0.4)
    assert np.isnan(metrics.parameter_error(found, true, counted, np.zeros(5, bool)))


def test_effect_set_f1():
    assert metrics.effect_set_f1([], []) == 1
    assert metrics.effect_set_f1(["a"], []) == 0
    assert metrics.effect_set_f1(["a", "b"], ["b", "c"]) == pytest.approx(0.5)


def test_unknown_metric():
    with pytest.raises(UsageError, match="mrstft"):
        metrics.check_metrics(["mrsfft"])
