"""What can be sent to a worker."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from dialin.errors import UsageError


def check_function(function: Callable[..., Any]) -> None:
    """Raise `UsageError` for a function that workers cannot import.

    Parameters
    ----------
    function : callable
        At the top of a module; a `functools.partial` of such a one will do.

    Raises
    ------
    UsageError
        If it is defined in the program's main script.
    """
    inner = getattr(function, "func", function)
    if getattr(inner, "__module__", None) == "__main__":
        raise UsageError(
            f"{getattr(inner, '__qualname__', inner)!r} is defined in the program's main script "
            "or a notebook, which worker processes do not import; move it to a module"
        )


def to_bytes(request: object) -> bytes:
    """Pickle a request.

    Parameters
    ----------
    request : object
        Plain data and functions of modules.

    Returns
    -------
    bytes

    Raises
    ------
    UsageError
        If something in it cannot be sent.
    """
    try:
        return pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"this cannot be sent to a worker process: {error}; use functions defined at the top "
            "of a module, and plain data"
        ) from error
