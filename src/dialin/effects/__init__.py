"""Effects as black boxes: what they are, what their knobs mean, how to run one.

No host is imported until an effect is opened, which only worker processes and tests do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dialin.effects.catalogue import EffectEntry, list_effects
from dialin.effects.chain import ChainEffect, chain_slots, chain_uri, parse_chain, slot_names
from dialin.effects.default_chain import default_chain
from dialin.effects.effect import BLOCK, Effect, Stream
from dialin.effects.names import Resolved, resolve_effects
from dialin.effects.open import open_effect
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.effects.uri import parse_uri

if TYPE_CHECKING:
    from dialin.effects.amount import MixedEffect, effect_at_amount, settings_at_amount
    from dialin.effects.probe import Probe, apply_probe, probe_effect

# These lean on scipy or are rarely needed, so they are imported when first used.
_LATER = {
    "MixedEffect": "amount",
    "Probe": "probe",
    "apply_probe": "probe",
    "effect_at_amount": "amount",
    "probe_effect": "probe",
    "settings_at_amount": "amount",
}

__all__ = [
    "BLOCK",
    "ChainEffect",
    "Effect",
    "EffectEntry",
    "EffectSpec",
    "MixedEffect",
    "Parameter",
    "Probe",
    "Resolved",
    "Settings",
    "Stream",
    "apply_probe",
    "chain_slots",
    "chain_uri",
    "default_chain",
    "effect_at_amount",
    "list_effects",
    "open_effect",
    "parse_chain",
    "parse_uri",
    "probe_effect",
    "resolve_effects",
    "settings_at_amount",
    "slot_names",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'dialin.effects' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dialin.effects.{_LATER[name]}"), name)
