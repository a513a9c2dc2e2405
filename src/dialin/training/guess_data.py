"""Examples that guessing networks learn from: chains and effects on music, with their settings.

A *group* is made of two stretches of one song, A and B, and some settings that are rendered on
both: first any, then ones near to them, then others. Each render is an example of a reference (the
input is the other stretch), and each two renders of one stretch are an example of how far apart
two settings sound, which teaches a network to judge candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from dialin.audio import Audio, resample
from dialin.data.augment import fade, to_loudness, to_peak
from dialin.data.checks import check_render
from dialin.data.drawing import Refused, draw_until
from dialin.data.recipe import CheckOptions
from dialin.effects.effect import Effect
from dialin.matching.guessing.gap_features import RecordingFeatures, echo_peaks, hear
from dialin.matching.guessing.guess_vocabulary import CHAIN, Slot, Vocabulary
from dialin.measures.mfcc import mfcc

Floats = NDArray[np.float64]
Half = NDArray[np.float16]

RATE, SECONDS, LUFS = 44_100, 10, -20.0
ONE_RATE, ONE_SAMPLES = 24_000, 262_144
VARIANTS = 4
"""Settings rendered for each pair of stretches."""

USUAL: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "highpass": {"frequency": (30, 1_200)},
    "lowpass": {"frequency": (2_000, 18_000)},
    "peak": {"frequency": (80, 12_000), "gain": (-12, 12), "q": (0.3, 6)},
    "compressor": {
        "threshold": (-40, -6),
        "ratio": (1.5, 12),
        "attack": (0.1, 100),
        "release": (20, 500),
    },
    "distortion": {"drive": (0, 30), "mix": (100, 100)},
    "chorus": {
        "rate": (0.1, 8),
        "depth": (5, 80),
        "centre_delay": (3, 30),
        "feedback": (-70, 70),
        "mix": (10, 80),
    },
    "delay": {"time": (30, 1_500), "feedback": (0, 70), "mix": (10, 70)},
    "reverb": {
        "room_size": (20, 90),
        "damping": (10, 90),
        "width": (0, 100),
        "wet": (10, 60),
        "dry": (100, 100),
    },
}
"""Ranges in native units of half of the chains: those of the published CounterFX set."""

WIDE: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "highpass": {"frequency": (25, 2_000)},
    "lowpass": {"frequency": (800, 18_000)},
    "lowshelf": {"frequency": (50, 800), "gain": (-15, 15), "q": (0.4, 2)},
    "peak": {"frequency": (60, 14_000), "gain": (-15, 15), "q": (0.3, 8)},
    "highshelf": {"frequency": (1_000, 12_000), "gain": (-15, 15), "q": (0.4, 2)},
    "distortion": {"drive": (0, 40), "mix": (10, 100)},
    "compressor": {
        "threshold": (-50, -3),
        "ratio": (1.3, 20),
        "attack": (0.1, 150),
        "release": (10, 1_000),
    },
    "chorus": {
        "rate": (0.08, 10),
        "depth": (2, 95),
        "centre_delay": (2, 40),
        "feedback": (-80, 80),
        "mix": (5, 90),
    },
    "phaser": {
        "rate": (0.08, 10),
        "depth": (5, 95),
        "centre_frequency": (150, 6_000),
        "feedback": (-80, 80),
        "mix": (10, 90),
    },
    "delay": {"time": (10, 1_800), "feedback": (0, 85), "mix": (5, 80)},
    "reverb": {
        "room_size": (5, 98),
        "damping": (2, 98),
        "width": (0, 100),
        "wet": (4, 80),
        "dry": (40, 100),
    },
}
"""Ranges of the other half."""

CLOSE, AUDIBLE = 0.8, 0.25
"""L_d that settings must make at least, in the usual and in the wide chains."""

FRAMES = 40
"""Frames of each resolution and channel that `magnitudes_of` keeps."""

LD = ((1024, 600), (2048, 1200), (512, 240))
"""FFT sizes and windows of L_d."""

EPSILON = 1e-8


Propose = Callable[[Audio, Audio, int, Floats, int], list[Floats]]
"""``propose(input, reference, rate, vector, count)`` gives candidates for what made a reference."""


@dataclass(frozen=True, eq=False)
class Group:
    """Renders of one pair of stretches, as a network sees them.

    Attributes
    ----------
    inputs : ndarray, float16, shape (2, features)
        Of A and B.
    renders : ndarray, float16, shape (VARIANTS, 2, features)
        Of each setting on A and on B.
    peaks : ndarray, float16, shape (VARIANTS + 1, 2, 2, values)
        `echo_peaks` of setting and stretch (second) against the input (third); the first row is of
        the untouched stretches.
    vectors : ndarray, float16, shape (VARIANTS, size)
        Settings, as the vocabulary has them.
    distances : ndarray, float16, shape (2, VARIANTS + 1, VARIANTS + 1)
        How far apart renders of one stretch are, estimated: prediction, truth; 0 is untouched.
    usual : bool
        Whether the chain is one of `USUAL`.
    valid : bool
        Whether the song is one for validation.
    """

    inputs: Half
    renders: Half
    peaks: Half
    vectors: Half
    distances: Half
    usual: bool
    valid: bool = False


def magnitudes_of(audio: Audio, seed: int = 0) -> list[NDArray[np.float32]]:
    """A sample of the spectra that L_d is made of.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    seed : int
        Of the frames' places: the same for what is to be compared.

    Returns
    -------
    list of ndarray, float32, shape (frames, bins)
        One for each resolution.
    """
    rng = np.random.default_rng(seed)
    result = []
    for size, length in LD:
        starts = rng.integers(0, max(1, audio.shape[1] - length), FRAMES)
        indices = starts[:, None] + np.arange(length)
        window = np.hanning(length + 1)[:-1].astype(np.float32)
        frames = np.concatenate([channel[indices] for channel in audio]) * window
        spectrum = sfft.rfft(frames, size, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        result.append(np.sqrt(np.maximum(power, EPSILON)))
    return result


def sampled_distances(spectra: Sequence[list[NDArray[np.float32]]]) -> NDArray[np.float32]:
    """L_d of each prediction (row) to each truth (column), from a sample of frames.

    Parameters
    ----------
    spectra : sequence of list of ndarray
        From `magnitudes_of`.

    Returns
    -------
    ndarray, float32, shape (n, n)
    """
    count = len(spectra)
    total = np.zeros((count, count), dtype=np.float32)
    for resolution in range(len(LD)):
        rows = [s[resolution] for s in spectra]
        logs = [np.log(r) for r in rows]
        norms = [float(np.linalg.norm(r)) for r in rows]
        for a in range(count):
            for b in range(a + 1, count):
                log = float(np.abs(logs[a] - logs[b]).mean())
                gap = float(np.linalg.norm(rows[a] - rows[b]))
                total[a, b] += log + gap / max(norms[b], EPSILON)
                total[b, a] += log + gap / max(norms[a], EPSILON)
    return np.asarray(total / len(LD), dtype=np.float32)


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
            ids = [p.id for p in effect.spec.parameters]
            settings = effect.spec.default
            slot = self.vocabulary.slots[entry]
            for id, value in zip(slot.knobs, vector[self.vocabulary.places[entry]], strict=True):
                settings[ids.index(id)] = value
            audio = effect.process(audio, RATE, effect.spec.check(settings))
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
        needed = int(ONE_SAMPLES * RATE / ONE_RATE) + 64
        speed = 1.0 if valid or rng.random() < 0.5 else float(rng.choice([0.8, 0.9, 1.1, 1.25]))
        length = int(needed * speed)
        start = int(rng.integers(0, max(1, clip.shape[1] - length)))
        mono = clip[:, start : start + length].astype(np.float32).mean(axis=0) / 32_768.0
        if not np.abs(mono).max() > 1e-3:
            return None
        audio = resample(mono[None], round(RATE * speed), ONE_RATE)[:, :ONE_SAMPLES]
        if audio.shape[1] < ONE_SAMPLES:
            audio = np.pad(audio, ((0, 0), (0, ONE_SAMPLES - audio.shape[1])), mode="wrap")
        audio = to_peak(fade(to_peak(audio, -12.0), 1_200), -12.0)
        any_entry = int(rng.integers(len(self.uris)))
        entry = any_entry if entry is None else entry
        before = mfcc(audio, ONE_RATE)
        half = ONE_SAMPLES // 2
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
        slot = self.vocabulary.slots[entry]
        effect = self.effects[slot.uri]
        ids = [p.id for p in effect.spec.parameters]
        settings = effect.spec.default
        for id, value in zip(slot.knobs, vector[self.vocabulary.places[entry]], strict=True):
            settings[ids.index(id)] = value
        wet = effect.process(audio, ONE_RATE, effect.spec.check(settings))
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


def pack_group(
    windows: list[Audio],
    renders: list[list[Audio]],
    vectors: list[Floats],
    rate: int,
    usual: bool,
    *,
    valid: bool = False,
) -> Group:
    """What a network sees of sounds; see `Group`.

    Parameters
    ----------
    windows : list of ndarray
        Two stretches.
    renders : list of list of ndarray
        Of each setting, on both.
    vectors : list of ndarray
        Settings.
    rate : int
        In hertz.
    usual, valid : bool
        As in `Group`.

    Returns
    -------
    Group
    """
    inputs = [hear(x, rate) for x in windows]
    heard = [[hear(x, rate) for x in pair] for pair in renders]
    peaks = [_peaks(inputs, inputs), *(_peaks(inputs, pair) for pair in heard)]
    apart = []
    for side in range(2):
        sounds = [windows[side], *(pair[side] for pair in renders)]
        if rate == ONE_RATE:
            sounds = [to_peak(x, -12.0) for x in sounds]
        apart.append(sampled_distances([magnitudes_of(x) for x in sounds]))
    return Group(
        _half([h.features for h in inputs]),
        _half([[h.features for h in pair] for pair in heard]),
        _half(peaks),
        _half(vectors),
        _half(apart),
        usual,
        valid,
    )


def _peaks(
    inputs: Sequence[RecordingFeatures], sounds: Sequence[RecordingFeatures]
) -> list[list[Any]]:
    return [[echo_peaks(x, sound) for x in inputs] for sound in sounds]


def _half(values: Any) -> Half:
    return np.clip(np.asarray(values, dtype=np.float32), -6e4, 6e4).astype(np.float16)
