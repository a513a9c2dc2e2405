"""What several attributes need from a clip, each part computed once and only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.errors import AudioError
from dialin.timbre.filters import butterworth_section
from dialin.timbre.kernels import kernels
from dialin.timbre.loudness import integrated_loudness, loudness_frames, specific_loudness
from dialin.timbre.resampling import resample
from dialin.timbre.spectra import onset_strength
from dialin.timbre.tables import LOUDNESS_TARGET, RATE

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MIN_RATE = 8_000
MAX_RATE = 768_000
MAX_CHANNELS = 64
HOLD = int(0.010 * RATE)
SHORTEST = 0.09


class Meaningless(Exception):
    """An attribute has no meaning for a clip; the message is the reason given to the user."""


def check(audio: Any, sample_rate: float) -> tuple[Floats, int]:
    """Return audio as float64 (channels, samples) and its rate, or raise `AudioError`.

    Integers are scaled by their type's full scale. One dimension means mono.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type, 64 channels at most.
    sample_rate : float
        In hertz; a whole number from 8,000 to 768,000.

    Returns
    -------
    (ndarray, int)
        The samples, shape (channels, samples), and the rate in hertz.

    Raises
    ------
    AudioError
        If the rate or the shape will not do, or a sample is no finite real number.
    """
    rate = float(sample_rate)
    if not (np.isfinite(rate) and rate == int(rate) and MIN_RATE <= rate <= MAX_RATE):
        raise AudioError(
            f"a sample rate of {sample_rate!r} Hz cannot be used: timbre wants a whole number "
            f"from {MIN_RATE} to {MAX_RATE} Hz"
        )
    array = np.asarray(audio)
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2:
        raise AudioError(f"audio must have shape (channels, samples), not {array.shape}")
    if array.size == 0:
        raise AudioError(f"audio is empty: its shape is {array.shape}")
    if array.shape[0] > MAX_CHANNELS:
        raise AudioError(
            f"audio has {array.shape[0]} channels of {array.shape[1]} samples; "
            "timbre wants (channels, samples), so transpose it with .T"
        )
    if array.dtype.kind in "iu":
        half = 2.0 ** (8 * array.dtype.itemsize - 1)
        array = array.astype(np.float64)
        array = (array - half if np.asarray(audio).dtype.kind == "u" else array) / half
    elif array.dtype.kind != "f":
        raise AudioError(f"audio must hold real numbers, not {array.dtype}")
    result = np.ascontiguousarray(array, dtype=np.float64)
    finite = np.isfinite(result)
    if not finite.all():
        channel, sample = np.argwhere(~finite)[0]
        raise AudioError(
            f"audio has {int((~finite).sum())} samples that are not finite; the first is "
            f"{result[channel, sample]} at channel {channel}, sample {sample} of {array.shape}"
        )
    return result, int(rate)


def peak_of(x: Floats) -> float:
    """Largest magnitude.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        One sample at least.

    Returns
    -------
    float
        0 or more.
    """
    return max(float(x.max()), -float(x.min()))


class Clip:
    """One checked clip and the intermediate quantities of its attributes.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        8000 Hz or more.
    """

    def __init__(self, audio: Any, sample_rate: float) -> None:
        self.channels, self.rate = check(audio, sample_rate)

    @cached_property
    def seconds(self) -> float:
        """Duration."""
        return float(self.channels.shape[1] / self.rate)

    @cached_property
    def samples(self) -> Floats:
        """Mono at 44.1 kHz and -24 LUFS, or quieter where that would put peaks over 1.

        Channels are summed, as the reference does for two (it drops all beyond the third).

        Raises
        ------
        Meaningless
            If there is no sound, or all of it is under the gate of -70 LUFS.
        """
        if self.seconds < SHORTEST:
            raise Meaningless(
                f"too short: {self.seconds * 1e3:.3g} ms, "
                f"at least {SHORTEST * 1e3:.0f} ms are needed"
            )
        top = peak_of(self.channels)
        if top == 0.0:
            raise Meaningless("silence: every sample is zero")
        # Far outside full scale squares would overflow or vanish; the loudness sees only a shift.
        scale = 1.0 if 1e-100 < top < 1e100 else 1.0 / top
        channels = self.channels if scale == 1.0 else self.channels * scale
        mono = channels[0] if len(channels) == 1 else channels.sum(axis=0)
        if not mono.any():
            raise Meaningless("silence: the channels cancel when summed")
        loudness = integrated_loudness(mono, self.rate)
        if np.isinf(loudness):
            raise Meaningless("too quiet: no part of the clip reaches -70 LUFS")
        x = mono * 10.0 ** ((LOUDNESS_TARGET - loudness) / 20.0)
        peak = peak_of(x)
        if peak > 1.0:
            x /= peak
        return resample(x, self.rate, RATE)

    @cached_property
    def _tree(self) -> tuple[Floats, Singles]:
        trunk = butterworth_section(20.0, "high", RATE)
        branches = [
            butterworth_section(2000.0, "high", RATE),
            butterworth_section(100.0, "high", RATE),
            butterworth_section(2000.0, "low", RATE),
            butterworth_section(500.0, "low", RATE),
        ]
        stem, twigs = kernels.filter_tree(self.samples, trunk, branches)
        peak = peak_of(stem)
        if not peak > 0.0:
            raise Meaningless("no sound above 20 Hz")
        stem /= peak
        twigs *= np.float32(1.0 / peak)
        return stem, twigs

    @property
    def highpassed(self) -> Floats:
        """`samples` above 20 Hz (third order of second-order sections), peak 1."""
        return self._tree[0]

    @cached_property
    def highpassed_single(self) -> Singles:
        """`highpassed` in single precision."""
        return self.highpassed.astype(np.float32)

    @property
    def above_2k(self) -> Singles:
        """`highpassed` above 2 kHz, on its scale."""
        return np.asarray(self._tree[1][0])

    @property
    def above_100(self) -> Singles:
        """`highpassed` above 100 Hz, on its scale."""
        return np.asarray(self._tree[1][1])

    @property
    def below_2k(self) -> Singles:
        """`highpassed` below 2 kHz, on its scale."""
        return np.asarray(self._tree[1][2])

    @property
    def below_500(self) -> Singles:
        """`highpassed` below 500 Hz, on its scale."""
        return np.asarray(self._tree[1][3])

    @cached_property
    def _loudness(self) -> tuple[Floats, Floats, Floats]:
        frames = loudness_frames(self.samples)
        specific, total = specific_loudness(frames)
        return specific, total, np.sqrt(np.mean(frames * frames, axis=1))

    @property
    def specific(self) -> Floats:
        """Specific loudness, sone/Bark: (frames, 240) at 0.1 ... 24 Bark."""
        return self._loudness[0]

    @property
    def sone(self) -> Floats:
        """Total loudness of each frame, sone: (frames,)."""
        return self._loudness[1]

    @property
    def frame_rms(self) -> Floats:
        """Root mean square of each loudness frame: (frames,)."""
        return self._loudness[2]

    @cached_property
    def envelope(self) -> Floats:
        """Hold-envelope that falls from the peak to zero in 0.1 s: (samples,)."""
        peak = peak_of(self.samples)
        return np.asarray(kernels.hold_envelope(self.samples, HOLD, peak / (0.1 * RATE)))

    @cached_property
    def strength(self) -> Floats:
        """Onset strength of `samples`, dB a hop: (frames,)."""
        return onset_strength(self.samples)


def value_of(attribute: Callable[[Clip], float], clip: Clip) -> tuple[float, str | None]:
    """Value of one attribute, or NaN and the reason why it has none.

    Parameters
    ----------
    attribute : callable
        One of the functions named ``*_of`` in `dialin.timbre.attributes`.
    clip : Clip
        The prepared clip.

    Returns
    -------
    (float, str or None)
    """
    try:
        value = float(attribute(clip))
    except Meaningless as reason:
        return float("nan"), str(reason)
    if not np.isfinite(value):
        return float("nan"), "an input of its regression is not finite"
    return value, None
