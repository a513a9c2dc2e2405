"""Filter designs, each made once per process: what SciPy gives, without importing scipy.signal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import asinh, cos, pi, sin, sqrt, tan

import numpy as np
from numpy.typing import NDArray

from dialin.audio.mel import mel_filters

Coefficients = NDArray[np.float64]


def _frozen(values: object) -> Coefficients:
    array = np.ascontiguousarray(values, dtype=np.float64)
    array.flags.writeable = False
    return array


@lru_cache(maxsize=32)
def butterworth_section(cutoff: float, kind: str, rate: float) -> Coefficients:
    """Second-order Butterworth ``b0 b1 b2 a1 a2``; `kind` is "low" or "high", `cutoff` in Hz.

    Parameters
    ----------
    cutoff : float
        In hertz, below half of `rate`.
    kind : str
        ``low`` or ``high``.
    rate : float
        In hertz.

    Returns
    -------
    ndarray, float64, shape (5,)
    """
    w = tan(pi * cutoff / rate)
    a0 = 1.0 + sqrt(2.0) * w + w * w
    gain = (w * w if kind == "low" else 1.0) / a0
    middle = 2.0 * gain if kind == "low" else -2.0 * gain
    return _frozen(
        [gain, middle, gain, 2.0 * (w * w - 1.0) / a0, (1.0 - sqrt(2.0) * w + w * w) / a0]
    )


def _bilinear(
    zeros: NDArray[np.complex128], poles: NDArray[np.complex128], gain: float
) -> tuple[Coefficients, Coefficients]:
    """Take an analogue design to the z plane at a rate of 2; return b and a."""
    degree = len(poles) - len(zeros)
    digital_zeros = np.append((4.0 + zeros) / (4.0 - zeros), -np.ones(degree))
    digital_poles = (4.0 + poles) / (4.0 - poles)
    scale = gain * (np.prod(4.0 - zeros) / np.prod(4.0 - poles)).real
    return _frozen(scale * np.poly(digital_zeros).real), _frozen(np.poly(digital_poles).real)


@lru_cache(maxsize=64)
def butterworth_band(low: float, high: float) -> tuple[Coefficients, Coefficients]:
    """Band-pass with eight poles between two edges, as fractions of the Nyquist frequency.

    Parameters
    ----------
    low : float
        Lower edge, above 0.
    high : float
        Upper edge, below 1.

    Returns
    -------
    (ndarray, ndarray)
        Coefficients of numerator and denominator, nine each.
    """
    warped = [4.0 * tan(pi * edge / 2.0) for edge in (low, high)]
    width, centre = warped[1] - warped[0], sqrt(warped[0] * warped[1])
    prototype = -np.exp(1j * pi * np.arange(-3, 4, 2) / 8.0)
    scaled = prototype * width / 2.0
    root = np.sqrt(scaled * scaled - centre * centre)
    poles = np.concatenate([scaled + root, scaled - root])
    return _bilinear(np.zeros(4, complex), poles, width**4)


@lru_cache(maxsize=1)
def halving_section() -> Coefficients:
    """Chebyshev-I low-pass of order 2, 0.1 dB ripple, at 0.4 of Nyquist: ``b0 b1 b2 a1 a2``."""
    epsilon = sqrt(10.0**0.01 - 1.0)
    mu = asinh(1.0 / epsilon) / 2.0
    theta = pi * np.arange(-1, 2, 2) / 4.0
    prototype = -np.sinh(mu + 1j * theta)
    gain = np.prod(-prototype).real / sqrt(1.0 + epsilon**2)
    warped = 4.0 * tan(pi * 0.4 / 2.0)
    b, a = _bilinear(np.zeros(0, complex), warped * prototype, gain * warped**2)
    return _frozen([*b, *a[1:]])


@lru_cache(maxsize=1)
def third_octave_filters() -> Coefficients:
    """The filters at 12.5, 10, 8 and 6.3 kHz for 44.1 kHz, rows of ``b0..b8 a0..a8``."""
    rows = []
    for j in (11, 10, 9, 8):
        centre = 1000.0 * 2.0 ** (j / 3.0) / 22_050.0
        edges = centre * 2.0 ** (-1.0 / 6.0), min(centre * 2.0 ** (1.0 / 6.0), 0.9999999999)
        rows.append(np.concatenate(butterworth_band(*edges)))
    return _frozen(rows)


@lru_cache(maxsize=8)
def k_weighting(rate: int) -> Coefficients:
    """The two sections of ITU-R BS.1770 K-weighting at `rate`, rows of ``b0 b1 b2 a1 a2``.

    Designed from the analogue description (a shelf of 4 dB at 1500 Hz, a high-pass at 38 Hz) as
    pyloudnorm does, so that any rate gets the same curve.

    Parameters
    ----------
    rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (2, 5)
    """
    rows = []
    for gain_db, quality, frequency in ((4.0, sqrt(0.5), 1500.0), (0.0, 0.5, 38.0)):
        amplitude = 10.0 ** (gain_db / 40.0)
        w = 2.0 * pi * frequency / rate
        alpha = sin(w) / (2.0 * quality)
        if gain_db:
            root = 2.0 * sqrt(amplitude) * alpha
            up, down = amplitude + 1.0, amplitude - 1.0
            b = [
                amplitude * (up + down * cos(w) + root),
                -2.0 * amplitude * (down + up * cos(w)),
                amplitude * (up + down * cos(w) - root),
            ]
            a = [
                up - down * cos(w) + root,
                2.0 * (down - up * cos(w)),
                up - down * cos(w) - root,
            ]
        else:
            b = [(1.0 + cos(w)) / 2.0, -(1.0 + cos(w)), (1.0 + cos(w)) / 2.0]
            a = [1.0 + alpha, -2.0 * cos(w), 1.0 - alpha]
        rows.append([b[0] / a[0], b[1] / a[0], b[2] / a[0], a[1] / a[0], a[2] / a[0]])
    return _frozen(rows)


@lru_cache(maxsize=8)
def window(name: str, length: int) -> NDArray[np.float64]:
    """Periodic "hann" or "hamming", symmetric "hamming_ends" less its ends, or Tukey 0.25.

    Parameters
    ----------
    name : str
        ``hann``, ``hamming``, ``hamming_ends`` or anything else for Tukey's.
    length : int
        In samples.

    Returns
    -------
    ndarray, float64, shape (length,)
        Read-only.
    """
    n = np.arange(length)
    if name == "hann":
        values = 0.5 - 0.5 * np.cos(2.0 * pi * n / length)
    elif name == "hamming":
        values = 0.54 - 0.46 * np.cos(2.0 * pi * n / length)
    elif name == "hamming_ends":
        values = (0.54 - 0.46 * np.cos(2.0 * pi * np.arange(length + 2) / (length + 1)))[1:-1]
    else:
        taper = 0.25 * length / 2.0
        rise = n[: int(np.ceil(taper))]
        values = np.ones(length)
        values[: rise.size] = 0.5 - 0.5 * np.cos(pi * rise / taper)
        values[length - rise.size + 1 :] = values[1 : rise.size][::-1]
    return _frozen(values)


@dataclass(frozen=True, eq=False)
class Bands:
    """Overlapping bands of a spectrum: weights of the bins from `start` on, band after band.

    Attributes
    ----------
    start : ndarray, int64, shape (bands,)
        First bin of each band.
    many : ndarray, int64, shape (bands,)
        Number of bins of each.
    weights : ndarray, float32, shape (bins of all bands,)
        Of the bins of each.
    """

    start: NDArray[np.int64]
    many: NDArray[np.int64]
    weights: NDArray[np.float32]


@lru_cache(maxsize=1)
def mel_bands() -> Bands:
    """128 mel filters, 0 to 22.05 kHz, for spectra of 2048 samples, without their zeros."""
    rows = mel_filters(44_100, 128, 2048)
    inside = [np.flatnonzero(row) for row in rows]
    return Bands(
        np.array([bins[0] for bins in inside]),
        np.array([bins.size for bins in inside]),
        np.concatenate([row[bins] for row, bins in zip(rows, inside, strict=True)]),
    )


__all__ = [
    "Bands",
    "butterworth_band",
    "butterworth_section",
    "halving_section",
    "k_weighting",
    "mel_bands",
    "third_octave_filters",
    "window",
]
