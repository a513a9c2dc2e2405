"""The program's side of one worker process: how it starts, is watched and ends."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialin.files.system import CONNECTION_ROOM, open_sentinel, resident_memory, was_killed
from dialin.workers.memory import Arena, remove_folder
from dialin.workers.start import (
    START_DEADLINE,
    Channel,
    Door,
    Interpreter,
    end_of_log,
    start_interpreter,
)
from dialin.workers.task import Task

BRIEF = 0.1
"""Seconds below which a task is short enough to queue another behind it."""


@dataclass(eq=False)
class WorkerProcess:
    """A worker process and what it has been given to do.

    Attributes
    ----------
    number : int
        Unique in the pool.
    interpreter : Interpreter
    folder : Path
        Its own.
    arenas : (Arena, Arena)
        One for each of the tasks it may hold.
    open_deadline : float
        Seconds that opening something may take.
    connection : Connection, optional
        None until it came in.
    tasks : deque of (Task, int)
        With their slots, the running one first.
    since : float
        When what it is at began, on the clock of `time.monotonic`.
    opening, ready : bool
        Whether it is opening something; whether it has begun to answer.
    retiring : bool
        Whether a fresh one takes its place once it has done what it was given.
    deaf : bool
        Whether it could not be sent a task.
    done : int
        Tasks so far.
    sentinel : int, optional
        Descriptor that tells of its end, for as long as it has not come in.
    first_memory, looked_at : int, float
        Bytes after its first task; when its memory was last looked at.
    next_slot : int
        Arena of the next task, 0 or 1.
    last_seconds : float
        Time of its last task.
    """

    number: int
    interpreter: Interpreter
    folder: Path
    arenas: tuple[Arena, Arena]
    open_deadline: float
    connection: Channel | None = None
    tasks: deque[tuple[Task, int]] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)
    opening: bool = False
    ready: bool = False
    retiring: bool = False
    deaf: bool = False
    done: int = 0
    sentinel: int | None = None
    first_memory: int = 0
    looked_at: float = 0.0
    next_slot: int = 0
    last_seconds: float = math.inf

    @classmethod
    def start(
        cls,
        module: str,
        folder: Path,
        environment: Mapping[str, str],
        door: Door,
        number: int,
        open_deadline: float,
    ) -> WorkerProcess:
        """Start a fresh interpreter, which never imports the program's ``__main__``.

        Parameters
        ----------
        module : str
            With a ``handler``; see `dialin.workers.serve`.
        folder : Path
            Its own; made for it and deleted when it stops.
        environment : mapping of str to str
            Besides the program's own.
        door : Door
            Where it comes in.
        number : int
            Unique in the pool.
        open_deadline : float
            Seconds that opening something may take.

        Returns
        -------
        WorkerProcess
        """
        started = start_interpreter(module, folder, environment, door, number)
        arenas = (Arena(folder / "out0"), Arena(folder / "out1"))
        worker = cls(number, started, folder, arenas, open_deadline)
        worker.sentinel = open_sentinel(started.process.pid)
        return worker

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        return self.interpreter.process

    def enter(self, connection: Channel) -> None:
        """It came in: from now on its connection tells of its end.

        Parameters
        ----------
        connection : Connection
            To it.
        """
        self.connection = connection
        self._forget_sentinel()

    def _forget_sentinel(self) -> None:
        if self.sentinel is not None:
            os.close(self.sentinel)
            self.sentinel = None

    def give(self, task: Task) -> None:
        """Queue a task behind those the worker has.

        Parameters
        ----------
        task : Task
            What to do.
        """
        slot = self.next_slot
        self.next_slot = 1 - slot
        if not self.tasks and self.ready:
            self.since = time.monotonic()
        self.tasks.append((task, slot))
        if self.ready:
            self._send(task, slot)

    def begin(self) -> None:
        """It is ready: send what waits for it."""
        self.ready, self.since = True, time.monotonic()
        for task, slot in self.tasks:
            self._send(task, slot)

    def _send(self, task: Task, slot: int) -> None:
        assert self.connection is not None
        try:
            self.connection.send((slot, task.payload))
        except OSError:
            # It is dead; reading from it will say so. This task is not to blame.
            self.deaf = True

    def takes(self, task: Task, depth: int) -> bool:
        """Whether a task may be queued here, as one of `depth`.

        Behind another only where that ends soon: then it pays, as the worker need not wait for us
        between two short ones. Behind a long one it would wait while another worker falls idle.

        Parameters
        ----------
        task : Task
            The next one.
        depth : int
            Tasks it would hold, 1 or 2.

        Returns
        -------
        bool
        """
        if len(self.tasks) >= depth:
            return False
        if not self.tasks:
            return True
        return (
            self.last_seconds < BRIEF
            and time.monotonic() - self.since < BRIEF
            and self.tasks[0][0].brief
            # What is longer would have us wait until the worker reads it.
            and len(task.payload) < CONNECTION_ROOM
        )

    def due(self) -> float:
        """Moment by which the running task must have been answered."""
        if not self.ready:
            return self.since + START_DEADLINE
        return self.since + (self.open_deadline if self.opening else self.tasks[0][0].deadline)

    def stage(self) -> str:
        """What it is at; see `Loss`."""
        if not self.ready:
            return "starting"
        return "opening" if self.opening else "running"

    def has_aged(self, tasks: int, growth: float) -> bool:
        """Whether it did or grew so much that a fresh one should take its place.

        Parameters
        ----------
        tasks : int
            So many are enough.
        growth : float
            GiB of memory more than after its first task are enough.

        Returns
        -------
        bool
        """
        now = time.monotonic()
        if self.done >= tasks:
            return True
        if now - self.looked_at < 0.2:
            return False
        self.looked_at = now
        memory = resident_memory(self.process.pid)
        self.first_memory = self.first_memory or memory
        return memory - self.first_memory > growth * 2**30

    def dismiss(self) -> None:
        """Ask it to end by itself."""
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.send(None)

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
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self._forget_sentinel()
        code = self.interpreter.close()
        if self.connection is not None:
            self.connection.close()
        for arena in self.arenas:
            arena.close()
        remove_folder(self.folder)
        return code

    def was_killed(self, *, by_force: bool = False) -> bool:
        """Whether a process whose connection broke was ended by a signal.

        Parameters
        ----------
        by_force : bool, default False
            See `dialin.files.system.was_killed`.

        Returns
        -------
        bool
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            return was_killed(self.process.wait(1.0), by_force=by_force)
        return False

    def log(self) -> str:
        """The end of what the worker printed."""
        return end_of_log(self.folder)
