"""From a method's name, as people write it, to the method."""

from __future__ import annotations

from collections.abc import Mapping

from dialin.errors import UsageError
from dialin.evaluation.methods.baselines import (
    Default,
    Mean,
    NearestMethod,
    Random,
    UntouchedMethod,
)
from dialin.evaluation.methods.matchering import Matchering
from dialin.evaluation.methods.method import Method
from dialin.evaluation.methods.rules import Rules
from dialin.evaluation.methods.searches import PickMethod, Search, StIto
from dialin.evaluation.methods.systems import ModelMethod, load_foreign, load_system

ALL_BASELINES = (
    "untouched",
    "random",
    "default",
    "mean",
    "nearest",
    "rules",
    "search:100",
    "search:300",
)
"""What every table has, unless asked otherwise."""

_PLAIN: Mapping[str, Method] = {
    "untouched": UntouchedMethod(),
    "random": Random(),
    "default": Default(),
    "mean": Mean(),
    "nearest": NearestMethod(),
    "rules": Rules(),
    "matchering": Matchering(),
}
ORACLE = "true"
"""The true settings; the referee answers this one itself."""

KNOWN = (
    *_PLAIN,
    "search:N",
    "match:N",
    "guess:N",
    "plain:N",
    "refine:N:FOLDER",
    "pick:ENCODER:N",
    "st-ito:ENCODER:N",
    "model:FOLDER",
    "system:PACKAGE.MODULE/FACTORY:FOLDER",
    ORACLE,
)


def get_method(name: str) -> Method:
    """Method by name.

    Parameters
    ----------
    name : str
        Such as ``search:400``; `KNOWN` lists the forms.

    Returns
    -------
    Method

    Raises
    ------
    UsageError
        If there is none of that name, or its numbers make no sense.
    """
    kind, _, rest = name.partition(":")
    if name in _PLAIN:
        return _PLAIN[name]
    if kind == "nearest" and rest:
        return NearestMethod(name, _encoder(rest))
    if kind == "search" and rest:
        return Search(_budget(name, rest))
    if kind in ("match", "guess") and rest:
        return Search(_budget(name, rest), shipped=True, keep=kind == "guess")
    if kind == "plain" and rest:
        return Search(_budget(name, rest), keep=True)
    budget, _, folder = rest.partition(":")
    if kind == "refine" and folder:
        return Search(_budget(name, budget), folder)
    if kind in ("pick", "st-ito") and rest.count(":") == 1:
        encoder, budget = rest.split(":")
        make = PickMethod if kind == "pick" else StIto
        return make(_encoder(encoder), _budget(name, budget))
    if kind == "matchering" and rest:
        return Matchering(rest)
    if kind == "model" and rest:
        return ModelMethod(rest)
    code, _, folder = rest.partition(":")
    if kind == "system" and folder:
        return ModelMethod(folder, code)
    raise UsageError(f"there is no method {name!r}; choose from {', '.join(KNOWN)}")


def check_method(name: str) -> None:
    """Refuse a method whose model is not there, before a table is begun.

    A folder with ``{effect}`` in its name may be there for some effects only, and is left alone.

    Parameters
    ----------
    name : str
        Such as ``search:400``; `KNOWN` lists the forms.

    Raises
    ------
    UsageError
        If there is no such method, or no such model.
    """
    method = None if name == ORACLE else get_method(name)
    if isinstance(method, ModelMethod) and "{effect}" not in method.folder:
        load_foreign(method.code, method.folder) if method.code else load_system(method.folder)
    if isinstance(method, Search) and method.model and "{effect}" not in method.model:
        load_system(method.model)


def _encoder(text: str) -> str:
    # Only the first slash stands for a colon: what follows may be a folder.
    return text.replace("/", ":", 1)


def _budget(name: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"{name!r}: {text!r} is no number of renders; write 1 or more")
    return int(text)
