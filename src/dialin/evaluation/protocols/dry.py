"""Nothing to find: input and reference are untouched, and so should the answer be.

Excerpts as in `one_effect`, halves A and B of the same recording. An effect is offered, as in the
other protocols; whoever sets it raises a false alarm. Two halves of a song differ in what is
played, and some in how they sound, which is what makes this hard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.data.mda import LEFT_ALONE, NINE
from dialin.evaluation.corpus import generator
from dialin.evaluation.items import Item, MatchTask, Source
from dialin.evaluation.protocols.one_effect import (
    PEAK_DBFS,
    RATE,
    SAMPLES,
    effect_of,
    excerpt,
    fixed_knobs,
)

METRICS = ("coarse", "mrstft", "style", "modulation")


@dataclass(frozen=True)
class Dry:
    """References that no effect has touched.

    Attributes
    ----------
    groups : tuple of str
        Effects that are offered: names of the nine, or URIs.
    name : str
        In tables.
    metrics : tuple of str
        The leading one first.
    samples : int
        Length of an excerpt, of which the reference is one half.
    """

    groups: tuple[str, ...] = NINE
    name: str = "dry"
    metrics: tuple[str, ...] = METRICS
    samples: int = SAMPLES

    def effects(self, group: str) -> str:
        """URI of the effect on offer.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        str
            What is to be opened before the items are made.
        """
        return effect_of(group)

    def identity(self) -> Mapping[str, Any]:
        """Options that decide an item."""
        return {"name": self.name, "rate": RATE, "samples": self.samples}

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
        return np.ascontiguousarray(
            excerpt(source, rng, samples=self.samples)[0][:, : self.samples // 2]
        )

    def make(self, source: Source, group: str, index: int) -> Item:
        """See `ItemProtocol.make`; all groups have the same sounds.

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
            The same for the same songs, seed, group and index.
        """
        spec = source.pool.describe(effect_of(group))
        rng = generator(source.seed, self.name, index)
        audio, where = excerpt(source, rng, samples=self.samples)
        halves = [np.ascontiguousarray(h) for h in np.split(audio, 2, axis=1)]
        a, b = (0, 1) if rng.random() < 0.5 else (1, 0)
        task = MatchTask(
            halves[a],
            to_peak(halves[b], PEAK_DBFS),
            RATE,
            spec,
            fixed=fixed_knobs(spec, LEFT_ALONE.get(group, ())),
            seed=int(rng.integers(2**31)),
        )
        truth = to_peak(halves[a], PEAK_DBFS)
        record = {"input": where, "half": "AB"[a]}
        return Item(self.name, group, index, task, truth, None, (), PEAK_DBFS, record, dry=True)
