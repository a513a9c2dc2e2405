"""Sample rate conversion."""

from __future__ import annotations

from math import gcd

import numpy as np

from dialin.audio.gate import Audio, check_sample_rate


def resample(audio: Audio, source_rate: int, target_rate: int) -> Audio:
    """Resample ``(channels, samples)`` from one rate to another with a polyphase FIR filter.

    Returns ``ceil(samples * target / source)`` samples; the same array if the rates are equal.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    source_rate : int
        In hertz.
    target_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    source, target = check_sample_rate(source_rate), check_sample_rate(target_rate)
    if source == target:
        return audio
    from scipy.signal import resample_poly

    common = gcd(source, target)
    result = resample_poly(audio, target // common, source // common, axis=-1)
    return np.ascontiguousarray(result, dtype=np.float32)
