"""The Gaussian latent of a beta-VAE and of a controller's bottleneck.

References
----------
D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", arXiv:1312.6114.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sample(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw latents (Kingma & Welling, section 2.4).

    Parameters
    ----------
    mean : Tensor, shape (batch, dimensions)
        Of the posterior.
    log_variance : Tensor, shape (batch, dimensions)
        Of the posterior.
    generator : Generator, optional
        Source of the noise; torch's own by default.

    Returns
    -------
    Tensor, shape (batch, dimensions)
    """
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + noise * (0.5 * log_variance).exp()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence from the standard normal, of each item and dimension (appendix B).

    Parameters
    ----------
    mean : Tensor, shape (batch, dimensions)
        Of the posterior.
    log_variance : Tensor, shape (batch, dimensions)
        Of the posterior.

    Returns
    -------
    Tensor, shape (batch, dimensions)
        In nats.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
