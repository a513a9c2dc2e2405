"""Timbre: hardness, depth, brightness, roughness, warmth, sharpness, boominess and reverb.

The eight attributes of AudioCommons, on the scales their listeners gave:

>>> import numpy as np, dialin.timbre
>>> noise = np.random.default_rng(0).normal(0, 0.1, 44100)
>>> values = dialin.timbre(noise, 44100)
>>> sorted(values)[:3]
['boominess', 'brightness', 'depth']

The package is callable, ``dialin.timbre(audio, sample_rate)`` being short for
``dialin.timbre.timbre(audio, sample_rate)``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from dialin.timbre.attributes import (
    boominess,
    brightness,
    depth,
    hardness,
    reverb,
    reverb_time,
    roughness,
    sharpness,
    warmth,
)
from dialin.timbre.batch import timbre_batch, timbre_files
from dialin.timbre.extract import ATTRIBUTES, Timbre, timbre
from dialin.timbre.kernels import COMPILED

__all__ = [
    "ATTRIBUTES",
    "COMPILED",
    "Timbre",
    "boominess",
    "brightness",
    "depth",
    "hardness",
    "reverb",
    "reverb_time",
    "roughness",
    "sharpness",
    "timbre",
    "timbre_batch",
    "timbre_files",
    "warmth",
]


class _CallableModule(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Timbre:
        return timbre(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
