"""What a match is: settings, preset, audio, and the facts of how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings

if TYPE_CHECKING:
    from dialin.presets import Preset
    from dialin.rendering import Renderer
    from dialin.reports.report import MatchReport


@dataclass(frozen=True)
class MatchProgress:
    """Where a search stands.

    Attributes
    ----------
    renders, budget : int
    seconds : float
        Since the search began.
    best : float
        Lowest distance to the reference so far.
    untouched : float
        Distance of the input as it is.
    """

    renders: int
    budget: int
    seconds: float
    best: float
    untouched: float


@dataclass(frozen=True, eq=False)
class Match:
    """The result of `dialin.match`.

    Attributes
    ----------
    effects : tuple of str
        URIs of the effects in use, in order; empty where leaving the input alone sounds closest.
    spec : EffectSpec, optional
        Spec of their chain; None where there are none.
    settings : ndarray
        In [0, 1], in the order of `spec`.
    preset : Preset
        What to save, apply and export.
    report : MatchReport
    nearest : Match, optional
        The nearest candidate, where the input was left alone because none was sure.
    choices : tuple of Preset
        What else is as likely and sounds different, in the order of the report's choices.
    rendered : ndarray, float32, shape (channels, samples), optional
        All of the input through the match, where it was made on the way; otherwise see `audio`.
    """

    effects: tuple[str, ...]
    spec: EffectSpec | None
    settings: Settings
    preset: Preset
    report: MatchReport
    _input: tuple[Audio, int] | str = field(repr=False, default="")
    _pool: Renderer | None = field(repr=False, default=None)
    nearest: Match | None = field(repr=False, default=None)
    choices: tuple[Preset, ...] = field(repr=False, default=())
    rendered: Audio | None = field(repr=False, default=None)

    def audio(self, amount: float = 100.0, *, tail: float = 0.0) -> tuple[Audio, int]:
        """The whole input through the match.

        Parameters
        ----------
        amount : float
            How much of the match, in per cent; 0 is the input, exactly.
        tail : float
            Seconds rendered after the end.

        Returns
        -------
        audio : ndarray, float32, shape (channels, samples)
        sample_rate : int
            The input's own.
        """
        from dialin.audio import read_audio
        from dialin.matching.fit import render_audio

        audio, rate = read_audio(self._input) if isinstance(self._input, str) else self._input
        return render_audio(
            self.preset, audio, rate, amount=amount, tail=tail, pool=self._pool
        ), rate
