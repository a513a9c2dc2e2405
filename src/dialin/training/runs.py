"""Whose a run's folder is, and whether it may be used. No torch.

``recipe.json`` says which recipe a folder belongs to. As long as there is no checkpoint beside it
nothing is lost, so another recipe may take the folder over, unless the process that began it is
still at work.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from dialin.errors import OutputError
from dialin.files import write_json
from dialin.files.reading import read_json
from dialin.files.system import is_running
from dialin.training.config import identity, to_plain

LAST, BEST, RECIPE = "last.ckpt", "best.ckpt", "recipe.json"

PARAMETERS = "parameters"
"""Folder of a controller's first stage in that of its run."""


def claim(folder: Path, stage: str, recipe: Any, *, resume: bool) -> Path | None:
    """See to it that a run's folder is this recipe's; returns the checkpoint to go on from.

    Where and how long it runs (``loop``, ``diagnostics``) may change between runs.

    Parameters
    ----------
    folder : Path
        Of the run.
    stage : str
        Name of what is trained.
    recipe : object
        Of the run, a dataclass.
    resume : bool
        Whether a run that is there may be taken up.

    Returns
    -------
    Path or None
        None for a new run.

    Raises
    ------
    OutputError
        As `check_claim` does, or if the folder cannot be written.
    """
    check_claim(folder, stage, recipe, resume=resume)
    there, last = folder / RECIPE, folder / LAST
    if last.is_file() and there.is_file():
        return last
    if there.is_file() and not is_first_process():
        return None
    body = {
        "stage": stage,
        "identity": identity(recipe),
        "recipe": to_plain(recipe),
        "process": [socket.gethostname(), os.getpid()],
    }
    write_json(there, body, sort_keys=True, parents=True)
    return None


def check_claim(folder: Path, stage: str, recipe: Any, *, resume: bool) -> None:
    """Refuse a folder that is not this recipe's to use; changes nothing.

    Parameters
    ----------
    folder : Path
        Of the run.
    stage : str
        Name of what is trained.
    recipe : object
        Of the run, a dataclass.
    resume : bool
        Whether a run that is there may be taken up.

    Raises
    ------
    OutputError
        If it holds another recipe's run, or a run that is not to be taken up.
    """
    there = folder / RECIPE
    if not there.is_file():
        return
    try:
        theirs = dict(read_json(there))
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(
            f"{str(there)!r} does not say whose run this is ({error}); use another folder"
        ) from error
    if not is_first_process():
        return
    if not resume:
        refuse_run(folder)
    elif (folder / LAST).is_file() and (theirs.get("stage"), theirs.get("identity")) != (
        stage,
        identity(recipe),
    ):
        raise OutputError(
            f"{str(folder)!r} holds a run of another recipe (stage {theirs.get('stage')}, "
            f"{_differences(theirs.get('recipe') or {}, to_plain(recipe))}); use another folder"
        )


def refuse_run(folder: Path) -> None:
    """Raise `OutputError` if a folder holds a run: something trained, or somebody at work.

    Parameters
    ----------
    folder : Path
        Of the run.

    Raises
    ------
    OutputError
        If it does.
    """
    if not (folder / RECIPE).is_file():
        return
    if (folder / LAST).is_file():
        raise OutputError(
            f"{str(folder)!r} holds a run already; go on with --resume, or name another folder"
        )
    if _at_work(folder):
        raise OutputError(
            f"another process began a run in {str(folder)!r} and is at work; wait for it, or name "
            "another folder"
        )


def _at_work(folder: Path) -> bool:
    """Whether the process that began a run lives, as far as can be told from here."""
    try:
        host, process = read_json(folder / RECIPE)["process"]
    except (OSError, ValueError, TypeError, KeyError):
        return False
    if host != socket.gethostname() or process == os.getpid():
        return False
    try:
        return is_running(int(process))
    except (OSError, ValueError, OverflowError):
        return False


def is_first_process() -> bool:
    """Whether this is the process that was started by a person, not one that Lightning started."""
    names = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


def _differences(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    ours = json.loads(json.dumps(ours))
    changed = []
    for table in sorted((set(theirs) | set(ours)) - {"loop", "diagnostics"}):
        a, b = theirs.get(table), ours.get(table)
        if isinstance(a, dict) and isinstance(b, dict):
            changed += [f"{table}.{key}" for key in a | b if a.get(key) != b.get(key)]
        elif a != b:
            changed.append(table)
    return f"different: {', '.join(changed) or 'nothing known'}"
