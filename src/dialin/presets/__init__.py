"""Presets: the settings of a match in a file, loaded again, and written for other hosts.

Names are imported when first used: exports and their check are rarely needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dialin.presets.preset import Preset, PresetSlot

if TYPE_CHECKING:
    from dialin.presets.export import EXPORT_KINDS, export_preset
    from dialin.presets.verify import verify_export
    from dialin.presets.whereabouts import check_trust, located, untrusted

_LATER = {
    "EXPORT_KINDS": "export",
    "check_trust": "whereabouts",
    "export_preset": "export",
    "located": "whereabouts",
    "untrusted": "whereabouts",
    "verify_export": "verify",
}

__all__ = [
    "EXPORT_KINDS",
    "Preset",
    "PresetSlot",
    "check_trust",
    "export_preset",
    "located",
    "untrusted",
    "verify_export",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'dialin.presets' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dialin.presets.{_LATER[name]}"), name)
