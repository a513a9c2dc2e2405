"""What a method is, what it may use, what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.data import check_render
from dialin.data.recipe import CheckOptions
from dialin.effects import chain_slots
from dialin.effects.spec import Settings
from dialin.errors import UsageError
from dialin.evaluation.corpus import generator
from dialin.evaluation.encoders import embed
from dialin.evaluation.items import ItemProtocol, MatchTask, Source, drawn_as
from dialin.evaluation.responses import Responses
from dialin.measures.mfcc import mfcc
from dialin.rendering import Job, RenderPool

STORED = 64
SOUNDS = 8
MOST_EFFECTS = 4


@dataclass(frozen=True, eq=False)
class Outcome:
    """An answer: settings, or audio, or neither for the input as it is.

    Attributes
    ----------
    uri : str
        Effect or chain that `settings` belong to; empty for none.
    settings : ndarray, optional
    audio : ndarray, optional
        The answer itself, where a method sets no effect.
    renders : int
        How many renders it took.
    trace : tuple
        What was rendered on the way, in order: URI, settings, and the method's own score (lower is
        better; None where it keeps that to itself). The referee measures from it what would have
        been picked, and what was there to pick, at smaller budgets.
    """

    uri: str = ""
    settings: Settings | None = None
    audio: Audio | None = None
    renders: int = 0
    trace: tuple[tuple[str, Settings, float | None], ...] = ()


@dataclass(frozen=True, eq=False)
class SettingsStore:
    """Settings that make sense, and how each sounds on songs of the training split.

    `settings` are of the task's whole chain; `answers` of what was rendered, which for hidden
    chains is a part of it.

    Attributes
    ----------
    settings : tuple of ndarray
        Of each stored sound.
    answers : tuple of (str, ndarray)
        URI and settings of each.
    embeddings : ndarray, float64, shape (items, dimensions)
        Of each.
    """

    settings: tuple[Settings, ...]
    answers: tuple[tuple[str, Settings], ...]
    embeddings: NDArray[np.float64]


@dataclass(eq=False)
class Tools:
    """What methods may use besides their task.

    Attributes
    ----------
    pool : RenderPool
    training : Source, optional
        Songs of the training split, for methods that store or train.
    protocol : ItemProtocol
    responses : Responses
        For the referee.
    """

    pool: RenderPool
    protocol: ItemProtocol
    training: Source | None = None
    _stores: dict[tuple[str, str], SettingsStore] = field(default_factory=dict)
    _sounds: dict[str, list[Audio]] = field(default_factory=dict)
    responses: Responses = field(init=False)

    def __post_init__(self) -> None:
        self.responses = Responses(self.pool)

    def store(self, task: MatchTask, encoder: str) -> SettingsStore:
        """Stored settings of a task's effect, made when first asked for.

        A pure function of the training songs, the seed and the effect.

        Parameters
        ----------
        task : MatchTask
            Its effect and ranges decide what is stored.
        encoder : str
            Name of the encoder of the embeddings.

        Returns
        -------
        SettingsStore
        """
        key = (task.spec.uri, encoder)
        if key not in self._stores:
            self._stores[key] = self._make(task, encoder)
            while len(self._stores) > 256:
                self._stores.pop(next(iter(self._stores)))
        return self._stores[key]

    def sounds(self) -> list[Audio]:
        """Untouched pieces of training songs."""
        name = self.protocol.name
        if name not in self._sounds:
            if self.training is None:
                raise UsageError(
                    "methods 'mean' and 'nearest' need songs of the training split, and there "
                    "are none; leave them out or add songs"
                )
            rng = generator(self.training.seed, f"stored/{drawn_as(name)}")
            self._sounds[name] = [self.protocol.clean(self.training, rng) for _ in range(SOUNDS)]
        return self._sounds[name]

    def _make(self, task: MatchTask, encoder: str) -> SettingsStore:
        sounds = self.sounds()
        assert self.training is not None
        rng = generator(self.training.seed, f"stored/{task.spec.uri}")
        drawn = [random_answer(task, rng) for _ in range(STORED)]
        dry = [mfcc(sound, task.sample_rate) for sound in sounds]
        jobs = [
            Job(
                uri,
                sounds[n % SOUNDS],
                part,
                task.sample_rate,
                measure=check_and_embed,
                measure_args=(dry[n % SOUNDS], encoder),
            )
            for n, (_, uri, part) in enumerate(drawn)
        ]
        values = [r.value for r in self.pool.render(jobs)]
        kept = [(d, v) for d, v in zip(drawn, values, strict=True) if v is not None]
        if not kept:
            kept = [((task.default, task.spec.uri, task.default), np.zeros(1))]
        return SettingsStore(
            tuple(whole for (whole, _, _), _ in kept),
            tuple((uri, part) for (_, uri, part), _ in kept),
            np.array([v for _, v in kept]),
        )


def random_answer(task: MatchTask, rng: np.random.Generator) -> tuple[Settings, str, Settings]:
    """Settings as the protocol draws them; for hidden chains of one to four effects.

    Returns settings of the whole chain, and URI and settings of what is in use.

    Parameters
    ----------
    task : MatchTask
        Whose protocol decides the ranges.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.

    Returns
    -------
    (ndarray, str, ndarray)
        Settings of the whole chain, then what is in use.
    """
    settings = task.draw(rng)
    if not task.hidden:
        return settings, task.spec.uri, settings
    count = int(rng.integers(1, MOST_EFFECTS + 1))
    slots = rng.choice(len(chain_slots(task.spec)), size=count, replace=False)
    return settings, *task.part(settings, sorted(slots.tolist()))


def check_and_embed(
    audio: Audio, sample_rate: int, dry: NDArray[np.float32], encoder: str
) -> NDArray[np.float64] | None:
    """Embedding of a render, or None where it makes no sense; runs where the effect is.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    dry : ndarray, float32, shape (channels, samples)
        What was rendered.
    encoder : str
        Name of the encoder.

    Returns
    -------
    ndarray, float64, shape (dimensions,), or None
    """
    cause, _ = check_render(audio, sample_rate, dry, CheckOptions())
    return None if cause else embed(audio, sample_rate, encoder)


class Method(Protocol):
    """Anything that answers tasks. Each worker process has its own."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer a task.

        Raises
        ------
        DialinError
            Where it cannot; the row then holds the message, and tables count it.
        """
        ...
