"""The cepstrum of a whole recording: where echoes, combs and rooms stand out from the music.

Conventions
-----------
* One Fourier transform of a stretch of many seconds: a frame shorter than a lag cannot see it.
* Lags ("quefrencies") stand on one grid, whatever the rate of the recording: value ``n`` belongs to
  ``n / LAG_RATE`` seconds. Spectra are cut (or filled up) at half of `LAG_RATE` for that.
* Views: ``mono`` of one channel; ``left``, ``right``, ``mid`` and ``side`` of two.
* An echo of amplitude ``m`` makes a peak of height about ``m`` at its lag, less as the lag is a
  larger part of the recording (`dialin.measures.lag_windows`). The noise of a recording of ``N``
  points has the standard deviation ``sqrt(3.29 / N)`` at most: a log periodogram has the variance
  pi^2/6 in each bin (Bogert, Healy & Tukey, 1963; Oppenheim & Schafer, 2004).
* Where late echoes are looked for, windows are flat in the middle and silence is behind them.
* Log spectra of what stands in series add up, so cepstra do: that of a reference is that of its
  music plus that of the impulse response of the effect it went through.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.audio.excerpts import middle_of
from dialin.measures.lag_windows import (
    Seen,
    even_music,
    mean_seen,
    seen_in,
    tapered,
)
from dialin.measures.smoothing import uniform_filter1d
from dialin.measures.transforms import hann, irfft_rows, rfft_rows

Values = NDArray[np.float64]

LAG_RATE = 24_000
"""Lags a second; spectra reach to half of it."""

LONGEST, FARTHEST = 2.2, 4.4
"""Longest lag that is looked at, in seconds; and where effects are asked whose first echoes come
later than that."""

HALF, MOST_OF_IT = 0.5, 0.72
"""Share of a recording up to which lags are looked at; and where late echoes are looked for."""

LOWEST_HZ, HIGHEST_HZ = 60.0, 10_500.0
"""Band of the spectrum that counts, for a recording that reaches as far."""

EDGE_HZ = 200.0
"""Width of the raised cosine at both ends of the band."""

SMOOTH_HZ = 500.0
"""The mean of the log spectrum over so much is taken out: what varies slower is tone colour, and
would show at lags below 2 ms."""

COMB_SMOOTH_HZ = 3000.0
"""The same where short combs are looked for beside the tone colour of the same music: lags from
0.6 ms on are left."""

FLOOR = 1e-9
"""Power below the highest that counts as silence."""

LEAST_TOP = 1e-20
"""Highest power of silence. `FLOOR` times it is no subnormal number in single precision, which a
program that has loaded somebody's ``-ffast-math`` library takes for nothing."""

BLOCK_SECONDS = 24.0
"""Longer recordings are cut into equal blocks of about this length, whose cepstra are averaged:
the noise is as low as that of one transform of all."""

LOUD_SHARE = 1e-4
"""Blocks whose mean power is below this share of the loudest block's are left out."""


@dataclass(frozen=True, eq=False)
class Cepstrum:
    """Cepstra of the views of a recording, or of an impulse response.

    Attributes
    ----------
    values : ndarray, shape (views, lags)
        Value ``n`` belongs to the lag ``n / LAG_RATE``; those below 1 ms mean nothing.
    views : tuple of str
    sigma : float
        Standard deviation of a value if the music were noise; 0 for an impulse response.
    seconds : float
        Length of the recording's blocks: an echo at a lag that is no small part of it shows less,
        by `coherence`.
    seen : Seen, optional
        How much of an echo is seen of it, where that was followed; otherwise as through a Hann
        window, of music that is as loud at any time.
    """

    values: Values
    views: tuple[str, ...]
    sigma: float
    seconds: float
    seen: Seen | None = None

    def view(self, name: str) -> Values:
        """One view's values; ``middle`` is ``mono`` or ``mid``, whichever there is.

        Parameters
        ----------
        name : str
            One of `views`, or ``middle``.

        Returns
        -------
        ndarray, float64, shape (lags,)
        """
        if name == "middle":
            name = "mono" if "mono" in self.views else "mid"
        return np.asarray(self.values[self.views.index(name)])

    def coherence(self) -> Values:
        """How much of a single weak echo's height is left at each lag, ``(lags,)``.

        1 for an impulse response.
        """
        count = self.values.shape[1]
        if self.sigma == 0.0:
            return np.ones(count)
        return (self.seen or even_music(self.seconds, 0.0)).at(lags_of(count))


