"""Effects as a person uses them from Python: their work is done in a worker process."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Self

from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.chain import chain_uri
from dialin.effects.names import resolve_effects
from dialin.effects.spec import EffectSpec
from dialin.rendering.job import Job
from dialin.rendering.pool import RenderPool


@functools.cache
def default_pool() -> RenderPool:
    """The pool that effects share when they are given none; closed when the program ends."""
    return RenderPool()


class RemoteEffect:
    """An effect or a chain that runs in worker processes.

    Parameters
    ----------
    uri : str
        Of the effect or chain.
    pool : RenderPool, optional
        Where it runs; the shared one by default.

    Attributes
    ----------
    spec : EffectSpec
        Identity and knobs.

    Examples
    --------
    >>> reverb = load_effect("builtin:reverb")                                # doctest: +SKIP
    >>> wet = reverb.process(audio, 44_100, reverb.spec.vector({"wet": 30}))  # doctest: +SKIP
    """

    def __init__(self, uri: str, pool: RenderPool | None = None) -> None:
        self._pool = pool if pool is not None else default_pool()
        self.spec: EffectSpec = self._pool.describe(resolve_effects(uri).uri)

    def process(
        self,
        audio: Audio,
        sample_rate: int,
        settings: ArrayLike | None = None,
        *,
        tail: float = 0.0,
    ) -> Audio:
        """Render; see `dialin.effects.Effect.process`. Default settings if none are given.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,), optional
            Positions of the knobs, 0 to 1; the defaults if left out.
        tail : float, default 0.0
            Seconds of silence after the audio, rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples + tail)
            Of the input's channels, aligned with it.

        Raises
        ------
        dialin.errors.AudioError
            If the audio is not finite, empty or of an odd shape.
        dialin.errors.ParameterError
            If the settings are of another length, or not finite.
        dialin.errors.RenderError
            If the effect crashes, hangs or returns samples that are not finite.
        """
        vector = self.spec.check(self.spec.default if settings is None else settings)
        job = Job(self.spec.uri, audio, vector, sample_rate=sample_rate, tail=tail)
        result: Audio = self._pool.render([job])[0].get()
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to do: the plugin stays loaded in the pool, which closes it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec.name}: {self.spec.size} parameters>"


class Chain(RemoteEffect):
    """Effects in series, itself an effect.

    Parameters
    ----------
    effects : sequence of str or RemoteEffect
        First to last.
    pool : RenderPool, optional
        Where it runs; the shared one by default.
    """

    def __init__(
        self, effects: Sequence[str | RemoteEffect], pool: RenderPool | None = None
    ) -> None:
        uris = [e if isinstance(e, str) else e.spec.uri for e in effects]
        super().__init__(chain_uri(resolve_effects(uris).uris), pool)


def load_effect(uri: str, pool: RenderPool | None = None) -> RemoteEffect:
    """Open an effect by its URI, such as ``lv2:http://drobilla.net/plugins/mda/Delay``.

    A name as ``dialin effects list`` prints it will do, and so will a favourite.

    Parameters
    ----------
    uri : str
        Of the effect or chain.
    pool : RenderPool, optional
        Where it runs; one is made, and shared, by default.

    Returns
    -------
    RemoteEffect

    Raises
    ------
    dialin.errors.EffectNotFoundError
        If nothing is installed under that name.
    dialin.errors.EffectLoadError
        If its host cannot open it.
    """
    return RemoteEffect(uri, pool)
