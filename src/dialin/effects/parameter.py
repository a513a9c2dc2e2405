"""One knob of an effect, and how its travel maps to native units."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dialin.errors import ParameterError

Curve = Literal["linear", "log", "stepped", "toggle"]
Status = Literal["live", "dead", "excluded"]

MAX_GAIN_DB = 24.0
"""Gain knobs of plugins are not turned further than this: some go to +100 dB."""

NYQUIST_SHARE = 0.45
"""Highest frequency a plugin's knob is set to, as a share of the sample rate: beyond half of it
many filters return no numbers."""


def identifier(label: str, otherwise: str) -> str:
    """Id of a knob from its label: lower-case letters, digits and underscores.

    Accents are dropped, and letters of other scripts become their code points, so that a label
    gives the same id whatever knobs stand beside it.

    >>> identifier("Größe (dB)", "knob"), identifier("音量", "knob"), identifier("+", "knob")
    ('grosse_db', 'u97f3_u91cf', 'knob')

    Parameters
    ----------
    label : str
        As a person reads it.
    otherwise : str
        Where the label has no letter or digit at all.

    Returns
    -------
    str
    """
    if not label.isascii():
        plain = unicodedata.normalize("NFKD", label.casefold())
        label = "".join(
            c
            if c.isascii()
            else f"_u{ord(c):04x}_"
            if c.isalnum()
            else ""
            if unicodedata.combining(c)
            else " "
            for c in plain
        )
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or otherwise


@dataclass(frozen=True)
class Parameter:
    """One knob. Inside dialin its value is normalised to [0, 1]; this says what that means.

    Attributes
    ----------
    id : str
        Stable and unique within the effect: letters, digits and underscores.
    name : str
        As the effect shows it.
    unit : str
        ``dB``, ``Hz``, ``ms``, ``s``, ``%``, ``:1``, ``st`` (semitones) or empty.
    minimum, maximum : float
        Native range, ends included.
    default : float
        Native default.
    curve : {"linear", "log", "stepped", "toggle"}
        Stepped knobs have `steps` values; a toggle has the two values `minimum` and `maximum`.
    values : tuple of float
        Native values of a stepped knob in order, where they are not evenly spaced.
    labels : tuple of str
        Names of a stepped knob's values, in the same order.
    steps : int
        Number of values of a stepped knob; 0 for a continuous one.
    neutral : float, optional
        Native value at which this knob lets the sound through untouched, whatever the other
        knobs say (mix 0 %, gain 0 dB). Only where it is known.
    status : {"live", "dead", "excluded"}
        Dead knobs were probed and change nothing; excluded ones (bypass, meters, programs) are
        left at their default and take no place in the settings vector.
    low_text, high_text : str
        What stands at an end of the travel that is no number, such as ``-inf dB`` or ``Off``;
        `minimum` or `maximum` is then a number just beyond the last one that the knob shows.
    index : int, optional
        Number of the knob among all of the plugin's, as hosts count them.
    title : str
        Name the plugin itself gives it, which others may share; empty where it is `name`.
    """

    id: str
    name: str
    unit: str
    minimum: float
    maximum: float
    default: float
    curve: Curve = "linear"
    values: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    steps: int = 0
    neutral: float | None = None
    status: Status = "live"
    low_text: str = ""
    high_text: str = ""
    index: int | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if not self.maximum > self.minimum:
            raise ParameterError(
                f"{self.id}: the range {self.minimum} to {self.maximum} {self.unit} is empty"
            )
        if self.curve == "log" and self.minimum <= 0:
            raise ParameterError(f"{self.id}: a log knob needs a range above 0, not {self.minimum}")
        if self.curve == "toggle" and self.steps != 2:
            object.__setattr__(self, "steps", 2)
        if self.values and self.steps != len(self.values):
            object.__setattr__(self, "steps", len(self.values))
        if self.curve == "stepped" and self.steps < 2:
            raise ParameterError(f"{self.id}: a stepped knob needs at least two steps")

    @property
    def is_stepped(self) -> bool:
        """Whether only some values are allowed."""
        return self.curve in ("stepped", "toggle")

    def snap(self, normalised: float) -> float:
        """Clip to [0, 1] and move to the nearest allowed position.

        Parameters
        ----------
        normalised : float
            Any finite number.

        Returns
        -------
        float
            0 to 1.

        Raises
        ------
        ParameterError
            If it is not finite.
        """
        if not np.isfinite(normalised):
            raise ParameterError(f"{self.id}: {normalised!r} is no knob position; use 0 to 1")
        value = min(1.0, max(0.0, float(normalised)))
        if self.is_stepped:
            value = round(value * (self.steps - 1)) / (self.steps - 1)
        return value

    def to_native(self, normalised: float) -> float:
        """Native value of a knob position in [0, 1] (snapped and clipped first).

        Parameters
        ----------
        normalised : float
            Position of the knob, 0 to 1.

        Returns
        -------
        float
            In the knob's own unit.

        Raises
        ------
        ParameterError
            If the position is not finite.
        """
        u = self.snap(normalised)
        if self.values:
            return self.values[round(u * (self.steps - 1))]
        if self.curve == "log":
            return float(self.minimum * (self.maximum / self.minimum) ** u)
        return self.minimum + u * (self.maximum - self.minimum)

    def at_rate(self, native: float, sample_rate: int) -> float:
        """Native value as it may be set at a sample rate: frequencies stay below Nyquist's.

        Parameters
        ----------
        native : float
            In the knob's own unit.
        sample_rate : int
            In hertz.

        Returns
        -------
        float
            In the knob's own unit; unchanged for what is no frequency.
        """
        scale = {"Hz": 1.0, "kHz": 1e3}.get(self.unit)
        if scale is None:
            return native
        return max(self.minimum, min(native, NYQUIST_SHARE * sample_rate / scale))

    def to_normalised(self, native: float) -> float:
        """Knob position in [0, 1] of a native value.

        Parameters
        ----------
        native : float
            In the knob's own unit.

        Returns
        -------
        float
            0 to 1.

        Raises
        ------
        ParameterError
            If the value is outside the native range.
        """
        margin = 1e-6 * (self.maximum - self.minimum)
        if not self.minimum - margin <= native <= self.maximum + margin:
            raise ParameterError(
                f"{self.id}: {native:g} {self.unit} is outside "
                f"{self.minimum:g} to {self.maximum:g} {self.unit}".replace("  ", " ")
            )
        value = min(self.maximum, max(self.minimum, native))
        if self.values:
            index = int(np.argmin(np.abs(np.array(self.values) - value)))
            return index / (self.steps - 1)
        if self.curve == "log":
            return float(np.log(value / self.minimum) / np.log(self.maximum / self.minimum))
        return self.snap((value - self.minimum) / (self.maximum - self.minimum))

    def text(self, normalised: float) -> str:
        """What a person reads beside the knob, such as ``-12.5 dB`` or ``Slow``.

        Parameters
        ----------
        normalised : float
            Position of the knob, 0 to 1.

        Returns
        -------
        str

        Raises
        ------
        ParameterError
            If the position is not finite.
        """
        native = self.to_native(normalised)
        if self.labels:
            return self.labels[round(self.snap(normalised) * (self.steps - 1))]
        if self.curve == "toggle":
            return "on" if native == self.maximum else "off"
        if self.low_text and native <= self.minimum:
            return self.low_text
        if self.high_text and native >= self.maximum:
            return self.high_text
        return f"{native:.4g} {self.unit}".strip()

    def with_status(self, status: Status) -> Parameter:
        """Return a copy with another status.

        Parameters
        ----------
        status : {"live", "dead", "excluded"}
            Whether the knob does anything.

        Returns
        -------
        Parameter
        """
        return replace(self, status=status)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        stops = {"low_text": self.low_text, "high_text": self.high_text}
        return {
            "id": self.id,
            "name": self.name,
            "unit": self.unit,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "default": self.default,
            "curve": self.curve,
            "values": list(self.values),
            "labels": list(self.labels),
            "steps": self.steps,
            "neutral": self.neutral,
            "status": self.status,
            # Only where there are any: settings of effects without them keep their meaning.
            **{key: text for key, text in stops.items() if text},
            **({} if self.index is None else {"index": self.index}),
            **({"title": self.title} if self.title else {}),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Parameter:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : dict
            Plain data.

        Returns
        -------
        Parameter
        """
        return cls(**{**data, "values": tuple(data["values"]), "labels": tuple(data["labels"])})
