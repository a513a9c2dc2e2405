"""What moves in an effect: rates and depths of its oscillators, from signals that stand still.

A signal of one short period, repeated, comes out of anything that does not move as a signal of the
same period: filters, echoes, reverberation and drive alike. Whatever changes from period to period
is motion, without the noise that music or random noise would bring.

Conventions
-----------
* `pulse_train` is the test signal: harmonics of about 190 Hz, pink, with phases that keep its crest
  low. *Lines* are its harmonics at the output, in dB, over four periods (about 21 ms, Hann), four
  times a period.
* Depths are from peak to peak: the 5th to the 95th percentile over time.
* NaN where a measure has no meaning.

References
----------
Zölzer (ed.), "DAFX" (2011), chapters 2 and 3, for the families and their knobs: tremolo, vibrato,
chorus, flanger, phaser, rotary loudspeaker, ring modulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.transforms import hann

Floats = NDArray[np.float64]

LINE_HZ = 190.0
RANGE_DB = 50.0
"""Lines further below the loudest are left out: what a plugin's own noise moves."""

MOTION_DB = 0.3
"""Mean change of lines from which an effect counts as moving."""

SAME = 0.5
"""Least correlation, one period later, of something periodic."""

CARRIER_HZ = 25.0
"""From here on a periodic gain is a carrier that makes new tones; below it is a tremolo."""

CARRIER_SHARE = 0.1
"""Least amplitude of a carrier, re the output."""

BESIDE = 0.25
"""Share of a line that the gain's mean or a neighbouring overtone must have for it to be one."""

TOLD, OVERTONES = 0.3, 12
"""Share of what moves that overtones must hold to tell a rate from its fractions, and how many."""

FINER = 4
FASTEST_HZ = 30.0
LOW_LINES = (4, 16)
PERIODS = 4
"""Periods in a window."""

STEPS = 4
"""Looks at the lines in a period: fast sweeps move high lines within one."""


@dataclass(frozen=True)
class Motion:
    """Measures of what moves.

    Attributes
    ----------
    sweep : float
        How much lines change: root mean square over lines of their deviations over time, in dB.
    rate : float
        Of the oscillator, in hertz; of the strongest where there are several.
    tremolo, pan : float
        Depth in dB, from peak to peak, of the whole level and of left over right.
    vibrato : float
        Depth in cents, half of peak to peak, of a steady tone's pitch.
    carrier : float
        Of a ring modulator, in hertz.
    """

    sweep: float = 0.0
    rate: float = float("nan")
    tremolo: float = 0.0
    pan: float = float("nan")
    vibrato: float = float("nan")
    carrier: float = float("nan")

    @property
    def moves(self) -> bool:
        """Whether there is motion to speak of."""
        return self.sweep >= MOTION_DB


def period_of(sample_rate: int) -> int:
    """Samples of a period of `pulse_train`: one less than a power of two.

    With round numbers a delay of 40 ms, say, would bring all lines back in phase, and its sweeps up
    and down would look alike.

    Parameters
    ----------
    sample_rate : int
        In hertz.

    Returns
    -------
    int
        In samples.
    """
    return int(2 ** round(np.log2(sample_rate / LINE_HZ))) - 1


def step_of(sample_rate: int) -> int:
    """Samples between two looks at the lines.

    Parameters
    ----------
    sample_rate : int
        In hertz.

    Returns
    -------
    int
        In samples.
    """
    return period_of(sample_rate) // STEPS


