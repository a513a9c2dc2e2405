"""Losses in torch beside the referee's metrics, and the balancer."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dialin.errors import AudioError, UsageError  # noqa: E402
from dialin.measures import spectral  # noqa: E402
from dialin.training import losses  # noqa: E402
from dialin.training.balance import Balancer  # noqa: E402
from dialin.training.losses import (  # noqa: E402
    embedding,
    l1,
    magnitudes,
    make_losses,
    mel,
    mrstft,
    peak_normalised,
)

RATE = 24_000


def batch(seed=0, shape=(2, 1, 40_000)):
    rng = np.random.default_rng(seed)
    envelope = np.exp(-np.linspace(0, 6, shape[-1]))
    return (rng.normal(0, 0.2, shape) * envelope).astype(np.float32)


def test_mrstft_equals_the_metric():
    a, b = batch(0), 0.5 * batch(0) + 0.2 * batch(1)
    wanted = spectral.mrstft(a, b)
    found = mrstft(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    assert found == pytest.approx(wanted, abs=1e-4)
    flat = mrstft(torch.from_numpy(a[:, 0]), torch.from_numpy(b[:, 0])).numpy()
    assert flat == pytest.approx(wanted, abs=1e-4)


def test_mrstft_equals_auraloss():
    auraloss = pytest.importorskip("auraloss")
    a, b = (torch.from_numpy(batch(seed)) for seed in (0, 1))
    sizes = list(spectral.MRSTFT_SIZES)
    theirs = auraloss.freq.MultiResolutionSTFTLoss(
        sizes, [s // 2 for s in sizes], sizes, w_sc=0.0, w_log_mag=1.0, w_lin_mag=1.0
    )
    assert mrstft(a, b).mean().item() == pytest.approx(theirs(a, b).item(), abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 40_001), (2, 2, 33_000)])
def test_mrstft_has_the_gradient_of_automatic_differentiation(shape):
    a, b = (torch.from_numpy(batch(seed, shape)) for seed in (0, 1))
    a[..., 20_000:] *= 1e-7
    plain, ours = a.clone().requires_grad_(), a.clone().requires_grad_()
    wanted = torch.zeros(len(a))
    for size in spectral.MRSTFT_SIZES:
        m, t = (magnitudes(x, size, size // 2) for x in (plain, b))
        gap = (m.log() - t.log()).abs() + (m - t).abs()
        wanted = wanted + gap.reshape(len(a), -1).mean(dim=1) / len(spectral.MRSTFT_SIZES)
    weights = torch.arange(1.0, len(a) + 1)
    (wanted * weights).sum().backward()
    found = mrstft(ours, b)
    (found * weights).sum().backward()
    assert torch.allclose(found, wanted, rtol=1e-5)
    assert (ours.grad - plain.grad).abs().max() < 1e-5 * plain.grad.abs().max()
    with torch.no_grad():
        assert torch.equal(mrstft(a, b), found)


def test_the_compiled_loop_gives_what_torch_gives(monkeypatch):
    if losses.spectral_gaps is None:
        pytest.skip("no compiled loop was built")
    a, b = (torch.from_numpy(batch(seed)) for seed in (0, 1))
    a[..., 20_000:] = 0.0
    both = []
    for loop in (losses.spectral_gaps, None):
        monkeypatch.setattr(losses, "spectral_gaps", loop)
        here = a.clone().requires_grad_()
        value = mrstft(here, b)
        value.sum().backward()
        both.append((value.detach(), here.grad))
    (ours, slope), (wanted, truth) = both
    assert torch.allclose(ours, wanted, rtol=1e-6)
    assert (slope - truth).abs().max() < 1e-5 * truth.abs().max()


def test_odd_sizes_are_refused():
    a = torch.from_numpy(batch())
    with pytest.raises(AudioError, match="FFT of 9 samples"):
        mrstft(a, a, (8, 9))


def test_mel_equals_the_metric():
    a, b = batch(0), 0.5 * batch(0) + 0.2 * batch(1)
    wanted = spectral.mel_distance(a, b, RATE)
    found = mel(torch.from_numpy(a), torch.from_numpy(b), RATE).numpy()
    assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("name", ["mrstft", "mel", "l1"])
def test_gradients_are_finite_and_the_same_sound_is_at_no_distance(name):
    loss = make_losses([name], RATE)[name]
    sound = torch.from_numpy(batch())
    assert loss(sound, sound) == pytest.approx([0.0, 0.0], abs=1e-4)
    for other in (sound.clone(), torch.zeros_like(sound)):
        moved = other.requires_grad_()
        loss(moved, sound).sum().backward()
        assert torch.isfinite(moved.grad).all()


@pytest.mark.parametrize("name", ["mrstft", "mel", "l1"])
def test_gradients_are_slopes(name):
    loss = make_losses([name], RATE)[name]
    truth, here, way = (torch.from_numpy(batch(seed)).double() for seed in (0, 1, 2))
    here.requires_grad_()
    loss(here, truth).sum().backward()
    slope = (here.grad * way).sum().item()
    with torch.no_grad():
        ahead, behind = (loss(here + h * way, truth).sum().item() for h in (1e-6, -1e-6))
    assert (ahead - behind) / 2e-6 == pytest.approx(slope, rel=1e-2, abs=1e-4)


def test_embeddings_of_other_music_may_be_compared():
    def encoder(audio):
        return torch.stack([audio.mean(dim=1), audio.std(dim=1)], dim=1)

    a, b = torch.from_numpy(batch()), torch.from_numpy(batch(1, (2, 1, 30_000)))
    assert embedding(a, b, encoder).shape == (2,)
    assert embedding(a, a, encoder).sum() == 0


def test_peaks_are_brought_to_a_level():
    loud = peak_normalised(torch.from_numpy(batch()), -12.0)
    assert loud.abs().amax(dim=(1, 2)).numpy() == pytest.approx(10 ** (-12 / 20))
    assert peak_normalised(torch.zeros(1, 1, 8), -12.0).sum() == 0


def test_what_cannot_be_compared_is_refused():
    a = torch.from_numpy(batch())
    with pytest.raises(AudioError, match="shape"):
        l1(a, a[:, :, :-1])
    with pytest.raises(AudioError, match="too short"):
        mrstft(a[:, :, :9000], a[:, :, :9000])
    with pytest.raises(UsageError, match="needs an encoder"):
        make_losses(["embedding"], RATE)
    with pytest.raises(UsageError, match="mrstft"):
        make_losses(["mrsft"], RATE)


def test_shares_are_shares_of_the_gradient_whatever_the_scale():
    at = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    other = at * 1.0
    losses = {"small": 1e-3 * other[:2].square().sum(), "huge": 1e4 * other[2:].square().sum()}
    balancer = Balancer({"small": 3.0, "huge": 1.0})
    balancer(losses, other).backward()
    assert at.grad[:2].norm().item() == pytest.approx(0.75, rel=1e-5)
    assert at.grad[2:].norm().item() == pytest.approx(0.25, rel=1e-5)


def test_lengths_are_remembered_and_saved():
    balancer = Balancer({"a": 1.0}, memory=0.5)
    for scale in (1.0, 3.0):
        at = torch.ones(1, requires_grad=True)
        balancer({"a": scale * at.sum()}, at)
    assert (balancer.lengths / balancer.steps).item() == pytest.approx((0.5 * 1 + 3) / 1.5)
    assert set(balancer.state_dict()) == {"lengths", "steps"}


def test_gradients_that_are_no_numbers_are_skipped():
    balancer = Balancer({"a": 1.0, "b": 1.0})
    at = torch.ones(2, requires_grad=True)
    balancer({"a": at.sum(), "b": (at / 0.0).sum()}, at).backward()
    assert torch.isfinite(at.grad).all()
    assert balancer.skipped == 1


def test_shares_that_make_no_sense_are_refused():
    for shares in ({}, {"a": 0.0}, {"a": -1.0, "b": 2.0}):
        with pytest.raises(UsageError):
            Balancer(shares)
    at = torch.ones(1, requires_grad=True)
    with pytest.raises(UsageError, match="differ in b"):
        Balancer({"a": 1.0})({"a": at.sum(), "b": at.sum()}, at)
