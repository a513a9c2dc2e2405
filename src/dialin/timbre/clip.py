"""What several attributes need from a clip, each part computed once and only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import peak_of
from dialin.audio.gate import samples_of
from dialin.errors import AudioError
from dialin.timbre.blocks import frame_spans, hold_envelope, spans
from dialin.timbre.filters import butterworth_section
from dialin.timbre.kernels import kernels
from dialin.timbre.loudness import FRAME, integrated_loudness, loudness_frames, specific_loudness
from dialin.timbre.resampling import resample
from dialin.timbre.spectra import onset_strength
from dialin.timbre.streams import Blocks, LoudnessMeter, resampled
from dialin.timbre.tables import LOUDNESS_TARGET, RATE

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MIN_RATE = 8_000
MAX_RATE = 768_000
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
    return samples_of(audio, np.float64), int(rate)


LONG = 120 * RATE
"""Samples at 44.1 kHz beyond which a clip is worked on in blocks.

Single precision is then enough for what is only compared or summed: see docs/timbre.md for what it
changes.
"""

WARM = 2 * RATE
"""Samples after which the filters have forgotten what was before (20 Hz: to 1 in 10^70)."""


class TimbreClip:
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

    @property
    def is_long(self) -> bool:
        """Whether it is worked on in blocks."""
        return self.samples.size > LONG

    def forget(self) -> None:
        """Let go of what is large and can be made again, where the clip is long."""
        if "samples" in vars(self) and self.is_long:
            for name in set(vars(self)) & {"_tree", "_stem", "envelope", "highpassed_single"}:
                del vars(self)[name]

    @cached_property
    def _tree(self) -> tuple[Floats, Singles]:
        stem, twigs = _filter_tree(self.samples)
        peak = peak_of(stem)
        if not peak > 0.0:
            raise Meaningless("no sound above 20 Hz")
        stem /= peak
        twigs *= np.float32(1.0 / peak)
        return stem, twigs

    @cached_property
    def _stem(self) -> tuple[Singles, float]:
        """`highpassed` of a long clip, in single precision, and the peak it was divided by."""
        filtered = np.empty(self.samples.size, dtype=np.float32)
        peak = 0.0
        for first, last in spans(filtered.size, LONG // 4):
            begin = max(first - WARM, 0)
            part = _filter_tree(self.samples[begin:last])[0][first - begin :]
            peak = max(peak, peak_of(part))
            filtered[first:last] = part
        if not peak > 0.0:
            raise Meaningless("no sound above 20 Hz")
        filtered *= np.float32(1.0 / peak)
        return filtered, peak

    @property
    def highpassed(self) -> NDArray[Any]:
        """`samples` above 20 Hz (third order of second-order sections), peak 1."""
        return self._stem[0] if self.is_long else self._tree[0]

    @cached_property
    def highpassed_single(self) -> Singles:
        """`highpassed` in single precision."""
        return self.highpassed.astype(np.float32, copy=False)

    def branches(self, hop: int, length: int) -> Iterator[tuple[Singles, Singles]]:
        """`highpassed`, and what is left of it by four filters, for blocks of frames.

        Parameters
        ----------
        hop, length : int
            Of the frames, in samples.

        Yields
        ------
        stem : ndarray, float32, shape (samples,)
            As many whole frames as a block has.
        twigs : ndarray, float32, shape (4, samples)
            Above 2 kHz, above 100 Hz, below 2 kHz, below 500 Hz.
        """
        if not self.is_long:
            yield self.highpassed_single, self._tree[1]
            return
        scale = np.float32(1.0 / self._stem[1])
        for _, _, part in frame_spans(self.samples.size, hop, length):
            pieces = np.empty((4, part.stop - part.start), dtype=np.float32)
            for first, last in spans(pieces.shape[1], LONG // 4):
                begin = max(part.start + first - WARM, 0)
                skip = part.start + first - begin
                twigs = _filter_tree(self.samples[begin : part.start + last])[1]
                pieces[:, first:last] = twigs[:, skip:]
            pieces *= scale
            yield self.highpassed_single[part], pieces

    @cached_property
    def _loudness(self) -> tuple[Floats, Floats, Floats]:
        blocks = []
        # The last block has what does not fill a frame; see `loudness_frames`.
        for first, last in spans(self.samples.size // FRAME, 1024):
            whole = last < self.samples.size // FRAME
            part = self.samples[first * FRAME : last * FRAME if whole else None]
            frames = loudness_frames(part)[: last - first if whole else None]
            blocks.append((*specific_loudness(frames), np.sqrt(np.mean(frames * frames, axis=1))))
        if len(blocks) == 1:
            return blocks[0]
        specific, total, rms = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return specific, total, rms

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
    def envelope(self) -> NDArray[Any]:
        """Hold-envelope that falls from the peak to zero in 0.1 s: (samples,)."""
        peak = peak_of(self.samples)
        return hold_envelope(self.samples, HOLD, peak / (0.1 * RATE), LONG)

    @cached_property
    def strength(self) -> Floats:
        """Onset strength of `samples`, dB a hop: (frames,)."""
        return onset_strength(self.samples)


class StreamedClip(TimbreClip):
    """A clip that is never in memory as it is: see `dialin.timbre.streams`.

    Parameters
    ----------
    blocks : callable
        Gives the recording's blocks, ``(channels, samples)``, from its start, each time anew.
    sample_rate : int
    channels, frames : int
        How many there are.
    """

    def __init__(self, blocks: Blocks, sample_rate: float, channels: int, frames: int) -> None:
        self._blocks, self.count, self.frames = blocks, channels, frames
        self.rate = check(np.zeros((channels, 1)), sample_rate)[1]

    @cached_property
    def seconds(self) -> float:
        """Duration."""
        return float(self.frames / self.rate)

    @cached_property
    def top(self) -> float:
        """Largest magnitude of any channel."""
        return max(
            (max(float(b.max()), -float(b.min())) for b in self._blocks() if b.size), default=0.0
        )

    def halves(self, channel: int) -> Floats:
        """Every second sample of a channel at 44.1 kHz.

        Parameters
        ----------
        channel : int
            Its index.

        Returns
        -------
        ndarray, float64, shape (samples,)
            At 22.05 kHz.
        """
        parts = (block[channel].astype(np.float64) for block in self._blocks())
        expected = -(-self.frames * RATE // self.rate)
        return resampled(parts, self.rate, RATE, expected)[::2].copy()

    @cached_property
    def samples(self) -> Floats:
        """See `TimbreClip.samples`."""
        if self.top == 0.0:
            raise Meaningless("silence: every sample is zero")
        meter, peak = LoudnessMeter(self.rate), 0.0

        def mono() -> Iterator[Floats]:
            nonlocal peak
            for block in self._blocks():
                part = block.astype(np.float64)
                x = part[0] if len(part) == 1 else part.sum(axis=0)
                meter.add(x)
                peak = max(peak, peak_of(x))
                yield x

        whole = resampled(mono(), self.rate, RATE, -(-self.frames * RATE // self.rate))
        if peak == 0.0:
            raise Meaningless("silence: the channels cancel when summed")
        loudness = meter.loudness()
        if np.isinf(loudness):
            raise Meaningless("too quiet: no part of the clip reaches -70 LUFS")
        gain = float(10.0 ** ((LOUDNESS_TARGET - loudness) / 20.0))
        whole *= gain / max(1.0, peak * gain)
        return whole


def _filter_tree(x: Floats) -> tuple[Floats, Singles]:
    """`x` above 20 Hz, and what four more filters leave of that, from silence."""
    trunk = butterworth_section(20.0, "high", RATE)
    branches = [
        butterworth_section(2000.0, "high", RATE),
        butterworth_section(100.0, "high", RATE),
        butterworth_section(2000.0, "low", RATE),
        butterworth_section(500.0, "low", RATE),
    ]
    stem, twigs = kernels.filter_tree(x, trunk, branches)
    return stem, twigs


def value_of(
    attribute: Callable[[TimbreClip], float], clip: TimbreClip
) -> tuple[float, str | None]:
    """Value of one attribute, or NaN and the reason why it has none.

    Parameters
    ----------
    attribute : callable
        One of the functions named ``*_of`` in `dialin.timbre.attributes`.
    clip : TimbreClip
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
