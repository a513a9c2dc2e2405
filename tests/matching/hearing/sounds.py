"""Music through an effect, as tests of what is heard take it for a reference."""

from __future__ import annotations

from dialin.audio import Audio
from dialin.effects.open import open_effect
from tests.measures.test_cepstrum import music

RATE = 24_000


def wet(uri: str, seed: int = 1, **native: float) -> Audio:
    effect = open_effect(uri)
    return effect.process(music(RATE, seed), RATE, effect.spec.vector(native))
