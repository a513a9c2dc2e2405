"""Where excerpts start in audio that is longer than what a network was trained on. No torch."""

from __future__ import annotations


def starts(length: int, samples: int) -> list[int]:
    """First samples of excerpts that cover audio evenly, each overlapping the next if they must.

    >>> starts(10, 10), starts(25, 10), starts(30, 10)
    ([0], [0, 8, 15], [0, 10, 20])

    Parameters
    ----------
    length : int
        Of the audio, in samples.
    samples : int
        Of an excerpt.

    Returns
    -------
    list of int
    """
    count = -(-length // samples)
    if count <= 1:
        return [0]
    return [round(index * (length - samples) / (count - 1)) for index in range(count)]
