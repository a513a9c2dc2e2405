"""What an impulse response says of echoes and reverberation.

Conventions
-----------
* A response is ``(channels, samples)``; `onset` is the sample at which the impulse went in.
* The *tail* is what comes 5 ms after the onset and later. Decay times are those of the tail: the
  dry sound of an effect is often 20 dB above its reverberation and would be all that they see.
  Clarity, definition and band decays are of the whole response, and so tell how wet it is.
* Energies of channels are added.
* NaN where a measure has no meaning: no decay of 35 dB, no tail, one channel.

References
----------
ISO 3382-1:2009: decay times by backward integration (5.3.3), EDT, C80, C50 and D50 (annex A).
Schroeder, "New method of measuring reverberation time", JASA 37 (1965). Dal Santo et al.,
"Similarity metrics for late reverberation" (2024): distance of band energy decay curves.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, power_to_db
from dialin.audio import fourier as sfft
from dialin.measures.smoothing import median_filter

Floats = NDArray[np.float64]

DIRECT_SECONDS = 0.005
"""How long the direct sound lasts, a little more than a filter's own ringing."""

FLOOR_DB = -60.0
"""Lowest level that decay curves and clarity are told from nothing."""

NOTHING_DB = -200.0
"""Of no energy at all."""

LATE_SECONDS, LATE_DB = 0.02, -30.0
"""Energy after 20 ms, re the whole response, from which there is a tail to speak of: combs,
choruses and ringing filters are over by then."""

ECHO_SHARE_DB = -10.0
"""Energy of an echo, re the tail, from which it is one, and not one reflection among many."""

EVEN = 0.85
"""Least share of a decay's variance that a line explains. Steps of 6 dB (feedback of one half) pass
for a decay of 30 dB, steps of 15 dB do not."""

OCTAVES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
STEP_SECONDS = 0.005
RINGING_SECONDS = 0.5
"""After which an octave's filter has forgotten all."""
ECHOES = 8
ECHO_PROMINENCE_DB = 12.0
"""How far an echo stands above what surrounds it (the median within 20 ms)."""


@dataclass(frozen=True, eq=False)
class Room:
    """Measures of an impulse response.

    Attributes
    ----------
    late_db : float
        Energy after 20 ms re the whole, -60 at least.
    t30, edt : float
        Seconds for 60 dB, from the decay between -5 and -35 dB and of the first 10 dB.
    c80, c50 : float
        Early over late energy in dB, within ±60.
    d50 : float
        Share of the energy within 50 ms, 0 to 1.
    echoes : tuple of (float, float)
        The strongest echoes that have a tenth of the tail's energy or more: milliseconds after the
        onset, level in dB re the whole.
    width_late : float
        Share of the side signal in the tail's energy after 80 ms, 0 to 1.
    decays : ndarray, shape (octaves, steps)
        Energy decay curves in dB, one value each 5 ms, -60 at least; NaN for octaves that hold
        nothing.
    """

    late_db: float
    t30: float
    edt: float
    c80: float
    c50: float
    d50: float
    echoes: tuple[tuple[float, float], ...]
    width_late: float
    decays: Floats

    @property
    def has_tail(self) -> bool:
        """Whether there is reverberation, or an echo of more than 20 ms, to speak of."""
        return self.late_db >= LATE_DB


def measure_room(response: Audio, sample_rate: int, onset: int = 0) -> Room:
    """Measure an impulse response.

    Parameters
    ----------
    response : ndarray, shape (channels, samples)
        The impulse response, full scale 1.
    sample_rate : int
        In hertz.
    onset : int
        Sample at which the impulse went in; what comes before is left out.

    Returns
    -------
    Room
    """
    whole = response[:, onset:].astype(np.float64)
    energy = np.square(whole).sum(axis=0)
    total = float(energy.sum())
    nan = float("nan")
    if total <= 0.0 or not np.isfinite(total):
        empty = np.full((len(OCTAVES), 1), nan)
        return Room(FLOOR_DB, nan, nan, nan, nan, nan, (), nan, empty)
    start = round(DIRECT_SECONDS * sample_rate)
    tail = energy[start:]
    tail_db = float(power_to_db(float(tail.sum()) / total, FLOOR_DB))
    t30 = edt = nan
    if tail_db > FLOOR_DB:
        curve = energy_decay(tail)
        t30 = decay_time(curve, sample_rate, -5.0, -35.0)
        edt = decay_time(curve, sample_rate, 0.0, -10.0)
    late = float(energy[round(LATE_SECONDS * sample_rate) :].sum())
    late_db = float(power_to_db(late / total, FLOOR_DB))
    width_late = nan
    if whole.shape[0] > 1 and late_db >= LATE_DB:
        width_late = side_share(whole[:, round(0.08 * sample_rate) :])
    echoes = find_echoes(whole, sample_rate)
    return Room(
        late_db,
        t30,
        edt,
        clarity(energy, sample_rate, 0.08),
        clarity(energy, sample_rate, 0.05),
        float(energy[: round(0.05 * sample_rate)].sum()) / total,
        tuple(e for e in echoes if e[1] >= tail_db + ECHO_SHARE_DB),
        width_late,
        band_decays(whole, sample_rate),
    )


