import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from dialin.data.fields import build  # noqa: E402
from dialin.training.config import EncoderRecipe, VaeOptions, VaeRecipe  # noqa: E402
from dialin.training.encoder import EncoderTraining, supervised_contrast  # noqa: E402
from dialin.training.vae import VaeTraining, beta_at, reconstruction_error  # noqa: E402

DATA = {"effects": ["fake:drive"], "songs": [{"root": "x"}], "samples": 8192}


def vae(bands=32, samples=8192, **model):
    body = {
        "data": {**DATA, "samples": samples},
        "front_end": {"bands": bands, "fft": 1024, "hop": 256},
        "model": {"dimensions": 4, "channels": [4, 8, 8], **model},
    }
    return VaeTraining(build(VaeRecipe, body), 10)


def losses(module, features, beta):
    return module.losses(features, beta, torch.Generator().manual_seed(0))


def test_loss_is_the_evidence_bound_for_each_element():
    module, features = vae(), torch.randn(6, 32, 32)
    found = losses(module, features, 1.0)
    mean, log_variance = module.network.distribution(features)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    decoded = module.network.decode(mean + noise * (0.5 * log_variance).exp())
    likelihood = torch.distributions.Normal(decoded, 1.0).log_prob(features).sum(dim=(1, 2))
    prior = torch.distributions.Normal(0.0, 1.0)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    divergence = torch.distributions.kl_divergence(posterior, prior).sum(dim=1)
    bound = (likelihood - divergence).mean() / features[0].numel()
    constant = 0.5 * math.log(2 * math.pi)
    assert found["loss"].item() == pytest.approx(-bound.item() - constant, rel=1e-4)


def test_beta_weighs_alike_for_every_size():
    """Doubling elements at the same error halves what a nat costs, as the bound says."""
    small, large = vae(bands=32), vae(bands=64)
    for module in (small, large):
        for name, value in module.network.named_parameters():
            if "heads.bias" in name:
                torch.nn.init.constant_(value, 0.7)
            if "heads.weight" in name:
                torch.nn.init.zeros_(value)
    costs = []
    for module, bands in ((small, 32), (large, 64)):
        features = torch.randn(4, bands, 32)
        with_beta, without = losses(module, features, 5.0), losses(module, features, 0.0)
        costs.append((with_beta["loss"] - without["loss"]).item() * bands * 32)
        assert float(with_beta["divergence"]) > 0.1
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


def test_free_bits_cost_nothing():
    plain, free = vae(), vae(free_bits=3.0)
    free.load_state_dict(plain.state_dict())
    features = torch.randn(4, 32, 32)
    floor = losses(free, features, 10.0)
    expected = 0.5 * float(floor["error"]) + 10.0 * 4 * 3.0 * math.log(2.0) / features[0].numel()
    assert float(floor["loss"]) == pytest.approx(expected, rel=1e-5)
    gradient = torch.autograd.grad(floor["loss"], free.network.heads.bias)[0][4:]
    unweighted = torch.autograd.grad(losses(free, features, 0.0)["loss"], free.network.heads.bias)[
        0
    ][4:]
    assert torch.allclose(gradient, unweighted)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [2, 2, 2, 2, 2]),
        ("linear", [0, 0.5, 1, 2, 2]),
        ("cyclic", [0, 1, 2, 0, 1]),
    ],
)
def test_schedules(schedule, expected):
    options = VaeOptions(beta=2.0, schedule=schedule, period=4.0)
    assert [beta_at(options, e) for e in (0, 1, 2, 4, 5)] == pytest.approx(expected)


def test_multiresolution_error_forgives_small_shifts():
    wanted = torch.zeros(1, 32, 32)
    wanted[0, 10, 10] = 1.0
    near, far = torch.roll(wanted, 1, dims=1), torch.roll(wanted, 12, dims=1)
    plain = [float(reconstruction_error(wanted, x, "mse")) for x in (near, far)]
    several = [float(reconstruction_error(wanted, x, "multiresolution")) for x in (near, far)]
    assert plain[0] == plain[1] and several[0] < several[1]


def test_vae_learns_what_can_be_learned():
    torch.manual_seed(0)
    module = vae(beta=0.1)
    latent = torch.randn(64, 2)
    shape = torch.linspace(-1, 1, 32)
    features = latent[:, :1, None] * shape[None, :, None] + latent[:, 1:, None] * shape[None, None]
    solver = torch.optim.Adam(module.parameters(), 5e-3)
    for _ in range(60):
        found = losses(module, features, 0.1)
        solver.zero_grad()
        found["loss"].backward()
        solver.step()
    assert float(found["error"]) < 0.4 * float(features.var())


def test_contrast_is_the_equation():
    vectors = torch.randn(5, 3)
    kinds = torch.tensor([0, 0, 1, 1, 2])
    found = supervised_contrast(vectors, kinds[:, None] == kinds, 0.5)
    unit = (vectors / vectors.norm(dim=1, keepdim=True)).numpy().astype(float)
    scores = np.exp(unit @ unit.T / 0.5)
    each = []
    for i, j in ((0, 1), (1, 0), (2, 3), (3, 2)):
        each.append(-np.log(scores[i, j] / (scores[i].sum() - scores[i, i])))
    assert float(found) == pytest.approx(np.mean(each), rel=1e-4)


def style():
    body = {
        "data": DATA,
        "front_end": {"bands": 32, "fft": 1024, "hop": 256},
        "model": {"dimensions": 4, "channels": [4, 8, 8]},
    }
    return EncoderTraining(
        build(EncoderRecipe, body), 10, ("a", "b", "none"), (("x", "y"), ("z",), ())
    )


def test_settings_loss_counts_only_knobs_that_are_there():
    module = style()
    batch = {
        "features": torch.randn(4, 32, 32),
        "label": torch.tensor([0, 1, 2, 2]),
        "content": torch.tensor([0, 1, 2, 3]),
        "settings": torch.tensor([[0.5, 0.5], [0.5, float("nan")], *[[float("nan")] * 2] * 2]),
    }
    for p in module.knobs[-1].parameters():
        torch.nn.init.zeros_(p)
    found = module.losses(batch)
    assert float(found["settings"]) == 0.0
    found["loss"].backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)
    batch["settings"][1, 0] = 1.0
    assert float(module.losses(batch)["settings"]) == pytest.approx(12 * 0.25 / 3)


def test_untouched_clips_are_alike_and_pairs_are():
    batch = {
        "label": torch.tensor([0, 0, 1, 2, 2, 0]),
        "content": torch.tensor([7, 7, 7, 1, 2, 8]),
    }
    alike = style()._alike(batch)
    assert bool(alike[0, 1]) and bool(alike[3, 4])
    assert not bool(alike[0, 2]) and not bool(alike[0, 5])
