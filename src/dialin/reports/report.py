"""The report of a match, typed from the search to ``report.json`` and to the page.

A distance is in units of content noise (`dialin.matching.style`); ``before`` is always that of the
input as it is and ``after`` that of the whole match, whatever the amount at which it was rendered.
Of a knob, ``before`` is the effect's default, ``after`` the match, and ``rendered`` what was heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dialin.files.text import plain
from dialin.reports.reading import read_fields

SCHEMA = 1
"""Of ``report.json``; files that name none have it too."""


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
    rendered, rendered_position, rendered_text : float, float and str, or None
        What was rendered at the amount asked for; None where nothing was run.
    low_position, high_position : float or None
        Positions between which the knob is as likely; None where too little was tried to tell.
    low_text, high_text : str
        The same as a person reads them.
    certainty : str
        ``sure``, ``about``, ``unheard`` (nearly anywhere is as likely), ``heard`` (it follows from
        what was listened for), or empty.
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
    rendered: float | None = None
    rendered_position: float | None = None
    rendered_text: str | None = None
    low_position: float | None = None
    high_position: float | None = None
    low_text: str = ""
    high_text: str = ""
    certainty: str = ""


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
    wet_percent : float or None
        Share of its output that is heard, 0 to 100; None before anything was rendered.
    """

    slot: str
    uri: str
    name: str
    used: bool
    reason: str
    knobs: tuple[KnobReport, ...]
    wet_percent: float | None = None


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
        Of the family; for people.
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
        ``heard``, ``moving`` (a motion was heard), ``faint``, ``disputed``, ``doubt`` or
        ``absent``; empty where it cannot be listened for.
    votes : float
        Log odds beyond what voters began with; 0 where none was believed.
    """

    name: str
    title: str
    probability: float
    used: bool
    effects: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    gain: float | None = None
    verdict: str = ""
    votes: float = 0.0


@dataclass(frozen=True)
class ChoiceReport:
    """A candidate that is as likely as the match, and sounds different.

    Attributes
    ----------
    number : int
        From 2: the match is the first choice.
    after : float
        Distance to the reference through it.
    likelihood : float
        Its share among the choices, the match included.
    slots : tuple of SlotReport
        Its effects and knobs.
    folder : str
        Where its preset lies, and the input through it; empty before it is written.
    """

    number: int
    after: float
    likelihood: float
    slots: tuple[SlotReport, ...]
    folder: str = ""


@dataclass(frozen=True)
class CurveReport:
    """One curve of a picture.

    Attributes
    ----------
    name : str
        In the legend.
    kind : str
        ``input``, ``matched`` or ``reference``.
    x, y : tuple of float
        Its points.
    """

    name: str
    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class MarkReport:
    """A place on the axis that is pointed out.

    Attributes
    ----------
    x : float
        In the units of the axis.
    text : str
        What it is.
    """

    x: float
    text: str


@dataclass(frozen=True)
class PictureReport:
    """What was heard of one effect of time, to be drawn.

    Attributes
    ----------
    kind : str
        ``echo``, ``decay`` or ``motion``.
    title, text : str
        Above it; and in words, for those who cannot see it.
    x_label, y_label : str
        Of the axes.
    log : bool
        Whether the axis of `x` is logarithmic.
    curves : tuple of CurveReport
        The first at the back.
    marks : tuple of MarkReport
        From left to right.
    """

    kind: str
    title: str
    text: str
    x_label: str
    y_label: str
    log: bool = False
    curves: tuple[CurveReport, ...] = ()
    marks: tuple[MarkReport, ...] = ()


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
    stopped : str
        Why the search ended where it did; empty where that is not known.
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
    bpm : float, optional
        Tempo in beats a minute that effects were told; None where hosts stayed at 120.
    families : tuple of FamilyReport
        Where the effects were left to dialin: how likely each family of effects is there.
    pictures : tuple of PictureReport
        Of echoes, rooms and motion in use.
    choices : tuple of ChoiceReport
        What else is as likely, the likeliest first.
    song : dict of str to float
        Of whole songs: loudness, crest factor and gains, before, after and wanted.
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
    bpm: float | None = None
    families: tuple[FamilyReport, ...] = ()
    pictures: tuple[PictureReport, ...] = ()
    choices: tuple[ChoiceReport, ...] = ()
    song: Mapping[str, float] = field(default_factory=dict)
    stopped: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; infinite levels (silence) become None."""
        result: dict[str, Any] = plain(asdict(self))
        return result


