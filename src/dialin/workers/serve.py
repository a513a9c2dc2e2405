"""A worker process: ``python -m dialin.workers.serve MODULE``, started by `dialin.workers.start`.

The module's ``handler``, called with the worker's `Session`, makes what answers requests. Nothing
imports this file: run as a program, it would be there twice.
"""

from __future__ import annotations

import importlib
import os
import sys

from dialin.quick_imports import collect_rarely, import_array_api
from dialin.workers.session import Session
from dialin.workers.start import come_in


def main() -> None:
    """Entry point of a worker process."""
    collect_rarely()
    connection, folder = come_in()
    session = Session(connection, folder)
    import_array_api()
    module = importlib.import_module(sys.argv[1])
    session.run(module.handler(session))
    # Plugins may crash in their destructors; everything is said, so leave without them.
    os._exit(0)


if __name__ == "__main__":
    main()
