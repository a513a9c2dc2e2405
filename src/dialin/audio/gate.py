"""The one gate every piece of audio passes before anything is computed from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dialin.errors import AudioError

Audio = NDArray[np.float32]
"""Samples as float32 ``(channels, samples)``, full scale at +-1."""

MIN_SAMPLE_RATE = 4_000
MAX_SAMPLE_RATE = 768_000
MAX_CHANNELS = 64


def check_sample_rate(sample_rate: float) -> int:
    """Return `sample_rate` in hertz as an int, or raise `AudioError` if it is not a sane rate.

    Parameters
    ----------
    sample_rate : float
        4,000 to 768,000, a whole number.

    Returns
    -------
    int
    """
    rate = float(sample_rate)
    if not np.isfinite(rate) or rate != int(rate):
        raise AudioError(f"the sample rate must be a whole number of hertz, not {sample_rate!r}")
    if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"a sample rate of {sample_rate!r} Hz is outside {MIN_SAMPLE_RATE} to "
            f"{MAX_SAMPLE_RATE} Hz; is the rate really in hertz?"
        )
    return int(rate)


def check_audio(audio: Any, sample_rate: float, *, what: str = "audio") -> Audio:
    """Check audio and return it as C-contiguous float32 ``(channels, samples)``.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Floating point samples, or integers (scaled by their type's full scale). One dimension
        means mono.
    sample_rate : int
        In hertz.
    what : str
        The name used in error messages.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        The checked samples.

    Raises
    ------
    AudioError
        If the audio is empty, of another shape, not finite, of no numeric type, or the rate is
        not sane. The message quotes the offending value and shape.
    """
    check_sample_rate(sample_rate)
    samples: Audio = samples_of(audio, np.float32, what=what)
    return samples


def samples_of(audio: Any, kind: DTypeLike, *, what: str = "audio") -> NDArray[Any]:
    """Check samples and return them as a C-contiguous array ``(channels, samples)``.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        As of `check_audio`.
    kind : data-type
        Floating point type that is wanted.
    what : str
        The name used in error messages.

    Returns
    -------
    ndarray, shape (channels, samples)

    Raises
    ------
    AudioError
        As `check_audio` does, but for rates.
    """
    array = np.asarray(audio)
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise AudioError(f"{what} must have shape (channels, samples), not {array.shape}")
    if array.size == 0:
        raise AudioError(f"{what} is empty: its shape is {array.shape}")
    if array.shape[0] > MAX_CHANNELS:
        raise AudioError(
            f"{what} has {array.shape[0]} channels of {array.shape[1]} samples, more than "
            f"{MAX_CHANNELS}; dialin wants (channels, samples), so transpose it with .T"
        )
    if array.dtype.kind in "iu":
        info = np.iinfo(array.dtype)
        offset = 0.0 if array.dtype.kind == "i" else (info.max + 1) / 2
        scale = (info.max + 1) if array.dtype.kind == "i" else (info.max + 1) / 2
        array = (array.astype(np.float64) - offset) / scale
    elif array.dtype.kind != "f":
        raise AudioError(f"{what} must hold real numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, dtype=kind)
    finite = np.isfinite(result)
    if not finite.all():
        channel, sample = np.argwhere(~finite)[0]
        raise AudioError(
            f"{what} has {int((~finite).sum())} samples that are not finite; the first is "
            f"{array[channel, sample]} at channel {channel}, sample {sample} of {array.shape}"
        )
    return result
