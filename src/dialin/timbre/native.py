"""The compiled kernels (``_native.c``), called through ctypes without the interpreter lock."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio.compiled import (
    DOUBLE,
    FLOAT,
    FRAME_LANES,
    LONG,
    LONGS,
    POINTER,
    Frames,
    declared,
    library,
)
from dialin.timbre import tables
from dialin.timbre.filters import Bands, halving_section, third_octave_filters
from dialin.timbre.kernel_constants import STRONGER_SHARE

Samples = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

_LANES = 8

_declare = partial(declared, library("dialin.timbre._native"))

_weighted = _declare("weighted_energy", None, *[POINTER] * 3, LONG, POINTER)
_walk = _declare("walk_back", None, POINTER, POINTER, LONG, DOUBLE, *[LONG] * 3)
_filter_tree = _declare("filter_tree", None, POINTER, LONG, *[POINTER] * 4)
_levels = _declare("third_octave_levels", None, POINTER, LONG, *[POINTER] * 4)
_slopes = _declare("loudness_slopes", None, POINTER, LONG, *[POINTER] * 5)
_envelope = _declare("hold_envelope", None, POINTER, LONG, LONG, DOUBLE, POINTER)
_median = _declare("running_median", None, POINTER, LONG, LONG, *[POINTER] * 2)
_percussive = _declare("percussive_energies", None, *[POINTER] * 3)
_peaks = _declare("contrast_peaks", LONG, POINTER, LONG, DOUBLE, POINTER)
_frame_roughness = _declare(
    "frame_roughness",
    None,
    *(POINTER, LONG, LONG, DOUBLE, DOUBLE, DOUBLE),
    *(POINTER, LONG, POINTER, POINTER, POINTER),
)
_bandwidths = _declare("bandwidths", None, POINTER, FLOAT, *[POINTER] * 2)
_moments = _declare("spectral_moments", None, *[POINTER] * 5)
_bands = _declare("band_power", None, *[POINTER] * 4, LONG, POINTER)
_tapered = _declare("tapered_frames", None, POINTER, *[LONG] * 3, *[POINTER] * 2)
_summed = _declare("summed_power", None, POINTER, *[LONG] * 2, POINTER)
_energies = _declare("frame_energies", None, POINTER, *[LONG] * 3, *[POINTER] * 2)
_power_spectra = _declare("power_spectra", None, POINTER, POINTER)
_runs = _declare("decay_runs", None, POINTER, POINTER, LONG, POINTER, LONG, POINTER)


def _samples(x: NDArray[Any]) -> Samples:
    return np.ascontiguousarray(x, dtype=np.float64)


def weighted_energy(x: Samples, sections: Samples, edges: Indices) -> Samples:
    """See `fallback.weighted_energy`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    sections : ndarray, float64, shape (sections, 5)
        Rows of ``b0 b1 b2 a1 a2``.
    edges : ndarray, int64, shape (edges,)
        Samples, rising.

    Returns
    -------
    ndarray, float64, shape (edges - 1,)
        Sums of squares.
    """
    x, bounds = _samples(x), np.ascontiguousarray(edges, dtype=LONGS)
    energy = np.empty(bounds.size - 1)
    _weighted(
        x.ctypes.data,
        sections.ctypes.data,
        bounds.ctypes.data,
        energy.size,
        energy.ctypes.data,
    )
    return energy


def filter_tree(
    x: Samples, trunk: Samples, branches: list[Samples]
) -> tuple[Samples, NDArray[np.float32]]:
    """See `fallback.filter_tree`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    trunk : ndarray, float64, shape (5,)
        A section, ``b0 b1 b2 a1 a2``.
    branches : list of ndarray
        Four sections.

    Returns
    -------
    (ndarray, ndarray)
        The trunk's output as float64, shape (samples,), and the branches' as float32, shape (4,
        samples).
    """
    x, lanes = _samples(x), np.ascontiguousarray(np.transpose(branches))
    stem = np.empty_like(x)
    twigs = np.empty((4, x.size), dtype=np.float32)
    _filter_tree(
        x.ctypes.data,
        x.size,
        trunk.ctypes.data,
        lanes.ctypes.data,
        stem.ctypes.data,
        twigs.ctypes.data,
    )
    return stem, twigs


def third_octave_levels(frames: Samples) -> Samples:
    """See `fallback.third_octave_levels`.

    Parameters
    ----------
    frames : ndarray, float64, shape (frames, 4096)
        At 44.1 kHz.

    Returns
    -------
    ndarray, float64, shape (frames, 28)
        In dB.
    """
    count, length = frames.shape
    groups = -(-count // _LANES)
    lanes = np.zeros((groups, length, _LANES))
    whole = count // _LANES
    if whole:
        lanes[:whole] = frames[: whole * _LANES].reshape(whole, _LANES, length).swapaxes(1, 2)
    if whole < groups:
        lanes[whole, :, : count - whole * _LANES] = frames[whole * _LANES :].T
    levels = np.empty((groups, 28, _LANES))
    work = np.empty((length // 2, _LANES))
    _levels(
        lanes.ctypes.data,
        groups,
        third_octave_filters().ctypes.data,
        halving_section().ctypes.data,
        work.ctypes.data,
        levels.ctypes.data,
    )
    return levels.swapaxes(1, 2).reshape(groups * _LANES, 28)[:count]


def loudness_slopes(core: Samples) -> tuple[Samples, Samples]:
    """See `fallback.loudness_slopes`.

    Parameters
    ----------
    core : ndarray, float64, shape (frames, 21)
        Core loudness in sone/Bark.

    Returns
    -------
    (ndarray, ndarray), shapes (frames, 240) and (frames,)
        Specific loudness in sone/Bark, and total loudness in sone.
    """
    core = _samples(core)
    specific, total = np.empty((len(core), 240)), np.empty(len(core))
    _slopes(
        core.ctypes.data,
        len(core),
        tables.ZUP.ctypes.data,
        tables.RNS.ctypes.data,
        tables.USL.ctypes.data,
        specific.ctypes.data,
        total.ctypes.data,
    )
    return specific, total


def hold_envelope(x: Samples, hold: int, fall: float) -> Samples:
    """See `fallback.hold_envelope`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hold : int
        In samples.
    fall : float
        Of amplitude, a sample.

    Returns
    -------
    ndarray, float64, shape (samples,)
    """
    x = _samples(x)
    y = np.empty_like(x)
    _envelope(x.ctypes.data, x.size, hold, fall, y.ctypes.data)
    return y


def walk_back(
    envelope: Samples, starts: list[int], significant: float, margin: int, look: int, far: int
) -> list[int]:
    """See `fallback.walk_back`.

    Parameters
    ----------
    envelope : ndarray, float64, shape (samples,)
        Followed backwards.
    starts : list of int
        Samples at which to begin.
    significant : float
        A rise of this much ends the walk.
    margin : int
        Positions nearer than this to the start become 0.
    look : int
        How far back to look for a lower position.
    far : int
        How far back to look for one behind a small rise.

    Returns
    -------
    list of int
        Where each walk ends, in samples.
    """
    envelope, positions = _samples(envelope), np.array(starts, dtype=LONGS)
    _walk(
        envelope.ctypes.data,
        positions.ctypes.data,
        *(positions.size, significant, margin, look, far),
    )
    return [int(position) for position in positions]


def running_median(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """See `fallback.running_median`.

    Parameters
    ----------
    x : ndarray, float32, shape (rows, columns)
        Any values.

    Returns
    -------
    ndarray, float32, shape (rows, columns)
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    y, work = np.empty_like(x), np.empty(2 * FRAME_LANES * len(x), dtype=np.float32)
    _median(x.ctypes.data, *x.shape, work.ctypes.data, y.ctypes.data)
    return y


