"""Which comes first, the loud sound or the soft one: what no spectrum tells of an echo.

``1 + m z^-D`` and ``m + z^-D`` have the same power spectrum. But where a soft attack is followed by
a loud one after the lag D, rather than the other way round, the third moments of attacks, ``<a(t)^2
a(t + D)>`` and ``<a(t) a(t + D)^2>``, change places.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from dialin.audio import Audio

HOP = 0.001
"""Seconds between values of the envelope."""

RISE = 4
"""Hops over which an attack rises."""


def echo_order(audio: Audio, sample_rate: int, lag: float) -> float:
    """From +1 (the echo is the softer) to -1 (it is the louder); 0 where it cannot be told.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    lag : float
        Of the echo, in seconds.

    Returns
    -------
    float
    """
    hop = max(1, round(HOP * sample_rate))
    # Attacks are bright: the difference of neighbours keeps their high frequencies.
    sound = np.diff(audio[:2].mean(axis=0).astype(np.float64), prepend=0.0)
    count = sound.size // hop
    steps = round(lag / HOP)
    if steps < 3 or count < 2 * steps + 200:
        return 0.0
    energy = np.sqrt((sound[: count * hop].reshape(count, hop) ** 2).mean(axis=1))
    smooth = uniform_filter1d(energy, 3)
    attack = np.maximum(smooth[RISE:] - smooth[:-RISE], 0.0)
    mean = float(attack.mean())
    if mean <= 0:
        return 0.0
    attack /= mean

    def moments(shift: int) -> tuple[float, float]:
        first, second = attack[:-shift], attack[shift:]
        return float((first**2 * second).mean()), float((first * second**2).mean())

    here = np.array(moments(steps))
    # What attacks have in common by chance, at lags beside.
    beside = [s for s in (*range(-60, -12, 4), *range(13, 61, 4)) if steps + s > 2]
    around = np.array([moments(steps + s) for s in beside])
    more = here - around.mean(axis=0)
    size = float(np.abs(more).sum() + around.std(axis=0).mean())
    return float((more[0] - more[1]) / size) if size > 0 else 0.0
