"""From embeddings of input and reference to the knobs of one effect, through a small latent.

The latent is what a person walks through (`dialin.maps`): two to eight dimensions with a standard
normal prior, from which a decoder gives settings, everywhere and smoothly.

Heads, by how much of that there is:

``bottleneck``  encoder -> latent (mean, log variance) -> decoder -> settings
``direct``      encoder -> settings; what the bottleneck costs is seen beside it
``linear``      one matrix, as in the research project that dialin starts from

Outputs, by what is said of the settings:

``point``    one number a knob
``bins``     probabilities of equally wide bins of each knob's travel
``mixture``  a few candidates with probabilities and, for each knob, a spread (truncated normals)

Every head starts in the middle of every knob: a controller that starts at an end stays there,
where the sigmoid is flat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dialin.errors import UsageError
from dialin.networks.controller_options import ControllerConfig
from dialin.networks.latent import sample

SATURATED = 0.02
"""Settings nearer than this to an end count as saturated."""

NARROWEST = 0.01
"""Smallest spread of a mixture's knob."""


class Prediction(NamedTuple):
    """What a controller says.

    Attributes
    ----------
    settings : Tensor, shape (batch, knobs)
        In [0, 1]; of a distribution the mean.
    raw : Tensor, shape (batch, outputs)
        What the decoder gave, from which the distribution is made.
    mean, log_variance : Tensor, shape (batch, latent)
        Of the latent; without a bottleneck of no dimensions.
    """

    settings: Tensor
    raw: Tensor
    mean: Tensor
    log_variance: Tensor


