"""What a search renders and compares: candidates, the case for one, what it all came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import RenderError
from dialin.matching.detail import Detail, detail_of
from dialin.matching.features import Vector, features_of
from dialin.matching.order import Ordered
from dialin.matching.trajectories import trajectory_features

MOTION_SHARE = 0.4
"""How much trajectories count beside the style distance, where the chain moves."""

SILENT = 1e-6
"""Swing (-120 dBFS) below which a render counts as silent."""


def measure(audio: Audio, sample_rate: int) -> tuple[Vector, Detail]:
    """What a worker sends back of a render.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.

    Returns
    -------
    (ndarray, ndarray)
        From `style_features` and `detail`.

    Raises
    ------
    RenderError
        If it is silent, or constant: silence may be nearer to a reference than the input is, by
        what it lacks.
    """
    if float((audio.max(axis=1) - audio.min(axis=1)).max()) < SILENT:
        raise RenderError(
            "the effects gave back nothing but silence or direct current; a plugin may need a "
            "file or a window to be set up (see: dialin effects probe): leave it out or lock its "
            "volume"
        )
    sound = without_infrasound(audio[:2], sample_rate)
    return features_of(sound, sample_rate), detail_of(sound, sample_rate)


def measure_moving(audio: Audio, sample_rate: int) -> tuple[Vector, Detail, Vector]:
    """The same where an effect of the chain moves.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        From `measure`, and from `trajectory_features`.
    """
    return *measure(audio, sample_rate), trajectory_features(audio, sample_rate)


@dataclass(eq=False)
class Candidate:
    """One rendered setting; `settings` is None for the untouched input.

    Attributes
    ----------
    settings : ndarray, float64, shape (knobs,), or None
        Positions of the knobs, 0 to 1.
    features : Vector
        What the render sounds like.
    detail : Detail
        A sample of its spectrogram.
    distance : float
        To the target, in units of content noise.
    cost : float
        What counts against it beside its distance.
    slots : tuple of int
        Indices of its effects in the whole chain, without a gain that is computed.
    size_cost : float
        What its effects must take away; below 0 where they are likely.
    motion : float, optional
        Distance of its trajectories (`dialin.matching.trajectories`), where the chain moves.
    judged : float, optional
        What a network that heard it says it is off by (`dialin.matching.guessing.judging`).
    explained : tuple of float
        How much it explains of each motion that was heard.
    unexplained : float
        What it costs that others explain more.
    """

    settings: Settings | None
    features: Vector
    detail: Detail
    distance: float
    cost: float = 0.0
    slots: tuple[int, ...] = ()
    size_cost: float = 0.0
    motion: float | None = None
    judged: float | None = None
    explained: tuple[float, ...] = ()
    unexplained: float = 0.0

    @property
    def apart(self) -> float:
        """Distance in all that is compared."""
        if self.motion is None:
            return self.distance
        return (1.0 - MOTION_SHARE) * self.distance + MOTION_SHARE * self.motion

    @property
    def value(self) -> float:
        """What is minimised."""
        return self.apart + self.cost + self.size_cost + self.unexplained


@dataclass(frozen=True, eq=False)
class Pick:
    """A pick and the case for it; see `SearchResult`.

    Attributes
    ----------
    candidate : Candidate
        What was picked.
    sure : bool
        Whether there was evidence enough.
    gain : float
        Distance that it takes away.
    risk : float
        Expected audible difference to what the reference may be, as a share of the input's.
    evidence : tuple of str
        What speaks for and against it, for a person.
    parts : tuple of float
        The gain by parts of the references.
    slots : tuple of int
        Indices of the effects to use.
    left_out : dict of int to str
        Index of a slot that is not used -> why.
    """

    candidate: Candidate
    sure: bool
    gain: float = 0.0
    risk: float = 1.0
    evidence: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()
    slots: tuple[int, ...] = ()
    left_out: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnobRange:
    """Positions of a knob that are as likely as the one picked.

    Attributes
    ----------
    low, high : float
        From 0 to 1.
    certainty : {"sure", "about", "unheard", "heard"}
        ``heard``: it follows from what was listened for. ``unheard``: nearly any position is as
        likely.
    """

    low: float
    high: float
    certainty: str


@dataclass(frozen=True, eq=False)
class Other:
    """A candidate that is as likely as the pick, and sounds clearly different.

    Attributes
    ----------
    candidate : Candidate
    slots : tuple of int
        Of the whole chain, a gain that is computed included.
    likelihood : float
        Share among the choices, the pick included.
    """

    candidate: Candidate
    slots: tuple[int, ...]
    likelihood: float


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search came to: the nearest candidate, sure or not.

    Attributes
    ----------
    slots : tuple of int
        Indices, in the chain searched, of the effects to use; empty for the untouched input.
    settings : ndarray
        Of the whole chain searched.
    features : ndarray
        Style features of the pick.
    distance, untouched : float
        Of the pick and of the input.
    sure : bool
        Whether it is better to take it than to leave the input alone.
    gain : float
        Distance it takes away.
    risk : float
        Its expected audible difference to what the reference may be, as a share of the untouched
        input's.
    evidence : tuple of str
        What speaks for and against it, for a person.
    parts : tuple of float
        The gain by parts of the references.
    left_out : dict
        Index of a slot that is not used -> why.
    absent : dict
        The same of those whose echoes were listened for and not heard.
    gains : dict of int to float
        Slot -> distance that the best of all chains with it is nearer than the best without.
    temperature : float
        Difference in distance at which a likelihood falls to 1/e, where nothing was guessed.
    ordered : Ordered, optional
        What swapping effects came to, where it was tried.
    others : tuple of Other
        Candidates that are as likely and sound different.
    ranges : mapping of int to KnobRange
        Index of a knob -> positions that are as likely.
    renders, failures : int
        How many there were.
    seconds : float
        That the search took.
    interrupted : bool
        Whether Ctrl-C or the time limit ended it.
    stopped : str
        Why it ended where it did, for a person.
    """

    slots: tuple[int, ...]
    settings: Settings
    features: Vector
    distance: float
    untouched: float
    sure: bool
    gain: float = 0.0
    risk: float = 1.0
    evidence: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()
    left_out: dict[int, str] = field(default_factory=dict)
    absent: dict[int, str] = field(default_factory=dict)
    gains: dict[int, float] = field(default_factory=dict)
    temperature: float = 1.0
    ordered: Ordered | None = None
    others: tuple[Other, ...] = ()
    ranges: Mapping[int, KnobRange] = field(default_factory=dict)
    renders: int = 0
    failures: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    stopped: str = ""


def settings_of(
    result: SearchResult, spec: EffectSpec
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """URIs and settings of the effects that a search kept.

    Parameters
    ----------
    result : SearchResult
        What the search kept.
    spec : EffectSpec
        Of the chain that was searched.

    Returns
    -------
    (tuple of str, ndarray)
        Settings of the kept effects alone, 0 to 1.
    """
    slots = chain_slots(spec)
    uris = tuple(slots[s][1] for s in result.slots)
    parts = [result.settings[slots[s][2]] for s in result.slots]
    return uris, np.concatenate(parts) if parts else np.zeros(0)
