"""What an effect sounds like at many settings: what maps are made from, and measured with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import RenderError, UsageError
from dialin.measures.mfcc import mel_levels
from dialin.rendering import Job, RenderPool
from dialin.timbre import timbre

MELS = 40
PEAK_DBFS = -12.0
TIMBRE = ("brightness", "depth")


@dataclass(frozen=True, eq=False)
class Sounds:
    """Renders of a few recordings at many settings, described.

    Attributes
    ----------
    settings : ndarray, shape (items, knobs)
    features : ndarray, shape (items, dimensions)
        Mean over recordings of how the render differs from the recording, in decibels.
    timbre : ndarray, shape (items, 2)
        Brightness and depth of the renders less those of the recordings, mean over recordings.
    """

    settings: NDArray[np.float64]
    features: NDArray[np.float64]
    timbre: NDArray[np.float64]

    @property
    def change(self) -> NDArray[np.float64]:
        """How far from untouched each setting is, ``(items,)``."""
        return np.asarray(np.sqrt(np.mean(np.square(self.features), axis=1)))


def describe(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """Mean and deviation over time of mel levels, and timbre; the level does not count.

    A module-level function, run by rendering workers.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (2 * mels + 2,)
        Mean and deviation of each band in dB, brightness and depth.
    """
    level = to_peak(audio, PEAK_DBFS)
    rows = mel_levels(level, sample_rate, mels=MELS).astype(np.float64)
    mean = rows.mean(axis=0)
    values = timbre(audio, sample_rate, TIMBRE)
    return np.concatenate([mean - mean.mean(), rows.std(axis=0), [values[n] for n in TIMBRE]])


def draw(spec: EffectSpec, count: int, seed: int) -> NDArray[np.float64]:
    """Settings that fill the live knobs' travel evenly (Latin hypercube), the default first.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    count : int
        How many, two at least.
    seed : int
        Of all chance.

    Returns
    -------
    ndarray, float64, shape (count, knobs)
        Positions of the knobs, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    values = np.tile(spec.default, (count, 1))
    for index, parameter in enumerate(spec.parameters):
        if parameter.status == "live":
            strata = (rng.permutation(count - 1) + rng.random(count - 1)) / (count - 1)
            values[1:, index] = strata
    return np.stack([spec.check(row) for row in values])


def hear(
    pool: RenderPool,
    uri: str,
    recordings: Sequence[Audio],
    sample_rate: int,
    settings: NDArray[np.float64],
    *,
    keep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Sounds:
    """Render recordings at settings and describe what comes out.

    Settings at which a render fails or is silent are left out, or kept as NaN where `keep` is set.
    `progress` is called with the number of renders done and wanted.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    uri : str
        Of the effect or chain.
    recordings : sequence of ndarray
        Audio of shape (channels, samples) each; one at least.
    sample_rate : int
        In hertz.
    settings : ndarray, float64, shape (items, knobs)
        Positions of the knobs, 0 to 1.
    keep : bool, default False
        Whether failed settings keep their place, with NaN.
    progress : callable, optional
        Called with the number of renders done and wanted.

    Returns
    -------
    Sounds

    Raises
    ------
    UsageError
        If there is no recording.
    RenderError
        If more than half of all settings fail.
    """
    if not recordings:
        raise UsageError("a map needs at least one recording to be heard on")
    total = np.zeros((len(settings), 2 * MELS + len(TIMBRE)))
    done = 0
    for recording in recordings:
        shared = pool.share(recording, sample_rate)
        try:
            dry = pool.call(describe, recording, sample_rate, label="the sound of a recording")
            jobs = [Job(uri, shared, row, measure=describe) for row in settings]
            for index, result in pool.render_iter(jobs):
                total[index] += np.nan if result.failure is not None else result.value - dry
                done += 1
                if progress is not None:
                    progress(done, len(jobs) * len(recordings))
        finally:
            pool.release(shared)
    sounds = total / len(recordings)
    good = np.isfinite(sounds).all(axis=1)
    if good.sum() < max(3, len(settings) / 2):
        raise RenderError(
            f"{uri} gave a usable sound at {int(good.sum())} of {len(settings)} settings only; "
            "probe it (dialin effects probe), or use other recordings"
        )
    sounds[~good] = np.nan
    kept = sounds if keep else sounds[good]
    there = np.asarray(settings) if keep else np.asarray(settings)[good]
    return Sounds(there, kept[:, : 2 * MELS], kept[:, 2 * MELS :])


def neutral(sounds: Sounds) -> Settings:
    """The settings of those heard that change least.

    Parameters
    ----------
    sounds : Sounds
        From `hear`.

    Returns
    -------
    ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.
    """
    return np.asarray(sounds.settings[int(np.argmin(sounds.change))])
