"""Distances between audio as losses: differentiable twins of `dialin.evaluation.metrics`.

Conventions: a prediction and a truth of shape ``(batch, samples)`` or
``(batch, channels, samples)``; one number an item, ``(batch,)``. Hann windows, frames centred with
reflected ends, power clamped to 1e-8 from below (no gradient flows into what is quieter), natural
logarithms. No gradient flows into the truth.

References
----------
MRSTFT: Yamamoto, Song & Kim, "Parallel WaveGAN", arXiv:1910.11480, equations 4 to 6.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from dialin.audio.mel import mel_filters
from dialin.errors import AudioError, RecipeError
from dialin.measures.spectral import EPSILON, MEL_SIZE, MELS, MRSTFT_SIZES

Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES = ("mrstft", "mel", "l1", "embedding")


def peak_normalised(audio: Tensor, peak_dbfs: float) -> Tensor:
    """Audio with the peak of each item at a level; silence stays silent.

    Parameters
    ----------
    audio : Tensor, shape (batch, ..., samples)
        At any level.
    peak_dbfs : float
        Wanted peak level.

    Returns
    -------
    Tensor
        Of the same shape.
    """
    over = tuple(range(1, audio.ndim))
    peak = audio.abs().amax(dim=over, keepdim=True).clamp_min(1e-8)
    scaled: Tensor = audio * (10.0 ** (peak_dbfs / 20.0) / peak)
    return scaled


def magnitudes(audio: Tensor, size: int, hop: int) -> Tensor:
    """STFT magnitudes of ``(..., samples)``: ``(rows, 1 + size // 2, frames)``.

    Parameters
    ----------
    audio : Tensor, shape (..., samples)
        Full scale is 1.
    size : int
        Of the FFT and the window.
    hop : int
        In samples.

    Returns
    -------
    Tensor, shape (rows, 1 + size // 2, frames)
    """
    rows = audio.reshape(-1, audio.shape[-1])
    window = _window(size, audio.device, audio.dtype)
    spectrum = torch.stft(rows, size, hop, window=window, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return power.clamp_min(EPSILON).sqrt()


@functools.lru_cache(maxsize=32)
def _window(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(size, device=device, dtype=dtype)


@functools.lru_cache(maxsize=8)
def _filters(sample_rate: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    filters = torch.from_numpy(mel_filters(sample_rate, MELS, MEL_SIZE).copy())
    return filters.to(device, dtype)


def _check(prediction: Tensor, truth: Tensor) -> None:
    if prediction.shape != truth.shape or prediction.ndim not in (2, 3):
        raise AudioError(
            f"a prediction of shape {tuple(prediction.shape)} cannot be compared with a truth of "
            f"shape {tuple(truth.shape)}; use (batch, samples) or (batch, channels, samples), alike"
        )


def mrstft(prediction: Tensor, truth: Tensor, sizes: Sequence[int] = MRSTFT_SIZES) -> Tensor:
    """Multi-resolution STFT distance: magnitude L1 plus log-magnitude L1, mean over resolutions.

    Equal to `dialin.evaluation.metrics.mrstft`, and to ``MultiResolutionSTFTLoss`` of auraloss 0.4
    with windows as long as the FFTs, hops of half of them, and weights ``w_sc=0, w_log_mag=1,
    w_lin_mag=1``.

    Parameters
    ----------
    prediction : Tensor, shape (batch, samples) or (batch, channels, samples)
        What is judged; gradients go into it.
    truth : Tensor
        What it should sound like, of the same shape; no gradient goes into it.
    sizes : sequence of int, default MRSTFT_SIZES
        FFT sizes.

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    AudioError
        If the shapes differ, or the audio is too short for the longest FFT.
    """
    _check(prediction, truth)
    if prediction.shape[-1] <= max(sizes) // 2:
        raise AudioError(
            f"{prediction.shape[-1]} samples are too short for an FFT of {max(sizes)}: use more "
            f"than {max(sizes) // 2} samples, or shorter FFTs"
        )
    total = torch.zeros(len(prediction), device=prediction.device, dtype=prediction.dtype)
    for size in sizes:
        ours = magnitudes(prediction, size, size // 2)
        with torch.no_grad():
            theirs = magnitudes(truth, size, size // 2)
        gap = (ours.log() - theirs.log()).abs() + (ours - theirs).abs()
        total = total + gap.reshape(len(prediction), -1).mean(dim=1)
    return total / len(sizes)


def mel(prediction: Tensor, truth: Tensor, sample_rate: int) -> Tensor:
    """Mel spectral distance: spectral convergence plus log-magnitude L1 of 128 mel bands.

    FFT, hop and window of 65,536 samples; equal to `dialin.evaluation.metrics.mel_distance`.

    Parameters
    ----------
    prediction : Tensor, shape (batch, samples) or (batch, channels, samples)
        What is judged; gradients go into it.
    truth : Tensor
        What it should sound like, of the same shape; no gradient goes into it.
    sample_rate : int
        In hertz.

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    AudioError
        If the shapes differ.
    """
    _check(prediction, truth)
    filters = _filters(sample_rate, prediction.device, prediction.dtype)
    ours = filters @ magnitudes(prediction, MEL_SIZE, MEL_SIZE)
    with torch.no_grad():
        theirs = filters @ magnitudes(truth, MEL_SIZE, MEL_SIZE)
    # The norm of a zero gap has no gradient: a hair is added under the root.
    gap = ((ours - theirs).square().sum(dim=(1, 2)) + EPSILON**2).sqrt()
    convergence = gap / theirs.square().sum(dim=(1, 2)).sqrt().clamp_min(EPSILON)
    logs = (ours.clamp_min(EPSILON).log() - theirs.clamp_min(EPSILON).log()).abs()
    batch = len(prediction)
    return convergence.reshape(batch, -1).mean(dim=1) + logs.reshape(batch, -1).mean(dim=1)


def l1(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of samples.

    Parameters
    ----------
    prediction : Tensor, shape (batch, samples) or (batch, channels, samples)
        What is judged; gradients go into it.
    truth : Tensor
        What it should sound like, of the same shape; no gradient goes into it.

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    AudioError
        If the shapes differ.
    """
    _check(prediction, truth)
    return (prediction - truth.detach()).abs().reshape(len(prediction), -1).mean(dim=1)


def embedding(prediction: Tensor, truth: Tensor, encoder: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean squared difference of embeddings; of the mean of the channels.

    Unlike the others it needs no common content, so the truth may be another piece of music.

    Parameters
    ----------
    prediction : Tensor, shape (batch, samples) or (batch, channels, samples)
        What is judged; gradients go into it.
    truth : Tensor
        What it should sound like; no gradient goes into it.
    encoder : callable
        Maps waveforms, shape (batch, samples), to embeddings.

    Returns
    -------
    Tensor, shape (batch,)
    """
    ours, theirs = (a.mean(dim=1) if a.ndim == 3 else a for a in (prediction, truth))
    with torch.no_grad():
        wanted = encoder(theirs)
    return (encoder(ours) - wanted).square().mean(dim=1)


def make_losses(
    names: Sequence[str], sample_rate: int, encoder: Callable[[Tensor], Tensor] | None = None
) -> Mapping[str, Loss]:
    """Losses by name, ready for ``loss(prediction, truth)``.

    Parameters
    ----------
    names : sequence of str
        Of `LOSSES`.
    sample_rate : int
        In hertz.
    encoder : callable, optional
        For ``embedding``.

    Returns
    -------
    mapping of str to callable
        Functions of prediction and truth, by name.

    Raises
    ------
    RecipeError
        If a name is unknown, or ``embedding`` is asked for without an encoder.
    """
    known: dict[str, Loss] = {
        "mrstft": mrstft,
        "mel": functools.partial(mel, sample_rate=sample_rate),
        "l1": l1,
    }
    if encoder is not None:
        known["embedding"] = functools.partial(embedding, encoder=encoder)
    for name in names:
        if name not in known:
            hint = "it needs an encoder" if name in LOSSES else f"use {', '.join(LOSSES)}"
            raise RecipeError(f"there is no loss {name!r} here; {hint}")
    return {name: known[name] for name in names}
