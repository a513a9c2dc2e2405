"""Families of effects that are looked for by themselves, and the order that they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialin.errors import UsageError

AUTO, DEFAULT = "auto", "default"
"""What people write in place of effects."""


@dataclass(frozen=True)
class Family:
    """Effects that do the same kind of thing.

    Attributes
    ----------
    name : str
        As in ``--fx auto:NAME``.
    title : str
        For people.
    effects : tuple of str
        Names of built-ins, without repeats; none where no built-in does it.
    usual : bool
        Whether it is looked for without being named.
    """

    name: str
    title: str
    effects: tuple[str, ...]
    usual: bool = True


FAMILIES = (
    Family("filters", "high-pass and low-pass", ("highpass", "lowpass")),
    Family("drive", "drive", ("distortion",)),
    Family("bitcrush", "bit crusher", ("bitcrush",), usual=False),
    Family("dynamics", "dynamics", ("compressor",)),
    Family("eq", "equaliser", ("lowshelf", "peak", "highshelf")),
    Family("modulation", "chorus, flanger, phaser", ("chorus", "phaser")),
    Family("delay", "delay", ("delay",)),
    Family("reverb", "reverb", ("reverb",)),
    Family("pitch", "pitch shift", ("pitch",), usual=False),
)

ORDER = (
    *("pitch", "highpass", "distortion", "compressor", "lowshelf", "peak", "peak", "highshelf"),
    *("lowpass", "chorus", "phaser", "delay", "reverb", "bitcrush"),
)
"""In which built-ins are put one behind the other, unless another order is heard: clean up, colour,
control the level, shape the tone, move, repeat, place in a room. Crushed samples can only be told
where nothing comes behind."""


def is_auto(effects: object) -> bool:
    """Whether it is left to dialin which effects to use.

    >>> is_auto("auto"), is_auto(["auto:drive,delay"]), is_auto("automaton"), is_auto(None)
    (True, True, False, False)

    Parameters
    ----------
    effects : object
        What was asked for.

    Returns
    -------
    bool
    """
    if effects is None:
        return False
    words = [effects] if isinstance(effects, str) else list(effects)  # type: ignore[call-overload]
    return len(words) == 1 and (words[0] == AUTO or str(words[0]).startswith(f"{AUTO}:"))


def wanted_families(effects: str | Sequence[str]) -> tuple[Family, ...]:
    """Families that ``auto`` or ``auto:drive,delay`` ask for.

    >>> [family.name for family in wanted_families("auto:delay,drive")]
    ['drive', 'delay']

    Parameters
    ----------
    effects : str or sequence of str
        For which `is_auto` holds.

    Returns
    -------
    tuple of Family
        In the order of `FAMILIES`.

    Raises
    ------
    UsageError
        If there is no family of a name.
    """
    text = effects if isinstance(effects, str) else effects[0]
    names = [word.strip() for word in text.partition(":")[2].split(",") if word.strip()]
    if not names:
        return tuple(family for family in FAMILIES if family.usual)
    known = {family.name: family for family in FAMILIES}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no family of effects {name!r}; use {', '.join(known)}")
    return tuple(family for family in FAMILIES if family.name in names)
