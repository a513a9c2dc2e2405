import numpy as np
import pytest

from dialin.errors import UsageError
from dialin.networks.frontend_numpy import FrontEndConfig, band_weights, features

torch = pytest.importorskip("torch", reason="torch is not installed")

from dialin.networks.frontend import FrontEnd, dft_matrices, factors  # noqa: E402

CONFIGS = (
    FrontEndConfig(bands=64),
    FrontEndConfig(kind="linear", bands=128),
    FrontEndConfig(fft=1200, hop=500, bands=40, sample_rate=16_000, level="none"),
)


def music(samples=20_000, rate=24_000):
    rng = np.random.default_rng(1)
    moment = np.arange(samples) / rate
    tones = [np.sin(2 * np.pi * f * moment) * np.exp(-moment * 3) for f in (110, 440, 3000)]
    noise = 0.01 * rng.standard_normal((2, samples))
    return (0.1 * np.sum(tones, axis=0) + noise).astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("exportable", [False, True])
def test_torch_and_numpy_agree(config, exportable):
    audio = music()
    front_end = FrontEnd(config)
    front_end.exportable = exportable
    found = front_end(torch.from_numpy(audio)).numpy()
    expected = features(audio, config)
    assert found.shape == (2, config.bands, config.frames(audio.shape[1]))
    assert np.abs(found - expected).max() < 2e-4


def test_level_changes_nothing_unless_it_should():
    audio = music()
    config = FrontEndConfig(bands=64)
    loud = features(audio * 8, config)
    assert np.abs(loud - features(audio, config)).max() < 2e-3
    plain = FrontEndConfig(bands=64, level="none", floor_db=-200)
    gained = features(audio * 10, plain) - features(audio, plain)
    assert np.allclose(gained, 20 / plain.scale_db, atol=1e-3)


def test_white_noise_measures_zero_decibels():
    noise = np.random.default_rng(0).standard_normal((1, 2**17)).astype(np.float32)
    for kind in ("mel", "linear"):
        config = FrontEndConfig(kind=kind, bands=64, mean_db=0, scale_db=1)
        power = 10 ** (features(noise, config)[0] / 10)
        assert power.mean() == pytest.approx(1.0, rel=0.02)


def test_silence_is_finite():
    found = features(np.zeros((1, 8192), np.float32), FrontEndConfig())
    assert np.isfinite(found).all()
    assert found.max() == pytest.approx(-2.5)  # the floor of -70 dB, in units of 20 dB from -20 dB


def test_bands_without_a_bin_are_refused():
    with pytest.raises(UsageError, match="without a bin"):
        band_weights(FrontEndConfig(fft=512, hop=128, bands=200))


@pytest.mark.parametrize(
    "change", [{"bands": 0}, {"hop": 0}, {"hop": 4096}, {"scale_db": 0.0}, {"fft": 2047}]
)
def test_nonsense_is_refused(change):
    with pytest.raises(UsageError):
        FrontEndConfig(**change)


def test_factored_transform_is_the_transform():
    for length in (64, 1200, 2048):
        rows, columns = factors(length)
        first, twist, second = (m[0].double() + 1j * m[1] for m in dft_matrices(rows, columns))
        signal = torch.randn(length, dtype=torch.float64)
        found = (first @ signal.reshape(rows, columns).to(first) * twist) @ second
        expected = torch.fft.rfft(signal)
        assert torch.allclose(found.T.flatten()[: length // 2 + 1], expected, atol=1e-4)


def test_gradients_reach_the_waveform():
    audio = torch.from_numpy(music()).requires_grad_()
    FrontEnd(FrontEndConfig(bands=64))(audio).square().mean().backward()
    assert bool(torch.isfinite(audio.grad).all()) and float(audio.grad.abs().sum()) > 0
