"""What a protocol hands out: tasks that methods see, items that the referee keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from dialin.audio import Audio
from dialin.data import Corpus
from dialin.data.augment import to_peak
from dialin.data.priors import draw_settings
from dialin.data.recipe import Prior, SettingsOptions
from dialin.effects import chain_slots, chain_uri
from dialin.effects.spec import EffectSpec, Settings
from dialin.rendering import RenderPool

LOW, HIGH = 0.01, 0.99
"""Range of knobs that a protocol gives no range of their own."""


FORMER_NAMES: Mapping[str, str] = {"seed": "half"}
"""What protocols were called before, and are called now; files and commands may say either."""


def drawn_as(protocol: str) -> str:
    """The name that chance goes by: a protocol under a new name draws the items that it drew.

    Parameters
    ----------
    protocol : str
        Its name.

    Returns
    -------
    str
    """
    return {new: old for old, new in FORMER_NAMES.items()}.get(protocol, protocol)


@dataclass(frozen=True, eq=False)
class MatchTask:
    """All that a method may see: never the truth.

    Attributes
    ----------
    input, reference : ndarray, float32, shape (channels, samples)
    sample_rate : int
        In hertz.
    spec : EffectSpec
        Of the effect or chain to set. With `hidden`, of all effects there are: which of them are
        in use is hidden as well.
    ranges : mapping of int to (float, float)
        Place of a knob -> where the protocol draws it, in [0, 1]; 0.01 to 0.99 otherwise.
    fixed : mapping of int to float
        Place of a knob -> where it stands, known to everyone.
    hidden : bool
    level_counts : bool
        Whether the output's level is judged; otherwise it is normalised away.
    seed : int
        For whatever a method draws.
    """

    input: Audio
    reference: Audio
    sample_rate: int
    spec: EffectSpec
    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    fixed: Mapping[int, float] = field(default_factory=dict)
    hidden: bool = False
    level_counts: bool = False
    seed: int = 0

    @cached_property
    def free(self) -> list[int]:
        """Indices of the live knobs that are not fixed."""
        return [
            index
            for index, parameter in enumerate(self.spec.parameters)
            if parameter.status == "live" and index not in self.fixed
        ]

    @cached_property
    def options(self) -> SettingsOptions:
        """How the protocol draws settings."""
        return draw_options(self.spec, self.ranges, self.fixed)

    @property
    def default(self) -> Settings:
        """The effect's default, fixed knobs where they are fixed."""
        return self.complete(self.spec.default)

    def complete(self, settings: Settings) -> Settings:
        """Settings with the fixed knobs put where they belong, snapped and clipped.

        Parameters
        ----------
        settings : ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.
        """
        vector = np.array(settings, dtype=np.float64)
        for index, value in self.fixed.items():
            vector[index] = value
        return self.spec.check(vector)

    def draw(self, rng: np.random.Generator) -> Settings:
        """Random settings as the protocol draws them.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.
        """
        return draw_settings(rng, self.spec, self.options)

    def span(self, index: int) -> tuple[float, float]:
        """Range of a knob, in [0, 1].

        Parameters
        ----------
        index : int
            Index of the knob.

        Returns
        -------
        (float, float)
            Lowest and highest position.
        """
        return self.ranges.get(index, (LOW, HIGH))

    def part(self, settings: Settings, slots: list[int]) -> tuple[str, Settings]:
        """URI and settings of some slots of the chain alone, for hidden chains.

        Parameters
        ----------
        settings : ndarray, float64, shape (knobs,)
            Of the whole chain.
        slots : list of int
            Indices of slots, rising.

        Returns
        -------
        (str, ndarray)
            The settings are those of these slots alone.
        """
        own = chain_slots(self.spec)
        uri = chain_uri([own[s][1] for s in slots])
        return uri, np.concatenate([settings[own[s][2]] for s in slots])


def draw_options(
    spec: EffectSpec,
    ranges: Mapping[int, tuple[float, float]],
    fixed: Mapping[int, float],
) -> SettingsOptions:
    """Ranges and fixed knobs as options of `dialin.data.priors.draw_settings`.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    ranges : mapping of int to (float, float)
        Lowest and highest position of knobs, by index.
    fixed : mapping of int to float
        Position of knobs that stay, by index.

    Returns
    -------
    SettingsOptions
    """
    priors = {
        spec.parameters[index].id: Prior(low=low, high=high)
        for index, (low, high) in ranges.items()
    }
    priors |= {
        spec.parameters[index].id: Prior(kind="fixed", value=value)
        for index, value in fixed.items()
    }
    return SettingsOptions(low=LOW, high=HIGH, priors=priors)


@dataclass(frozen=True, eq=False)
class Item:
    """A task with its truth.

    Attributes
    ----------
    protocol, group : str
        Group: the row of a table an item belongs to, mostly an effect.
    index : int
    task : MatchTask
    truth : ndarray, optional
        What the perfect answer sounds like, finished as every answer is; None where nobody knows,
        and answers are compared with the reference.
    settings : ndarray, optional
        The true settings of ``task.spec``; None where there are none.
    effects : tuple of str
        URIs of the effects behind the reference.
    peak_dbfs : float, optional
        Peak that answers are normalised to before they are judged.
    record : dict
        Where it was cut, what was refused on the way; plain data.
    behind : (str, ndarray), optional
        Effect or chain and its settings behind the reference, for what is measured of settings,
        where `task` has another effect or must not show it; ``task.spec`` and `settings` otherwise.
    dry : bool
        Whether the reference is untouched too, and the perfect answer is to leave the input alone.
    """

    protocol: str
    group: str
    index: int
    task: MatchTask
    truth: Audio | None
    settings: Settings | None = None
    effects: tuple[str, ...] = ()
    peak_dbfs: float | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    behind: tuple[str, Settings] | None = None
    dry: bool = False

    @property
    def true(self) -> tuple[str, Settings] | None:
        """Effect or chain behind the reference, and its settings; None where nobody knows."""
        if self.behind is not None or self.settings is None:
            return self.behind
        return self.task.spec.uri, self.settings

    def finish(self, audio: Audio) -> Audio:
        """Bring an answer to the level at which it is judged.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            The rendered answer.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Of the same shape.
        """
        return audio if self.peak_dbfs is None else to_peak(audio, self.peak_dbfs)


@dataclass(frozen=True, eq=False)
class Source:
    """Where items come from.

    Attributes
    ----------
    pool : RenderPool
    corpus : Corpus
        Songs of one split, and nothing else.
    seed : int
    """

    pool: RenderPool
    corpus: Corpus
    seed: int


class ItemProtocol(Protocol):
    """A protocol: a deterministic generator of items."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups there are, in the order of the table."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics computed unless others are asked for; the first is what tables lead with."""
        ...

    def effects(self, group: str) -> str:
        """URI of all effects that a group's items depend on."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """All options that decide an item, as plain data."""
        ...

    def make(self, source: Source, group: str, index: int) -> Item:
        """Item number `index` of a group: a function of songs, seed, group and index alone."""
        ...

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """A piece of untouched sound such as items are made of; methods that store draw it."""
        ...
