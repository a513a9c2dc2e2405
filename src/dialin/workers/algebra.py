"""Linear algebra on one thread, in a process that is not dialin's own.

NumPy's OpenBLAS starts a thread a core, which wait for each other by spinning. The matrices here
are small, and the cores are the workers'.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)
"""How builds of OpenBLAS name the functions that ``get`` and ``set`` threads."""

Control = tuple[Callable[[], int], Callable[[int], object]]


def thread_controls() -> list[Control]:
    """What tells and sets the number of threads of each OpenBLAS that is loaded (Linux).

    Returns
    -------
    list of (callable, callable)
        Empty where there is none.
    """
    if not sys.platform.startswith("linux"):
        return []
    try:
        maps = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    paths = {line.partition("/")[2] for line in maps if "openblas" in line.lower()}
    controls: list[Control] = []
    for path in sorted(paths):
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(f"/{path}")
            for name in NAMES:
                told = getattr(library, name.format("get"), None)
                setting = getattr(library, name.format("set"), None)
                if told is not None and setting is not None:
                    controls.append((told, setting))
                    break
    return controls


@contextlib.contextmanager
def one_thread_of_algebra() -> Iterator[None]:
    """Have OpenBLAS use one thread inside a ``with`` block, and as many as before behind it.

    Whoever finds one thread changes nothing, so that blocks of several threads may overlap.
    """
    before = [(setting, count) for told, setting in thread_controls() if (count := told()) > 1]
    for setting, _ in before:
        setting(1)
    try:
        yield
    finally:
        for setting, count in before:
            setting(count)