class Controller(nn.Module):
    """See this module's description.

    Parameters
    ----------
    config : ControllerConfig
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, config: ControllerConfig) -> None:
        super().__init__()
        self.config = config
        size = config.inputs
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        if config.head == "linear":
            self.encoder: nn.Module = nn.Identity()
            self.decoder: nn.Module = nn.Linear(size, config.outputs)
            last = self.decoder
        else:
            self.encoder = _mlp(size, config.hidden, config.dropout)
            width = config.hidden[-1]
            if config.head == "bottleneck":
                self.to_latent = nn.Linear(width, 2 * config.latent)
                last = nn.Linear(width, config.outputs)
                self.decoder = nn.Sequential(
                    nn.Linear(config.latent, width),
                    nn.Tanh(),
                    nn.Linear(width, width),
                    nn.Tanh(),
                    last,
                )
            else:
                last = nn.Linear(width, config.outputs)
                self.decoder = last
        assert isinstance(last, nn.Linear)
        _centre(last, config)

    def standardise(self, inputs: Tensor) -> None:
        """Take shift and scale of inputs ``(items, size)`` from a training set.

        Parameters
        ----------
        inputs : Tensor, shape (items, size)
            All of the set, from `join`.
        """
        self.shift = inputs.mean(dim=0).to(self.shift)
        self.scale = inputs.std(dim=0).clamp_min(1e-4).reciprocal().to(self.scale)

    def forward(self, inputs: Tensor) -> Prediction:
        """Predict settings.

        Parameters
        ----------
        inputs : Tensor, shape (batch, config.inputs)
            See `join`.

        Returns
        -------
        Prediction
        """
        # What lies far outside of the training set tells no more than that it lies outside.
        hidden = self.encoder(((inputs - self.shift) * self.scale).clamp(-8.0, 8.0))
        mean = log_variance = hidden[:, :0]
        if self.config.head == "bottleneck":
            mean, log_variance = self.to_latent(hidden).chunk(2, dim=1)
            log_variance = log_variance.clamp(-10.0, 4.0)
            hidden = mean
            if self.training:
                hidden = sample(mean, log_variance)
        raw = self.decoder(hidden)
        return Prediction(self.settings_of(raw), raw, mean, log_variance)

    def decode(self, latent: Tensor) -> Tensor:
        """Settings ``(batch, knobs)`` at points ``(batch, latent)`` of the latent.

        Parameters
        ----------
        latent : Tensor, shape (batch, latent)
            Points of the latent.

        Returns
        -------
        Tensor, shape (batch, knobs)
            0 to 1.

        Raises
        ------
        UsageError
            If the controller has no latent.
        """
        if self.config.head != "bottleneck":
            raise UsageError(f"a controller with a {self.config.head} head has no latent")
        return self.settings_of(self.decoder(latent))

    def settings_of(self, raw: Tensor) -> Tensor:
        """Settings, or their mean, from what the decoder gave.

        Parameters
        ----------
        raw : Tensor, shape (batch, outputs)
            What the decoder gave.

        Returns
        -------
        Tensor, shape (batch, knobs)
            0 to 1.
        """
        config = self.config
        if config.output == "point":
            low, high = config.clamp
            return torch.sigmoid(raw).clamp(low, high)
        if config.output == "bins":
            shares = raw.reshape(-1, config.knobs, config.bins).softmax(dim=2)
            centres = (torch.arange(config.bins, device=raw.device) + 0.5) / config.bins
            return (shares * centres).sum(dim=2)
        weights, means, _ = split_mixture(raw, config.knobs, config.candidates)
        return (weights.softmax(dim=1)[:, :, None] * means).sum(dim=1)

    def loss(self, prediction: Prediction, truth: Tensor, counted: Tensor) -> Tensor:
        """Parameter loss of each item, ``(batch,)``.

        Absolute error of a point; cross-entropy with each truth shared between its two nearest
        bins; negative log-likelihood of a mixture.

        Parameters
        ----------
        prediction : Prediction
            Of the batch, from `forward`.
        truth : Tensor, shape (batch, knobs)
            Positions of the knobs, 0 to 1.
        counted : Tensor, shape (knobs,)
            Weights of knobs; 0 for dead ones.

        Returns
        -------
        Tensor
        """
        config, raw = self.config, prediction.raw
        share = counted / counted.sum().clamp_min(1e-6)
        if config.output == "point":
            return ((prediction.settings - truth).abs() * share).sum(dim=1)
        if config.output == "bins":
            logs = raw.reshape(-1, config.knobs, config.bins).log_softmax(dim=2)
            offset = (truth * config.bins - 0.5).clamp(0.0, config.bins - 1.0)
            low = offset.floor().clamp_max(config.bins - 2.0)
            upper = (offset - low)[:, :, None]
            at = low.long()[:, :, None]
            likelihood = (1 - upper) * logs.gather(2, at) + upper * logs.gather(2, at + 1)
            return -(likelihood[:, :, 0] * share).sum(dim=1)
        weights, means, spreads = split_mixture(raw, config.knobs, config.candidates)
        z = (truth[:, None] - means) / spreads
        # Normals that are cut off at both ends of the knob's travel.
        inside = torch.special.ndtr((1 - means) / spreads) - torch.special.ndtr(-means / spreads)
        logs = -0.5 * z.square() - spreads.log() - 0.5 * math.log(2 * math.pi)
        logs = ((logs - inside.clamp_min(1e-3).log()) * counted).sum(dim=2)
        joint = torch.logsumexp(weights.log_softmax(dim=1) + logs, dim=1)
        return -joint / counted.sum().clamp_min(1e-6)


def join(
    embeddings: Sequence[Tensor],
    timbre: Sequence[Tensor] = (),
    config: ControllerConfig | None = None,
    *,
    time: Tensor | None = None,
) -> Tensor:
    """Inputs of a controller from embeddings (timbre, time features) of input and reference.

    Timbre that could not be measured is NaN and becomes 0 here.

    Parameters
    ----------
    embeddings : sequence of Tensor
        Of input and reference, shape (batch, dimensions) each.
    timbre : sequence of Tensor, optional
        Of input and reference, shape (batch, attributes) each; none for a controller without.
    config : ControllerConfig, optional
        What the inputs must fit; unchecked without.
    time : Tensor, optional
        From `dialin.measures.time_features.pair_features`, shape (batch, features).

    Returns
    -------
    Tensor, shape (batch, size)

    Raises
    ------
    UsageError
        If they do not fit `config`.
    """
    parts = [*embeddings, *(t.nan_to_num(0.0) for t in timbre)]
    if time is not None:
        parts.append(time)
    inputs = torch.cat(parts, dim=1)
    if config is not None and inputs.shape[1] != config.inputs:
        raise UsageError(
            f"{inputs.shape[1]} numbers do not fit a controller of 2 x ({config.embedding} + "
            f"{config.timbre}) + {config.time} inputs"
        )
    return inputs


def saturation(settings: Tensor) -> Tensor:
    """Share of each knob's settings that lie at an end, ``(knobs,)``.

    Parameters
    ----------
    settings : Tensor, shape (batch, knobs)
        Positions of the knobs, 0 to 1.

    Returns
    -------
    Tensor, shape (knobs,)
        0 to 1.
    """
    at_end = (settings < SATURATED) | (settings > 1.0 - SATURATED)
    return at_end.to(settings.dtype).mean(dim=0)


def split_mixture(raw: Tensor, knobs: int, candidates: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits ``(batch, candidates)``, and means and spreads ``(batch, candidates, knobs)``.

    Parameters
    ----------
    raw : Tensor, shape (batch, outputs)
        What the decoder gave.
    knobs : int
        Number of knobs.
    candidates : int
        Number of the mixture's parts.

    Returns
    -------
    (Tensor, Tensor, Tensor)
        Means and spreads are positions of knobs, 0 to 1.
    """
    weights = raw[:, :candidates]
    rest = raw[:, candidates:].reshape(-1, candidates, 2 * knobs)
    means, spreads = rest.chunk(2, dim=2)
    return weights, torch.sigmoid(means), NARROWEST + 0.5 * torch.sigmoid(spreads)


def _mlp(size: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.SiLU(), nn.Dropout(dropout)]
        size = width
    return nn.Sequential(*layers)


def _centre(last: nn.Linear, config: ControllerConfig) -> None:
    """Let every knob start in the middle; candidates of a mixture somewhat apart."""
    with torch.no_grad():
        last.weight.mul_(0.05)
        last.bias.zero_()
        if config.output == "mixture":
            last.weight[config.candidates :].mul_(4.0)
