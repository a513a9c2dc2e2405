"""What ``dialin match`` is given: its own groups of arguments and options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import number, pairs, words
from dialin.cli._match_words import parse_reference, parse_tempo
from dialin.cli._options import BUDGET, FX, MODEL, OUTPUT, SeedOption
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.matching.options import MatchOptions, SongOptions


@dataclass(frozen=True)
class FileArguments:
    """What is matched, and where the results go.

    Attributes
    ----------
    input : Path
        The recording to change, or a folder.
    references : list of str
        Each ``FILE`` or ``FILE:WEIGHT``; more inputs before the last one where there are no
        weights.
    folder : Path
        For the results.
    reference : list of str, optional
        References, where all else are inputs.
    together : bool
        Whether all inputs get one preset.
    stems : bool
        Whether input and reference are folders of stems.
    invert : bool
        Whether the reference is changed, and the input is what it should sound like.
    halfway : bool
        Whether both move, half of the way each.
    """

    input: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The recording to change, or a folder.")
    ]
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")]
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]... REFERENCE",
            help="What it should sound like: FILE[:WEIGHT]. Of several without weights, the last.",
        ),
    ] = None
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="What they should sound like: FILE[:WEIGHT], or a profile; all else are inputs.",
        ),
    ] = None
    together: Annotated[
        bool, typer.Option("--together", help="One preset for all inputs, heard as one album.")
    ] = False
    stems: Annotated[
        bool,
        typer.Option("--stems", help="Two folders: each stem is matched with that of its name."),
    ] = False
    invert: Annotated[
        bool,
        typer.Option("--invert", help="Change the reference, so that it sounds like the input."),
    ] = False
    halfway: Annotated[
        bool,
        typer.Option("--halfway", help="Move both, half of the way each, to meet in the middle."),
    ] = False

    def read(self) -> tuple[list[Path], list[tuple[Path, float]]]:
        """Inputs; references and their weights."""
        named = [str(self.input), *(self.references or [])]
        if self.reference:
            return [Path(name) for name in named], [parse_reference(r) for r in self.reference]
        if len(named) < 2:
            raise UsageError("there is no reference; name one behind the input, or --reference")
        mix = [parse_reference(text) for text in named[1:]]
        plain = [Path(text) == path for (path, _), text in zip(mix, named[1:], strict=True)]
        if len(mix) > 1 and all(plain):
            return [Path(name) for name in named[:-1]], mix[-1:]
        return [self.input], mix


@dataclass(frozen=True)
class SearchArguments:
    """What is searched, and what counts.

    Attributes
    ----------
    fx : list of str, optional
        Effects.
    budget : int, optional
        Renders.
    seconds : float, optional
        Time limit.
    seed : int
        Of all chance.
    lock : list of str, optional
        Each ``SLOT.KNOB=VALUE``.
    only : list of str, optional
        Aspects, separated by commas.
    weight : list of str, optional
        Each ``ASPECT=FACTOR``.
    reference_for : list of str, optional
        Each ``ASPECT=FILE``.
    model : list of str, optional
        Folders of controllers.
    models : bool
        Whether there may be any.
    bpm : str, optional
        Tempo, or ``auto``.
    pick : int
        Which of the choices becomes the match.
    keep : bool
        Whether the nearest candidate is taken even where it is not sure.
    """

    fx: Annotated[
        list[str] | None,
        typer.Option(
            "--fx",
            metavar="EFFECT",
            help=f"{FX}. auto, as without it: built-ins, chosen by what is heard in the reference. "
            "default: a fixed chain of built-ins, those that do not help left out. "
            "mastering, as without it where all are whole mixes: tone, width, dynamics and level "
            "of songs.",
        ),
    ] = None
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            help=f"{BUDGET}, at most: it ends once further ones gain nothing; by default 20 for "
            "each knob, from 100 to 600, or 60 to 400 where dialin chooses the effects. "
            "1: the first guess.",
        ),
    ] = None
    seconds: Annotated[
        float | None, typer.Option(help="Stop searching after this long, whatever the budget.")
    ] = None
    seed: SeedOption = 0
    lock: Annotated[
        list[str] | None,
        typer.Option(help="Keep a knob, in its own units: SLOT.KNOB=VALUE. May be repeated."),
    ] = None
    only: Annotated[
        list[str] | None, typer.Option(help="Match only these aspects, separated by commas.")
    ] = None
    weight: Annotated[
        list[str] | None, typer.Option(help="How much an aspect counts: ASPECT=FACTOR.")
    ] = None
    reference_for: Annotated[
        list[str] | None,
        typer.Option(help="Another reference for one aspect: ASPECT=FILE. May be repeated."),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help=f"{MODEL}; one to start from, may be repeated. Without it, those that "
            "dialin train controller --fx made of these effects.",
        ),
    ] = None
    models: Annotated[
        bool,
        typer.Option(
            "--models/--no-models",
            help="Start from the networks that come with dialin, and from trained controllers.",
        ),
    ] = True
    bpm: Annotated[
        str | None,
        typer.Option(
            "--bpm",
            metavar="N|auto",
            help="Tempo for effects that follow their host's (LV2), in beats a minute; auto: "
            "heard from the input. Without it: 120.",
        ),
    ] = None
    pick: Annotated[
        int,
        typer.Option(
            "--pick",
            min=1,
            help="Which of the choices becomes the match; the report lists them, the likeliest is "
            "the first.",
        ),
    ] = 1
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Take the nearest candidate even where it is not sure to be better; of effects "
            "that were named, four at most, leave none out.",
        ),
    ] = False

    def options(self) -> MatchOptions:
        """The same, read and checked."""
        from dialin.matching.options import MatchOptions

        if self.model and not self.models:
            raise UsageError("--model names what --no-models leaves out; use one of them")
        return MatchOptions(
            budget=self.budget,
            seconds=self.seconds,
            seed=self.seed,
            only=words(self.only) or None,
            lock=_numbers(self.lock, "--lock", "compressor.ratio=4") or None,
            weights=_numbers(self.weight, "--weight", "tone=2") or None,
            reference_for=dict(
                pairs(self.reference_for, option="--reference-for", example="level=loud.wav")
            )
            or None,
            models=(self.model or None) if self.models else (),
            bpm=parse_tempo(self.bpm),
            pick=self.pick,
            keep=self.keep,
        )


@dataclass(frozen=True)
class SongArguments:
    """What is asked for of whole songs.

    Attributes
    ----------
    smooth : float
        Octaves.
    max_eq : float, optional
        Decibels.
    loudness : float, optional
        LUFS.
    ceiling : float, optional
        dBTP.
    """

    smooth: Annotated[
        float, typer.Option(help="Whole songs: octaves over which spectra are compared.")
    ] = 1 / 3
    max_eq: Annotated[
        float | None,
        typer.Option(
            "--max-eq",
            help="Whole songs: decibels that an equaliser turns up or down at most, in place of 18 "
            "up and 24 down.",
        ),
    ] = None
    loudness: Annotated[
        float | None,
        typer.Option(help="Whole songs: LUFS to end at, in place of the reference's."),
    ] = None
    ceiling: Annotated[
        float | None,
        typer.Option(help="Whole songs: a limiter keeps to this true peak, in dBTP, such as -1."),
    ] = None

    def options(self) -> SongOptions:
        """The same, checked."""
        from dialin.matching.options import SongOptions

        return SongOptions(
            smooth=self.smooth, max_eq=self.max_eq, loudness=self.loudness, ceiling=self.ceiling
        )


def _numbers(values: list[str] | None, option: str, example: str) -> dict[str, float]:
    return {
        name: number(value, option=option, example=example)
        for name, value in pairs(values, option=option, example=example)
    }
