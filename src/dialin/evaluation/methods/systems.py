"""The slots for trained systems: model folders of dialin, and systems of other people.

``model:FOLDER`` is a folder that dialin made. It is data: its ``kind`` chooses among `LOADERS`, and
nothing that it says is imported or run, so that a folder from a stranger can be tried.

``system:package.module/factory:FOLDER`` is a system of one's own. Its code is named by whoever
types the command, never by the folder: ``factory(folder)`` returns a `TrainedSystem`. The folder
holds whatever that needs and a ``config.json`` with at least::

    {"effect": "lv2:http://...",           URI it was trained on
     "spec_hash": "0123456789abcdef"}      EffectSpec.hash of that effect

The hash is checked against the task's effect, so that settings never land on the wrong knobs.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import ModelError
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods.method import Outcome, Tools
from dialin.files.reading import read_json
from dialin.networks import controller_runtime
from dialin.networks.configuration import CONFIG, LARGEST, read_config


class TrainedSystem(Protocol):
    """What a trained system must offer."""

    def settings(
        self, input: Audio, reference: Audio, sample_rate: int, spec: EffectSpec
    ) -> Settings:
        """Settings in [0, 1], in the order of `spec`, that make `input` sound like `reference`.

        Parameters
        ----------
        input, reference : ndarray, float32, shape (channels, samples)
            What is to be changed.
        sample_rate : int
            In hertz.
        spec : EffectSpec
            Of the effect.

        Returns
        -------
        ndarray, float64, shape (knobs,)
        """
        ...


LOADERS: Mapping[str, Callable[[Path], TrainedSystem]] = {
    controller_runtime.KIND: controller_runtime.load
}
"""What makes a system of a model folder, by the ``kind`` of its configuration."""


@functools.lru_cache(maxsize=8)
def load_system(folder: str) -> tuple[TrainedSystem, str, str]:
    """Load a model folder: the system, its effect's URI and its spec's hash.

    Parameters
    ----------
    folder : str
        Of a model that dialin made.

    Returns
    -------
    (TrainedSystem, str, str)
        System, URI and hash.

    Raises
    ------
    ModelError
        If the folder holds no model of a kind that answers with settings.
    """
    config = read_config(folder)
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in LOADERS:
        raise ModelError(
            f"{folder!r} holds a model of kind {kind!r}, of which none answers with settings; "
            f"known are {', '.join(LOADERS)}. Code of your own is named by you: "
            "system:package.module/factory:FOLDER"
        )
    return LOADERS[kind](Path(folder)), *_effect_of(config, folder)


@functools.lru_cache(maxsize=8)
def load_foreign(code: str, folder: str) -> tuple[TrainedSystem, str, str]:
    """Load a system by the code that a person named.

    Parameters
    ----------
    code : str
        ``package.module/factory``.
    folder : str
        That the code loads the system from.

    Returns
    -------
    (TrainedSystem, str, str)

    Raises
    ------
    ModelError
        If there is no such code, or the folder does not say which effect it is for.
    """
    module, slash, attribute = code.partition("/")
    if not (slash and module and attribute):
        raise ModelError(
            f"system:{code}:{folder} names no code; write system:package.module/factory:FOLDER"
        )
    file = Path(folder) / CONFIG
    try:
        if not file.is_file():
            raise ValueError(f"it needs a {CONFIG} of at most {LARGEST // 2**20} MB")
        config = read_json(file, LARGEST)
        effect, spec_hash = _effect_of(config, folder)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder!r} is no folder of a system: {error}") from error
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"the system {code!r} cannot be loaded: {error}; is its module on PYTHONPATH?"
        ) from error
    system: TrainedSystem = factory(Path(folder))
    return system, effect, spec_hash


def _effect_of(config: Any, folder: str) -> tuple[str, str]:
    values = [config.get(n) if isinstance(config, dict) else None for n in ("effect", "spec_hash")]
    if not all(isinstance(value, str) for value in values):
        raise ModelError(f"{folder!r}: its {CONFIG} needs effect and spec_hash")
    return str(values[0]), str(values[1])


def folder_of(name: str, spec: EffectSpec) -> str:
    """Model folder of an effect, with its name in the place of ``{effect}``.

    >>> spec = EffectSpec("lv2:http://drobilla.net/plugins/mda/Delay", "mda Delay", "lv2", ())
    >>> folder_of("runs/{effect}/model", spec)
    'runs/Delay/model'

    Parameters
    ----------
    name : str
        With or without ``{effect}``.
    spec : EffectSpec
        Of the effect.

    Returns
    -------
    str
    """
    return name.replace("{effect}", re.split(r"[/:]", spec.uri)[-1])


@dataclass(frozen=True)
class ModelMethod:
    """A trained system in a folder; ``{effect}`` in its name stands for the task's effect.

    Attributes
    ----------
    folder : str
    code : str
        ``package.module/factory`` that a person named; empty for a model folder of dialin.
    """

    folder: str
    code: str = ""

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"system:{self.code}:{self.folder}" if self.code else f"model:{self.folder}"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        folder = folder_of(self.folder, task.spec)
        loaded = load_foreign(self.code, folder) if self.code else load_system(folder)
        system, effect, spec_hash = loaded
        if spec_hash != task.spec.hash:
            raise ModelError(
                f"{folder!r} was trained on {effect} with spec {spec_hash}, this task has "
                f"{task.spec.uri} with spec {task.spec.hash}; use the model of that effect"
            )
        settings = system.settings(task.input, task.reference, task.sample_rate, task.spec)
        return Outcome(task.spec.uri, task.complete(settings), renders=1)