def energy_decay(energy: Floats) -> Floats:
    """Energy decay curve in dB by backward integration, 0 at the start, -200 at least.

    Parameters
    ----------
    energy : ndarray, shape (samples,)
        Squared response.

    Returns
    -------
    ndarray, float64, shape (samples,)
        In dB.
    """
    left = np.cumsum(energy[::-1])[::-1]
    return np.asarray(10 * np.log10(np.maximum(left / max(left[0], 1e-300), 1e-20)))


def decay_time(decay: Floats, sample_rate: float, top: float, bottom: float) -> float:
    """Seconds in which the level falls by 60 dB, from the fall between two levels.

    Least squares over the samples between the levels, as ISO 3382-1 has it.

    Parameters
    ----------
    decay : ndarray, shape (samples,)
        From `energy_decay`.
    sample_rate : float
        In hertz.
    top, bottom : float
        In dB.

    Returns
    -------
    float
        NaN where the response ends before it has fallen so far, or does not fall evenly: a
        few single echoes have no decay.
    """
    # What is left in the last tenth of a record decides nothing but its own end.
    if decay.size < 2 or decay[int(0.9 * decay.size)] > bottom - 5.0:
        return float("nan")
    first = int(np.argmax(decay <= top))
    last = int(np.argmax(decay < bottom))
    piece = decay[first:last]
    if piece.size < 8 or np.ptp(piece) < 0.5 * (top - bottom):
        return float("nan")
    time = np.arange(piece.size) / sample_rate
    slope = float(np.polyfit(time, piece, 1)[0])
    even = float(np.corrcoef(time, piece)[0, 1]) ** 2
    return -60.0 / slope if slope < 0 and even >= EVEN else float("nan")


def clarity(energy: Floats, sample_rate: int, seconds: float) -> float:
    """Energy before a time over energy after it, in dB, within ±60.

    Parameters
    ----------
    energy : ndarray, float64, shape (samples,)
        Squared impulse response from the onset on.
    sample_rate : int
        In hertz.
    seconds : float
        Where early ends and late begins, such as 0.05 for C50.

    Returns
    -------
    float
        In decibels.
    """
    split = round(seconds * sample_rate)
    early, late = float(energy[:split].sum()), float(energy[split:].sum())
    gap = power_to_db(early, NOTHING_DB) - power_to_db(late, NOTHING_DB)
    return float(np.clip(gap, FLOOR_DB, -FLOOR_DB))


def side_share(audio: Floats) -> float:
    """Share of the side signal in the energy of the first two channels; NaN for silence.

    Parameters
    ----------
    audio : ndarray, float64, shape (channels, samples)
        Two channels at least.

    Returns
    -------
    float
        0 (mono) to 1.
    """
    side = float(np.square(audio[0] - audio[1]).sum())
    total = side + float(np.square(audio[0] + audio[1]).sum())
    return side / total if total > 0 else float("nan")


