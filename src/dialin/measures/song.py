"""What a whole song sounds like, second by second, in one pass and little memory.

Conventions
-----------
* Spectra are power densities (mean power of a bin of an FFT of `FFT` samples at the song's own
  rate, Hann windows, half overlapping) in bands of a twelfth of an octave around `band_centres`,
  of the middle (half the sum of left and right) and the side (half their difference).
* A *segment* is `FRAMES` frames, about a second. Levels over time are of 50 ms blocks, K-weighted
  (ITU-R BS.1770-4), summed over the channels.
* One channel is its own middle and has no side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, peak_of, power_to_db, to_db
from dialin.audio import fourier as sfft
from dialin.audio.biquads import Biquads
from dialin.audio.excerpts import music_blocks
from dialin.audio.levels import gated_loudness, k_sections
from dialin.measures.level import SILENCE_DB

Values = NDArray[np.float64]

FFT = 8192
FRAMES = 11
BLOCK_SECONDS = 0.05
LOWEST, HIGHEST = -68, 52
"""Bands, in twelfths of an octave from 1 kHz: 20 Hz to 20 kHz."""

FADE_LEAST, FADE_SLOPE, FADE_SPREAD = 2.0, 0.5, 4.0
"""A fade is longer than so many seconds, changes by so many decibels a second, and strays from a
straight line by so many at most."""

FADED = 6.0
"""Decibels below the median from which a beginning or an end may be a fade."""


def band_centres() -> Values:
    """Centres of the bands in hertz, ``(121,)``."""
    return np.asarray(1000.0 * 2.0 ** (np.arange(LOWEST, HIGHEST + 1) / 12.0))


def momentary_power(power: Values) -> Values:
    """Powers of 400 ms that overlap by three quarters, of those of 50 ms.

    Parameters
    ----------
    power : ndarray, float64, shape (blocks,)
        Of blocks of 50 ms.

    Returns
    -------
    ndarray, float64, shape (windows,)
        At least one.
    """
    padded = np.pad(power, (0, max(0, 8 - power.size)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 8)[::2]
    return np.asarray(windows.mean(axis=1))


@dataclass(frozen=True, eq=False)
class SongFacts:
    """What `SongMeter` found.

    Attributes
    ----------
    sample_rate, channels, samples : int
    middle, side : ndarray, float64, shape (segments, bands)
        Power densities; see above.
    frames : ndarray, shape (segments,)
        Frames in each.
    power : ndarray, float64, shape (blocks,)
        K-weighted, of 50 ms.
    square : float
        Mean square over samples and channels.
    peak : float
        Largest sample.
    """

    sample_rate: int
    channels: int
    samples: int
    middle: Values
    side: Values
    frames: Values
    power: Values
    square: float
    peak: float

    @property
    def loudness(self) -> float:
        """Integrated, in LUFS."""
        return gated_loudness(momentary_power(self.power))

    @property
    def crest_db(self) -> float:
        """Peak over RMS."""
        return float(to_db(self.peak, SILENCE_DB) - power_to_db(self.square, SILENCE_DB))

    @property
    def music(self) -> NDArray[np.bool_]:
        """Which blocks of 50 ms are music: no silence, no count-in, no fade."""
        level = 10 * np.log10(self.power + 1e-12)
        active = np.array(music_blocks(level))
        blocks = np.flatnonzero(active)
        if not blocks.size:
            return active
        first, last = int(blocks[0]), int(blocks[-1]) + 1
        first += _faded(level[first:last])
        last -= _faded(level[first:last][::-1])
        active[:first] = active[last:] = False
        return active

    @property
    def music_segments(self) -> NDArray[np.bool_]:
        """The same for segments; all where no segment is music for the most part."""
        music = self.music.astype(np.float64)
        ends = np.cumsum(self.frames) * (FFT // 2) / self.sample_rate / BLOCK_SECONDS
        starts = np.concatenate([[0.0], ends[:-1]])
        sums = np.concatenate([[0.0], np.cumsum(music)])
        low = np.minimum(starts.astype(int), music.size)
        high = np.clip(np.ceil(ends).astype(int), low, music.size)
        share = (sums[high] - sums[low]) / np.maximum(high - low, 1)
        mostly = share >= 0.5
        return np.asarray(mostly) if mostly.any() else np.ones(mostly.size, dtype=bool)


def _faded(level: Values) -> int:
    """Blocks at the beginning of some levels that are a fade-in."""
    second = round(1 / BLOCK_SECONDS)
    if level.size < 4 * second:
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(level, second)
    there = np.flatnonzero(np.median(windows, axis=1) >= np.median(level) - FADED)
    count = int(there[0]) if there.size else 0
    if count < FADE_LEAST * second or count > level.size // 2:
        return 0
    seconds = np.arange(count) * BLOCK_SECONDS
    slope, start = np.polyfit(seconds, level[:count], 1)
    stray = np.std(level[:count] - slope * seconds - start)
    return count if slope >= FADE_SLOPE and stray <= FADE_SPREAD else 0


@dataclass(eq=False)
class SongMeter:
    """Listens to a song block by block.

    Attributes
    ----------
    sample_rate : int
        In hertz.
    spectra : bool
        Whether spectra are wanted; levels alone take half the time.
    """

    sample_rate: int
    spectra: bool = True
    _rest: Audio | None = field(default=None, repr=False)
    _middle: list[Values] = field(default_factory=list, repr=False)
    _side: list[Values] = field(default_factory=list, repr=False)
    _frames: list[int] = field(default_factory=list, repr=False)
    _power: list[Values] = field(default_factory=list, repr=False)
    _tail: Audio = field(default_factory=lambda: np.zeros(0, dtype=np.float32), repr=False)

    def __post_init__(self) -> None:
        self._channels = self._samples = 0
        self._peak = self._square = 0.0
        self._filter: Biquads | None = None
        self._length = max(1, round(BLOCK_SECONDS * self.sample_rate))
        self._bands = _band_matrix(self.sample_rate)
        # A periodic Hann window.
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)

    def feed(self, block: Audio) -> None:
        """Listen to the next samples.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            Of the same number of channels each time.
        """
        if not block.shape[1]:
            return
        self._channels = block.shape[0]
        self._samples += block.shape[1]
        self._peak = max(self._peak, peak_of(block))
        if self._filter is None:
            self._filter = Biquads(k_sections(self.sample_rate), block.shape[0])
        # A minute at a time would double the memory of a song.
        for start in range(0, block.shape[1], 1 << 17):
            self._levels(block[:, start : start + (1 << 17)])
        if self.spectra:
            self._spectra(block)

    def _levels(self, block: Audio) -> None:
        self._square += sum(float(np.dot(c, c)) for c in block)
        assert self._filter is not None
        heard = self._filter(block)
        power = np.einsum("ij,ij->j", heard, heard)
        whole = np.concatenate([self._tail, power])
        count = whole.size // self._length
        self._tail = whole[count * self._length :]
        if count:
            cut = whole[: count * self._length].reshape(count, self._length)
            self._power.append(cut.mean(axis=1, dtype=np.float64))

    def _spectra(self, block: Audio) -> None:
        first, last = block[0], block[1] if block.shape[0] > 1 else block[0]
        pair = np.stack([first + last, first - last]) * np.float32(0.5)
        if self._rest is not None:
            pair = np.concatenate([self._rest, pair], axis=1)
        hop = FFT // 2
        step = hop * FRAMES
        start = 0
        while pair.shape[1] - start >= step + hop:
            self._segment(pair[:, start : start + step + hop])
            start += step
        self._rest = pair[:, start:].copy()

    def _segment(self, pair: Audio) -> None:
        views = np.lib.stride_tricks.sliding_window_view(pair, FFT, axis=1)[:, :: FFT // 2]
        if self._channels < 2:
            views = views[:1]
        spectra = sfft.rfft(views * self._window, axis=2)
        power = np.mean(np.square(spectra.real) + np.square(spectra.imag), axis=1)
        bands = power.astype(np.float64) @ self._bands
        self._middle.append(bands[0])
        self._side.append(bands[1] if len(bands) > 1 else np.zeros(bands.shape[1]))
        self._frames.append(views.shape[1])

    def finish(self) -> SongFacts:
        """What was heard; an end that fills no frame counts where there is nothing else."""
        if self.spectra and self._rest is not None:
            rest = self._rest
            if rest.shape[1] < FFT and not self._frames:
                rest = np.pad(rest, ((0, 0), (0, FFT - rest.shape[1])))
            if rest.shape[1] >= FFT:
                self._segment(rest)
        power = np.concatenate(self._power) if self._power else np.zeros(0)
        if not power.size and self._tail.size:
            power = np.array([self._tail.mean(dtype=np.float64)])
        bands = band_centres().size
        return SongFacts(
            sample_rate=self.sample_rate,
            channels=self._channels,
            samples=self._samples,
            middle=np.array(self._middle).reshape(-1, bands),
            side=np.array(self._side).reshape(-1, bands),
            frames=np.array(self._frames, dtype=np.float64),
            power=power,
            square=self._square / max(1, self._samples * self._channels),
            peak=self._peak,
        )


def _band_matrix(sample_rate: int) -> Values:
    """Weights of bins for the mean density in each band, ``(bins, bands)``."""
    bins = 1 + FFT // 2
    edges = np.arange(bins + 1) - 0.5
    centres = band_centres() / sample_rate * FFT
    low, high = centres * 2 ** (-1 / 24), centres * 2 ** (1 / 24)
    inside = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    weights = np.maximum(inside, 0.0)
    total = weights.sum(axis=0)
    return np.asarray(weights / np.where(total > 0, total, 1.0))


def measure_song(audio: Audio, sample_rate: int, *, spectra: bool = True) -> SongFacts:
    """Facts of a song in memory.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    spectra : bool, default True
        Whether spectra are wanted.

    Returns
    -------
    SongFacts
    """
    meter = SongMeter(sample_rate, spectra)
    for start in range(0, audio.shape[1], 1 << 20):
        meter.feed(audio[:, start : start + (1 << 20)])
    return meter.finish()
