"""The compiled kernels (``_native.c``), called through ctypes without the interpreter lock."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.timbre import _native, tables  # type: ignore[attr-defined]
from dialin.timbre.filters import halving_section, third_octave_filters
from dialin.timbre.kernel_constants import STRONGER_SHARE

Samples = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

_LANES = 8
_LONG = np.dtype(ctypes.c_long)
_pointer = ctypes.c_void_p
_long = ctypes.c_long
_double = ctypes.c_double

_library = ctypes.CDLL(str(_native.__file__))


def _declare(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_biquads = _declare("biquads", None, _pointer, _pointer, _long, _pointer, _long)
_filter_tree = _declare("filter_tree", None, _pointer, _long, *[_pointer] * 4)
_levels = _declare("third_octave_levels", None, _pointer, _long, *[_pointer] * 4)
_slopes = _declare("loudness_slopes", None, _pointer, _long, *[_pointer] * 5)
_envelope = _declare("hold_envelope", None, _pointer, _long, _long, _double, _pointer)
_median = _declare("running_median", None, _pointer, _long, _long, _pointer)
_peaks = _declare("contrast_peaks", _long, _pointer, _long, _double, _pointer)
_frame_roughness = _declare(
    "frame_roughness",
    None,
    *(_pointer, _long, _long, _double, _double, _double),
    *(_pointer, _long, _pointer, _pointer, _pointer),
)
_bandwidths = _declare("bandwidths", None, _pointer, _long, _long, ctypes.c_float, *[_pointer] * 3)
_windowed = _declare("windowed_frames", None, _pointer, *[_long] * 3, _pointer, _long, _pointer)
_energies = _declare("frame_energies", None, _pointer, *[_long] * 3, *[_pointer] * 2)
_power_spectra = _declare(
    "power_spectra", None, _pointer, *[_long] * 3, _pointer, *[_long] * 2, *[_pointer] * 4
)
_squared = _declare("squared", None, _pointer, _long, _pointer)
_soft_mask = _declare("soft_mask", None, *[_pointer] * 3, _long, _pointer)
_runs = _declare("decay_runs", None, _pointer, _pointer, _long, _pointer, _long, _pointer)


def _samples(x: NDArray[Any]) -> Samples:
    return np.ascontiguousarray(x, dtype=np.float64)


def biquads(x: Samples, sections: Samples) -> Samples:
    """See `fallback.biquads`."""
    x, sections = _samples(x), _samples(sections)
    y = np.empty_like(x)
    _biquads(x.ctypes.data, y.ctypes.data, x.size, sections.ctypes.data, len(sections))
    return y


def filter_tree(
    x: Samples, trunk: Samples, branches: list[Samples]
) -> tuple[Samples, NDArray[np.float32]]:
    """See `fallback.filter_tree`."""
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
    """See `fallback.third_octave_levels`."""
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
    """See `fallback.loudness_slopes`."""
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
    """See `fallback.hold_envelope`."""
    x = _samples(x)
    y = np.empty_like(x)
    _envelope(x.ctypes.data, x.size, hold, fall, y.ctypes.data)
    return y


def running_median(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """See `fallback.running_median`."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    y = np.empty_like(x)
    _median(x.ctypes.data, *x.shape, y.ctypes.data)
    return y


def contrast_peaks(x: Samples, contrast: float) -> Indices:
    """See `fallback.contrast_peaks`."""
    x = _samples(x)
    found = np.empty(x.size, dtype=_LONG)
    count = _peaks(x.ctypes.data, x.size, contrast, found.ctypes.data)
    return found[:count].astype(np.int64)


def frame_roughness(spectra: Samples, low: float, high: float, hertz: float) -> Samples:
    """See `fallback.frame_roughness`."""
    spectra = _samples(spectra)
    count, bins = spectra.shape
    scratch, found = np.empty(5 * bins), np.empty(bins, dtype=_LONG)
    total = np.empty(count)
    _frame_roughness(
        spectra.ctypes.data,
        *(count, bins, low, high - low, hertz),
        STRONGER_SHARE.ctypes.data,
        STRONGER_SHARE.size,
        scratch.ctypes.data,
        found.ctypes.data,
        total.ctypes.data,
    )
    return total


def bandwidths(spectra: NDArray[np.float32], threshold: float) -> tuple[Samples, Indices]:
    """See `fallback.bandwidths`."""
    spectra = np.ascontiguousarray(spectra, dtype=np.float32)
    count, bins = spectra.shape
    magnitude = np.empty(bins, dtype=np.float32)
    level, width = np.empty(count), np.empty(count, dtype=_LONG)
    _bandwidths(
        spectra.ctypes.data,
        *(count, bins, threshold),
        magnitude.ctypes.data,
        level.ctypes.data,
        width.ctypes.data,
    )
    return level, width.astype(np.int64)


def decay_runs(x: Samples, starts: Indices, edges: Indices) -> Indices:
    """See `fallback.decay_runs`."""
    x = _samples(x)
    first, bounds = (np.ascontiguousarray(v, dtype=_LONG) for v in (starts, edges))
    passed = np.empty(first.size, dtype=_LONG)
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


def windowed_frames(x: NDArray[Any], hop: int, window: NDArray[Any], centre: bool) -> Singles:
    """See `fallback.windowed_frames`."""
    x, window = _singles(x), _singles(window)
    rows = np.empty(((x.size - window.size) // hop + 1, window.size), dtype=np.float32)
    _windowed(x.ctypes.data, hop, *rows.shape, window.ctypes.data, int(centre), rows.ctypes.data)
    return rows


def frame_energies(x: NDArray[Any], hop: int, window: NDArray[Any]) -> Samples:
    """See `fallback.frame_energies`."""
    x, window = _singles(x), _singles(window)
    energy = np.empty((x.size - window.size) // hop + 1)
    _energies(x.ctypes.data, hop, energy.size, window.size, window.ctypes.data, energy.ctypes.data)
    return energy


def squared(spectra: NDArray[np.complex64]) -> Singles:
    """See `fallback.squared`."""
    spectra = np.ascontiguousarray(spectra, dtype=np.complex64)
    power = np.empty(spectra.shape, dtype=np.float32)
    _squared(spectra.ctypes.data, spectra.size, power.ctypes.data)
    return power


def soft_mask(
    spectra: NDArray[np.complex64], percussive: Singles, harmonic: Singles
) -> NDArray[np.complex64]:
    """See `fallback.soft_mask`."""
    spectra = np.ascontiguousarray(spectra, dtype=np.complex64)
    percussive, harmonic = _singles(percussive), _singles(harmonic)
    masked = np.empty_like(spectra)
    _soft_mask(
        spectra.ctypes.data,
        percussive.ctypes.data,
        harmonic.ctypes.data,
        spectra.size,
        masked.ctypes.data,
    )
    return masked


@lru_cache(maxsize=4)
def _turns(size: int) -> tuple[Singles, Singles]:
    """Cosines and sines of a transform."""
    angle = -2.0 * np.pi * np.arange(size) / size
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def power_spectra(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int, centre: bool
) -> Singles:
    """See `fallback.power_spectra`."""
    x, window = _singles(x), _singles(window)
    cosine, sine = _turns(size)
    work = np.empty(32 * size, dtype=np.float32)
    count = (x.size - window.size) // hop + 1
    power = np.empty((count, size // 2 + 1), dtype=np.float32)
    _power_spectra(
        x.ctypes.data,
        *(hop, count, window.size),
        window.ctypes.data,
        *(int(centre), size),
        cosine.ctypes.data,
        sine.ctypes.data,
        work.ctypes.data,
        power.ctypes.data,
    )
    return power
