"""What ``dialin match`` does with one input: search, write, and answer Ctrl-C meanwhile."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dialin.cli._console import Output
from dialin.cli._progress import progress

if TYPE_CHECKING:
    from dialin.matching.files.making import Saved
    from dialin.matching.options import MatchOptions, RenderOptions
    from dialin.matching.result import MatchProgress
    from dialin.rendering import RenderPool


@dataclass(frozen=True)
class InputTask:
    """What is to be done with each input.

    Attributes
    ----------
    output : Output
        Of the command.
    mix : list of (Path, float)
        References and their weights.
    effects : list of str, str, or None
        URIs, or the word by which dialin chooses; see `dialin.match`.
    options : MatchOptions
        How it is searched.
    rendering : RenderOptions
        How it is written.
    stopped : Event
        Set once Ctrl-C was pressed.
    """

    output: Output
    mix: list[tuple[Path, float]]
    effects: list[str] | str | None
    options: MatchOptions
    rendering: RenderOptions
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def references(self) -> list[Path]:
        """Files that are listened to."""
        special = [Path(str(path)) for path in (self.options.reference_for or {}).values()]
        return [*(path for path, _ in self.mix), *special]

    def facts(self) -> dict[str, Any]:
        """Plain data: all that changes a result."""
        options = asdict(self.options) | asdict(self.rendering)
        # No option of the command changes it; and what was begun before it was there goes on.
        del options["search"]
        if self.options.song == type(self.options.song)():
            del options["song"]
        return options | {
            "effects": self.effects,
            "weights of references": [weight for _, weight in self.mix],
        }

    def run(
        self,
        source: Path,
        target: Path,
        pool: RenderPool,
        *,
        overwrite: bool,
        label: str = "matching",
        about: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Match one input, and write its folder.

        Parameters
        ----------
        source : Path
            The recording to change.
        target : Path
            Folder for the results.
        pool : RenderPool
            Workers that render.
        overwrite : bool
            Whether what is there may be replaced.
        label : str
            What stands before the bar of the search.
        about : mapping, optional
            Plain data that is kept beside the results.

        Returns
        -------
        Saved
        """
        from dialin.matching.files.folder import match_folder, save_match
        from dialin.matching.files.listening import Listening
        from dialin.matching.matcher import match as run

        with match_folder(
            target,
            source,
            reads=[*self.references, *map(Path, self.options.models or [])],
            effects=self.effects if isinstance(self.effects, list) else (),
            overwrite=overwrite,
            tail=self.rendering.tail,
        ) as held:
            played = [path for path in self.references if path.suffix.lower() != ".json"]
            listening = Listening(pool, source, played)
            with watch_interrupt(self.stopped), search_bar(self.output, label) as searched:
                match = run(
                    source,
                    self.mix,
                    self.effects,
                    options=self.options,
                    pool=pool,
                    progress=searched,
                )
            with progress(self.output, count="{task.percentage:>3.0f} %") as rendered:
                return save_match(
                    match,
                    held,
                    played,
                    pool=pool,
                    options=self.rendering,
                    command=shlex.join(["dialin", *sys.argv[1:]]),
                    about=about,
                    progress=rendered,
                    listening=listening,
                )


@contextmanager
def watch_interrupt(pressed: threading.Event) -> Iterator[None]:
    """Note whether Ctrl-C is pressed, which the search answers with the best so far.

    Parameters
    ----------
    pressed : Event
        Set when it is.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def search_bar(output: Output, label: str) -> Iterator[Callable[[MatchProgress], None]]:
    """Show where a search stands: renders, how fast, the best so far.

    Parameters
    ----------
    output : Output
        Of the command.
    label : str
        What stands before the bar.

    Yields
    ------
    callable
        Shows a `MatchProgress`.
    """
    with progress(output, count="{task.completed:.0f} of {task.total:.0f} renders") as show:

        def update(state: MatchProgress) -> None:
            rate = state.renders / state.seconds if state.seconds > 0 else 0.0
            note = f"{rate:.0f}/s  best {state.best:.3f}"
            show(label, state.renders, max(state.budget, 1), note)

        yield update
