"""Making a preset fit the effects that are installed; part of it; rendering audio through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dialin.audio import Audio, check_audio
from dialin.effects.amount import check_amount, effect_at_amount, settings_at_amount
from dialin.effects.chain import chain_slots, chain_spec
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import ParameterError, PresetError
from dialin.matching.options import check_tail
from dialin.presets.whereabouts import check_trust, located

if TYPE_CHECKING:
    from dialin.presets.preset import Preset
    from dialin.rendering import Renderer


@dataclass(frozen=True)
class FittedSlot:
    """One effect of a fitted preset, as it is rendered.

    Attributes
    ----------
    spec : EffectSpec
    settings : ndarray
        In [0, 1], in spec order, at the amount.
    share : float
        Share of the effect's output that is heard, 0 to 1; the rest is its input.
    """

    spec: EffectSpec
    settings: Settings
    share: float


@dataclass(frozen=True)
class Fitted:
    """A preset made ready for the effects that are installed here.

    Attributes
    ----------
    effect : str
        URI; empty where there is no effect to run.
    settings : ndarray
        In [0, 1], in spec order.
    notes : tuple of str
        What a person should know, such as that a plugin's version is another one.
    slots : tuple of FittedSlot
        Of the preset's effects, in order.
    """

    effect: str
    settings: np.ndarray
    notes: tuple[str, ...] = ()
    slots: tuple[FittedSlot, ...] = ()


def settings_for(preset: Preset, amount: float, pool: Renderer) -> Fitted:
    """Fit a preset to the installed effects, at an amount (see `dialin.effects.amount`).

    A plugin whose knobs differ from those the preset was made with is set by its knobs' names
    and native values, and a note says so.

    Parameters
    ----------
    preset : Preset
        Settings of a chain.
    amount : float
        In per cent; 0 is the input, exactly.
    pool : Renderer
        Workers that render.

    Returns
    -------
    Fitted

    Raises
    ------
    UsageError
        If the amount lies outside 0 to 100.
    PresetError
        If it would have code loaded that its user has not vouched for (see
        `dialin.presets.whereabouts`), or the installed plugin lacks a knob of the preset, or does
        not reach its value.
    EffectError
        If an effect cannot be opened.
    """
    check_amount(amount)
    if not preset.slots:
        return Fitted("", np.zeros(0))
    specs, vectors = [], []
    notes: list[str] = []
    stated = preset.slots
    preset, found_elsewhere = located(preset)
    check_trust(preset)
    notes += found_elsewhere
    for slot, before in zip(preset.slots, stated, strict=True):
        spec = pool.describe(slot.uri)
        vector = slot.normalised
        # Where a plugin lies is part of its URI, but changes nothing of its knobs.
        same = replace(spec, uri=before.uri) if slot.uri != before.uri else spec
        if slot.spec_hash not in (spec.hash, same.hash) or vector.size != spec.size:
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
        elif slot.file_hash and spec.file_hash and slot.file_hash != spec.file_hash:
            notes.append(
                f"the preset was made with another build of {spec.name} (its file differs); its "
                "knobs are the same, so listen whether it sounds the same"
            )
        specs.append(spec)
        vectors.append(vector)
    whole = chain_spec(preset.effect, specs)
    neutrals = {
        f"{name}.{knob.id}": knob.neutral
        for (name, _, _), slot in zip(chain_slots(whole), preset.slots, strict=True)
        for knob in slot.knobs
        if knob.neutral is not None
    }
    try:
        full = np.concatenate(vectors)
        effect, settings = effect_at_amount(whole, full, amount, neutrals)
        moved, shares = settings_at_amount(whole, full, amount, neutrals)
    except ParameterError as error:
        raise PresetError(
            f"the preset's neutral values do not fit the effects installed here: {error}; "
            "match again, or use it at 100 %"
        ) from error
    slots = tuple(
        FittedSlot(spec, moved[span], float(shares[name]))
        for spec, (name, _, span) in zip(specs, chain_slots(whole), strict=True)
    )
    return Fitted(effect, settings, tuple(notes), slots)


def render_audio(
    preset: Preset,
    audio: Audio,
    sample_rate: int,
    *,
    amount: float = 100.0,
    tail: float = 0.0,
    pool: Renderer | None = None,
) -> Audio:
    """Render audio in memory through a preset.

    Parameters
    ----------
    preset : Preset
        Settings of a chain.
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    amount : float
        How much of the preset, in per cent; 0 is the input, exactly.
    tail : float
        Seconds rendered after the end.
    pool : Renderer, optional
        Where there is none, or where it was closed: the one that all effects share.

    Returns
    -------
    ndarray, float32, shape (channels, samples + round(tail * sample_rate))

    Raises
    ------
    UsageError, AudioError, PresetError, EffectError
    """
    from dialin.rendering import Job, RenderPool

    check_amount(amount)
    check_tail(tail)
    checked = check_audio(audio, sample_rate)
    if pool is None or pool.closed:
        with RenderPool(workers=1) as own:
            return render_audio(preset, checked, sample_rate, amount=amount, tail=tail, pool=own)
    fitted = settings_for(preset, amount, pool)
    if not fitted.effect:
        rest = np.zeros((checked.shape[0], round(tail * sample_rate)), dtype=np.float32)
        return np.concatenate([checked, rest], axis=1)
    seconds = checked.shape[1] / sample_rate + tail
    job = Job(
        fitted.effect, checked, fitted.settings, sample_rate, tail, deadline=120.0 + 4.0 * seconds
    )
    rendered: Audio = pool.render([job])[0].get()
    return rendered
