"""The published items of CounterFX, for whoever has FMA-small.

``audio.csv`` and ``targets.jsonl`` of a track (``counterfx-200``, ``counterfx-dev80``) say which
file, which windows, which chain and which settings. They lie in the benchmark's repository, the
audio in FMA-small; neither comes with dialin.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio, read_audio, resample
from dialin.data.augment import to_loudness
from dialin.data.chain_ranges import PUBLISHED
from dialin.data.drawing import Refused, draw_until
from dialin.effects import chain_uri
from dialin.effects.builtin_table import find_builtin
from dialin.errors import AudioFileError, UsageError
from dialin.evaluation.items import Item, Source
from dialin.evaluation.protocols.counterfx import (
    LUFS,
    METRICS,
    RATE,
    SAMPLES,
    CounterFx,
    chain_item,
)
from dialin.files.reading import parse_json, read_text
from dialin.rendering import Job

NAMES = {"highpass_filter": "highpass", "lowpass_filter": "lowpass", "peak_filter": "peak"}
LARGEST_NUMBER = 1e9


def _checked_row(row: dict[str, str]) -> dict[str, str]:
    """Return a row of the audio if it says which file and which windows."""
    for name in ("start_a_sec", "start_b_sec"):
        if not 0 <= float(row[name]) < LARGEST_NUMBER:
            raise ValueError(f"{row['item_id']}: {name} is {row[name]:.40}")
    if not row["audio_relpath"] or not row["source_sha256"] or "\0" in row["audio_relpath"]:
        raise ValueError(f"{row['item_id']} names no file")
    return row


def _checked(target: dict[str, Any]) -> dict[str, Any]:
    """Return a target whose chain is of the eight effects, with numbers for their knobs."""
    order, values = target["chain_order"], target["continuous_params_physical"]
    if not order or not isinstance(order, list):
        raise ValueError(f"{target['item_id']} has no chain")
    for name in order:
        if not isinstance(name, str) or NAMES.get(name, name) not in PUBLISHED:
            raise ValueError(f"{target['item_id']} has the effect {name!r:.40}")
        for knob, value in dict(values[name]).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{target['item_id']}: {name} {knob} is {value!r:.40}")
            if not abs(value) < LARGEST_NUMBER:
                raise ValueError(f"{target['item_id']}: {name} {knob} is {value!r:.40}")
    return target


TRIES = 1000
"""Draws of a song that is none of the published items, before there is taken to be none."""


@dataclass(frozen=True)
class ManifestCounterFx:
    """Protocol (b) on the published items.

    Attributes
    ----------
    audio, targets : str
        Paths of ``audio.csv`` and ``targets.jsonl``.
    root : str
        Folder that holds ``fma_small`` (or ``fma/fma_small``).
    name : str
        In tables.
    groups : tuple of str
        What rows are grouped by.
    metrics : tuple of str
        The leading one first.
    """

    audio: str
    targets: str
    root: str
    name: str = "counterfx"
    groups: tuple[str, ...] = ("known", "hidden")
    metrics: tuple[str, ...] = field(default=METRICS)

    @cached_property
    def rows(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """Audio and target of each item, in the order of the targets.

        Raises
        ------
        UsageError
            If a manifest is missing or the two do not fit.
        """
        try:
            with Path(self.audio).open(encoding="utf-8", newline="") as file:
                audio = {row["item_id"]: row for row in csv.DictReader(file)}
            lines = read_text(self.targets).splitlines()
            targets = [parse_json(line) for line in lines if line.strip()]
            return [(_checked_row(audio[t["item_id"]]), _checked(t)) for t in targets]
        except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise UsageError(
                f"the manifests {self.audio!r} and {self.targets!r} cannot be used together: "
                f"{type(error).__name__} {error}"
            ) from error

    def effects(self, group: str) -> str:
        """URI of the chain of all eight.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        str
            What is to be opened before the items are made.
        """
        return chain_uri([f"builtin:{name}" for name in PUBLISHED])

    def identity(self) -> Mapping[str, Any]:
        """Options that decide an item: the manifests themselves."""
        digest = hashlib.sha256()
        for path in (self.audio, self.targets):
            digest.update(Path(path).read_bytes())
        return {"name": self.name, "manifests": digest.hexdigest()[:16]}

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """A window of a song that is none of the published items.

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
        items = {Path(row["audio_relpath"]).stem for row, _ in self.rows}

        def once(number: int) -> Audio:
            window, _, where = CounterFx().windows(source, rng)
            if Path(where["track"]).stem in items:
                raise Refused("published")
            return window

        drawn = draw_until(once, TRIES)
        if drawn.value is not None:
            return drawn.value
        raise UsageError(
            f"{TRIES} songs drawn were all among the published items; add songs that are not"
        )

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
        if index >= len(self.rows):
            raise UsageError(f"the manifests have {len(self.rows)} items; use -n {len(self.rows)}")
        row, target = self.rows[index]
        uris = [f"builtin:{NAMES.get(name, name)}" for name in target["chain_order"]]
        spec = source.pool.describe(chain_uri(uris))
        vector = spec.default
        physical = target["continuous_params_physical"]
        start = 0
        for name, uri in zip(target["chain_order"], uris, strict=True):
            for knob in find_builtin(uri.partition(":")[2]).knobs:
                parameter = spec.parameters[start]
                if not knob.attribute:
                    vector[start] = 1.0  # the mix that dialin adds, all wet
                elif knob.attribute in physical[name]:
                    native = float(physical[name][knob.attribute]) / knob.scale
                    vector[start] = parameter.to_normalised(native)
                start += 1
        settings = spec.check(vector)
        a, b = self._windows(index)
        truth, reference = (
            r.get() for r in source.pool.render([Job(spec.uri, x, settings, RATE) for x in (a, b)])
        )
        record = {"input": {"track": row["item_id"], "song": row["item_id"]}}
        sounds = (a, reference, truth)
        seed = int.from_bytes(hashlib.sha256(row["item_id"].encode()).digest()[:4], "big")
        return chain_item(self.name, group, index, source, sounds, uris, settings, seed, record)

    def _windows(self, index: int) -> tuple[Audio, Audio]:
        row, _ = self.rows[index]
        path = self._find(row["audio_relpath"])
        if hashlib.sha256(path.read_bytes()).hexdigest() != row["source_sha256"].lower():
            raise AudioFileError(
                f"{str(path)!r} is not the file of the manifest (its SHA-256 differs); "
                "fetch fma_small again"
            )
        audio, rate = read_audio(path)
        audio = resample(np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio[:2], rate, RATE)
        pair = []
        for key in ("start_a_sec", "start_b_sec"):
            start = round(float(row[key]) * RATE)
            window = np.ascontiguousarray(audio[:, start : start + SAMPLES])
            piece = to_loudness(window, RATE, LUFS, highest=1.0)
            if piece is None or piece.shape[1] < SAMPLES:
                raise AudioFileError(f"{str(path)!r} has no whole window at {row[key]} s")
            pair.append(piece)
        return pair[0], pair[1]

    def _find(self, relative: str) -> Path:
        parts = Path(relative).parts
        for skip in range(len(parts)):
            path = Path(self.root, *parts[skip:])
            if path.is_file():
                return path
        raise AudioFileError(f"{relative!r} of the manifest is not below {self.root!r}")
