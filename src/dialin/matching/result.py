"""What a match is: settings, preset, audio, and the facts of how it came about."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.files import plain

if TYPE_CHECKING:
    from dialin.presets import Preset
    from dialin.rendering import RenderPool


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


@dataclass(frozen=True)
class AspectReport:
    """One aspect of the sound: how much it counted, and how far off it was and is.

    Attributes
    ----------
    name : str
        Of `ASPECTS`.
    weight : float
        0 to 1.
    before : float
        Distance of the input, in units of content noise.
    after : float
        Distance of the result.
    """

    name: str
    weight: float
    before: float
    after: float


@dataclass(frozen=True)
class KnobReport:
    """One knob.

    Attributes
    ----------
    id, name, unit : str
    before, after : float
        The effect's default and the match, in native units.
    before_position, after_position : float
        The same in [0, 1].
    before_text, after_text : str
        As a person reads them.
    locked : bool
        Whether it was kept by wish.
    dead : bool
        Whether it did nothing when it was probed, and was left alone.
    """

    id: str
    name: str
    unit: str
    before: float
    after: float
    before_position: float
    after_position: float
    before_text: str
    after_text: str
    locked: bool = False
    dead: bool = False


@dataclass(frozen=True)
class SlotReport:
    """One effect of the chain: its knobs, or why it was left out.

    Attributes
    ----------
    slot : str
        Its name in the chain.
    uri : str
        Of the effect.
    name : str
        Of the effect, as a person reads it.
    used : bool
        Whether it is in the result.
    reason : str
        Why it is not; empty if it is.
    knobs : tuple of KnobReport
        In the effect's order.
    """

    slot: str
    uri: str
    name: str
    used: bool
    reason: str
    knobs: tuple[KnobReport, ...]


@dataclass(frozen=True)
class SoundReport:
    """Level facts of a recording (of the excerpts that were analysed).

    Loudness is as played: a mono recording comes from both loudspeakers. A reference with
    `aspects` counts for those alone.

    Attributes
    ----------
    name : str
        Of the file.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    seconds : float
        Of the whole recording.
    loudness_lufs : float
        Integrated loudness.
    peak_dbfs : float
        Highest sample.
    crest_db : float
        Peak over RMS.
    weight : float
        How much a reference counts.
    aspects : tuple of str
        That a reference stands for; empty for all.
    """

    name: str
    sample_rate: int
    channels: int
    seconds: float
    loudness_lufs: float
    peak_dbfs: float
    crest_db: float
    weight: float = 1.0
    aspects: tuple[str, ...] = ()


@dataclass(frozen=True)
class FamilyReport:
    """What is thought of one family of effects, where choosing them was left to dialin.

    Attributes
    ----------
    name, title : str
    probability : float
        That it is in the reference.
    used : bool
        Whether the match uses one of its effects.
    effects : tuple of str
        Names of the slots in use.
    evidence : tuple of str
        What speaks for and against it.
    gain : float, optional
        Distance that its best effect brings, in units of what makes a likelihood 1/e; None where
        none was tried.
    verdict : str
        ``heard``, ``doubt`` or ``absent``; empty where it cannot be listened for.
    """

    name: str
    title: str
    probability: float
    used: bool
    effects: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    gain: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class MatchReport:
    """Everything worth knowing of a match.

    Attributes
    ----------
    before, after : float
        Distance to the reference, untouched and matched.
    aspects : tuple of AspectReport
    slots : tuple of SlotReport
    input, output : SoundReport
    references : tuple of SoundReport
    seed, budget, renders, failures : int
    seconds : float
    interrupted : bool
        Whether Ctrl-C or the time limit ended the search early.
    models : tuple of str
        Folders of trained controllers whose answers were tried first.
    notes : tuple of str
        What the person should know.
    version : str
    sure : bool
        Whether the evidence for the settings is enough; False where the input was left alone for
        lack of it, and where the nearest candidate was kept by wish.
    gain : float
        Distance that the nearest candidate takes away.
    risk : float
        What it may be wrong by, as a share of what leaving the input alone may be wrong by.
    evidence : tuple of str
        What speaks for and against it.
    parts : tuple of float
        Distance it takes away in each part of the reference by itself.
    families : tuple of FamilyReport
        Where the effects were left to dialin: how likely each family of effects is there.
    """

    before: float
    after: float
    aspects: tuple[AspectReport, ...]
    slots: tuple[SlotReport, ...]
    input: SoundReport
    output: SoundReport
    references: tuple[SoundReport, ...]
    seed: int
    budget: int
    renders: int
    failures: int
    seconds: float
    interrupted: bool
    models: tuple[str, ...]
    notes: tuple[str, ...]
    version: str
    sure: bool = True
    gain: float = 0.0
    risk: float = 1.0
    evidence: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()
    families: tuple[FamilyReport, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; infinite levels (silence) become None."""
        result: dict[str, Any] = plain(asdict(self))
        return result


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
    """

    effects: tuple[str, ...]
    spec: EffectSpec | None
    settings: Settings
    preset: Preset
    report: MatchReport
    _input: tuple[Audio, int] | str = field(repr=False, default="")
    _pool: RenderPool | None = field(repr=False, default=None)
    nearest: Match | None = field(repr=False, default=None)

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
        from dialin.matching.apply import render_audio

        audio, rate = read_audio(self._input) if isinstance(self._input, str) else self._input
        return render_audio(
            self.preset, audio, rate, amount=amount, tail=tail, pool=self._pool
        ), rate
