"""Nine effects of the mda LV2 set: what the original research project learnt, and is judged by."""

from __future__ import annotations

from collections.abc import Mapping

MDA = "lv2:http://drobilla.net/plugins/mda/"
"""What comes before an effect's name in its URI."""

NINE = (
    "Overdrive",
    "Combo",
    "MultiBand",
    "Dynamics",
    "RingMod",
    "Delay",
    "Ambience",
    "ThruZero",
    "Leslie",
)
"""The nine mda effects of the original; the first four are smooth, the rest sample-exact."""

LEFT_ALONE: Mapping[str, tuple[str, ...]] = {
    "Combo": ("model", "stereo"),
    "MultiBand": ("listen", "process"),
    "Leslie": ("mode",),
}
"""Knobs that the original leaves at their defaults."""
