"""What takes no listening, or next to none: the floor under every table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dialin.evaluation.encoders import embed
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods.method import Outcome, Tools, random_answer
from dialin.evaluation.metrics.perceived import cosine_distance


@dataclass(frozen=True)
class UntouchedMethod:
    """The input as it is.

    Attributes
    ----------
    name : str
        In tables.
    """

    name: str = "untouched"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        return Outcome()


@dataclass(frozen=True)
class Random:
    """One random setting.

    Attributes
    ----------
    name : str
        In tables.
    """

    name: str = "random"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        _, uri, settings = random_answer(task, np.random.default_rng([task.seed, 1]))
        return Outcome(uri, settings, renders=1)


@dataclass(frozen=True)
class Default:
    """The effect's default.

    Attributes
    ----------
    name : str
        In tables.
    """

    name: str = "default"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        return Outcome(task.spec.uri, task.default, renders=1)


@dataclass(frozen=True)
class Mean:
    """Mean of stored settings; stepped knobs stand at their middle step.

    Attributes
    ----------
    name : str
        In tables.
    """

    name: str = "mean"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        stored = tools.store(task, "mel")
        mean = np.mean(stored.settings, axis=0)
        return Outcome(task.spec.uri, task.complete(mean), renders=1)


@dataclass(frozen=True)
class NearestMethod:
    """The stored setting whose sound has the embedding nearest to the reference's.

    Attributes
    ----------
    name : str
        In tables.
    encoder : str
        Of the embedding; see `dialin.evaluation.encoders`.
    """

    name: str = "nearest"
    encoder: str = "mel"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        stored = tools.store(task, self.encoder)
        wanted = embed(task.reference, task.sample_rate, self.encoder)
        gaps = [
            cosine_distance(row, wanted) if row.shape == wanted.shape else 2.0
            for row in stored.embeddings
        ]
        uri, settings = stored.answers[int(np.argmin(gaps))]
        return Outcome(uri, settings, renders=1)
