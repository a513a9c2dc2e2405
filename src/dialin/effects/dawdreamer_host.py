"""DawDreamer as a pure function: LV2 plugins and Faust programs.

The recipe, each step of which is needed (measured on 509 LV2 effects):

* ``load_graph`` before every render makes a new instance of an LV2 plugin, so nothing is left of
  the last render. Without it 7 of 10 plugins sound different the second time.
* Parameters are set after it, all of them: what is set before is dropped without a word.
* The C library's random generator is seeded, for plugins that draw noise from it.
* Memory that a plugin never wrote reads as zero while it is instantiated (mda Delay plays what
  was left in its buffer otherwise).
* ``render((n + 0.5) / rate)`` gives n samples; ``render(n / rate)`` sometimes one fewer.
* Latency is known only after a render and may depend on the settings: it is rendered past the
  end and cut off the start.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dawdreamer
import numpy as np

from dialin.audio import Audio
from dialin.effects.effect import BLOCK
from dialin.errors import EffectLoadError, RenderError

SEED = 20221103
MAX_LATENCY_TRIES = 3
_M_PERTURB = -6


@dataclass(frozen=True)
class Layout:
    """How many inputs and outputs a plugin has, and how many of the inputs are its main ones."""

    inputs: int
    outputs: int
    main: int


class Graph:
    """An engine with one processor in it, at one sample rate.

    Parameters
    ----------
    make : callable
        ``make(engine) -> processor``.
    sample_rate : int
    inputs : int
        Channels that are fed to it.
    restart : callable, optional
        Called after the graph is loaded and before parameters are set.
    """

    def __init__(self, make: Callable[[Any], Any], sample_rate: int, inputs: int) -> None:
        self.engine = dawdreamer.RenderEngine(sample_rate, BLOCK)
        self.sample_rate = sample_rate
        self.processor = make(self.engine)
        silence = np.zeros((inputs, BLOCK), dtype=np.float32)
        self._playback = self.engine.make_playback_processor("input", silence)
        self._graph = [(self._playback, []), (self.processor, ["input"])]
        self._latency = 0

    def render(self, audio: Audio, values: Mapping[int, float] | Mapping[str, float]) -> Audio:
        """Render ``(inputs, n)`` to ``(outputs, n)`` with fresh state, latency compensated."""
        samples = audio.shape[1]
        for _ in range(MAX_LATENCY_TRIES):
            latency = self._latency
            padded = np.pad(audio, ((0, 0), (0, latency))) if latency else audio
            output = self._render_once(np.ascontiguousarray(padded), values)
            self._latency = self._reported_latency()
            if self._latency == latency:
                return np.ascontiguousarray(output[:, latency : latency + samples])
        raise RenderError(
            f"its latency changes with every render (last {latency}, now {self._latency} "
            "samples); such an effect cannot be lined up with its input"
        )

    def _render_once(self, audio: Audio, values: Mapping[Any, float]) -> Audio:
        _fill_new_memory(zero=True)
        try:
            self.engine.load_graph(self._graph)
        finally:
            _fill_new_memory(zero=False)
        for key, value in values.items():
            self.processor.set_parameter(key, float(value))
        self._playback.set_data(audio)
        _libc().srand(SEED)
        self.engine.render((audio.shape[1] + 0.5) / self.sample_rate)
        output: Audio = self.engine.get_audio()
        return output

    def _reported_latency(self) -> int:
        ask = getattr(self.processor, "get_latency_samples", None)
        return max(0, int(ask())) if ask is not None else 0


def spread(audio: Audio, layout: Layout, render: Callable[[Audio], Audio]) -> Audio:
    """Run audio of any number of channels through a plugin with its own idea of channels.

    Mono plugins run once a channel; stereo plugins take channels in pairs, and a lone channel
    twice (its left output is kept). A plugin with one input and two outputs gives each channel
    its side of them; one with two inputs and one output gives both channels the same. Inputs
    beyond the main ones (side chains) are fed silence.
    """
    channels, samples = audio.shape
    result = np.empty((channels, samples), dtype=np.float32)

    def run(*rows: Audio) -> Audio:
        fed = np.zeros((layout.inputs, samples), dtype=np.float32)
        for place, row in enumerate(rows[: layout.inputs]):
            fed[place] = row
        return render(fed)

    if layout.main == 1:
        for channel in range(channels):
            output = run(audio[channel])
            if layout.outputs == 1:
                result[channel] = output[0]
            elif channels == 1:
                result[channel] = 0.5 * (output[0] + output[1])
            else:
                result[channel] = output[channel % 2]
        return result
    for first in range(0, channels, 2):
        pair = first + 1 < channels
        output = run(audio[first], audio[first + 1] if pair else audio[first])
        result[first] = output[0]
        if pair:
            result[first + 1] = output[1 if layout.outputs > 1 else 0]
    return result


def check_layout(name: str, inputs: int, outputs: int, side_chains: int) -> Layout:
    """Refuse what is no effect, and count the main inputs."""
    if inputs == 0:
        raise EffectLoadError(
            f"{name} has no audio input: it is an instrument or a generator, not an effect"
        )
    if outputs == 0:
        raise EffectLoadError(
            f"{name} has no audio output: it measures or makes MIDI, it is not an effect"
        )
    main = max(1, inputs - side_chains)
    return Layout(inputs, outputs, 1 if main == 1 else 2)


def _libc() -> Any:
    return ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)


def _fill_new_memory(*, zero: bool) -> None:
    """Have the C library hand out zeroed memory (glibc's M_PERTURB), or as it comes."""
    if sys.platform == "linux":
        mallopt = getattr(_libc(), "mallopt", None)
        if mallopt is not None:
            # glibc fills with the complement of the low byte.
            mallopt(_M_PERTURB, 255 if zero else 0)


def indices_by_name(names: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """For each wanted name the index of the first host parameter of that name not yet taken."""
    free: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        free.setdefault(name, []).append(index)
    return [free[name].pop(0) if free.get(name) else None for name in wanted]
