"""All attributes of a clip at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dialin.errors import UsageError
from dialin.timbre.attributes import OF_CLIP, reverb_probability, reverb_time
from dialin.timbre.clip import TimbreClip, value_of

ATTRIBUTES: tuple[str, ...] = tuple(OF_CLIP)
"""Names of the attributes, in the order in which they are reported."""


@dataclass(frozen=True, eq=False)
class Timbre(Mapping[str, float]):
    """The timbre of a clip: a mapping from attribute to value.

    Attributes
    ----------
    scores : mapping of str to float
        Points on the AudioCommons scales; "reverb" is a probability, 0 to 1. NaN where an
        attribute has no meaning.
    reasons : mapping of str to str
        Why, for each attribute that is NaN.
    rt60 : float
        Reverberation time in seconds behind "reverb"; NaN if that was not asked for.
    """

    scores: Mapping[str, float]
    reasons: Mapping[str, str]
    rt60: float = float("nan")

    def __getitem__(self, name: str) -> float:
        return self.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def reverberant(self) -> bool | None:
        """Whether listeners would call it reverberant; None where that has no meaning."""
        probability = self.scores.get("reverb", float("nan"))
        return None if probability != probability else probability >= 0.5


def check_attributes(attributes: Iterable[str] | str | None) -> tuple[str, ...]:
    """Names of the wanted attributes; all for None. Raises `UsageError` for an unknown one.

    Parameters
    ----------
    attributes : iterable of str or str or None
        One name, or several.

    Returns
    -------
    tuple of str
        In the order given.

    Raises
    ------
    UsageError
        If there is no attribute of a name.
    """
    if attributes is None:
        return ATTRIBUTES
    names = (attributes,) if isinstance(attributes, str) else tuple(attributes)
    for name in names:
        if name not in ATTRIBUTES:
            raise UsageError(
                f"there is no timbre attribute {name!r}; choose from {', '.join(ATTRIBUTES)}"
            )
    return names


def measure_timbre(
    audio: Any, sample_rate: float, attributes: Iterable[str] | str | None = None
) -> Timbre:
    """Measure the timbre of a clip on the scales of AudioCommons.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type, 0.09 s or longer. Never changed.
    sample_rate : int
        Hz, 8000 or more. All is computed at 44.1 kHz.
    attributes : iterable of str, optional
        Which attributes, all eight by default. What they share is computed once.

    Returns
    -------
    Timbre
        A mapping of name to value. NaN where an attribute has no meaning for the clip, with the
        reason in ``reasons``.

    Raises
    ------
    dialin.errors.AudioError
        If the audio is empty, of another shape, or not finite.

    Examples
    --------
    >>> import numpy as np, dialin
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    >>> round(dialin.measure_timbre(tone, 44100, "brightness")["brightness"])
    27
    """
    return measure(TimbreClip(audio, sample_rate), check_attributes(attributes))


timbre = measure_timbre
"""Its name within this room."""


def measure(clip: TimbreClip, names: Iterable[str]) -> Timbre:
    """Measure attributes of a prepared clip; see `measure_timbre`.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.
    names : iterable of str
        Of attributes, from `check_attributes`.

    Returns
    -------
    Timbre
    """
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    seconds = float("nan")
    for name in names:
        if name == "reverb":
            seconds, reason = value_of(reverb_time, clip)
            values[name] = reverb_probability(seconds)
        else:
            values[name], reason = value_of(OF_CLIP[name], clip)
        if reason is not None:
            reasons[name] = reason
        clip.forget()
    return Timbre(values, reasons, seconds)
