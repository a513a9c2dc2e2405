"""What trained controllers say before a search: where it should look first.

A controller (`dialin.networks.controller_runtime`) answers at once from the two recordings alone.
It was trained on what listening to a render cannot tell, other music with the same settings, but
knows its own training data only; so its answers are tried first, and the search goes on from them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dialin.audio import Audio, resample
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.networks.controller_runtime import RuntimeController

DRAWN = 4
"""Answers taken of a controller that gives a distribution."""

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Learned:
    """Controllers of a chain's effects.

    Attributes
    ----------
    controllers : dict of int to RuntimeController
        By slot.
    folders : tuple of str
        Where they came from.
    notes : tuple of str
        What the person should know.
    """

    controllers: dict[int, RuntimeController]
    folders: tuple[str, ...]
    notes: tuple[str, ...]


def find_learned(slots: Sequence[EffectSpec], models: Sequence[Folder] | None) -> Learned:
    """Controllers of the effects of a chain.

    Parameters
    ----------
    slots : sequence of EffectSpec
        Of the chain's effects.
    models : sequence of path-like, optional
        Model folders; without, those that are kept for these effects (`dialin.networks.store`).

    Returns
    -------
    Learned

    Raises
    ------
    UsageError
        If a folder that was named holds no controller, or one of an effect that is not in the
        chain.
    """
    from dialin.networks.store import find_model

    controllers: dict[int, RuntimeController] = {}
    folders: list[str] = []
    if models is not None:
        for folder in models:
            from dialin.networks.controller_runtime import RuntimeController

            controller = RuntimeController(folder)
            wanted = controller.config["spec_hash"]
            indices = [n for n, spec in enumerate(slots) if spec.hash == wanted]
            if not indices:
                raise UsageError(
                    f"the model {str(folder)!r} was trained on {controller.config['effect']} with "
                    f"spec {wanted}, which is not among the effects: "
                    f"{', '.join(f'{s.uri} (spec {s.hash})' for s in slots)}"
                )
            controllers |= dict.fromkeys(indices, controller)
            folders.append(str(folder))
        return Learned(controllers, tuple(folders), ())
    notes: list[str] = []
    for number, spec in enumerate(slots):
        try:
            kept = find_model(spec)
            if kept is None:
                continue
            from dialin.networks.controller_runtime import RuntimeController

            controllers[number] = _again(kept, controllers) or RuntimeController(kept)
        except UsageError as error:
            # What a person did not ask for in this match must not stop it.
            notes.append(f"the model that is kept for {spec.name} was not used: {error}")
            continue
        folders.append(str(kept))
    return Learned(controllers, tuple(dict.fromkeys(folders)), tuple(dict.fromkeys(notes)))


def _again(folder: Path, controllers: dict[int, RuntimeController]) -> RuntimeController | None:
    """The controller of an effect that is in the chain twice."""
    return next((c for c in controllers.values() if c.folder == folder), None)


def guesses(
    learned: Learned,
    chain: EffectSpec,
    slots: Sequence[EffectSpec],
    input: tuple[Audio, int],
    references: Sequence[tuple[Audio, int]],
    seed: int,
) -> list[Settings]:
    """Settings of the whole chain that the controllers propose, the likeliest first.

    Effects without a controller stay at their defaults. Each reference gives answers of its own.

    Parameters
    ----------
    learned : Learned
        Controllers by effect.
    chain : EffectSpec
        Spec of the whole chain.
    slots : sequence of EffectSpec
        Specs of its effects, in order.
    input, references : tuples of audio ``(channels, samples)`` and rate in hertz
        Recordings, each with its rate.
    seed : int
        Of what is drawn from a controller's distribution.

    Returns
    -------
    list of ndarray
    """
    if not learned.controllers:
        return []
    rng = np.random.default_rng([seed, 3])
    spans = [span for _, _, span in chain_slots(chain)]
    sound, rate = input
    result: list[Settings] = []
    for reference, other in references:
        wanted = resample(reference, other, rate)
        answers: dict[int, list[Settings]] = {}
        for number, controller in learned.controllers.items():
            asked = (sound, wanted, rate, slots[number])
            if controller.draws:
                answers[number] = controller.candidates(*asked, DRAWN, rng)
            else:
                answers[number] = [controller.settings(*asked)]
        for turn in range(max(map(len, answers.values()))):
            vector = chain.default
            for number, drawn in answers.items():
                vector[spans[number]] = drawn[min(turn, len(drawn) - 1)]
            result.append(vector)
    return result
