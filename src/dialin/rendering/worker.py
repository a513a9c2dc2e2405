"""How rendering workers answer: on their main thread, with the plugins they keep loaded."""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.effects.c_library import unfilled_memory
from dialin.effects.chain import parse_chain
from dialin.effects.effect import Effect
from dialin.effects.open import open_effect
from dialin.effects.uri import parse_uri
from dialin.errors import DialinError, EffectLoadError
from dialin.rendering.job import complaint, not_finite
from dialin.rendering.request import CallRequest, RenderRequest
from dialin.workers.memory import LARGE, map_shared
from dialin.workers.session import Large, Session

KEEP_EFFECTS = 32
KEEP_AUDIO = 64


def handler(session: Session) -> RenderWorker:
    """Make what answers requests.

    Parameters
    ----------
    session : Session
        Of the worker.

    Returns
    -------
    RenderWorker
    """
    return RenderWorker(session)


class RenderWorker:
    """The state of a rendering worker: effects kept loaded, inputs kept mapped.

    Parameters
    ----------
    session : Session
        Of the worker.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._effects: OrderedDict[str, Effect] = OrderedDict()
        self._audio: OrderedDict[str, Audio] = OrderedDict()

    def __call__(self, request: RenderRequest | CallRequest) -> Any:
        """Answer a request."""
        if isinstance(request, CallRequest):
            if request.effect is None:
                return request.function(*request.arguments)
            effect = self._open(request.effect)
            with _memory(request.effect):
                return request.function(effect, *request.arguments)
        effect = self._open(request.effect)
        audio = self._input(*request.audio)
        try:
            with _memory(request.effect):
                output = effect.process(
                    audio, request.sample_rate, request.settings, tail=request.tail
                )
        except DialinError:
            raise
        except Exception as error:
            # It costs this job only.
            raise complaint(request.effect, request.settings, request.sample_rate, error) from error
        lost = not_finite(request.effect, request.settings, request.sample_rate, output)
        if lost is not None:
            raise lost
        if request.measure is None:
            return Large(output)
        with unfilled_memory():
            value = request.measure(output, request.sample_rate, *request.measure_args)
        return Large(value) if _is_large(value) else value

    def _open(self, uri: str) -> Effect:
        effect = self._effects.get(uri)
        if effect is None:
            with self._session.opening():
                try:
                    effect = open_effect(uri)
                except DialinError:
                    raise
                except Exception as error:
                    raise EffectLoadError(
                        f"{uri} cannot be opened: {type(error).__name__}: {error}"
                    ) from error
            self._effects[uri] = effect
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


@functools.lru_cache(maxsize=256)
def _fills_itself(uri: str) -> bool:
    """Whether hosts see to the memory that plugins of an effect or a chain get, or none run."""
    return all(_format(slot) in ("builtin", "lv2", "faust") for slot in parse_chain(uri))


def _format(uri: str) -> str:
    """The format of an effect, whatever is around it."""
    kind, rest = parse_uri(uri)
    if kind == "bpm":
        kind, rest = "mix", rest.partition(":")[2]
    return _format(rest) if kind == "mix" else kind


def _memory(uri: str) -> contextlib.AbstractContextManager[None]:
    """What surrounds renders of an effect: memory is filled where that is needed alone."""
    return unfilled_memory() if _fills_itself(uri) else contextlib.nullcontext()


def _is_large(value: Any) -> bool:
    """Whether a measure's value goes by way of shared memory, as audio does."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.float32
        and value.ndim == 2
        and value.size >= LARGE
    )
