"""The built-in effects, rendered by Pedalboard.

Purity: every render makes new Pedalboard objects (a microsecond each), so nothing can be left
over from an earlier one. Renders and streams cut the input at the same places, multiples of
`BUILTIN_BLOCK` samples, and so give the same samples. The grid also keeps Pedalboard from starting
an effect afresh, its state lost, as it does when a block longer than all before it arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pedalboard
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.built_in_filters import (
    BUILTIN_BLOCK,
    KINDS,
    Compressor,
    Filter,
    compress_channels,
    filter_channels,
)
from dialin.effects.builtin_table import NYQUIST_SHARE, Builtin, builtin_spec, find_builtin
from dialin.effects.dry import DryStream
from dialin.effects.effect import Stream
from dialin.effects.equaliser import Equaliser, Width
from dialin.effects.freeverb import Reverb, reverberate
from dialin.effects.segments import SegmentedStream
from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError

LONGEST_FLUSH = 60.0
"""Seconds of silence a latent effect may need before its last sample comes out."""


def open_builtin(name: str) -> BuiltinEffect:
    """Open a built-in effect by its name after ``builtin:``.

    Parameters
    ----------
    name : str
        Such as ``compressor``.

    Returns
    -------
    BuiltinEffect

    Raises
    ------
    EffectNotFoundError
        If there is no such built-in.
    """
    return BuiltinEffect(find_builtin(name))


class Tanh:
    """Pedalboard's ``Distortion``, up to 30 times as fast and within 2e-7 of it.

    Its documentation gives the formula, ``tanh(x * gain)``, and NumPy has a vectorised tanh.

    Parameters
    ----------
    drive_db : float
        Gain before the curve, in decibels.
    """

    def __init__(self, drive_db: float) -> None:
        self.drive_db = drive_db

    def __call__(self, audio: Audio, sample_rate: int, buffer_size: int, reset: bool) -> Audio:
        """Render; it has no memory, so there is nothing to reset."""
        driven: Audio = audio * np.float32(10.0 ** (self.drive_db / 20.0))
        np.tanh(driven, out=driven)
        return driven


OURS: Mapping[str, Any] = {
    "Distortion": Tanh,
    "Equaliser": Equaliser,
    "Width": Width,
    **({} if reverberate is None else {"Reverb": Reverb}),
    **({} if compress_channels is None else {"Compressor": Compressor}),
    **({} if filter_channels is None else {kind: partial(Filter, kind) for kind in KINDS}),
}
"""Stand-ins for Pedalboard's classes, and effects that it has not."""


