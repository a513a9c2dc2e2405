"""The worker's side of its connection.

It talks through that, never through standard output: libraries print there. What comes in is
``(slot, pickled request)``, or ``None`` to stop; what goes out is ``(kind, content, seconds)`` with
kind

``ready``
    once, before anything else;
``opening``, ``opened``
    around what has a deadline of its own, such as loading a plugin;
``value``
    what the module's handler returned;
``large``
    a shape: the samples lie in the worker's arena `slot`;
``error``
    a `DialinError`;
``bug``
    a traceback.
"""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.errors import DialinError
from dialin.workers.start import Channel

if TYPE_CHECKING:
    from dialin.audio import Audio


@dataclass(frozen=True, eq=False)
class Large:
    """What a handler returns where its answer is to travel in shared memory.

    Attributes
    ----------
    array : ndarray, float32, shape (channels, samples)
    """

    array: Audio


class Session:
    """A connection to the program, and what is said on it.

    Parameters
    ----------
    connection : Connection
        To the program.
    folder : Path
        Its own, with the arenas.
    """

    def __init__(self, connection: Channel, folder: Path) -> None:
        from dialin.workers.memory import Arena

        self._connection = connection
        self._arenas = [Arena(folder / f"out{slot}") for slot in (0, 1)]

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Say that something is opened, which has a deadline of its own."""
        self._connection.send(("opening", None, 0.0))
        yield
        self._connection.send(("opened", None, 0.0))

    def run(self, answer: Callable[[Any], Any]) -> None:
        """Serve until told to stop, or until the other side is gone.

        Parameters
        ----------
        answer : callable
            Called with each request.
        """
        self._connection.send(("ready", os.getpid(), 0.0))
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                return
            if message is None:
                return
            slot, payload = message
            started = time.perf_counter()
            try:
                kind, content = "value", answer(pickle.loads(payload))
                if isinstance(content, Large):
                    self._arenas[slot].write(content.array)
                    kind, content = "large", content.array.shape
            except DialinError as error:
                kind, content = "error", error
            except Exception:
                kind, content = "bug", traceback.format_exc()
            seconds = time.perf_counter() - started
            try:
                self._connection.send((kind, content, seconds))
            except (BrokenPipeError, OSError):
                return
            except Exception:
                # What cannot be pickled.
                self._connection.send(("bug", traceback.format_exc(), seconds))
