"""What the page of a match plays: the most active stretches, drawn by workers meanwhile.

Input and references are known before the search, so that workers can read, compress and draw them
while the program is at other things; what was made of the input is drawn once it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from os import PathLike
from pathlib import Path

from dialin.audio import cut_file, read_audio
from dialin.rendering import RenderPool, Result
from dialin.reports import Kind, Track
from dialin.reports.clips import AUDIO_BYTES
from dialin.reports.drawing import DrawnTrack, draw_track

LISTEN_SECONDS = 15.0
"""Length of the excerpts that lie in the report."""

DEADLINE = 600.0
"""Seconds that a worker may take to look through a recording, which may last for hours."""


def draw_file(kind: Kind, path: Path, limit: int) -> tuple[DrawnTrack, int, int]:
    """Draw the most active stretch of a file.

    Parameters
    ----------
    kind : {"input", "reference"}
        What it is.
    path : Path
        Of the recording.
    limit : int
        Bytes that its clip may have.

    Returns
    -------
    (DrawnTrack, int, int)
        And where the stretch begins, and how long it is, in samples.
    """
    cut = cut_file(path, seconds=LISTEN_SECONDS, pieces=1)
    audio, rate, first = cut.pieces[0], cut.sample_rate, cut.starts[0]
    return (
        draw_track(Track(kind, path.name, audio, rate, first / rate), limit),
        first,
        len(audio[0]),
    )


class Listening:
    """Tracks of the page of one match.

    Parameters
    ----------
    pool : RenderPool
        Workers that draw.
    input : path-like
        The recording that is matched.
    references : sequence of path-like
        In the order of the page.
    """

    def __init__(
        self,
        pool: RenderPool,
        input: str | PathLike[str],
        references: Sequence[str | PathLike[str]],
    ) -> None:
        self._asked: list[tuple[Kind, Path]] = [
            ("input", Path(input)),
            *(("reference", Path(reference)) for reference in references),
        ]
        # Input and references, and one thing that was made of the input.
        self._limit = self._share(1)
        self._futures: list[Future[Result]] = pool.submit_calls(
            *(draw_file, [(kind, path.absolute(), self._limit) for kind, path in self._asked]),
            deadline=DEADLINE,
        )

    def tracks(self, made: Sequence[tuple[Kind, Path]]) -> list[DrawnTrack]:
        """All tracks in the order of the page, the same stretch of what was made of the input.

        Parameters
        ----------
        made : sequence of (kind, Path)
            Files.

        Returns
        -------
        list of DrawnTrack

        Raises
        ------
        AudioError
            If a file cannot be read.
        """
        limit = self._share(len(made))
        (own, first, length), *others = (self._drawn(n, limit) for n in range(len(self._asked)))
        drawn = []
        for kind, path in made:
            sound, rate = read_audio(path, start=first, frames=length)
            drawn.append(draw_track(Track(kind, path.name, sound, rate, first / rate), limit))
        return [own, *drawn, *(track for track, _, _ in others)]

    def _share(self, made: int) -> int:
        return AUDIO_BYTES // (len(self._asked) + made)

    def _drawn(self, number: int, limit: int) -> tuple[DrawnTrack, int, int]:
        """From its worker; again where that failed, which says why, or had other room."""
        kind, path = self._asked[number]
        if limit == self._limit:
            result = self._futures[number].result()
            if result.failure is None:
                drawn: tuple[DrawnTrack, int, int] = result.value
                return drawn
        return draw_file(kind, path, limit)
