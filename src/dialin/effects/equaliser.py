"""Ten parametric bands, exactly: what the built-in ``eq`` renders, and what it does to a spectrum.

Conventions
-----------
* The first band is a low shelf, the last a high shelf, those between are bells; all are biquads
  after R. Bristow-Johnson's "Audio EQ Cookbook", in double precision. A band at 0 dB is not there.
* *Channels* chooses what is turned: left and right, or only their middle (half their sum) or their
  side (half their difference). One channel alone is its own middle, and has no side.
* Frequencies above `NYQUIST_SHARE` of the sample rate are rendered there, as with all built-ins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio.biquads import Biquads
from dialin.effects.builtin_table import EQ_BANDS, EQ_CHANNELS

Values = NDArray[np.float64]


def band_sections(
    frequencies: Values, gains_db: Values, qs: Values, sample_rate: float
) -> NDArray[np.float64]:
    """Biquads of an equaliser's bands, low shelf first and high shelf last.

    Parameters
    ----------
    frequencies, gains_db, qs : ndarray, shape (..., bands)
        Hertz, decibels and Q of each band.
    sample_rate : float
        In hertz.

    Returns
    -------
    ndarray, float64, shape (..., bands, 6)
        As `scipy.signal.sosfilt` takes them.
    """
    root = 10.0 ** (np.asarray(gains_db, dtype=np.float64) / 40.0)
    angle = 2 * np.pi * np.asarray(frequencies, dtype=np.float64) / sample_rate
    cosine, alpha = np.cos(angle), np.sin(angle) / (2 * np.asarray(qs, dtype=np.float64))
    sections = np.empty((*root.shape, 6))
    sections[..., 0] = 1 + alpha * root
    sections[..., 1] = sections[..., 4] = -2 * cosine
    sections[..., 2] = 1 - alpha * root
    sections[..., 3] = 1 + alpha / root
    sections[..., 5] = 1 - alpha / root
    for band, sign in ((0, 1.0), (-1, -1.0)):
        g, c = root[..., band], sign * cosine[..., band]
        d = 2 * np.sqrt(g) * alpha[..., band]
        shelf = sections[..., band, :]
        shelf[..., 0] = g * ((g + 1) - (g - 1) * c + d)
        shelf[..., 1] = sign * 2 * g * ((g - 1) - (g + 1) * c)
        shelf[..., 2] = g * ((g + 1) - (g - 1) * c - d)
        shelf[..., 3] = (g + 1) + (g - 1) * c + d
        shelf[..., 4] = sign * -2 * ((g - 1) + (g + 1) * c)
        shelf[..., 5] = (g + 1) + (g - 1) * c - d
    return np.asarray(sections / sections[..., 3:4])


def sections_db(sections: Values, hertz: Values, sample_rate: float) -> Values:
    """Gain of biquads in series at some frequencies, in decibels.

    Parameters
    ----------
    sections : ndarray, shape (..., bands, 6)
        From `band_sections`.
    hertz : ndarray, shape (points,)
        Where to look.
    sample_rate : float
        In hertz.

    Returns
    -------
    ndarray, float64, shape (..., points)
    """
    # |b0 + b1 z + b2 z^2|^2 in x = sin^2(w / 2): exact down to 20 Hz, where b's nearly cancel.
    x = np.sin(np.pi * np.asarray(hertz, dtype=np.float64) / sample_rate) ** 2

    def power(a: Values, b: Values, c: Values) -> Values:
        flat = ((a + b + c) ** 2)[..., None]
        first = (a * b + b * c + 4 * a * c)[..., None]
        return np.asarray(flat - 4 * first * x + 16 * (a * c)[..., None] * x**2)

    above = power(sections[..., 0], sections[..., 1], sections[..., 2])
    below = power(sections[..., 3], sections[..., 4], sections[..., 5])
    ratio = np.maximum(above, 1e-30) / np.maximum(below, 1e-30)
    return np.asarray(10 * np.log10(ratio).sum(axis=-2))


class Equaliser:
    """Renders as Pedalboard's classes do, its state kept from block to block.

    Parameters
    ----------
    channels : str
        One of `EQ_CHANNELS`.
    knobs : float
        ``frequency_1``, ``gain_1`` (decibels) and ``q_1`` of the first band, and so on.
    """

    def __init__(self, channels: str = EQ_CHANNELS[0], **knobs: float) -> None:
        self.channels = channels
        numbers = range(1, EQ_BANDS + 1)
        self._knobs = np.array(
            [[knobs[f"{name}_{n}"] for n in numbers] for name in ("frequency", "gain", "q")]
        )
        for name, value in knobs.items():
            setattr(self, name, value)
        self._rate = 0
        self._sections: Values = np.zeros((0, 6))
        self._filters: Biquads | None = None

    def __call__(self, audio: Audio, sample_rate: int, buffer_size: int, reset: bool) -> Audio:
        """Render the next block; `reset` forgets what came before."""
        if sample_rate != self._rate:
            frequencies, gains, qs = self._knobs
            heard = np.flatnonzero(gains)
            self._sections = band_sections(frequencies, gains, qs, sample_rate)[heard]
            self._rate, reset = sample_rate, True
        if not self._sections.size:
            return audio.copy()
        if self.channels == EQ_CHANNELS[0]:
            return self._filter(audio, reset)
        sign = np.float32(1.0 if self.channels == "middle" else -1.0)
        # One channel is heard from both sides.
        part = np.float32(0.5) * (audio[:1] + sign * audio[-1:])
        change = self._filter(part, reset)
        change -= part
        signs = np.array([[1.0], [sign]], dtype=np.float32)[: audio.shape[0]]
        return np.asarray(audio + signs * change)

    def _filter(self, audio: Audio, reset: bool) -> Audio:
        if reset or self._filters is None:
            self._filters = Biquads(self._sections, audio.shape[0])
        return self._filters(audio)


class Width:
    """Turns the side of a stereo sound up or down; one channel alone stays as it is.

    Parameters
    ----------
    width : float
        Factor of the side: 0 is mono, 1 the sound as it is.
    """

    def __init__(self, width: float) -> None:
        self.width = width

    def __call__(self, audio: Audio, sample_rate: int, buffer_size: int, reset: bool) -> Audio:
        """Render; it has no memory, so there is nothing to reset."""
        if audio.shape[0] < 2:
            return audio.copy()
        change = np.float32(0.5 * (self.width - 1.0)) * (audio[:1] - audio[1:2])
        return np.concatenate([audio[:1] + change, audio[1:2] - change])
