"""What workers are given to do, and what becomes of it."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from dialin.errors import DialinError


@dataclass(frozen=True, eq=False)
class Result:
    """What became of something a worker did: `value` or `failure`, never both.

    Attributes
    ----------
    value : object
    failure : DialinError, optional
        Typed; its message says what failed.
    seconds : float
        Time the worker spent on it.
    """

    value: Any = None
    failure: DialinError | None = None
    seconds: float = 0.0

    def get(self) -> Any:
        """Return the value, or raise the failure."""
        if self.failure is not None:
            raise self.failure
        return self.value


@dataclass(eq=False)
class Task:
    """Something a worker is to do.

    Attributes
    ----------
    payload : bytes
        What it is sent, pickled.
    label : str
        Name for messages.
    deadline : float
        Seconds it may take.
    detail : object
        Whatever messages need besides.
    brief : bool
        Whether it tends to be short, so that another may be queued behind it.
    future : Future
        Of its `Result`. Cancelling it is always possible, and means that nobody wants it any more.
    killed : int
        Workers that were killed from outside before they began with it, or at it.
    """

    payload: bytes
    label: str
    deadline: float = math.inf
    detail: Any = None
    brief: bool = False
    future: Future[Result] = field(default_factory=Future)
    killed: int = 0


@dataclass(frozen=True)
class Loss:
    """How a worker was lost.

    Attributes
    ----------
    stage : {"starting", "opening", "running"}
        What it was at.
    hung : bool
        Whether it was ended because it took too long.
    how : str
        A signal's name or an exit status.
    limit : float
        Seconds it was given.
    printed : str
        The end of what it printed.
    """

    stage: str
    hung: bool
    how: str
    limit: float
    printed: str
