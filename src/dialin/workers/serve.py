"""A worker that calls functions: ``python -m dialin.workers.serve SOCKET LIFELINE FOLDER``.

It gets pickled ``(function, arguments)`` from the program that started it, ``None`` to stop, and
answers ``("value", result)``, ``("error", exception)`` for a `DialinError`, or ``("bug", text)``.
"""

from __future__ import annotations

import os
import pickle
import traceback
from typing import Any

from dialin.errors import DialinError
from dialin.workers.start import serve_arguments


def main() -> None:
    """Entry point of a worker process."""
    connection, _ = serve_arguments()
    connection.send(("ready", os.getpid()))
    while True:
        try:
            payload = connection.recv()
        except (EOFError, OSError):
            break
        if payload is None:
            break
        try:
            connection.send(_answer(payload))
        except (BrokenPipeError, OSError):
            break
        except Exception:
            # What cannot be pickled.
            connection.send(("bug", traceback.format_exc()))
    os._exit(0)


def _answer(payload: bytes) -> tuple[str, Any]:
    try:
        function, arguments = pickle.loads(payload)
        return "value", function(*arguments)
    except DialinError as error:
        return "error", error
    except Exception:
        return "bug", traceback.format_exc()


if __name__ == "__main__":
    main()
