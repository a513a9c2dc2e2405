"""Motion in music: how an oscillating filter is heard in a recording, whatever is played.

A recording through a moving filter has, in each frame, the log spectrum of the music plus that of
the filter at that time. Where one turn of the filter is known (`dialin.measures.turning`: from
impulses through an effect), it can be looked for in a recording as any known signal in noise is: by
a matched filter, with the music as the noise (`MotionEar`). The same turn at another rate is looked
for at no cost.

Conventions
-----------
* Recordings and turns are cepstra of frames (`dialin.measures.short_cepstra`).
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
Whittle, "Estimation and information in stationary time series", Arkiv foer Matematik (1953).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.measures.short_cepstra import SHORT, Floats, window_smear
from dialin.measures.smoothing import maximum_filter1d, median_filter, uniform_filter
from dialin.measures.turning import Turning

RATES_HZ = (0.08, 20.0)
RATE_STEP = 1.015
PHASES, FINE_PHASES = 80, 360
"""Phases of the oscillator that are tried: four for each turn of its highest harmonic."""

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

FEW, KEPT = 24, 12
"""Rates of one motion at which the places of its lines are not worth keeping, and sets of rates
whose lines are kept at hand: many motions are looked for at the same."""


@dataclass(frozen=True, eq=False)
class _Lines:
    """Where the lines of a motion lie at some rates.

    Each overtone has its own modulation frequencies; rates that lie nearest to one share it.

    Attributes
    ----------
    places : ndarray, shape (overtones, frequencies)
        In a transform, the last one repeated where an overtone has fewer.
    of_rates : ndarray, shape (rates, overtones)
        Which of its overtone's frequencies a rate's line is nearest to.
    smear : ndarray, float32, shape (rates, overtones)
        What frames leave of a line, times half their number; 0 beyond the transform's end.
    beside : ndarray, complex64, shape (rates, overtones)
        How the phase of a line turns with its distance from there.
    """

    places: NDArray[np.intp]
    of_rates: NDArray[np.intp]
    smear: NDArray[np.float32]
    beside: NDArray[np.complex64]


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
        self._known: OrderedDict[tuple[bytes, int], _Lines] = OrderedDict()

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
        around = median_filter(energy, AROUND * FINER)
        hertz = np.arange(energy.size, dtype=np.float64) * self._step
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
        drops, gains = self.drops_of([motion], rates, exactly=exactly)
        return drops[0], gains[0]

    def drops_of(
        self, motions: Sequence[Turning], rates: Floats | None = None, *, exactly: bool = False
    ) -> tuple[Floats, Floats]:
        """The same for several motions at once, which takes less time.

        Parameters
        ----------
        motions : sequence of Turning
            Of frames as long as these.
        rates : ndarray, optional
            In hertz; `rates` by default.
        exactly : bool, default False
            As of `drops`.

        Returns
        -------
        drops, gains : ndarray, shape (motions, rates)
        """
        rates = self.rates if rates is None else np.asarray(rates, dtype=np.float64)
        moves = self._stacked(motions, rates)
        lines = self._lines(rates, moves.shape[2], once=len(motions) == 1 and rates.size <= FEW)
        squares = moves.real**2 + moves.imag**2
        energy = self._products(self._inverse, squares, lines)
        power = 2 * (energy * lines.smear**2).sum(axis=2, dtype=np.float64)
        numbers = np.arange(1, moves.shape[2] + 1)
        phases = FINE_PHASES if exactly else PHASES
        turn = np.exp(2j * np.pi * np.outer(numbers, np.arange(phases) / phases))
        # The real part of a product, of numbers that lie side by side in memory.
        turn = np.stack([turn.real, -turn.imag], axis=1).reshape(-1, phases).astype(np.float32)
        shared = np.zeros(power.shape)
        turned = np.conj(moves)
        for weighted in self._weighted:
            if exactly:
                cross = self._between(weighted, turned, rates[:, None] * numbers)
            else:
                cross = self._products(weighted, turned, lines) * lines.beside
            cross = np.ascontiguousarray(cross * (2 * lines.smear), dtype=np.complex64)
            shared += (cross.view(np.float32) @ turn).max(axis=2)
        whole = power * len(self._weighted)
        gains = np.clip(shared / np.maximum(whole, 1e-12), 0.0, DEEPEST)
        return gains * (2 * shared - gains * whole), gains

    def _stacked(self, motions: Sequence[Turning], rates: Floats) -> NDArray[np.complex64]:
        """Lines of some motions, ``(motions, views, overtones, quefrencies)``.

        Without those that lie beyond the end of the transform at all rates.
        """
        # Views of mono and stereo that do not fit have only the first in common.
        views = min([self.views, *(m.lines.shape[0] for m in motions)])
        most = max(m.lines.shape[1] for m in motions)
        end = self._step * (self._inverse.shape[1] - 0.5)
        most = min(most, max(1, int(end / rates.min(initial=np.inf))))
        stacked = np.zeros((len(motions), views, most, self.quefrencies), dtype=np.complex64)
        for place, motion in zip(stacked, motions, strict=True):
            place[:, : motion.lines.shape[1]] = motion.lines[:views, :most]
        return stacked

    def _lines(self, rates: Floats, overtones: int, *, once: bool = False) -> _Lines:
        """Where lines lie, and what frames leave of them; kept unless it is asked for `once`."""
        key = rates.tobytes(), overtones
        lines = self._known.pop(key, None)
        if lines is None:
            hertz = rates[:, None] * np.arange(1, overtones + 1)
            bins, smear = self._nearest(hertz)
            beside = np.exp(-1j * np.pi * (hertz - bins * self._step) * self.seconds)
            places, which = bins.T, np.repeat(np.arange(rates.size)[:, None], overtones, axis=1)
            if not once:
                told = [np.unique(column, return_inverse=True) for column in bins.T]
                most = max(some.size for some, _ in told)
                places = np.stack([np.pad(p, (0, most - p.size), mode="edge") for p, _ in told])
                which = np.stack([order for _, order in told], axis=1)
            lines = _Lines(places, which, smear.astype(np.float32), beside.astype(np.complex64))
        if not once:
            self._known[key] = lines
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return lines

    def _nearest(self, hertz: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Nearest points of the transform, and what frames leave of lines at frequencies."""
        last = self._inverse.shape[1] - 1
        bins = np.round(hertz / self._step).astype(np.intp)
        smear = np.where(bins <= last, window_smear(hertz * self.frame), 0.0)
        return np.minimum(bins, last), smear * self.frames / 2

    def _products(self, planes: NDArray[Any], moves: NDArray[Any], lines: _Lines) -> NDArray[Any]:
        """Sums over views and quefrencies at the places of lines, ``(motions, rates, overtones)``.

        Planes are ``(views, frequencies, quefrencies)``, moves ``(motions, views, overtones,
        quefrencies)``.
        """
        count, views, overtones = moves.shape[:3]
        numbers = np.arange(overtones)
        if 2 * lines.places.shape[1] < planes.shape[1]:
            # For a few rates only few of the frequencies are needed.
            some = planes[:views][:, lines.places]
            products = (some @ moves.transpose(1, 2, 3, 0)).sum(axis=0)
            return np.asarray(products[numbers, lines.of_rates].transpose(2, 0, 1))
        products = np.zeros((planes.shape[1], count * overtones), dtype=moves.dtype)
        for view in range(views):
            products += planes[view] @ moves[:, view].reshape(-1, moves.shape[3]).T
        places = lines.places[numbers, lines.of_rates]
        every = products.reshape(-1, count, overtones)[places, :, numbers]
        return np.asarray(every.transpose(2, 0, 1))

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
        count, views, overtones = turned.shape[:3]
        products = np.zeros((needed.size, count * overtones), dtype=np.complex64)
        for view in range(views):
            products += weighted[view][needed] @ turned[:, view].reshape(-1, self.quefrencies).T
        smooth = products.reshape(-1, count, overtones) * middle[:, None, None]
        numbers = np.arange(overtones)[None, :, None]
        values = (smooth[where.reshape(bins.shape), :, numbers] * taps[..., None]).sum(axis=2)
        values = values * np.exp(-1j * np.pi * hertz * self.seconds)[..., None]
        return np.asarray(values.transpose(2, 0, 1))

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
        numbers = numbers[rate * numbers < self._step * (self._inverse.shape[1] - 2)]
        hertz = rate * numbers
        nearest, left = self._nearest(hertz)
        smear = left[:, None]
        lines = motion.lines[:views, : numbers.size]
        changes = [m.lines[:views, : numbers.size] - lines for m in moved]
        inverse = self._inverse[:views, nearest]
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
            rest = (data * turns[phase][:, None] - model).ravel()
            parts = columns - np.outer(
                (columns @ np.conj(turning_on)).real
                / max(np.vdot(turning_on, turning_on).real, 1e-12),
                turning_on,
            )
            square += (parts @ np.conj(parts).T).real
            wanted += (parts @ np.conj(rest)).real
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
        return np.asarray(self.spreads_of([motion], rates)[0])

    def spreads_of(self, motions: Sequence[Turning], rates: Floats) -> Floats:
        """The same for several motions at once, which takes less time.

        Parameters
        ----------
        motions : sequence of Turning
            Of frames as long as these.
        rates : ndarray
            In hertz.

        Returns
        -------
        ndarray, shape (motions, rates)
        """
        rates = np.asarray(rates, dtype=np.float64)
        moves = self._stacked(motions, rates)
        lines = self._lines(rates, moves.shape[2])
        best = np.zeros((len(motions), lines.smear.shape[0]))
        if not best.size:
            return best
        strength = _blurred(moves.real**2 + moves.imag**2)
        # As near each other as rates are that share a frequency, frames leave as much of them.
        hertz = np.asarray(lines.places * self._step, dtype=np.float64)
        smear = self._nearest(hertz)[1].astype(np.float32)
        dull = self._dull[:, lines.places] * (smear**2)[:, :, None]
        views = moves.shape[1]
        power = strength[:, :, :, None] * dull[:views]
        energy = self._energy[:views, lines.places]
        numbers = np.arange(moves.shape[2])
        for gain in GAINS:
            ratio = np.float32(gain**2) * power
            louder = 1 + ratio
            told = (energy * (ratio / louder) - np.log(louder)).sum(axis=(1, 4))
            every = told[:, numbers, lines.of_rates] * (lines.smear > 0)
            best = np.maximum(best, every.sum(axis=2, dtype=np.float64))
        return 2 * BLUR * self.stretches * best


def _blurred(values: Floats | NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over neighbouring quefrencies, the last axis."""
    count = values.shape[-1] // BLUR
    kept = values[..., : count * BLUR]
    return np.asarray(kept.reshape(*kept.shape[:-1], count, BLUR).mean(axis=-1), dtype=np.float32)


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
