"""How much of a match: settings between "does nothing" and the match itself.

Conventions: an amount is in per cent. 100 is the match itself, 0 leaves the sound alone, exactly.
In between, each slot of a chain goes its own way:

* A slot with *neutral* knobs (gain 0 dB, mix 0 %, ratio 1:1) moves those along their travel, in
  normalised space, and leaves the others where the match has them: half a cut-off frequency is no
  half filter.
* A slot without any (most plugins) stays at the match, and its output is mixed with its input,
  by one more knob: ``mix:`` before a URI adds it (`MixedEffect`).
  Both are aligned in time, since effects compensate their latency; where an effect turns the
  phase, as filters do, a half-way mix is a little hollow, which is why neutral knobs come first.

At 0 nothing is run at all, because a neutral knob may still leave a rounding error behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.chain import chain_slots, chain_uri
from dialin.effects.dry import DryStream
from dialin.effects.effect import Effect, Stream
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import UsageError


def check_amount(amount: float) -> None:
    """Raise `UsageError` unless an amount lies in 0 to 100 per cent.

    Parameters
    ----------
    amount : float
        In per cent.

    Raises
    ------
    UsageError
        If it lies elsewhere.
    """
    if not 0 <= amount <= 100:
        raise UsageError(f"the amount is {amount:g} %; it must lie between 0 and 100")


def effect_at_amount(
    spec: EffectSpec,
    settings: ArrayLike,
    amount: float,
    neutrals: Mapping[str, float] | None = None,
) -> tuple[str, Settings]:
    """What to run, and at which settings, to hear so much of a match.

    Parameters
    ----------
    spec, settings, amount, neutrals
        As of `settings_at_amount`.

    Returns
    -------
    uri : str
        Of an effect or a chain, some slots of which may be ``mix:`` of the effect; empty at 0:
        run nothing.
    settings : ndarray, shape (knobs,)
        In [0, 1], in the order of its spec.

    Raises
    ------
    UsageError, ParameterError
    """
    vector, shares = settings_at_amount(spec, settings, amount, neutrals)
    if amount == 0:
        return "", np.zeros(0)
    uris: list[str] = []
    parts: list[Settings] = []
    for name, uri, slots in chain_slots(spec):
        mixed = shares[name] < 1
        uris.append(f"mix:{uri}" if mixed else uri)
        parts.append(np.append(vector[slots], shares[name]) if mixed else vector[slots])
    return uris[0] if len(uris) == 1 else chain_uri(uris), np.concatenate(parts)


def settings_at_amount(
    spec: EffectSpec,
    settings: ArrayLike,
    amount: float,
    neutrals: Mapping[str, float] | None = None,
) -> tuple[Settings, dict[str, float]]:
    """Settings and wet shares at an amount.

    Parameters
    ----------
    spec : EffectSpec
        Of an effect or a chain.
    settings : array_like, shape (spec.size,)
        The match, in [0, 1].
    amount : float
        In per cent, 0 to 100.
    neutrals : mapping, optional
        Native neutral values by parameter id, such as `Probe.neutrals`, for knobs whose spec
        says nothing.

    Returns
    -------
    settings : ndarray, shape (spec.size,)
        In [0, 1].
    shares : dict
        Slot name -> share of the slot's output, 0 to 1; the rest is its input. See `MixedEffect`.

    Raises
    ------
    UsageError
        If the amount lies outside 0 to 100.
    ParameterError
        If the settings do not fit the spec.
    """
    check_amount(amount)
    known = neutrals or {}
    result = spec.check(settings)
    shares: dict[str, float] = {}
    for name, _, knobs in chain_slots(spec):
        starts = {
            index: parameter.to_normalised(value)
            for index, parameter in enumerate(spec.parameters[knobs], knobs.start)
            if (value := known.get(parameter.id, parameter.neutral)) is not None
        }
        if amount in (0, 100):
            shares[name] = amount / 100
        else:
            shares[name] = 1.0 if starts else amount / 100
        for index, start in starts.items():
            if amount < 100:
                result[index] = start + amount / 100 * (result[index] - start)
    return spec.check(result), shares


class MixedEffect:
    """An effect with one more knob, the last one: the share of its output, ``dry_wet``.

    Parameters
    ----------
    effect : Effect
        Closed with this one.
    """

    def __init__(self, effect: Effect) -> None:
        self._effect = effect
        inner = effect.spec
        taken = {p.id for p in (*inner.parameters, *inner.excluded)}
        id = "dry_wet"
        while id in taken:
            id += "_"
        mix = Parameter(id, "Dry/wet", "%", 0.0, 100.0, 100.0, neutral=0.0)
        self._spec = replace(
            inner, uri=f"mix:{inner.uri}", format="mix", parameters=(*inner.parameters, mix)
        )

    @property
    def spec(self) -> EffectSpec:
        """The effect's own, and the added knob."""
        return self._spec

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `Effect.process`. At 0 % the input comes back bit for bit.

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
        vector = self._spec.check(settings)
        share = float(vector[-1])
        if share == 0:
            return np.pad(audio, ((0, 0), (0, round(tail * sample_rate))))
        wet = self._effect.process(audio, sample_rate, vector[:-1], tail=tail)
        return _mix(audio, wet, share)

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
        vector = self._spec.check(settings)
        if vector[-1] == 0:
            return DryStream(channels, round(tail * sample_rate))
        inner = self._effect.stream(sample_rate, channels, vector[:-1], tail=tail)
        return MixedStream(inner, channels, float(vector[-1]))

    def state(self, settings: ArrayLike) -> bytes | None:
        """Return the host's state, which knows nothing of the added knob.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return self._effect.state(self._spec.check(settings)[:-1])

    def close(self) -> None:
        """Let go of the plugin."""
        self._effect.close()


class MixedStream:
    """A stream mixed with its own input, which waits for output that comes late.

    Parameters
    ----------
    stream : Stream
    channels : int
    share : float
        Of the stream's output, above 0 and up to 1.
    """

    def __init__(self, stream: Stream, channels: int, share: float) -> None:
        self._stream = stream
        self._share = share
        self._waiting: Audio = np.zeros((channels, 0), dtype=np.float32)
        self.exact = stream.exact

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        return self._take(self._stream.process(block))

    def finish(self) -> Audio:
        """Return the rest, and the tail asked for, over which the input is silent."""
        return self._take(self._stream.finish())

    def _take(self, wet: Audio) -> Audio:
        count = wet.shape[1]
        dry, self._waiting = self._waiting[:, :count], self._waiting[:, count:]
        return _mix(dry, wet, self._share)


def _mix(dry: Audio, wet: Audio, share: float) -> Audio:
    """Weighted sum, exactly `wet` at 1; `dry` is silent where it has ended."""
    if share == 1:
        return wet
    full = np.pad(dry, ((0, 0), (0, wet.shape[1] - dry.shape[1])))
    mixed: Audio = full + np.float32(share) * (wet - full)
    return mixed