def contrast_peaks(x: Samples, contrast: float) -> Indices:
    """See `fallback.contrast_peaks`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    contrast : float
        In the units of `x`.

    Returns
    -------
    ndarray, int64, shape (peaks,)
    """
    x = _samples(x)
    peaks = np.empty(x.size, dtype=LONGS)
    count = _peaks(x.ctypes.data, x.size, contrast, peaks.ctypes.data)
    return peaks[:count].astype(np.int64)


def frame_roughness(spectra: Singles, low: float, high: float, hertz: float) -> Samples:
    """See `fallback.frame_roughness`.

    Parameters
    ----------
    spectra : ndarray, float32, shape (frames, bins)
        Magnitudes.
    low : float
        Least magnitude of the whole clip.
    high : float
        Largest magnitude of the whole clip.
    hertz : float
        Width of a bin.

    Returns
    -------
    ndarray, float64, shape (frames,)
    """
    spectra = _singles(spectra)
    count, bins = spectra.shape
    scratch, peaks = np.empty(5 * bins), np.empty(bins, dtype=LONGS)
    total = np.empty(count)
    _frame_roughness(
        spectra.ctypes.data,
        *(count, bins, low, high - low, hertz),
        STRONGER_SHARE.ctypes.data,
        STRONGER_SHARE.size,
        scratch.ctypes.data,
        peaks.ctypes.data,
        total.ctypes.data,
    )
    return total


def decay_runs(x: Samples, starts: Indices, edges: Indices) -> Indices:
    """See `fallback.decay_runs`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    starts : ndarray, int64, shape (frames,)
        First sample of each frame.
    edges : ndarray, int64, shape (sub-frames, 2)
        First and last + 1 sample of each sub-frame, from the frame's start.

    Returns
    -------
    ndarray, int64, shape (frames,)
        Sub-frames before the first that breaks the decay; -1 if none does.
    """
    x = _samples(x)
    first, bounds = (np.ascontiguousarray(v, dtype=LONGS) for v in (starts, edges))
    passed = np.empty(first.size, dtype=LONGS)
    _runs(
        x.ctypes.data,
        first.ctypes.data,
        first.size,
        bounds.ctypes.data,
        len(bounds),
        passed.ctypes.data,
    )
    return passed.astype(np.int64)


