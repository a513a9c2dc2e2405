"""The command line. It parses and shows; everything is computed in the rooms below.

Commands import what they need when they run, so that ``dialin --help`` stays quick.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with an exit code that tells the kind of error.

    0 done, 1 unexpected, 2 usage, 3 audio, 4 effect, 5 render, 6 preset, 7 output, 130 Ctrl-C,
    143 and 129 where the system ended it (SIGTERM, SIGHUP).
    """
    # One thread of linear algebra, as in the workers, unless somebody wants more: the matrices here
    # are small, and threads that wait for each other took half of all processor time. It is read
    # when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dialin.files.text import register_bytes_of_names
    from dialin.quick_imports import collect_rarely

    collect_rarely()
    _open_closed_streams()
    errors = register_bytes_of_names()
    for stream in (sys.stdout, sys.stderr):
        # A terminal of an odd locale gets question marks for what it cannot show, not a crash,
        # and another program the bytes of a file's name.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=errors)
    try:
        from dialin.cli.app import app

        app(prog_name="dialin")
    except KeyboardInterrupt:
        # Only here while modules load or at exit: a command's own Ctrl-C is handled inside it.
        raise SystemExit(130) from None
    except OSError as error:
        # Only here where help or the version was printed.
        from dialin.cli._console import Output, is_full, say_full

        if not is_full(error):
            raise
        raise SystemExit(say_full(Output(), error)) from None


def _open_closed_streams() -> None:
    """Put the null device where a caller closed a standard stream (``dialin ... >&-``).

    Otherwise the next file that is opened would take the stream's place, and whatever is printed
    would land in it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        # The lowest free number is taken, and those before it are open by now.
        descriptor = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(descriptor, descriptor == number)
        setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))
