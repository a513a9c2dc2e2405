"""From plain data, as TOML and JSON hold it, to frozen dataclasses; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dialin.errors import RecipeError


def build(kind: Any, value: Any, where: str = "", base: Any = None) -> Any:
    """Turn plain data into `kind`, naming the place of whatever does not fit.

    A table that names some keys leaves the others at the defaults of the place where it stands,
    which need not be those of its kind.

    Parameters
    ----------
    kind : type
        A dataclass, ``Literal``, tuple, mapping or plain type.
    value : object
        What a TOML or JSON file said.
    where : str
        Name of the place, for messages.
    base : object, optional
        The default that stands in this place.

    Returns
    -------
    object
        Of `kind`.

    Raises
    ------
    RecipeError
        If a key is unknown or lacking, or a value is of the wrong type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        make: Any = kind
        if not isinstance(value, Mapping):
            raise RecipeError(f"{where} = {value!r:.200} in the recipe: a table was expected")
        hints = get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)]
        unknown = sorted(set(value) - set(names))
        if unknown:
            raise RecipeError(
                f"the recipe does not know {where + '.' if where else ''}{unknown[0]}; "
                f"allowed here: {', '.join(names)}"
            )
        defaults = vars(base) if isinstance(base, make) else _defaults(kind)
        lacking = [name for name in names if name not in defaults and name not in value]
        if lacking:
            raise RecipeError(f"the recipe lacks {where + '.' if where else ''}{lacking[0]}")
        prefix = f"{where}." if where else ""
        given = {k: build(hints[k], v, prefix + k, defaults.get(k)) for k, v in value.items()}
        return make(**{**defaults, **given})
    if origin is Literal:
        if value not in arguments:
            raise RecipeError(
                f"{where} = {value!r:.200} in the recipe: use one of {list(arguments)}"
            )
        return value
    if origin is tuple and isinstance(value, list | tuple):
        if arguments[-1] is Ellipsis:
            return tuple(build(arguments[0], v, where) for v in value)
        if len(value) == len(arguments):
            return tuple(build(a, v, where) for a, v in zip(arguments, value, strict=True))
        raise RecipeError(
            f"{where} = {list(value)} in the recipe: {len(arguments)} values expected"
        )
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {k: build(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise RecipeError(
                f"{where} = {value!r:.40} in the recipe: a finite number was expected"
            )
        return number
    if origin in (Union, types.UnionType) or not isinstance(kind, type) or origin is not None:
        raise RecipeError(f"{where} = {value!r:.200} in the recipe is of the wrong type")
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise RecipeError(f"{where} = {value!r:.200} in the recipe: {kind.__name__} was expected")


def _defaults(kind: Any) -> dict[str, Any]:
    """Defaults of a dataclass's fields, of those that have any."""
    defaults = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
    return defaults


def between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside its range by its name in the recipe.

    Parameters
    ----------
    name : str
        As the recipe spells it.
    value : float
        What the recipe says.
    low : float
        Least value allowed.
    high : float
        Largest value allowed.

    Raises
    ------
    RecipeError
        If it lies outside.
    """
    if not low <= value <= high:
        raise RecipeError(f"{name} = {value!r:.40} in the recipe: use {low:g} to {high:g}")