def find_echoes(response: Floats, sample_rate: int) -> tuple[tuple[float, float], ...]:
    """Find single arrivals after the first 2 ms: time in ms and level in dB re the whole.

    Parameters
    ----------
    response : ndarray, shape (channels, samples)
        From the onset on.
    sample_rate : int
        In hertz.

    Returns
    -------
    tuple of (float, float)
        At most 8, the strongest first, at least 40 dB under the whole.
    """
    energy = np.square(response).sum(axis=0)
    total = float(energy.sum())
    short = max(1, round(0.0005 * sample_rate))
    # Energy within half a millisecond on either side, so that a soft echo is one arrival.
    sums = np.concatenate([[0.0], np.cumsum(np.pad(energy, short))])
    near = np.maximum(sums[2 * short + 1 :] - sums[: -2 * short - 1], 0.0)
    block = max(1, short)
    coarse = near[: near.size // block * block].reshape(-1, block).max(axis=1)
    around = median_filter(coarse, 81)
    echoes: list[tuple[float, float]] = []
    taken = np.zeros(coarse.size, dtype=bool)
    first = int(np.ceil(0.002 * sample_rate / block))
    ratio = 10 ** (ECHO_PROMINENCE_DB / 10)
    strong = np.flatnonzero((coarse > ratio * around) & (coarse > 1e-4 * total))
    for index in sorted(strong[strong >= first], key=lambda p: -coarse[p]):
        if taken[index]:
            continue
        taken[max(0, index - 4) : index + 5] = True
        low = max(0, int(index) * block - 2 * short)
        piece = energy[low : (int(index) + 1) * block + 2 * short]
        # An arrival that the direct sound's ringing leads up to is no echo.
        if index > 0 and coarse[max(0, index - 2) : index].max(initial=0.0) > coarse[index]:
            continue
        time = low + float(np.arange(piece.size) @ piece) / float(piece.sum())
        level = float(power_to_db(float(piece.sum()) / total, NOTHING_DB))
        echoes.append((1000.0 * time / sample_rate, level))
        if len(echoes) == ECHOES:
            break
    return tuple(echoes)


def octaves(sample_rate: int) -> tuple[float, ...]:
    """Centres of the octaves from 125 Hz to 8 kHz that a rate holds whole.

    Parameters
    ----------
    sample_rate : int
        In hertz.

    Returns
    -------
    tuple of float
        In hertz.
    """
    return tuple(c for c in OCTAVES if c * np.sqrt(2.0) < 0.49 * sample_rate)


def band_decays(response: Floats, sample_rate: int) -> Floats:
    """Energy decay curves of octave bands, one value each 5 ms.

    Parameters
    ----------
    response : ndarray, shape (channels, samples)
        From the onset on.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (octaves, steps)
        In dB, 0 at the start, -60 at least. Octaves that the rate cannot hold, or that hold
        less than a millionth of the energy, are NaN.
    """
    block = max(1, round(STEP_SECONDS * sample_rate))
    steps = max(1, response.shape[1] // block)
    held = octaves(sample_rate)
    result = np.full((len(OCTAVES), steps), np.nan)
    total = float(np.square(response).sum())
    samples = response.shape[1]
    # Behind it there is room for what rings on, which would come round to the beginning.
    size = sfft.next_fast_len(samples + round(RINGING_SECONDS * sample_rate), real=True)
    spectrum = sfft.rfft(response.astype(np.float64), size, axis=1)
    for row, centre in enumerate(held):
        band = spectrum * _octave(centre, size, sample_rate)
        energy = np.square(sfft.irfft(band, size, axis=1)[:, :samples]).sum(axis=0)
        if float(energy.sum()) > 1e-6 * total:
            curve = energy_decay(energy)[::block][:steps]
            result[row] = np.maximum(curve, FLOOR_DB)
    return result


def _octave(centre: float, size: int, sample_rate: int) -> NDArray[np.complex128]:
    """Response of an octave's Butterworth band-pass of order 3 at the bins of a real transform.

    Its bilinear transform, as ``scipy.signal.butter(3, ..., "bandpass")`` designs it: importing
    that takes a third of a second.
    """
    # Half the sampling frequency is where the tangent ends.
    angle = np.pi / size * np.minimum(np.arange(size // 2 + 1), size / 2 - 1e-6)
    edges = np.tan(np.pi * centre * np.array([np.sqrt(0.5), np.sqrt(2.0)]) / sample_rate)
    s = 1j * np.tan(angle)
    wide, off = s * (edges[1] - edges[0]), s * s + edges.prod()
    low = wide**3 / (off**3 + 2.0 * wide * off**2 + 2.0 * wide**2 * off + wide**3)
    return np.asarray(low)


def decay_distance(found: Floats, true: Floats) -> float:
    """Mean absolute difference of band energy decay curves, where the true ones are above -35 dB.

    Parameters
    ----------
    found, true : ndarray, shape (octaves, steps)
        From `band_decays`, at one sample rate; the shorter goes on at -60 dB.

    Returns
    -------
    float
        In dB; NaN where no octave can be compared.
    """
    gaps = []
    for mine, theirs in itertools.zip_longest(found, true):
        if mine is None or theirs is None or np.isnan(theirs[0]):
            continue
        heard = np.flatnonzero(theirs >= -35.0)
        padded = np.full(theirs.size, FLOOR_DB)
        if not np.isnan(mine[0]):
            size = min(mine.size, theirs.size)
            padded[:size] = mine[:size]
        gaps.append(float(np.abs(padded[heard] - theirs[heard]).mean()))
    return float(np.mean(gaps)) if gaps else float("nan")
