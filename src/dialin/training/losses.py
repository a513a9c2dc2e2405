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
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dialin.audio.mel import mel_filters
from dialin.errors import AudioError, RecipeError
from dialin.measures.gaps import spectral_gaps
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
        If the shapes differ, the audio is too short for the longest FFT, or a size is odd.
    """
    _check(prediction, truth)
    if prediction.shape[-1] <= max(sizes) // 2:
        raise AudioError(
            f"{prediction.shape[-1]} samples are too short for an FFT of {max(sizes)}: use more "
            f"than {max(sizes) // 2} samples, or shorter FFTs"
        )
    odd = [size for size in sizes if size < 4 or size % 2]
    if odd:
        raise AudioError(f"an FFT of {odd[0]} samples: use even sizes of 4 or more")
    samples = prediction.shape[-1]
    rows = prediction.reshape(-1, samples)
    distances: Tensor = _Mrstft.apply(rows, truth.detach().reshape(-1, samples), tuple(sizes))  # type: ignore[no-untyped-call, unused-ignore]
    return distances.reshape(len(prediction), -1).mean(dim=1)


class _Mrstft(torch.autograd.Function):
    """`mrstft` of rows, with its gradient worked out beside its value.

    With magnitudes m of the prediction and t of the truth a bin adds ``|m - t| + |log m - log t|``
    to it, whose slope by m is ``sign(m - t) (1 + 1 / m)``, as both terms have one sign. It goes
    back through the transform as one inverse FFT. That writes far less to memory than automatic
    differentiation does, and on the CPU rows go one by one, so that it stays in the cache, and
    through one compiled loop where there is one.
    """

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, truth: Tensor, sizes: tuple[int, ...]) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        step = 1 if prediction.device.type == "cpu" else len(prediction)
        distances = prediction.new_zeros(len(prediction))
        gradient = torch.zeros_like(prediction) if wanted else None
        for first in range(0, len(prediction), step):
            part = slice(first, first + step)
            # Ends reflected for the longest frames, of which shorter ones see less.
            both, most = torch.stack([prediction[part], truth[part]]), max(sizes) // 2
            padded = functional.pad(both, (most, most), mode="reflect")
            for size in sizes:
                spare = most - size // 2
                value, slope = _resolution(
                    padded[..., spare : padded.shape[-1] - spare], size, wanted
                )
                distances[part] += value / len(sizes)
                if gradient is not None and slope is not None:
                    gradient[part].add_(slope, alpha=1.0 / len(sizes))
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return distances

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * above[:, None], None, None


def _resolution(padded: Tensor, size: int, wanted: bool) -> tuple[Tensor, Tensor | None]:
    """Distance at one FFT size of rows ``(2, rows, samples + size)``, ours first, and its slope."""
    hop = size // 2
    count, samples = padded.shape[1], padded.shape[2] - 2 * hop
    window = _window(size, padded.device, padded.dtype)
    spectra = torch.fft.rfft(padded.unfold(-1, size, hop) * window)
    distance = _gaps(spectra, wanted)
    if not wanted:
        return distance, None
    # The inverse real FFT counts all bins twice but the first and the last.
    ends = spectra[0][..., :: size // 2]
    ends *= 2.0
    frames = torch.fft.irfft(spectra[0], n=size, norm="forward")
    number = frames.shape[1]
    frames *= window * (0.5 / (number * (1 + hop)))
    summed = padded.new_zeros(count, samples + 2 * hop)
    summed[:, : number * hop].view(count, number, hop).copy_(frames[..., :hop])
    summed[:, hop : (number + 1) * hop].view(count, number, hop).add_(frames[..., hop:])
    inner = summed[:, hop : hop + samples]
    # What was reflected at the ends counts where it came from.
    inner[:, 1 : hop + 1] += summed[:, :hop].flip(1)
    inner[:, samples - 1 - hop : samples - 1] += summed[:, hop + samples :].flip(1)
    return distance, inner


def _gaps(spectra: Tensor, wanted: bool) -> Tensor:
    """Distance of rows from spectra ``(2, rows, frames, bins)``, ours first.

    Where slopes are wanted, ours are multiplied by them, over their magnitude.
    """
    bins = spectra[0, 0].numel()
    if spectra.dtype is torch.complex64 and spectra.device.type == "cpu" and spectral_gaps:
        sums = [
            spectral_gaps(a.data_ptr(), b.data_ptr(), bins, EPSILON, int(wanted))
            for a, b in zip(spectra[0], spectra[1], strict=True)
        ]
        return torch.tensor(sums) / bins
    parts = torch.view_as_real(spectra)
    power = torch.addcmul(parts[..., 0].square(), parts[..., 1], parts[..., 1])
    magnitudes = power.clamp_min(EPSILON).sqrt_()
    ours, theirs = magnitudes[0], magnitudes[1]
    gap, inverse = ours - theirs, ours.reciprocal()
    logs = (theirs * inverse).log_().abs_()
    distance = (gap.abs().sum(dim=(1, 2)) + logs.sum(dim=(1, 2))) / bins
    if wanted:
        slope = torch.addcmul(inverse, inverse, inverse).mul_(gap.sign_())
        spectra[0] *= slope.mul_(power[0] > EPSILON)
    return distance


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
    names: Sequence[str],
    sample_rate: int,
    encoder: Callable[[Tensor], Tensor] | None = None,
    sizes: Sequence[int] = MRSTFT_SIZES,
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
    sizes : sequence of int, default MRSTFT_SIZES
        FFT sizes of ``mrstft``.

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
        "mrstft": functools.partial(mrstft, sizes=tuple(sizes)),
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
