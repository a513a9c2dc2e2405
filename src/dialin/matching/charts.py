"""Charts as inline SVG: spectra, level distributions, waveforms.

Conventions: a chart takes its colours from CSS classes (``input``, ``matched``, ``reference``,
``grid``, ``axis``), so that one drawing serves light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, to_db

FloatArray = NDArray[np.float64]

BANDS_PER_OCTAVE = 3
LOWEST, HIGHEST = 30.0, 20_000.0
"""Frequencies shown, in hertz."""

LEVEL_BLOCK = 0.05
"""Length of the blocks whose levels are counted, in seconds."""

FLOOR = -72.0
"""Quietest level shown, in dBFS; what is quieter is silence."""


@dataclass(frozen=True)
class Curve:
    """One line: its name, its CSS class, and its points."""

    name: str
    kind: str
    x: FloatArray
    y: FloatArray


def band_spectrum(audio: Audio, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """Long-term spectrum in third-octave bands, level removed.

    Welch's method (Hann windows of about 0.17 s, half overlapped) over the mean power of the
    channels; bands narrower than a bin take the power interpolated between bins.

    Returns
    -------
    frequencies : ndarray
        Band centres in hertz, below 90 % of the Nyquist frequency.
    level : ndarray
        Power of each band in dB re the power of all bands.
    """
    from scipy.signal import welch

    size = min(1 << round(np.log2(0.17 * sample_rate)), audio.shape[1])
    bins, power = welch(audio.astype(np.float64), sample_rate, nperseg=max(size, 8), axis=-1)
    power = power.mean(axis=0)
    highest = min(HIGHEST, 0.45 * sample_rate)
    count = int(np.floor(BANDS_PER_OCTAVE * np.log2(highest / LOWEST))) + 1
    centres = LOWEST * 2.0 ** (np.arange(count) / BANDS_PER_OCTAVE)
    half = 2.0 ** (0.5 / BANDS_PER_OCTAVE)
    # Band power as a difference of the running integral: exact for wide bands, smooth for narrow.
    steps = np.diff(bins) * (power[1:] + power[:-1]) / 2
    integral = np.concatenate([[0.0], np.cumsum(steps)])
    edges = np.interp(np.stack([centres / half, centres * half]), bins, integral)
    bands = np.maximum(edges[1] - edges[0], 0.0)
    total = float(bands.sum())
    level = 10 * np.log10(np.maximum(bands / total if total > 0 else bands, 1e-9))
    return centres, level


def level_distribution(audio: Audio, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """How often which short-term level occurs.

    Returns
    -------
    levels : ndarray
        In dBFS, 2 dB apart.
    share : ndarray
        Per cent of the blocks of 50 ms at that level (smoothed over +-2 dB); silence left out.
    """
    block = max(1, round(LEVEL_BLOCK * sample_rate))
    count = max(1, audio.shape[1] // block)
    trimmed = audio[:, : count * block]
    powers = np.square(trimmed, dtype=np.float64).mean(axis=0)
    powers = powers.reshape(count, -1).mean(axis=1)
    levels = np.asarray(to_db(np.sqrt(powers)))
    grid = np.arange(FLOOR, 12.1, 2.0)
    heard = levels[levels >= FLOOR]
    if heard.size == 0:
        return grid, np.zeros(grid.size)
    distance = grid[:, np.newaxis] - np.minimum(heard, grid[-1])[np.newaxis, :]
    share = np.exp(-0.5 * (distance / 1.6) ** 2).sum(axis=1)
    return grid, 100 * share / share.sum()


def spectrum_chart(curves: Sequence[Curve]) -> str:
    """Overlaid spectra on a logarithmic frequency axis."""
    ticks = [(f, f"{f:g}" if f < 1000 else f"{f / 1000:g}k") for f in
             (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)]  # fmt: skip
    values = np.concatenate([c.y for c in curves])
    top = float(np.ceil(values.max() / 10) * 10)
    bottom = float(max(np.floor(values.min() / 10) * 10, top - 60))
    return _line_chart(
        curves,
        x_ticks=[(float(f), t) for f, t in ticks],
        x_range=(LOWEST, HIGHEST),
        y_range=(bottom, top),
        y_step=10,
        log=True,
        x_label="frequency, Hz",
        y_unit="dB",
        title="Spectra at equal level",
    )


def level_chart(curves: Sequence[Curve]) -> str:
    """Overlaid level distributions."""
    top = max(5.0, float(np.ceil(max(float(c.y.max()) for c in curves) / 5) * 5))
    heard = [c.x[c.y > 0.05] for c in curves]
    lowest = min((float(x.min()) for x in heard if x.size), default=FLOOR)
    highest = max((float(x.max()) for x in heard if x.size), default=0.0)
    low = max(FLOOR, float(np.floor(lowest / 6) * 6))
    high = max(0.0, float(np.ceil(highest / 6) * 6))
    ticks = [(float(v), _minus(v)) for v in np.arange(low, high + 1, 6 if high - low < 50 else 12)]
    return _line_chart(
        curves,
        x_ticks=ticks,
        x_range=(low, high),
        y_range=(0.0, top),
        y_step=5 if top <= 30 else 10,
        log=False,
        x_label="level, dBFS",
        y_unit="%",
        title="How often which level occurs",
        filled=True,
    )


def waveform(audio: Audio, kind: str, *, columns: int = 480, gain: float = 1.0) -> str:
    """Envelope of the samples between the lowest and highest of each column."""
    mono = audio.astype(np.float64) * gain
    edges = np.linspace(0, audio.shape[1], columns + 1).astype(int)
    tops, bottoms = [], []
    for start, stop in pairwise(edges):
        piece = mono[:, start : max(stop, start + 1)]
        piece = piece if piece.size else np.zeros((1, 1))
        tops.append(float(np.clip(piece.max(), -1, 1)))
        bottoms.append(float(np.clip(piece.min(), -1, 1)))
    points = [f"{i},{50 - 48 * max(v, 0.006):.1f}" for i, v in enumerate(tops)]
    points += [f"{i},{50 - 48 * min(v, -0.006):.1f}" for i, v in reversed([*enumerate(bottoms)])]
    return (
        f'<svg class="wave" viewBox="0 0 {columns - 1} 100" preserveAspectRatio="none" '
        f'aria-hidden="true"><polygon class="fill {kind}" points="{" ".join(points)}"/></svg>'
    )


def _line_chart(
    curves: Sequence[Curve],
    *,
    x_ticks: Sequence[tuple[float, str]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    y_step: float,
    log: bool,
    x_label: str,
    y_unit: str,
    title: str,
    filled: bool = False,
) -> str:
    width, height = 480, 260
    left, right, top, bottom = 52, 14, 10, 38
    low_x, high_x = np.log2(x_range) if log else np.asarray(x_range)
    low_y, high_y = y_range

    def place_x(x: FloatArray | float) -> FloatArray:
        value = np.log2(x) if log else np.asarray(x)
        return np.asarray(left + (value - low_x) / (high_x - low_x) * (width - left - right))

    def place_y(y: FloatArray | float) -> FloatArray:
        share = (np.clip(y, low_y, high_y) - low_y) / (high_y - low_y)
        return np.asarray(height - bottom - share * (height - top - bottom))

    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
    ]
    heights = np.arange(low_y, high_y + y_step / 2, y_step)
    for value in heights:
        y = float(place_y(float(value)))
        unit = f" {y_unit}" if value == heights[-1] else ""
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_minus(value)}{unit}</text>"
        )
    for value, text in x_ticks:
        if not x_range[0] <= value <= x_range[1]:
            continue
        x = float(place_x(value))
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - bottom}"/>'
            f'<text class="axis" x="{x:.1f}" y="{height - bottom + 17}" '
            f'text-anchor="middle">{text}</text>'
        )
    parts.append(
        f'<text class="axis" x="{(left + width - right) / 2}" y="{height - 4}" '
        f'text-anchor="middle">{escape(x_label)}</text>'
    )
    for curve in curves:
        inside = (curve.x >= x_range[0]) & (curve.x <= x_range[1])
        if not inside.any():
            continue
        xs, ys = place_x(curve.x[inside]), place_y(curve.y[inside])
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        if filled:
            base = height - bottom
            area = f"{xs[0]:.1f},{base} {points} {xs[-1]:.1f},{base}"
            parts.append(f'<polygon class="area {curve.kind}" points="{area}"/>')
        parts.append(
            f'<polyline class="line {curve.kind}" points="{points}">'
            f"<title>{escape(curve.name)}</title></polyline>"
        )
    parts.append("</svg>")
    return "".join(parts)


def _minus(value: float) -> str:
    return f"{value:g}".replace("-", "−")
