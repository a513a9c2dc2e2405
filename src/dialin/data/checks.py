"""Refusing renders that make no sense as training data.

Causes, in the order they are looked for:

``failed``      the host reported an error
``non-finite``  NaN or infinite samples
``silent``      mean square of what lies above 20 Hz below a threshold
``clipping``    level beyond a limit, or too many samples stuck at the extremes at full scale
``sense``       mean cosine of MFCCs before and after below a threshold (the sound is lost)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.data.drawing import Refused
from dialin.data.recipe import CheckOptions
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import RenderError
from dialin.measures.mfcc import mean_cosine, mfcc

Cause = Literal["failed", "non-finite", "silent", "clipping", "sense"]
CAUSES: tuple[Cause, ...] = ("failed", "non-finite", "silent", "clipping", "sense")


def check_render(
    audio: Audio, sample_rate: int, clean: NDArray[np.float32], options: CheckOptions
) -> tuple[Cause | None, float]:
    """Judge a render.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        As the effect returned it.
    sample_rate : int
        In hertz.
    clean : ndarray, shape (frames, coefficients)
        `mfcc` of the same excerpt before the effect, at the level it had.
    options : CheckOptions
        Limits of what makes sense.

    Returns
    -------
    cause : str or None
        Why it is refused; None if it is not.
    similarity : float
        Mean cosine of MFCCs; NaN where it was not needed.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        energy = float(np.einsum("ij,ij->", audio, audio)) / audio.size
    if not np.isfinite(energy):
        return "non-finite", float("nan")
    heard = without_infrasound(audio, sample_rate)
    if float(np.einsum("ij,ij->", heard, heard)) / audio.size < options.silence:
        return "silent", float("nan")
    highest, lowest = float(audio.max()), float(audio.min())
    peak = max(highest, -lowest)
    if peak > 10.0 ** (options.peak_dbfs / 20.0):
        return "clipping", float("nan")
    if peak >= 0.999:
        stuck = np.count_nonzero(audio == highest) + np.count_nonzero(audio == lowest)
        if stuck > options.clipped * audio.size:
            return "clipping", float("nan")
    similarity = mean_cosine(clean, mfcc(audio, sample_rate))
    return ("sense" if similarity < options.similarity else None), similarity


def checked_render(
    effect: Effect,
    audio: Audio,
    sample_rate: int,
    settings: Settings,
    clean: NDArray[np.float32],
    options: CheckOptions,
    timed: Callable[[str], AbstractContextManager[Any]] = nullcontext,
) -> tuple[Audio, float]:
    """Render an excerpt, and judge what came of it.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    audio : ndarray, float32, shape (channels, samples)
        The excerpt.
    sample_rate : int
        In hertz.
    settings : ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.
    clean : ndarray, shape (frames, coefficients)
        `mfcc` of the excerpt.
    options : CheckOptions
        Limits of what makes sense.
    timed : callable, optional
        Gives a context for ``"render"`` and one for ``"checks"``, to measure how long each takes.

    Returns
    -------
    audio : ndarray, float32, shape (channels, samples)
        As the effect returned it.
    similarity : float
        See `check_render`.

    Raises
    ------
    Refused
        If it failed or makes no sense, with one of `CAUSES`.
    """
    try:
        with timed("render"):
            wet = effect.process(audio, sample_rate, settings)
    except RenderError as error:
        raise Refused("failed") from error
    with timed("checks"):
        cause, similarity = check_render(wet, sample_rate, clean, options)
    if cause is not None:
        raise Refused(cause)
    return wet, similarity
