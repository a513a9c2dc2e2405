"""The chain of built-in effects that matching starts from when nobody names one."""

from __future__ import annotations

_SLOTS = (
    "highpass",
    "lowshelf",
    "peak",
    "peak",
    "highshelf",
    "compressor",
    "distortion",
    "reverb",
    "gain",
)


def default_chain() -> list[str]:
    """URIs of the default chain, in the order a mixing engineer would put them.

    Clean up (high-pass), shape the tone (shelves around two bells), control the level
    (compressor), colour (distortion), place in a room (reverb), set the output level (gain).
    A delay is left out: its echoes only match when its time does to the sample.
    """
    return [f"builtin:{name}" for name in _SLOTS]
