"""What the charts of a page show: spectra, their differences, level distributions, waveforms.

Measures first, then drawings: a `Chart` or an outline is plain geometry in the units of an SVG
view box, which the page's template draws. Colours come from CSS classes named after the kind of a
track, so that one drawing serves light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, played_loudness, to_db
from dialin.reports.report import PictureReport

FloatArray = NDArray[np.float64]

BANDS_PER_OCTAVE = 3
LOWEST, HIGHEST = 30.0, 20_000.0
"""Frequencies shown, in hertz."""

LEVEL_BLOCK = 0.05
"""Length of the blocks whose levels are counted, in seconds."""

FLOOR = -72.0
"""Quietest level shown, in dBFS; what is quieter is silence."""

AUDIBLE_RANGE = 66.0
"""Bands further than this below both sounds' strongest are not compared, in dB."""

SUMMED = (50.0, 12_000.0)
"""Frequencies over which a difference of spectra is put into one number, in hertz."""

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 10, 38
"""View box of a chart, and its margins."""


@dataclass(frozen=True)
class Curve:
    """One line: its name, its CSS class, and its points.

    Attributes
    ----------
    name : str
        In the legend.
    kind : str
        CSS class.
    x : ndarray, float64, shape (points,)
        In the units of the axis.
    y : ndarray, float64, shape (points,)
        In the units of the axis.
    """

    name: str
    kind: str
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True)
class Line:
    """One drawn line: points of its polyline, and of the area below it (empty for none).

    Attributes
    ----------
    name : str
        In the legend.
    kind : str
        CSS class.
    points : str
        As SVG has them.
    area : str
        As SVG has it.
    """

    name: str
    kind: str
    points: str
    area: str


@dataclass(frozen=True)
class Tick:
    """A line of the grid: where it stands, and its label.

    Attributes
    ----------
    position : float
        In the units of the picture.
    text : str
        Its label.
    zero : bool
        Whether it is the line of zero.
    """

    position: float
    text: str
    zero: bool = False


