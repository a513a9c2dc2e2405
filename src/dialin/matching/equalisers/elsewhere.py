"""What the built-in equaliser does, done by another one that a DAW has.

The response of each `builtin:eq` of a preset is asked of another equaliser, which is solved for it
as for any target (`dialin.matching.equalisers.effects`); how near that comes is told in decibels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.effects.builtin_table import EQ_CHANNELS, builtin_spec
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import PresetError
from dialin.matching.equalisers.bands import eq_response
from dialin.matching.equalisers.effects import DEADLINE, solve_effect
from dialin.matching.equalisers.probe import RATE, Responder
from dialin.matching.equalisers.target import EqTarget
from dialin.measures.song import band_centres
from dialin.presets.preset import Preset
from dialin.rendering import Renderer

Values = NDArray[np.float64]

EQ_URI = "builtin:eq"

COMPARED_HZ = (40.0, 16_000.0)
"""Between which errors are told."""

MAX_GAIN = 24.0
"""Decibels that a band of the other equaliser may use."""


@dataclass(frozen=True)
class Refit:
    """One equaliser done by another.

    Attributes
    ----------
    number : int
        Of the preset's slot, from 0.
    channels : str
        What it turns: one of `EQ_CHANNELS`.
    mean_db, largest_db : float
        Difference of the responses from 40 Hz to 16 kHz, level aside, in decibels.
    level_db : float
        By how much the other one is louder.
    """

    number: int
    channels: str
    mean_db: float
    largest_db: float
    level_db: float

    @property
    def text(self) -> str:
        """In words."""
        told = (
            f"{self.channels}: at most {self.largest_db:.2f} dB off between 40 Hz and 16 kHz, "
            f"{self.mean_db:.2f} dB on average"
        )
        if abs(self.level_db) >= 0.1:
            told += f"; {abs(self.level_db):.1f} dB {'louder' if self.level_db > 0 else 'quieter'}"
        if self.channels != EQ_CHANNELS[0]:
            told += f"; put it on the {self.channels} alone (mid/side)"
        return told


def refit_preset(preset: Preset, uri: str, pool: Renderer) -> tuple[Preset, tuple[Refit, ...]]:
    """A preset's built-in equalisers as settings of another equaliser.

    Parameters
    ----------
    preset : Preset
        With one `builtin:eq` or more.
    uri : str
        Of the other equaliser.
    pool : Renderer
        Whose worker opens it.

    Returns
    -------
    (Preset, tuple of Refit)
        A slot for each built-in equaliser, in order; and how near each comes.

    Raises
    ------
    PresetError
        If there is no equaliser in the preset, or the other effect is none.
    EffectError
        If it cannot be opened.
    """
    slots = [(n, slot) for n, slot in enumerate(preset.slots) if slot.uri == EQ_URI]
    if not slots:
        there = ", ".join(slot.uri for slot in preset.slots) or "nothing"
        raise PresetError(
            f"there is no {EQ_URI} in this preset, and no other effect can be done by an "
            f"equaliser; it holds {there}: match with --fx mastering or --fx eq"
        )
    spec = pool.describe(uri)
    channels = builtin_spec("eq").parameters[0]
    rows, told = [], []
    for number, slot in slots:
        positions = np.asarray(slot.normalised)
        wanted = eq_response(positions, band_centres(), RATE)
        solved = pool.call(refit, wanted, effect=uri, deadline=DEADLINE)
        if solved is None:
            raise PresetError(
                f"{spec.name} is no equaliser that could be set: by impulses, none of its knobs "
                "shapes spectra alone; choose another one (dialin effects list)"
            )
        settings, response = solved
        gap = (response - wanted)[_compared()]
        level = float(gap.mean())
        off = np.abs(gap - level)
        name = EQ_CHANNELS[round(channels.to_native(float(positions[0])))]
        told.append(Refit(number, name, float(off.mean()), float(off.max()), level))
        rows.append(settings)
    provenance = {**preset.provenance, "refitted": {"from": EQ_URI, "channels": _names(told)}}
    made = Preset.from_settings([spec] * len(rows), np.concatenate(rows), provenance=provenance)
    return made, tuple(told)


def refit(effect: Effect, wanted: Values) -> tuple[Settings, Values] | None:
    """Settings of an effect for a response, and its own; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened there.
    wanted : ndarray, shape (bands,)
        Decibels in the bands of `dialin.measures.song`.

    Returns
    -------
    (ndarray of shape (knobs,), ndarray of shape (bands,)) or None
        None where it is no equaliser.
    """
    weight = np.where(_compared(), 1.0, 0.02)
    centred = wanted - np.average(wanted, weights=weight)
    solution = solve_effect(
        effect, EqTarget(band_centres(), centred, weight, 0.0), RATE, max_eq=MAX_GAIN
    )
    if solution is None:
        return None
    return solution[0], Responder(effect).decibels(solution[0])


def _compared() -> NDArray[np.bool_]:
    hertz = band_centres()
    return np.asarray((hertz >= COMPARED_HZ[0]) & (hertz <= COMPARED_HZ[1]))


def _names(told: list[Refit]) -> list[str]:
    return [one.channels for one in told]