def _singles(x: NDArray[Any]) -> Singles:
    return np.ascontiguousarray(x, dtype=np.float32)


def tapered_frames(x: Samples, hop: int, window: Samples) -> Samples:
    """See `fallback.tapered_frames`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, float64, shape (length,)
        Of a frame; its size is the frame's.

    Returns
    -------
    ndarray, float64, shape (frames, length)
    """
    x, window = _samples(x), _samples(window)
    rows = np.empty(((x.size - window.size) // hop + 1, window.size))
    _tapered(x.ctypes.data, hop, *rows.shape, window.ctypes.data, rows.ctypes.data)
    return rows


def summed_power(spectra: NDArray[np.complex128]) -> Samples:
    """See `fallback.summed_power`.

    Parameters
    ----------
    spectra : ndarray, complex128, shape (frames, bins)
        As `rfft` gives them.

    Returns
    -------
    ndarray, float64, shape (bins,)
    """
    spectra = np.ascontiguousarray(spectra, dtype=np.complex128)
    power = np.empty(spectra.shape[1])
    _summed(spectra.ctypes.data, *spectra.shape, power.ctypes.data)
    return power


def frame_energies(x: NDArray[Any], hop: int, window: NDArray[Any]) -> Samples:
    """See `fallback.frame_energies`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.

    Returns
    -------
    ndarray, float64, shape (frames,)
    """
    x, window = _singles(x), _singles(window)
    energy = np.empty((x.size - window.size) // hop + 1)
    _energies(x.ctypes.data, hop, energy.size, window.size, window.ctypes.data, energy.ctypes.data)
    return energy


def power_spectra(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int, centre: bool
) -> Singles:
    """See `fallback.power_spectra`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    size : int
        Of the FFT; the window's or more.
    centre : bool
        Whether a frame's mean is taken off.

    Returns
    -------
    ndarray, float32, shape (frames, size / 2 + 1)
    """
    frames = Frames.of(x, hop, window, size, centre)
    power = np.empty((frames.count, size // 2 + 1), dtype=np.float32)
    _power_spectra(ctypes.byref(frames), power.ctypes.data)
    return power


def spectral_moments(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int
) -> tuple[Samples, Samples, Samples]:
    """See `fallback.spectral_moments`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    size : int
        Of the FFT; the window's or more.

    Returns
    -------
    (ndarray, ndarray, ndarray), shapes (frames,), (frames,) and (size / 2 + 1,)
        Power of each frame, sum of bin number times power of each, and sum over frames of each bin.
    """
    frames = Frames.of(x, hop, window, size, True)
    total, moment, spectrum = (np.empty(n) for n in (frames.count, frames.count, size // 2 + 1))
    columns = np.empty((size // 2 + 1) * FRAME_LANES, dtype=np.float32)
    _moments(
        ctypes.byref(frames),
        *(array.ctypes.data for array in (columns, total, moment, spectrum)),
    )
    return total, moment, spectrum


def band_power(x: NDArray[Any], hop: int, window: NDArray[Any], bands: Bands) -> Singles:
    """See `fallback.band_power`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    bands : Bands
        Which bins each band has, and their weights.

    Returns
    -------
    ndarray, float32, shape (frames, bands)
    """
    frames = Frames.of(x, hop, window, window.size, False)
    power = np.empty((frames.count, bands.start.size), dtype=np.float32)
    start, many = (np.ascontiguousarray(v, dtype=LONGS) for v in (bands.start, bands.many))
    _bands(
        ctypes.byref(frames),
        *(start.ctypes.data, many.ctypes.data, bands.weights.ctypes.data),
        *(start.size, power.ctypes.data),
    )
    return power


def bandwidths(x: NDArray[Any], hop: int, length: int, threshold: float) -> tuple[Samples, Indices]:
    """See `fallback.bandwidths`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    length : int
        Of a frame.
    threshold : float
        Least magnitude that counts, of a bin.

    Returns
    -------
    (ndarray, ndarray), shape (frames,) each
        Sum of magnitudes, and width in bins.
    """
    frames = Frames.of(x, hop, length, length, False)
    level, width = np.empty(frames.count), np.empty(frames.count, dtype=LONGS)
    _bandwidths(ctypes.byref(frames), threshold, level.ctypes.data, width.ctypes.data)
    return level, width.astype(np.int64)


def percussive_energies(x: NDArray[Any], window: NDArray[Any]) -> Samples:
    """See `fallback.percussive_energies`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.

    Returns
    -------
    ndarray, float64, shape (2, frames - 1)
        Of the percussive and of the other part.
    """
    size = window.size
    frames = Frames.of(x, size // 4, window, size, False)
    stride = frames.count + 80
    room = np.empty((size + 2) * (FRAME_LANES + stride) + (size // 4) * stride, dtype=np.float32)
    energy = np.empty((2, frames.count - 1))
    _percussive(ctypes.byref(frames), room.ctypes.data, energy.ctypes.data)
    return energy
