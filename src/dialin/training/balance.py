"""Several losses at one place, weighted by their share of the gradient.

Losses differ in scale, and their scales move during training, so a weight on the loss says little
about its influence. Here a weight is the share of the gradient's length that a loss may have. With
``g_i`` the gradient of loss i with respect to the network's output and ``n_i`` a running mean of
its length, the output receives

    g = sum_i (a_i / sum_j a_j) g_i / n_i

so that a loss ten times as large, or ten times as steep, changes nothing.

References
----------
A. Defossez, J. Copet, G. Synnaeve, Y. Adi, "High fidelity neural audio compression",
arXiv:2210.13438, section 3.4, equation (5).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dialin.errors import UsageError

TINY = 1e-12


class Balancer(nn.Module):
    """Weights of losses as shares of the gradient.

    Parameters
    ----------
    shares : mapping of str to float
        By name of the loss; only their proportions count.
    memory : float
        Decay of the running mean of gradient lengths, 0 (none) to below 1.

    Attributes
    ----------
    skipped : int
        Gradients that were left out because they were not finite.
    """

    lengths: Tensor
    steps: Tensor

    def __init__(self, shares: Mapping[str, float], memory: float = 0.99) -> None:
        super().__init__()
        if not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
            raise UsageError(
                f"shares = {dict(shares)}: use numbers of 0 or more, not all of them 0"
            )
        if not 0.0 <= memory < 1.0:
            raise UsageError(f"memory = {memory:g}: use 0 to below 1")
        self.shares = {name: share / sum(shares.values()) for name, share in shares.items()}
        self.memory = memory
        self.skipped = 0
        self.register_buffer("lengths", torch.zeros(len(shares)))
        self.register_buffer("steps", torch.zeros(len(shares)))

    def forward(self, losses: Mapping[str, Tensor], at: Tensor) -> Tensor:
        """Turn losses into one number whose gradient at `at` is the balanced one.

        Parameters
        ----------
        losses : mapping of str to Tensor
            Scalars that were computed from `at`.
        at : Tensor
            The network's output, such as rendered audio.

        Returns
        -------
        Tensor
            Call ``backward()`` on it, or return it to the trainer. Its value means nothing.

        Raises
        ------
        UsageError
            If losses and shares have different names.
        """
        missing = sorted(set(self.shares) ^ set(losses))
        if missing:
            raise UsageError(f"losses and shares differ in {', '.join(missing)}")
        total = torch.zeros_like(at)
        for index, (name, share) in enumerate(self.shares.items()):
            (gradient,) = torch.autograd.grad(losses[name], at, retain_graph=True)
            length = gradient.norm()
            if not torch.isfinite(length):
                self.skipped += 1
                continue
            if self.training:
                self.lengths[index] = self.memory * self.lengths[index] + length
                self.steps[index] = self.memory * self.steps[index] + 1.0
            mean = self.lengths[index] / self.steps[index].clamp_min(TINY)
            if self.steps[index] == 0:
                mean = length
            total = total + share * gradient / mean.clamp_min(TINY)
        return (at * total.detach()).sum()
