"""Timbre: hardness, depth, brightness, roughness, warmth, sharpness, boominess and reverb.

The eight attributes of AudioCommons, on the scales their listeners gave:

>>> import numpy as np, dialin
>>> noise = np.random.default_rng(0).normal(0, 0.1, 44100)
>>> values = dialin.measure_timbre(noise, 44100)
>>> sorted(values)[:3]
['boominess', 'brightness', 'depth']

`timbre` is that function. The module itself can be called for a release more, as
``dialin.timbre(audio, sample_rate)``, and says what to call instead.
"""

from __future__ import annotations

import sys
import warnings
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
from dialin.timbre.extract import ATTRIBUTES, Timbre, measure_timbre, timbre
from dialin.timbre.kernels import COMPILED

__all__ = [
    "ATTRIBUTES",
    "COMPILED",
    "Timbre",
    "boominess",
    "brightness",
    "depth",
    "hardness",
    "measure_timbre",
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
    """The former way to call `timbre`; to go with the next release."""

    def __call__(self, *arguments: Any, **options: Any) -> Timbre:
        warnings.warn(
            "dialin.timbre is a module; call dialin.measure_timbre(audio, sample_rate)",
            DeprecationWarning,
            stacklevel=2,
        )
        return timbre(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
