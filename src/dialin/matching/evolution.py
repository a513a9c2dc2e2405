"""CMA-ES of the `cmaes` package, without what the package imports besides.

Its `__init__` imports scipy.stats for the margin variant alone: a third of a second, most of which
is SciPy reading its own documentation.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import Any


@functools.cache
def plain_cma() -> Any:
    """The class `cmaes.CMA`, from its own file where the package was not imported yet.

    Returns
    -------
    type
    """
    module = sys.modules.get("cmaes")
    spec = None if module is not None else importlib.util.find_spec("cmaes")
    if spec is not None and spec.origin is not None:
        place = Path(spec.origin).with_name("_cma.py")
        alone = importlib.util.spec_from_file_location("dialin.matching._cma", place)
        if place.is_file() and alone is not None and alone.loader is not None:
            module = importlib.util.module_from_spec(alone)
            try:
                alone.loader.exec_module(module)
            except ImportError:
                # A version whose files lean on each other.
                module = None
    if not hasattr(module, "CMA"):
        import cmaes

        module = cmaes
    assert module is not None
    return module.CMA
