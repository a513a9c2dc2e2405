"""How workers of a `CallPool` answer: they call the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dialin.workers.session import Session


def handler(session: Session) -> Callable[[Any], Any]:
    """Make what answers requests.

    Parameters
    ----------
    session : Session
        Of the worker.

    Returns
    -------
    callable
        Takes ``(function, arguments)``.
    """

    def answer(request: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
        function, arguments = request
        return function(*arguments)

    return answer