def lags_of(count: int) -> Values:
    """The first lags in seconds.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    ndarray, float64, shape (count,)
    """
    return np.arange(count) / LAG_RATE


def band_end(audio: Audio, sample_rate: int) -> float:
    """Frequency in hertz above which a recording holds nothing (a codec's low-pass, a low rate).

    The highest frequency whose level, over 400 Hz, is within 80 dB of the loudest and does not lie
    beyond a cliff of 30 dB within 800 Hz.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        In hertz, 0.48 times the rate at most.
    """
    piece = audio[:2, middle_of(audio.shape[1], 30 * sample_rate)].astype(np.float64)
    size = 4096
    if piece.shape[1] < size:
        return min(HIGHEST_HZ, 0.48 * sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(piece, size, axis=1)[:, :: 4 * size]
    power = (np.abs(sfft.rfft(frames * hann(size), axis=2)) ** 2).mean(axis=(0, 1))
    hertz = sample_rate / size
    smooth = uniform_filter1d(power, max(1, round(200.0 / hertz)))
    # Running sums may fall a little below nothing.
    level = 10 * np.log10(np.maximum(smooth, 0.0) + 1e-30)
    step = max(1, round(800.0 / hertz))
    end = 0.48 * sample_rate
    alive = level > level.max() - 80.0
    if alive.any():
        end = min(end, float(np.flatnonzero(alive)[-1]) * hertz)
    cliff = level[:-step] - level[step:]
    first = round(3_000.0 / hertz)
    steep = np.flatnonzero(cliff[first:] > 30.0)
    if steep.size:
        end = min(end, float(first + steep[0]) * hertz)
    return float(min(end, HIGHEST_HZ))


def recording_cepstrum(
    audio: Audio,
    sample_rate: int,
    *,
    highest: float | None = None,
    longest: float = LONGEST,
    smooth_hz: float = SMOOTH_HZ,
    late: bool = False,
) -> Cepstrum:
    """Cepstrum of a recording, all of it.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        The first two channels are heard.
    sample_rate : int
        In hertz.
    highest : float, optional
        End of the band that counts, in hertz; by default where the recording ends.
    longest : float
        Longest lag wanted, in seconds; at most half the recording.
    smooth_hz : float
        What varies slower over the spectrum is left out.
    late : bool, default False
        Whether late echoes are looked for: up to `MOST_OF_IT` of the recording, through a window
        that is flat in the middle, and how much of an echo is seen is told by how loud the
        recording is when. Rooms are told better through the Hann window, as it hides what rang
        before the recording began.

    Returns
    -------
    Cepstrum
    """
    end = band_end(audio, sample_rate) if highest is None else highest
    blocks = _blocks(audio, sample_rate)
    views = views_of(audio.shape[0])
    samples = blocks[0].shape[1]
    seconds = samples / sample_rate
    last = min(longest, (MOST_OF_IT if late else HALF) * seconds)
    count = round(last * LAG_RATE)
    padded = samples + int(np.ceil(last * sample_rate)) if late else samples
    window = tapered(samples) if late else hann(samples + 2)[1:-1]
    total = np.zeros((len(views), count))
    for block in blocks:
        part = _cepstra(
            _mixed(block) * window, sample_rate, end, samples=padded, smooth_hz=smooth_hz
        )
        total += part[:, :count]
    points = len(blocks) * seconds * LAG_RATE * min(1.0, end / (LAG_RATE / 2))
    # Two neighbours in three are no new points under a Hann window.
    sigma = float(np.sqrt(3.29 / points))
    seen = mean_seen([(seen_in(b, sample_rate, end), 1.0) for b in blocks]) if late else None
    return Cepstrum(total / len(blocks), views, sigma, seconds, seen)


def mean_cepstrum(one: Cepstrum, two: Cepstrum) -> Cepstrum:
    """Cepstrum of two equally long parts of a recording together, from those of each.

    Parameters
    ----------
    one : Cepstrum
        Of the first part.
    two : Cepstrum
        Of the second; of the same views. The shorter of both decides the number of lags.

    Returns
    -------
    Cepstrum
    """
    count = min(one.values.shape[1], two.values.shape[1])
    values = (one.values[:, :count] + two.values[:, :count]) / 2
    sigma = float(np.hypot(one.sigma, two.sigma) / 2)
    seen = None
    if one.seen is not None and two.seen is not None:
        seen = mean_seen([(one.seen, 1.0), (two.seen, 1.0)])
    return Cepstrum(values, one.views, sigma, min(one.seconds, two.seconds), seen)


def impulse_cepstrum(
    response: Audio,
    sample_rate: int,
    *,
    highest: float = HIGHEST_HZ,
    longest: float = LONGEST,
    heard: Seen | None = None,
    smooth_hz: float = SMOOTH_HZ,
) -> Cepstrum:
    """Cepstrum of an impulse response, such as a render of an impulse; of two channels no side.

    Parameters
    ----------
    response : ndarray, shape (channels, samples)
        The impulse response.
    sample_rate : int
        In hertz.
    highest : float
        As of the recording that it is compared with.
    longest : float
        In seconds.
    heard : Seen, optional
        What is seen of a recording that it is compared with: the answer is that which such a
        recording would show.
    smooth_hz : float
        As of the recording that it is compared with.

    Returns
    -------
    Cepstrum
    """
    seconds = response.shape[1] / sample_rate
    views = views_of(response.shape[0])[:3]
    # Of two channels that are alike, as most effects answer, one says all.
    alike = len(views) > 1 and np.array_equal(response[0], response[1])
    rows = response[:1] if alike or len(views) == 1 else _mixed(response)[:3]
    # Half of a transform shows lags: with silence behind it, all of an answer.
    shown = min(seconds, longest)
    samples = max(int(np.ceil(2 * shown * sample_rate)), rows.shape[1])
    values = _cepstra(rows, sample_rate, highest, heard, samples, smooth_hz=smooth_hz)
    count = min(round(shown * LAG_RATE), values.shape[1] // 2)
    shape = len(views), count
    return Cepstrum(np.broadcast_to(values[:, :count], shape).copy(), views, 0.0, seconds)


def views_of(channels: int) -> tuple[str, ...]:
    """Names of the views of a recording of so many channels.

    Parameters
    ----------
    channels : int
        One, or two and more.

    Returns
    -------
    tuple of str
    """
    return ("mono",) if channels == 1 else ("left", "right", "mid", "side")


def find_peaks(
    values: Values, sigma: float, *, shortest: float = 0.002, count: int = 5
) -> list[tuple[float, float]]:
    """Highest peaks of a cepstrum: lag in seconds (between samples) and height.

    Peaks are ranked by height over the local noise, a running median of magnitudes, and lie at
    least 1 ms apart.

    Parameters
    ----------
    values : ndarray, float64, shape (lags,)
        One view of a cepstrum, or something like it.
    sigma : float
        Least standard deviation of a value, as of `Cepstrum.sigma`.
    shortest : float, default 0.002
        Least lag in seconds.
    count : int, default 5
        How many peaks at most.

    Returns
    -------
    list of (float, float)
        The highest first.
    """
    first = max(2, round(shortest * LAG_RATE))
    noise = local_noise(values, sigma)
    score = values / noise
    score[:first] = 0.0
    inside = (score[1:-1] > score[:-2]) & (score[1:-1] >= score[2:])
    peaks = np.flatnonzero(inside) + 1
    order = peaks[np.argsort(-score[peaks])][: 20 * count]
    chosen: list[int] = []
    for index in order:
        if score[index] <= 0:
            break
        if all(abs(int(index) - other) > LAG_RATE // 1000 for other in chosen):
            chosen.append(int(index))
        if len(chosen) == count:
            break
    result = []
    for index in chosen:
        shift, height = _vertex(values[index - 1 : index + 2])
        result.append(((index + shift) / LAG_RATE, height))
    return result


def local_noise(values: Values, sigma: float) -> Values:
    """Standard deviation of a cepstrum's values around each lag, from their magnitudes.

    Parameters
    ----------
    values : ndarray, float64, shape (lags,)
        One view of a cepstrum, or something like it.
    sigma : float
        Least standard deviation of a value, as of `Cepstrum.sigma`.

    Returns
    -------
    ndarray, float64, shape (lags,)
        Never below `sigma`.
    """
    count = values.size
    edges = np.unique(
        np.concatenate([np.arange(0, 240, 24), np.geomspace(240, max(count, 264), 40).astype(int)])
    )
    edges = edges[edges <= count]
    centres, levels = [], []
    sizes = np.abs(values)
    for low, high in itertools.pairwise(edges.tolist()):
        centres.append((low + high) / 2)
        levels.append(1.4826 * _median(sizes[low:high]))
    if not centres:
        return np.full(count, max(sigma, 1e-12))
    return np.asarray(np.maximum(np.interp(np.arange(count), centres, levels), max(sigma, 1e-12)))


def _median(values: Values) -> float:
    """Median of one value or more, without what NumPy's own looks at besides."""
    below, above = (values.size - 1) // 2, values.size // 2
    ordered = np.partition(values, (below, above))
    return float(ordered[below] + ordered[above]) / 2


def _vertex(three: Values) -> tuple[float, float]:
    """Place (from the middle) and height of the parabola through three points."""
    left, middle, right = (float(v) for v in three)
    bend = left - 2 * middle + right
    if bend >= 0:
        return 0.0, middle
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    return shift, middle - 0.25 * (left - right) * shift


def _mixed(audio: Audio) -> NDArray[np.float32]:
    """Rows of the views."""
    if audio.shape[0] == 1:
        return np.asarray(audio, dtype=np.float32)
    left, right = audio[0], audio[1]
    return np.stack([left, right, (left + right) / 2, (left - right) / 2]).astype(np.float32)


def _blocks(audio: Audio, sample_rate: int) -> list[Audio]:
    seconds = audio.shape[1] / sample_rate
    count = max(1, round(seconds / BLOCK_SECONDS))
    length = audio.shape[1] // count
    blocks = [audio[:2, n * length : (n + 1) * length] for n in range(count)]
    power = [float(np.mean(np.square(block, dtype=np.float64))) for block in blocks]
    loudest = max(power)
    return [b for b, p in zip(blocks, power, strict=True) if p >= LOUD_SHARE * loudest]


def _cepstra(
    rows: NDArray[np.floating],
    sample_rate: int,
    highest: float,
    heard: Seen | None = None,
    samples: int = 0,
    *,
    smooth_hz: float,
) -> Values:
    """Cepstra of rows of samples, on the grid of `LAG_RATE`; with silence up to `samples`."""
    samples = max(samples, rows.shape[1])
    # A whole number of hundredths of a second: both transforms have only small factors then.
    hundredths = sfft.next_fast_len(int(np.ceil(100 * samples / sample_rate)), real=True)
    length = max(round(hundredths * sample_rate / 100), samples)
    size = hundredths * LAG_RATE // 100
    hertz = sample_rate / length
    bins = size // 2 + 1
    spectrum = rfft_rows(rows.astype(np.float32, copy=False), length)[:, :bins]
    last = spectrum.shape[1]
    power = spectrum.real**2 + spectrum.imag**2
    if heard is not None:
        # Lags from both ends; those beyond the window are lost.
        shown = irfft_rows(power, size)
        shown *= _shown(size, heard)
        power = np.abs(rfft_rows(shown, size).real)
    weight = _weight(bins, hertz, min(highest, 0.48 * sample_rate))
    top = power[:, :last].max(axis=1, keepdims=True)
    log = np.log(power[:, :last] + np.float32(FLOOR) * np.maximum(top, LEAST_TOP))
    log -= uniform_filter1d(log, max(3, round(smooth_hz / hertz)), axis=1)
    log *= weight[:last]
    result = irfft_rows(log, size)
    return np.asarray(result, dtype=np.float64) / float(weight.mean())


@functools.lru_cache(maxsize=16)
def _shown(size: int, heard: Seen) -> NDArray[np.float32]:
    """What is seen, from both ends."""
    half = heard.at(lags_of(size // 2 + 1))
    return np.concatenate([half, half[1 : (size + 1) // 2][::-1]]).astype(np.float32)


@functools.lru_cache(maxsize=32)
def _weight(bins: int, hertz: float, highest: float) -> NDArray[np.float32]:
    frequency = np.arange(bins) * hertz
    rise = np.clip((frequency - LOWEST_HZ) / EDGE_HZ + 0.5, 0.0, 1.0)
    fall = np.clip((highest - frequency) / EDGE_HZ + 0.5, 0.0, 1.0)
    shape = 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))
    return np.asarray(shape, dtype=np.float32)
