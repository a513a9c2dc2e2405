"""Block-wise rendering of LV2 plugins, bit for bit as if in one piece.

The host forgets nothing between two renders of one graph, but each render ends with one block
more than was asked for, whose output it throws away. Given input that goes on beyond the samples
asked for, that block is fed the music that follows, so the plugin's state stays right and only its
output is missing. A second instance, whose renders end one block later, has that output: two
instances in turns give every sample at twice the price of one.

::

    first    [------ heard ------](lost)[------ heard ------](lost)...
    second   [--------- heard ---------](lost)[------ heard ------](lost)...
    result   first                second first                second
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dialin.audio import Audio
from dialin.effects.dawdreamer_host import BusLayout, Graph, Pass, RandomState, Values, passes
from dialin.effects.effect import BLOCK

PERIOD = 2048 * BLOCK
"""Samples a turn takes: 24 s at 44.1 kHz. Recordings of up to this length are rendered whole."""


@dataclass(frozen=True, eq=False)
class _Instance:
    graph: Graph
    random: RandomState

    def advance(self, audio: Audio, samples: int) -> Audio:
        with self.random.used():
            self.graph.advance(audio, samples)
        output: Audio = self.graph.engine.get_audio()
        return output


@dataclass(frozen=True, eq=False)
class _Lane:
    route: Pass
    first: _Instance
    second: _Instance


def continues(
    whole: Callable[[Audio], Audio], make: Callable[[], Graph], layout: BusLayout, values: Values
) -> bool:
    """Whether turns give what one render does, tried with some noise.

    For plugins that ask for the position in the song, which begins at 0 again at every turn.

    Parameters
    ----------
    whole : callable
        Renders audio in one go.
    make : callable
        Gives a fresh engine with the plugin in it.
    layout : BusLayout
        Channels that the plugin takes and gives.
    values : Values
        Of the plugin's parameters, as the host takes them.

    Returns
    -------
    bool
    """
    rng = np.random.default_rng(0)
    channels = len(layout.main)
    noise = (0.1 * rng.standard_normal((channels, 150 * BLOCK))).astype(np.float32)
    stream = ContinuedStream(whole, make, layout, values, channels, 0, period=50 * BLOCK)
    in_turns = np.concatenate([stream.process(noise), stream.finish()], axis=1)
    return np.array_equal(in_turns, whole(noise), equal_nan=True)


class ContinuedStream:
    """A stream over a plugin whose host keeps its state between renders.

    Parameters
    ----------
    whole : callable
        ``whole(audio) -> audio``, the render in one piece; used where the recording is short.
    make : callable
        ``make() -> Graph``, a new graph of the plugin.
    layout : BusLayout
    values : mapping
        Host values.
    channels : int
    tail : int
        Samples of silence to feed after the end.
    period : int
        Samples a turn takes, a multiple of `BLOCK`.
    exact : bool
        Whether the plugin is known to go by nothing but its input and state, so that turns
        give what one render would.
    """

    def __init__(
        self,
        whole: Callable[[Audio], Audio],
        make: Callable[[], Graph],
        layout: BusLayout,
        values: Values,
        channels: int,
        tail: int,
        *,
        period: int = PERIOD,
        exact: bool = True,
    ) -> None:
        assert period % BLOCK == 0 and period >= 2 * BLOCK
        self.exact = True
        self._exact_in_turns = exact
        self._whole, self._make = whole, make
        self._layout, self._values = layout, values
        self._channels, self._tail, self._period = channels, tail, period
        self._pending: list[Audio] = []
        self._waiting = 0
        self._lanes: list[_Lane] = []
        self._latency = 0
        self._to_drop = 0

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns the turns that are complete.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        self._pending.append(np.array(block, dtype=np.float32))
        self._waiting += block.shape[1]
        ready = [np.zeros((self._channels, 0), dtype=np.float32)]
        while self._waiting >= self._period + BLOCK:
            audio = np.concatenate(self._pending, axis=1)
            ready.append(self._turn(audio[:, : self._period + BLOCK]))
            self._pending = [audio[:, self._period :].copy()]
            self._waiting -= self._period
        return np.concatenate(ready, axis=1)

    def finish(self) -> Audio:
        """Return what is left and the tail."""
        silence = np.zeros((self._channels, self._tail), dtype=np.float32)
        if not self._lanes:
            audio = np.concatenate([*self._pending, silence], axis=1)
            self._pending, self._waiting = [], 0
            return self._whole(audio) if audio.shape[1] else audio
        ready = [self.process(silence)]
        ready.append(self.process(np.zeros((self._channels, self._latency), dtype=np.float32)))
        rest = np.concatenate(self._pending, axis=1)
        self._pending, self._waiting = [], 0
        result = np.empty(rest.shape, dtype=np.float32)
        for lane in self._lanes:
            fed = lane.route.feed(rest, self._layout)
            lane.route.collect(lane.first.advance(fed, rest.shape[1]), result)
        ready.append(self._without_latency(result))
        if any(lane.first.graph.latency() != self._latency for lane in self._lanes):
            self.exact = False
        return np.concatenate(ready, axis=1)

    def _turn(self, audio: Audio) -> Audio:
        """Render one period; `audio` goes one block further."""
        beginning = not self._lanes
        if beginning:
            self._lanes = [
                _Lane(route, self._instance(), self._instance())
                for route in passes(self._channels, self._layout)
            ]
        heard = self._period - BLOCK
        result = np.empty((self._channels, self._period), dtype=np.float32)
        for lane in self._lanes:
            fed = lane.route.feed(audio, self._layout)
            first = lane.first.advance(fed[:, : self._period], heard)
            if beginning:
                second = lane.second.advance(fed, self._period)
            else:
                second = lane.second.advance(fed[:, BLOCK:], heard)
            both = np.concatenate([first, second[:, -BLOCK:]], axis=1)
            lane.route.collect(both, result)
        if beginning:
            self._latency = max(lane.first.graph.latency() for lane in self._lanes)
            self._to_drop = self._latency
            self.exact = self._exact_in_turns
        return self._without_latency(result)

    def _without_latency(self, audio: Audio) -> Audio:
        dropped = min(self._to_drop, audio.shape[1])
        self._to_drop -= dropped
        return audio[:, dropped:]

    def _instance(self) -> _Instance:
        graph = self._make()
        graph.begin(self._values)
        return _Instance(graph, RandomState())
