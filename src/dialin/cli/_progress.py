"""How a command shows how far it is: on stderr, where someone looks, with elapsed and left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from dialin.cli._console import Output, time_columns


class Show(Protocol):
    """Tell how far something is."""

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Show how far something is.

        Parameters
        ----------
        what : str
            Its name, which stands before its bar.
        done, total : float
            In one unit; a total of None or 0 is one that nobody knows.
        note : str
            A remark that stands behind its bar.
        """
        ...


def progress_bar(output: Output, count: str = "{task.completed:.0f} of {task.total:.0f}") -> Any:
    """Make a progress bar that is shown only to who looks at a terminal and wants text.

    Parameters
    ----------
    output : Output
        Of the command.
    count : str
        How the count is written, in rich's words.

    Returns
    -------
    rich.progress.Progress
        With a field ``note`` in each task.
    """
    from rich.progress import BarColumn, Progress, TextColumn

    class Count(TextColumn):
        def render(self, task: Any) -> Any:
            return super().render(task) if task.total else ""

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        Count(count),
        TextColumn("{task.fields[note]}"),
        *time_columns(),
        console=output.stderr,
        disable=not (output.talks and output.stderr.is_terminal),
        transient=True,
    )


@contextmanager
def progress(
    output: Output,
    *,
    count: str = "{task.completed:.0f} of {task.total:.0f}",
    gone: Callable[[str], bool] = lambda what: False,
) -> Iterator[Show]:
    """Show progress, one bar for each thing that is told of, for as long as the block lasts.

    Parameters
    ----------
    output : Output
        Of the command.
    count : str
        As `progress_bar` takes it.
    gone : callable
        ``gone(what) -> bool``: whether a bar vanishes when it is full.

    Yields
    ------
    Show
    """
    from rich.markup import escape

    with progress_bar(output, count) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: float, total: float | None, note: str = "") -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(escape(what), total=total or None, note="")
            bar.update(tasks[what], completed=done, total=total or None, note=escape(note))
            if done == total and gone(what):
                bar.update(tasks.pop(what), visible=False)

        yield show


@contextmanager
def waiting(output: Output, what: str) -> Iterator[None]:
    """Show that something is being done of which nobody knows how long it takes.

    Parameters
    ----------
    output : Output
        Of the command.
    what : str
        What is waited for.
    """
    with progress(output) as show:
        show(what, 0, None)
        yield
