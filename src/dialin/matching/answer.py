"""What a way to set the knobs answers: the result, and what it heard on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialin.audio import Audio
from dialin.matching.candidate import SearchResult
from dialin.matching.guessing.guess import Guess
from dialin.matching.hearing.time_guesses import Echoes


@dataclass(frozen=True, eq=False)
class Answer:
    """Settings for a prepared match, not yet described.

    Attributes
    ----------
    result : SearchResult
        The nearest candidate, sure or not.
    echoes : Echoes
        What was heard of echoes, rooms and motion.
    guess : Guess
        What the networks guessed.
    song : mapping of str to float
        Numbers of whole songs before and after, and the reference's.
    notes : tuple of str
        What a person should know.
    excerpt : ndarray, float32, shape (channels, samples), optional
        The analysed part of the input through the result, where it was made on the way.
    rendered : ndarray, float32, shape (channels, samples), optional
        All of the input through the result, where it was made on the way.
    """

    result: SearchResult
    echoes: Echoes = field(default_factory=Echoes)
    guess: Guess = field(default_factory=Guess)
    song: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    excerpt: Audio | None = None
    rendered: Audio | None = None