@dataclass(frozen=True)
class Applied:
    """One rendered file.

    Attributes
    ----------
    source, target : Path
    seconds : float
        Length of the output.
    sample_rate, channels : int
    subtype : str
        libsndfile's name of the output's sample format.
    peak_dbfs, rms_dbfs : float
        Of the output as rendered and turned down by `gain_db`.
    over_db : float
        How far the peak lies above full scale; 0 if it does not.
    clipped : int
        Samples that the file format had to cut; 0 in floating point formats.
    gain_db : float
        What `headroom` turned the output down by, 0 or negative.
    exact : bool
        Whether the block-wise render equals one render of the whole, bit for bit.
    render_seconds : float
        Wall-clock time it took.
    notes : tuple of str
        What a person should know.
    """

    source: Path
    target: Path
    seconds: float
    sample_rate: int
    channels: int
    subtype: str
    peak_dbfs: float
    rms_dbfs: float
    over_db: float
    clipped: int
    gain_db: float
    exact: bool
    render_seconds: float
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"source": str(self.source), "target": str(self.target)}


@dataclass(frozen=True)
class PlayedReport:
    """Level facts of what a page plays: the excerpt, as it was rendered, as players play it.

    Attributes
    ----------
    kind : str
        ``input``, ``matched``, ``nearest`` or ``reference``.
    name : str
        Of its file.
    start, seconds : float
        Where in its recording it begins, and how long it is.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    loudness_lufs, peak_dbfs : float
        A mono excerpt from both loudspeakers.
    """

    kind: str
    name: str
    start: float
    seconds: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    peak_dbfs: float


@dataclass(frozen=True)
class NearestReport:
    """The nearest candidate, where the input was left alone because none was sure.

    Attributes
    ----------
    after : float
        Distance to the reference through it.
    aspects : tuple of AspectReport
        The same by aspect.
    slots : tuple of SlotReport
        Its effects and knobs.
    evidence : tuple of str
        What speaks for and against it.
    reason : str
        Why it was not taken.
    rendered : Applied or None
        The input through it.
    """

    after: float
    aspects: tuple[AspectReport, ...]
    slots: tuple[SlotReport, ...]
    evidence: tuple[str, ...] = ()
    reason: str = ""
    rendered: Applied | None = None


@dataclass(frozen=True)
class SavedReport(MatchReport):
    """What ``report.json`` says: a match, and what was written of it.

    Attributes
    ----------
    amount : float
        How much of the match was rendered, in per cent.
    command : str
        What repeats it; empty where there is none.
    command_note : str
        What the command leaves out, in words; empty where it says everything.
    tail : float
        Seconds rendered after the end.
    rendered : Applied or None
        The input through the match; None where that failed.
    native : tuple of str
        Presets for other hosts, relative to the folder.
    played : tuple of PlayedReport
        What the page plays.
    nearest : NearestReport or None
        The nearest candidate, where none was sure.
    """

    amount: float = 100.0
    command: str = ""
    command_note: str = ""
    tail: float = 0.0
    rendered: Applied | None = None
    native: tuple[str, ...] = ()
    played: tuple[PlayedReport, ...] = ()
    nearest: NearestReport | None = None

    @classmethod
    def of(
        cls,
        match: MatchReport,
        *,
        amount: float = 100.0,
        tail: float = 0.0,
        command: str = "",
        command_note: str = "",
    ) -> SavedReport:
        """Begin the report of a match that is to be written.

        Parameters
        ----------
        match : MatchReport
            What was found.
        amount : float, default 100
            How much of it is rendered, in per cent.
        tail : float, default 0
            Seconds rendered after the end.
        command : str, optional
            What repeats it.
        command_note : str, optional
            What the command leaves out, in words.

        Returns
        -------
        SavedReport
        """
        own = {each.name: getattr(match, each.name) for each in fields(MatchReport)}
        return cls(**own, amount=amount, tail=tail, command=command, command_note=command_note)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        return {"schema": SCHEMA, **super().to_dict()}

    @classmethod
    def from_dict(cls, data: object) -> SavedReport:
        """Read what ``report.json`` holds.

        Reports of earlier versions lack some of it; that is blank then. Levels of silence, which
        JSON cannot hold, are NaN.

        Parameters
        ----------
        data : object
            Plain data.

        Returns
        -------
        SavedReport

        Raises
        ------
        ValueError
            If it is no report, or one of a newer version.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a report is an object of JSON, not {type(data).__name__}")
        schema = data.get("schema", SCHEMA)
        if schema != SCHEMA:
            raise ValueError(f"it has schema {schema!r}; this version of dialin reads {SCHEMA}")
        return read_fields(cls, data)
