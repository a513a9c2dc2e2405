"""Using trained networks without torch: onnxruntime and numpy.

>>> encode = load_runtime("models/encoder")           # doctest: +SKIP
>>> vector = encode(audio, 44_100)                    # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, check_audio, resample
from dialin.errors import MissingPackageError, ModelError
from dialin.networks.configuration import DIMENSIONS, RATES, SAMPLES, read_config, whole_number
from dialin.networks.excerpts import starts
from dialin.networks.onnx_file import read_onnx
from dialin.networks.onnx_runtime import import_onnxruntime

Vector = NDArray[np.float32]


class OnnxModel:
    """One exported network of a model folder.

    Parameters
    ----------
    folder : path-like
    name : str
        Of the file, without ``.onnx``.
    outputs : tuple of str
        What it must give.
    threads : int
        Of onnxruntime; 0 for its own choice.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        name: str,
        outputs: tuple[str, ...] = (),
        threads: int = 1,
    ) -> None:
        try:
            onnxruntime = import_onnxruntime()
        except ImportError as error:
            raise MissingPackageError(
                f"the model {str(folder)!r} needs onnxruntime: pip install onnxruntime"
            ) from error
        self.config = read_config(folder)
        self.file = Path(folder) / f"{name}.onnx"
        data = read_onnx(self.file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # onnxruntime has a class of its own for each way in which a network can be wrong.
            raise ModelError(f"{str(self.file)!r} is no network that runs here: {error}") from error
        self.inputs = tuple(i.name for i in self._session.get_inputs())
        self.outputs = tuple(o.name for o in self._session.get_outputs())
        lacking = set(outputs) - set(self.outputs)
        if lacking:
            raise ModelError(
                f"the network {str(self.file)!r} gives {list(self.outputs)}, not "
                f"{', '.join(sorted(lacking))}"
            )

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name for inputs by name, batch first.

        Parameters
        ----------
        inputs : mapping of str to ndarray
            Arrays by name, of all inputs that the network has; made float32.

        Returns
        -------
        dict of str to ndarray
            Arrays by name.

        Raises
        ------
        ModelError
            If the inputs are others, or the network does not run.
        """
        if set(inputs) != set(self.inputs):
            raise ModelError(f"inputs {sorted(inputs)} given; the model takes {list(self.inputs)}")
        arrays = {name: np.ascontiguousarray(v, np.float32) for name, v in inputs.items()}
        try:
            outputs = self._session.run(None, arrays)
        except Exception as error:
            raise ModelError(f"the network {str(self.file)!r} does not run: {error}") from error
        return {n: np.asarray(v) for n, v in zip(self.outputs, outputs, strict=True)}


class RuntimeEncoder:
    """An encoder of a model folder: audio of any rate and length in, a vector out.

    Parameters
    ----------
    folder : path-like
        Of the model.
    threads : int, default 1
        Of onnxruntime; 0 for its own choice.

    Attributes
    ----------
    sample_rate, samples, dimensions : int
    config : dict
        The folder's configuration.
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int = 1) -> None:
        self.config = read_config(folder)
        self.sample_rate = whole_number(self.config, "sample_rate", RATES, folder)
        self.samples = whole_number(self.config, "samples", SAMPLES, folder)
        self.dimensions = whole_number(self.config, "dimensions", DIMENSIONS, folder)
        self._model = OnnxModel(folder, "encoder", ("embedding",), threads)

    def __call__(self, audio: Audio, sample_rate: int) -> Vector:
        """Embedding of audio.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Channels are mixed, the mix is resampled to the encoder's rate.
        sample_rate : int
            In hertz.

        Returns
        -------
        ndarray, float32, shape (dimensions,)
            Longer audio is embedded excerpt by excerpt and averaged, shorter audio repeats.
        """
        mono = check_audio(audio, sample_rate).mean(axis=0, keepdims=True, dtype=np.float32)
        mono = resample(mono, sample_rate, self.sample_rate)[0]
        if mono.size < self.samples:
            excerpts = np.tile(mono, -(-self.samples // mono.size))[None, : self.samples]
        else:
            first = starts(mono.size, self.samples)
            excerpts = np.stack([mono[start : start + self.samples] for start in first])
        vectors = [self._model.run({"audio": e[None]})["embedding"][0] for e in excerpts]
        result: Vector = np.mean(vectors, axis=0, dtype=np.float32)
        if result.shape != (self.dimensions,):
            raise ModelError(
                f"the network {str(self._model.file)!r} gives vectors of shape {result.shape}, its "
                f"config.json says {self.dimensions} dimensions"
            )
        return result


def load_runtime(folder: str | os.PathLike[str], *, threads: int = 1) -> RuntimeEncoder:
    """Load an encoder without torch.

    Parameters
    ----------
    folder : path-like
        Of the model.
    threads : int
        Of onnxruntime; 0 for its own choice.

    Returns
    -------
    RuntimeEncoder

    Raises
    ------
    ModelError
        If the folder holds no exported encoder, or onnxruntime is missing.
    """
    return RuntimeEncoder(folder, threads)
