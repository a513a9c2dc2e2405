"""Functions called in worker processes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Self

from dialin.errors import DialinError, WorkerError
from dialin.workers.pool import WorkerPool
from dialin.workers.sending import check_function, to_bytes
from dialin.workers.task import Loss, Result, Task

AHEAD = 4
"""Items a worker's share of those in flight: results wait for those before them."""

KEEP_MEMORY = {
    # Keeping what is freed (glibc); faulting pages anew costs a fifth of measuring timbre.
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=268435456:glibc.malloc.trim_threshold=268435456"
}


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
    Any thread may use it. Workers start when there is work for them.

    Examples
    --------
    >>> from operator import add
    >>> with CallPool(1) as pool:
    ...     list(pool.map(add, [(1, 2), (3, 4)]))
    [3, 7]
    """

    def __init__(self, workers: int | None = None, *, deadline: float | None = None) -> None:
        self._pool = WorkerPool(
            "dialin.workers.call", workers, blame=_blame, environment=KEEP_MEMORY
        )
        self.workers = self._pool.workers
        self.deadline = deadline

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, at work or not. Idempotent."""
        self._pool.close()

    def process_ids(self) -> list[int]:
        """Ids of the worker processes that there are now."""
        return self._pool.process_ids()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Result]:
        """Call a module-level function in a worker.

        Parameters
        ----------
        function : callable
            Importable by the workers.
        *arguments : object
            Picklable.

        Returns
        -------
        Future of Result
            The result's failure is a `DialinError` that the function raised, or a `WorkerError`
            where the worker died or outran its deadline. The future itself has an exception where
            no worker starts (`WorkerError`), the function raised anything else (`RuntimeError`,
            with the worker's traceback), or the pool was closed (`UsageError`).

        Raises
        ------
        UsageError
            If the function or its arguments cannot be sent to a worker, or the pool is closed.
        """
        check_function(function)
        deadline = math.inf if self.deadline is None else self.deadline
        task = Task(to_bytes((function, arguments)), "the call", deadline)
        return self._pool.submit([task])[0]

    def finished(self, futures: Sequence[Future[Result]]) -> Iterator[tuple[int, Result]]:
        """Results as they come; workers are ended that are at it when nobody asks any more.

        Parameters
        ----------
        futures : sequence of Future of Result
            From `submit`.

        Yields
        ------
        (int, Result)
            Index of the future, and its result.
        """
        yield from self._pool.finished(futures, kill=True)

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
        check_function(function)
        order: deque[Future[Result]] = deque()
        try:
            for given in arguments:
                order.append(self.submit(function, *given))
                if len(order) >= AHEAD * self.workers:
                    yield self._take(order, failures)
            while order:
                yield self._take(order, failures)
        finally:
            # Whoever stopped asking, or was stopped, is owed nothing more.
            if order:
                self._pool.abandon(order, kill=True)

    def _take(self, order: deque[Future[Result]], failures: bool) -> Any:
        ((_, result),) = self.finished([order[0]])
        order.popleft()
        if isinstance(result.failure, DialinError) and not failures:
            raise result.failure
        return result.value if result.failure is None else result.failure


def _blame(task: Task, loss: Loss) -> DialinError:
    how = f"was not done within {loss.limit:g} s" if loss.hung else f"died ({loss.how})"
    printed = f"; it printed: {loss.printed}" if loss.printed else ""
    if loss.stage == "starting":
        return WorkerError(f"a worker process could not start: it {how}{printed}")
    return WorkerError(f"the worker process that was at it {how}{printed}; is there enough memory?")
