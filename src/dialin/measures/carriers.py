"""Carriers of ring and amplitude modulators, heard in music through the symmetry they leave.

Multiplying a sound by ``cos(2 pi f t)`` puts its spectrum on both sides of f, mirrored: the phases
of two bins as far above f as below it add up to the same value, whatever is played. The spectrum
with all magnitudes set to one, convolved with itself, thus has a line at 2 f; it is computed as the
spectrum of the square of that sound. All frequencies count alike, so that the beats of a few loud
partials cannot hide it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.audio.excerpts import middle_of
from dialin.measures.smoothing import median_filter
from dialin.measures.transforms import hann

Floats = NDArray[np.float64]

LOWEST_HZ = 20.0
"""Carriers below are tremolos; their lines lie too near to that of the sound's own square."""

BAND_HZ = (40.0, 16_000.0)
EDGE_HZ = 200.0
"""Nearer to the end of the band few bins have a mirror image, and a line means little."""

LONGEST_SECONDS = 24.0
LEAST_USUAL = 0.05
"""Share of the mean over all frequencies that counts for usual anywhere."""

NEAR_HZ, LEAST_BINS = 0.5, 2
"""How near to a frequency a line is that one, and how many bins that are at least."""

LINE_FLOOR = 4.0
"""Sigma up to which a line is the noise that stands everywhere."""

FLOOR_DB = -90.0
"""Bins so far below the loudest hold nothing but rounding."""


def symmetry_lines(
    audio: Audio,
    sample_rate: int,
    count: int = 6,
    *,
    edge: float = EDGE_HZ,
    spectrum: tuple[Floats, Floats] | None = None,
) -> list[tuple[float, float]]:
    """Frequencies about which a recording's spectrum is symmetrical, the surest first.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Half a second or more; the first two channels are heard.
    sample_rate : int
        In hertz.
    count : int
        How many lines at most.
    edge : float, default 200
        Hertz below the end of the band where none is told.
    spectrum : (ndarray, ndarray), optional
        Its `symmetry_spectrum`, where that is known.

    Returns
    -------
    list of (hertz, sigma)
        Carrier, and how many times its line stands above the usual level around it.
    """
    hertz, score = symmetry_spectrum(audio, sample_rate) if spectrum is None else spectrum
    if not score.size:
        return []
    inside = np.zeros(score.size, dtype=bool)
    inside[1:-1] = (score[1:-1] >= score[:-2]) & (score[1:-1] > score[2:])
    end = min(BAND_HZ[1], 0.495 * sample_rate) - edge
    peaks = np.flatnonzero(inside & (hertz >= LOWEST_HZ) & (hertz <= end))
    lines: list[tuple[float, float]] = []
    for index in peaks[np.argsort(-score[peaks])][: 8 * count]:
        left, middle, right = (float(v) for v in score[index - 1 : index + 2])
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        at = float(hertz[index] + shift * (hertz[1] - hertz[0]))
        if all(abs(at - other) > 1.0 for other, _ in lines):
            lines.append((at, float(middle)))
        if len(lines) == count:
            break
    return lines


def symmetry_spectrum(audio: Audio, sample_rate: int) -> tuple[Floats, Floats]:
    """How symmetrical a spectrum is about each frequency: hertz and sigma, ``(bins,)`` each.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        At least half a second; the middle of it and the first two channels are used.
    sample_rate : int
        In hertz.

    Returns
    -------
    (ndarray, ndarray), shape (bins,) each
        Frequencies in hertz, and symmetry about each in standard deviations over what its
        neighbours have; both empty for shorter audio.
    """
    middle = audio[:2, middle_of(audio.shape[1], round(LONGEST_SECONDS * sample_rate))]
    samples = middle.shape[1]
    if samples < sample_rate // 2:
        return np.zeros(0), np.zeros(0)
    size = sfft.next_fast_len(samples, real=True)
    window = hann(samples)
    total = np.zeros(size + 1)
    hertz = np.arange(size + 1) * sample_rate / size / 2
    for channel in middle.astype(np.float64):
        spectrum = sfft.rfft(channel * window, size)
        power = spectrum.real**2 + spectrum.imag**2
        top = float(power.max())
        if top <= 0:
            continue
        frequency = np.arange(power.size) * sample_rate / size
        heard = (power > top * 10 ** (FLOOR_DB / 10)) & (frequency > BAND_HZ[0])
        heard &= frequency < min(BAND_HZ[1], 0.495 * sample_rate)
        flat = np.where(heard, spectrum / np.sqrt(np.maximum(power, 1e-300)), 0.0)
        # Twice as many samples, so that lines up to the rate itself do not fold.
        total += np.abs(sfft.rfft(sfft.irfft(flat, 2 * size) ** 2, 2 * size)) ** 2
    if not total.any():
        return np.zeros(0), np.zeros(0)
    level = np.sqrt(total)
    step = max(1, round(200.0 / (hertz[1] - hertz[0])) // 40)
    usual = median_filter(level[::step], 41)
    usual = np.interp(np.arange(level.size), np.arange(0, level.size, step), usual)
    # About the end of a codec's band hardly a bin has a mirror image: no line can be told there.
    least = LEAST_USUAL * float(usual[hertz > LOWEST_HZ].mean())
    return hertz, level / np.maximum(usual, max(least, 1e-12))


def symmetry_near(hertz: Floats, score: Floats, line: float) -> float:
    """How symmetrical a spectrum is about a frequency, as near to it as it can be told.

    Parameters
    ----------
    hertz, score : ndarray, shape (bins,)
        From `symmetry_spectrum`.
    line : float
        Frequency in hertz.

    Returns
    -------
    float
        The most within `NEAR_HZ`; 0 where nothing is known.
    """
    if hertz.size < 2:
        return 0.0
    step = float(hertz[1] - hertz[0])
    place, near = round(line / step), max(LEAST_BINS, round(NEAR_HZ / step))
    return float(score[max(0, place - near) : place + near + 1].max(initial=0.0))


def lines_alike(
    audio: Audio, sample_rate: int, wanted: Sequence[tuple[float, float]], sure: float
) -> float:
    """How alike the lines of a recording are to some others, however strong either are.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Half a second or more.
    sample_rate : int
        In hertz.
    wanted : sequence of (float, float)
        Frequency in hertz and sigma of the other lines.
    sure : float
        Sigma from which lines of the recording count that are not among them.

    Returns
    -------
    float
        Cosine of both, 0 to 1, of what stands above `LINE_FLOOR`.
    """
    spectrum = symmetry_spectrum(audio, sample_rate)
    here = [symmetry_near(*spectrum, line) for line, _ in wanted]
    there = [sigma for _, sigma in wanted]
    for line, sigma in symmetry_lines(audio, sample_rate, len(wanted), spectrum=spectrum):
        if sigma >= sure and all(abs(line - other) > 1.0 for other, _ in wanted):
            here.append(sigma)
            there.append(0.0)
    one = np.maximum(np.array(here) - LINE_FLOOR, 0.0)
    two = np.maximum(np.array(there) - LINE_FLOOR, 0.0)
    return float(one @ two / max(np.sqrt((one @ one) * (two @ two)), 1e-12))


def strongest(lines: Sequence[tuple[float, float]], least: float) -> float | None:
    """The first of some lines, if it is sure enough.

    Parameters
    ----------
    lines : sequence of (float, float)
        Frequency in hertz and sigma of each, the surest first.
    least : float
        Sigma that is sure enough.

    Returns
    -------
    float or None
        Frequency of the first line in hertz; None where it is not sure enough.
    """
    return lines[0][0] if lines and lines[0][1] >= least else None
