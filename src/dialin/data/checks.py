"""Refusing renders that make no sense as training data.

Causes, in the order they are looked for:

``failed``      the host reported an error
``non-finite``  NaN or infinite samples
``silent``      mean square of what lies above 20 Hz below a threshold
``clipping``    level beyond a limit, or too many samples stuck at the extremes at full scale
``sense``       mean cosine of MFCCs before and after below a threshold (the sound is lost)
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.data.recipe import CheckOptions
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
