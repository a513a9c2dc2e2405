"""The command that repeats a match of the studio, and what it leaves out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from dialin.web.requests import MatchRequest


def repeat_command(request: MatchRequest, paths: list[str]) -> str:
    """Command that repeats a match; of stretches, which it cannot carry, see `command_note`.

    Parameters
    ----------
    request : MatchRequest
        What was asked.
    paths : list of str
        Of the input and of each reference.

    Returns
    -------
    str
    """
    words = ["dialin", "match", paths[0]]
    for path, one in zip(paths[1:], request.references, strict=True):
        words.append(path if one.weight == 1 else f"{path}:{one.weight:g}")
    words += ["-o", "out/"]
    effects = effects_of(request) or []
    for name in [effects] if isinstance(effects, str) else effects:
        words += ["--fx", name]
    words += ["--budget", str(request.budget)] if request.budget else []
    words += ["--seconds", f"{request.seconds:g}"] if request.seconds else []
    words += ["--seed", str(request.seed)]
    words += ["--only", ",".join(request.only)] if request.only else []
    for name, value in (request.weights or {}).items():
        words += ["--weight", f"{name}={value:g}"]
    for name, value in (request.lock or {}).items():
        words += ["--lock", f"{name}={value:g}"]
    words += ["--keep"] if request.keep else []
    return shlex.join(words)


def effects_of(request: MatchRequest) -> str | list[str] | None:
    """Effects as `dialin.match` takes them: none where all is left to dialin.

    Parameters
    ----------
    request : MatchRequest
        What was asked.

    Returns
    -------
    str, list of str, or None
    """
    from dialin.matching.guessing.auto_families import AUTO

    return None if request.effects == AUTO else request.effects


def command_note(heard: Iterable[tuple[str, float, tuple[float, float] | None]]) -> str:
    """Which stretches were heard; empty where all is whole.

    Parameters
    ----------
    heard : iterable of (str, float, (float, float) or None)
        Of each recording its name, its length and its stretch (begin, length), in seconds.

    Returns
    -------
    str
    """
    chosen = [
        f"{name} from {stretch[0]:.2f} to {min(sum(stretch), seconds):.2f} s (of {seconds:.2f} s)"
        for name, seconds, stretch in heard
        if stretch is not None
    ]
    if not chosen:
        return ""
    return (
        f"This match heard only {' and '.join(chosen)}. The command hears whole recordings, and "
        "may find other settings: to repeat this very match, choose the same stretch in the "
        "studio, or give the command files that hold nothing else."
    )
