"""Protocols: generators of items, each a function of songs, seed, group and index.

=============  ====================================================================================
``half``       one effect, 24 kHz mono, the reference is the other half of the same excerpt
``song``       as ``half``, but the reference is another song through the same settings
``audible``    as ``half``, but settings that hardly change the sound are drawn again
``dry``        as ``half``, but the reference is untouched, and the answer should be, too
``cross``      as ``half``, but the reference was made with another effect of the same kind
``counterfx``  chains of built-in effects, 10 s stereo windows at 44.1 kHz (CounterFX)
``mastering``  whole songs against a reference song, no truth
=============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dialin.errors import UsageError
from dialin.evaluation.items import FORMER_NAMES, ItemProtocol
from dialin.evaluation.protocols.counterfx import CounterFx
from dialin.evaluation.protocols.cross_effect import CrossEffect
from dialin.evaluation.protocols.dry import Dry
from dialin.evaluation.protocols.manifests import ManifestCounterFx
from dialin.evaluation.protocols.mastering import Mastering
from dialin.evaluation.protocols.one_effect import OneEffect

AUDIBLE_DB = 1.0
"""Change of coarse levels from which ``audible`` takes a setting."""

PROTOCOLS: Mapping[str, Callable[[], ItemProtocol]] = {
    "half": lambda: OneEffect("half"),
    "song": lambda: OneEffect("song"),
    "audible": lambda: OneEffect("audible", audible_db=AUDIBLE_DB),
    "dry": Dry,
    "cross": CrossEffect,
    "counterfx": CounterFx,
    "mastering": Mastering,
}

__all__ = [
    "PROTOCOLS",
    "CounterFx",
    "CrossEffect",
    "Dry",
    "ManifestCounterFx",
    "Mastering",
    "OneEffect",
    "get_protocol",
]


def get_protocol(name: str) -> ItemProtocol:
    """Protocol by name, with its usual options.

    Parameters
    ----------
    name : str
        Of `PROTOCOLS`, or of `FORMER_NAMES`.

    Returns
    -------
    ItemProtocol

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    name = FORMER_NAMES.get(name, name)
    if name not in PROTOCOLS:
        raise UsageError(f"there is no protocol {name!r}; choose from {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]()
