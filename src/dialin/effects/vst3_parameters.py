"""Reading a plugin's knobs from the texts it shows.

VST3 and AU plugins tell a host only a name, a unit, a number of steps and, for any position in
[0, 1], the text they would show. From the texts on a grid of positions this file works out the
native range, the curve and the way back from a native value to a position.

Conventions
-----------
* The travel of a knob in dialin need not be the plugin's own: frequencies and times that a
  plugin spreads linearly over a wide range are spread logarithmically here, so that equal steps
  sound equally large. `Travel` holds the way from native values to the plugin's positions.
* A knob whose ends are no numbers (``-inf dB``, ``Off``, ``inf:1``) has the range of the numbers
  between them, and the ends as stops just beyond.
* A knob whose texts are no numbers keeps its position in [0, 1] as its native value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dialin.effects.parameter import Curve, Parameter, identifier
from dialin.effects.vst3_texts import Texts, clean_unit, read_texts

GRID = 65
"""Positions at which a continuous knob's text is read."""

MOST_STEPS = 128
"""Knobs with more steps than this count as continuous."""

_GAPS = 3
"""Texts between numbers that may be none, such as ``Off`` in the middle."""
_HALVINGS = 12
_PASSES = 3
_MOST_TEXTS = 400
_DEEPEST_DB = 90.0
_FURTHEST = 4.0
"""How far a knob that ends in infinity is followed, in spans of what the grid shows."""
_STOP_SHARE = 1 / 64
"""Share of the travel between the last number and an end that is none."""

