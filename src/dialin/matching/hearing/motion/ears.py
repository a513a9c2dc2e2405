"""What references and the input sound like to what looks for motion in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dialin.audio import Audio
from dialin.measures.cepstrum import band_end
from dialin.measures.motion_ear import RATES_HZ, MotionEar
from dialin.measures.short_cepstra import HIGHEST_HZ, LONG, SHORT, Floats, frame_cepstra
from dialin.measures.smoothing import maximum_filter1d

BANDS = ((SHORT, HIGHEST_HZ), (LONG, 3_000.0), (LONG, 1_000.0))
"""Seconds of a frame, and end in hertz of its band: combs of long lags sweep too fast higher up,
and of those whose lags are a little off the lowest teeth still agree."""

FINE, COARSE = 1, 2
"""Of these the one that tells a shape of long lags best, and the one that leads to it."""

FIRST = (0, COARSE)
"""Those that are looked at where nothing is known."""

STRETCH_SECONDS, STRETCHES = 12.0, 5
"""Seconds of stretches of a recording, and how many of them at most."""

LINES = 8
"""Rates taken from lines of the modulation spectrum."""

APART = 0.08
"""Logarithm by which rates differ that are followed side by side."""

SHORTEST = 2.0
"""Seconds of a recording below which nothing is said of motion."""


@dataclass(frozen=True, eq=False)
class MotionEars:
    """What references and the input sound like, for frames and bands of `BANDS`.

    Attributes
    ----------
    whole, own : tuple of MotionEar
        Of the references and of the input.
    halves : tuple of (MotionEar, MotionEar)
    highest : float
        End in hertz of the band.
    """

    whole: tuple[MotionEar, ...]
    own: tuple[MotionEar, ...]
    halves: tuple[tuple[MotionEar, MotionEar], ...]
    highest: float


def make_motion_ears(
    own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]
) -> MotionEars | None:
    """Listen to an input and its references.

    Parameters
    ----------
    own : (audio, sample_rate)
        The input.
    references : sequence of (audio, sample_rate, weight)
        All count alike here.

    Returns
    -------
    MotionEars or None
        None where they are too short to tell.
    """
    sounds = [own, *((a, r) for a, r, _ in references)]
    if min(a.shape[1] / r for a, r in sounds) < SHORTEST:
        return None
    highest = min([HIGHEST_HZ, *(band_end(a, r) for a, r in sounds)])
    channels = min(a.shape[0] for a, _ in sounds)
    cut = [s for a, r, _ in references for s in _stretches(_few(a, channels), r)]
    length = min(a.shape[1] / r for a, r in cut)
    cut = [(a[:, : round(length * r)], r) for a, r in cut]
    dry = _stretches(_few(own[0], channels), own[1])

    def heard(band: tuple[float, float]) -> tuple[MotionEar, MotionEar, MotionEar, MotionEar]:
        frame, end = band
        rows = _even([frame_cepstra(a, r, frame, end) for a, r in dry])
        parts = [frame_cepstra(a, r, frame, end) for a, r in cut]
        middle = min(p.shape[1] for p in parts) // 2
        both = [p[:, :middle] for p in parts], [p[:, -middle:] for p in parts]
        return (
            MotionEar(_even(parts), frame, rows),
            MotionEar(rows, frame),
            MotionEar(both[0], frame, rows),
            MotionEar(both[1], frame, rows),
        )

    # Long transforms leave the interpreter to others.
    with ThreadPoolExecutor(min(len(BANDS), os.cpu_count() or 1)) as threads:
        bands = list(threads.map(heard, bands_of(highest)))
    whole, own_ears, firsts, seconds = zip(*bands, strict=True)
    return MotionEars(whole, own_ears, tuple(zip(firsts, seconds, strict=True)), highest)


def bands_of(highest: float) -> list[tuple[float, float]]:
    """Frames and bands in which motion is looked for.

    Parameters
    ----------
    highest : float
        End in hertz of what there is.

    Returns
    -------
    list of (float, float)
        Seconds of a frame, and end in hertz of its band.
    """
    return [(frame, min(highest, end)) for frame, end in BANDS]


def _few(audio: Audio, channels: int) -> Audio:
    return audio[:2] if min(channels, audio.shape[0]) > 1 else audio.mean(axis=0, keepdims=True)


def _even(rows: Sequence[Floats]) -> list[Floats]:
    frames = min(r.shape[1] for r in rows)
    return [r[:, :frames] for r in rows]


def _stretches(audio: Audio, sample_rate: int) -> list[tuple[Audio, int]]:
    """Stretches of equal length, evenly over the recording."""
    size = round(STRETCH_SECONDS * sample_rate)
    count = int(np.clip(audio.shape[1] // size, 1, STRETCHES))
    if audio.shape[1] <= size:
        return [(audio, sample_rate)]
    starts = np.linspace(0, audio.shape[1] - size, count).astype(int)
    return [(audio[:, s : s + size], sample_rate) for s in starts]


def line_rates(ears: MotionEars) -> list[float]:
    """Rates at which the references move more than beside them, and the input does not.

    A line of the modulation spectrum may be the rate or its double.

    Parameters
    ----------
    ears : MotionEars
        Of the references and the input.

    Returns
    -------
    list of float
        In hertz.
    """
    lines: list[tuple[float, float]] = []
    for ear, own in zip(ears.whole, ears.own, strict=True):
        hertz, ratio = ear.excess()
        theirs, mine = own.excess()
        near = maximum_filter1d(mine, 9)
        ratio = ratio - np.interp(hertz, theirs, near)
        ratio[(hertz < ear.rates[0]) | (hertz > RATES_HZ[1])] = -np.inf
        tops = np.argsort(-ratio)[: 8 * LINES]
        lines += [(float(ratio[n]), float(hertz[n])) for n in tops]
    rates: list[float] = []
    for _, line in sorted(lines, reverse=True):
        for rate in (line, line / 2):
            reached = rate >= ears.whole[0].rates[0]
            if reached and all(abs(np.log(rate / other)) > APART for other in rates):
                rates.append(rate)
        if len(rates) >= LINES:
            break
    return rates
