"""How dynamics answer a sudden change of level: by how much, and how fast.

A sine steps up by `STEP_DB` and down again. Its level in the output over that in the input is the
gain. Where the gain ends up elsewhere than it was, the time after which 63 % of that change (in dB)
is done is the attack, and the same after the step down the release: for a gain that follows an
exponential in dB these are its time constants (Giannoulis, Massberg and Reiss, "Digital dynamic
range compressor design", JAES 60(6), 2012, section 2). What a plugin calls attack may be defined
otherwise; found and true setting are measured alike. What bends at once, such as drive, is no
dynamics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio

HERTZ = 2_000.0
LOW_DBFS, STEP_DB = -32.0, 26.0
LEAD_SECONDS, LOUD_SECONDS, SOFT_SECONDS = 1.0, 1.5, 4.0
"""Before the step up, between the two, and after the step down."""

WINDOW_SECONDS = 0.001
"""Over which a level is measured, and so the shortest time that is told."""

LEAST_DB = 1.0
"""Change of the gain from which there are dynamics."""

DONE = 1.0 - float(np.exp(-1.0))
"""Share of a change that is done after one time constant."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Answer to a step of level.

    Attributes
    ----------
    step : float
        Change of the gain in dB that loud sound ends up with: below 0 it is compressed.
    attack, release : float
        Milliseconds until 63 % of the change is done, after the step up and down; NaN where the
        gain stays.
    """

    step: float
    attack: float
    release: float

    @property
    def moves(self) -> bool:
        """Whether the gain follows the level by 1 dB or more, and takes its time."""
        slow = np.nanmax([self.attack, self.release, 0.0]) > 2000 * WINDOW_SECONDS
        return bool(abs(self.step) >= LEAST_DB and slow)


def level_step(sample_rate: int, channels: int = 1) -> Audio:
    """A sine at -32 dBFS, 26 dB louder for a while, and as before.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int, default 1
        All alike.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    counts = [round(s * sample_rate) for s in (LEAD_SECONDS, LOUD_SECONDS, SOFT_SECONDS)]
    level = np.repeat(10 ** (np.array([0.0, STEP_DB, 0.0]) / 20), counts)
    phase = 2 * np.pi * _hertz(sample_rate) / sample_rate * np.arange(level.size)
    wave = 10 ** (LOW_DBFS / 20) * level * np.sin(phase)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def measure_steps(output: Audio, sample_rate: int) -> Steps:
    """Measure what came of `level_step`.

    Parameters
    ----------
    output : ndarray, float32, shape (channels, samples)
        The effect's answer, latency compensated.
    sample_rate : int
        In hertz.

    Returns
    -------
    Steps
        NaN throughout where nothing came out.
    """
    nan = float("nan")
    gain, step = _gain(output, sample_rate)
    up, down = round(LEAD_SECONDS / step), round((LEAD_SECONDS + LOUD_SECONDS) / step)
    end = round((LEAD_SECONDS + LOUD_SECONDS + SOFT_SECONDS) / step)
    if not np.isfinite(gain).all() or len(gain) < end - 2:
        return Steps(nan, nan, nan)
    tenth = round(0.1 / step)
    # A gain that is still falling from before the step says nothing of it.
    soft = float(np.median(gain[up - tenth : up - 2]))
    loud = float(np.median(gain[down - tenth : down - 2]))
    change = loud - soft
    if abs(change) < LEAST_DB:
        return Steps(change, nan, nan)
    attack = _until((gain[up:down] - soft) / change, DONE, step)
    rest = float(np.median(gain[-tenth:]))
    release = _until((gain[down:] - loud) / (rest - loud), DONE, step) if rest != loud else nan
    return Steps(change, attack, release)


def _hertz(sample_rate: int) -> float:
    """Frequency of the sine: two turns or more in a window, a whole number of samples each."""
    return sample_rate / max(4, round(sample_rate / HERTZ))


def _gain(output: Audio, sample_rate: int) -> tuple[Floats, float]:
    """Gain of the sine in dB, a value for each `WINDOW_SECONDS`; and how far apart they are."""
    turn = round(sample_rate / _hertz(sample_rate))
    size = turn * max(1, round(WINDOW_SECONDS * sample_rate / turn))
    wave = level_step(sample_rate, 1)
    heard = output.astype(np.float64)
    carrier = np.exp(-2j * np.pi * _hertz(sample_rate) / sample_rate * np.arange(wave.shape[1]))

    def levels(sound: Floats) -> Floats:
        count = min(sound.shape[1], carrier.size) // size
        mixed = (sound[:, : count * size] * carrier[: count * size]).reshape(
            len(sound), count, size
        )
        return np.asarray(np.sqrt((np.abs(mixed.mean(axis=2)) ** 2).mean(axis=0)))

    out, own = levels(heard), levels(wave.astype(np.float64))
    floor = 1e-9
    gain = 20 * np.log10(np.maximum(out, floor) / np.maximum(own[: out.size], floor))
    if float(out.max(initial=0.0)) <= 10 * floor:
        gain[:] = np.nan
    return gain, size / sample_rate


def _until(share: Floats, wanted: float, step: float) -> float:
    """Milliseconds until a share that grows from 0 stays at a level or above, a window at least."""
    below = np.flatnonzero(share < wanted)
    last = int(below[-1]) + 1 if below.size else 0
    if 0 < last < share.size:
        before, after = float(share[last - 1]), float(share[last])
        last_exact = last - 1 + (wanted - before) / max(after - before, 1e-9)
    else:
        last_exact = float(last)
    return float(1000 * step * max(1.0, last_exact + 0.5))
