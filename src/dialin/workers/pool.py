"""Worker processes, and the one thread that tends them: tasks in, futures of results out."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from functools import partial
from multiprocessing import connection as mpc
from pathlib import Path

from dialin.errors import DialinError, UsageError
from dialin.workers.memory import Buffers, MemoryFolder
from dialin.workers.process import WorkerProcess
from dialin.workers.start import (
    KILLED_RUNS,
    KILLED_STARTS,
    START_DEADLINE,
    Channel,
    Door,
    exit_name,
)
from dialin.workers.task import Loss, Result, Task

LOOK_AHEAD = 2
"""Tasks a worker holds at a time: the one it runs, and the next, so that it never waits."""

GLANCE = 0.02
"""Seconds between looks at whether a worker that has not come in yet died on the way, where the
system does not tell."""


class WorkerPool:
    """Worker processes of one kind.

    `RenderPool` and `CallPool` are made of it: they say what a request is, how it is answered,
    and what to make of a worker that is lost.

    Parameters
    ----------
    module : str
        Whose ``handler`` answers requests; see `dialin.workers.serve`.
    workers : int, optional
        One a processor core by default.
    blame : callable
        The error of a task and the `Loss` of the worker that had it.
    refuse : callable, optional
        The error of a task that is not to be done at all, or None; asked before it is given to a
        worker.
    environment : mapping of str to str
        Of the workers, besides the program's own.
    open_deadline : float
        Seconds that a request's `opening` may take.
    recycle : int
        Tasks after which a worker is replaced by a fresh one.
    max_growth : float
        Gibibytes a worker may grow before it is replaced (Linux).
    family : str, optional
        How workers connect; see `Door`.

    Notes
    -----
    Any thread may submit. Workers start when there is work for them. Everything that happens to
    them happens on the pool's own thread, which sleeps while there is nothing to do.
    """

    def __init__(
        self,
        module: str,
        workers: int | None,
        *,
        blame: Callable[[Task, Loss], DialinError],
        refuse: Callable[[Task], DialinError | None] = lambda task: None,
        environment: Mapping[str, str],
        open_deadline: float = START_DEADLINE,
        recycle: int = 2**62,
        max_growth: float = float("inf"),
        family: str | None = None,
    ) -> None:
        self.workers = workers if workers is not None else (os.cpu_count() or 1)
        if self.workers < 1:
            raise UsageError(f"a pool needs at least one worker, not {workers!r}")
        self._module = module
        self._blame = blame
        self._refuse = refuse
        self._environment = environment
        self._open_deadline = open_deadline
        self._recycle = recycle
        self._max_growth = max_growth
        self._family = family
        self._numbers = itertools.count()
        self._pid = os.getpid()
        self._buffers = Buffers()
        self._arrived: queue.SimpleQueue[tuple[int, Channel]] = queue.SimpleQueue()
        # Only the pool's thread touches the processes, and takes from those that wait.
        self._processes: list[WorkerProcess] = []
        self._waiting: deque[Task] = deque()
        # Guards what is below it.
        self._lock = threading.Condition(threading.RLock())
        self._doomed: set[Future[Result]] = set()
        self._closed = False
        self._rung = False
        self._folder: MemoryFolder | None = None
        self._thread: threading.Thread | None = None

    # -- life ---------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def process_ids(self) -> list[int]:
        """Ids of the workers that there are now."""
        return [worker.process.pid for worker in list(self._processes)]

    def root(self) -> Path:
        """Folder in memory that the pool and its workers see; made when it is first asked for.

        Returns
        -------
        Path

        Raises
        ------
        UsageError
            If the pool is closed, or belongs to the process that this one was forked from.
        """
        if os.getpid() != self._pid:
            raise UsageError("this pool belongs to the process that was forked; make a new one")
        with self._lock:
            if self._closed:
                raise UsageError("this pool is closed; make a new one")
            if self._folder is None:
                self._folder = MemoryFolder()
                atexit.register(self.close)
            return self._folder.path

    def scratch(self, prefix: str = "scratch") -> Path:
        """A fresh path in that folder.

        Parameters
        ----------
        prefix : str
            Of its name.

        Returns
        -------
        Path
        """
        return self.root() / f"{prefix}{next(self._numbers)}"

    def close(self) -> None:
        """End the workers, at work or not, and delete the folder. Idempotent."""
        if os.getpid() != self._pid:
            return  # in a fork of the program: the workers are the original's
        with self._lock:
            self._closed = True
            self._ring()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
            atexit.unregister(self.close)

    # -- from any thread ----------------------------------------------------------------------

    def submit(self, tasks: Sequence[Task]) -> list[Future[Result]]:
        """Have tasks done, as soon as there is a worker for them.

        Parameters
        ----------
        tasks : sequence of Task
            In the order in which they are begun.

        Returns
        -------
        list of Future of Result
            Their futures. An exception of one is no failure of a task but one of the program: a
            fault in a function, workers that cannot start, a pool that was closed.

        Raises
        ------
        UsageError
            If the pool is closed.
        """
        if not tasks:
            return []
        folder = self.root()
        with self._lock:
            if self._thread is None:
                self._bell, self._clapper = mpc.Pipe(duplex=False)
                self._door = Door(folder, self._let_in, self._family)
                self._thread = threading.Thread(target=self._tend, name="dialin-pool", daemon=True)
                self._thread.start()
            self._waiting.extend(tasks)
            self._ring()
        return [task.future for task in tasks]

    def finished(
        self, futures: Sequence[Future[Result]], *, kill: bool = False
    ) -> Iterator[tuple[int, Result]]:
        """Results as they come; whoever stops asking is owed nothing more.

        Parameters
        ----------
        futures : sequence of Future of Result
            From `submit`.
        kill : bool
            Whether what runs is ended when nobody asks any more. Interrupts always end it.

        Yields
        ------
        (int, Result)
            Index of the future.
        """
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index, future in enumerate(futures):
            future.add_done_callback(partial(_note, done, index))
        left = set(range(len(futures)))
        try:
            while left:
                index = _next(done)
                left.remove(index)
                yield index, futures[index].result()
        except BaseException as error:
            # Ctrl-C: the plugin may be what hangs.
            kill |= not isinstance(error, Exception | GeneratorExit)
            raise
        finally:
            if left:
                self.abandon([futures[index] for index in left], kill=kill)

    def abandon(self, futures: Sequence[Future[Result]], *, kill: bool = False) -> None:
        """Give up what was submitted.

        Parameters
        ----------
        futures : sequence of Future of Result
            What is not done yet will not be begun.
        kill : bool
            End the workers that are at it, and return when they are gone.
        """
        for future in futures:
            future.cancel()
        if kill:
            with self._lock:
                if self._thread is not None:
                    self._doomed.update(futures)
                    self._ring()
                    while self._doomed and self._thread is not None:
                        self._lock.wait(1.0)

    def _ring(self) -> None:
        """Wake the pool's thread; the lock is held."""
        if self._thread is not None and not self._rung:
            self._rung = True
            self._clapper.send_bytes(b"!")

    def _let_in(self, number: int, connection: Channel) -> None:
        self._arrived.put((number, connection))
        with self._lock:
            self._ring()

    # -- on the pool's own thread -------------------------------------------------------------

    def _tend(self) -> None:
        while not self._closed:
            try:
                self._put_down()
                self._feed()
                self._listen()
            except Exception as error:
                # A fault of this file, or no memory to start a worker with: nobody waits for ever.
                self._fail(error)
        for worker in self._processes:
            if not worker.tasks:
                worker.dismiss()
        for worker in self._processes:
            worker.stop(0.0 if worker.tasks else 0.5)
        self._fail(UsageError("this pool was closed while it was at work"))
        self._processes.clear()
        self._door.close()
        with self._lock:
            self._thread = None
            self._doomed.clear()
            self._lock.notify_all()
        while not self._arrived.empty():
            self._arrived.get()[1].close()
        self._bell.close()
        self._clapper.close()

    def _fail(self, error: Exception) -> None:
        tasks = [*self._waiting, *(t for w in self._processes for t, _ in w.tasks)]
        self._waiting.clear()
        for task in tasks:
            _settle(task, error)
        if not self._closed:
            # All of them: whichever gave rise to it would do so again.
            for worker in list(self._processes):
                worker.tasks.clear()
                self._remove(worker, keep_running=True)

    def _put_down(self) -> None:
        with self._lock:
            doomed = set(self._doomed)
        if not doomed:
            return
        for worker in [w for w in self._processes if w.tasks]:
            if worker.tasks[0][0].future in doomed:
                self._remove(worker, keep_running=False)
        with self._lock:
            self._doomed -= doomed
            self._lock.notify_all()

    def _feed(self) -> None:
        for worker in [w for w in self._processes if not w.tasks]:
            if worker.retiring or worker.process.poll() is not None:
                self._processes.remove(worker)
                worker.dismiss()
                worker.stop(0.2)
        if self._first() is None:
            return
        staying = [w for w in self._processes if not w.retiring]
        wanted = min(self.workers, len(self._waiting) + sum(bool(w.tasks) for w in staying))
        for _ in range(wanted - len(staying)):
            number = next(self._numbers)
            worker = WorkerProcess.start(
                self._module,
                self.root() / f"worker{number}",
                self._environment,
                self._door,
                number,
                self._open_deadline,
            )
            self._processes.append(worker)
            staying.append(worker)
        for depth in range(1, LOOK_AHEAD + 1):
            for worker in staying:
                # A task that could start at once elsewhere is not queued behind another.
                task = self._first()
                if task is None:
                    return
                if worker.takes(task, depth):
                    worker.give(self._waiting.popleft())

    def _first(self) -> Task | None:
        """The next task, without those that nobody wants and those that are refused."""
        while self._waiting:
            task = self._waiting[0]
            error = self._refuse(task)
            if error is None and not task.future.done():
                return task
            self._waiting.popleft()
            if error is not None:
                _settle(task, Result(failure=error))
        return None

    def _listen(self) -> None:
        busy = {w.connection: w for w in self._processes if w.tasks and w.connection is not None}
        coming = [w for w in self._processes if w.connection is None]
        sentinels = [w.sentinel for w in coming if w.sentinel is not None]
        now = time.monotonic()
        due = min((w.due() for w in self._processes if w.tasks), default=float("inf"))
        timeout = None if due == float("inf") else max(0.0, due - now) + 0.005
        if len(sentinels) < len(coming):
            timeout = GLANCE if timeout is None else min(timeout, GLANCE)
        for channel in mpc.wait([*busy, *sentinels, self._bell], timeout=timeout):
            if channel is self._bell:
                with self._lock:
                    self._bell.recv_bytes()
                    self._rung = False
            elif channel in busy:
                self._hear(busy[channel])
        while not self._arrived.empty():
            number, connection = self._arrived.get()
            for worker in coming:
                if worker.number == number and worker in self._processes:
                    worker.enter(connection)
                    break
            else:
                connection.close()
        now = time.monotonic()
        for worker in list(self._processes):
            if worker.connection is None:
                if worker.process.poll() is not None:
                    self._lose(worker)
                elif now > worker.due():
                    self._lose(worker, hung=True)
            elif worker.tasks and now > worker.due() and not worker.connection.poll():
                self._lose(worker, hung=True)

    def _hear(self, worker: WorkerProcess) -> None:
        assert worker.connection is not None
        outcome: Result | Exception
        try:
            kind, content, seconds = worker.connection.recv()
        except (EOFError, OSError) as error:
            # A reset means that it left something unread: where it had but one task, it died
            # before that, by another's hand, and the task may have another worker.
            unread = worker.deaf or isinstance(error, ConnectionResetError)
            if unread and worker.ready and len(worker.tasks) == 1:
                self._remove(worker, keep_running=True)
            else:
                self._lose(worker)
            return
        except Exception:
            # What it answered cannot be unpickled here.
            kind, content, seconds = "bug", traceback.format_exc(), 0.0
        if kind == "ready":
            worker.begin()
            return
        worker.since, worker.opening = time.monotonic(), kind == "opening"
        if kind in ("opening", "opened"):
            return
        task, slot = worker.tasks.popleft()
        worker.done += 1
        worker.last_seconds = seconds
        if kind == "large":
            outcome = Result(worker.arenas[slot].read(content, self._buffers), seconds=seconds)
        elif kind == "value":
            outcome = Result(content, seconds=seconds)
        elif kind == "error":
            outcome = Result(failure=content, seconds=seconds)
        else:
            outcome = RuntimeError(f"a function run in a worker process failed:\n{content}")
        _settle(task, outcome)
        worker.retiring = worker.has_aged(self._recycle, self._max_growth)

    def _lose(self, worker: WorkerProcess, *, hung: bool = False) -> None:
        """A worker died or hung: its running task has failed, those behind it go elsewhere."""
        running = worker.tasks[0][0] if worker.tasks else None
        if running is None:
            self._remove(worker, keep_running=True)
            return
        stage, printed = worker.stage(), worker.log()
        # Killed from outside (by a person, or by the system for its memory) it did nothing wrong,
        # and neither did what it was about to open. What was running has a second chance alone:
        # it may be what took the memory.
        chances = KILLED_RUNS if stage == "running" else KILLED_STARTS
        innocent = not hung and running.killed < chances
        if innocent and worker.was_killed(by_force=stage != "starting"):
            running.killed += 1
            self._remove(worker, keep_running=True)
            return
        limits = {"starting": START_DEADLINE, "opening": self._open_deadline}
        code = self._remove(worker, keep_running=False)
        loss = Loss(stage, hung, exit_name(code), limits.get(stage, running.deadline), printed)
        error = self._blame(running, loss)
        _settle(running, error if stage == "starting" else Result(failure=error))

    def _remove(self, worker: WorkerProcess, *, keep_running: bool) -> int:
        """End a worker; what it had not begun waits for another one, first in the queue."""
        if worker in self._processes:
            self._processes.remove(worker)
        tasks = [task for task, _ in worker.tasks][0 if keep_running else 1 :]
        worker.tasks.clear()
        self._waiting.extendleft(reversed(tasks))
        # A crashed process is waited for a moment: its own exit status says how it died.
        if not keep_running:
            with contextlib.suppress(Exception):
                if worker.connection is None or worker.connection.poll(0):
                    worker.process.wait(1.0)
        return worker.stop()


def _settle(task: Task, outcome: Result | Exception) -> None:
    # Cancelled where nobody wants it any more.
    with contextlib.suppress(InvalidStateError):
        if isinstance(outcome, Result):
            task.future.set_result(outcome)
        else:
            task.future.set_exception(outcome)


def _note(done: queue.SimpleQueue[int], index: int, _: Future[Result]) -> None:
    done.put(index)


def _next(done: queue.SimpleQueue[int]) -> int:
    while True:
        # On Windows, Ctrl-C interrupts no wait without an end.
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=1.0)
