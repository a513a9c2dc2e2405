"""Distances that stand nearer to hearing: PESQ, timbre, style, embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialin.audio import Audio, resample
from dialin.errors import AudioError, MissingPackageError
from dialin.evaluation.encoders import get_encoder
from dialin.matching import style_distance
from dialin.measures.batches import compare
from dialin.timbre import ATTRIBUTES, timbre

PESQ_RATE = 16_000


def pesq_score(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """PESQ, wide band, 1 to 4.64; higher is better (ITU-T P.862.2). Meant for speech.

    Both sides are mixed down and brought to 16 kHz. NaN where PESQ finds no utterance.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)

    Raises
    ------
    MissingPackageError
        If the optional package ``pesq`` is not installed.
    """
    try:
        from pesq import PesqError, pesq
    except ImportError as error:
        raise MissingPackageError(
            "PESQ needs the package pesq: pip install 'dialin[speech]'"
        ) from error

    def one(a: Audio, b: Audio, rate: int) -> float:
        p, t = (resample(x.mean(axis=0, keepdims=True), rate, PESQ_RATE)[0] for x in (a, b))
        try:
            return float(pesq(PESQ_RATE, t, p, "wb"))
        except PesqError:
            return float("nan")

    return compare(one, prediction, truth, sample_rate, paired=True)


def timbre_distance(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """Mean absolute difference of the eight timbre attributes, in points.

    Reverb, a probability, counts as 0 to 100 points. Attributes without meaning on either side are
    left out; NaN where none is left.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        try:
            first, second = timbre(a, rate), timbre(b, rate)
        except AudioError:
            return float("nan")
        scale = {"reverb": 100.0}
        gaps = [scale.get(n, 1.0) * abs(first[n] - second[n]) for n in ATTRIBUTES]
        kept = [gap for gap in gaps if np.isfinite(gap)]
        return float(np.mean(kept)) if kept else float("nan")

    return compare(one, prediction, truth, sample_rate, paired=False)


def style_error(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """Style distance of `dialin.matching`: blind to time, so it shows what paired metrics hide.

    dialin's own search minimises its distance to the *reference*; read it beside the others.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        return style_distance(a, rate, b, rate)["total"]

    return compare(one, prediction, truth, sample_rate, paired=False)


def embedding_distance(prediction: Any, truth: Any, sample_rate: int, encoder: str = "mel") -> Any:
    """Cosine distance, 0 to 2, of two embeddings; see `dialin.evaluation.encoders`.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.
    encoder : str
        Its name; see `dialin.evaluation.encoders`.

    Returns
    -------
    float, or ndarray of shape (items,)
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        embed = get_encoder(encoder)
        return cosine_distance(embed(a, rate), embed(b, rate))

    return compare(one, prediction, truth, sample_rate, paired=False)


def cosine_distance(a: Any, b: Any) -> float:
    """One minus the cosine between two vectors; 1 where either is zero.

    Parameters
    ----------
    a : array_like, shape (dimensions,)
        A vector.
    b : array_like, shape (dimensions,)
        Another of the same length.

    Returns
    -------
    float
        0 to 2.
    """
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1.0 - float(np.dot(a, b)) / norm if norm > 0 else 1.0
