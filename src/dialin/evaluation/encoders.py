"""Encoders: from audio to a vector that says what it sounds like.

Two are built in, re-created from the descriptions of ST-ITO's baselines (arXiv:2410.21233):

``mfcc``  mean and deviation over time of 25 cepstral coefficients (the level left out)
``mel``   mean, deviation and skewness over time of 64 mel bands in dB, level removed

``model:FOLDER`` is an encoder that `dialin train` made (onnxruntime runs it, no torch). Anything
else is ``package.module:factory``: ``factory()`` returns a callable
``encode(audio, sample_rate) -> vector``. That is where AFx-Rep, Fx-Encoder++ or a network of your
own goes; the module is imported in worker processes, which run it on the renders there.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.errors import UsageError
from dialin.measures.mfcc import mel_levels, mfcc
from dialin.networks.runtime import load_runtime

Vector = NDArray[np.float64]
Encoder = Callable[[Audio, int], NDArray[Any]]

MELS = 64


def encode_mfcc(audio: Audio, sample_rate: int) -> Vector:
    """Mean and standard deviation of MFCCs 1 to 25, ``(50,)``.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (50,)
        In decibels.
    """
    rows = mfcc(audio, sample_rate, coefficients=26)[:, 1:].astype(np.float64)
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])


def encode_mel(audio: Audio, sample_rate: int) -> Vector:
    """Mean, deviation and skewness of mel levels, ``(192,)``; the mean level is taken off.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (192,)
        In decibels, the skewness without a unit.
    """
    rows = mel_levels(audio, sample_rate, mels=MELS).astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    skew = np.mean((rows - mean) ** 3, axis=0) / np.maximum(deviation, 1e-3) ** 2
    return np.concatenate([mean - mean.mean(), deviation, skew])


_BUILTIN: dict[str, Encoder] = {"mfcc": encode_mfcc, "mel": encode_mel}


@functools.lru_cache(maxsize=8)
def get_encoder(name: str) -> Encoder:
    """Encoder by name; one that is named as ``module:factory`` is made once a process.

    Parameters
    ----------
    name : str
        ``mfcc``, ``mel``, ``model:FOLDER`` or ``package.module:factory``.

    Returns
    -------
    callable
        Maps audio, shape (channels, samples), and its rate to a vector.

    Raises
    ------
    UsageError
        If there is none of that name, or it cannot be imported.
    """
    if name in _BUILTIN:
        return _BUILTIN[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UsageError(
            f"there is no encoder {name!r}; use {' or '.join(_BUILTIN)}, model:FOLDER, or your own "
            "as package.module:factory"
        )
    if module == "model":
        return load_runtime(attribute)
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the encoder {name!r} cannot be loaded: {error}; is its module on PYTHONPATH?"
        ) from error
    encoder: Encoder = factory()
    return encoder


def embed(audio: Audio, sample_rate: int, encoder: str) -> Vector:
    """Embed a render; a module-level function, so that workers can run it.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    encoder : str
        Its name; see `get_encoder`.

    Returns
    -------
    ndarray, float64, shape (dimensions,)
    """
    return np.asarray(get_encoder(encoder)(audio, sample_rate), dtype=np.float64)
