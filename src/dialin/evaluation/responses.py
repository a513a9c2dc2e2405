"""What settings do to test signals, kept so that each is measured once."""

from __future__ import annotations

from collections import OrderedDict

from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.measures.responses import Response, respond, untouched_response
from dialin.rendering import RenderPool

DEADLINE = 300.0
KEPT = 256

Key = tuple[str, bytes, int, int]


def respond_effect(effect: Effect, sample_rate: int, channels: int, settings: Settings) -> Response:
    """Measure a setting; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    settings : ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.

    Returns
    -------
    Response
    """
    return respond(
        lambda sound: effect.process(sound, sample_rate, settings), sample_rate, channels
    )


class Responses:
    """Responses of settings, measured when first asked for.

    Parameters
    ----------
    pool : RenderPool
    """

    def __init__(self, pool: RenderPool) -> None:
        self._pool = pool
        self._kept: OrderedDict[Key, Response] = OrderedDict()

    def of(self, uri: str, settings: Settings | None, sample_rate: int, channels: int) -> Response:
        """Response of a setting; of no effect at all where `uri` is empty.

        Parameters
        ----------
        uri : str
            Effect or chain.
        settings : ndarray, optional
            Positions of the knobs, 0 to 1.
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.

        Returns
        -------
        Response

        Raises
        ------
        dialin.errors.RenderError
            If the effect fails on a test signal.
        """
        touched = bool(uri) and settings is not None
        key = (uri, settings.tobytes() if settings is not None else b"", sample_rate, channels)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if touched:
            response: Response = self._pool.call(
                *(respond_effect, sample_rate, channels, settings), effect=uri, deadline=DEADLINE
            )
        else:
            response = untouched_response(sample_rate, channels)
        self._kept[key] = response
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return response
