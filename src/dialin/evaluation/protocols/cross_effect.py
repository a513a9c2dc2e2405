"""The reference was made with another effect of the same kind, as in real life.

Excerpts, halves and levels as in `one_effect`. What stands behind the reference cannot be reached
exactly, so no method scores 0, and there are no true settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.data.drawing import draw_until
from dialin.data.mda import LEFT_ALONE, MDA
from dialin.effects import chain_uri
from dialin.errors import UsageError
from dialin.evaluation.corpus import generator
from dialin.evaluation.items import Item, MatchTask, Source, draw_options
from dialin.evaluation.protocols.counterfx import slot_ranges
from dialin.evaluation.protocols.one_effect import (
    EXCERPTS,
    METRICS,
    PEAK_DBFS,
    RATE,
    SAMPLES,
    Halves,
    draw_halves,
    excerpt,
    fixed_knobs,
)

PAIRS: Mapping[str, tuple[str, str]] = {
    "distortion-Overdrive": ("distortion", "Overdrive"),
    "compressor-MultiBand": ("compressor", "MultiBand"),
    "compressor-Dynamics": ("compressor", "Dynamics"),
    "delay-Delay": ("delay", "Delay"),
    "reverb-Ambience": ("reverb", "Ambience"),
}
"""Group -> built-in effect behind the reference, mda effect to match it with."""


@dataclass(frozen=True)
class CrossEffect:
    """Protocol (d).

    Attributes
    ----------
    name : str
        In tables.
    groups : tuple of str
        What rows are grouped by.
    metrics : tuple of str
        The leading one first.
    """

    name: str = "cross"
    groups: tuple[str, ...] = tuple(PAIRS)
    metrics: tuple[str, ...] = METRICS

    def effects(self, group: str) -> str:
        """URI of both effects of the pair.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        str
            What is to be opened before the items are made.

        Raises
        ------
        UsageError
            If there is no such group.
        """
        if group not in PAIRS:
            raise UsageError(f"cross has no group {group!r}; use {', '.join(PAIRS)}")
        maker, taker = PAIRS[group]
        return chain_uri([f"builtin:{maker}", MDA + taker])

    def identity(self) -> Mapping[str, Any]:
        """Options that decide an item."""
        return {"name": self.name, "rate": RATE, "samples": SAMPLES}

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """Half an excerpt, as inputs are.

        Parameters
        ----------
        source : Source
            Songs, workers and seed.
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Untouched music, as items are made from.
        """
        audio, _ = excerpt(source, rng)
        return np.ascontiguousarray(audio[:, : SAMPLES // 2])

    def make(self, source: Source, group: str, index: int) -> Item:
        """See `ItemProtocol.make`.

        Parameters
        ----------
        source : Source
            Songs, workers and seed.
        group : str
            Name of the group.
        index : int
            Of the item, from 0.

        Returns
        -------
        Item

        Raises
        ------
        UsageError
            If there is no such group or item, or the songs give none.
        """
        self.effects(group)
        maker, taker = PAIRS[group]
        behind = source.pool.describe(chain_uri([f"builtin:{maker}"]))
        options = draw_options(behind, *slot_ranges(behind))
        spec = source.pool.describe(MDA + taker)

        def once(attempt: int) -> tuple[Halves, int]:
            rng = generator(source.seed, f"{self.name}/{group}", index, attempt)
            return draw_halves(source, rng, behind.uri, options), int(rng.integers(2**31))

        drawn = draw_until(once, EXCERPTS)
        if drawn.value is None:
            raise UsageError(f"{group}: no settings that make sense on {EXCERPTS} excerpts")
        halves, seed = drawn.value
        fixed = fixed_knobs(spec, LEFT_ALONE.get(taker, ()))
        task = MatchTask(halves.input, halves.reference, RATE, spec, fixed=fixed, seed=seed)
        texts = behind.texts(halves.settings)
        record = {**halves.where, "refused": list(halves.refused), "behind": texts}
        uris = (f"builtin:{maker}",)
        return Item(
            *(self.name, group, index, task, halves.truth, None, uris, PEAK_DBFS, record),
            behind=(behind.uri, halves.settings),
        )
