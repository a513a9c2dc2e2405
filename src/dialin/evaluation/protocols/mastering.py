"""Whole songs against a reference song: what mastering is asked for.

There is no truth; an answer is compared with the reference in long-term spectrum, loudness, crest
factor and width. Songs longer than `seconds` are taken from their middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.data import Corpus
from dialin.data.drawing import Refused, draw_until
from dialin.data.reading import read_track
from dialin.effects import chain_uri, default_chain
from dialin.errors import UsageError
from dialin.evaluation.corpus import generator
from dialin.evaluation.items import Item, MatchTask, Source

RATE = 44_100
SHORTEST = 30.0
METRICS = ("spectrum", "lufs", "crest", "width", "style")
TRIES = 500


@dataclass(frozen=True)
class Mastering:
    """Protocol (e).

    Attributes
    ----------
    seconds : float
        Longest stretch of a song that is worked on.
    name : str
        In tables.
    groups : tuple of str
        What rows are grouped by.
    metrics : tuple of str
        The leading one first.
    """

    seconds: float = 180.0
    name: str = "mastering"
    groups: tuple[str, ...] = ("songs",)
    metrics: tuple[str, ...] = METRICS

    def effects(self, group: str) -> str:
        """URI of the default chain.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        str
            What is to be opened before the items are made.
        """
        return chain_uri(default_chain())

    def identity(self) -> Mapping[str, Any]:
        """Options that decide an item."""
        return {"name": self.name, "seconds": self.seconds, "rate": RATE}

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """Ten seconds out of a song: whole ones would be too much to store.

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
        audio, _ = self._song(source.corpus, rng, seconds=10.0)
        return audio

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
        if group not in self.groups:
            raise UsageError(f"mastering has no group {group!r}; use {self.groups[0]}")
        rng = generator(source.seed, self.name, index)
        audio, where = self._song(source.corpus, rng)
        reference, elsewhere = self._song(source.corpus, rng, besides=where["song"])
        spec = source.pool.describe(chain_uri(default_chain()))
        seed = int(rng.integers(2**31))
        task = MatchTask(audio, reference, RATE, spec, level_counts=True, seed=seed)
        record = {"input": where, "reference": elsewhere}
        return Item(self.name, group, index, task, None, record=record)

    def _song(
        self,
        corpus: Corpus,
        rng: np.random.Generator,
        besides: str | None = None,
        seconds: float | None = None,
    ) -> tuple[Audio, dict[str, Any]]:
        limit = seconds or self.seconds

        def once(_: int) -> tuple[Audio, dict[str, Any]]:
            track = corpus.draw(rng, besides)
            if track.seconds < SHORTEST:
                raise Refused("too short")
            start = round(max(0.0, (track.seconds - limit) / 2), 4)
            samples = round(min(track.seconds, limit) * RATE)
            audio = read_track(track, start, samples, RATE, channels=2)
            if not float(np.abs(audio).max()) > 1e-3:
                raise Refused("silent")
            return audio, {"track": track.id, "song": track.song, "start": start}

        drawn = draw_until(once, TRIES)
        if drawn.value is not None:
            return drawn.value
        raise UsageError(f"no song of {SHORTEST:g} s or more is in this split; add songs")
