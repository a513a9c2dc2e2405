"""Many recordings matched as one: a single preset, and each of them through it.

Conventions: the preset is written before anything is rendered, with the request that made it
(`dialin.matching.files.batch.request_of`). The same request finds it there, does not match again,
and renders what is not there yet: an output that is younger than its preset is finished, as outputs
appear whole. A recording that cannot be read or rendered does not stop the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dialin.audio import Audio
from dialin.errors import DialinError, OutputError
from dialin.files import OwnFiles, publish, stands_in_the_way, working_folder
from dialin.matching.files.apply import ApplyProgress, apply_preset, in_the_way
from dialin.matching.options import RenderOptions
from dialin.matching.songs.mixes import album_material
from dialin.presets.preset import Preset
from dialin.reports import Applied, MatchReport

if TYPE_CHECKING:
    from dialin.matching.result import Match
    from dialin.rendering import RenderPool

PRESET = "preset.json"

Status = Literal["rendered", "finished before", "failed", "not begun"]


@dataclass(frozen=True)
class AlbumTrack:
    """What became of one recording.

    Attributes
    ----------
    source : Path
    status : {"rendered", "finished before", "failed", "not begun"}
    target : Path, optional
        Its output, where there is one.
    applied : Applied, optional
        Facts of what was rendered in this run.
    error : DialinError, optional
        Why it failed.
    """

    source: Path
    status: Status
    target: Path | None = None
    applied: Applied | None = None
    error: DialinError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "input": str(self.source),
            "status": self.status,
            "output": None if self.target is None else str(self.target),
            "peak_dbfs": None if self.applied is None else self.applied.peak_dbfs,
            "error": None if self.error is None else self.error.to_dict(),
        }


class Album:
    """Recordings on their way through one preset.

    Parameters
    ----------
    sources : sequence of Path
        Files.
    folder : Path
        For the preset and the audio.
    request : str
        What is asked for, as one word.
    overwrite : bool
        Whether what is there may be replaced.
    """

    def __init__(
        self, sources: Sequence[Path], folder: Path, request: str, *, overwrite: bool = False
    ) -> None:
        self.sources, self.folder = list(dict.fromkeys(sources)), folder
        self.report: MatchReport | None = None
        self._request, self._overwrite = request, overwrite
        self._failures: dict[Path, DialinError] = {}
        self._applied: dict[Path, Applied] = {}
        own = OwnFiles.load(folder)
        same = own.about.get("request") == request and own.owns(PRESET)
        self.resumed = same and not overwrite
        self._before = {s for s in self.sources if self.resumed and self._output(s) is not None}
        if self.resumed or overwrite:
            return
        there = [*stands_in_the_way(folder, [PRESET]), *in_the_way(self.sources, folder)]
        if there:
            raise OutputError(
                f"{str(there[0])!r} exists already, and was not made by this request; choose "
                "another folder, or replace it with --overwrite"
            )

    def solve(self, match: Callable[[tuple[Audio, int]], Match]) -> Preset:
        """The preset: that of the same request, or a new one, which is written at once.

        Parameters
        ----------
        match : callable
            Matches the recordings as one.

        Returns
        -------
        Preset

        Raises
        ------
        DialinError
            If no recording can be read, or the match fails.
        """
        if self.resumed:
            # Its contents are those that dialin wrote.
            return Preset.load(self.folder / PRESET, trust=True)
        found = match(album_material(self.sources, on_failure=self._fail))
        self.report = found.report
        with working_folder(self.folder) as work:
            staged = work / "staged"
            staged.mkdir()
            found.preset.save(staged / PRESET)
            publish(staged, self.folder, [PRESET], about={"request": self._request})
        return found.preset

    def render(
        self,
        preset: Preset,
        options: RenderOptions,
        pool: RenderPool,
        *,
        reads: Iterable[str | os.PathLike[str]] = (),
        progress: Callable[[ApplyProgress], None] | None = None,
    ) -> None:
        """Render what is not there yet.

        Parameters
        ----------
        preset : Preset
            From `solve`.
        options : RenderOptions
            Amount, headroom and tail.
        pool : RenderPool
            Workers that render.
        reads : iterable of path-like
            What else the run reads.
        progress : callable, optional
            Called with an `ApplyProgress`.
        """
        done = {*self._failures, *self._before}
        missing = [source for source in self.sources if source not in done]
        if not missing:
            return
        made = apply_preset(
            preset,
            missing,
            self.folder,
            amount=options.amount,
            headroom=options.headroom,
            tail=options.tail,
            # What is left of another request may go: that was asked before.
            overwrite=self._overwrite or self.resumed,
            pool=pool,
            on_failure=self._fail,
            progress=progress,
            reads=[*reads, self.folder / PRESET],
        )
        self._applied = {one.source: one for one in made}

    @property
    def tracks(self) -> list[AlbumTrack]:
        """What became of each recording so far, an interrupted run's too."""
        rows: list[AlbumTrack] = []
        for source in self.sources:
            target = self._output(source)
            if source in self._failures:
                rows.append(AlbumTrack(source, "failed", error=self._failures[source]))
            elif source in self._before:
                rows.append(AlbumTrack(source, "finished before", target))
            elif target is not None:
                rows.append(AlbumTrack(source, "rendered", target, self._applied.get(source)))
            else:
                rows.append(AlbumTrack(source, "not begun"))
        return rows

    def _fail(self, source: Path, error: DialinError) -> None:
        self._failures[source] = error

    def _output(self, source: Path) -> Path | None:
        """A recording's output, if it was rendered through the preset that is there."""
        try:
            made = (self.folder / PRESET).stat().st_mtime_ns
        except OSError:
            return None
        for name in dict.fromkeys((source.name, f"{source.stem}.wav")):
            path = self.folder / name
            if path.is_file() and path.stat().st_mtime_ns >= made:
                return path
        return None
