"""What a training of guessing networks keeps on disk, so that a stopped one goes on.

A folder holds ``state.pt`` (networks, their optimisers, how long they have learnt) and numbered
files of the groups that were rendered, each written once.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from dialin.errors import OutputError
from dialin.files import atomic_file, uninterrupted
from dialin.training.guess_learner import Learner
from dialin.training.guess_store import GroupStore

STATE = "state.pt"


class GuessCheckpoint:
    """A training that is not done.

    Parameters
    ----------
    folder : Path
        Its own; made by the first `save`.
    asked : mapping
        What makes two trainings the same: plain data.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self.folder, self.asked = folder, dict(asked)
        self._kept: dict[str, int] = {}

    @property
    def round(self) -> int:
        """How many files of groups there are: renders of each are drawn by other numbers."""
        return len(self._groups())

    def _groups(self) -> list[Path]:
        return sorted(self.folder.glob("groups-*.pt"))

    def load(self, learners: Mapping[str, Learner]) -> float:
        """Take up what was kept.

        Parameters
        ----------
        learners : mapping of str to Learner
            As they begin; they get what the others had.

        Returns
        -------
        float
            Seconds of learning that are done; 0 where nothing was kept.

        Raises
        ------
        OutputError
            If another training is kept there, or it cannot be read.
        """
        path = self.folder / STATE
        if not path.is_file():
            return 0.0
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["asked"] != self.asked:
                raise OutputError(
                    f"{str(self.folder)!r} holds an unfinished training of something else "
                    f"({state['asked']}, and not {self.asked}); give --output another folder, or "
                    "delete this one"
                )
            for file in self._groups():
                for key, rows in torch.load(file, map_location="cpu", weights_only=True).items():
                    name, _, part = key.partition("/")
                    if name in learners:
                        store: GroupStore = getattr(learners[name], part)
                        store.add_rows(rows)
            for name, learner in learners.items():
                learner.load_state_dict(state["learners"][name])
        except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.PickleError) as error:
            raise OutputError(
                f"the unfinished training in {str(self.folder)!r} cannot be read ({error}); delete "
                "that folder to begin again"
            ) from error
        for key, store in _stores(learners):
            self._kept[key] = store.count
        return float(state["seconds"])

    def save(self, learners: Mapping[str, Learner], seconds: float) -> None:
        """Keep groups that are new, and the networks; Ctrl-C waits until that is done.

        Parameters
        ----------
        learners : mapping of str to Learner
            As they are.
        seconds : float
            Of learning that are done.

        Raises
        ------
        OutputError
            If it cannot be written; what was kept before stays.
        """
        with uninterrupted():
            self._save(learners, seconds)

    def _save(self, learners: Mapping[str, Learner], seconds: float) -> None:
        fresh = {
            key: store.rows(self._kept.get(key, 0))
            for key, store in _stores(learners)
            if store.count > self._kept.get(key, 0)
        }
        if fresh:
            groups = self.folder / f"groups-{self.round:05d}.pt"
            with atomic_file(groups, overwrite=False, parents=True) as part:
                _write(part, fresh)
            self._kept = {key: store.count for key, store in _stores(learners)}
        state = {
            "asked": self.asked,
            "seconds": seconds,
            "learners": {name: learner.state_dict() for name, learner in learners.items()},
        }
        with atomic_file(self.folder / STATE, parents=True) as part:
            _write(part, state)

    def forget(self) -> None:
        """Delete what was kept: the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _write(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        torch.save(content, file)


def _stores(learners: Mapping[str, Learner]) -> Iterator[tuple[str, GroupStore]]:
    for name, learner in learners.items():
        yield f"{name}/train", learner.train
        yield f"{name}/valid", learner.valid
