"""Guessing networks without torch: what was heard in, settings of chains out.

A folder holds ``trunk.onnx``, ``flow.onnx``, ``judge.onnx`` and ``risk.onnx`` (see
`dialin.networks.guess_network`, where their mathematics stand), and in ``config.json`` the effects
it knows. Vectors of settings are those of `dialin.matching.guessing.guess_vocabulary`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.errors import ModelError
from dialin.networks.configuration import read_config, whole_number
from dialin.networks.runtime import OnnxModel

KIND = "guess"
STEPS = 12
"""Of the way from noise to settings."""

SPREAD = 3.0
"""Settings of 0 to 1 are -1.5 to 1.5 for the flow."""

CROWD = 48
"""Vectors, about, among which the most central is looked for."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network says of two recordings.

    Attributes
    ----------
    there : ndarray, float64, shape (slots,)
        Probability of each effect of the vocabulary.
    point : ndarray, float64, shape (size,)
        One vector: the likeliest effects, the knobs' expected positions.
    drawn : ndarray, float64, shape (candidates, size)
        Vectors drawn from what it takes for possible, in no order.
    """

    there: NDArray[np.float64]
    point: NDArray[np.float64]
    drawn: NDArray[np.float64]


class GuessModel:
    """Guessing networks of a folder.

    Parameters
    ----------
    folder : path-like
        Of the model.

    Attributes
    ----------
    folder : Path
    config : dict
        Its configuration.
    slots : tuple of (str, tuple of str)
        URI and ids of knobs of each effect that it knows.
    orders : tuple of str
        Orders that it knows.

    Raises
    ------
    ModelError
        If it is no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.config = read_config(folder)
        if self.config.get("kind") != KIND:
            raise ModelError(
                f"{str(folder)!r} holds a model of kind {self.config.get('kind')!r}, no guess"
            )
        self.features = whole_number(self.config, "features", (1, 65_536), folder)
        try:
            self.slots = tuple(
                (str(slot["uri"]), tuple(str(k) for k in slot["knobs"]))
                for slot in self.config["slots"]
            )
            self.orders = tuple(str(name) for name in self.config["orders"])
        except (KeyError, TypeError) as error:
            raise ModelError(f"{str(folder)!r}: config.json names no slots: {error}") from error

    @cached_property
    def _trunk(self) -> OnnxModel:
        return OnnxModel(self.folder, "trunk", ("embedding", "there", "knobs"))

    @cached_property
    def _flow(self) -> OnnxModel:
        return OnnxModel(self.folder, "flow", ("velocity",))

    @cached_property
    def _judge(self) -> OnnxModel:
        return OnnxModel(self.folder, "judge", ("distance",))

    @cached_property
    def _risk(self) -> OnnxModel:
        return OnnxModel(self.folder, "risk", ("distance",))

    def answer(
        self, input: Floats, reference: Floats, peaks: Floats, known: Floats, count: int, seed: int
    ) -> Answers:
        """Answer for two recordings.

        Parameters
        ----------
        input, reference : ndarray, float32, shape (features,)
            What was heard of each.
        peaks : ndarray, float32, shape (values,)
            Echoes of the reference beyond the input's.
        known : ndarray, float32, shape (known,)
            What is known of the chain: slots that are allowed, slots that are certain, orders
            (-1 or 1; 0 where not known), and whether each is known.
        count : int
            Vectors to draw.
        seed : int
            Of the noise.

        Returns
        -------
        Answers
        """
        rows = {"input": input[None], "reference": reference[None], "peaks": peaks[None]}
        told = self._trunk.run({**rows, "known": known[None]})
        rng = np.random.default_rng([seed, 11])
        slots, orders = len(self.slots), len(self.orders)
        knobs = told["knobs"].shape[1]
        at: NDArray[Any] = rng.standard_normal((count, slots + knobs + orders)).astype(np.float32)
        more = {
            "embedding": np.repeat(told["embedding"], count, axis=0),
            "known": np.repeat(known[None], count, axis=0),
        }
        for step in range(STEPS):
            now = np.full(count, step / STEPS, dtype=np.float32)
            velocity = self._flow.run({"at": at, "time": now, **more})["velocity"]
            if step < STEPS - 1:
                # The midpoint's velocity is that of the whole step to second order.
                half = {"at": at + velocity * (0.5 / STEPS), "time": now + 0.5 / STEPS}
                velocity = self._flow.run({**half, **more})["velocity"]
            at = at + velocity / STEPS
        drawn = self._decoded(at, known)
        allowed, certain = known[:slots] > 0.5, known[slots : 2 * slots] > 0.5
        logits = told["there"][0].astype(np.float64)
        there = 1 / (1 + np.exp(-logits[:slots]))
        there = np.where(certain, 1.0, np.where(allowed, there, 0.0))
        point = np.full(drawn.shape[1], 0.5)
        point[:slots] = there >= 0.5
        if not point[:slots].any():
            point[int(np.argmax(there))] = 1.0
        point[slots : slots + knobs] = told["knobs"][0]
        if orders:
            value = known[2 * slots : 2 * slots + orders]
            point[-orders:] = np.where(value == 0, logits[slots:] >= 0, value > 0)
        return Answers(there, point, drawn)

    def judged(
        self,
        input: Floats,
        renders: Floats,
        render_peaks: Floats,
        reference: Floats,
        reference_peaks: Floats,
    ) -> NDArray[np.float64]:
        """How far renders are from what the reference stands for (L_d, estimated).

        Parameters
        ----------
        input, reference : ndarray, float32, shape (features,)
            What was heard of each.
        renders : ndarray, float32, shape (n, features)
            What was heard of renders of the input.
        render_peaks : ndarray, float32, shape (n, values)
            Their echoes beyond the input's.
        reference_peaks : ndarray, float32, shape (values,)
            The reference's.

        Returns
        -------
        ndarray, float64, shape (n,)
        """
        count = len(renders)
        rows = {
            "input": np.repeat(input[None], count, axis=0),
            "render": renders,
            "render_peaks": render_peaks,
            "reference": np.repeat(reference[None], count, axis=0),
            "reference_peaks": np.repeat(reference_peaks[None], count, axis=0),
        }
        return np.asarray(self._judge.run(rows)["distance"], dtype=np.float64)

    def centrality(self, input: Floats, drawn: NDArray[np.float64]) -> NDArray[np.int64]:
        """Order of vectors by how little they differ in sound from all the others.

        Parameters
        ----------
        input : ndarray, float32, shape (features,)
            What was heard of the input.
        drawn : ndarray, float64, shape (candidates, size)
            Vectors.

        Returns
        -------
        ndarray of int, shape (candidates,)
            The most central first.
        """
        count, slots = len(drawn), len(self.slots)
        if count < 3:
            return np.arange(count)
        mask = np.ones_like(drawn)
        start = slots
        for slot, (_, knobs) in enumerate(self.slots):
            mask[:, start : start + len(knobs)] = drawn[:, slot, None]
            start += len(knobs)
        spread = (SPREAD * (drawn - 0.5) * mask).astype(np.float32)
        # Of many, some stand for all: what it takes grows with their product.
        others = spread[:: max(1, count // CROWD)]
        rows = {"input": np.repeat(input[None], len(others), axis=0), "two": others}
        apart = [
            self._risk.run({**rows, "one": np.repeat(one[None], len(others), axis=0)})["distance"]
            for one in spread
        ]
        return np.argsort(np.mean(apart, axis=1), kind="stable")

    def _decoded(self, at: Floats, known: Floats) -> NDArray[np.float64]:
        vectors: NDArray[Any] = np.clip(at.astype(np.float64) / SPREAD + 0.5, 0.0, 1.0)
        slots, orders = len(self.slots), len(self.orders)
        allowed, certain = known[:slots] > 0.5, known[slots : 2 * slots] > 0.5
        there = ((vectors[:, :slots] >= 0.5) & allowed) | certain
        none = ~there.any(axis=1)
        likeliest = np.argmax(np.where(allowed, vectors[:, :slots], -1.0), axis=1)
        there[none, likeliest[none]] = True
        vectors[:, :slots] = there
        if orders:
            value = known[2 * slots : 2 * slots + orders]
            free = vectors[:, -orders:] >= 0.5
            vectors[:, -orders:] = np.where(value == 0, free, value > 0)
        return vectors
