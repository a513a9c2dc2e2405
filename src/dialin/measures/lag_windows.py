"""What a window leaves of a recording's echoes in its cepstrum, lag by lag.

Conventions
-----------
* Where late echoes are looked for a window is flat in the middle, with the halves of a Hann window
  at its ends: of a Hann window's echoes after half of a recording next to nothing is left.
* An echo of amplitude m after a lag L raises the autocorrelation there by m times the sum over t of
  w(t) w(t + L) v(t), as a share of the sum of w(t)^2 v(t), where v is the power of the music: more
  than of noise that is as loud at any time where the music begins loud, and less where it ends so.
  The music's power at the same time is not known at each frequency: that of its whitened sum is.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.smoothing import uniform_filter1d
from dialin.measures.transforms import hann

Values = NDArray[np.float64]

FLAT = 0.7
"""Share of a recording's window that is flat. Without the rest the jumps at its ends would show at
all frequencies."""

POINTS = 512
"""Of a window, and of the music's power within it."""

WHITE_HZ = 100.0
"""Over which the spectrum is whitened."""

LOWEST_HZ, FLOOR = 60.0, 1e-9
"""Of the band whose power is followed; and power below the highest that is not raised further."""

MOST = 1.5
"""Share of an echo that is left at most, where its music is at the window's very edge."""


def tapered(samples: int, flat: float = FLAT) -> Values:
    """A window that is flat in the middle, with the halves of a Hann window at its ends.

    Parameters
    ----------
    samples : int
        Its length.
    flat : float, default FLAT
        Share of it that is flat; 0 for a Hann window.

    Returns
    -------
    ndarray, float64, shape (samples,)
        0 to 1; above 0 at both ends.
    """
    edge = round((1.0 - flat) * samples / 2)
    window = np.ones(samples)
    rise = hann(2 * edge + 2)[1 : edge + 1]
    window[:edge] = rise
    window[samples - edge :] = rise[::-1]
    return window


@dataclass(frozen=True)
class Seen:
    """How much of an echo's height a recording's window shows, by its lag.

    Attributes
    ----------
    seconds : float
        Length of the window.
    shares : tuple of float
        At `POINTS` lags from 0 on, evenly to the window's length.
    """

    seconds: float
    shares: tuple[float, ...]

    def at(self, lags: Values) -> Values:
        """The shares at some lags.

        Parameters
        ----------
        lags : ndarray, float64, shape (lags,)
            In seconds.

        Returns
        -------
        ndarray, float64, shape (lags,)
            1 at lag 0, and 0 from the window's length on.
        """
        places = np.asarray(lags) / self.seconds * POINTS
        return np.interp(places, np.arange(POINTS + 1), (*self.shares, 0.0))


@functools.lru_cache(maxsize=64)
def even_music(seconds: float, flat: float = FLAT) -> Seen:
    """What is seen of music that is as loud at any time: the autocorrelation of a window.

    Parameters
    ----------
    seconds : float
        Length of the window.
    flat : float, default FLAT
        Share of it that is flat.

    Returns
    -------
    Seen
    """
    return _seen(np.ones(POINTS), seconds, flat)


def seen_in(audio: Audio, sample_rate: int, highest: float, flat: float = FLAT) -> Seen:
    """What is seen of echoes in a recording: by how loud it is when; see above.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        One block.
    sample_rate : int
        In hertz.
    highest : float
        End of the band that counts, in hertz.
    flat : float, default FLAT
        Share of the window that is flat.

    Returns
    -------
    Seen
    """
    mono = audio[:2].mean(axis=0, dtype=np.float32)
    count = sfft.next_fast_len(mono.size, real=True)
    spectrum = sfft.rfft(mono, count)
    hertz = sample_rate / count
    power = spectrum.real**2 + spectrum.imag**2
    around = uniform_filter1d(power, max(3, round(WHITE_HZ / hertz)))
    gain = 1.0 / np.sqrt(np.maximum(around, max(FLOOR * float(around.max()), 1e-20)))
    gain[: round(LOWEST_HZ / hertz)] = 0.0
    gain[round(highest / hertz) :] = 0.0
    white = sfft.irfft((spectrum * gain).astype(np.complex64), count)[: mono.size]
    edges = np.arange(POINTS) * mono.size // POINTS
    power = np.add.reduceat(np.square(white, dtype=np.float64), edges)
    return _seen(power, mono.size / sample_rate, flat)


def mean_seen(several: Sequence[tuple[Seen, float]]) -> Seen:
    """What is seen in recordings together.

    Parameters
    ----------
    several : sequence of (Seen, float)
        And how much each counts.

    Returns
    -------
    Seen
        Of the length of the longest.
    """
    total = sum(weight for _, weight in several)
    seconds = max(seen.seconds for seen, _ in several)
    lags = np.arange(POINTS) / POINTS * seconds
    shares = sum((weight / total) * seen.at(lags) for seen, weight in several)
    return Seen(seconds, tuple(np.asarray(shares).tolist()))


def _seen(power: Values, seconds: float, flat: float) -> Seen:
    window = tapered(POINTS, flat)
    weighed = window * power
    total = float((window * weighed).sum())
    if total <= 0:
        return even_music(seconds, flat)
    shares = np.correlate(window, weighed, "full")[POINTS - 1 :] / total
    return Seen(seconds, tuple(np.minimum(shares, MOST).tolist()))
