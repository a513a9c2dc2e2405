"""Motion in music: how an oscillating filter is heard in a recording, whatever is played.

A recording through a moving filter has, in each frame, the log spectrum of the music plus that of
the filter at that time. Where one turn of the filter is known (`turning`: from impulses through an
effect), it can be looked for in a recording as any known signal in noise is: by a matched filter,
with the music as the noise (`MotionEar`). The same turn at another rate is looked for at no cost.

Conventions
-----------
* *Frames* are Hann windows, a quarter apart: `LONG` ones for combs with lags up to 40 ms, `SHORT`
  ones for what moves fast. Their log spectra in dB, from 80 Hz up, are turned into cepstra by a
  cosine transform: a comb is one coefficient, colour the first few.
* Two channels have two views: their mean level, and left over right.
* The mean over time is taken out: what does not move is no matter here.
* Noise: the power of the recording's own cepstra in cells of quefrency by modulation frequency,
  each many times wider than an oscillator's line.
* *Drop*: how much less of a recording is left unexplained by a motion, in units of the noise's
  variance: half of it is a log likelihood ratio. It is the best over all phases of the oscillator
  and over weaker motions too: the phase at the start of a recording tells nothing of an effect, and
  music fills the depth of notches.

References
----------
Turin, "An introduction to matched filters", IRE Transactions on Information Theory (1960).
Bogert, Healy & Tukey, "The quefrency alanysis of time series for echoes" (1963).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter

from dialin.audio import Audio
from dialin.measures.modulation import rate_of

Floats = NDArray[np.float64]

SHORT, LONG = 0.08 / 3, 0.08
"""Seconds of a frame: whole numbers of samples, of small factors, at the usual rates."""

LOWEST_HZ, HIGHEST_HZ = 80.0, 10_000.0
CLIP_DB = 15.0
"""Farther from its mean no level is believed: onsets and silences are no filters."""

FLOOR_DB = -80.0
RATES_HZ = (0.08, 20.0)
RATE_STEP = 1.015
HARMONICS = 12
PHASES, FINE_PHASES = 48, 360
RIDGE = 1e-4
FINER = 3
"""Zero padding in time."""

FASTEST_HZ = 40.0
"""Modulation frequencies above are left out."""

DEEPEST = 1.2
"""How much stronger than it was measured a motion may be."""

GAINS, BLUR = (0.35, 0.7, 1.0), 4
"""How much weaker a motion may be whose phases do not agree, and quefrencies taken together."""

AROUND = 13
"""Modulation frequencies, in steps of one turn in all, that a line is compared with."""

HIDDEN = 0.75
"""Turns of the oscillator that a stretch must hold at least."""

STEADY = 0.3
"""Share of a motion that must go round at one rate."""

APART = 1.5
"""Periods in all by which what is seen of two harmonics must differ."""

BESIDE = 1.015
"""Rates that far from a known one must explain less of a motion than it does itself."""


def frame_cepstra(
    audio: Audio, sample_rate: int, frame: float = SHORT, highest: float = HIGHEST_HZ
) -> Floats:
    """Cepstra of a recording's frames.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Of more than two channels the first two.
    sample_rate : int
        In hertz.
    frame : float
        Seconds.
    highest : float
        End in hertz of the band.

    Returns
    -------
    ndarray, float32, shape (views, frames, quefrencies)
        In dB, means over time taken out; no frames where the recording is shorter than two.
    """
    size, hop = round(frame * sample_rate), round(frame / 4 * sample_rate)
    if audio.shape[1] < 2 * size:
        return np.zeros((1, 0, 0))
    frames = np.lib.stride_tricks.sliding_window_view(audio[:2], size, axis=1)[:, ::hop]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    first, last = _bins(frame, highest)
    spectra = sfft.rfft(frames * window, axis=2)[:, :, first:last]
    power = spectra.real**2 + spectra.imag**2
    floor = max(float(power.max()) * 10 ** (FLOOR_DB / 10), 1e-20)
    level = _views(10 * np.log10(power + np.float32(floor)))
    level -= level.mean(axis=1, keepdims=True)
    np.clip(level, -CLIP_DB, CLIP_DB, out=level)
    level -= level.mean(axis=1, keepdims=True)
    return np.asarray(sfft.dct(level, axis=2, norm="ortho"))


def _bins(frame: float, highest: float) -> tuple[int, int]:
    return round(LOWEST_HZ * frame), round(highest * frame)


def _views(level: NDArray[np.float32]) -> NDArray[np.float32]:
    if level.shape[0] == 1:
        return level
    return np.stack([level[:2].mean(axis=0), level[0] - level[1]])


def impulse_cepstra(
    responses: Audio,
    sample_rate: int,
    spacing: int,
    frame: float = SHORT,
    highest: float = HIGHEST_HZ,
) -> Floats:
    """Cepstra of answers to a train of impulses, as frames of a recording would show them.

    Parameters
    ----------
    responses : ndarray, shape (channels, samples)
        What came of the train, from an impulse on.
    sample_rate : int
        In hertz.
    spacing : int
        Samples between impulses.
    frame : float
        Seconds.
    highest : float
        End in hertz of the band.

    Returns
    -------
    ndarray, shape (views, impulses, quefrencies)
    """
    size = round(frame * sample_rate)
    count = responses.shape[1] // spacing
    pieces = responses[:2, : count * spacing].reshape(-1, count, spacing)
    fold = max(1, int(np.ceil(2 * spacing / size)))
    points = fold * size
    spectra = sfft.rfft(pieces, points, axis=2)
    # A window's own autocorrelation is what it leaves of lags.
    own = sfft.irfft(spectra.real**2 + spectra.imag**2, points, axis=2)
    lags = np.minimum(np.arange(points), points - np.arange(points)) / size
    first, last = _bins(frame, highest)
    power = sfft.rfft(own * _overlap(lags), axis=2).real[:, :, ::fold][:, :, first:last]
    floor = max(float(power.max(initial=0.0)) * 1e-6, 1e-20)
    return np.asarray(
        sfft.dct(_views(10 * np.log10(np.maximum(power, floor))), axis=2, norm="ortho"),
        dtype=np.float64,
    )


def _overlap(lags: Floats) -> NDArray[np.float32]:
    """Autocorrelation of a Hann window of length 1."""
    x = np.minimum(lags, 1.0)
    value = (1 - x) * (2 + np.cos(2 * np.pi * x)) / 3 + np.sin(2 * np.pi * x) / (2 * np.pi)
    return np.asarray(value, dtype=np.float32)


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
    if rate is not None:
        least = [_known_fit(flat, each, step)[1] for each in (rate, rate / BESIDE, rate * BESIDE)]
        # So near, only another rate would explain more beside it.
        if least[0] <= min(least[1:]) and least[0] < 1.0 - STEADY:
            fit, left = _known_fit(flat, rate, step)
            return Turning(rate, _lines(fit, cepstra.shape[0]), depth, 1.0 - left)
    # Few directions hold all the motion.
    strong = np.argsort(-(flat**2).sum(axis=0))[:48]
    values, axes = np.linalg.eigh(flat[:, strong].T @ flat[:, strong])
    paths = flat[:, strong] @ axes[:, np.argsort(-values)[:6]]
    total = float((paths**2).sum())
    times = np.arange(flat.shape[0]) * step
    nearest = None if rate is None else _nearest_rate(paths, times, step, rate)
    if nearest is None or nearest[1] > (1 - STEADY) * total:
        rate = rate_of(paths, step)
        if not np.isfinite(rate):
            return None
        nearest = _nearest_rate(paths, times, step, rate)
    rate, left = nearest
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
        return _known_fit(flat, hertz, step)[1]

    for _ in range(4):
        options = rate * (1 + span * np.linspace(-1, 1, 5))
        rate = float(options[int(np.argmin([left(each) for each in options]))])
        span /= 2.5
    return rate


def _known_fit(flat: Floats, rate: float, step: float) -> tuple[Floats, float]:
    """Turns at a rate that is asked for again and again, and the share that they leave."""
    basis, solve = _known_turns(rate, flat.shape[0], step)
    fit = solve @ flat
    left = flat - basis @ fit
    return fit, float((left**2).sum()) / max(float((flat**2).sum()), 1e-12)


def _lines(fit: Floats, views: int) -> NDArray[np.complex64]:
    """Cosines and sines as lines, ``(views, harmonics, quefrencies)``."""
    count = (fit.shape[0] - 1) // 2
    lines = (fit[1 : 1 + count] - 1j * fit[1 + count :]).reshape(count, views, -1)
    return lines.transpose(1, 0, 2).astype(np.complex64)


@functools.lru_cache(maxsize=16)
def _known_turns(rate: float, count: int, step: float) -> tuple[Floats, Floats]:
    """Turns at a rate, and what fits them to rows; one rate is asked for again and again."""
    harmonics = _told_apart(rate * step, count)
    basis = _turns(rate, np.arange(count, dtype=np.float64) * step, step, harmonics)
    square = basis.T @ basis
    square[np.diag_indices_from(square)] += RIDGE * count
    return basis, np.asarray(np.linalg.solve(square, basis.T), dtype=np.float64)


def _told_apart(turns: float, count: int) -> int:
    """Harmonics of something that turns so much a step, which as many steps tell apart.

    Those above half the rate of steps are seen at other rates: of a motion that is the same in each
    turn they are told all the same, as an oscilloscope does by equivalent times.
    """
    seen = [0.0, 0.5]
    for number in range(1, HARMONICS + 1):
        place = abs(number * turns - round(number * turns))
        if min(abs(place - other) for other in seen) < APART / count:
            return number - 1
        seen.append(place)
    return HARMONICS


def _turns(rate: float, times: Floats, step: float, most: int = 0) -> Floats:
    count = int(max(1, most, min(HARMONICS, 0.45 / (rate * step))))
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


class MotionEar:
    """Stretches of recordings in which motions are looked for.

    Parameters
    ----------
    cepstra : sequence of ndarray, each (views, frames, quefrencies)
        `frame_cepstra` of stretches of equal length.
    frame : float
        Seconds of a frame.
    own : sequence of ndarray
        The same of what has no motion, the input: its beats and trills count as noise.
    """

    def __init__(
        self, cepstra: Sequence[Floats], frame: float = SHORT, own: Sequence[Floats] = ()
    ) -> None:
        self.frame, hop = frame, frame / 4
        self.views, self.frames, self.quefrencies = cepstra[0].shape
        self.seconds = self.frames * hop
        size = sfft.next_fast_len(FINER * self.frames, real=True)
        self._step = 1 / (size * hop)
        kept = min(size // 2, int(FASTEST_HZ / self._step)) + 1
        spectra = [sfft.rfft(c, size, axis=1)[:, :kept].astype(np.complex64) for c in cepstra]
        beats = [sfft.rfft(c[:, : self.frames], size, axis=1)[:, :kept] for c in own]
        self._inverse = _inverse_noise(
            spectra, beats, self.frames / min([self.frames, *(c.shape[1] for c in own)])
        )
        self._weighted = [s * self._inverse for s in spectra]
        self.stretches = len(spectra)
        energy = np.mean([s.real**2 + s.imag**2 for s in spectra], axis=0) * self._inverse
        self._energy, self._dull = _blurred(energy), _blurred(self._inverse)
        low = max(RATES_HZ[0], HIDDEN / self.seconds)
        count = max(1, int(np.log(RATES_HZ[1] / low) / np.log(RATE_STEP)))
        self.rates = low * RATE_STEP ** np.arange(count)

    def excess(self) -> tuple[Floats, Floats]:
        """How far each modulation frequency stands out from its neighbours, over all quefrencies.

        Returns
        -------
        hertz, ratio : ndarray, shape (frequencies,)
            1 where a frequency is as strong as those beside it.
        """
        energy = np.zeros(self._inverse.shape[1])
        for weighted in self._weighted:
            power = weighted.real**2 + weighted.imag**2
            energy += (power / np.maximum(self._inverse, 1e-20)).sum(axis=(0, 2))
        around = median_filter(energy, AROUND * FINER, mode="nearest")
        hertz = np.arange(energy.size) * self._step
        return hertz, energy / np.maximum(around, 1e-12)

    def drops(
        self, motion: Turning, rates: Floats | None = None, *, exactly: bool = False
    ) -> tuple[Floats, Floats]:
        """How much a motion explains, were it to go round at other rates.

        Parameters
        ----------
        motion : Turning
            Of frames as long as these.
        rates : ndarray, optional
            In hertz; `rates` by default.
        exactly : bool, default False
            Look between the modulation frequencies, which takes longer. Otherwise rates are alike
            that lie nearest to the same ones: a third of a turn in all, over the overtone's number.

        Returns
        -------
        drops : ndarray, shape (rates,)
            Summed over the stretches.
        gains : ndarray, shape (rates,)
            How much weaker, or up to `DEEPEST` times as strong, the motion is.
        """
        rates = self.rates if rates is None else np.asarray(rates, dtype=np.float64)
        harmonics = motion.lines.shape[1]
        numbers = np.arange(1, harmonics + 1)
        hertz = rates[:, None] * numbers
        last = self._inverse.shape[1] - 1
        bins = np.round(hertz / self._step).astype(int)
        smear = np.where(bins <= last, window_smear(hertz * self.frame), 0.0)
        bins = np.minimum(bins, last)
        smear *= self.frames / 2
        # The phase of a line beside its bin turns with the distance.
        beside = np.exp(-1j * np.pi * (hertz - bins * self._step) * self.seconds)
        power = np.zeros(rates.size)
        # For a few rates only few of the frequencies are needed.
        few = 2 * bins.size < last
        # Views of mono and stereo that do not fit have only the first in common.
        views = min(self.views, motion.lines.shape[0])
        for view in range(views):
            lines = motion.lines[view]
            squares = lines.real**2 + lines.imag**2
            if few:
                energy = np.einsum("rhq,hq->rh", self._inverse[view][bins], squares)
            else:
                energy = (self._inverse[view] @ squares.T)[bins, numbers - 1]
            power += 2 * (energy * smear**2).sum(axis=1)
        phases = FINE_PHASES if exactly else PHASES
        turn = np.exp(2j * np.pi * np.outer(numbers, np.arange(phases) / phases))
        shared = np.zeros(rates.size)
        whole = np.zeros(rates.size)
        for weighted in self._weighted:
            cross = np.zeros((rates.size, harmonics), dtype=np.complex128)
            for view in range(views):
                turned = np.conj(motion.lines[view])
                if exactly:
                    cross += self._between(weighted[view], turned, hertz)
                elif few:
                    cross += np.einsum("rhq,hq->rh", weighted[view][bins], turned)
                else:
                    cross += (weighted[view] @ turned.T)[bins, numbers - 1]
            if not exactly:
                cross *= beside
            best = ((cross * (2 * smear)) @ turn).real.max(axis=1)
            shared += best
            whole += power
        gains = np.clip(shared / np.maximum(whole, 1e-12), 0.0, DEEPEST)
        return gains * (2 * shared - gains * whole), gains

    def _between(
        self, weighted: NDArray[np.complex64], turned: NDArray[np.complex64], hertz: Floats
    ) -> NDArray[np.complex128]:
        """Products of spectra and lines at frequencies between those of the transform.

        About the middle of the stretch the padded spectrum is smooth: cubics through four of its
        points are right to a few thousandths.
        """
        taps, bins = self._taps(hertz)
        needed, where = np.unique(bins, return_inverse=True)
        middle = np.exp(1j * np.pi * needed * self._step * self.seconds)
        products = (weighted[needed] @ turned.T) * middle[:, None]
        overtones = np.arange(hertz.shape[1])[None, :, None]
        values = (products[where.reshape(bins.shape), overtones] * taps).sum(axis=2)
        return np.asarray(values * np.exp(-1j * np.pi * hertz * self.seconds))

    def _taps(self, hertz: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Weights and places of four points of the transform about each frequency (Lagrange)."""
        last = self._inverse.shape[1] - 1
        places = np.minimum(hertz / self._step, last)
        first = np.clip(np.floor(places).astype(int) - 1, 0, max(0, last - 3))
        x = (places - first)[..., None] - np.arange(4)
        others = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
        taps = x[..., others].prod(axis=-1) / np.array([-6.0, 2.0, -2.0, 6.0])
        return taps, np.minimum(first[..., None] + np.arange(4), last)

    def steps(
        self, motion: Turning, moved: Sequence[Turning], rate: float, dampings: Sequence[float]
    ) -> list[Floats]:
        """How far to go along some changes of a motion, so that it explains more.

        Levenberg and Marquardt's steps for the sum of squares that `drops` tells of, the phases of
        the oscillator in each stretch found along.

        Parameters
        ----------
        motion : Turning
            Of frames as long as these.
        moved : sequence of Turning
            The same after each change by itself.
        rate : float
            In hertz.
        dampings : sequence of float
            For each a step comes back: the larger, the shorter.

        Returns
        -------
        list of ndarray, shape (changes,)
            In units of the changes.
        """
        views = min([self.views, *(m.lines.shape[0] for m in (motion, *moved))])
        harmonics = min(m.lines.shape[1] for m in (motion, *moved))
        numbers = np.arange(1, harmonics + 1)
        hertz = rate * numbers
        numbers = numbers[hertz < self._step * (self._inverse.shape[1] - 2)]
        hertz = hertz[: numbers.size]
        smear = (window_smear(hertz * self.frame) * self.frames / 2)[:, None]
        lines = motion.lines[:views, : numbers.size]
        changes = [m.lines[:views, : numbers.size] - lines for m in moved]
        inverse = self._inverse[:views, np.round(hertz / self._step).astype(int)]
        roots = np.sqrt(2.0 * inverse)
        columns = np.stack([(smear * roots * c).ravel() for c in changes])
        model = smear * roots * lines
        turning_on = (-1j * numbers[:, None] * model).ravel()
        taps, bins = self._taps(hertz)
        middle = np.exp(1j * np.pi * bins * self._step * self.seconds) * taps
        middle *= np.exp(-1j * np.pi * hertz * self.seconds)[:, None]
        turns = np.exp(2j * np.pi * np.outer(np.arange(FINE_PHASES) / FINE_PHASES, numbers))
        count = len(moved)
        square = np.zeros((count, count))
        wanted = np.zeros(count)
        for weighted in self._weighted:
            # In units of the noise, as the model is.
            data = np.einsum("vhjq,hj->vhq", weighted[:views][:, bins], middle)
            data = 2.0 * data / np.maximum(roots, 1e-20)
            shared = (data * np.conj(model)).sum(axis=(0, 2))
            phase = int(np.argmax((turns @ shared).real))
            left = (data * turns[phase][:, None] - model).ravel()
            parts = columns - np.outer(
                (columns @ np.conj(turning_on)).real
                / max(np.vdot(turning_on, turning_on).real, 1e-12),
                turning_on,
            )
            square += (parts @ np.conj(parts).T).real
            wanted += (parts @ np.conj(left)).real
        scale = np.diag(np.maximum(np.diag(square), 1e-9 * max(float(square.max()), 1e-12)))
        return [np.asarray(np.linalg.solve(square + d * scale, wanted)) for d in dampings]

    def spreads(self, motion: Turning, rates: Floats) -> Floats:
        """How much the mere energy of a motion explains, whatever its phases.

        A comb whose lags are a little off agrees in none of its phases, but is as strong at the
        same quefrencies: this leads to it from farther away than `drops` does.

        Parameters
        ----------
        motion : Turning
            Of frames as long as these.
        rates : ndarray
            In hertz, at which it may go round.

        Returns
        -------
        ndarray, shape (rates,)
            Twice the log likelihood ratio of Gaussian lines in Gaussian noise (Whittle), the best
            over some weaker motions; 0 at least.
        """
        rates = np.asarray(rates, dtype=np.float64)
        numbers = np.arange(1, motion.lines.shape[1] + 1)
        hertz = rates[:, None] * numbers
        bins = np.round(hertz / self._step).astype(int)
        last = self._inverse.shape[1] - 1
        smear = np.where(bins <= last, window_smear(hertz * self.frame), 0.0) * self.frames / 2
        bins = np.minimum(bins, last)
        best = np.zeros(rates.size)
        views = min(self.views, motion.lines.shape[0])
        power, energy = [], []
        for view in range(views):
            lines = motion.lines[view]
            strength = _blurred(lines.real**2 + lines.imag**2)
            power.append(strength * (smear**2)[:, :, None] * self._dull[view][bins])
            energy.append(self._energy[view][bins])
        for gain in GAINS:
            told = np.zeros(rates.size)
            for p, e in zip(power, energy, strict=True):
                q = gain**2 * p
                told += (e * q / (1 + q) - np.log1p(q)).sum(axis=(1, 2))
            best = np.maximum(best, told)
        return 2 * BLUR * self.stretches * best


