"""Block-wise rendering of nothing: an effect that is off hands its input back."""

from __future__ import annotations

import numpy as np

from dialin.audio import Audio


class DryStream:
    """The stream of no effect at all, so that one which fails cannot do so at 0 %.

    Parameters
    ----------
    channels : int
    tail : int
        Samples of silence to give after the end.
    """

    exact = True

    def __init__(self, channels: int, tail: int) -> None:
        self._tail: Audio = np.zeros((channels, tail), dtype=np.float32)

    def process(self, block: Audio) -> Audio:
        """Hand a block back.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            The same samples.
        """
        return block.copy()

    def finish(self) -> Audio:
        """Return the tail, which is silent."""
        return self._tail
