"""What a rendering worker is asked for."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RenderRequest:
    """One render, as it travels to a worker.

    Attributes
    ----------
    effect : str
        Its URI.
    audio : (str, (int, int))
        Path and shape of shared audio.
    sample_rate : int
        In hertz.
    settings : ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.
    tail : float
        Seconds of silence after the input that are rendered too.
    measure : object
        What is made of the audio; None to send it back.
    measure_args : tuple of object
        Further arguments of `measure`.
    """

    effect: str
    audio: tuple[str, tuple[int, int]]
    sample_rate: int
    settings: Any
    tail: float
    measure: Any
    measure_args: tuple[Any, ...]


@dataclass(frozen=True)
class CallRequest:
    """A function to run on the worker's main thread; ``open`` first makes an effect of a URI.

    Attributes
    ----------
    function : object
        Importable by the worker.
    arguments : tuple of object
        Its own.
    effect : str, optional
        URI of what it gets first; None for nothing.
    """

    function: Any
    arguments: tuple[Any, ...]
    effect: str | None = None


def import_modules(names: tuple[str, ...]) -> None:
    """Import what a worker will need, before it is asked for it.

    Parameters
    ----------
    names : tuple of str
        Of modules.
    """
    for name in names:
        importlib.import_module(name)
