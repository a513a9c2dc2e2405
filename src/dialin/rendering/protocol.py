"""What travels between the pool and its workers.

Messages to a worker: ``(number, slot, pickled request)`` or ``None`` to stop. Answers:
``(number, kind, content, seconds)`` with kind ``loading``, ``loaded``, ``value``, ``audio``
(content is a shape; the samples lie in arena `slot`), ``error`` (class name and message) or
``bug`` (a traceback).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RenderRequest:
    """One render, as it travels to a worker."""

    effect: str
    audio: tuple[str, tuple[int, int]]
    sample_rate: int
    settings: Any
    tail: float
    measure: Any
    measure_args: tuple[Any, ...]


@dataclass(frozen=True)
class CallRequest:
    """A function to run on the worker's main thread; ``open`` first makes an effect of a URI."""

    function: Any
    arguments: tuple[Any, ...]
    effect: str | None = None
