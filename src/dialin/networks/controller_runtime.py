"""Using a trained controller without torch: audio in, settings out.

A controller's folder holds ``encoder.onnx`` and ``controller.onnx``, with a bottleneck also
``decoder.onnx``, and in its ``config.json`` the effect's URI, the hash of its spec, and what the
controller hears beside embeddings: timbre, time features (`dialin.measures.time_features`).

>>> controller = load("models/overdrive")                              # doctest: +SKIP
>>> settings = controller.settings(dry, reference, 44_100, spec)       # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, check_audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import ModelError
from dialin.measures.time_features import pair_features, pair_size, time_features
from dialin.networks.configuration import read_config, whole_number
from dialin.networks.runtime import OnnxModel, RuntimeEncoder
from dialin.timbre import timbre

KIND = "controller"
HEADS, OUTPUTS = ("bottleneck", "direct", "linear"), ("point", "bins", "mixture")
KNOBS, PARTS = (1, 4096), (1, 4096)
"""What the number of knobs, and of a distribution's parts, may be."""


class RuntimeController:
    """A trained controller.

    Parameters
    ----------
    folder : path-like
    threads : int
        Of onnxruntime.

    Attributes
    ----------
    config : dict
        The folder's configuration.
    folder : Path
    latent : int
        Dimensions of its latent; 0 without one.
    draws : bool
        Whether it gives a distribution, from which `candidates` can be drawn.
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int = 1) -> None:
        self.folder = Path(folder)
        self.config = read_config(folder)
        if self.config.get("kind") != KIND:
            raise ModelError(
                f"{str(folder)!r} holds a model of kind {self.config.get('kind')!r}, no controller"
            )
        network = self.config.get("controller")
        if not isinstance(network, Mapping):
            raise ModelError(f"{str(folder)!r}: config.json does not describe a controller")
        self._output = _one_of(network, "output", OUTPUTS, folder)
        head = _one_of(network, "head", HEADS, folder)
        self.draws = self._output in ("bins", "mixture")
        self._knobs = whole_number(network, "knobs", KNOBS, folder)
        self._bins = whole_number(network, "bins", PARTS, folder)
        self._candidates = whole_number(network, "candidates", PARTS, folder)
        self._timbre = whole_number(network, "timbre", (0, 8), folder)
        # Folders from before there were time features say nothing of them.
        self._time = whole_number({"time": 0, **network}, "time", (0, 2**20), folder)
        if self._time not in (0, pair_size()):
            raise ModelError(
                f"{str(folder)!r}: the controller takes {self._time} time features, this version "
                f"of dialin measures {pair_size()}; train it again, or use the version it is from"
            )
        self.latent = whole_number(network, "latent", (1, 64), folder) if head == HEADS[0] else 0
        self._counted = np.array(_row(self.config, "counted", self._knobs, folder), dtype=bool)
        self._default = np.array(_row(self.config, "default", self._knobs, folder), np.float64)
        for name in ("effect", "spec_hash"):
            if not isinstance(self.config.get(name), str):
                raise ModelError(f"{str(folder)!r}: config.json lacks {name}")
        self._encode = RuntimeEncoder(folder, threads)
        given = ("settings", "raw", "latent")[: 3 if self.latent else 2]
        self._model = OnnxModel(folder, "controller", given, threads)
        self._decoder = (
            OnnxModel(folder, "decoder", ("settings",), threads) if self.latent else None
        )

    def settings(
        self, input: Audio, reference: Audio, sample_rate: int, spec: EffectSpec
    ) -> Settings:
        """See `dialin.evaluation.methods.systems.TrainedSystem`.

        Parameters
        ----------
        input : ndarray, float32, shape (channels, samples)
            What is to be changed.
        reference : ndarray, float32, shape (channels, samples)
            What it should sound like, at the same rate.
        sample_rate : int
            In hertz.
        spec : EffectSpec
            Of the effect it was trained for.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Raises
        ------
        ModelError
            If the model is another effect's.
        """
        self._check(spec)
        settings = self._ask(input, reference, sample_rate)["settings"][0]
        return spec.check(self._complete(settings))

    def candidates(
        self,
        input: Audio,
        reference: Audio,
        sample_rate: int,
        spec: EffectSpec,
        count: int,
        rng: np.random.Generator,
    ) -> list[Settings]:
        """Settings drawn from what the controller holds possible, the most likely first.

        Parameters
        ----------
        input : ndarray, float32, shape (channels, samples)
            What is to be changed.
        reference : ndarray, float32, shape (channels, samples)
            What it should sound like, at the same rate.
        sample_rate : int
            In hertz.
        spec : EffectSpec
            Of the effect it was trained for.
        count : int
            How many are wanted.
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        list of ndarray
            Positions of the knobs, 0 to 1; `count` of them.

        Raises
        ------
        ModelError
            If the controller gives one point only, and no distribution.
        """
        self._check(spec)
        outputs = self._ask(input, reference, sample_rate)
        first = [outputs["settings"][0]]
        drawn = first + [self._draw(outputs["raw"][0], rng) for _ in range(count - 1)]
        return [spec.check(self._complete(v)) for v in drawn[:count]]

    def latent_point(self, input: Audio, reference: Audio, sample_rate: int) -> NDArray[np.float64]:
        """Point of the latent that the prediction is decoded from, ``(latent,)``.

        Parameters
        ----------
        input : ndarray, float32, shape (channels, samples)
            What is to be changed.
        reference : ndarray, float32, shape (channels, samples)
            What it should sound like, at the same rate.
        sample_rate : int
            In hertz.

        Returns
        -------
        ndarray, float64, shape (latent,)

        Raises
        ------
        ModelError
            If the controller has no latent.
        """
        outputs = self._ask(input, reference, sample_rate)
        if "latent" not in outputs:
            raise ModelError("this controller has no bottleneck, so it has no latent")
        return np.asarray(outputs["latent"][0], np.float64)

    def decode(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Settings ``(points, knobs)`` at points ``(points, latent)`` of the latent.

        Parameters
        ----------
        points : ndarray, float64, shape (points, latent)
            Points of the latent.

        Returns
        -------
        ndarray, float64, shape (points, knobs)
            0 to 1.

        Raises
        ------
        ModelError
            If the controller has no latent.
        """
        if self._decoder is None:
            raise ModelError("this controller has no bottleneck, so there is no latent to walk in")
        settings = self._decoder.run({"latent": np.asarray(points, np.float32)})["settings"]
        return np.stack([self._complete(v) for v in settings])

    def _ask(
        self, input: Audio, reference: Audio, sample_rate: int
    ) -> dict[str, NDArray[np.float32]]:
        sounds = [
            check_audio(a, sample_rate, what=what)
            for a, what in ((input, "the input"), (reference, "the reference"))
        ]
        parts = [self._encode(sound, sample_rate) for sound in sounds]
        if self._timbre:
            parts += [
                np.nan_to_num(np.array([*timbre(s, sample_rate).values()], np.float32))
                for s in sounds
            ]
        if self._time:
            # Without channels, as in training.
            heard = [time_features(s.mean(axis=0, keepdims=True), sample_rate) for s in sounds]
            parts.append(pair_features(*heard))
        return self._model.run({"inputs": np.concatenate(parts)[None]})

    def _check(self, spec: EffectSpec) -> None:
        if spec.hash != self.config["spec_hash"]:
            raise ModelError(
                f"the model was trained on {self.config['effect']} with spec "
                f"{self.config['spec_hash']}; {spec.uri} has spec {spec.hash}"
            )

    def _complete(self, settings: NDArray[Any]) -> Settings:
        """Knobs that training did not vary stay at their default."""
        if np.shape(settings) != (self._knobs,) or not np.isfinite(settings).all():
            raise ModelError(
                f"the model {str(self.folder)!r} answers with no settings of {self._knobs} knobs"
            )
        values = np.clip(np.asarray(settings, np.float64), 0.0, 1.0)
        return np.asarray(np.where(self._counted, values, self._default))

    def _draw(self, raw: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        if self._output == "bins":
            logits = raw.reshape(self._knobs, self._bins).astype(np.float64)
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            chosen = np.array([rng.choice(self._bins, p=row) for row in shares])
            return np.asarray((chosen + rng.random(self._knobs)) / self._bins)
        if self._output == "mixture":
            count = self._candidates
            weights = np.exp(raw[:count] - raw[:count].max()).astype(np.float64)
            row = raw[count:].reshape(count, 2 * self._knobs)
            chosen = row[rng.choice(count, p=weights / weights.sum())].astype(np.float64)
            means, spreads = (1.0 / (1.0 + np.exp(-part)) for part in np.split(chosen, 2))
            return np.asarray(np.clip(rng.normal(means, 0.01 + 0.5 * spreads), 0.0, 1.0))
        raise ModelError(
            "this controller gives one point and no distribution; train one with "
            "model.output = 'bins' or 'mixture'"
        )


def load(folder: str | os.PathLike[str]) -> RuntimeController:
    """Load a controller's folder, for `dialin evaluate ... --methods model:FOLDER`.

    Parameters
    ----------
    folder : path-like
        Of the model.

    Returns
    -------
    RuntimeController

    Raises
    ------
    ModelError
        If it holds no controller of this version.
    """
    return RuntimeController(folder)


def _one_of(
    config: Mapping[str, Any], name: str, allowed: tuple[str, ...], folder: str | os.PathLike[str]
) -> str:
    value = config.get(name)
    if value not in allowed:
        raise ModelError(
            f"{str(folder)!r}: config.json says {name} = {value!r}; known are {', '.join(allowed)}"
        )
    return str(value)


def _row(
    config: Mapping[str, Any], name: str, count: int, folder: str | os.PathLike[str]
) -> list[float]:
    value = config.get(name)
    if (
        not isinstance(value, list)
        or len(value) != count
        or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in value)
    ):
        raise ModelError(
            f"{str(folder)!r}: config.json's {name} is no list of {count} numbers from 0 to 1"
        )
    return value
