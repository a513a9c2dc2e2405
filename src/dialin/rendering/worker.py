"""A rendering worker: a fresh interpreter that loads plugins on its main thread, nothing else.

Started by `dialin.rendering.process` as ``python -m dialin.rendering.worker SOCKET LIFELINE
FOLDER``. It talks through a socket, never through standard output: plugins print there.
"""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections import OrderedDict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.effects.effect import Effect
from dialin.effects.open import open_effect
from dialin.errors import DialinError, EffectLoadError, NonFiniteOutputError, RenderError
from dialin.rendering.job import describe_settings
from dialin.rendering.memory import Arena, map_shared
from dialin.rendering.protocol import CallRequest
from dialin.workers.start import serve_arguments

KEEP_EFFECTS = 32
KEEP_AUDIO = 64


class Worker:
    """The state of a worker process: effects kept loaded, inputs kept mapped.

    Parameters
    ----------
    connection : Connection
        To the pool.
    folder : Path
        Its own, with the arenas.
    """

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._arenas = [Arena(folder / f"out{slot}") for slot in (0, 1)]
        self._effects: OrderedDict[str, Effect] = OrderedDict()
        self._audio: OrderedDict[str, Audio] = OrderedDict()

    def run(self) -> None:
        """Serve until told to stop, or until the other side is gone."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                return
            if message is None:
                return
            number, slot, payload = message
            started = time.perf_counter()
            try:
                kind, content = self._answer(number, slot, pickle.loads(payload))
            except DialinError as error:
                kind, content = "error", (type(error).__name__, str(error))
            except Exception:
                kind, content = "bug", traceback.format_exc()
            try:
                self._connection.send((number, kind, content, time.perf_counter() - started))
            except (BrokenPipeError, OSError):
                return
            except Exception:
                self._connection.send((number, "bug", traceback.format_exc(), 0.0))

    def _answer(self, number: int, slot: int, request: Any) -> tuple[str, Any]:
        if isinstance(request, CallRequest):
            if request.effect is None:
                return "value", request.function(*request.arguments)
            effect = self._open(request.effect, number)
            return "value", request.function(effect, *request.arguments)
        effect = self._open(request.effect, number)
        audio = self._input(*request.audio)
        try:
            output = effect.process(audio, request.sample_rate, request.settings, tail=request.tail)
        except DialinError:
            raise
        except Exception as error:
            # A host's own complaint is about this effect at these settings: it costs this job.
            raise RenderError(
                f"{request.effect} failed at settings {describe_settings(request.settings)}, "
                f"{request.sample_rate} Hz: {type(error).__name__}: {error}"
            ) from error
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(output.sum())
        if suspicious and not np.isfinite(output).all():
            raise NonFiniteOutputError(
                f"{request.effect} returned NaN or infinite samples at settings "
                f"{describe_settings(request.settings)}, {request.sample_rate} Hz"
            )
        if request.measure is not None:
            return "value", request.measure(output, request.sample_rate, *request.measure_args)
        self._arenas[slot].write(output)
        return "audio", output.shape

    def _open(self, uri: str, number: int) -> Effect:
        effect = self._effects.get(uri)
        if effect is None:
            self._connection.send((number, "loading", uri, 0.0))
            try:
                effect = open_effect(uri)
            except DialinError:
                raise
            except Exception as error:
                raise EffectLoadError(
                    f"{uri} cannot be opened: {type(error).__name__}: {error}"
                ) from error
            self._effects[uri] = effect
            self._connection.send((number, "loaded", uri, 0.0))
            while len(self._effects) > KEEP_EFFECTS:
                self._effects.popitem(last=False)[1].close()
        self._effects.move_to_end(uri)
        return effect

    def _input(self, path: str, shape: tuple[int, int]) -> Audio:
        audio = self._audio.get(path)
        if audio is None:
            audio = map_shared(path, shape)
            self._audio[path] = audio
            while len(self._audio) > KEEP_AUDIO:
                self._audio.popitem(last=False)
        self._audio.move_to_end(path)
        return audio


def main() -> None:
    """Entry point of a worker process."""
    connection, folder = serve_arguments()
    worker = Worker(connection, folder)
    connection.send((-1, "ready", os.getpid(), 0.0))
    worker.run()
    # Plugins may crash in their destructors; everything is said, so leave without them.
    os._exit(0)


if __name__ == "__main__":
    main()
