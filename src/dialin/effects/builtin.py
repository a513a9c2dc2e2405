"""The built-in effects, rendered by Pedalboard.

Purity: every render makes new Pedalboard objects (a microsecond each), so nothing can be left
over from an earlier one. Streams cut the input into blocks of one size, because Pedalboard starts
an effect afresh, losing its state, when a block longer than all before it arrives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pedalboard
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.builtin_table import (
    LADDER_MODES,
    NYQUIST_SHARE,
    Builtin,
    builtin_spec,
    find_builtin,
)
from dialin.effects.effect import Stream
from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError

BUILTIN_BLOCK = 8192
"""Samples Pedalboard processes at a time; the built-ins sound the same with any other number."""


def open_builtin(name: str) -> BuiltinEffect:
    """Open a built-in effect by its name after ``builtin:``."""
    return BuiltinEffect(find_builtin(name))


class BuiltinEffect:
    """One of Pedalboard's own effects; see `dialin.effects.builtin_table` for its knobs."""

    def __init__(self, row: Builtin) -> None:
        self._row = row
        self._spec = builtin_spec(row.name)
        self._class: Any = getattr(pedalboard, row.plugin)

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `Effect.process`."""
        if tail > 0:
            audio = np.pad(audio, ((0, 0), (0, round(tail * sample_rate))))
        plugin, mix = self._plugin(settings, sample_rate)
        if plugin is None:
            return audio.copy()
        try:
            wet: Audio = plugin(audio, sample_rate, buffer_size=BUILTIN_BLOCK)
        except (RuntimeError, ValueError) as error:
            raise RenderError(
                f"{self._spec.name} could not render {audio.shape[0]} channels at "
                f"{sample_rate} Hz: {error}"
            ) from error
        return wet if mix >= 1.0 else audio + np.float32(mix) * (wet - audio)

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render; see `Effect.stream`."""
        raise NotImplementedError

    def state(self, settings: ArrayLike) -> bytes | None:
        """Built-ins have no state of their own."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""

    def _plugin(self, settings: ArrayLike, sample_rate: int) -> tuple[Any | None, float]:
        """Return a new plugin at these settings, or None where it does nothing, and the mix."""
        native = self._spec.native(settings)
        mix = 1.0
        values: dict[str, Any] = {}
        for knob in self._row.knobs:
            value = native[knob.parameter.id]
            if not knob.attribute:
                mix = value * knob.scale
                continue
            if knob.capped:
                value = min(value, NYQUIST_SHARE * sample_rate)
            values[knob.attribute] = value * knob.scale
        if "mode" in values:
            mode = LADDER_MODES[round(values["mode"])]
            values["mode"] = getattr(pedalboard.LadderFilter.Mode, mode)
        if "true_peak" in values:
            values["true_peak"] = values["true_peak"] >= 0.5
        if mix <= 0.0 or self._is_off(native):
            return None, 0.0
        return self._class(**values), mix

    def _is_off(self, native: dict[str, float]) -> bool:
        """Whether every knob that has a neutral value stands there."""
        neutral = [k.parameter for k in self._row.knobs if k.parameter.neutral is not None]
        return bool(neutral) and all(native[p.id] == p.neutral for p in neutral)