class BuiltinEffect:
    """One of Pedalboard's own effects; see `dialin.effects.builtin_table` for its knobs.

    Parameters
    ----------
    row : Builtin
        Of the table of built-ins.
    """

    def __init__(self, row: Builtin) -> None:
        self._row = row
        self._spec = builtin_spec(row.name)

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

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
        if self._row.stereo and audio.shape[0] > 2:
            pairs = [audio[rows] for rows in pairs_of(audio.shape[0])]
            wet_pairs = [self.process(pair, sample_rate, settings, tail=tail) for pair in pairs]
            return np.concatenate(wet_pairs, axis=0)
        plugin, mix = self._plugin(settings, sample_rate)
        silence = round(tail * sample_rate)
        if silence > 0:
            audio = np.pad(audio, ((0, 0), (0, silence)))
        if plugin is None:
            wet = audio.copy()
        elif self._row.latent or self._row.segmented:
            stream = self._start(plugin, mix, sample_rate, audio.shape[0], 0)
            wet = np.concatenate([stream.process(audio), stream.finish()], axis=1)
        else:
            wet = self.run(plugin, audio, sample_rate, reset=True)
            if mix < 1.0:
                wet = blend(audio, wet, mix)
        return wet

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
        if self._row.stereo and channels > 2:
            pairs = pairs_of(channels)
            return SplitStream(
                [self.stream(sample_rate, p.stop - p.start, settings, tail=tail) for p in pairs],
                pairs,
            )
        plugin, mix = self._plugin(settings, sample_rate)
        return self._start(plugin, mix, sample_rate, channels, round(tail * sample_rate))

    def as_filters(self, settings: ArrayLike, sample_rate: int) -> tuple[Filter, ...] | None:
        """What it is at some settings, where others can run with it in one pass.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        sample_rate : int
            In hertz.

        Returns
        -------
        tuple of Filter, or None
            Empty where it does nothing; None where it is more than a filter.
        """
        if OURS.get(self._row.plugin) is None or self._row.plugin not in KINDS:
            return None
        plugin, mix = self._plugin(settings, sample_rate)
        if plugin is None:
            return ()
        return (plugin,) if mix == 1.0 else None

    def state(self, settings: ArrayLike) -> bytes | None:
        """Built-ins have no state of their own.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def close(self) -> None:
        """Nothing to let go of."""

    def run(self, plugin: Any, audio: Audio, sample_rate: int, *, reset: bool) -> Audio:
        """Call Pedalboard, its errors made ours.

        Parameters
        ----------
        plugin : object
            An effect of Pedalboard's.
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        reset : bool
            Whether it forgets what it heard before.

        Returns
        -------
        ndarray, float32, shape (channels, samples)

        Raises
        ------
        RenderError
            If Pedalboard raises anything.
        """
        channels, samples = audio.shape
        if samples <= channels:
            # Pedalboard guesses which axis holds the channels, from which is the shorter.
            audio = np.pad(audio, ((0, 0), (0, channels + 1 - samples)))
        try:
            result: Audio = plugin(audio, sample_rate, buffer_size=BUILTIN_BLOCK, reset=reset)
        except (RuntimeError, ValueError) as error:
            raise RenderError(
                f"{self._spec.name} could not render {channels} channels at "
                f"{sample_rate} Hz: {error}"
            ) from error
        return result[:, :samples]

    def _start(
        self, plugin: Any | None, mix: float, sample_rate: int, channels: int, tail: int
    ) -> Stream:
        if plugin is None:
            return DryStream(channels, tail)
        if self._row.segmented:

            def render(audio: Audio) -> Audio:
                return self.run(plugin, audio, sample_rate, reset=True)

            return SegmentedStream(render, channels, tail)
        return BuiltinStream(self, plugin, mix, sample_rate, channels, tail)

    def _plugin(self, settings: ArrayLike, sample_rate: int) -> tuple[Any | None, float]:
        """Return a new plugin at these settings, or None where it does nothing, and the mix."""
        native = self._spec.native(settings)
        if self._is_off(native):
            return None, 0.0
        mix = 1.0
        values: dict[str, Any] = {}
        for knob in self._row.knobs:
            value = native[knob.parameter.id]
            if not knob.attribute:
                mix = value * knob.scale
            elif knob.choices and not knob.enum:
                values[knob.attribute] = knob.choices[round(value)]
            elif knob.choices:
                owner = getattr(pedalboard, self._row.plugin)
                values[knob.attribute] = getattr(
                    getattr(owner, knob.enum), knob.choices[round(value)]
                )
            elif knob.parameter.curve == "toggle":
                values[knob.attribute] = value >= 0.5
            else:
                if knob.capped:
                    value = min(value, NYQUIST_SHARE * sample_rate)
                values[knob.attribute] = value * knob.scale
        kind = OURS.get(self._row.plugin) or getattr(pedalboard, self._row.plugin)
        return kind(**values), mix

    def _is_off(self, native: dict[str, float]) -> bool:
        """Whether every knob that has a neutral value stands there."""
        neutral = [k.parameter for k in self._row.knobs if k.parameter.neutral is not None]
        return bool(neutral) and all(native[p.id] == p.neutral for p in neutral)


def blend(dry: Audio, wet: Audio, mix: float) -> Audio:
    """Part of the way from dry to wet; `wet` is overwritten.

    Parameters
    ----------
    dry : ndarray, float32, shape (channels, samples)
        The input.
    wet : ndarray, float32, shape (channels, samples)
        The effect's output, of the same shape.
    mix : float
        0 (dry) to 1 (wet).

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        `wet` itself.
    """
    wet -= dry
    wet *= np.float32(mix)
    wet += dry
    return wet


def pairs_of(channels: int) -> list[slice]:
    """Channels two by two, the last of an odd number alone.

    Pedalboard's reverb lets more than two channels through untouched, without a word.

    Parameters
    ----------
    channels : int
        Number of channels.

    Returns
    -------
    list of slice
    """
    return [slice(first, min(first + 2, channels)) for first in range(0, channels, 2)]


class SplitStream:
    """Streams side by side, each for some of the channels.

    Parameters
    ----------
    streams : list of Stream
        One for each group of channels.
    rows : list of slice
        The channels of each.
    """

    def __init__(self, streams: list[Stream], rows: list[slice]) -> None:
        self._streams = streams
        self._rows = rows
        self.exact = all(stream.exact for stream in streams)

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
        both = zip(self._streams, self._rows, strict=True)
        return np.concatenate([stream.process(block[rows]) for stream, rows in both], axis=0)

    def finish(self) -> Audio:
        """Return the rest and the tail."""
        return np.concatenate([stream.finish() for stream in self._streams], axis=0)


class BuiltinStream:
    """A built-in effect over a long recording.

    Parameters
    ----------
    effect : BuiltinEffect
    plugin : Pedalboard plugin
        New, its state empty.
    mix : float
        Share of the effect in the result.
    sample_rate, channels, tail : int
        Of the recording; the tail in samples.
    """

    exact = True

    def __init__(
        self,
        effect: BuiltinEffect,
        plugin: Any,
        mix: float,
        sample_rate: int,
        channels: int,
        tail: int,
    ) -> None:
        self._effect = effect
        self._plugin = plugin
        self._mix = mix
        self._rate = sample_rate
        self._tail = tail
        self._pending: list[Audio] = []
        self._waiting = 0
        self._fed = 0
        self._given = 0
        self._empty = np.zeros((channels, 0), dtype=np.float32)

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready, in whole blocks of `BUILTIN_BLOCK`.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        self._pending.append(block)
        self._waiting += block.shape[1]
        self._fed += block.shape[1]
        whole = self._waiting // BUILTIN_BLOCK * BUILTIN_BLOCK
        if not whole:
            return self._empty
        audio = np.concatenate(self._pending, axis=1)
        self._pending = [audio[:, whole:].copy()]
        self._waiting -= whole
        return self._render(audio[:, :whole])

    def finish(self) -> Audio:
        """Return the rest and the tail."""
        pieces = [self._empty]
        if self._tail:
            channels = self._empty.shape[0]
            pieces.append(self.process(np.zeros((channels, self._tail), dtype=np.float32)))
        silence = np.zeros((self._empty.shape[0], BUILTIN_BLOCK), dtype=np.float32)
        most = self._fed + LONGEST_FLUSH * self._rate
        fed = self._fed
        while self._given < self._fed:
            if fed > most:
                raise RenderError(
                    f"{self._effect.spec.name} kept back {self._fed - self._given} samples; "
                    "take it out of the chain"
                )
            rest = np.concatenate([*self._pending, silence], axis=1)[:, :BUILTIN_BLOCK]
            self._pending = []
            fed += BUILTIN_BLOCK
            wanted = self._fed - self._given
            pieces.append(self._render(rest)[:, :wanted])
        return np.concatenate(pieces, axis=1)

    def _render(self, audio: Audio) -> Audio:
        wet = self._effect.run(self._plugin, audio, self._rate, reset=False)
        if self._mix < 1.0:
            wet = blend(audio, wet, self._mix)
        self._given += wet.shape[1]
        return wet
