"""Choosing the parts of a recording worth analysing: music, and nothing but music.

Conventions
-----------
* Levels are of blocks of 50 ms, over all channels, in dB re full scale, behind a high-pass at 25 Hz
  (direct current and infrasound are no music). It is causal and short, so that it rings into no
  silence.
* *Music* is what comes within `RANGE_DB` of the loudest second, except for what stays the same for
  a second far below it (hum, a noise floor), and for single clicks where the recording has denser
  parts (a count-in). Rests shorter than `REST_SECONDS` belong to it.
* An excerpt never holds what is no music at its ends; it is shorter instead.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.audio.biquads import COMPILED, Biquads
from dialin.audio.files import audio_info, read_audio, read_blocks
from dialin.audio.gate import Audio
from dialin.audio.infrasound import without_infrasound

Heard = NDArray[np.floating[Any]]

SILENCE_MEAN_SQUARE = 1e-5
"""Mean square below which an excerpt counts as silent (-50 dBFS)."""

BLOCK_SECONDS = 0.05

HIGHPASS_HZ = 25.0

RINGING_SECONDS = 0.5
"""After which the high-pass has forgotten all: its slowest pole falls by 250 dB in that."""

SHORT_SECONDS = 30.0
"""Up to which a recording is filtered at once, where the loop is not compiled."""

RANGE_DB = 40.0
"""How far below the loudest second music goes."""

STEADY_DB, STEADY_BELOW_DB = 1.0, 18.0
"""What keeps its level to within the one (standard deviation over a second), and lies below the
loudest second by the other or more, is hum or a noise floor."""

SPARSE, DENSE = 0.3, 0.5
"""Share of a second that clicks fill at most, and share that music fills where they can be told."""

CLICK = 4
"""Blocks that a click lasts at most, and that lie around it at least."""

REST_SECONDS = 1.5
"""Longest silence that belongs to the music around it."""

TAIL_SECONDS = 0.3
"""Kept after the end of music, so that what rings on is heard."""

LEAST_SECONDS = 1.0
"""Shorter stretches are taken only where there is nothing longer."""

_SILENT_DB = -115.0


@dataclass(frozen=True, eq=False)
class Cut:
    """Excerpts of a recording.

    Attributes
    ----------
    pieces : list of ndarray, shape (channels, samples)
    starts : list of int
        Where each begins, in samples.
    sample_rate : int
    samples : int
        Length of the whole recording.
    """

    pieces: list[Audio]
    starts: list[int]
    sample_rate: int
    samples: int


def silence_level(audio: Audio) -> float:
    """Mean square of the samples over all channels; compare with `SILENCE_MEAN_SQUARE`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    float
    """
    return float(np.mean(np.square(audio, dtype=np.float64)))


def middle_of(samples: int, most: int) -> slice:
    """Place of the middle of something, for measures that need no more than a part of it.

    >>> middle_of(100, 10), middle_of(5, 10)
    (slice(45, 55, None), slice(0, 5, None))

    Parameters
    ----------
    samples : int
        Length of the whole.
    most : int
        Length of the middle, where there is as much.

    Returns
    -------
    slice
        Along the sample axis.
    """
    length = min(samples, most)
    start = (samples - length) // 2
    return slice(start, start + length)


def halves_audible(
    audio: Audio,
    sample_rate: int,
    *,
    samples: int | None = None,
    full_scale: float = 1.0,
    least: float = SILENCE_MEAN_SQUARE,
) -> bool:
    """Whether both halves of an excerpt can be heard: what lies above 20 Hz is not silent.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The excerpt.
    sample_rate : int
        In hertz.
    samples : int, optional
        Length of the two halves together, from the start; all by default.
    full_scale : float, default 1.0
        What counts as full scale: with its own peak, a quiet recording is no silent one.
    least : float, default SILENCE_MEAN_SQUARE
        Mean square that each half must have.

    Returns
    -------
    bool
    """
    whole = audio.shape[1] if samples is None else samples
    heard = without_infrasound(audio, sample_rate)
    halves = heard[:, : whole // 2], heard[:, whole // 2 : whole]
    return all(silence_level(half / full_scale) >= least for half in halves)


def active_excerpts(
    audio: Audio, sample_rate: int, *, seconds: float = 10.0, pieces: int = 2
) -> list[slice]:
    """Places of the most active excerpts, in time order.

    The music of the recording (see above) is cut into windows of ``seconds / pieces``; windows are
    ranked by their median short-term level, which prefers sustained material to a single hit, and
    by their length where music is shorter than that. The best ones that do not overlap are
    returned. Music no longer than `seconds` in one stretch is returned as one excerpt.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    seconds : float
        Total length wanted.
    pieces : int
        How many excerpts to spread it over, at most.

    Returns
    -------
    list of slice
        Along the sample axis; the beginning of a recording that is silent throughout.
    """
    level = block_levels([audio], sample_rate)
    return _choose(level, audio.shape[1], sample_rate, seconds, pieces)


def cut_file(path: str | os.PathLike[str], *, seconds: float = 10.0, pieces: int = 2) -> Cut:
    """Read the most active excerpts of a file of any length (see `active_excerpts`).

    The whole file is looked through in blocks, so that an hour takes no more memory than a minute.

    Parameters
    ----------
    path : path-like
        Of the file.
    seconds : float
        Total length wanted.
    pieces : int
        How many excerpts to spread it over.

    Returns
    -------
    Cut

    Raises
    ------
    AudioFileError, AudioError
        As `dialin.audio.read_audio`.
    """
    rate = audio_info(path).sample_rate
    samples = 0

    def counted() -> Iterable[Audio]:
        nonlocal samples
        for block in read_blocks(path):
            samples += block.shape[1]
            yield block

    level = block_levels(counted(), rate)
    spans = _choose(level, samples, rate, seconds, pieces)
    cut = [read_audio(path, start=span.start, frames=span.stop - span.start)[0] for span in spans]
    return Cut(cut, [span.start for span in spans], rate, samples)


def block_levels(blocks: Iterable[Audio], sample_rate: int) -> NDArray[np.float64]:
    """Level of every 50 ms of a recording that comes in blocks, in dBFS.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (channels, samples)
        Audio of shape (channels, samples), piece after piece.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (50 ms blocks,)
        What is left over at the end counts as a block where it is all there is.
    """
    length = max(1, int(BLOCK_SECONDS * sample_rate))
    rest: Heard | None = None
    levels: list[NDArray[np.float64]] = []
    for heard in _highpassed(blocks, sample_rate):
        whole = heard if rest is None else np.concatenate([rest, heard], axis=1)
        count = whole.shape[1] // length
        rest = whole[:, count * length :]
        if count:
            levels.append(_levels(whole[:, : count * length], length))
    if not levels and rest is not None and rest.shape[1]:
        levels.append(_levels(rest, rest.shape[1]))
    return np.concatenate(levels) if levels else np.zeros(0)


def _highpassed(blocks: Iterable[Audio], sample_rate: int) -> Iterator[Heard]:
    """Blocks behind a causal Butterworth high-pass of order 4.

    As if the recording had always stood at its first sample: an offset is no step then. Where the
    biquads are SciPy's, what is short is filtered by a product of spectra, with the same result:
    that takes ten times as long as the compiled loop, but importing scipy.signal half a second.
    """
    stream, first, samples = iter(blocks), list[Audio](), 0
    for block in stream:
        first.append(block)
        samples += block.shape[1]
        if COMPILED or samples > SHORT_SECONDS * sample_rate:
            break
    else:
        if first:
            yield _by_spectrum(np.concatenate(first, axis=1), sample_rate)
        return
    sections = _sections(sample_rate)
    state = np.zeros((first[0].shape[0], 2, 2))
    # Where a constant leaves the first section; the second one hears nothing of it.
    state[:, 0] = first[0][:, :1] * np.array([-sections[0, 0], sections[0, 2]])
    filtered = Biquads(sections, len(state), state)
    for block in itertools.chain(first, stream):
        yield filtered(block)


def _sections(sample_rate: int) -> NDArray[np.float64]:
    """The high-pass as biquads (R. Bristow-Johnson's cookbook), of the Qs of a Butterworth's."""
    w = 2 * np.pi * HIGHPASS_HZ / sample_rate
    rows = []
    for q in (0.5 / np.cos(np.pi / 8), 0.5 / np.cos(3 * np.pi / 8)):
        c, d = np.cos(w), np.sin(w) / (2 * q)
        row = np.array([(1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + d, -2 * c, 1 - d])
        rows.append(row / (1 + d))
    return np.array(rows)


def _by_spectrum(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """All of a short recording behind the high-pass."""
    history = round(RINGING_SECONDS * sample_rate)
    padded = np.concatenate([np.repeat(audio[:, :1], history, axis=1), audio], axis=1)
    size = sfft.next_fast_len(padded.shape[1], real=True)
    spectrum = sfft.rfft(padded.astype(np.float64), size, axis=1)
    spectrum *= _response(size, sample_rate)
    return np.asarray(sfft.irfft(spectrum, size, axis=1)[:, history : padded.shape[1]])


def _response(size: int, sample_rate: int) -> NDArray[np.complex128]:
    """Frequency response of the high-pass at the bins of a real FFT (bilinear transform)."""
    # Half the sampling frequency is where the tangent ends.
    angle = np.pi / size * np.minimum(np.arange(size // 2 + 1), size / 2 - 1e-6)
    s = 1j * np.tan(angle) / np.tan(np.pi * HIGHPASS_HZ / sample_rate)
    outer, inner = 2.0 * (np.cos(np.pi / 8) + np.sin(np.pi / 8)), 2.0 + np.sqrt(2.0)
    square = s * s
    return np.asarray(square**2 / (square**2 + outer * s * (square + 1.0) + inner * square + 1.0))


def _levels(heard: Heard, length: int) -> NDArray[np.float64]:
    power = np.zeros(heard.shape[1] // length)
    for channel in heard:
        cut = channel.reshape(power.size, length)
        power += np.einsum("ij,ij->i", cut, cut)
    return np.asarray(10 * np.log10(power / length + 1e-12))


def music_blocks(level: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which blocks of 50 ms are music, by their levels in dBFS; rests are not filled in.

    All are where the recording is silent throughout.

    Parameters
    ----------
    level : ndarray, float64, shape (blocks,)
        RMS level of each block in dBFS.

    Returns
    -------
    ndarray, bool, shape (blocks,)
    """
    second = min(level.size, round(1 / BLOCK_SECONDS))
    if not level.size or level.max() < _SILENT_DB:
        return np.ones(level.size, dtype=bool)
    windows = np.lib.stride_tricks.sliding_window_view(level, second)
    middle = np.median(windows, axis=1).max()
    energy = 10 * np.log10(np.mean(10 ** (windows / 10), axis=1)).max()
    # Single hits with silence between have no level in the middle.
    loudest = middle if middle > energy - 30.0 else energy
    active = level > max(loudest - RANGE_DB, _SILENT_DB)
    if level.size <= second:
        return np.asarray(active)
    steady = (windows.std(axis=1) < STEADY_DB) & (windows.mean(axis=1) < loudest - STEADY_BELOW_DB)
    active &= ~_spread(steady, second, level.size)
    filled = np.lib.stride_tricks.sliding_window_view(active, second).mean(axis=1)
    if filled.max() >= DENSE:
        active &= _spread(filled > SPARSE, second, level.size)
        edges = _edges(active)
        apart = np.diff(edges)
        for run in range(0, edges.size - 1, 2):
            around = apart[max(0, run - 1) : run + 2 : 2]
            if apart[run] <= CLICK and (around.size == 0 or around.min() >= CLICK):
                active[edges[run] : edges[run + 1]] = False
    return np.asarray(active)


def _edges(active: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where runs begin and end, in turn."""
    return np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))


def _spread(windows: NDArray[np.bool_], length: int, size: int) -> NDArray[np.bool_]:
    """Blocks that lie in any window that is true."""
    change = np.zeros(size + 1, dtype=np.int64)
    starts = np.flatnonzero(windows)
    np.add.at(change, starts, 1)
    np.add.at(change, np.minimum(starts + length, size), -1)
    return np.asarray(np.cumsum(change[:-1]) > 0)


def _stretches(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Music as first and last (exclusive) blocks, with its rests and its tail."""
    edges = _edges(active)
    rest, tail = round(REST_SECONDS / BLOCK_SECONDS), round(TAIL_SECONDS / BLOCK_SECONDS)
    stretches: list[tuple[int, int]] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        end = min(int(last) + tail, active.size)
        if stretches and first - (stretches[-1][1] - tail) <= rest:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((int(first), end))
    return stretches


def _choose(
    level: NDArray[np.float64], samples: int, rate: int, seconds: float, pieces: int
) -> list[slice]:
    block = max(1, int(BLOCK_SECONDS * rate))
    stretches = _stretches(music_blocks(level))
    total, per_piece = (max(1, int(seconds * rate / n / block)) for n in (1, pieces))
    if samples <= block:
        return [slice(0, samples)]
    if level.max() < _SILENT_DB:
        return [slice(0, min(samples, total * block))]
    longest = max(last - first for first, last in stretches)
    least = min(longest, per_piece, round(LEAST_SECONDS / BLOCK_SECONDS))
    if len(stretches) == 1 and longest <= total:
        windows = [(0.0, *stretches[0])]
    else:
        windows = []
        hop = max(1, per_piece // 4)
        for first, last in stretches:
            length = min(per_piece, last - first)
            if length < least:
                continue
            # Twice as long is worth twice the amplitude: there is more to be heard in it.
            bonus = 20 * np.log10(length / per_piece)
            starts = np.arange(first, last - length + 1, hop)
            medians = [float(np.median(level[s : s + length])) for s in starts]
            windows += [
                (m + bonus, int(s), int(s) + length) for m, s in zip(medians, starts, strict=True)
            ]
    chosen: list[tuple[int, int]] = []
    for _, first, last in sorted(windows, key=lambda w: -w[0]):
        if all(last <= a or first >= b for a, b in chosen):
            chosen.append((first, last))
        if len(chosen) == pieces:
            break
    if len(windows) == 1 and chosen[0][1] == level.size:
        # What is left over after the last whole block belongs to it.
        start = chosen[0][0] * block
        return [slice(start, min(samples, start + int(seconds * rate)))]
    return [slice(first * block, last * block) for first, last in sorted(chosen)]
