"""The controller's network: where it starts, what it learns, what it refuses."""

import pytest

torch = pytest.importorskip("torch")

from dialin.errors import UsageError  # noqa: E402
from dialin.networks.controller import (  # noqa: E402
    Controller,
    join,
    saturation,
    split_mixture,
)
from dialin.networks.controller_options import ControllerConfig  # noqa: E402
from dialin.networks.latent import kl_divergence  # noqa: E402

HEADS = ("bottleneck", "direct", "linear")
OUTPUTS = ("point", "bins", "mixture")


def made(**options):
    torch.manual_seed(0)
    config = {"knobs": 3, "embedding": 6, "hidden": (32, 16), "dropout": 0.0} | options
    return Controller(ControllerConfig(**config))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_head_starts_in_the_middle(head, output):
    network = made(head=head, output=output).eval()
    found = network(torch.randn(64, 12)).settings
    assert found.shape == (64, 3)
    assert (found - 0.5).abs().max() < 0.2
    assert (found - 0.5).abs().mean() < 0.05
    assert saturation(found).sum() == 0


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_head_learns_what_can_be_learned(head, output):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(512, 12, generator=generator)
    truth = torch.sigmoid(inputs[:, 6:9] - inputs[:, :3])
    network = made(head=head, output=output)
    network.standardise(inputs)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    network.train()
    for _ in range(150):
        prediction = network(inputs)
        loss = network.loss(prediction, truth, torch.ones(3)).mean()
        loss = loss + 1e-4 * kl_divergence(prediction.mean, prediction.log_variance).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    error = (network(inputs).settings - truth).abs().mean()
    assert error < 0.5 * (truth - 0.5).abs().mean()


def test_knobs_that_do_not_count_have_no_influence():
    network = made(output="bins")
    inputs, truth = torch.randn(8, 12), torch.rand(8, 3)
    counted = torch.tensor([1.0, 0.0, 1.0])
    other = truth.clone()
    other[:, 1] = torch.rand(8)
    network.eval()
    prediction = network(inputs)
    first, second = (network.loss(prediction, t, counted) for t in (truth, other))
    assert torch.equal(first, second)


def test_the_likelihood_of_a_mixture_is_a_density_on_the_unit_interval():
    network = made(knobs=1, output="mixture", candidates=3).eval()
    raw = torch.randn(1, 9)
    grid = torch.linspace(0, 1, 4001)[:, None]
    prediction = network(torch.randn(1, 12))._replace(raw=raw.expand(4001, -1))
    density = (-network.loss(prediction, grid, torch.ones(1))).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1.0, abs=2e-3)
    weights, means, spreads = split_mixture(raw, 1, 3)
    assert weights.shape == (1, 3) and means.shape == spreads.shape == (1, 3, 1)


def test_the_latent_decodes_to_what_is_predicted():
    network = made(latent=2).eval()
    prediction = network(torch.randn(5, 12))
    assert prediction.mean.shape == (5, 2)
    assert torch.allclose(network.decode(prediction.mean), prediction.settings)
    with pytest.raises(UsageError, match="latent"):
        made(head="direct").decode(torch.zeros(1, 2))


def test_points_can_be_kept_off_the_ends():
    network = made(head="linear", clamp=(0.05, 0.95)).eval()
    with torch.no_grad():
        network.decoder.bias.fill_(20.0)
    assert network(torch.randn(2, 12)).settings.max().item() == pytest.approx(0.95)


def test_inputs_are_standardised_and_timbre_may_be_unknown():
    config = ControllerConfig(knobs=2, embedding=3, timbre=8)
    timbre = [torch.randn(4, 8), torch.full((4, 8), float("nan"))]
    inputs = join([torch.randn(4, 3), torch.randn(4, 3)], timbre, config)
    assert inputs.shape == (4, 22) and torch.isfinite(inputs).all()
    network = Controller(config)
    network.standardise(inputs * 5 + 2)
    assert torch.isfinite(network.eval()(inputs).settings).all()
    with pytest.raises(UsageError, match="do not fit"):
        join([torch.randn(4, 3)], [], config)


def test_configurations_are_plain_data():
    config = ControllerConfig(knobs=2, embedding=3, output="bins", hidden=(8,))
    assert ControllerConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "options",
    [
        {"latent": 1},
        {"latent": 9},
        {"timbre": 3},
        {"clamp": (0.6, 0.9)},
        {"bins": 1},
        {"hidden": ()},
    ],
)
def test_configurations_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError):
        made(**options)
