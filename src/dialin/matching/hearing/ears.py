"""What is heard of an input and its references beyond the input: as a whole, and in parts.

An echo is looked for in the whole, and must be in both halves; one that is too long for them in the
first and the last three quarters.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from dialin.audio import Audio, audio_info, read_audio
from dialin.matching.hearing.echo_target import EchoTarget, PartPair, Values, echo_target
from dialin.measures.cepstrum import (
    BLOCK_SECONDS,
    Cepstrum,
    band_end,
    mean_cepstrum,
    overlap,
    recording_cepstrum,
)
from dialin.measures.undoing import RATE as UNDONE_RATE
from dialin.measures.undoing import TAIL, Undoable, make_undoable, mean_concentration

LISTENED_SECONDS = 120.0
"""How much of a recording is listened to, at most."""

SHORTEST_REFERENCE = 1.0
"""Seconds of a reference below which nothing is said of echoes."""

MOST_THREADS = 4
"""Transforms that are taken at a time, each of which takes a hundred megabytes."""


@dataclass(frozen=True, eq=False)
class Ear:
    """What is known of the recordings.

    Attributes
    ----------
    whole : EchoTarget
    halves : tuple of EchoTarget
        The same of each half of the references.
    own : (audio, sample_rate)
        The input.
    references : tuple of (audio, sample_rate, weight)
    seconds, half_seconds : float
        Length of the windows of both.
    parts : tuple of EchoTarget
        The same of the first and the last three quarters, which hold longer lags.
    part_seconds : float
    """

    whole: EchoTarget
    halves: tuple[EchoTarget, EchoTarget]
    own: tuple[Audio, int]
    references: tuple[tuple[Audio, int, float], ...]
    seconds: float
    half_seconds: float
    parts: tuple[EchoTarget, EchoTarget]
    part_seconds: float
    _undoable: dict[float, tuple[tuple[Undoable, float], ...]] = field(default_factory=dict)

    @property
    def pairs(self) -> tuple[PartPair, ...]:
        """Parts in which the same must be heard, the shorter first."""
        result = [PartPair(self.halves, self._share(self.half_seconds))]
        if self.part_seconds > self.half_seconds:
            result.append(PartPair(self.parts, self._share(self.part_seconds)))
        return tuple(result)

    def _share(self, shorter: float) -> Values:
        """How high a lag's peak is in a shorter window, as a share of that in the whole."""
        count = self.whole.values.shape[1]
        return overlap(count, shorter) / np.maximum(overlap(count, self.seconds), 1e-3)

    def undoable(self, tail: float = TAIL) -> tuple[tuple[Undoable, float], ...]:
        """The references, ready to have effects undone, and how much each counts; sums to 1.

        Parameters
        ----------
        tail : float
            Seconds for which answers to an impulse last, at most.

        Returns
        -------
        tuple of (Undoable, float)
        """
        if tail not in self._undoable:
            total = sum(w for _, _, w in self.references)
            ready = tuple((make_undoable(a, r, tail), w / total) for a, r, w in self.references)
            self._undoable[tail] = ready
        return self._undoable[tail]

    @functools.cached_property
    def concentrated(self) -> float:
        """How concentrated the references are as they are, nothing undone."""
        nothing = np.ones((1, 1), np.float32)
        return mean_concentration(self.undoable(), nothing, UNDONE_RATE)


@dataclass(eq=False)
class _Listening:
    """Recordings, until all are read and a common band is known."""

    audio: Audio
    sample_rate: int
    weight: float = 1.0
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = band_end(self.audio, self.sample_rate)


def listened(recording: str | os.PathLike[str] | tuple[Audio, int]) -> Audio:
    """The part of a recording that is listened to: its middle, where it is very long.

    Parameters
    ----------
    recording : path-like or (ndarray, int)
        A file, or audio and its rate.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Two channels at most.
    """
    if isinstance(recording, tuple):
        audio, rate = recording
        span = _middle(audio.shape[1], rate)
        return np.asarray(audio[:2, span], dtype=np.float32)
    info = audio_info(recording)
    span = _middle(info.frames, info.sample_rate)
    return read_audio(recording, start=span.start, frames=span.stop - span.start)[0][:2]


def _middle(samples: int, sample_rate: int) -> slice:
    count = min(samples, round(LISTENED_SECONDS * sample_rate))
    start = (samples - count) // 2
    return slice(start, start + count)


def make_ear(own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]) -> Ear | None:
    """Listen to an input and its references; None where they are too short to tell.

    Parameters
    ----------
    own : (audio, sample_rate)
        The input.
    references : sequence of (audio, sample_rate, weight)
        What it should sound like.

    Returns
    -------
    Ear or None
    """
    wholes: list[tuple[Cepstrum, float]] = []
    halves: list[list[tuple[Cepstrum, float]]] = [[], []]
    parts: list[list[tuple[Cepstrum, float]]] = [[], []]
    # Long transforms leave the interpreter to others.
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        mine, *theirs = threads.map(lambda sound: _Listening(*sound), (own, *references))
        if min(r.audio.shape[1] / r.sample_rate for r in (mine, *theirs)) < SHORTEST_REFERENCE:
            return None
        end = min(r.end for r in (mine, *theirs))

        def heard(sound: _Listening, piece: slice = slice(None)) -> Future[Cepstrum]:
            audio = sound.audio[:, piece]
            return threads.submit(recording_cepstrum, audio, sound.sample_rate, highest=end)

        dry = heard(mine)
        asked = []
        for r in theirs:
            count = r.audio.shape[1]
            pieces = [slice(count // 2), slice(count // 2, count)]
            if count // 2 < BLOCK_SECONDS * r.sample_rate:
                pieces += [slice(count), slice(3 * count // 4), slice(count // 4, count)]
            asked.append([heard(r, piece) for piece in pieces])
        for r, futures in zip(theirs, asked, strict=True):
            one, two, *more = (future.result() for future in futures)
            whole, *longer = more or (mean_cepstrum(one, two), one, two)
            wholes.append((whole, r.weight))
            for number in range(2):
                halves[number].append(((one, two)[number], r.weight))
                parts[number].append((longer[number], r.weight))
        own_cepstrum = dry.result()
        every, first, second, early, late = threads.map(
            lambda cepstra: echo_target(cepstra, own_cepstrum, end), (wholes, *halves, *parts)
        )
    seconds, half, part = (_length(c) for c in (wholes, halves[0], parts[0]))
    return Ear(
        *(every, (first, second), own, tuple(references), seconds, half, (early, late), part)
    )


def _length(cepstra: Sequence[tuple[Cepstrum, float]]) -> float:
    return float(max(cepstra, key=lambda pair: pair[1])[0].seconds)
