"""DawDreamer as a pure function: LV2 plugins and Faust programs.

The recipe, each step of which is needed (measured on 509 LV2 effects):

* ``load_graph`` before every render makes a new instance of an LV2 plugin, so nothing is left of
  the last render. Without it 7 of 10 plugins sound different the second time.
* Parameters are set after it, all of them: what is set before is dropped without a word.
* The C library's random generator is seeded, for plugins that draw noise from it.
* Memory that a plugin never wrote reads as zero while it is instantiated and rendered (mda Delay
  plays what was left in its buffer otherwise).
* ``render((n + 0.5) / rate)`` gives n samples; ``render(n / rate)`` sometimes one fewer.
* Latency is known only after a render and may depend on the settings: it is rendered past the
  end and cut off the start.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dawdreamer
import numpy as np

from dialin.audio import Audio
from dialin.effects.c_library import libc, zeroed_memory
from dialin.effects.effect import BLOCK
from dialin.effects.floating_point import kept_floating_point
from dialin.effects.tempo import USUAL
from dialin.errors import EffectLoadError, RenderError

SEED = 20221103
MAX_LATENCY_TRIES = 3
Values = Mapping[int, float] | Mapping[str, float]
"""Host values by host parameter: an index for plugins, a path for Faust."""

_MAIN_INPUT = re.compile(r"^(audio )?in(put)?( ?(left|right|[lr12]))?$", re.IGNORECASE)


@dataclass(frozen=True)
class BusLayout:
    """How a plugin takes and gives audio.

    Attributes
    ----------
    inputs, outputs : int
        Channels in all.
    main : tuple of int
        Places among the inputs of the one or two that carry the music; the others (side chains,
        modulators) are fed silence.
    """

    inputs: int
    outputs: int
    main: tuple[int, ...]


@dataclass(frozen=True)
class Pass:
    """One run of a plugin over some of the channels of a recording.

    Attributes
    ----------
    sources : tuple of int
        For each main input of the plugin the channel that it is fed.
    targets : tuple of (int, tuple of int)
        For each channel that this run fills, the outputs whose mean it becomes.
    """

    sources: tuple[int, ...]
    targets: tuple[tuple[int, tuple[int, ...]], ...]

    def feed(self, audio: Audio, layout: BusLayout) -> Audio:
        """Return the plugin's input ``(layout.inputs, samples)``.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            The recording, of any number of channels.
        layout : BusLayout
            Channels that the plugin takes and gives.

        Returns
        -------
        ndarray, float32, shape (inputs, samples)
            Inputs that carry no music are silent.
        """
        fed = np.zeros((layout.inputs, audio.shape[1]), dtype=np.float32)
        for row, source in zip(layout.main, self.sources, strict=True):
            fed[row] = audio[source]
        return fed

    def collect(self, output: Audio, result: Audio) -> None:
        """Write the plugin's output to the channels of the result.

        Parameters
        ----------
        output : ndarray, float32, shape (outputs, samples)
            What the plugin gave.
        result : ndarray, float32, shape (channels, samples)
            Written to, in this run's channels only.
        """
        for channel, rows in self.targets:
            result[channel] = output[rows[0]]
            if len(rows) == 2:
                result[channel] = np.float32(0.5) * (result[channel] + output[rows[1]])


def passes(channels: int, layout: BusLayout) -> list[Pass]:
    """How audio of any number of channels goes through a plugin with its own idea of channels.

    Mono plugins run once a channel; stereo plugins take channels in pairs, and a lone channel
    twice (its left output is kept). A plugin with one input and two outputs gives each channel its
    side of them, and mono audio their mean; one with two inputs and one output gives both channels
    the same.

    Parameters
    ----------
    channels : int
        Of the recording.
    layout : BusLayout
        Channels that the plugin takes and gives.

    Returns
    -------
    list of Pass
        Together they give every channel once.
    """
    if len(layout.main) == 1:
        if layout.outputs == 1:
            return [Pass((c,), ((c, (0,)),)) for c in range(channels)]
        if channels == 1:
            return [Pass((0,), ((0, (0, 1)),))]
        return [Pass((c,), ((c, (c % 2,)),)) for c in range(channels)]
    result = []
    right = 1 if layout.outputs > 1 else 0
    for first in range(0, channels, 2):
        if first + 1 < channels:
            result.append(Pass((first, first + 1), ((first, (0,)), (first + 1, (right,)))))
        else:
            result.append(Pass((first, first), ((first, (0,)),)))
    return result


def spread(audio: Audio, layout: BusLayout, render: Callable[[Audio], Audio]) -> Audio:
    """Run audio of any number of channels through a plugin; see `passes`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    layout : BusLayout
        Channels that the plugin takes and gives.
    render : callable
        Maps (inputs, samples) to (outputs, samples).

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the input's shape.
    """
    result = np.empty(audio.shape, dtype=np.float32)
    for run in passes(audio.shape[0], layout):
        run.collect(render(run.feed(audio, layout)), result)
    return result


def check_layout(
    name: str, inputs: Sequence[str], outputs: int, side_chains: set[int]
) -> BusLayout:
    """Refuse what is no effect, and tell which inputs carry the music.

    Parameters
    ----------
    name : str
        For error messages.
    inputs : sequence of str
        Names of the audio inputs.
    outputs : int
        Number of audio outputs.
    side_chains : set of int
        Places of the inputs that are known to be side chains.

    Returns
    -------
    BusLayout

    Raises
    ------
    EffectLoadError
        If it has no audio input, or no audio output.
    """
    if not inputs:
        raise EffectLoadError(
            f"{name} has no audio input: it is an instrument or a generator, not an effect"
        )
    if outputs == 0:
        raise EffectLoadError(
            f"{name} has no audio output: it measures or makes MIDI, it is not an effect"
        )
    rows = [p for p in range(len(inputs)) if p not in side_chains] or list(range(len(inputs)))
    called_input = [p for p in rows if _MAIN_INPUT.match(inputs[p].strip())]
    if outputs == 1 and len(called_input) == 1:
        # The other one is a modulator or a delay time, as in swh's ring modulator.
        rows = called_input
    return BusLayout(len(inputs), outputs, tuple(rows[:2]))


class Graph:
    """An engine with one processor in it, at one sample rate.

    Parameters
    ----------
    make : callable
        ``make(engine) -> processor``.
    sample_rate : int
    inputs : int
        Channels that are fed to it.
    bpm : float, default 120
        Tempo that it is told, in beats a minute.
    """

    def __init__(
        self, make: Callable[[Any], Any], sample_rate: int, inputs: int, bpm: float = USUAL
    ) -> None:
        with zeroed_memory(), kept_floating_point():
            self.engine = dawdreamer.RenderEngine(sample_rate, BLOCK)
            self.engine.set_bpm(bpm)
            self.sample_rate = sample_rate
            self.processor = make(self.engine)
            silence = np.zeros((inputs, BLOCK), dtype=np.float32)
            self._playback = self.engine.make_playback_processor("input", silence)
        self._graph = [(self._playback, []), (self.processor, ["input"])]
        self._latency = 0

    def render(self, audio: Audio, values: Values) -> Audio:
        """Render ``(inputs, n)`` to ``(outputs, n)`` with fresh state, latency compensated.

        Parameters
        ----------
        audio : ndarray, float32, shape (inputs, samples)
            All inputs of the plugin.
        values : mapping of int to float or mapping of str to float
            Of the plugin's parameters, as the host takes them.

        Returns
        -------
        ndarray, float32, shape (outputs, samples)
            Aligned with the input.

        Raises
        ------
        RenderError
            If its latency is another one at each render.
        """
        samples = audio.shape[1]
        for _ in range(MAX_LATENCY_TRIES):
            latency = self._latency
            padded = np.pad(audio, ((0, 0), (0, latency))) if latency else audio
            with zeroed_memory():
                self._start(values)
                libc().srand(SEED)
                self.advance(padded, padded.shape[1])
            output: Audio = self.engine.get_audio()
            self._latency = self.latency()
            if self._latency == latency:
                return np.ascontiguousarray(output[:, latency : latency + samples])
        raise RenderError(
            f"its latency changes with every render (last {latency}, now {self._latency} "
            "samples); such an effect cannot be lined up with its input"
        )

    def begin(self, values: Values) -> None:
        """Make a new instance of the plugin, to be continued with `advance`.

        Parameters
        ----------
        values : mapping of int to float or mapping of str to float
            Of the plugin's parameters, as the host takes them.
        """
        with zeroed_memory():
            self._start(values)

    def _start(self, values: Values) -> None:
        libc().srand(SEED)
        with kept_floating_point():
            self.engine.load_graph(self._graph)
        for key, value in values.items():
            self.processor.set_parameter(key, float(value))

    def advance(self, audio: Audio, samples: int) -> None:
        """Process audio from where the state is; ``engine.get_audio`` has the samples asked for.

        The host processes whole blocks, and after the last one another, whose output is lost.

        Parameters
        ----------
        audio : ndarray, float32, shape (inputs, samples)
            At least as long as what is asked for.
        samples : int
            How many are asked for.
        """
        self._playback.set_data(np.ascontiguousarray(audio))
        self.engine.render((samples + 0.5) / self.sample_rate)

    def latency(self) -> int:
        """Samples of latency the plugin reports; right only after it has processed something."""
        ask = getattr(self.processor, "get_latency_samples", None)
        return max(0, int(ask())) if ask is not None else 0


class RandomState:
    """The C library's ``rand`` with a sequence of its own, for renders that go on in turns.

    Where the library cannot keep several sequences (other than glibc and BSD), the common one is
    seeded once.
    """

    def __init__(self) -> None:
        self._state = ctypes.create_string_buffer(128)
        library = libc()
        if hasattr(library, "initstate"):
            before = library.initstate(SEED, self._state, 128)
            library.setstate(before)
        else:
            library.srand(SEED)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Draw from this sequence inside a ``with`` block, then from the common one again."""
        library = libc()
        if not hasattr(library, "initstate"):
            yield
            return
        before = library.setstate(self._state)
        try:
            yield
        finally:
            library.setstate(before)


def indices_by_name(names: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """For each wanted name the index of the first host parameter of that name not yet taken.

    Parameters
    ----------
    names : sequence of str
        Of the host's parameters, in order.
    wanted : sequence of str
        Of the plugin's ports, in order.

    Returns
    -------
    list of int or None
        None for a name that the host does not have.
    """
    free: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        free.setdefault(name, []).append(index)
    return [free[name].pop(0) if free.get(name) else None for name in wanted]
