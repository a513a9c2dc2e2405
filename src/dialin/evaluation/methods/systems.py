"""The slot for trained systems: a model folder, and what its code must offer.

A model folder holds whatever a system needs and a ``config.json`` with at least::

    {"system": "package.module:load",      what makes it: load(folder) -> TrainedSystem
     "effect": "lv2:http://...",           URI it was trained on
     "spec_hash": "0123456789abcdef"}      EffectSpec.hash of that effect

The hash is checked against the task's effect, so that settings never land on the wrong knobs.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import UsageError
from dialin.evaluation.items import Task
from dialin.evaluation.methods.method import Outcome, Tools


class TrainedSystem(Protocol):
    """What a model folder's code must offer."""

    def settings(
        self, input: Audio, reference: Audio, sample_rate: int, spec: EffectSpec
    ) -> Settings:
        """Settings in [0, 1], in the order of `spec`, that make `input` sound like `reference`.

        Parameters
        ----------
        input, reference : ndarray, float32, shape (channels, samples)
        sample_rate : int
            In hertz.
        spec : EffectSpec
        """
        ...


_TURN = threading.Lock()


@functools.lru_cache(maxsize=8)
def load_system(folder: str) -> tuple[TrainedSystem, str, str]:
    """Load a model folder: the system, its effect's URI and its spec's hash.

    Raises
    ------
    UsageError
        If the folder has no ``config.json``, the file lacks a key, or its code cannot be imported.
    """
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
        module, colon, attribute = str(config["system"]).partition(":")
        effect, spec_hash = str(config["effect"]), str(config["spec_hash"])
        if not colon:
            raise ValueError(f"system = {module!r}, not package.module:function")
        load = getattr(importlib.import_module(module), attribute)
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        raise UsageError(
            f"{folder!r} is no model folder: {type(error).__name__} {error}; its config.json needs "
            "system, effect and spec_hash"
        ) from error
    system: TrainedSystem = load(Path(folder))
    return system, effect, spec_hash


def folder_of(name: str, spec: EffectSpec) -> str:
    """Model folder of an effect, with its name in the place of ``{effect}``.

    >>> spec = EffectSpec("lv2:http://drobilla.net/plugins/mda/Delay", "mda Delay", "lv2", ())
    >>> folder_of("runs/{effect}/model", spec)
    'runs/Delay/model'
    """
    return name.replace("{effect}", re.split(r"[/:]", spec.uri)[-1])


@dataclass(frozen=True)
class Model:
    """A trained system in a folder; ``{effect}`` in its name stands for the task's effect."""

    folder: str

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"model:{self.folder}"

    def __call__(self, task: Task, tools: Tools) -> Outcome:
        """Answer."""
        folder = folder_of(self.folder, task.spec)
        with _TURN:  # networks bring threads of their own, and few like to be called twice at once
            system, effect, spec_hash = load_system(folder)
            if spec_hash != task.spec.hash:
                raise UsageError(
                    f"{folder!r} was trained on {effect} with spec {spec_hash}, this task has "
                    f"{task.spec.uri} with spec {task.spec.hash}; use the model of that effect"
                )
            found = system.settings(task.input, task.reference, task.sample_rate, task.spec)
        return Outcome(task.spec.uri, task.complete(found), renders=1)
