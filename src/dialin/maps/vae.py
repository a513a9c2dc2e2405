"""A plane for an effect's sounds by a small beta-VAE. Needs torch, only while a map is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def embed(
    features: NDArray[np.float64],
    settings: NDArray[np.float64],
    *,
    beta: float = 1e-2,
    steps: int = 1500,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Positions ``(items, 2)`` of sounds in the latent of a VAE that gives back sound and settings.

    Parameters
    ----------
    features : ndarray, shape (items, dimensions)
        One row for each sound; see `Sounds`.
    settings : ndarray, shape (items, knobs)
        Given back as well, so that near points have near settings.
    beta : float
        Weight of the KL divergence against the mean squared error of standardised features.
    steps : int
        Of training, on all items at once.
    seed : int
        Of all chance.

    Returns
    -------
    ndarray, float64, shape (items, 2)
    """
    import torch
    from torch import nn

    from dialin.networks.latent import kl_divergence, sample

    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Steps are too small to be shared: waiting for each other would take most of the time.
        torch.set_num_threads(1)
        centred = features - features.mean(axis=0)
        # Bands of little change weigh little: only the whole is brought to unit spread.
        sounds = torch.from_numpy((centred / max(centred.std(), 1e-9)).astype(np.float32))
        knobs = torch.from_numpy(settings.astype(np.float32))
        encoder = nn.Sequential(nn.Linear(sounds.shape[1], 64), nn.Tanh(), nn.Linear(64, 4))
        decoder = nn.Sequential(
            nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, sounds.shape[1] + knobs.shape[1])
        )
        network = nn.ModuleList([encoder, decoder])
        optimiser = torch.optim.Adam(network.parameters(), 3e-3)
        for _ in range(steps):
            mean, log_variance = encoder(sounds).chunk(2, dim=1)
            log_variance = log_variance.clamp(-8.0, 2.0)
            decoded = decoder(sample(mean, log_variance))
            error = (decoded[:, : sounds.shape[1]] - sounds).square().mean()
            error = error + (decoded[:, sounds.shape[1] :] - knobs).square().mean()
            divergence = kl_divergence(mean, log_variance).sum(1).mean()
            optimiser.zero_grad()
            (error + beta * divergence).backward()
            optimiser.step()
        torch.set_num_threads(threads)
        with torch.no_grad():
            return np.asarray(encoder(sounds)[:, :2].numpy(), np.float64)
