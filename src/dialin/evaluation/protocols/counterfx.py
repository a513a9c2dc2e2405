"""Chains of built-in effects: the protocol of CounterFX (FXRepBench), on songs of one's own.

Two adjacent stereo windows of 10 s at 44.1 kHz, A and B, each at -20 LUFS. Reference = chain(B),
truth = chain(A), input = A. Chains have one to four of eight effects in the order below, settings
are drawn from the published ranges, again while L_d(A, truth) or L_d(B, reference) is under 0.8,
or a sample is clipped.

Group ``known``: effects and order are given. Group ``hidden``: everything is hidden.

Two things differ from the published set: the songs, and the odds of chains (here each length from
one to four is equally likely, and so is each set of that length). `ManifestCounterFx` runs the
published items themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.data.augment import to_loudness
from dialin.data.chain_ranges import FIXED, PUBLISHED
from dialin.data.drawing import Drawn, Refused, draw_until
from dialin.data.priors import draw_settings
from dialin.data.recipe import SettingsOptions
from dialin.effects import chain_slots, chain_uri
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import RenderError, UsageError
from dialin.evaluation.corpus import cut, generator
from dialin.evaluation.items import Item, MatchTask, Source, draw_options
from dialin.measures.responses import UNITS
from dialin.measures.spectral import ld

RATE, SECONDS, LUFS = 44_100, 10, -20.0
SAMPLES = RATE * SECONDS
SALIENCE = 0.8
DRAWS, WINDOWS = 20, 60

METRICS = (
    *("ld", "style", "mrstft", "spectrum", "crest", "lufs", "width", "coarse", "modulation"),
    *UNITS,
)


def slot_ranges(
    spec: EffectSpec,
) -> tuple[dict[int, tuple[float, float]], dict[int, float]]:
    """Ranges and fixed knobs of a chain of the eight, by index.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain.

    Returns
    -------
    (dict of int to (float, float), dict of int to float)
        Lowest and highest position of knobs that are drawn, and position of those that stay, by
        index.
    """
    ranges: dict[int, tuple[float, float]] = {}
    fixed: dict[int, float] = {}
    for _, uri, span in chain_slots(spec):
        name = uri.partition(":")[2]
        for index in range(span.start, span.stop):
            knob = spec.parameters[index]
            id = knob.id.rpartition(".")[2]
            if id in PUBLISHED[name]:
                low, high = PUBLISHED[name][id]
                ranges[index] = (knob.to_normalised(low), knob.to_normalised(high))
            else:
                fixed[index] = knob.to_normalised(FIXED[name][id])
    return ranges, fixed


def draw_chain_target(
    effect: Effect, a: Audio, b: Audio, options: SettingsOptions, seed: list[int]
) -> Drawn[tuple[Settings, Audio, Audio]]:
    """Draw settings that can be heard in both windows; runs where the effects are.

    Parameters
    ----------
    effect : Effect
        The chain.
    a : ndarray, float32, shape (channels, samples)
        The input's window.
    b : ndarray, float32, shape (channels, samples)
        The reference's window, untouched.
    options : SettingsOptions
        How settings are drawn.
    seed : list of int
        Of the draws.

    Returns
    -------
    Drawn of (settings, truth, reference)
    """
    rng = np.random.default_rng(seed)

    def once(_: int) -> tuple[Settings, Audio, Audio]:
        settings = draw_settings(rng, effect.spec, options)
        try:
            truth = effect.process(a, RATE, settings)
            reference = effect.process(b, RATE, settings)
        except RenderError as error:
            raise Refused("failed") from error
        if not all(_is_whole(x) for x in (truth, reference)):
            raise Refused("clipping")
        if not (ld(a, truth) >= SALIENCE and ld(b, reference) >= SALIENCE):
            raise Refused("inaudible")
        return settings, truth, reference

    return draw_until(once, DRAWS)


def _is_whole(audio: Audio) -> bool:
    peak = float(np.abs(audio).max())
    return np.isfinite(peak) and peak <= 1.0


@dataclass(frozen=True)
class CounterFx:
    """Protocol (b) on songs of one's own.

    Attributes
    ----------
    name : str
        In tables.
    groups : tuple of str
        What rows are grouped by.
    metrics : tuple of str
        The leading one first.
    """

    name: str = "counterfx"
    groups: tuple[str, ...] = ("known", "hidden")
    metrics: tuple[str, ...] = METRICS

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
        """Options that decide an item."""
        return {"name": self.name, "salience": SALIENCE, "seconds": SECONDS, "lufs": LUFS}

    def windows(
        self, source: Source, rng: np.random.Generator
    ) -> tuple[Audio, Audio, dict[str, Any]]:
        """Two adjacent windows at -20 LUFS, and where they were cut.

        Parameters
        ----------
        source : Source
            Songs, workers and seed.
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        (ndarray, ndarray, dict)
            Two arrays of shape (channels, samples); track, song and start in seconds.

        Raises
        ------
        UsageError
            If no two windows fit under full scale at that loudness.
        """

        def once(_: int) -> tuple[Audio, Audio, dict[str, Any]]:
            audio, where = cut(source.corpus, rng, 2 * SAMPLES, RATE, channels=2)
            a, b = (
                to_loudness(np.ascontiguousarray(half), RATE, LUFS, highest=1.0)
                for half in (audio[:, :SAMPLES], audio[:, SAMPLES:])
            )
            if a is None or b is None:
                raise Refused("clipping")
            return a, b, where

        drawn = draw_until(once, WINDOWS)
        if drawn.value is not None:
            return drawn.value
        raise UsageError(
            f"no two windows of {SECONDS} s fit under full scale at {LUFS:g} LUFS in {WINDOWS} "
            "places; use other songs"
        )

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """One window.

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
        return self.windows(source, rng)[0]

    def make(self, source: Source, group: str, index: int) -> Item:
        """See `ItemProtocol.make`; both groups have the same sounds.

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
            raise UsageError(f"counterfx has no group {group!r}; use {' or '.join(self.groups)}")
        dropped: list[list[str]] = []

        def once(attempt: int) -> Item:
            rng = generator(source.seed, self.name, index, attempt)
            names = list(PUBLISHED)
            count = int(rng.integers(1, 5))
            chosen = sorted(rng.choice(len(names), size=count, replace=False).tolist())
            uris = [f"builtin:{names[c]}" for c in chosen]
            a, b, where = self.windows(source, rng)
            spec = source.pool.describe(chain_uri(uris))
            ranges, fixed = slot_ranges(spec)
            seed = [int(v) for v in rng.integers(2**31, size=4)]
            drawn: Drawn[tuple[Settings, Audio, Audio]] = source.pool.call(
                *(draw_chain_target, a, b, draw_options(spec, ranges, fixed), seed),
                effect=spec.uri,
                deadline=10 * source.pool.deadline,
            )
            if drawn.value is None:
                dropped.append(uris)
                raise Refused("no sense")
            settings, truth, reference = drawn.value
            record = {"input": where, "refused": len(drawn.refused), "dropped": dropped}
            number = int(rng.integers(2**31))
            return chain_item(
                self.name, group, index, source, (a, reference, truth), uris, settings, number,
                record,
            )  # fmt: skip

        item = draw_until(once, WINDOWS).value
        if item is None:
            raise UsageError(f"no chain can be heard on {WINDOWS} pairs of windows of these songs")
        return item


def chain_item(
    protocol: str,
    group: str,
    index: int,
    source: Source,
    sounds: tuple[Audio, Audio, Audio],
    uris: Sequence[str],
    settings: Settings,
    seed: int,
    record: Mapping[str, Any],
) -> Item:
    """Item of a chain: input, reference and truth, with the chain known or hidden.

    Parameters
    ----------
    protocol : str
        Its name.
    group : str
        Name of the group.
    index : int
        Of the item, from 0.
    source : Source
        Songs, workers and seed.
    sounds : (ndarray, ndarray, ndarray)
        Input, reference and truth, shape (channels, samples) each.
    uris : sequence of str
        Of the chain's slots, in order.
    settings : ndarray, float64, shape (knobs,)
        Of the chain with these slots.
    seed : int
        For the methods' own draws.
    record : mapping
        Where everything comes from, for the row.

    Returns
    -------
    Item
    """
    hidden = group == "hidden"
    shown = [f"builtin:{name}" for name in PUBLISHED] if hidden else list(uris)
    spec = source.pool.describe(chain_uri(shown))
    ranges, fixed = slot_ranges(spec)
    a, reference, truth = sounds
    task = MatchTask(a, reference, RATE, spec, ranges, fixed, hidden, True, seed)
    return Item(
        protocol,
        group,
        index,
        task,
        truth,
        None if hidden else settings,
        tuple(uris),
        None,
        {**record, "chain": list(uris)},
        behind=(chain_uri(uris), settings),
    )
