"""The fixed chain of built-in effects that ``--fx default`` stands for."""

from __future__ import annotations

_SLOTS = (
    "highpass",
    "distortion",
    "compressor",
    "lowshelf",
    "peak",
    "peak",
    "highshelf",
    "reverb",
    "gain",
)


def default_chain() -> list[str]:
    """URIs of the default chain, in the order a mixing engineer would put them.

    Clean up (high-pass), colour (distortion), control the level (compressor), shape the tone
    (shelves around two bells), place in a room (reverb), set the output level (gain). The tone
    comes after the colour, so that it has the last word on the spectrum.
    A delay is left out: its echoes only match when its time does to the sample.
    """
    return [f"builtin:{name}" for name in _SLOTS]
