"""What all metrics share: the gate, and batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dialin.audio import Audio, check_audio
from dialin.errors import AudioError

Function = Callable[[Audio, Audio, int], float]
ANY_RATE = 44_100
"""Passed to the gate by metrics that do not look at the rate."""


def compare(
    function: Function, prediction: Any, truth: Any, sample_rate: int, *, paired: bool
) -> Any:
    """Run a metric of one pair on one pair or on a batch of them.

    Parameters
    ----------
    function : callable
        Metric of one pair: two arrays of shape (channels, samples) and a rate.
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz; `ANY_RATE` for a metric that needs none.
    paired : bool
        Whether both sides must be equally long.

    Returns
    -------
    float, or ndarray of shape (items,)
        One value for each pair.

    Raises
    ------
    AudioError
        If the shapes do not fit together, or a side is not audio.
    """
    first, second = np.asarray(prediction), np.asarray(truth)
    if first.ndim == 3 or second.ndim == 3:
        if first.ndim != second.ndim or len(first) != len(second):
            raise AudioError(
                f"a batch of shape {first.shape} cannot be compared with one of {second.shape}; "
                "both must be (items, channels, samples) with as many items"
            )
        both = zip(first, second, strict=True)
        return np.array([_one(function, a, b, sample_rate, paired) for a, b in both])
    return _one(function, first, second, sample_rate, paired)


def _one(function: Function, prediction: Any, truth: Any, rate: int, paired: bool) -> float:
    a = check_audio(prediction, rate, what="the prediction")
    b = check_audio(truth, rate, what="the truth")
    if paired and a.shape != b.shape:
        raise AudioError(
            f"the prediction has shape {a.shape}, the truth {b.shape}; this metric compares "
            "sample by sample, so bring both to the same channels and length first"
        )
    return float(function(a, b, rate))
