"""Tasks on a Ray cluster: each is repeated elsewhere if its node is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dialin.errors import MissingPackageError


def on_ray(
    function: Callable[..., Any], shared: Any, work: Iterable[Sequence[Any]]
) -> Iterator[Any]:
    """Yield ``function(shared, *each)`` for each piece of work as it is done, in any order.

    The cluster's address comes from ``RAY_ADDRESS``; without it Ray starts on this machine. Ray
    runs tasks on threads it chooses, where plugins must not be touched: a task that renders opens
    a `RenderPool` of its own.

    Parameters
    ----------
    function : callable
        At the top of a module.
    shared : object
        Sent to each node once.
    work : iterable of sequences
        Further arguments of each task.

    Yields
    ------
    object
        What the function returned.

    Raises
    ------
    MissingPackageError
        If Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError(
            "--engine ray needs Ray: pip install 'dialin[ray]', or use --engine local"
        ) from error
    own = not ray.is_initialized()
    if own:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        task: Any = ray.remote(max_retries=-1, num_cpus=1)(function)
        reference = ray.put(shared)
        waiting = [task.remote(reference, *each) for each in work]
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=1)
            yield ray.get(ready[0])
    finally:
        if own:
            ray.shutdown()