@dataclass(frozen=True)
class Chart:
    """A drawn chart.

    Attributes
    ----------
    title : str
        For those who cannot see it.
    x_label : str
        Below the axis.
    lines : tuple of Line
        The first at the back.
    x_ticks : tuple of Tick
        Left to right.
    y_ticks : tuple of Tick
        Bottom to top.
    width : int
        Of the picture.
    marks : tuple of Tick
        Places that are pointed out, left to right.
    height : int
        Of the picture.
    left : int
        Of the plot.
    right : int
        Of the plot.
    top : int
        Of the plot.
    bottom : int
        Of the plot.
    """

    title: str
    x_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def band_levels(audio: Audio, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """Long-term spectrum in third-octave bands.

    Welch's method (Hann windows of about 0.17 s, half overlapped) over the mean power of the
    channels; bands narrower than a bin take the power interpolated between bins.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    frequencies : ndarray
        Band centres in hertz, below 90 % of the Nyquist frequency.
    level : ndarray
        Power of each band in dB re full scale, -150 at least.
    """
    size = max(8, min(1 << round(np.log2(0.17 * sample_rate)), audio.shape[1]))
    bins, power = _density(audio, sample_rate, size)
    highest = min(HIGHEST, 0.45 * sample_rate)
    count = int(np.floor(BANDS_PER_OCTAVE * np.log2(highest / LOWEST))) + 1
    centres = LOWEST * 2.0 ** (np.arange(count) / BANDS_PER_OCTAVE)
    half = 2.0 ** (0.5 / BANDS_PER_OCTAVE)
    # Band power as a difference of the running integral: exact for wide bands, smooth for narrow.
    steps = np.diff(bins) * (power[1:] + power[:-1]) / 2
    integral = np.concatenate([[0.0], np.cumsum(steps)])
    edges = np.interp(np.stack([centres / half, centres * half]), bins, integral)
    bands = np.maximum(edges[1] - edges[0], 0.0)
    return centres, 10 * np.log10(np.maximum(bands, 1e-15))


def _density(audio: Audio, sample_rate: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Power density by Welch's method: Hann windows, half overlapping, without their means."""
    padded = np.pad(audio, ((0, 0), (0, max(0, size - audio.shape[1]))))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    power = np.zeros(size // 2 + 1)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, :: size - size // 2]
    for channel in frames:
        for frame in channel:
            spectrum = np.fft.rfft((frame - frame.mean(dtype=np.float64)) * window)
            power += spectrum.real**2 + spectrum.imag**2
    power *= 2.0 / (frames.shape[0] * frames.shape[1] * sample_rate * np.square(window).sum())
    power[[0, -1] if size % 2 == 0 else [0]] /= 2.0
    return np.asarray(np.fft.rfftfreq(size, 1 / sample_rate), dtype=np.float64), power


def loudness_spectrum(
    audio: Audio, sample_rate: int, loudness: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """`band_levels` in dB re the sound's loudness: spectra of equally loud sounds compare.

    Silence, which has no loudness, is taken re full scale.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    loudness : float, optional
        `played_loudness`, where it is known.

    Returns
    -------
    (ndarray, ndarray)
        Band centres in hertz, and levels in dB.
    """
    centres, level = band_levels(audio, sample_rate)
    if loudness is None:
        loudness = played_loudness(audio, sample_rate)
    return centres, level - loudness if np.isfinite(loudness) else level


def spectrum_difference(sound: Curve, references: Sequence[tuple[Curve, float]]) -> Curve:
    """Spectrum of a sound minus that of the references, in dB, at equal loudness.

    Parameters
    ----------
    sound : Curve
        From `loudness_spectrum`.
    references : sequence of (Curve, float)
        The same of the references, and their weights; their powers are averaged.

    Returns
    -------
    Curve
        At the bands that all have, less those too weak in both to be heard.
    """
    count = min(sound.x.size, *(curve.x.size for curve, _ in references))
    weights = np.array([weight for _, weight in references])
    powers = np.array([10 ** (curve.y[:count] / 10) for curve, _ in references])
    goal = 10 * np.log10(weights / weights.sum() @ powers)
    own = sound.y[:count]
    weak = (own < own.max() - AUDIBLE_RANGE) & (goal < goal.max() - AUDIBLE_RANGE)
    return Curve(sound.name, sound.kind, sound.x[:count][~weak], (own - goal)[~weak])


def mean_difference(difference: Curve) -> float | None:
    """Mean absolute difference from 50 Hz to 12 kHz, in dB; None where nothing can be compared.

    Parameters
    ----------
    difference : Curve
        Of two spectra, in dB over hertz.

    Returns
    -------
    float or None
    """
    inside = (difference.x >= SUMMED[0]) & (difference.x <= SUMMED[1])
    return float(np.abs(difference.y[inside]).mean()) if inside.any() else None


def level_distribution(audio: Audio, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """How often which short-term level occurs.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

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


def spectrum_chart(curves: Sequence[Curve]) -> Chart:
    """Overlaid spectra on a logarithmic frequency axis.

    Parameters
    ----------
    curves : sequence of Curve
        What is drawn, the first at the back.

    Returns
    -------
    Chart
    """
    values = np.concatenate([c.y for c in curves])
    top = float(np.ceil(values.max() / 10) * 10)
    bottom = float(max(np.floor(values.min() / 10) * 10, top - 60))
    return _chart(
        curves,
        x_ticks=_FREQUENCIES,
        x_range=(LOWEST, HIGHEST),
        y_range=(bottom, max(top, bottom + 10)),
        y_step=10,
        log=True,
        x_label="frequency, Hz",
        y_unit="dB",
        title="Spectra at equal loudness",
    )


def difference_chart(curves: Sequence[Curve]) -> Chart:
    """Differences of spectra around zero.

    Parameters
    ----------
    curves : sequence of Curve
        What is drawn, the first at the back.

    Returns
    -------
    Chart
    """
    largest = max((float(np.abs(c.y).max()) for c in curves if c.y.size), default=0.0)
    reach = float(np.clip(np.ceil(largest / 6) * 6, 6, 24))
    return _chart(
        curves,
        x_ticks=_FREQUENCIES,
        x_range=(LOWEST, HIGHEST),
        y_range=(-reach, reach),
        y_step=3 if reach <= 12 else 6,
        log=True,
        x_label="frequency, Hz",
        y_unit="dB",
        title="Spectrum minus that of the reference",
        signed=True,
    )


def level_chart(curves: Sequence[Curve]) -> Chart:
    """Overlaid level distributions.

    Parameters
    ----------
    curves : sequence of Curve
        What is drawn, the first at the back.

    Returns
    -------
    Chart
    """
    top = max(5.0, float(np.ceil(max(float(c.y.max()) for c in curves) / 5) * 5))
    heard = [c.x[c.y > 0.05] for c in curves]
    lowest = min((float(x.min()) for x in heard if x.size), default=FLOOR)
    highest = max((float(x.max()) for x in heard if x.size), default=0.0)
    low = max(FLOOR, float(np.floor(lowest / 6) * 6))
    high = max(0.0, float(np.ceil(highest / 6) * 6))
    step = 6 if high - low < 50 else 12
    return _chart(
        curves,
        x_ticks=[(float(v), _minus(float(v))) for v in np.arange(low, high + 1, step)],
        x_range=(low, high),
        y_range=(0.0, top),
        y_step=5 if top <= 30 else 10,
        log=False,
        x_label="level, dBFS",
        y_unit="%",
        title="How often which level occurs",
        filled=True,
    )


def picture_chart(picture: PictureReport) -> Chart:
    """What was heard of an echo, a room or a motion.

    Parameters
    ----------
    picture : PictureReport
        With one curve at least.

    Returns
    -------
    Chart
    """
    curves = [Curve(c.name, c.kind, np.array(c.x), np.array(c.y)) for c in picture.curves]
    x, y = (np.concatenate([getattr(c, axis) for c in curves]) for axis in ("x", "y"))
    low, high = float(y.min(initial=0.0)), float(y.max(initial=0.0))
    step = _nice((high - low) / 5 or 1.0)
    bottom, top = np.floor(low / step + 1e-9) * step, np.ceil(high / step - 1e-9) * step
    chart = _chart(
        curves,
        x_ticks=_x_ticks(float(x.min()), float(x.max()), picture.log),
        x_range=(float(x.min()), float(x.max())),
        y_range=(float(bottom), float(top if top > bottom else bottom + step)),
        y_step=step,
        log=picture.log,
        x_label=picture.x_label,
        y_unit=picture.y_label if picture.y_label == "dB" else "",
        title=f"{picture.title}. {picture.text}",
        marks=[(mark.x, mark.text) for mark in picture.marks],
    )
    return chart


def _nice(step: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten above a step."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(n * power for n in (1, 2, 5, 10) if n * power >= step * (1 - 1e-9)))


def _x_ticks(low: float, high: float, log: bool) -> list[tuple[float, str]]:
    if not log:
        step = _nice((high - low) / 6 or 1.0)
        values = np.arange(np.ceil(low / step), np.floor(high / step + 1e-9) + 1) * step
        return [(float(v), _minus(float(f"{v:.4g}"))) for v in values]
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    return [(n * p, f"{n * p:g}") for p in powers for n in (1, 2, 5) if low <= n * p <= high]


def outline(audio: Audio, *, columns: int = 960, gain: float = 1.0) -> str:
    """Polygon between the lowest and the highest sample of each column, in a box of 100 high.

    The page's script draws the same of a part, where a person zooms in.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    columns : int, default 960
        Width of the box.
    gain : float, default 1.0
        What samples are multiplied with first.

    Returns
    -------
    str
        Points of an SVG polygon.
    """
    if not audio.size:
        audio = np.zeros((1, 1), dtype=np.float32)
    starts = np.linspace(0, audio.shape[1], columns + 1).astype(int)[:-1]
    sound = audio.astype(np.float64) * gain
    tops = np.clip(np.maximum.reduceat(sound.max(axis=0), starts), -1, 1).tolist()
    bottoms = np.clip(np.minimum.reduceat(sound.min(axis=0), starts), -1, 1).tolist()
    points = [f"{i},{50 - 48 * max(v, 0.006):.1f}" for i, v in enumerate(tops)]
    points += [f"{i},{50 - 48 * min(v, -0.006):.1f}" for i, v in reversed([*enumerate(bottoms)])]
    return " ".join(points)


_FREQUENCIES = [
    (50.0, "50"), (100.0, "100"), (200.0, "200"), (500.0, "500"), (1e3, "1k"), (2e3, "2k"),
    (5e3, "5k"), (10e3, "10k"), (20e3, "20k"),
]  # fmt: skip


def _chart(
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
    signed: bool = False,
    marks: Sequence[tuple[float, str]] = (),
) -> Chart:
    low_x, high_x = np.log2(x_range) if log else np.asarray(x_range)
    low_y, high_y = y_range

    def place_x(x: FloatArray | float) -> FloatArray:
        value = np.log2(x) if log else np.asarray(x)
        return np.asarray(LEFT + (value - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT))

    def place_y(y: FloatArray | float) -> FloatArray:
        share = (np.clip(y, low_y, high_y) - low_y) / (high_y - low_y)
        return np.asarray(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))

    lines = []
    for curve in curves:
        inside = (curve.x >= x_range[0]) & (curve.x <= x_range[1])
        if not inside.any():
            continue
        xs, ys = place_x(curve.x[inside]), place_y(curve.y[inside])
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        base = HEIGHT - BOTTOM
        area = f"{xs[0]:.1f},{base} {points} {xs[-1]:.1f},{base}" if filled else ""
        lines.append(Line(curve.name, curve.kind, points, area))
    heights = np.arange(low_y, high_y + y_step / 2, y_step)
    rows = []
    for value in heights:
        text = _minus(float(value), signed) + (f" {y_unit}" if value == heights[-1] else "")
        rows.append(Tick(round(float(place_y(float(value))), 1), text, signed and value == 0))
    columns = [
        Tick(round(float(place_x(value)), 1), text)
        for value, text in x_ticks
        if x_range[0] <= value <= x_range[1]
    ]
    pointed = [
        Tick(round(float(place_x(value)), 1), text)
        for value, text in marks
        if x_range[0] <= value <= x_range[1]
    ]
    return Chart(title, x_label, tuple(lines), tuple(columns), tuple(rows), tuple(pointed))


def _minus(value: float, signed: bool = False) -> str:
    text = f"{value:+g}" if signed and value else f"{value:g}"
    return text.replace("-", "−")
