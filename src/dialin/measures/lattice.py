"""Samples that stand on the steps of a coarse quantiser, as a bit crusher leaves them."""

from __future__ import annotations

import numpy as np

from dialin.audio import Audio

MOST_BITS = 13.0
"""Finer steps than these are those of a file's format."""

FEWEST_SAMPLES = 4_000
"""A recording of fewer may stand on few values by chance."""


def lattice_bits(audio: Audio) -> float | None:
    """How many bits the steps are worth on which all samples stand; None where they stand on none.

    Counted are the different values: a crusher of ``b`` bits leaves ``2^b`` a unit of amplitude,
    also after a gain, and after rounding to the finer steps of a file. Anything that mixes
    samples, such as a filter, a room or MP3, hides it.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    float or None
        Logarithm to base 2 of one over the step.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = 0.3 * rng.standard_normal((1, 20_000)).astype(np.float32)
    >>> lattice_bits(np.round(noise * 32) / 32), lattice_bits(noise)
    (5.0, None)
    """
    if audio.size < FEWEST_SAMPLES:
        return None
    # NumPy's own would import its masked arrays first, which takes longer than this.
    ordered = np.sort(audio, axis=None)
    values = ordered[1:][ordered[1:] != ordered[:-1]]
    if not values.size:
        return None
    # Where most values were met once or twice, they would be more in a longer recording.
    values = np.concatenate([ordered[:1], values])
    if values.size > min(2.0**MOST_BITS * float(np.ptp(values)) + 2, audio.size / 16):
        return None
    step = float(np.median(np.diff(values)))
    bits = float(-np.log2(step))
    return bits if bits <= MOST_BITS else None
