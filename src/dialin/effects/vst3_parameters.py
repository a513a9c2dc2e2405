"""Reading a plugin's knobs from the texts it shows.

VST3 and AU plugins tell a host only a name, a unit, a number of steps and, for any position in
[0, 1], the text they would show. From the texts on a grid of positions this file works out the
native range, the curve and the way back from a native value to a position.

Conventions
-----------
* The travel of a knob in dialin need not be the plugin's own: frequencies and times that a
  plugin spreads linearly over a wide range are spread logarithmically here, so that equal steps
  sound equally large. `Travel` holds the way from native values to the plugin's positions.
* A knob whose texts are no numbers keeps its position in [0, 1] as its native value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dialin.effects.parameter import Parameter

GRID = 65
"""Positions at which a continuous knob's text is read."""

MOST_STEPS = 128
"""Knobs with more steps than this count as continuous."""

_EXCLUDED = re.compile(
    r"""^(?: .*\b(?:program|preset|bypass)\b.* | (?:in|out)put[ ]meter.* | midi[ ]?cc\b.*
        | buffer[ ]?size | sample[ ]?rate | latency | gain[ ]reduction.*
        | enabled? | on | off | on/off | on-off | power | active | mute | solo )$""",
    re.IGNORECASE | re.VERBOSE,
)

_UNITS = {
    "db": "dB",
    "hz": "Hz",
    "khz": "kHz",
    "ms": "ms",
    "msec": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "%": "%",
    "percent": "%",
    ":1": ":1",
    "st": "st",
    "semi": "st",
    "semitones": "st",
}

_NUMBER = re.compile(r"^\s*([-+]?\d*[.,]?\d+(?:e[-+]?\d+)?)\s*(.*?)\s*$", re.IGNORECASE)


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
        """Position in [0, 1] for a native value."""
        if self.log:
            return float(np.interp(np.log(native), np.log(self.native), self.position))
        return float(np.interp(native, self.native, self.position))

    def to_native(self, position: float) -> float:
        """Native value of a position in [0, 1]."""
        order = np.argsort(self.position)
        values = np.log(self.native) if self.log else self.native
        value = float(np.interp(position, self.position[order], values[order]))
        return float(np.exp(value)) if self.log else value


def is_excluded(name: str, automatable: bool) -> bool:
    """Whether a knob is none of a sound's: meters, programs, bypass, host internals."""
    return not automatable or _EXCLUDED.match(name.strip()) is not None


def parse_text(text: str) -> tuple[float, str] | None:
    """Number and unit of a text such as ``-12.5 dB`` or ``1.2 kHz``; None if it is no number.

    >>> parse_text("1.2 kHz")
    (1200.0, 'Hz')
    """
    match = _NUMBER.match(text.replace("\N{MINUS SIGN}", "-"))
    if match is None:
        return None
    value, unit = float(match.group(1).replace(",", ".")), match.group(2)
    if unit.lower() in ("khz", "k"):
        return value * 1000.0, "Hz"
    unit = clean_unit(unit)
    if len(unit) > 12 or any(c.isdigit() for c in unit.replace(":1", "")):
        return None
    return value, unit


def clean_unit(unit: str) -> str:
    """Unit as dialin writes it."""
    text = unit.strip()
    return _UNITS.get(text.lower(), text)


def identifiers(names: list[str]) -> list[tuple[str, str]]:
    """Stable ids and names of knobs; those named alike are numbered."""
    result: list[tuple[str, str]] = []
    taken: set[str] = set()
    for name in names:
        stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "parameter"
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
    label : str
        The plugin's unit.
    steps : int
        Number of values; more than `MOST_STEPS` means continuous.
    default : float
        Position in [0, 1].
    text : callable
        Text at a position in [0, 1].
    """
    unit = clean_unit(label)
    if 2 <= steps <= MOST_STEPS:
        return _stepped(id, name, unit, steps, default, text)
    positions = np.linspace(0.0, 1.0, GRID)
    parsed = [parse_text(text(float(u))) for u in positions]
    numbers = [p for p in parsed if p is not None]
    units = {p[1] for p in numbers} - {""}
    plain = Travel(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    whole = len(numbers) == GRID and len(units) <= 1
    travel = _travel(positions, np.array([p[0] for p in numbers])) if whole else None
    if travel is None:
        return Parameter(id, name, "", 0.0, 1.0, min(1.0, max(0.0, default))), plain
    if units and (not unit or unit == "kHz"):
        unit = next(iter(units))
    low, high = float(travel.native[0]), float(travel.native[-1])
    wide = {"Hz": 10.0, "kHz": 10.0, "ms": 50.0, "s": 50.0}.get(unit)
    log = travel.log or (wide is not None and low > 0 and high / low >= wide)
    native = min(high, max(low, travel.to_native(default)))
    return Parameter(id, name, unit, low, high, native, "log" if log else "linear"), travel


def _travel(positions: NDArray[np.float64], values: NDArray[np.float64]) -> Travel | None:
    """Fit a line, a logarithm or a table to what the texts say; None if they go up and down."""
    if values[-1] < values[0]:
        positions, values = positions[::-1], values[::-1]
    span = values[-1] - values[0]
    if not np.isfinite(values).all() or span <= 0 or (np.diff(values) < 0).any():
        return None
    ends = values[[0, -1]], positions[[0, -1]]
    share = np.abs(positions - positions[0])
    # Texts are rounded, often to a few digits: a curve fits if it is within what they can show.
    coarse = 0.005 * span
    if np.abs(values - (values[0] + span * share)).max() <= coarse:
        return Travel(*ends)
    if values[0] > 0:
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
    parsed = [parse_text(t) for t in texts]
    numbers = [p[0] for p in parsed if p is not None]
    rising = len(numbers) == steps and all(b > a for a, b in pairwise(numbers))
    step = round(min(1.0, max(0.0, default)) * (steps - 1))
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
