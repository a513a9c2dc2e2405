"""One effect, one excerpt (or two): the protocol of the research project dialin starts from.

Excerpts of 262,144 samples (or more, where it is asked for longer ones) at 24 kHz, mono, 50 ms
fades, peak at -12 dBFS, cut into halves A and B. Settings are uniform in 0.01 to 0.99 and drawn
again, up to 100 times, while the result makes no sense (`dialin.data.checks`). Input x_A, reference
y_B, truth y_A, or the other way round with probability one half; reference, truth and every answer
are normalised to a peak of -12 dBFS.

One thing is done better than in the original, which cuts the truth from a render of the whole
excerpt: there the tail of one half rings into the other, and level is normalised over both, so
that the true settings score 0.07 to 0.30. Here the truth is a render of the half alone and the
true settings score 0. ``exact=True`` follows the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.data.augment import fade, to_peak
from dialin.data.checks import checked_render
from dialin.data.drawing import Drawn, Refused, draw_until
from dialin.data.mda import LEFT_ALONE, MDA, NINE
from dialin.data.priors import draw_settings
from dialin.data.recipe import CheckOptions, SettingsOptions
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import RenderError, UsageError
from dialin.evaluation.corpus import cut, generator
from dialin.evaluation.items import FORMER_NAMES, Item, MatchTask, Source, draw_options, drawn_as
from dialin.measures.mfcc import mfcc
from dialin.measures.music import coarse_difference
from dialin.measures.responses import UNITS

RATE, SAMPLES, FADE, PEAK_DBFS = 24_000, 262_144, 1_200, -12.0
DRAWS, EXCERPTS = 100, 20

METRICS = (
    *("mrstft", "style", "mel", "spectrum", "centroid", "crest", "lufs", "coarse", "modulation"),
    *UNITS,
)


def effect_of(group: str) -> str:
    """URI of a group: one of the nine by name, or any effect by its URI.

    Parameters
    ----------
    group : str
        Name of the group.

    Returns
    -------
    str
        Whatever is none of the nine comes back as it is.
    """
    return MDA + group if group in NINE else group


def draw_target(
    effect: Effect,
    excerpts: list[Audio],
    near: slice,
    far: slice,
    options: SettingsOptions,
    seed: list[int],
    exact: bool,
    audible_db: float = 0.0,
) -> Drawn[tuple[Settings, Audio, Audio]]:
    """Draw settings until renders make sense; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    excerpts : list of ndarray
        The input's, and the reference's where that is another.
    near, far : slice
        Half of the input and truth, half of the reference.
    options : SettingsOptions
        How settings are drawn.
    seed : list of int
        Of all chance.
    exact : bool
        Cut the truth from the render of the whole.
    audible_db : float
        Coarse level distance that the truth must have to the input at least.

    Returns
    -------
    Drawn of (settings, truth, reference)
        Peak-normalised.
    """
    rng = np.random.default_rng(seed)
    before: list[NDArray[np.float32]] = [mfcc(x, RATE) for x in excerpts]

    def once(_: int) -> tuple[Settings, Audio, Audio]:
        settings = draw_settings(rng, effect.spec, options)
        wets = [
            checked_render(effect, clean, RATE, settings, dry, CheckOptions())[0]
            for clean, dry in zip(excerpts, before, strict=True)
        ]
        if exact:
            truth = to_peak(wets[0], PEAK_DBFS)[:, near]
        else:
            truth = effect.process(np.ascontiguousarray(excerpts[0][:, near]), RATE, settings)
            truth = to_peak(truth, PEAK_DBFS)
        if audible_db:
            untouched = to_peak(np.ascontiguousarray(excerpts[0][:, near]), PEAK_DBFS)
            if coarse_difference(truth, untouched, RATE) < audible_db:
                raise Refused("inaudible")
        whole = to_peak(wets[-1], PEAK_DBFS)[:, far] if exact else wets[-1][:, far]
        reference = whole if exact else to_peak(whole, PEAK_DBFS)
        return settings, np.ascontiguousarray(truth), np.ascontiguousarray(reference)

    return draw_until(once, DRAWS)


@dataclass(frozen=True, eq=False)
class Halves:
    """Half of an excerpt, the same half and the other one behind an effect.

    Attributes
    ----------
    input, reference, truth : ndarray, float32, shape (1, samples)
        The last two at the working peak.
    settings : ndarray, float64, shape (knobs,)
        Of the effect.
    where : dict
        ``input``, and ``reference`` where that is another song: where each was cut.
    half : {"A", "B"}
        Which half the input is.
    refused : tuple of str
        Causes for which settings were refused.
    """

    input: Audio
    reference: Audio
    truth: Audio
    settings: Settings
    where: dict[str, Any]
    half: str
    refused: tuple[str, ...]


def draw_halves(
    source: Source,
    rng: np.random.Generator,
    uri: str,
    options: SettingsOptions,
    *,
    samples: int = SAMPLES,
    other_song: bool = False,
    exact: bool = False,
    audible_db: float = 0.0,
) -> Halves:
    """Cut an excerpt (or two), choose a half, and draw settings that make sense there.

    Parameters
    ----------
    source : Source
        Songs, workers and seed.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.
    uri : str
        Of the effect.
    options : SettingsOptions
        How settings are drawn.
    samples : int
        Length of an excerpt.
    other_song : bool, default False
        Make the reference of another song.
    exact, audible_db
        See `draw_target`.

    Returns
    -------
    Halves

    Raises
    ------
    Refused
        If no settings make sense there, or the effect cannot be rendered.
    """
    audio, origin = excerpt(source, rng, samples=samples)
    excerpts, where = [audio], {"input": origin}
    if other_song:
        other, where["reference"] = excerpt(source, rng, besides=origin["song"], samples=samples)
        excerpts.append(other)
    near, far = slice(0, samples // 2), slice(samples // 2, samples)
    if rng.random() < 0.5:
        near, far = far, near
    seed = [int(v) for v in rng.integers(2**31, size=4)]
    try:
        drawn: Drawn[tuple[Settings, Audio, Audio]] = source.pool.call(
            *(draw_target, excerpts, near, far, options, seed, exact, audible_db),
            effect=uri,
            deadline=10 * source.pool.deadline,
        )
    except RenderError as error:
        raise Refused(error.code) from error
    if drawn.value is None:
        raise Refused("no sense")
    settings, truth, reference = drawn.value
    half = "AB"[int(near.start > 0)]
    untouched = np.ascontiguousarray(audio[:, near])
    return Halves(untouched, reference, truth, settings, where, half, drawn.refused)


@dataclass(frozen=True)
class OneEffect:
    """Protocols (a) and (c).

    Attributes
    ----------
    name : {"half", "song", "audible"}
        Where the reference comes from: the other half, or (``song``) another song. ``seed`` is the
        former name of ``half``.
    groups : tuple of str
        Names of the nine, or URIs.
    exact : bool
        See the module.
    metrics : tuple of str
        The leading one first.
    audible_db : float
        Settings that change the coarse levels (`dialin.measures.music`) by less are drawn again;
        0 takes all that make sense.
    samples : int
        Length of an excerpt, of which the reference is one half.
    """

    name: str = "half"
    groups: tuple[str, ...] = NINE
    exact: bool = False
    metrics: tuple[str, ...] = METRICS
    audible_db: float = 0.0
    samples: int = SAMPLES

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", FORMER_NAMES.get(self.name, self.name))

    def effects(self, group: str) -> str:
        """URI of the group's effect.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        str
            What is to be opened before the items are made.
        """
        return effect_of(group)

    def identity(self) -> Mapping[str, Any]:
        """Options that decide an item."""
        options = {"name": self.name, "exact": self.exact, "rate": RATE, "samples": self.samples}
        return options | ({"audible_db": self.audible_db} if self.audible_db else {})

    def clean(self, source: Source, rng: np.random.Generator) -> Audio:
        """Half an excerpt, as inputs are.

        Parameters
        ----------
        source : Source
            Songs, workers and seed.
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Untouched music, as items are made from.
        """
        audio, _ = excerpt(source, rng, samples=self.samples)
        return np.ascontiguousarray(audio[:, : self.samples // 2])

    def make(self, source: Source, group: str, index: int) -> Item:
        """See `ItemProtocol.make`.

        Parameters
        ----------
        source : Source
            Songs, workers and seed.
        group : str
            Name of the group.
        index : int
            Of the item, from 0.

        Returns
        -------
        Item
            The same for the same songs, seed, group and index.

        Raises
        ------
        UsageError
            If hardly any setting of the effect makes sense on these songs.
        """
        uri = effect_of(group)
        spec = source.pool.describe(uri)
        fixed = fixed_knobs(spec, LEFT_ALONE.get(group, ()))
        options = draw_options(spec, {}, fixed)

        def once(attempt: int) -> tuple[Halves, int]:
            rng = generator(source.seed, f"{drawn_as(self.name)}/{group}", index, attempt)
            halves = draw_halves(
                *(source, rng, uri, options),
                samples=self.samples,
                other_song=self.name == "song",
                exact=self.exact,
                audible_db=self.audible_db,
            )
            return halves, int(rng.integers(2**31))

        drawn = draw_until(once, EXCERPTS)
        if drawn.value is None:
            raise UsageError(
                f"{group}: no settings that make sense were found on {EXCERPTS} excerpts "
                f"({', '.join(sorted(set(drawn.refused)))}); is the effect meant for these songs?"
            )
        halves, seed = drawn.value
        task = MatchTask(halves.input, halves.reference, RATE, spec, fixed=fixed, seed=seed)
        refused = [*drawn.refused, *halves.refused]
        record = {**halves.where, "half": halves.half, "refused": refused}
        return Item(
            *(self.name, group, index, task, halves.truth, halves.settings, (uri,), PEAK_DBFS),
            record,
        )


def fixed_knobs(spec: EffectSpec, ids: tuple[str, ...]) -> dict[int, float]:
    """Places of knobs that stay at their defaults.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    ids : tuple of str
        Of the knobs.

    Returns
    -------
    dict of int to float
        Default position of each, by index.
    """
    default = spec.default
    return {spec.index(id): float(default[spec.index(id)]) for id in ids}


def excerpt(
    source: Source,
    rng: np.random.Generator,
    besides: str | None = None,
    samples: int = SAMPLES,
) -> tuple[Audio, dict[str, Any]]:
    """Cut a whole excerpt, faded, at its peak level.

    Parameters
    ----------
    source : Source
        Songs, workers and seed.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.
    besides : str, optional
        A song that it must not be cut from.
    samples : int
        Length of the excerpt.

    Returns
    -------
    (ndarray, dict)
        Shape (channels, samples); track, song and start in seconds.
    """
    audio, where = cut(source.corpus, rng, samples, RATE, besides=besides)
    faded = fade(to_peak(audio, PEAK_DBFS), FADE)
    return to_peak(faded, PEAK_DBFS), where
