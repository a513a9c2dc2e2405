"""How ``dialin match`` reads words: references with weights, a tempo, effects that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dialin.cli._console import Output, named_effects, number
from dialin.errors import UsageError


def parse_reference(text: str) -> tuple[Path, float]:
    """Read ``FILE`` or ``FILE:WEIGHT``; a file whose own name ends so is taken as the file.

    >>> parse_reference("a:b.wav:0.5")
    (PosixPath('a:b.wav'), 0.5)

    Parameters
    ----------
    text : str
        As given.

    Returns
    -------
    (Path, float)
        File and weight.

    Raises
    ------
    UsageError
        If the weight is not above 0.
    """
    head, colon, tail = text.rpartition(":")
    if not colon or not head or Path(text).exists():
        return Path(text), 1.0
    try:
        weight = float(tail)
    except ValueError:
        return Path(text), 1.0
    if not 0 < weight < float("inf"):
        raise UsageError(f"the weight of reference {text!r} must be above 0; write FILE:0.5")
    return Path(head), weight


def parse_tempo(text: str | None) -> float | Literal["auto"] | None:
    """Read ``--bpm``.

    >>> parse_tempo("97.5"), parse_tempo("AUTO"), parse_tempo(None)
    (97.5, 'auto', None)

    Parameters
    ----------
    text : str, optional
        As given.

    Returns
    -------
    float, "auto" or None

    Raises
    ------
    UsageError
        If it is neither a tempo nor ``auto``.
    """
    from dialin.effects.tempo import check_tempo

    if text is None or text.strip().lower() == "auto":
        return None if text is None else "auto"
    return check_tempo(number(text, option="--bpm", example="128, or auto"))


def chosen_effects(output: Output, names: Sequence[str] | None) -> list[str] | str | None:
    """URIs of the effects that were named; ``auto`` and ``default`` stand as they are.

    Parameters
    ----------
    output : Output
        Of the command.
    names : sequence of str, optional
        As given.

    Returns
    -------
    list of str, str, or None
        None where none was named.

    Raises
    ------
    UsageError
        If ``auto`` or ``default`` stands beside other effects, or a family is unknown.
    EffectNotFoundError
        If there is no effect of a name.
    """
    from dialin.matching.guessing.auto_families import AUTO, DEFAULT, is_auto, wanted_families
    from dialin.matching.songs.mixes import MASTERING_NAME, is_mastering

    named = list(names or ())
    if any(is_mastering(name) for name in named):
        if len(named) > 1:
            raise UsageError(
                f"--fx {MASTERING_NAME} is a chain of its own for whole songs, so it stands alone"
            )
        return MASTERING_NAME
    for name in named:
        if is_auto(name) or name == DEFAULT:
            if len(named) > 1:
                raise UsageError(
                    f"--fx {name} lets dialin choose the effects, so it stands alone; name "
                    f"families with --fx {AUTO}:drive,delay, or each effect with --fx"
                )
            if name != DEFAULT:
                wanted_families(name)
            return name
    return named_effects(output, named) if named else None
