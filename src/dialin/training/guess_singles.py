"""Single effects on mono excerpts, drawn and rendered for guessing networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, resample
from dialin.data.augment import fade, to_peak
from dialin.data.checks import check_render
from dialin.data.recipe import CheckOptions
from dialin.effects.effect import Effect
from dialin.matching.guessing.guess_vocabulary import Slot, Vocabulary
from dialin.measures.mfcc import mfcc
from dialin.training.guess_group import (
    ONE_RATE,
    RATE,
    VARIANTS,
    Floats,
    Group,
    Propose,
    pack_group,
)

SAMPLES = 262_144
"""Of an excerpt, both halves."""


@dataclass(eq=False)
class OneEffectMaker:
    """Groups of single effects on mono excerpts of 24 kHz, as in the protocol ``seed``.

    Attributes
    ----------
    clips : dict of bool to list of ndarray
        As in `ChainMaker`.
    uris : tuple of str
        Of the effects.
    left_alone : mapping of str to tuple of str
        URI -> ids of knobs that stay at their defaults.
    open : callable
        Opens an effect by URI.
    effects : dict of str to Effect
        Those that are open.
    propose : callable, optional
        Gives candidates for what made a reference; see `Propose`.
    """

    clips: Mapping[bool, Sequence[NDArray[np.int16]]]
    uris: tuple[str, ...]
    left_alone: Mapping[str, tuple[str, ...]]
    open: Callable[[str], Effect]
    effects: dict[str, Effect] = field(default_factory=dict)
    propose: Propose | None = None

    def __post_init__(self) -> None:
        slots = []
        for uri in self.uris:
            self.effects[uri] = self.open(uri)
            spec = self.effects[uri].spec
            alone = self.left_alone.get(uri, ())
            knobs = (p.id for p in spec.parameters if p.status == "live" and p.id not in alone)
            slots.append(Slot(uri, tuple(knobs)))
        self.vocabulary = Vocabulary(tuple(slots))

    def group(self, seed: Sequence[int], valid: bool = False) -> Group | None:
        """Make a group.

        Parameters
        ----------
        seed : sequence of int
            The same gives the same.
        valid : bool
            On songs for validation.

        Returns
        -------
        Group or None
        """
        made = self.sounds(seed, valid)
        return None if made is None else pack_group(*made, valid=valid)

    def sounds(
        self, seed: Sequence[int], valid: bool, entry: int | None = None
    ) -> tuple[list[Audio], list[list[Audio]], list[Floats], int, bool] | None:
        """Stretches, renders of each setting on each, settings, rate, and True.

        Parameters
        ----------
        seed : sequence of int
            The same gives the same.
        valid : bool
            On songs for validation.
        entry : int, optional
            Which of the effects; drawn otherwise.

        Returns
        -------
        tuple or None
        """
        rng = np.random.default_rng(list(seed))
        clip = self.clips[valid][int(rng.integers(len(self.clips[valid])))]
        needed = int(SAMPLES * RATE / ONE_RATE) + 64
        speed = 1.0 if valid or rng.random() < 0.5 else float(rng.choice([0.8, 0.9, 1.1, 1.25]))
        length = int(needed * speed)
        start = int(rng.integers(0, max(1, clip.shape[1] - length)))
        mono = clip[:, start : start + length].astype(np.float32).mean(axis=0) / 32_768.0
        if not np.abs(mono).max() > 1e-3:
            return None
        audio = resample(mono[None], round(RATE * speed), ONE_RATE)[:, :SAMPLES]
        if audio.shape[1] < SAMPLES:
            audio = np.pad(audio, ((0, 0), (0, SAMPLES - audio.shape[1])), mode="wrap")
        audio = to_peak(fade(to_peak(audio, -12.0), 1_200), -12.0)
        any_entry = int(rng.integers(len(self.uris)))
        entry = any_entry if entry is None else entry
        before = mfcc(audio, ONE_RATE)
        half = SAMPLES // 2
        vectors: list[Floats] = []
        renders: list[list[Audio]] = []
        drawn: list[Floats] = []
        for _ in range(60):
            if drawn and vectors:
                vector = drawn.pop()
            elif len(vectors) == 0 or len(vectors) == VARIANTS - 1:
                vector = self._draw(rng, entry)
            else:
                vector = self._near(rng, vectors[0], entry, 0.05 if len(vectors) == 1 else 0.2)
            wet = self.render(audio, vector, entry)
            if wet is None or check_render(wet, ONE_RATE, before, CheckOptions())[0] is not None:
                continue
            if len(vectors) == 0 and self.propose is not None and rng.random() < 0.7:
                near = np.ascontiguousarray(audio[:, :half])
                far = to_peak(np.ascontiguousarray(wet[:, half:]), -12.0)
                drawn = self.propose(near, far, ONE_RATE, vector, 2)
            vectors.append(vector)
            parts = (wet[:, :half], wet[:, half:])
            renders.append([to_peak(np.ascontiguousarray(x), -12.0) for x in parts])
            if len(vectors) == VARIANTS:
                break
        else:
            return None
        halves = [np.ascontiguousarray(x) for x in (audio[:, :half], audio[:, half:])]
        return halves, renders, vectors, ONE_RATE, True

    def render(self, audio: Audio, vector: Floats, entry: int) -> Audio | None:
        """Render with one of the effects.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        vector : ndarray, shape (size,)
            Settings.
        entry : int
            Of the effect.

        Returns
        -------
        ndarray or None
            None where it is silent or not finite.
        """
        effect = self.effects[self.vocabulary.slots[entry].uri]
        settings = self.vocabulary.settings(vector, effect.spec, [entry])
        wet = effect.process(audio, ONE_RATE, settings)
        peak = float(np.abs(wet).max())
        return wet if np.isfinite(peak) and peak > 1e-5 else None

    def _draw(self, rng: np.random.Generator, entry: int) -> Floats:
        slot = self.vocabulary.slots[entry]
        knobs = {p.id: p for p in self.effects[slot.uri].spec.parameters}
        vector = np.full(self.vocabulary.size, 0.5)
        vector[: len(self.vocabulary.slots)] = 0.0
        vector[entry] = 1.0
        values = []
        for id in slot.knobs:
            u = float(rng.random())
            steps = knobs[id].steps if knobs[id].is_stepped else 0
            values.append(
                min(int(u * steps), steps - 1) / (steps - 1) if steps else 0.01 + 0.98 * u
            )
        vector[self.vocabulary.places[entry]] = values
        return vector

    def _near(self, rng: np.random.Generator, base: Floats, entry: int, sigma: float) -> Floats:
        vector = base.copy()
        slice_ = self.vocabulary.places[entry]
        moved = vector[slice_] + sigma * rng.uniform(0.2, 2) * rng.standard_normal(
            slice_.stop - slice_.start
        )
        vector[slice_] = np.clip(moved, 0.01, 0.99)
        return vector
