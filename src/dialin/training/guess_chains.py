"""Chains of built-in effects on stereo music, drawn and rendered for guessing networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.data.augment import to_loudness
from dialin.data.chain_ranges import USUAL, WIDE
from dialin.data.drawing import Refused, draw_until
from dialin.effects.effect import Effect
from dialin.matching.guessing.guess_vocabulary import CHAIN, Vocabulary
from dialin.training.guess_group import (
    RATE,
    Floats,
    Group,
    Propose,
    magnitudes_of,
    pack_group,
    sampled_distances,
)

SECONDS, LUFS = 10, -20.0
"""Length of a stretch, and its loudness in the usual chains."""

CLOSE, AUDIBLE = 0.8, 0.25
"""L_d that settings must make at least, in the usual and in the wide chains."""


@dataclass(eq=False)
class ChainMaker:
    """Groups of chains of built-in effects on stereo music.

    Attributes
    ----------
    clips : dict of bool to list of ndarray
        Stretches of songs of 21 s or more, 44.1 kHz, int16, shape (2, samples); True holds those
        for validation.
    open : callable
        Opens an effect by URI.
    vocabulary : Vocabulary
        What chains are made of.
    effects : dict of str to Effect
        Those that are open.
    propose : callable, optional
        Gives candidates for what made a reference; see `Propose`.
    """

    clips: Mapping[bool, Sequence[NDArray[np.int16]]]
    open: Callable[[str], Effect]
    vocabulary: Vocabulary = CHAIN
    effects: dict[str, Effect] = field(default_factory=dict)
    propose: Propose | None = None

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
            None where nothing could be heard.
        """
        made = self.sounds(seed, valid)
        return None if made is None else pack_group(*made, valid=valid)

    def sounds(
        self, seed: Sequence[int], valid: bool, usual: bool | None = None
    ) -> tuple[list[Audio], list[list[Audio]], list[Floats], int, bool] | None:
        """Stretches, renders of each setting on each, settings, rate, and whether usual.

        Parameters
        ----------
        seed : sequence of int
            The same gives the same.
        valid : bool
            On songs for validation.
        usual : bool, optional
            Whether to draw from `USUAL`; drawn otherwise.

        Returns
        -------
        tuple or None
        """
        rng = np.random.default_rng(list(seed))
        drawn = bool(rng.random() < 0.6)
        usual = drawn if usual is None else usual
        windows = self._windows(rng, valid, usual)
        if windows is None:
            return None
        least = CLOSE if usual else AUDIBLE

        def once(_: int) -> tuple[Floats, Audio]:
            settings = self.draw(rng, usual)
            render = self._render(windows[0], settings)
            if render is None:
                raise Refused("silent or far too loud")
            apart = sampled_distances([magnitudes_of(render), magnitudes_of(windows[0])])[0, 1]
            if not apart >= least:
                raise Refused("inaudible")
            return settings, render

        accepted = draw_until(once, 8).value
        if accepted is None:
            return None
        base, wet = accepted
        vectors = [base, self._near(rng, base, 0.06), self._changed(rng, base, usual)]
        vectors.append(
            self._others(rng, base, usual) if rng.random() < 0.6 else self.draw(rng, usual)
        )
        if self.propose is not None and rng.random() < 0.7:
            far = self._render(windows[1], base)
            if far is not None:
                vectors[2:] = [self._tidy(v) for v in self.propose(windows[0], far, RATE, base, 2)]
        renders: list[list[Audio]] = []
        for number, vector in enumerate(vectors):
            one = wet if number == 0 else self._render(windows[0], vector)
            two = self._render(windows[1], vector)
            if one is None or two is None:
                return None
            renders.append([one, two])
        if not usual:
            # Only level hears a gain, and no knob here sets it.
            gain = np.float32(10 ** (rng.uniform(-8, 8) / 20))
            renders = [[x * gain for x in pair] for pair in renders]
        return windows, renders, vectors, RATE, usual

    def draw(self, rng: np.random.Generator, usual: bool) -> Floats:
        """Settings of a chain of one to four effects (five where it is not a usual one).

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance.
        usual : bool
            Whether from `USUAL`.

        Returns
        -------
        ndarray, float64, shape (size,)
        """
        slots = self.vocabulary.slots
        ranges = USUAL if usual else WIDE
        kinds = [n for n, s in enumerate(slots) if s.name in ranges]
        if usual:
            kinds.remove(next(n for n in kinds[::-1] if slots[n].name == "peak"))
            count = int(rng.integers(1, 5))
        else:
            count = int(rng.choice([1, 2, 3, 4, 5], p=[0.25, 0.25, 0.25, 0.15, 0.1]))
        chosen = set(rng.choice(kinds, size=count, replace=False).tolist())
        return self._fill(rng, chosen, ranges, usual)

    def render(self, audio: Audio, vector: Floats) -> Audio | None:
        """Render a stretch through a chain; see `draw`.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        vector : ndarray, shape (size,)
            Settings.

        Returns
        -------
        ndarray or None
            None where it is silent, clipped far or not finite.
        """
        return self._render(audio, vector)

    def _fill(
        self, rng: np.random.Generator, chosen: set[int], ranges: Mapping[str, Any], usual: bool
    ) -> Floats:
        names = [s.name for s in self.vocabulary.slots]
        peaks = [n for n, name in enumerate(names) if name == "peak"]
        if peaks[1] in chosen and peaks[0] not in chosen:
            chosen = (chosen - {peaks[1]}) | {peaks[0]}
        vector = np.full(self.vocabulary.size, 0.5)
        vector[: len(names)] = 0.0
        for entry in sorted(chosen):
            vector[entry] = 1.0
            vector[self.vocabulary.places[entry]] = self._positions(rng, entry, ranges)
        if set(peaks) <= chosen:
            one, two = (self.vocabulary.places[p] for p in peaks)
            if vector[one][0] > vector[two][0]:
                vector[one], vector[two] = vector[two].copy(), vector[one].copy()
        vector[-2:] = 0.0 if usual else rng.integers(0, 2, 2)
        return vector

    def _positions(self, rng: np.random.Generator, entry: int, ranges: Mapping[str, Any]) -> Floats:
        slot = self.vocabulary.slots[entry]
        knobs = {p.id: p for p in self._effect(slot.uri).spec.parameters}
        result = []
        for id in slot.knobs:
            low, high = (knobs[id].to_normalised(v) for v in ranges[slot.name][id])
            result.append(rng.uniform(low, high))
        return np.array(result)

    def _near(self, rng: np.random.Generator, base: Floats, sigma: float) -> Floats:
        vector = base.copy()
        scale = sigma * rng.uniform(0.2, 2.0)
        for entry, slice_ in enumerate(self.vocabulary.places):
            if vector[entry] and (
                rng.random() < 0.6 or base[: len(self.vocabulary.slots)].sum() < 2
            ):
                moved = vector[slice_] + scale * rng.standard_normal(slice_.stop - slice_.start)
                vector[slice_] = np.clip(moved, 0.0, 1.0)
        return vector

    def _changed(self, rng: np.random.Generator, base: Floats, usual: bool) -> Floats:
        """One effect taken out, put in or set anew, the others moved."""
        ranges = USUAL if usual else WIDE
        vector = self._near(rng, base, 0.12)
        count = len(self.vocabulary.slots)
        there = np.flatnonzero(vector[:count])
        kind = rng.random()
        if kind < 0.35 and there.size > 1:
            vector[int(rng.choice(there))] = 0.0
        elif kind < 0.65:
            entry = int(rng.choice(there))
            vector[self.vocabulary.places[entry]] = self._positions(rng, entry, ranges)
        else:
            other = self.draw(rng, usual)
            new = [p for p in np.flatnonzero(other[:count]) if not vector[p]]
            if new:
                entry = int(rng.choice(new))
                vector[entry] = 1.0
                vector[self.vocabulary.places[entry]] = other[self.vocabulary.places[entry]]
        return self._tidy(vector)

    def _tidy(self, vector: Floats) -> Floats:
        """Absent knobs at one half, two peaks in rising order, a lone one first."""
        result = vector.copy()
        peaks = [n for n, s in enumerate(self.vocabulary.slots) if s.name == "peak"]
        one, two = (self.vocabulary.places[p] for p in peaks)
        if result[peaks[1]] and not result[peaks[0]]:
            result[peaks[0]], result[peaks[1]] = 1.0, 0.0
            result[one] = result[two]
        for entry, slice_ in enumerate(self.vocabulary.places):
            if not result[entry]:
                result[slice_] = 0.5
        if result[peaks[0]] and result[peaks[1]] and result[one][0] > result[two][0]:
            result[one], result[two] = result[two].copy(), result[one].copy()
        return result

    def _others(self, rng: np.random.Generator, base: Floats, usual: bool) -> Floats:
        """The same effects, set anew."""
        there = set(np.flatnonzero(base[: len(self.vocabulary.slots)]).tolist())
        vector = self._fill(rng, there, USUAL if usual else WIDE, usual)
        vector[-2:] = base[-2:]
        return vector

    def chain(self, vector: Floats) -> list[int]:
        """Slots of the vocabulary in the order in which a vector has them.

        Parameters
        ----------
        vector : ndarray, shape (size,)
            Settings.

        Returns
        -------
        list of int
        """
        names = [s.name for s in self.vocabulary.slots]
        there = [n for n in range(len(names)) if vector[n] >= 0.5]
        drive_first, tone_last = vector[-2] >= 0.5, vector[-1] >= 0.5

        def rank(entry: int) -> float:
            name = names[entry]
            if name == "highpass":
                return 0.0
            if name in ("lowpass", "lowshelf", "peak", "highshelf"):
                return (4.0 if tone_last else 1.0) + entry / 100
            if name in ("distortion", "compressor"):
                return 3.0 if (name == "distortion") != drive_first else 2.0
            return 5.0 + entry / 100

        return sorted(there, key=rank)

    def _render(self, audio: Audio, vector: Floats) -> Audio | None:
        for entry in self.chain(vector):
            effect = self._effect(self.vocabulary.slots[entry].uri)
            settings = self.vocabulary.settings(vector, effect.spec, [entry])
            audio = effect.process(audio, RATE, settings)
        peak = float(np.abs(audio).max())
        return audio if np.isfinite(peak) and 1e-4 < peak < 8.0 else None

    def _effect(self, uri: str) -> Effect:
        if uri not in self.effects:
            self.effects[uri] = self.open(uri)
        return self.effects[uri]

    def _windows(self, rng: np.random.Generator, valid: bool, usual: bool) -> list[Audio] | None:
        samples = RATE * SECONDS
        clips = self.clips[valid]
        level = LUFS if usual else float(rng.uniform(-26, -15))
        whole = self._stretch(rng, clips, 2 * samples, 1.0 if valid else None)
        halves = [whole[:, :samples], whole[:, samples:]]
        if not usual and rng.random() < 0.35:
            halves[1] = self._stretch(rng, clips, samples, 1.0 if valid else None)
        if not valid and rng.random() < 0.06:
            halves = [np.repeat(h.mean(axis=0, keepdims=True), 2, axis=0) for h in halves]
        result: list[Audio] = []
        for half in halves:
            scaled = to_loudness(half, RATE, level, highest=1.0 if usual else np.inf)
            if scaled is None:
                return None
            result.append(np.ascontiguousarray(scaled))
        return result

    @staticmethod
    def _stretch(
        rng: np.random.Generator,
        clips: Sequence[NDArray[np.int16]],
        samples: int,
        speed: float | None,
    ) -> Audio:
        """A piece of a clip, on training songs played faster or slower half of the time."""
        clip = clips[int(rng.integers(len(clips)))]
        if speed is None:
            most = min(1.18, (clip.shape[1] - 2) / samples)
            speed = float(rng.uniform(0.86, most)) if rng.random() < 0.5 else 1.0
        length = int(samples * speed) + 1
        start = int(rng.integers(0, max(1, clip.shape[1] - length)))
        piece = clip[:, start : start + length].astype(np.float32) / 32_768.0
        if speed != 1.0:
            positions = np.arange(samples) * speed
            source = np.arange(piece.shape[1])
            piece = np.stack([np.interp(positions, source, row) for row in piece]).astype(
                np.float32
            )
        piece = piece[:, :samples]
        if piece.shape[1] < samples:
            piece = np.pad(piece, ((0, 0), (0, samples - piece.shape[1])), mode="wrap")
        return piece[::-1] if rng.random() < 0.5 else piece
