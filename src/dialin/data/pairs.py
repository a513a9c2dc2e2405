"""Making one training pair: excerpt, augmentation, renders, checks, halves.

A pair is a pure function of the plan (recipe, songs, spec) and its index. How many processes or
machines there are, in which order they work, and what was lost on the way change nothing.

Excerpts and settings are drawn from generators of their own, so that recipes of different effects
with one seed are cut from the same spots.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio.excerpts import halves_audible
from dialin.data.augment import (
    draw_augmentation,
    finish,
    source_samples,
    stretch,
    to_peak,
)
from dialin.data.checks import checked_render
from dialin.data.drawing import Refused, draw_until
from dialin.data.priors import draw_settings
from dialin.data.reading import ReadingCache, read_track
from dialin.data.recipe import Recipe, digest
from dialin.data.songs import Corpus, SongTrack
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import AudioFileError
from dialin.measures.mfcc import mfcc

DIGITS = 6


@dataclass(frozen=True)
class PairPlan:
    """Everything that decides pairs, small enough to send to any machine.

    Attributes
    ----------
    recipe : Recipe
        What was asked for.
    corpus : Corpus
        Songs of the recipe's split.
    spec : EffectSpec
        Of the effect, dead knobs marked.
    presets : tuple of ndarray
        Settings to draw near to.
    cache : str
        Folder of decoded songs; empty for none.
    """

    recipe: Recipe
    corpus: Corpus
    spec: EffectSpec
    presets: tuple[Settings, ...] = ()
    cache: str = ""

    @property
    def identity(self) -> str:
        """Hash of recipe, songs, spec and presets (16 hex digits)."""
        presets = [p.tolist() for p in self.presets]
        return digest([self.recipe.identity, self.corpus.hash, self.spec.hash, presets])


@dataclass
class Pair:
    """A training pair, or the account of why there is none.

    Attributes
    ----------
    record : dict
        Plain data: where it was cut, settings, halves, what was rejected on the way.
    audio : dict of str to ndarray
        ``clean``, ``input``, ``target`` and, for ``reference = "song"``, ``reference``; each
        float32 ``(channels, samples)`` at the recipe's peak level. Empty for a lost pair.
    seconds : dict
        Time spent in ``decode``, ``augment``, ``render``, ``checks``.
    """

    record: dict[str, Any]
    audio: dict[str, Audio] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def halves(self) -> tuple[Audio, Audio, Audio]:
        """Input, reference and ground truth, as a controller is trained with.

        Input and ground truth are the same half; the reference is the other half of the target,
        or the same half of the other song.
        """
        middle = self.audio["target"].shape[1] // 2
        first, second = slice(0, middle), slice(middle, 2 * middle)
        near, far = (first, second) if self.record["half"] == "A" else (second, first)
        reference = self.audio.get("reference")
        return (
            self.audio["input"][:, near],
            self.audio["target"][:, far] if reference is None else reference[:, near],
            self.audio["target"][:, near],
        )


class _Maker:
    """The state of making one pair."""

    def __init__(self, effect: Effect, plan: PairPlan, index: int) -> None:
        self.effect, self.plan, self.recipe = effect, plan, plan.recipe
        seed = plan.recipe.seed
        self.excerpt_rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, 0)))
        self.knobs = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, 1)))
        self.rejected: list[list[Any]] = []
        self.dropped: Counter[str] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.read = read_track if not plan.cache else _cache(plan.cache).read

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start

    def excerpt(self, besides: str | None = None) -> tuple[Audio, dict[str, Any]]:
        """Cut an active excerpt and augment it."""
        drawn = draw_until(lambda _: self._place(besides), self.recipe.excerpt.places)
        self.dropped.update(drawn.refused)
        if drawn.value is None:
            raise Refused("no active excerpt")
        return drawn.value

    def _place(self, besides: str | None) -> tuple[Audio, dict[str, Any]]:
        """Cut at any place, and refuse what is silent there."""
        options = self.recipe.excerpt
        rate, samples = options.sample_rate, options.samples
        track = self.plan.corpus.draw(self.excerpt_rng, besides)
        change = draw_augmentation(self.excerpt_rng, self.recipe.augment)
        wanted = source_samples(change, samples, rate)
        speed = change.get("speed", 1.0)
        room = track.seconds - wanted / rate * speed
        start = round(float(self.excerpt_rng.random()) * room, DIGITS)
        noise = np.random.default_rng(self.excerpt_rng.integers(2**63))
        if room < 0:
            raise Refused("too short")
        audio = self._decode(track, start, wanted, speed)
        with self.timed("checks"):
            active = halves_audible(audio, rate, samples=samples, least=options.silence)
        if not active:
            raise Refused("silent")
        with self.timed("augment"):
            audio = stretch(audio, rate, samples, change)
            audio = finish(audio, options, change, noise)
        where = {"track": track.id, "song": track.song, "start": start}
        return audio, {**where, "augmentation": change} if change else where

    def _decode(self, track: SongTrack, start: float, samples: int, speed: float) -> Audio:
        options = self.recipe.excerpt
        with self.timed("decode"):
            try:
                return self.read(
                    track,
                    start,
                    samples,
                    options.sample_rate,
                    channels=options.channels,
                    speed=speed,
                )
            except AudioFileError as error:
                raise Refused("unreadable") from error

    def render(
        self, audio: Audio, before: NDArray[np.float32], settings: Settings
    ) -> tuple[Audio, float]:
        """Render and check; what is refused is noted."""
        excerpt, checks = self.recipe.excerpt, self.recipe.checks
        try:
            wet, similarity = checked_render(
                self.effect, audio, excerpt.sample_rate, settings, before, checks, self.timed
            )
        except Refused as refusal:
            self.rejected.append([refusal.cause, [round(float(v), 3) for v in settings]])
            raise
        return to_peak(wet, excerpt.peak_dbfs), similarity

    def effected(
        self, audio: Audio, before: NDArray[np.float32], other: tuple[Audio, Any] | None = None
    ) -> tuple[Audio, Settings, float, Audio | None]:
        """Draw settings until a render (of both excerpts, where there are two) is accepted."""

        def once(_: int) -> tuple[Audio, Settings, float, Audio | None]:
            settings = draw_settings(
                self.knobs, self.plan.spec, self.recipe.settings, list(self.plan.presets)
            )
            wet, similarity = self.render(audio, before, settings)
            wet_other = None if other is None else self.render(*other, settings)[0]
            return wet, settings, similarity, wet_other

        drawn = draw_until(once, self.recipe.settings.redraws)
        if drawn.value is None:
            raise Refused("no accepted settings")
        return drawn.value

    def attempt(self) -> tuple[dict[str, Any], dict[str, Audio]]:
        """Try for one pair from one excerpt."""
        options = self.recipe.settings
        clean, where = self.excerpt()
        half = "AB"[int(self.knobs.integers(2))]
        input_effected = self.knobs.random() < options.input_probability
        target_effected = self.knobs.random() < options.target_probability
        with self.timed("checks"):
            before = mfcc(clean, self.recipe.excerpt.sample_rate)
        record = {**where, "half": half, "input_settings": None, "settings": None}
        plain = to_peak(clean, self.recipe.excerpt.peak_dbfs)
        audio = {"clean": clean, "input": plain, "target": plain}
        if self.recipe.reference == "song":
            other, elsewhere = self.excerpt(besides=where["song"])
            record["reference"] = elsewhere
            audio["reference"] = to_peak(other, self.recipe.excerpt.peak_dbfs)
        if input_effected:
            wet, settings, similarity, _ = self.effected(clean, before)
            audio["input"] = wet
            record["input_settings"] = _numbers(settings)
            record["input_similarity"] = round(similarity, 4)
        if target_effected:
            second = None
            if "reference" in audio:
                with self.timed("checks"):
                    second = (other, mfcc(other, self.recipe.excerpt.sample_rate))
            wet, settings, similarity, wet_other = self.effected(clean, before, second)
            audio["target"] = wet
            record["settings"] = _numbers(settings)
            record["similarity"] = round(similarity, 4)
            if wet_other is not None:
                audio["reference"] = wet_other
        return record, audio


def _numbers(settings: Settings) -> list[float]:
    return [round(float(v), DIGITS) for v in settings]


def make_pair(effect: Effect, plan: PairPlan, index: int) -> Pair:
    """Make pair number `index`.

    Excerpts for which no settings are accepted are dropped and counted; after
    ``settings.excerpts`` of them the pair is given up, and its record has ``"lost": true``.
    Nothing untouched is ever passed off as processed.

    Parameters
    ----------
    effect : Effect
        The recipe's, opened here.
    plan : PairPlan
        From `make_plan`.
    index : int
        From 0; the pair depends on nothing else.

    Returns
    -------
    Pair
    """
    maker = _Maker(effect, plan, index)
    head: dict[str, Any] = {"index": index}
    audio: dict[str, Audio] = {}
    drawn = draw_until(lambda _: maker.attempt(), plan.recipe.settings.excerpts)
    maker.dropped.update(drawn.refused)
    if drawn.value is None:
        head["lost"] = True
    else:
        record, audio = drawn.value
        head |= record
        if plan.recipe.timbre:
            with maker.timed("timbre"):
                head["timbre"] = {
                    name: _timbre(audio[name], plan.recipe.excerpt.sample_rate)
                    for name in ("input", "target")
                }
    if maker.rejected:
        head["rejected"] = maker.rejected
    if maker.dropped:
        head["dropped"] = dict(sorted(maker.dropped.items()))
    return Pair(head, audio, dict(maker.seconds))


def _timbre(audio: Audio, sample_rate: int) -> dict[str, float | None]:
    from dialin.timbre import timbre

    values = timbre(audio, sample_rate)
    return {k: round(float(v), 4) if np.isfinite(v) else None for k, v in values.items()}


# -- in worker processes ----------------------------------------------------------------------


@lru_cache(maxsize=4)
def _cache(folder: str) -> ReadingCache:
    return ReadingCache(folder)


@lru_cache(maxsize=4)
def read_plan(path: str) -> PairPlan:
    """Read what `write_plan` wrote; kept, since a worker needs it for each pair.

    Parameters
    ----------
    path : str
        Of the plan.

    Returns
    -------
    PairPlan
    """
    with Path(path).open("rb") as file:
        plan = pickle.load(file)
    assert isinstance(plan, PairPlan)
    return plan


def write_plan(plan: PairPlan, path: Path) -> None:
    """Put a plan where workers on this machine read it.

    Parameters
    ----------
    plan : PairPlan
        What to make.
    path : Path
        File to be written.
    """
    with path.open("wb") as file:
        pickle.dump(plan, file)


def pair_in_worker(effect: Effect, path: str, index: int) -> Pair:
    """`make_pair`, for `RenderPool.call`.

    Parameters
    ----------
    effect : Effect
        The recipe's, opened here.
    path : str
        Of the plan.
    index : int
        Of the pair, from 0.

    Returns
    -------
    Pair
    """
    return make_pair(effect, read_plan(path), index)
