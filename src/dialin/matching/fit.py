"""Making a preset fit the effects that are installed, and moving it part of the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dialin.errors import ParameterError, PresetError, UsageError

if TYPE_CHECKING:
    from dialin.effects.preset import Preset
    from dialin.effects.spec import EffectSpec
    from dialin.rendering import RenderPool


@dataclass(frozen=True)
class Fitted:
    """A preset made ready for the effects that are installed here.

    Attributes
    ----------
    effect : str
        URI; empty where the preset holds no effect.
    settings : ndarray
        In [0, 1], in spec order.
    notes : tuple of str
        What a person should know, such as that a plugin's version is another one.
    """

    effect: str
    settings: np.ndarray
    notes: tuple[str, ...] = ()


def settings_for(preset: Preset, amount: float, pool: RenderPool) -> Fitted:
    """Fit a preset to the installed effects, at an amount.

    A plugin whose knobs differ from those the preset was made with is set by its knobs' names
    and native values, and a note says so.

    Raises
    ------
    PresetError
        If the installed plugin lacks a knob of the preset, or does not reach its value.
    EffectError
        If an effect cannot be opened.
    """
    check_amount(amount)
    if not preset.slots:
        return Fitted("", np.zeros(0))
    vectors, notes = [], []
    for slot in preset.slots:
        spec = pool.describe(slot.uri)
        vector = slot.normalised
        if slot.spec_hash != spec.hash or vector.size != spec.size:
            versions = f"version {slot.version or 'unknown'}, here is {spec.version or 'unknown'}"
            try:
                vector = spec.vector(slot.native)
            except ParameterError as error:
                raise PresetError(
                    f"the preset was made with another build of {spec.name} ({versions}), whose "
                    f"knobs do not fit: {error}; install that version or match again"
                ) from error
            notes.append(
                f"the preset was made with another build of {spec.name} ({versions}); "
                "its knobs were set by name, so listen whether it sounds the same"
            )
        elif slot.version != spec.version:
            notes.append(
                f"the preset was made with {spec.name} version {slot.version or 'unknown'}, "
                f"here is version {spec.version or 'unknown'}; its knobs are the same"
            )
        vectors.append(toward_neutral(spec, vector, amount))
    return Fitted(preset.effect, np.concatenate(vectors), tuple(notes))


def toward_neutral(spec: EffectSpec, settings: ArrayLike, amount: float) -> np.ndarray:
    """Settings moved part of the way from where the effect does nothing.

    Knobs that have a neutral position (mix 0 %, gain 0 dB) move along their travel; the others
    stay as they are, because half a cut-off frequency is no half filter. Where no knob has one,
    all move from their defaults.

    Parameters
    ----------
    spec : EffectSpec
        Of one effect, no chain.
    settings : array_like
        In [0, 1].
    amount : float
        In per cent, 0 to 100.
    """
    target = spec.check(settings)
    share = amount / 100
    if share == 1:
        return target
    has_neutral = any(p.neutral is not None for p in spec.parameters)
    start = target.copy()
    for place, knob in enumerate(spec.parameters):
        if knob.neutral is not None:
            start[place] = knob.to_normalised(knob.neutral)
        elif not has_neutral:
            start[place] = knob.to_normalised(knob.default)
    return spec.check(start + share * (target - start))


def check_amount(amount: float) -> None:
    """Raise `UsageError` unless an amount lies in 0 to 100 per cent."""
    if not 0 <= amount <= 100:
        raise UsageError(f"the amount is {amount:g} %; it must lie between 0 and 100")