def pulse_train(sample_rate: int, seconds: float, channels: int = 1) -> Audio:
    """Repeat one period of harmonics with a pink spectrum, at -20 dBFS RMS.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    seconds : float
        Duration wanted; rounded to whole periods, one at least.
    channels : int, default 1
        Number of channels.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        A whole number of periods, all channels alike.
    """
    period = period_of(sample_rate)
    harmonics = np.arange(1, period // 2 + 1)
    spectrum = np.zeros(period // 2 + 1, dtype=np.complex128)
    # Schroeder's phases: a chirp, so that no plugin meets one tall pulse each period.
    phases = np.pi * harmonics**2 / harmonics.size
    spectrum[1:] = np.exp(1j * phases) / np.sqrt(harmonics)
    wave = np.fft.irfft(spectrum, period)
    wave *= 0.1 / np.sqrt(np.mean(wave**2))
    count = max(1, round(seconds * sample_rate / period))
    return np.tile(wave, (channels, count)).astype(np.float32)


def line_levels(output: Audio, sample_rate: int) -> Floats:
    """Levels of lines over time.

    Parameters
    ----------
    output : ndarray, shape (channels, samples)
        What came of `pulse_train`.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (steps, channels, lines)
        In dB.
    """
    period = period_of(sample_rate)
    # From whichever place in a period one looks, the lines are as strong. Several periods under a
    # window keep them apart when a sweep shifts their pitch.
    size = PERIODS * period
    frames = np.lib.stride_tricks.sliding_window_view(output, size, axis=1)
    frames = frames[:, :: step_of(sample_rate)]
    window = (hann(size + 1)[:-1]).astype(np.float32)
    spectra = np.abs(sfft.rfft(frames * window, axis=2))[:, :, PERIODS:-PERIODS:PERIODS]
    spectra = spectra.astype(np.float64)
    return np.asarray(20 * np.log10(np.maximum(spectra, 1e-12)).transpose(1, 0, 2))


def sweep_of(levels: Floats) -> tuple[float, Floats]:
    """How much lines move, and their deviations over time.

    Parameters
    ----------
    levels : ndarray, shape (steps, channels, lines)
        In dB, from `line_levels`.

    Returns
    -------
    sweep : float
        In dB, of the half of the time in which they move less: what is only filling up or ringing
        out comes to rest, an oscillator does not.
    deviations : ndarray, shape (steps, lines in use)
        In dB; deep notches count as 30 dB below the line's median.
    """
    flat = levels.reshape(levels.shape[0], -1)
    middle = np.median(flat, axis=0)
    used = middle > middle.max(initial=-np.inf) - RANGE_DB
    lines = np.maximum(flat[:, used], middle[used] - 30.0)
    deviations = lines - lines.mean(axis=0)
    if not deviations.size:
        return 0.0, deviations
    halves = np.array_split(lines, 2)
    return float(min(np.sqrt(half.var(axis=0).mean()) for half in halves)), deviations


def rate_of_lines(levels: Floats, step: float) -> float:
    """Rate at which lines repeat: of those up to 750 Hz or 3 kHz, where they move, or of all.

    A delay's sweep turns the higher lines round many times, so that the smallest jitter of an
    oscillator that is updated now and then hides that it repeats.

    Parameters
    ----------
    levels : ndarray, shape (steps, channels, lines)
        In dB, from `line_levels`.
    step : float
        Seconds.

    Returns
    -------
    float
    """
    whole, deviations = sweep_of(levels)
    for lines in LOW_LINES:
        part, low = sweep_of(levels[:, :, :lines])
        if part >= 0.3 * whole:
            return fundamental_of(low, step, rate_of(low, step))
    return fundamental_of(deviations, step, rate_of(deviations, step))


def fundamental_of(deviations: Floats, step: float, rate: float) -> float:
    """The multiple of a rate whose overtones hold what moves.

    An oscillator that is set once a block repeats exactly only after several turns, and those are
    what an autocorrelation likes best.

    Parameters
    ----------
    deviations : ndarray, shape (steps, lines)
        As `rate_of` takes them.
    step : float
        Seconds.
    rate : float
        In hertz, of which it may be a multiple; NaN stays.

    Returns
    -------
    float
        In hertz.
    """
    if not np.isfinite(rate):
        return rate
    every = max(1, int(0.25 / (FASTEST_HZ * step)))
    coarse = deviations[::every]
    axes = np.linalg.eigh(coarse.T @ coarse)[1][:, -6:]
    paths = coarse @ axes
    times = np.arange(paths.shape[0]) * step * every
    shares = []
    for turns in range(1, int(FASTEST_HZ / rate) + 1):
        angle = 2 * np.pi * turns * rate * times[:, None] * np.arange(1, OVERTONES + 1)
        angle = angle[:, turns * rate * np.arange(1, OVERTONES + 1) < 0.45 / (step * every)]
        basis = np.concatenate([np.ones((times.size, 1)), np.cos(angle), np.sin(angle)], axis=1)
        square = basis.T @ basis + 1e-4 * times.size * np.eye(basis.shape[1])
        fit = np.linalg.solve(square, basis.T @ paths)
        shares.append(1.0 - float(((paths - basis @ fit) ** 2).sum()) / float((paths**2).sum()))
    if max(shares, default=0.0) < TOLD:
        # So fast a sweep that few overtones tell nothing.
        return rate
    # Fractions have the same overtones; multiples lack some.
    most = int(np.flatnonzero(np.array(shares) >= 0.95 * max(shares))[-1])
    return rate * (most + 1)


def rate_of(deviations: Floats, step: float) -> float:
    """Rate at which something repeats, in hertz, from the autocorrelation of all lines together.

    The first of the best repeats counts, so that several notches a turn do not look like several
    turns, made finer by the repeats that follow it.

    Parameters
    ----------
    deviations : ndarray, shape (steps, lines)
        In dB, as `sweep_of` gives them.
    step : float
        Seconds.

    Returns
    -------
    float
        NaN where nothing repeats within half of the time there is.
    """
    steps = deviations.shape[0]
    if steps < 16:
        return float("nan")
    size = sfft.next_fast_len(2 * steps, real=True)
    power = np.zeros(size // 2 + 1)
    for line in deviations.T:
        spectrum = sfft.rfft(line, size)
        power += spectrum.real**2 + spectrum.imag**2
    # A sweep turns lines so quickly that repeats fall between steps: four times as finely, then.
    step = step / FINER
    longest = FINER * (steps // 2)
    together = sfft.irfft(power, FINER * size)[:longest] / (steps - np.arange(longest) / FINER)
    if together[0] <= 0:
        return float("nan")
    r = together / together[0]
    inner = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])) + 1
    below = np.flatnonzero(r < 0.8 * SAME)
    inner = inner[inner > below[0]] if below.size else inner[:0]
    inner = inner[inner * step > 1 / FASTEST_HZ]
    if not inner.size:
        return float("nan")
    lags, heights = zip(*(_vertex(r, int(p)) for p in inner), strict=True)
    best = max(heights)
    if best < SAME:
        return float("nan")
    first = next(p for p, h in zip(lags, heights, strict=True) if h >= 0.8 * best)
    # Where the next would lie beyond the end there may still be small peaks.
    repeats = [p for p, h in zip(lags, heights, strict=True) if h >= 0.4 * best]
    turns, period = 1, first
    while True:
        more = 2 * turns
        near = [p for p in repeats if abs(p - more * period) < 0.25 * first]
        if not near:
            return float(1.0 / (period * step))
        at = min(near, key=lambda p: abs(p - more * period))
        turns, period = more, at / more


def _vertex(values: Floats, index: int) -> tuple[float, float]:
    """Place and height of a peak between samples, by a parabola."""
    a, b, c = values[index - 1 : index + 2]
    bend = a - 2 * b + c
    shift = 0.0 if bend == 0 else 0.5 * float(a - c) / float(bend)
    return index + shift, float(b - 0.25 * (a - c) * shift)


def swing(values: Floats) -> float:
    """Depth from peak to peak: the 5th to the 95th percentile.

    Parameters
    ----------
    values : ndarray, float64, of any shape
        In any unit.

    Returns
    -------
    float
        In the same unit.
    """
    low, high = np.percentile(values, (5, 95))
    return float(high - low)


def tremolo_and_pan(levels: Floats) -> tuple[float, float]:
    """Depths in dB of the whole level and of left over right (NaN for one channel).

    Parameters
    ----------
    levels : ndarray, float64, shape (steps, channels, lines)
        In dB, from `line_levels`.

    Returns
    -------
    (float, float)
        Tremolo and pan, from peak to peak.
    """
    power = (10 ** (levels / 10)).sum(axis=2)
    tremolo = swing(10 * np.log10(np.maximum(power.sum(axis=1), 1e-20)))
    if power.shape[1] < 2:
        return tremolo, float("nan")
    sides = 10 * np.log10(np.maximum(power[:, :2], 1e-20))
    return tremolo, swing(np.clip(sides[:, 0] - sides[:, 1], -60.0, 60.0))


def steady_tone(
    sample_rate: int, seconds: float, channels: int = 1, hertz: float = 1000.0
) -> Audio:
    """Sine at -12 dBFS, all channels alike.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    seconds : float
        Duration wanted.
    channels : int, default 1
        Number of channels.
    hertz : float, default 1000.0
        Frequency of the tone.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = 10 ** (-12 / 20) * np.sin(2 * np.pi * hertz * time)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def vibrato_depth(output: Audio, sample_rate: int, hertz: float = 1000.0) -> float:
    """Depth of a tone's vibrato in cents, half of peak to peak, of the channel that moves most.

    From the analytic signal's frequency, over 10 ms, where the tone is not near a null.

    Parameters
    ----------
    output : ndarray, float32, shape (channels, samples)
        What came of `steady_tone`.
    sample_rate : int
        In hertz.
    hertz : float, default 1000.0
        Frequency of the tone.

    Returns
    -------
    float
        In cents; 0 where there is no tone.
    """
    from scipy.signal import hilbert

    depths = [0.0]
    block = max(1, round(0.01 * sample_rate))
    for channel in output.astype(np.float64):
        analytic = hilbert(channel)
        # In the tone's own frame, so that the phase moves slowly and sums of it are exact.
        turned = analytic * np.exp(-2j * np.pi * hertz * np.arange(channel.size) / sample_rate)
        count = turned.size // block
        slow = turned[: count * block].reshape(count, block).mean(axis=1)[1:-1]
        size = np.abs(slow)
        if size.max(initial=0.0) < 1e-9:
            continue
        loud = size > 0.25 * np.median(size)
        shift = np.angle(slow[1:] * np.conj(slow[:-1])) * sample_rate / (2 * np.pi * block)
        shift = shift[loud[1:] & loud[:-1]]
        if shift.size > 8:
            cents = 1200 * np.log2(np.maximum(1 + shift / hertz, 1e-3))
            depths.append(swing(cents) / 2)
    return max(depths)


def sign_noise(sample_rate: int, seconds: float, channels: int = 1) -> Audio:
    """White noise of +0.1 and -0.1: its square is constant, and so hides no periodic gain.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    seconds : float
        Duration wanted.
    channels : int, default 1
        Number of channels.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    rng = np.random.default_rng(7)
    signs = 0.1 * rng.choice([-1.0, 1.0], size=round(seconds * sample_rate))
    return np.tile(signs, (channels, 1)).astype(np.float32)


def carrier_of(output: Audio, sound: Audio, sample_rate: int, rate: float = float("nan")) -> float:
    """Frequency at which the gain goes round, 25 Hz or more, in hertz: a ring modulator's carrier.

    With noise x of constant square, the product of output and input is the gain over time plus
    noise, so that a gain ``cos(2 pi f t)`` is a line at f, whatever else passes.

    Parameters
    ----------
    output, sound : ndarray, shape (channels, samples)
        What came of `sign_noise`, and the noise.
    sample_rate : int
        In hertz.
    rate : float
        Of an oscillator that is known; its overtones are no carriers.

    Returns
    -------
    float
        NaN where no line has a tenth of the output's amplitude.
    """
    best, carrier = CARRIER_SHARE, float("nan")
    samples = sound.shape[1]
    window = hann(samples)
    size = 4 * sfft.next_fast_len(samples, real=True)
    first = int(np.ceil(CARRIER_HZ * size / sample_rate))
    loudness = float(np.sqrt(np.square(sound[0]).mean()) * window.sum() / 2)
    for channel in output.astype(np.float64):
        scale = loudness * float(np.sqrt(np.square(channel).mean()))
        # A few samples late is what short filters inside make of it.
        for lag in range(STEPS if scale > 0 else 0):
            product = channel[lag:] * sound[0, : samples - lag] * window[: samples - lag]
            spectrum = np.abs(sfft.rfft(product, size)) / scale
            line = spectrum[first:-1]
            at = int(np.argmax(line))
            if not (line[at] > best and 0 < at < line.size - 1):
                continue
            hertz = (first + _vertex(line, at)[0]) * sample_rate / size
            turns = hertz / rate
            if turns < 8.5 and abs(turns - round(turns)) < 0.05:
                # A carrier is alone; an overtone has the gain's mean, or others, beside it.
                others = round(turns) + np.array([-1, 1])
                places = np.round(others * rate * size / sample_rate).astype(int)
                beside = [spectrum[max(0, n - 2) : n + 3].max() for n in places]
                if max(spectrum[0], *beside) > BESIDE * line[at]:
                    continue
            best, carrier = float(line[at]), hertz
    return carrier
