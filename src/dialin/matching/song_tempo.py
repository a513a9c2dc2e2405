"""The tempo of the song that effects are set in: told by a person, or heard in the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dialin.effects.tempo import USUAL, follows_tempo, with_tempo
from dialin.effects.uri import parse_uri
from dialin.matching.hearing.ears import listened
from dialin.matching.options import Recording
from dialin.matching.probing import ask_effect
from dialin.measures.tempo import find_tempo
from dialin.rendering import Renderer

_NO_TEMPO = ("builtin", "faust", "vst3", "au")
"""Formats whose hosts tell effects no tempo."""


@dataclass(frozen=True)
class InTempo:
    """Effects in a song.

    Attributes
    ----------
    uris : tuple of str
        Those that follow the tempo are told it.
    bpm : float, optional
        Beats a minute; None where nobody asked or nothing was heard.
    notes : tuple of str
        For the person.
    """

    uris: tuple[str, ...]
    bpm: float | None = None
    notes: tuple[str, ...] = ()


def in_tempo(
    pool: Renderer,
    uris: Sequence[str],
    bpm: float | Literal["auto"] | None,
    recording: Recording,
    sample_rate: int,
) -> InTempo:
    """Tell effects the tempo of a song.

    Parameters
    ----------
    pool : Renderer
        Whose workers open the effects.
    uris : sequence of str
        Of the effects of a chain, in order.
    bpm : float, "auto" or None
        Beats a minute; ``auto`` listens to the recording.
    recording : path-like or (ndarray, int)
        The input.
    sample_rate : int
        Of it, in hertz.

    Returns
    -------
    InTempo
    """
    if bpm is None:
        return InTempo(tuple(uris))
    notes: list[str] = []
    if isinstance(bpm, str):
        heard = find_tempo(listened(recording), sample_rate)
        if heard is None:
            return InTempo(
                tuple(uris),
                None,
                (
                    f"no tempo was heard in the input, so hosts stay at {USUAL:g} beats a minute; "
                    "give one with --bpm",
                ),
            )
        tempo = round(heard.bpm, 1)
        notes.append(
            f"tempo heard in the input: {tempo:g} beats a minute (it may be half or double that: "
            "give another with --bpm)"
        )
    else:
        tempo = float(bpm)
    told = tuple(_told(pool, uri, tempo) for uri in uris)
    if told == tuple(uris):
        mute = {parse_uri(uri)[0] for uri in uris} & {"vst3", "au"}
        why = "; their host tells VST3 plugins and Audio Units none" if mute else ""
        notes.append(f"none of the effects is told a tempo, so --bpm changes nothing{why}")
    return InTempo(told, tempo, tuple(notes))


def _told(pool: Renderer, uri: str, bpm: float) -> str:
    format, rest = parse_uri(uri)
    if format == "mix":
        return f"mix:{_told(pool, rest, bpm)}"
    if format == "bpm":
        return with_tempo(uri, bpm)
    if format in _NO_TEMPO or not ask_effect(pool, follows_tempo, uri):
        return uri
    return with_tempo(uri, bpm)
