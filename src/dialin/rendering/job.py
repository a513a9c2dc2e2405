"""What goes into the rendering pool and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dialin.errors import NonFiniteOutputError, RenderError
from dialin.workers import Result

if TYPE_CHECKING:
    from dialin.audio import Audio

__all__ = ["Job", "Result", "SharedAudio", "complaint", "describe_settings", "not_finite"]


@dataclass(frozen=True, eq=False)
class SharedAudio:
    """Audio that lies in shared memory, made by `RenderPool.share`; cheap to send to workers.

    Attributes
    ----------
    key : str
        Unique in the pool.
    path : str
        Of the file in memory.
    shape : (int, int)
        Channels and samples.
    sample_rate : int
        In hertz.
    """

    key: str
    path: str
    shape: tuple[int, int]
    sample_rate: int


@dataclass(frozen=True, eq=False)
class Job:
    """One render.

    Attributes
    ----------
    effect : str
        URI of an effect or of a chain (`dialin.effects.chain_uri`).
    audio : SharedAudio or ndarray
        Input, ``(channels, samples)``. Share it once when many jobs use it.
    settings : array_like
        In [0, 1], in spec order.
    sample_rate : int
        Needed only where `audio` is an array.
    tail : float
        Seconds rendered after the end.
    measure : callable, optional
        ``measure(audio, sample_rate, *measure_args)``, run in the worker on the rendered audio;
        its (small, picklable) result comes back in place of the audio. A module-level function.
    measure_args : tuple
        Picklable; sent with each job, so keep it small.
    deadline : float, optional
        Seconds this job may take; the pool's own by default.
    """

    effect: str
    audio: SharedAudio | Audio
    settings: ArrayLike
    sample_rate: int = 0
    tail: float = 0.0
    measure: Callable[..., Any] | None = None
    measure_args: tuple[Any, ...] = ()
    deadline: float | None = None


def complaint(uri: str, settings: ArrayLike, sample_rate: int, error: Exception) -> RenderError:
    """What a host's own complaint becomes: it is about this effect at these settings.

    Parameters
    ----------
    uri : str
        Of the effect.
    settings : array_like, shape (knobs,)
        Positions in [0, 1].
    sample_rate : int
        In hertz.
    error : Exception
        The complaint.

    Returns
    -------
    RenderError
    """
    return RenderError(
        f"{uri} failed at settings {describe_settings(settings)}, {sample_rate} Hz: "
        f"{type(error).__name__}: {error}"
    )


def not_finite(
    uri: str, settings: ArrayLike, sample_rate: int, output: Audio
) -> NonFiniteOutputError | None:
    """Find out whether an effect returned what is no sound.

    Parameters
    ----------
    uri : str
        Of the effect.
    settings : array_like, shape (knobs,)
        Positions in [0, 1].
    sample_rate : int
        In hertz.
    output : ndarray, float32, shape (channels, samples)
        What it returned.

    Returns
    -------
    NonFiniteOutputError or None
        None where all samples are finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(output.sum())
    if not suspicious or np.isfinite(output).all():
        return None
    return NonFiniteOutputError(
        f"{uri} returned NaN or infinite samples at settings {describe_settings(settings)}, "
        f"{sample_rate} Hz"
    )


def describe_settings(settings: ArrayLike) -> str:
    """Settings as they appear in error messages.

    Parameters
    ----------
    settings : array_like, shape (knobs,)
        Positions in [0, 1].

    Returns
    -------
    str
    """
    vector = np.asarray(settings, dtype=np.float64).ravel()
    text = ", ".join(f"{v:.3f}" for v in vector[:24])
    return f"[{text}{', ...' if vector.size > 24 else ''}]"
