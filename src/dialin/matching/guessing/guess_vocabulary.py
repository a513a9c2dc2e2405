"""Effects that a guessing network knows, and settings of a chain as one vector of them.

A vector holds, for all slots of a vocabulary, whether each is there (0 or 1), then the positions of
all their knobs (0 to 1), then the orders that can be heard (0 or 1). What is not there has no
settings: its knobs stand at one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings

Floats = NDArray[np.float64]

TONE = ("lowpass", "lowshelf", "peak", "highshelf")
"""Built-ins that shape the tone and may stand before or behind what distorts."""


@dataclass(frozen=True)
class Slot:
    """One effect of a vocabulary.

    Attributes
    ----------
    uri : str
    knobs : tuple of str
        Ids of its knobs, in the order of the vector.
    """

    uri: str
    knobs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The URI's last part."""
        return self.uri.rpartition("/")[2].rpartition(":")[2]


@dataclass(frozen=True)
class Vocabulary:
    """Effects that a network knows.

    Attributes
    ----------
    slots : tuple of Slot
        An effect may be there twice.
    orders : tuple of str
        Names of orders: ``drive first`` (a drive before the compressor), ``tone last`` (filters
        behind what distorts and compresses).
    """

    slots: tuple[Slot, ...]
    orders: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Length of a vector."""
        return len(self.slots) + self.knob_count + len(self.orders)

    @property
    def knob_count(self) -> int:
        """Number of knobs of all slots."""
        return sum(len(s.knobs) for s in self.slots)

    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where each slot's knobs stand in the vector."""
        start = len(self.slots)
        result = []
        for slot in self.slots:
            result.append(slice(start, start + len(slot.knobs)))
            start += len(slot.knobs)
        return tuple(result)

    @cached_property
    def owner(self) -> tuple[int, ...]:
        """Slot of each knob."""
        return tuple(n for n, slot in enumerate(self.slots) for _ in slot.knobs)

    def find(self, uris: Sequence[str]) -> list[int | None]:
        """Slots of the vocabulary for the effects of a chain, each slot once.

        Parameters
        ----------
        uris : sequence of str
            Of the chain's effects, in order.

        Returns
        -------
        list of int or None
            None for what the vocabulary has not, or has no more of.
        """
        free = list(range(len(self.slots)))
        entries: list[int | None] = []
        for uri in uris:
            entry = next((n for n in free if self.slots[n].uri == uri), None)
            if entry is not None:
                free.remove(entry)
            entries.append(entry)
        return entries

    def orders_of(self, uris: Sequence[str]) -> Floats:
        """Orders of a chain: 0, 1, or NaN where it has none.

        Parameters
        ----------
        uris : sequence of str
            Of the chain's effects, in order.

        Returns
        -------
        ndarray, float64, shape (orders,)
        """
        names = [uri.rpartition(":")[2] for uri in uris]
        nan = float("nan")
        drive, compressor = _first(names, ("distortion",)), _first(names, ("compressor",))
        tone = _first(names, TONE)
        bent = min(drive, compressor)
        values = {
            "drive first": nan if max(drive, compressor) == np.inf else float(drive < compressor),
            "tone last": nan if max(tone, bent) == np.inf else float(tone > bent),
        }
        return np.array([values[name] for name in self.orders])

    def settings(self, vector: Floats, spec: EffectSpec, entries: Sequence[int | None]) -> Settings:
        """Settings of a whole chain from a vector; what the vocabulary has not keeps its default.

        Parameters
        ----------
        vector : ndarray, shape (size,)
            Presences, positions and orders.
        spec : EffectSpec
            Of the chain.
        entries : sequence of int or None
            From `find`.

        Returns
        -------
        ndarray, float64, shape (knobs,)
        """
        result = spec.default
        for (_, _, span), slot in zip(chain_slots(spec), entries, strict=True):
            if slot is None:
                continue
            ids = [p.id.rpartition(".")[2] for p in spec.parameters[span]]
            values = vector[self.places[slot]]
            for id, value in zip(self.slots[slot].knobs, values, strict=True):
                if id in ids:
                    result[span.start + ids.index(id)] = float(np.clip(value, 0.0, 1.0))
        return spec.check(result)


def _first(names: Sequence[str], wanted: tuple[str, ...]) -> float:
    return next((float(n) for n, name in enumerate(names) if name in wanted), np.inf)


def _builtin(name: str, *knobs: str) -> Slot:
    return Slot(f"builtin:{name}", knobs)


CHAIN = Vocabulary(
    (
        _builtin("highpass", "frequency"),
        _builtin("lowpass", "frequency"),
        _builtin("lowshelf", "frequency", "gain", "q"),
        _builtin("peak", "frequency", "gain", "q"),
        _builtin("peak", "frequency", "gain", "q"),
        _builtin("highshelf", "frequency", "gain", "q"),
        _builtin("distortion", "drive", "mix"),
        _builtin("compressor", "threshold", "ratio", "attack", "release"),
        _builtin("chorus", "rate", "depth", "centre_delay", "feedback", "mix"),
        _builtin("phaser", "rate", "depth", "centre_frequency", "feedback", "mix"),
        _builtin("delay", "time", "feedback", "mix"),
        _builtin("reverb", "room_size", "damping", "width", "wet", "dry"),
    ),
    ("drive first", "tone last"),
)
"""Built-in effects that chains are made of."""
