"""The eight attributes, one file each."""

from collections.abc import Callable

from dialin.timbre.attributes.boominess import boominess, boominess_of
from dialin.timbre.attributes.brightness import brightness, brightness_of
from dialin.timbre.attributes.depth import depth, depth_of
from dialin.timbre.attributes.hardness import hardness, hardness_of
from dialin.timbre.attributes.reverb import (
    reverb,
    reverb_of,
    reverb_probability,
    reverb_time,
)
from dialin.timbre.attributes.roughness import roughness, roughness_of
from dialin.timbre.attributes.sharpness import sharpness, sharpness_of
from dialin.timbre.attributes.warmth import warmth, warmth_of
from dialin.timbre.clip import TimbreClip

__all__ = [
    "OF_CLIP",
    "boominess",
    "brightness",
    "depth",
    "hardness",
    "reverb",
    "reverb_probability",
    "reverb_time",
    "roughness",
    "sharpness",
    "warmth",
]

OF_CLIP: dict[str, Callable[[TimbreClip], float]] = {
    "hardness": hardness_of,
    "depth": depth_of,
    "brightness": brightness_of,
    "roughness": roughness_of,
    "warmth": warmth_of,
    "sharpness": sharpness_of,
    "boominess": boominess_of,
    "reverb": reverb_of,
}
"""Each attribute by name, as a function of a prepared clip."""
