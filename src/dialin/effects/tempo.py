"""Effects in a song of a tempo: ``bpm:NUMBER:EFFECT``.

Delays and oscillators that follow the host's tempo sound as they do in that song. A host tells a
tempo to LV2 plugins that ask for it (`time:Position
<http://lv2plug.in/ns/ext/time>`_, or a control port designated ``time:beatsPerMinute``); Pedalboard
tells VST3 plugins and Audio Units none, so they stay at what they take for granted, and built-ins
and Faust programs have no tempo. Without ``bpm:`` hosts are at `USUAL`.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.effect import Effect, Plugin, Stream
from dialin.errors import EffectLoadError, EffectNotFoundError, UsageError

USUAL = 120.0
"""Beats a minute of hosts that nobody told another."""

SLOWEST, FASTEST = 20.0, 400.0
"""Beats a minute that are a tempo."""

PREFIX = "bpm"


@runtime_checkable
class FollowsTempo(Protocol):
    """An effect that can be told a tempo."""

    @property
    def follows_tempo(self) -> bool:
        """Whether it asks for the tempo."""
        ...

    def set_tempo(self, bpm: float) -> None:
        """Set the tempo of everything rendered from now on.

        Parameters
        ----------
        bpm : float
            In beats a minute.
        """
        ...


def check_tempo(bpm: float) -> float:
    """Raise `UsageError` unless this is a tempo.

    Parameters
    ----------
    bpm : float
        In beats a minute.

    Returns
    -------
    float
        The same.

    Raises
    ------
    UsageError
        If it lies outside 20 to 400, or is no number.
    """
    if not (math.isfinite(bpm) and SLOWEST <= bpm <= FASTEST):
        raise UsageError(
            f"a tempo of {bpm:g} beats a minute makes no sense; use {SLOWEST:g} to {FASTEST:g}"
        )
    return float(bpm)


def with_tempo(uri: str, bpm: float) -> str:
    """URI of an effect in a song of a tempo.

    >>> with_tempo("lv2:urn:delay", 128)
    'bpm:128:lv2:urn:delay'

    Parameters
    ----------
    uri : str
        Of one effect; a tempo that it has already is replaced.
    bpm : float
        In beats a minute.

    Returns
    -------
    str
    """
    return f"{PREFIX}:{check_tempo(bpm):.6g}:{without_tempo(uri)}"


def split_tempo(rest: str) -> tuple[float, str]:
    """Tempo and effect of what stands after ``bpm:``.

    >>> split_tempo("128.5:lv2:urn:delay")
    (128.5, 'lv2:urn:delay')

    Parameters
    ----------
    rest : str
        ``NUMBER:EFFECT``.

    Returns
    -------
    (float, str)

    Raises
    ------
    EffectNotFoundError
        If it is nothing of the kind.
    """
    number, colon, uri = rest.partition(":")
    if not colon or not uri.strip() or not re.fullmatch(r"\d+(\.\d+)?", number.strip()):
        raise EffectNotFoundError(
            f"'bpm:{rest}' names no effect; write bpm:NUMBER:EFFECT, such as bpm:128:lv2:URI"
        )
    try:
        return check_tempo(float(number)), uri
    except UsageError as error:
        raise EffectNotFoundError(f"'bpm:{rest}': {error}") from error


def without_tempo(uri: str) -> str:
    """URI of the effect itself.

    >>> without_tempo("bpm:128:lv2:urn:delay"), without_tempo("builtin:delay")
    ('lv2:urn:delay', 'builtin:delay')

    Parameters
    ----------
    uri : str
        Of one effect.

    Returns
    -------
    str
    """
    head, colon, rest = uri.partition(":")
    if colon and head.strip().lower() == PREFIX:
        return without_tempo(split_tempo(rest)[1])
    return uri


def follows_tempo(effect: Effect) -> bool:
    """Whether an effect asks its host for the tempo; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        Any.

    Returns
    -------
    bool
    """
    return isinstance(effect, FollowsTempo) and effect.follows_tempo


def tell_tempo(effect: Effect, bpm: float) -> None:
    """Tell an effect a tempo.

    Parameters
    ----------
    effect : Effect
        One that asks for it.
    bpm : float
        In beats a minute.

    Raises
    ------
    EffectLoadError
        If it does not ask for one.
    """
    if not isinstance(effect, FollowsTempo) or not effect.follows_tempo:
        raise EffectLoadError(
            f"{effect.spec.uri} follows no tempo (only LV2 plugins that ask for it are told one); "
            f"leave out {PREFIX}:"
        )
    effect.set_tempo(check_tempo(bpm))


class TempoEffect:
    """An effect in a song of a tempo.

    Parameters
    ----------
    effect : Effect
        One that asks for the tempo; told it, and closed with this one.
    bpm : float
        In beats a minute.

    Raises
    ------
    EffectLoadError
        If it does not ask for one.
    """

    def __init__(self, effect: Effect, bpm: float) -> None:
        tell_tempo(effect, bpm)
        self._effect = effect
        self.spec = replace(effect.spec, uri=with_tempo(effect.spec.uri, bpm), format=PREFIX)

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `Effect.process`.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        return self._effect.process(audio, sample_rate, settings, tail=tail)

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render; see `Effect.stream`.

        Parameters
        ----------
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        Stream
        """
        return self._effect.stream(sample_rate, channels, settings, tail=tail)

    def state(self, settings: ArrayLike) -> bytes | None:
        """Return the host's state; see `Effect.state`.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return self._effect.state(settings)

    def positions(self, settings: ArrayLike) -> list[float]:
        """See `dialin.effects.effect.Plugin`.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        list of float
        """
        if isinstance(self._effect, Plugin):
            return self._effect.positions(settings)
        return [float(v) for v in self.spec.check(settings)]

    def close(self) -> None:
        """Let go of the plugin."""
        self._effect.close()
