"""The parent's side of one worker process: how it starts, is watched and ends."""

from __future__ import annotations

import contextlib
import math
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing import connection as mpc
from pathlib import Path
from typing import Any

from dialin.rendering.memory import Arena, remove_folder
from dialin.rendering.protocol import CallRequest, RenderRequest
from dialin.workers.start import (
    START_DEADLINE,
    Interpreter,
    end_of_log,
    resident_memory,
    start_interpreter,
)

MALLOC = {
    # Plugins that read memory they never wrote then read zeros every time (glibc fills with the
    # complement of the byte given). Its per-thread cache would hand out memory unfilled.
    "MALLOC_PERTURB_": "255",
    # Keeping freed memory saves a page fault for each 4 KiB of each buffer of each render:
    # measured 830 faults, 1.5 ms, for a 5 s stereo clip through a compressor.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=33554432"
    ":glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=67108864",
}
"""How the C library of a worker handles memory (glibc; others ignore it)."""

BRIEF = 0.1
"""Seconds below which a render is short enough to queue another behind it."""


@dataclass(eq=False)
class Task:
    """Something a worker is to do.

    Attributes
    ----------
    number : int
        Unique in the pool.
    request : RenderRequest or CallRequest
        What to do.
    payload : bytes
        The request, pickled.
    label : str
        Name for messages and the quarantine.
    settings : object
        For messages; None where there are none.
    deadline : float
        Seconds it may take.
    scratch : Path, optional
        File that goes with it, deleted afterwards.
    """

    number: int
    request: RenderRequest | CallRequest
    payload: bytes
    label: str
    settings: Any
    deadline: float
    scratch: Path | None = None


@dataclass(eq=False)
class WorkerProcess:
    """A worker process and what it was given to do, the running task first.

    Attributes
    ----------
    interpreter : Interpreter
        The process and its connection.
    folder : Path
        Its own.
    arenas : (Arena, Arena)
        That results come back in, in turn.
    load_deadline : float
        Seconds that loading an effect may take.
    tasks : deque of (Task, int)
        Given to it, with the arena of each; the running one first.
    busy_since : float
        On the clock of `time.monotonic`.
    loading_since : float, optional
        The same; None while it loads nothing.
    ready : bool
        Whether it has answered yet.
    retiring : bool
        Whether it gets no more tasks.
    deaf : bool
        Whether it could not be written to.
    renders : int
        Done so far.
    first_memory : int
        Bytes resident when it was first looked at.
    looked_at : float
        When its memory was last looked at.
    next_slot : int
        Index of the arena of the next task.
    last_seconds : float
        That its last task took.
    """

    interpreter: Interpreter
    folder: Path
    arenas: tuple[Arena, Arena]
    load_deadline: float
    tasks: deque[tuple[Task, int]] = field(default_factory=deque)
    busy_since: float = field(default_factory=time.monotonic)
    loading_since: float | None = None
    ready: bool = False
    retiring: bool = False
    deaf: bool = False
    renders: int = 0
    first_memory: int = 0
    looked_at: float = 0.0
    next_slot: int = 0
    last_seconds: float = math.inf

    @classmethod
    def start(cls, folder: Path, load_deadline: float) -> WorkerProcess:
        """Start a fresh interpreter, which never imports the program's ``__main__``.

        Parameters
        ----------
        folder : Path
            Its own; made for it and deleted when it stops.
        load_deadline : float
            Seconds that loading an effect may take.

        Returns
        -------
        WorkerProcess
        """
        started = start_interpreter("dialin.rendering.worker", folder, MALLOC)
        arenas = (Arena(folder / "out0"), Arena(folder / "out1"))
        return cls(started, folder, arenas, load_deadline)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        return self.interpreter.process

    @property
    def connection(self) -> mpc.Connection:
        """What is said to it and by it."""
        return self.interpreter.connection

    def give(self, task: Task) -> None:
        """Queue a task behind those the worker has.

        Parameters
        ----------
        task : Task
            What to do.
        """
        slot = self.next_slot
        self.next_slot = 1 - slot
        if not self.tasks:
            self.busy_since = time.monotonic()
        self.tasks.append((task, slot))
        try:
            self.connection.send((task.number, slot, task.payload))
        except OSError:
            # It is dead; reading from it will say so. This task is not to blame.
            self.deaf = True

    def is_brisk(self) -> bool:
        """Whether a job may be queued behind what it does: only where that ends soon.

        Then it pays, as the worker need not wait for us between two short renders. Behind a long
        one the job would wait while another worker falls idle.
        """
        if not self.tasks:
            return True
        brief = self.last_seconds < BRIEF and time.monotonic() - self.busy_since < BRIEF
        return brief and isinstance(self.tasks[0][0].request, RenderRequest)

    def due(self) -> float:
        """Moment by which the running task must have been answered."""
        if not self.ready:
            return self.busy_since + START_DEADLINE
        if self.loading_since is not None:
            return self.loading_since + self.load_deadline
        return self.busy_since + self.tasks[0][0].deadline

    def has_aged(self, renders: int, growth: float) -> bool:
        """Whether it rendered or grew so much that a fresh one should take its place.

        Parameters
        ----------
        renders : int
            So many are enough.
        growth : float
            GiB of memory more than after its first task are enough.

        Returns
        -------
        bool
        """
        now = time.monotonic()
        if self.renders >= renders:
            return True
        if now - self.looked_at < 0.2:
            return False
        self.looked_at = now
        memory = resident_memory(self.process.pid)
        self.first_memory = self.first_memory or memory
        return memory - self.first_memory > growth * 2**30

    def stop(self, patience: float = 0.0) -> int:
        """End the process, by force after `patience` seconds, and delete what it had.

        Parameters
        ----------
        patience : float, default 0.0
            Seconds it is given to end by itself.

        Returns
        -------
        int
            Its exit status; negative for a signal.
        """
        if patience > 0:
            with contextlib.suppress(OSError):
                self.connection.send(None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        code = self.interpreter.close()
        for arena in self.arenas:
            arena.close()
        remove_folder(self.folder)
        return code

    def was_killed(self) -> bool:
        """Whether a process whose connection broke was ended by a signal.

        Returns
        -------
        bool
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(1.0) < 0
        return False

    def log(self, characters: int = 2_000) -> str:
        """The end of what the worker and its plugins printed.

        Parameters
        ----------
        characters : int, default 2000
            How many at most.

        Returns
        -------
        str
        """
        return end_of_log(self.folder, characters)