def _blurred(values: Floats | NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over neighbouring quefrencies, the last axis."""
    count = values.shape[-1] // BLUR
    kept = values[..., : count * BLUR]
    return np.asarray(kept.reshape(*kept.shape[:-1], count, BLUR).mean(axis=-1), dtype=np.float32)


def window_smear(turns: Floats) -> Floats:
    """What a frame leaves of a motion: the transform of a Hann window's square.

    Parameters
    ----------
    turns : ndarray
        How many times the motion goes round within the frame.

    Returns
    -------
    ndarray
        Share of its depth.
    """
    x = np.asarray(turns)
    value = np.sinc(x) + (np.sinc(x - 1) + np.sinc(x + 1)) * 2 / 3
    return np.asarray(np.abs(value + (np.sinc(x - 2) + np.sinc(x + 2)) / 6))


def _inverse_noise(
    spectra: Sequence[NDArray[np.complex64]], own: Sequence[NDArray[np.complex64]], longer: float
) -> NDArray[np.float32]:
    """One over the noise's power, ``(views, modulation frequencies, quefrencies)``."""
    power = np.mean([s.real**2 + s.imag**2 for s in spectra], axis=0)
    lines = [s.real**2 + s.imag**2 for s in own]
    inverse = np.empty(power.shape, dtype=np.float32)
    for view, plane in enumerate(power):
        rows, columns = _edges(plane.shape[0], 2 * FINER), _edges(plane.shape[1], 8)
        sums = np.add.reduceat(np.add.reduceat(plane, rows[:-1], axis=0), columns[:-1], axis=1)
        cells = sums / (np.diff(rows)[:, None] * np.diff(columns))
        least = 1e-6 * max(float(cells.max()), 1e-12)
        cells = np.exp(uniform_filter(np.log(cells + least), 3, mode="nearest"))
        cells = np.repeat(cells, np.diff(rows), axis=0)
        if lines and view < lines[0].shape[0]:
            beats = np.mean([p[view] for p in lines], axis=0) * longer
            beats = np.add.reduceat(beats, columns[:-1], axis=1) / np.diff(columns)
            cells = np.maximum(cells, maximum_filter1d(beats, 2 * FINER + 1, axis=0))
        inverse[view] = 1 / np.repeat(cells, np.diff(columns), axis=1)
    return inverse


def _edges(count: int, first: int) -> NDArray[np.int64]:
    """Edges of cells, each 15 % wider than the one before."""
    edges, width = [0], float(first)
    while edges[-1] < count:
        edges.append(min(count, edges[-1] + max(1, round(width))))
        width *= 1.15
    return np.array(edges, dtype=np.int64)
