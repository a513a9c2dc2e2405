"""The compiled kernels and their pure twins give the same values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dialin.audio.mel import mel_filters
from dialin.timbre import COMPILED, fallback, kernels, loudness, timbre
from dialin.timbre.filters import (
    butterworth_band,
    butterworth_section,
    halving_section,
    k_weighting,
    mel_bands,
    third_octave_filters,
    window,
)

native = pytest.importorskip("dialin.timbre.native", reason="no compiled kernels were built")


@pytest.fixture
def noise() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(0, 0.1, 30_000) * np.linspace(0, 1, 30_000) ** 2


def test_weighted_energy(noise: np.ndarray) -> None:
    edges = np.array([0, 7, 4_410, 29_999])
    ours, theirs = (
        k.weighted_energy(noise, k_weighting(44_100), edges) for k in (native, fallback)
    )
    assert np.allclose(ours, theirs, rtol=1e-9)


def test_walk_back() -> None:
    rng = np.random.default_rng(14)
    for _ in range(20):
        envelope = np.abs(np.cumsum(rng.normal(size=20_000)) * np.linspace(1, 0, 20_000))
        envelope = fallback.hold_envelope(np.round(envelope, 1), 441, 0.02)
        starts = [0, 882, 883, 1_000, *rng.integers(1, 20_000, 9).tolist()]
        for margin in (0, 512):
            ours, theirs = (
                k.walk_back(envelope, starts, 0.1 * float(np.ptp(envelope)), margin, 882, 13_230)
                for k in (native, fallback)
            )
            assert ours == theirs


def test_filter_tree(noise: np.ndarray) -> None:
    trunk = butterworth_section(20.0, "high", 44_100)
    branches = [butterworth_section(f, "low", 44_100) for f in (100.0, 500.0, 2000.0, 8000.0)]
    ours, theirs = (k.filter_tree(noise, trunk, branches) for k in (native, fallback))
    assert np.allclose(ours[0], theirs[0], atol=1e-12)
    assert np.allclose(ours[1], theirs[1], atol=1e-7)


@pytest.mark.parametrize("count", [1, 8, 11])
def test_third_octave_levels(count: int) -> None:
    frames = np.random.default_rng(1).normal(0, 0.1, (count, 4096))
    frames[0, 2000:] = 0.0
    assert np.allclose(
        native.third_octave_levels(frames), fallback.third_octave_levels(frames), atol=1e-8
    )
    assert np.isneginf(native.third_octave_levels(np.zeros((count, 4096)))).all()


def test_loudness_slopes() -> None:
    levels = np.random.default_rng(2).uniform(-20, 110, (200, 28))
    levels[0], levels[1] = -np.inf, 100.0
    core = loudness.core_loudness(levels)
    for ours, theirs in zip(
        native.loudness_slopes(core), fallback.loudness_slopes(core), strict=True
    ):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_hold_envelope(noise: np.ndarray) -> None:
    ours, theirs = (k.hold_envelope(noise, 441, 1e-4) for k in (native, fallback))
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(1, 3), (2, 5), (7, 70), (40, 130), (100, 1)])
def test_running_median(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(4).integers(0, 9, shape).astype(np.float32)
    assert np.array_equal(native.running_median(x), fallback.running_median(x))


@pytest.mark.parametrize("contrast", [0.01, 0.2])
def test_contrast_peaks(contrast: float) -> None:
    rng = np.random.default_rng(5)
    for size in (1, 2, 3, 50, 400):
        for _ in range(30):
            x = np.round(rng.random(size), int(rng.integers(1, 6)))
            ours, theirs = (k.contrast_peaks(x, contrast) for k in (native, fallback))
            assert np.array_equal(ours, theirs)


def test_frame_roughness() -> None:
    spectra = np.random.default_rng(6).exponential(1.0, (5, 400)).astype(np.float32)
    top = float(spectra.max())
    ours, theirs = (k.frame_roughness(spectra, 0.0, top, 10.77) for k in (native, fallback))
    assert np.allclose(ours, theirs, rtol=1e-9)


def test_bandwidths() -> None:
    x = np.random.default_rng(7).normal(size=9_000).astype(np.float32)
    x[:3_000] = 0.0
    x[6_000:] *= np.float32(1e-9)
    ours, theirs = (k.bandwidths(x, 128, 1024, 20.0) for k in (native, fallback))
    assert ours[0].shape == theirs[0].shape
    assert np.allclose(ours[0], theirs[0], rtol=1e-5)
    assert np.array_equal(ours[1], theirs[1])
    assert ours[1].min() == 0 < ours[1].max()


@pytest.mark.parametrize(
    ("size", "length", "hop"),
    [(64, 64, 16), (2048, 2048, 512), (4096, 2205, 700), (4096, 4096, 128)],
)
@pytest.mark.parametrize("centre", [False, True])
def test_power_spectra(size: int, length: int, hop: int, centre: bool) -> None:
    x = np.random.default_rng(10).normal(0.2, 1.0, length + 20 * hop + 5).astype(np.float32)
    taper = np.hamming(length)
    ours, theirs = (k.power_spectra(x, hop, taper, size, centre) for k in (native, fallback))
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6 * float(theirs.max()))


@pytest.mark.parametrize(("size", "length", "hop"), [(64, 50, 7), (2048, 2048, 512)])
def test_spectral_moments(size: int, length: int, hop: int) -> None:
    x = np.random.default_rng(12).normal(0.2, 1.0, length + 20 * hop + 5).astype(np.float32)
    taper = np.hamming(length)
    for ours, theirs in zip(
        *(k.spectral_moments(x, hop, taper, size) for k in (native, fallback)), strict=True
    ):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-6 * float(theirs.max()))


def test_band_power() -> None:
    x = np.random.default_rng(13).normal(size=30_000).astype(np.float32)
    taper = np.hanning(2048)
    ours, theirs = (k.band_power(x, 512, taper, mel_bands()) for k in (native, fallback))
    assert ours.shape == theirs.shape == (55, 128)
    assert np.allclose(ours, theirs, rtol=1e-4)
    power = fallback.power_spectra(x, 512, taper, 2048, False)
    assert np.allclose(theirs, power @ mel_filters(44_100, 128, 2048).T, rtol=1e-4)


@pytest.mark.parametrize("count", [2, 3, 16, 17, 60])
def test_percussive_energies(count: int) -> None:
    rng = np.random.default_rng(11)
    n = np.arange((count + 3) * 512 + 9)
    x = np.sin(n * 0.1) + rng.normal(size=n.size) * (n % 4_000 < 300)
    x[:1024] = 0.0
    ours, theirs = (
        k.percussive_energies(x.astype(np.float32), window("hann", 2048))
        for k in (native, fallback)
    )
    assert ours.shape == theirs.shape == (2, count - 1)
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert np.allclose(native.percussive_energies(np.zeros(n.size), window("hann", 2048)), 0.0)


def test_tapered_frames_and_their_power(noise: np.ndarray) -> None:
    ours, theirs = (
        k.tapered_frames(noise + 1.0, 700, window("tukey", 803)) for k in (native, fallback)
    )
    assert np.allclose(ours, theirs, atol=1e-13)
    z = np.fft.rfft(theirs)
    assert np.allclose(native.summed_power(z), fallback.summed_power(z), rtol=1e-12)


@pytest.mark.parametrize("length", [2, 7, 8, 9, 802, 8192])
def test_tukey_window_is_scipys(length: int) -> None:
    signal = pytest.importorskip("scipy.signal")
    assert np.allclose(window("tukey", length), signal.get_window(("tukey", 0.25), length))


def test_frame_energies() -> None:
    x, taper = np.random.default_rng(11).normal(size=5_000).astype(np.float32), np.hanning(333)
    ours, theirs = (k.frame_energies(x, 100, taper) for k in (native, fallback))
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_decay_runs() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=9_000) * np.exp(-np.arange(9_000) / 800)
    edges = np.array([[k * 643, (k + 1) * 643 + (k > 0)] for k in range(6)])
    starts = np.arange(0, 5_000, 92)
    ours, theirs = (k.decay_runs(x, starts, edges) for k in (native, fallback))
    assert np.array_equal(ours, theirs)


def test_designs_are_scipys() -> None:
    signal = pytest.importorskip("scipy.signal")
    b, a = signal.butter(4, [0.2, 0.25], "bandpass")
    ours = butterworth_band(0.2, 0.25)
    assert np.allclose(ours[0], b, atol=1e-12)
    assert np.allclose(ours[1], a, atol=1e-12)
    b, a = signal.cheby1(2, 0.1, 0.4)
    assert np.allclose(halving_section(), [*b, *a[1:]], atol=1e-12)
    b, a = signal.butter(2, 20.0, "high", fs=44_100)
    assert np.allclose(butterworth_section(20.0, "high", 44_100), [*b, *a[1:]], atol=1e-12)
    assert third_octave_filters().shape == (4, 18)


@pytest.fixture
def pure(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have every attribute use the pure kernels."""
    for name in dir(native):
        if hasattr(fallback, name) and callable(getattr(native, name)) and name.islower():
            monkeypatch.setattr(kernels.kernels, name, getattr(fallback, name))
    yield


def test_all_attributes_are_the_same_without_compiled_kernels(
    pure: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    t = np.arange(44_100) / 44_100
    x = 0.3 * np.sin(2 * np.pi * 220 * t) * np.exp(-(t % 0.5) * 6) + rng.normal(0, 0.01, t.size)
    slow = timbre(x, 44_100)
    monkeypatch.undo()
    quick = timbre(x, 44_100)
    assert COMPILED
    for name, value in quick.items():
        assert value == pytest.approx(slow[name], abs=1e-4, nan_ok=True), name
