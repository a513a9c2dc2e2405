"""dialin: find the knob settings that make a recording sound like a reference.

>>> import dialin
>>> match = dialin.match("dry.wav", "reference.wav", effects=["builtin:reverb"])  # doctest: +SKIP
>>> match.preset.save("reverb.json")                                              # doctest: +SKIP

Names are imported when first used, so that ``import dialin`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dialin._version import __version__

_PUBLIC = {
    "Chain": "dialin.rendering",
    "DialinError": "dialin.errors",
    "Match": "dialin.matching",
    "Preset": "dialin.presets",
    "RenderPool": "dialin.rendering",
    "apply_preset": "dialin.matching",
    "list_effects": "dialin.effects",
    "load_effect": "dialin.rendering",
    "match": "dialin.matching",
    "measure_timbre": "dialin.timbre",
}
_MODULES = (
    "audio",
    "data",
    "effects",
    "errors",
    "evaluation",
    "maps",
    "matching",
    "measure_timbre",
    "measures",
    "presets",
    "rendering",
    "timbre",
)

if TYPE_CHECKING:
    from dialin import (
        audio,
        data,
        effects,
        errors,
        evaluation,
        maps,
        matching,
        measures,
        presets,
        rendering,
        timbre,
    )
    from dialin.effects import list_effects
    from dialin.errors import DialinError
    from dialin.matching import Match, apply_preset, match
    from dialin.presets import Preset
    from dialin.rendering import Chain, RenderPool, load_effect
    from dialin.timbre import measure_timbre

__all__ = [
    "Chain",
    "DialinError",
    "Match",
    "Preset",
    "RenderPool",
    "__version__",
    "apply_preset",
    "audio",
    "data",
    "effects",
    "errors",
    "evaluation",
    "list_effects",
    "load_effect",
    "maps",
    "match",
    "matching",
    "measure_timbre",
    "measures",
    "presets",
    "rendering",
    "timbre",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"dialin.{name}")
    else:
        raise AttributeError(f"module 'dialin' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
