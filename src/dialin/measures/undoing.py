"""Undoing an effect: what a recording comes to without it, which tells more than any cepstrum.

``1 + m z^-D`` and ``m + z^-D`` have the same power spectrum, so that a loud echo of a soft sound
looks like a soft echo of a loud one. Divided by the wrong of both a recording is left with an
all-pass filter, which spreads every attack over several lags; divided by the right one it is the
dry sound again, which is as concentrated as music is (the idea of minimum entropy deconvolution).
No other recording is compared, so the music itself does not count.

Nor is a cepstrum exact where an echo's lag is no small part of the recording: how much of it lies
within the window depends on when the music plays. What is left of an echo in the undone recording
is nothing where its settings are right, whenever the music plays.

References
----------
Wiggins, "Minimum entropy deconvolution" (1978).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.cepstrum import recording_cepstrum
from dialin.measures.transforms import hann

RATE = 24_000
"""Samples a second of what is looked at."""

LONGEST = 12.0
"""Seconds of a recording that are looked at, its middle, at most."""

TAIL = 3.0
"""Seconds for which the answers to an impulse that are undone last, if nothing else is said."""

REGULAR = 0.003
"""Share of an answer's mean power below which its spectrum is not divided by."""

EDGE = 1 / 8
"""Share of the recording at each of its ends that does not count: what rang before it began, and
goes on after it ends, cannot be undone."""

HOP, FRAME = 0.001, 0.004
"""Seconds between values of the envelopes, and of the frames that they are taken from."""

BANDS = 16
"""Bands that have envelopes of their own: other notes begin in each."""


@dataclass(frozen=True, eq=False)
class Undoable:
    """A recording, ready to have effects undone.

    Attributes
    ----------
    spectrum : ndarray, complex64, shape (channels, bins)
        Up to half of `RATE`, of whole seconds filled up with silence.
    seconds : int
        Of the transform.
    heard : float
        Seconds of the recording.
    """

    spectrum: NDArray[np.complex64]
    seconds: int
    heard: float


def make_undoable(audio: Audio, sample_rate: int, tail: float = TAIL) -> Undoable:
    """Transform a recording.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    tail : float
        Seconds for which answers to an impulse last, at most.

    Returns
    -------
    Undoable
    """
    count = min(audio.shape[1], round(LONGEST * sample_rate))
    start = (audio.shape[1] - count) // 2
    heard = count / sample_rate
    seconds = int(np.ceil(heard + tail))
    spectrum = _spectrum(audio[:, start : start + count], sample_rate, seconds)
    return Undoable(spectrum.astype(np.complex64), seconds, heard)


def undo(recording: Undoable, response: Audio, sample_rate: int) -> Audio:
    """A recording without an effect.

    Parameters
    ----------
    recording : Undoable
        From `make_undoable`.
    response : ndarray, float32, shape (channels, samples)
        The effect's answer to an impulse, from the impulse on. Where one of both is mono, so is
        the other.
    sample_rate : int
        Of the response, in hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        At `RATE`, with the loudest moment of the answer where the impulse was; zeros in channels
        that answer nothing.
    """
    answer = response[:, : round((recording.seconds - recording.heard) * sample_rate)]
    rows = recording.spectrum
    if answer.shape[0] != rows.shape[0]:
        answer, rows = (a.mean(axis=0, keepdims=True) for a in (answer, rows))
    undone = np.zeros((rows.shape[0], round(recording.heard * RATE)), np.float32)
    for place, (row, heard) in enumerate(zip(rows, answer, strict=True)):
        through = _spectrum(heard[None], sample_rate, recording.seconds)[0]
        power = through.real**2 + through.imag**2
        level = float(power.mean())
        if level <= 0:
            continue
        sound = sfft.irfft(row * through.conj() / (power + REGULAR * level))
        # Every answer's loudest moment is put in the same place, so that the same music counts.
        sound = np.roll(sound, round(int(np.argmax(np.abs(heard))) / sample_rate * RATE))
        undone[place] = sound[: undone.shape[1]]
    return undone


def undone_cepstrum(
    recording: Undoable, response: Audio, sample_rate: int, highest: float
) -> NDArray[np.float64]:
    """Cepstrum of a recording without an effect: what is left of its echoes.

    Parameters
    ----------
    recording : Undoable
        From `make_undoable`.
    response : ndarray, float32, shape (channels, samples)
        As of `undo`.
    sample_rate : int
        Of the response, in hertz.
    highest : float
        Frequency in hertz up to which the spectrum counts.

    Returns
    -------
    ndarray, float64, shape (views, lags)
        As of `dialin.measures.cepstrum.recording_cepstrum`, of two channels without the side.
    """
    sound = undo(recording, response, sample_rate)
    return recording_cepstrum(sound, RATE, highest=highest).values[:3]


def concentration(recording: Undoable, response: Audio, sample_rate: int) -> float:
    """How concentrated in time a recording is without an effect.

    Parameters
    ----------
    recording : Undoable
        From `make_undoable`.
    response : ndarray, float32, shape (channels, samples)
        As of `undo`.
    sample_rate : int
        Of the response, in hertz.

    Returns
    -------
    float
        Logarithm of the mean square of envelopes over their squared mean, the mean of `BANDS`
        bands and all channels: the more concentrated, the greater. NaN where nothing is left.
    """
    undone = undo(recording, response, sample_rate)
    edge = round(EDGE * undone.shape[1])
    inner = undone[:, edge : undone.shape[1] - edge]
    values = [_concentration(row) for row in inner if row.any()]
    return float(np.mean(values)) if values else float("nan")


def mean_concentration(
    recordings: Sequence[tuple[Undoable, float]], response: Audio, sample_rate: int
) -> float:
    """How concentrated several recordings are without an effect.

    Parameters
    ----------
    recordings : sequence of (Undoable, float)
        And how much each counts; sums to 1.
    response : ndarray, float32, shape (channels, samples)
        The effect's answer to an impulse, from the impulse on.
    sample_rate : int
        Of the response, in hertz.

    Returns
    -------
    float
        As of `concentration`.
    """
    return sum(w * concentration(sound, response, sample_rate) for sound, w in recordings)


def _spectrum(audio: Audio, sample_rate: int, seconds: int) -> NDArray[np.complexfloating]:
    """Spectrum up to half of `RATE`, ``(channels, bins)``."""
    spectrum = sfft.rfft(audio, seconds * sample_rate, axis=1)
    bins = seconds * RATE // 2 + 1
    missing = max(0, bins - spectrum.shape[1])
    return np.pad(spectrum[:, :bins], ((0, 0), (0, missing)))


def _concentration(sound: NDArray[np.float32]) -> float:
    envelopes = _envelopes(sound)
    means = envelopes.mean(axis=1)
    envelopes, means = envelopes[means > 0], means[means > 0]
    if not means.size:
        return float("nan")
    return float(np.log((envelopes**2).mean(axis=1) / means**2).mean())


def _envelopes(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Magnitude in bands, every millisecond, ``(bands, frames)``."""
    length, hop = round(FRAME * RATE), round(HOP * RATE)
    if sound.size < length:
        return np.zeros((BANDS, 0))
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[::hop]
    window = hann(length + 2)[1:-1].astype(np.float32)
    power = np.abs(sfft.rfft(frames * window, axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1] - 1, BANDS + 1).astype(int))
    means = np.add.reduceat(power, edges[:-1], axis=1) / np.diff([*edges[:-1], power.shape[1]])
    return np.asarray(np.sqrt(means.T), dtype=np.float64)
