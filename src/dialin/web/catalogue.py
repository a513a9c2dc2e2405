"""The effects that the page may name: those that are installed, and nothing else.

A request names effects by URI. A URI can point at any file, and opening a plugin runs its code; so
only what `dialin.effects.list_effects` finds in the usual folders is taken.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from dialin.configuration import load_configuration
from dialin.effects.catalogue import EffectEntry, list_effects
from dialin.effects.default_chain import default_chain
from dialin.effects.names import resolve_effects
from dialin.errors import DialinError, EffectNotFoundError

STALE = 10.0
"""Seconds after which a list in which something was not found is made again."""

FAMILIES = (
    ("dynamics", ("compress", "dynamic", "limit", "gate", "expand", "de-ess", "leveler", "gain")),
    ("reverb and delay", ("reverb", "room", "hall", "delay", "echo", "ambien", "plate", "spatial")),
    ("tone", ("eq", "filter", "shelf", "peak", "pass", "tilt", "tone", "bass", "treble")),
    ("colour", ("distort", "drive", "satur", "clip", "tube", "amp", "fuzz", "crush", "wave")),
    ("motion", ("chorus", "flang", "phas", "tremol", "vibrato", "modul", "leslie", "rotary")),
    ("pitch", ("pitch", "octav", "harmon", "detune", "shift")),
)
"""Families that effects are shown in, and words that tell them: in the category, then the name."""


def words() -> list[dict[str, str]]:
    """What may stand in place of effects, the one first that is chosen without a choice.

    Returns
    -------
    list of dict
        ``word``, ``name``, ``about``.
    """
    from dialin.matching.guessing.auto_families import AUTO, DEFAULT
    from dialin.matching.guessing.auto_families import FAMILIES as HEARD
    from dialin.matching.songs.mixes import MASTERING_NAME

    usual = ", ".join(family.title for family in HEARD if family.usual and family.effects)
    return [
        {
            "word": AUTO,
            "name": "Auto",
            "about": "dialin listens for what the reference holds and chooses among built-in "
            f"effects: {usual}. Where all are whole mixes, they are mastered.",
        },
        {
            "word": MASTERING_NAME,
            "name": "Mastering",
            "about": "For whole songs: tone, width, dynamics and level are brought to those of "
            "the reference, knob by knob, without a search.",
        },
        {
            "word": DEFAULT,
            "name": "Fixed chain",
            "about": "Built-in effects in the order of a channel strip, without delay and "
            "modulation; those that do not help are left out.",
        },
    ]


class Catalogue:
    """What is installed, listed once and again when something is not found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, EffectEntry] = {}
        self._made = -STALE

    def entries(self) -> list[EffectEntry]:
        """Everything that is installed."""
        with self._lock:
            if not self._entries:
                self._fill()
            return list(self._entries.values())

    def _fill(self) -> None:
        self._entries = {entry.uri: entry for entry in list_effects()}
        self._made = time.monotonic()

    def check(self, uris: list[str]) -> None:
        """Raise `EffectNotFoundError` where one is not installed.

        Parameters
        ----------
        uris : list of str
            Of a request.

        Raises
        ------
        EffectNotFoundError
            Naming the first that is not.
        """
        with self._lock:
            missing = [uri for uri in uris if uri not in self._entries]
            if missing and time.monotonic() - self._made >= STALE:
                self._fill()
                missing = [uri for uri in uris if uri not in self._entries]
        if missing:
            raise EffectNotFoundError(
                f"{missing[0]!r:.200} is no effect that is installed here; choose from the list"
            )

    def favourites(self) -> dict[str, list[str]]:
        """The user's own favourites that can be opened, by name, as URIs in order."""
        kept = {}
        for name, effects in load_configuration().favourites.items():
            try:
                uris = list(resolve_effects(effects).uris)
                self.check(uris)
            except DialinError:
                # One whose plugin is gone is no reason to have no list.
                continue
            kept[name] = uris
        return kept

    def to_dict(self) -> dict[str, Any]:
        """What the page is told."""
        return {
            "effects": [
                {
                    "uri": entry.uri,
                    "name": entry.name,
                    "format": entry.format,
                    "vendor": entry.vendor,
                    "family": family_of(entry),
                }
                for entry in self.entries()
            ],
            "families": [name for name, _ in FAMILIES] + ["other"],
            "favourites": self.favourites(),
            "default": default_chain(),
            "words": words(),
        }


def family_of(entry: EffectEntry) -> str:
    """Family that an effect is shown in.

    Parameters
    ----------
    entry : EffectEntry
        Of the list of effects.

    Returns
    -------
    str
    """
    for text in (entry.category.casefold(), entry.name.casefold()):
        for family, words in FAMILIES:
            if any(word in text for word in words):
                return family
    return "other"
