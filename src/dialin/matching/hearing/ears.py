"""What is heard of an input and its references beyond the input: as a whole, and in parts.

An echo is looked for in the whole, and must be in both halves; one that is too long for them in the
first and the last three quarters, or seven eighths.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from dialin.audio import Audio, audio_info, read_audio
from dialin.matching.hearing.echo_target import EchoTarget, PartPair, echo_target
from dialin.measures.cepstrum import (
    BLOCK_SECONDS,
    LONGEST,
    Cepstrum,
    band_end,
    lags_of,
    mean_cepstrum,
    recording_cepstrum,
)
from dialin.measures.undoing import RATE as UNDONE_RATE
from dialin.measures.undoing import TAIL, Undoable, make_undoable, mean_concentration

LISTENED_SECONDS = 120.0
"""How much of a recording is listened to, at most."""

LONGER, LONGEST_PARTS, HELD = 0.75, 0.875, 0.6
"""Share of a recording that longer parts are, and still longer ones where late echoes are looked
for; and share of a part up to which it holds a lag."""

LEAST_SEEN = 1e-3
"""Share of an echo below which a recording says nothing of it."""

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
    longer : tuple of (EchoTarget, EchoTarget)
        The same of the first and the last three quarters, which hold longer lags, and of more; none
        of long recordings.
    late : bool
        Whether late echoes are listened for; see `recording_cepstrum`.
    """

    whole: EchoTarget
    halves: tuple[EchoTarget, EchoTarget]
    own: tuple[Audio, int]
    references: tuple[tuple[Audio, int, float], ...]
    longer: tuple[tuple[EchoTarget, EchoTarget], ...] = ()
    late: bool = False
    _undoable: dict[float, tuple[tuple[Undoable, float], ...]] = field(default_factory=dict)

    @property
    def pairs(self) -> tuple[PartPair, ...]:
        """Parts in which the same must be heard, the shorter first."""
        lags = lags_of(self.whole.values.shape[1])
        seen = np.maximum(self.whole.seen.at(lags), LEAST_SEEN)

        def paired(parts: tuple[EchoTarget, EchoTarget]) -> PartPair:
            one, two = (part.seen.at(lags) / seen for part in parts)
            return PartPair(parts, (one, two))

        return tuple(paired(parts) for parts in (self.halves, *self.longer))

    @property
    def seconds(self) -> float:
        """Length of the longest window."""
        return self.whole.seen.seconds

    @property
    def half_seconds(self) -> float:
        """Length of the halves' longest window."""
        return self.halves[0].seen.seconds

    def longer_than(self, lag: float) -> tuple[EchoTarget, EchoTarget]:
        """Parts that are longer than halves, and hold a lag.

        Parameters
        ----------
        lag : float
            In seconds.

        Returns
        -------
        (EchoTarget, EchoTarget)
            The longest there are, where none are long enough; the halves, where there are no other.
        """
        for parts in self.longer:
            if lag <= HELD * parts[0].seen.seconds:
                return parts
        return self.longer[-1] if self.longer else self.halves

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


def make_ear(
    own: tuple[Audio, int],
    references: Sequence[tuple[Audio, int, float]],
    longest: float = LONGEST,
) -> Ear | None:
    """Listen to an input and its references; None where they are too short to tell.

    Parameters
    ----------
    own : (audio, sample_rate)
        The input.
    references : sequence of (audio, sample_rate, weight)
        What it should sound like.
    longest : float
        Longest lag that is listened to, in seconds.

    Returns
    -------
    Ear or None
    """
    wholes: list[tuple[Cepstrum, float]] = []
    spans = [LONGER] if longest <= LONGEST else [LONGER, LONGEST_PARTS]
    # First and last halves, and first and last of longer parts.
    parts: list[list[tuple[Cepstrum, float]]] = [[] for _ in range(2 + 2 * len(spans))]
    # Long transforms leave the interpreter to others.
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        mine, *theirs = threads.map(lambda sound: _Listening(*sound), (own, *references))
        if min(r.audio.shape[1] / r.sample_rate for r in (mine, *theirs)) < SHORTEST_REFERENCE:
            return None
        end = min(r.end for r in (mine, *theirs))

        def heard(sound: _Listening, piece: slice) -> Future[Cepstrum]:
            return threads.submit(
                recording_cepstrum,
                *(sound.audio[:, piece], sound.sample_rate),
                highest=end,
                longest=longest,
                late=longest > LONGEST,
            )

        dry = heard(mine, slice(None))
        asked = []
        for r in theirs:
            count = r.audio.shape[1]
            pieces = [slice(count // 2), slice(count // 2, count)]
            if count // 2 < BLOCK_SECONDS * r.sample_rate:
                lengths = [round(share * count) for share in spans]
                pieces += [slice(count)]
                pieces += [p for n in lengths for p in (slice(n), slice(count - n, count))]
            asked.append([heard(r, piece) for piece in pieces])
        for r, futures in zip(theirs, asked, strict=True):
            one, two, *more = (future.result() for future in futures)
            whole, *others = more or (mean_cepstrum(one, two), *(one, two) * len(spans))
            wholes.append((whole, r.weight))
            for part, cepstrum in zip(parts, (one, two, *others), strict=True):
                part.append((cepstrum, r.weight))
        own_cepstrum = dry.result()
        every, *targets = threads.map(
            lambda cepstra: echo_target(cepstra, own_cepstrum, end), (wholes, *parts)
        )
    halves, *longer = zip(targets[::2], targets[1::2], strict=True)
    some = [pair for pair in longer if pair[0].seen.seconds > halves[0].seen.seconds]
    return Ear(every, halves, own, tuple(references), tuple(some), longest > LONGEST)
