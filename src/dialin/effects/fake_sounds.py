"""What the good test doubles do: their knobs, and what each makes of audio.

`dialin.effects.fake` describes them and makes effects of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dialin.audio import Audio
from dialin.effects.parameter import Parameter

Native = dict[str, float]
"""Values of knobs in their own units, by id."""

GAIN = Parameter("gain", "Gain", "dB", -24.0, 24.0, 0.0, neutral=0.0)
_MIX = Parameter("mix", "Mix", "%", 0.0, 100.0, 100.0, neutral=0.0)


def _amplitude(db: float) -> float:
    return float(10.0 ** (db / 20.0))


def gain(audio: Audio, sample_rate: int, native: Native) -> Audio:
    """Louder or quieter; what every bad double does where it behaves.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    native : dict of str to float
        ``gain`` in dB.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    wet: Audio = audio * np.float32(_amplitude(native["gain"]))
    return wet


def _tilt(audio: Audio, sample_rate: int, native: Native) -> Audio:
    # The response of a one-pole low-pass, applied by FFT with room for its decay, so that the
    # result is causal and needs no loop over samples.
    samples = audio.shape[1]
    decay = np.exp(-2.0 * np.pi * native["cutoff"] / sample_rate)
    room = int(np.ceil(np.log(1e-8) / np.log(decay)))
    size = 1 << int(np.ceil(np.log2(samples + room)))
    low = (1.0 - decay) * decay ** np.arange(min(samples, size), dtype=np.float64)
    filtered = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(low, size), size)[:, :samples]
    down, up = _amplitude(-native["tilt"] / 2), _amplitude(native["tilt"] / 2)
    return (down * filtered + up * (audio - filtered)).astype(np.float32)


def _drive(audio: Audio, sample_rate: int, native: Native) -> Audio:
    shaped = np.tanh(audio * _amplitude(native["drive"])) * _amplitude(native["level"])
    mix = native["mix"] / 100.0
    wet: Audio = ((1.0 - mix) * audio + mix * shaped).astype(np.float32)
    return wet


def _echo(audio: Audio, sample_rate: int, native: Native) -> Audio:
    lag = max(1, round(native["time"] / 1000.0 * sample_rate))
    samples = audio.shape[1]
    echoes = np.zeros(audio.shape, np.float64)
    level, start = 1.0, lag
    while start < samples and level > 1e-6:
        echoes[:, start:] += level * audio[:, : samples - start]
        level *= native["feedback"] / 100.0
        start += lag
    return (audio + native["mix"] / 100.0 * echoes).astype(np.float32)


def _sync(audio: Audio, sample_rate: int, native: Native) -> Audio:
    """One echo, a number of sixteenths later."""
    lag = round(native["steps"] * 15.0 / native["bpm"] * sample_rate)
    late = np.zeros_like(audio)
    late[:, lag:] = audio[:, : max(0, audio.shape[1] - lag)]
    wet: Audio = audio + np.float32(native["mix"] / 100.0) * (late - audio)
    return wet


def _room(audio: Audio, sample_rate: int, native: Native) -> Audio:
    """Twelve reflections at fixed multiples of the size, some of them upside down."""
    wet = np.zeros(audio.shape, np.float64)
    for number, multiple in enumerate(_REFLECTIONS):
        lag = max(1, round(native["size"] * multiple / 1000.0 * sample_rate))
        if lag >= audio.shape[1]:
            break
        level = 0.85**number * (-1.0 if number % 3 == 2 else 1.0)
        wet[:, lag:] += level * audio[:, : audio.shape[1] - lag]
    return (audio + native["mix"] / 100.0 * wet).astype(np.float32)


def _ring(audio: Audio, sample_rate: int, native: Native) -> Audio:
    turns = native["frequency"] / sample_rate * np.arange(audio.shape[1])
    wet = audio * np.cos(2 * np.pi * turns)
    mix = native["mix"] / 100.0
    return np.asarray((1.0 - mix) * audio + mix * wet, dtype=np.float32)


_REFLECTIONS = (1.0, 1.17, 1.43, 1.71, 1.93, 2.23, 2.59, 2.83, 3.29, 3.61, 4.07, 4.43)


def _mode(audio: Audio, sample_rate: int, native: Native) -> Audio:
    pushed = audio.astype(np.float64) * _amplitude(native["amount"])
    shapes: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
        lambda x: x,
        np.tanh,
        lambda x: np.clip(x, -1.0, 1.0),
        lambda x: np.sin(x * np.pi / 2),
    )
    return shapes[round(native["mode"])](pushed).astype(np.float32)


GOOD: dict[str, tuple[tuple[Parameter, ...], Callable[[Audio, int, Native], Audio]]] = {
    "gain": ((GAIN,), gain),
    "tilt": (
        (
            Parameter("cutoff", "Cutoff", "Hz", 100.0, 10_000.0, 1_000.0, "log"),
            Parameter("tilt", "Tilt", "dB", -12.0, 12.0, 0.0, neutral=0.0),
        ),
        _tilt,
    ),
    "drive": (
        (
            Parameter("drive", "Drive", "dB", 0.0, 40.0, 12.0),
            Parameter("level", "Level", "dB", -24.0, 6.0, 0.0),
            _MIX,
        ),
        _drive,
    ),
    "echo": (
        (
            Parameter("time", "Time", "ms", 1.0, 500.0, 250.0, "log"),
            Parameter("feedback", "Feedback", "%", 0.0, 90.0, 30.0),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _echo,
    ),
    "sync": (
        (
            Parameter(
                *("steps", "Steps", "", 1.0, 8.0, 4.0, "stepped"),
                labels=tuple(f"{n}/16" for n in range(1, 9)),
                steps=8,
            ),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _sync,
    ),
    "room": (
        (
            Parameter("size", "Size", "ms", 5.0, 60.0, 20.0),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 30.0, neutral=0.0),
        ),
        _room,
    ),
    "ring": (
        (
            Parameter("frequency", "Frequency", "Hz", 50.0, 5_000.0, 440.0, "log"),
            Parameter("mix", "Mix", "%", 0.0, 100.0, 50.0, neutral=0.0),
        ),
        _ring,
    ),
    "mode": (
        (
            Parameter(
                "mode",
                "Mode",
                "",
                0.0,
                3.0,
                0.0,
                "stepped",
                labels=("Clean", "Soft", "Hard", "Fold"),
                steps=4,
            ),
            Parameter("amount", "Amount", "dB", 0.0, 24.0, 0.0),
        ),
        _mode,
    ),
}
"""Knobs and function of each good one."""