_EXCLUDED = re.compile(
    r"""^(?: .*\b(?:program|preset|bypass)\b.* | (?:in|out)put[ ]meter.* | midi[ ]?cc\b.*
        | buffer[ ]?size | sample[ ]?rate | latency | gain[ ]reduction.*
        | enabled? | on | off | on/off | on-off | power | active | mute | solo )$""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Travel:
    """From native values to the plugin's own positions.

    Attributes
    ----------
    native : ndarray, shape (points,)
        Increasing native values.
    position : ndarray, shape (points,)
        The plugin's positions there.
    log : bool
        Whether to interpolate over the logarithm of the native value.
    """

    native: NDArray[np.float64]
    position: NDArray[np.float64]
    log: bool = False

    def to_position(self, native: float) -> float:
        """Position in [0, 1] for a native value.

        Parameters
        ----------
        native : float
            In the knob's own unit; held to the range.

        Returns
        -------
        float
            0 to 1.
        """
        if self.log:
            return float(np.interp(np.log(native), np.log(self.native), self.position))
        return float(np.interp(native, self.native, self.position))

    def with_stops(self, low: bool, high: bool, log: bool) -> Travel:
        """Travel with ends whose texts are no numbers (``-inf dB``, ``Off``).

        They get native values a little beyond the last that is one, so that they stay within
        reach of the knob.

        Parameters
        ----------
        low : bool
            Whether the lower end is such a one.
        high : bool
            Whether the upper end is.
        log : bool
            Whether the travel is logarithmic.

        Returns
        -------
        Travel
        """
        native, position = self.native.tolist(), self.position.tolist()
        forward = position[-1] > position[0]
        step = (native[-1] / native[0]) ** _STOP_SHARE if log else _STOP_SHARE * np.ptp(native)
        if low:
            native.insert(0, native[0] / step if log else native[0] - step)
            position.insert(0, 0.0 if forward else 1.0)
        if high:
            native.append(native[-1] * step if log else native[-1] + step)
            position.append(1.0 if forward else 0.0)
        return Travel(np.array(native), np.array(position), self.log)

    def to_native(self, position: float) -> float:
        """Native value of a position in [0, 1].

        Parameters
        ----------
        position : float
            0 to 1, as the plugin has it.

        Returns
        -------
        float
            In the knob's own unit.
        """
        order = np.argsort(self.position)
        values = np.log(self.native) if self.log else self.native
        value = float(np.interp(position, self.position[order], values[order]))
        return float(np.exp(value)) if self.log else value


def is_excluded(name: str, automatable: bool) -> bool:
    """Whether a knob is none of a sound's: meters, programs, bypass, host internals.

    Parameters
    ----------
    name : str
        As the plugin shows it.
    automatable : bool
        Whether hosts may move it.

    Returns
    -------
    bool
    """
    return not automatable or _EXCLUDED.match(name.strip()) is not None


def identifiers(names: list[str]) -> list[tuple[str, str]]:
    """Stable ids and names of knobs; those named alike are numbered.

    Parameters
    ----------
    names : list of str
        As the plugin shows them, in order.

    Returns
    -------
    list of (str, str)
        Id and name of each.
    """
    result: list[tuple[str, str]] = []
    taken: set[str] = set()
    for name in names:
        stem = identifier(name, "parameter")
        id, count = stem, 1
        while id in taken:
            count += 1
            id = f"{stem}_{count}"
        taken.add(id)
        shown = name.strip() or "Parameter"
        result.append((id, shown if count == 1 else f"{shown} ({count})"))
    return result


def read_parameter(
    id: str,
    name: str,
    label: str,
    steps: int,
    default: float,
    text: Callable[[float], str],
) -> tuple[Parameter, Travel]:
    """Work out a knob from what its plugin shows.

    Parameters
    ----------
    id, name : str
        Of the knob.
    label : str
        The plugin's unit.
    steps : int
        Number of values; more than `MOST_STEPS` means continuous.
    default : float
        Position in [0, 1].
    text : callable
        Text at a position in [0, 1].

    Returns
    -------
    (Parameter, Travel)
    """
    unit = clean_unit(label)
    if 2 <= steps <= MOST_STEPS:
        return _stepped(id, name, unit, steps, default, text)
    positions = np.linspace(0.0, 1.0, GRID)
    shown = [text(float(u)).strip() for u in positions]
    plain = Travel(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    unread = Parameter(id, name, "", 0.0, 1.0, min(1.0, max(0.0, default))), plain
    texts = read_texts(shown, unit)
    if texts is None:
        return unread
    numbers = [n for n, value in enumerate(texts.values) if value is not None]
    if len(numbers) < GRID // 2 or numbers[-1] - numbers[0] + 1 - len(numbers) > _GAPS:
        return unread
    first, last = numbers[0], numbers[-1]
    low_stop, high_stop = shown[0] if first > 0 else "", shown[-1] if last < GRID - 1 else ""
    if low_stop or high_stop:
        positions, shown = _up_to_the_stops(positions, shown, first, last, texts, unit, text)
        texts = read_texts(shown, unit)
        if texts is None:
            return unread
    kept = np.array([value is not None for value in texts.values])
    values = np.array([value for value in texts.values if value is not None])
    travel = _travel(positions[kept], values, bool(low_stop or high_stop))
    if travel is None:
        return unread
    unit = texts.unit or unit
    low, high = float(travel.native[0]), float(travel.native[-1])
    wide = {"Hz": 10.0, "kHz": 10.0, "ms": 50.0, "s": 50.0}.get(unit)
    if unit == ":1" and high_stop:
        wide = 10.0  # a ratio on its way to infinity
    log = travel.log or (wide is not None and low > 0 and high / low >= wide)
    if travel.position[0] > travel.position[-1]:
        low_stop, high_stop = high_stop, low_stop
    travel = travel.with_stops(bool(low_stop), bool(high_stop), log)
    low, high = float(travel.native[0]), float(travel.native[-1])
    native = min(high, max(low, travel.to_native(default)))
    curve: Curve = "log" if log else "linear"
    return (
        Parameter(id, name, unit, low, high, native, curve, low_text=low_stop, high_text=high_stop),
        travel,
    )


def _up_to_the_stops(
    positions: NDArray[np.float64],
    shown: list[str],
    first: int,
    last: int,
    texts: Texts,
    unit: str,
    text: Callable[[float], str],
) -> tuple[NDArray[np.float64], list[str]]:
    """Texts with more positions close to the ends where they stop being numbers.

    A fader that ends in ``-inf dB`` drops from -36 to -100 dB within the last step of a grid.
    """
    more = dict(zip(positions.tolist(), shown, strict=True))
    numbers = [value for value in texts.values if value is not None]
    for inside, step in ((first, -1), (last, 1)):
        if not 0 <= inside + step < len(positions):
            continue
        stop, number = float(positions[inside + step]), float(positions[inside])
        for _ in range(_HALVINGS):
            middle = 0.5 * (stop + number)
            written = text(middle).strip()
            value = read_texts([written], unit)
            if value is None or value.values[0] is None:
                stop = middle
                continue
            if (texts.unit or unit) == "dB" and value.values[0] < max(numbers) - _DEEPEST_DB:
                break
            if (texts.unit or unit) != "dB" and abs(value.values[0]) > _FURTHEST * np.ptp(numbers):
                break
            more[middle] = written
            number = middle
    for _ in range(_PASSES):
        for low, high in pairwise(sorted(more)):
            middle = 0.5 * (low + high)
            around = [more[low], text(middle).strip(), more[high]]
            read = read_texts(around, unit)
            if read is None or None in read.values or len(more) > _MOST_TEXTS:
                continue
            a, b, c = (value or 0.0 for value in read.values)
            if abs(b - 0.5 * (a + c)) > 0.01 * max(abs(b), 0.01 * np.ptp(numbers)):
                more[middle] = around[1]
    order = sorted(more)
    return np.array(order), [more[position] for position in order]


def _travel(
    positions: NDArray[np.float64], values: NDArray[np.float64], stops: bool = False
) -> Travel | None:
    """Fit a line, a logarithm or a table to what the texts say; None if they go up and down.

    With `stops` it is always a table, since the ends of the travel say something else.
    """
    if values[-1] < values[0]:
        positions, values = positions[::-1], values[::-1]
    span = values[-1] - values[0]
    if not np.isfinite(values).all() or span <= 0 or (np.diff(values) < 0).any():
        return None
    ends = values[[0, -1]], positions[[0, -1]]
    share = np.abs(positions - positions[0]) / abs(positions[-1] - positions[0])
    # Texts are rounded, often to a few digits: a curve fits if it is within what they can show.
    coarse = 0.005 * span
    if np.abs(values - (values[0] + span * share)).max() <= coarse:
        return Travel(*ends)
    if values[0] > 0 and not stops:
        curve = np.log(values / values[0]) / np.log(values[-1] / values[0])
        if np.abs(curve - share).max() <= 0.01:
            return Travel(*ends, log=True)
    distinct = np.concatenate([[True], np.diff(values) > 0])
    distinct[-1] = True
    native, where = values[distinct], positions[distinct]
    keep = np.concatenate([np.diff(native) > 0, [True]])
    return Travel(native[keep], where[keep])


def _stepped(
    id: str, name: str, unit: str, steps: int, default: float, text: Callable[[float], str]
) -> tuple[Parameter, Travel]:
    positions = np.linspace(0.0, 1.0, steps)
    texts = [text(float(u)).strip() for u in positions]
    read = read_texts(texts, unit)
    numbers = [value for value in (read.values if read else ()) if value is not None]
    rising = len(numbers) == steps and all(b > a for a, b in pairwise(numbers))
    step = round(min(1.0, max(0.0, default)) * (steps - 1))
    if rising and read is not None:
        unit = read.unit or unit
    values = tuple(float(n) for n in numbers) if rising else tuple(float(i) for i in range(steps))
    labels = () if rising else tuple(t or str(i) for i, t in enumerate(texts))
    travel = Travel(np.array(values), positions)
    if steps == 2 and (not rising or values == (0.0, 1.0)):
        return (
            Parameter(id, name, unit, 0.0, 1.0, float(step), "toggle", labels=labels),
            Travel(np.array([0.0, 1.0]), positions),
        )
    parameter = Parameter(
        id, name, unit, values[0], values[-1], values[step], "stepped", values=values, labels=labels
    )
    return parameter, travel
