"""Functions called in worker processes, results in order."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import connection as mpc
from pathlib import Path
from typing import Any, Self

from dialin.errors import DialinError, UsageError, WorkerError
from dialin.workers.start import (
    KILLED_STARTS,
    START_DEADLINE,
    Interpreter,
    end_of_log,
    exit_name,
    start_interpreter,
)

AHEAD = 4
"""Items a worker's share of those in flight: results wait for those before them."""

KEEP_MEMORY = {
    # Keeping what is freed (glibc); faulting pages anew costs a fifth of measuring timbre.
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=268435456:glibc.malloc.trim_threshold=268435456"
}


@dataclass(eq=False)
class _Call:
    number: int
    payload: bytes


@dataclass(eq=False)
class _Worker:
    interpreter: Interpreter
    folder: Path
    since: float = field(default_factory=time.monotonic)
    ready: bool = False
    call: _Call | None = None


class CallPool:
    """Worker processes that call functions.

    Parameters
    ----------
    workers : int, optional
        One a processor core by default.
    deadline : float, optional
        Seconds a call may take before its worker is ended and the call has failed; none by default.

    Notes
    -----
    One thread at a time. Workers start when there is work for them. Linux and macOS.

    Examples
    --------
    >>> from operator import add
    >>> with CallPool(1) as pool:
    ...     list(pool.map(add, [(1, 2), (3, 4)]))
    [3, 7]
    """

    def __init__(self, workers: int | None = None, *, deadline: float | None = None) -> None:
        self.workers = workers if workers is not None else (os.cpu_count() or 1)
        if self.workers < 1:
            raise UsageError(f"a pool needs at least one worker, not {workers!r}")
        self.deadline = deadline
        self._workers: list[_Worker] = []
        self._folder: Path | None = None
        self._numbers = count()
        self._killed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, at work or not. Idempotent."""
        for worker in self._workers:
            if worker.call is None:
                with contextlib.suppress(OSError):
                    worker.interpreter.connection.send(None)
        for worker in self._workers:
            worker.interpreter.close()
        self._workers.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def map(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        failures: bool = False,
    ) -> Iterator[Any]:
        """Call a module-level function with many tuples of arguments; results in their order.

        Parameters
        ----------
        function : callable
            Importable by the workers.
        arguments : iterable of tuple
            Taken as they are needed, a few for each worker ahead.
        failures : bool
            Yield a `DialinError` in the place of its result instead of raising it: those that the
            function raises, and `WorkerError` where the worker died or outran its deadline.

        Yields
        ------
        object
            What the function returned, in the order of `arguments`.

        Raises
        ------
        WorkerError
            Where a worker died or outran its deadline, unless `failures`; and where none starts.
        RuntimeError
            Where the function raised anything but a `DialinError`: with the worker's traceback.
        UsageError
            If the function or its arguments cannot be sent to a worker.
        """
        _check(function)
        waiting = iter(arguments)
        order: deque[int] = deque()
        queue: deque[_Call] = deque()
        results: dict[int, Any] = {}
        exhausted = False
        try:
            while True:
                while not exhausted and len(order) < AHEAD * self.workers:
                    given = next(waiting, None)
                    if given is None:
                        exhausted = True
                        break
                    call = _Call(next(self._numbers), _pickle(function, given))
                    order.append(call.number)
                    queue.append(call)
                if not order:
                    return
                self._feed(queue)
                while order and order[0] in results:
                    result = results.pop(order.popleft())
                    if isinstance(result, DialinError) and not failures:
                        raise result
                    yield result
                    if not exhausted:
                        break
                else:
                    if order:
                        self._listen(queue, results)
        finally:
            # Whoever stopped asking, or was stopped, is owed nothing more.
            for worker in [w for w in self._workers if w.call is not None]:
                self._end(worker)

    def _feed(self, queue: deque[_Call]) -> None:
        busy = sum(w.call is not None for w in self._workers)
        while len(self._workers) < min(self.workers, busy + len(queue)):
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="dialin-workers-"))
            folder = self._folder / str(next(self._numbers))
            interpreter = start_interpreter("dialin.workers.serve", folder, KEEP_MEMORY)
            self._workers.append(_Worker(interpreter, folder))
        for worker in self._workers:
            if worker.call is None and queue:
                worker.call, worker.since = queue.popleft(), time.monotonic()
                # A worker that is dead says so when it is read from.
                with contextlib.suppress(OSError):
                    worker.interpreter.connection.send(worker.call.payload)

    def _listen(self, queue: deque[_Call], results: dict[int, Any]) -> None:
        busy: dict[Any, _Worker] = {
            w.interpreter.connection: w for w in self._workers if w.call is not None
        }
        now = time.monotonic()
        due = [w.since + limit - now for w in busy.values() if (limit := self._limit(w))]
        for channel in mpc.wait(list(busy), timeout=max(0.0, min(due)) if due else None):
            worker = busy[channel]
            try:
                kind, content = worker.interpreter.connection.recv()
            except (EOFError, OSError):
                self._lose(worker, queue, results, None)
                continue
            if kind == "ready":
                worker.ready, worker.since = True, time.monotonic()
                continue
            call, worker.call = worker.call, None
            assert call is not None
            if kind == "bug":
                raise RuntimeError(f"a function run in a worker process failed:\n{content}")
            results[call.number] = content
        now = time.monotonic()
        for worker in list(self._workers):
            limit = self._limit(worker) if worker.call is not None else None
            if limit is not None and now > worker.since + limit:
                self._lose(worker, queue, results, limit)

    def _limit(self, worker: _Worker) -> float | None:
        return self.deadline if worker.ready else START_DEADLINE

    def _lose(
        self,
        worker: _Worker,
        queue: deque[_Call],
        results: dict[int, Any],
        limit: float | None,
    ) -> None:
        call, log = worker.call, end_of_log(worker.folder)
        if limit is None:
            with contextlib.suppress(Exception):
                worker.interpreter.process.wait(1.0)
        code = self._end(worker)
        how = f"died ({exit_name(code)})" if limit is None else f"was not done within {limit:g} s"
        printed = f"; it printed: {log}" if log else ""
        if not worker.ready and code < 0 and limit is None and self._killed < KILLED_STARTS:
            # It did nothing wrong: somebody killed it, or the system did for its memory.
            self._killed += 1
            if call is not None:
                queue.appendleft(call)
            return
        if not worker.ready:
            raise WorkerError(f"a worker process could not start: it {how}{printed}")
        assert call is not None
        results[call.number] = WorkerError(
            f"the worker process that was at it {how}{printed}; is there enough memory?"
        )

    def _end(self, worker: _Worker) -> int:
        self._workers.remove(worker)
        code = worker.interpreter.close()
        shutil.rmtree(worker.folder, ignore_errors=True)
        return code


def _check(function: Callable[..., Any]) -> None:
    inner = getattr(function, "func", function)
    if getattr(inner, "__module__", None) == "__main__":
        raise UsageError(
            f"{getattr(inner, '__qualname__', inner)!r} is defined in the program's main script "
            "or a notebook, which worker processes do not import; move it to a module"
        )


def _pickle(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"this cannot be sent to a worker process: {error}; use functions defined at the top "
            "of a module, and plain data"
        ) from error
