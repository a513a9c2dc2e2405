"""What a page shows, worded and rounded for the eye: `Page`; the template only lays it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialin.reports.words import Direction

State = Literal["matched", "left alone", "amount 0"]


@dataclass(frozen=True)
class AspectRow:
    """One aspect: distances as text, as widths of bars in per cent, and in words.

    Attributes
    ----------
    name : str
        Of the aspect.
    weight : str
        As text.
    before : str
        As text.
    after : str
        As text.
    before_width : float
        0 to 100.
    after_width : float
        0 to 100.
    change : str
        In words.
    direction : Direction
        Of the change.
    closeness : str
        In words.
    """

    name: str
    weight: str
    before: str
    after: str
    before_width: float
    after_width: float
    change: str
    direction: Direction
    closeness: str


@dataclass(frozen=True)
class KnobRow:
    """One knob: texts, and positions on its scale in per cent.

    `value` is what was rendered, which is `full` (the match at 100 %) unless another amount was
    asked for.

    Attributes
    ----------
    name : str
        As a person reads it.
    tags : tuple of str
        ``locked``, ``does nothing``, both or none.
    default : str
        As text.
    value : str
        As text.
    full : str
        As text.
    default_percent : float
        0 to 100.
    value_percent : float
        0 to 100.
    full_percent : float
        0 to 100.
    moved : bool
        Whether it left its default.
    reach : str
        How far it may go, in words; empty where that is not known.
    low_percent, high_percent : float
        Ends of that range, 0 to 100; both are the value where it is not known.
    """

    name: str
    tags: tuple[str, ...]
    default: str
    value: str
    full: str
    default_percent: float
    value_percent: float
    full_percent: float
    moved: bool
    reach: str = ""
    low_percent: float = 0.0
    high_percent: float = 0.0


@dataclass(frozen=True)
class EffectRows:
    """One effect in use, with its knobs.

    `wet` is how much of its sound is heard, where an amount mixes it with what goes in.

    Attributes
    ----------
    slot : str
        Its name in the chain.
    name : str
        Of the effect.
    uri : str
        Of the effect.
    wet : str
        In words; empty for all of it.
    knobs : tuple of KnobRow
        In the effect's order.
    """

    slot: str
    name: str
    uri: str
    wet: str
    knobs: tuple[KnobRow, ...]


@dataclass(frozen=True)
class LeftOut:
    """One effect not in use, and why.

    Attributes
    ----------
    slot : str
        Its name in the chain.
    name : str
        Of the effect.
    reason : str
        In words.
    """

    slot: str
    name: str
    reason: str


@dataclass(frozen=True)
class CandidateRows:
    """A candidate: how near it is, and its knobs.

    Attributes
    ----------
    before, after, change : str
    direction : {"better", "worse", "same"}
    aspects : tuple of AspectRow
        In the order of the page.
    mark : float
        Position of `SAME_RECORDING` on the bars of `aspects`, in per cent.
    still_off : str
        What is still off, in a sentence.
    effects : tuple of EffectRows
        In the order of the chain.
    left_out : tuple of LeftOut
        In the order of the chain.
    evidence : tuple of str
        Why this candidate was picked.
    """

    before: str
    after: str
    change: str
    direction: Direction
    aspects: tuple[AspectRow, ...]
    mark: float
    still_off: str
    effects: tuple[EffectRows, ...]
    left_out: tuple[LeftOut, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Nearest:
    """The nearest candidate of a match that is not sure, and the commands that take it.

    Attributes
    ----------
    outcome : CandidateRows
        How near it is, and its knobs.
    reason : str
        Why it was not taken.
    keep : str
        Command that matches again and keeps it.
    apply : str
        Command that applies its preset.
    """

    outcome: CandidateRows
    reason: str
    keep: str
    apply: str


@dataclass(frozen=True)
class Page:
    """Everything a page says.

    Attributes
    ----------
    title, version : str
    input : str
    references : tuple of str
    state : {"matched", "left alone", "amount 0"}
    sure : bool
        False where there was not enough evidence for what was done, or for doing anything.
    amount : str
        In per cent, as text; `partly` says whether that is not 100.
    partly : bool
        Whether the amount is not 100 %.
    outcome : CandidateRows
    nearest : Nearest, optional
    notes : tuple of str
    command : str
    command_note : str
    details : tuple of (str, str)
    """

    title: str
    version: str
    input: str
    references: tuple[str, ...]
    state: State
    sure: bool
    amount: str
    partly: bool
    outcome: CandidateRows
    nearest: Nearest | None
    notes: tuple[str, ...]
    command: str
    command_note: str
    details: tuple[tuple[str, str], ...]
