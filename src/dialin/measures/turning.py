"""What goes round by itself: turns of an oscillating filter, from its answers to impulses.

The answers' cepstra over time (`dialin.measures.short_cepstra.impulse_cepstra`) are fitted by a
period's harmonics; the rate is where these leave least.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.measures.modulation import rate_of
from dialin.measures.short_cepstra import Floats

HARMONICS, MORE_HARMONICS = 12, 20
"""Harmonics of a turn that are fitted, and where its rate is known: the teeth of a deep comb pass a
frequency many times in each turn."""

RIDGE = 1e-4

STEADY = 0.3
"""Share of a motion that must go round at one rate."""

APART = 1.5
"""Periods in all by which what is seen of two harmonics must differ."""

NEAR, NEARER = tuple(0.015 * n for n in range(-4, 5)), (-0.01, -0.005, 0.0, 0.005, 0.01)
"""How far beside a known rate others are looked at, and again beside the best."""

DOUBT = 0.1
"""Share by which a rate may be off, if it leaves half of what the known one does: deep combs have
more overtones than are fitted, and what is left of these fits one rate or another by chance."""


@dataclass(frozen=True, eq=False)
class Turning:
    """A filter that goes round.

    Attributes
    ----------
    rate : float
        In hertz.
    lines : ndarray, complex64, shape (views, harmonics, quefrencies)
        Cepstra over time ``t`` are the sum over k of the real part of
        ``lines[:, k] * exp(2j pi (k + 1) rate t)``, in dB.
    depth : float
        Root of the mean square over frequency and time, in dB.
    steady : float
        Share of the motion that these harmonics hold.
    """

    rate: float
    lines: NDArray[np.complex64]
    depth: float
    steady: float


def motion_depth(cepstra: Floats) -> float:
    """How much cepstra move.

    Parameters
    ----------
    cepstra : ndarray, shape (views, steps, quefrencies)
        Of the view that moves most.

    Returns
    -------
    float
        Root of the mean square over frequency and time, in dB.
    """
    if not cepstra.size:
        return 0.0
    return float(np.sqrt((cepstra.var(axis=1)).sum(axis=1).max() / cepstra.shape[2]))


def turning(cepstra: Floats, step: float, rate: float | None = None) -> Turning | None:
    """Fit turns of an oscillator to what moves.

    Parameters
    ----------
    cepstra : ndarray, shape (views, steps, quefrencies)
        Over time, from `impulse_cepstra`.
    step : float
        Seconds between them.
    rate : float, optional
        In hertz, near which it lies; taken as it is where rates beside it explain less, and found
        from repeats where it is not given or nothing is there.

    Returns
    -------
    Turning or None
        None where nothing goes round.
    """
    flat = cepstra.transpose(1, 0, 2).reshape(cepstra.shape[1], -1)
    flat = flat - flat.mean(axis=0)
    depth = motion_depth(cepstra)
    if depth < 1e-2 or flat.shape[0] < 16:
        return None
    strong = np.argsort(-(flat**2).sum(axis=0))[:48]
    if rate is not None:
        near = _expected_rate(flat[:, strong[:32]], step, rate)
        fit, left = _known_fit(flat, near, step, MORE_HARMONICS)
        if left < 1.0 - STEADY:
            return Turning(near, _lines(fit, cepstra.shape[0]), depth, 1.0 - left)
    # Few directions hold all the motion.
    values, axes = np.linalg.eigh(flat[:, strong].T @ flat[:, strong])
    paths = flat[:, strong] @ axes[:, np.argsort(-values)[:6]]
    total = float((paths**2).sum())
    times = np.arange(flat.shape[0]) * step
    rate = rate_of(paths, step)
    if not np.isfinite(rate):
        return None
    rate, left = _nearest_rate(paths, times, step, rate)
    lines = _lines(_fit(_turns(rate, times, step), flat), cepstra.shape[0])
    return Turning(rate, lines, depth, 1.0 - left / max(total, 1e-12))


def exact_rate(cepstra: Floats, step: float, rate: float) -> float:
    """Rate of what goes round, to some hundredths of a per cent.

    Parameters
    ----------
    cepstra : ndarray, shape (views, steps, quefrencies)
        Over time, from `impulse_cepstra`.
    step : float
        Seconds between them.
    rate : float
        In hertz, right to a tenth of a turn in all, from `turning`.

    Returns
    -------
    float
        In hertz.
    """
    flat = cepstra.transpose(1, 0, 2).reshape(cepstra.shape[1], -1)
    flat = flat - flat.mean(axis=0)
    span = min(0.004, 0.1 / (rate * flat.shape[0] * step))

    def left(hertz: float) -> float:
        return _known_fit(flat, hertz, step, HARMONICS)[1]

    for _ in range(4):
        options = rate * (1 + span * np.linspace(-1, 1, 5))
        rate = float(options[int(np.argmin([left(each) for each in options]))])
        span /= 2.5
    return rate


def _expected_rate(paths: NDArray[Any], step: float, rate: float) -> float:
    """Rate at which most goes round near one that a law tells, which is believed in doubt."""
    paths = paths.astype(np.float32)
    for offsets in (NEAR, NEARER):
        lefts = _residuals(rate, paths.shape[0], step, offsets) @ paths
        left = (lefts.reshape(len(offsets), -1) ** 2).sum(axis=1)
        offset = offsets[int(np.argmin(left * (1.0 + (np.array(offsets) / DOUBT) ** 2)))]
        if offset == 0.0:
            break
        rate *= 1.0 + offset
    return rate


@functools.lru_cache(maxsize=64)
def _residuals(
    rate: float, count: int, step: float, offsets: tuple[float, ...]
) -> NDArray[np.float32]:
    """What turns the rows of a motion into what rates near a known one leave of them."""
    planes = []
    for offset in offsets:
        basis, solve = _known_turns(rate * (1.0 + offset), count, step, MORE_HARMONICS)
        planes.append(np.eye(count) - basis @ solve)
    return np.concatenate(planes).astype(np.float32)


def _known_fit(flat: Floats, rate: float, step: float, most: int) -> tuple[Floats, float]:
    """Turns at a rate that is asked for again and again, and the share that they leave."""
    basis, solve = _known_turns(rate, flat.shape[0], step, most)
    fit = solve @ flat
    left = flat - basis @ fit
    return fit, float((left**2).sum()) / max(float((flat**2).sum()), 1e-12)


def _lines(fit: Floats, views: int) -> NDArray[np.complex64]:
    """Cosines and sines as lines, ``(views, harmonics, quefrencies)``."""
    count = (fit.shape[0] - 1) // 2
    lines = (fit[1 : 1 + count] - 1j * fit[1 + count :]).reshape(count, views, -1)
    return lines.transpose(1, 0, 2).astype(np.complex64)


@functools.lru_cache(maxsize=64)
def _known_turns(rate: float, count: int, step: float, most: int) -> tuple[Floats, Floats]:
    """Turns at a rate, and what fits them to rows; one rate is asked for again and again."""
    told = _told_apart(rate * step, count, most)
    basis = _turns(rate, np.arange(count, dtype=np.float64) * step, step, most, told)
    square = basis.T @ basis
    square[np.diag_indices_from(square)] += RIDGE * count
    return basis, np.asarray(np.linalg.solve(square, basis.T), dtype=np.float64)


def _told_apart(turns: float, count: int, most: int) -> int:
    """Harmonics of something that turns so much a step, which as many steps tell apart.

    Those above half the rate of steps are seen at other rates: of a motion that is the same in each
    turn they are told all the same, as an oscilloscope does by equivalent times.
    """
    seen = [0.0, 0.5]
    for number in range(1, most + 1):
        place = abs(number * turns - round(number * turns))
        if min(abs(place - other) for other in seen) < APART / count:
            return number - 1
        seen.append(place)
    return most


def _turns(rate: float, times: Floats, step: float, most: int = HARMONICS, told: int = 1) -> Floats:
    """A constant, cosines and sines; harmonics above half the rate of steps only as far as told."""
    count = int(max(1, told, min(most, 0.45 / (rate * step))))
    angle = 2 * np.pi * rate * times[:, None] * np.arange(1, count + 1)
    return np.concatenate([np.ones((times.size, 1)), np.cos(angle), np.sin(angle)], axis=1)


def _fit(basis: Floats, rows: Floats) -> Floats:
    """Least squares; what cannot be told apart in so little time stays small."""
    square = basis.T @ basis
    square[np.diag_indices_from(square)] += RIDGE * basis.shape[0]
    return np.asarray(np.linalg.solve(square, basis.T @ rows))


def _nearest_rate(paths: Floats, times: Floats, step: float, rate: float) -> tuple[float, float]:
    """Rate near a given one that leaves least, and what it leaves."""
    span = min(0.1, 0.3 / (rate * times[-1]))

    def left(hertz: float) -> float:
        basis = _turns(hertz, times, step)
        return float(((paths - basis @ _fit(basis, paths)) ** 2).sum())

    least = left(rate)
    for _ in range(3):
        options = rate * (1 + span * np.linspace(-1, 1, 5))
        lefts = [left(f) for f in options]
        best = int(np.argmin(lefts))
        if lefts[best] < least:
            rate, least = float(options[best]), lefts[best]
        span /= 2.5
    return rate, least
