"""Scanning: every installed effect opened and probed, what came of it kept on disk.

Each effect gets worker processes with a deadline, so that those which crash or hang cost a line
in the table. What is known already, of a file that has not changed since, is not done again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dialin
from dialin.errors import DialinError
from dialin.files import cache_folder, write_json
from dialin.files.reading import read_json

if TYPE_CHECKING:
    from dialin.effects.catalogue import EffectEntry
    from dialin.effects.probe import Probe
    from dialin.rendering import Result


@dataclass(frozen=True)
class Verdict:
    """What came of scanning one effect.

    Attributes
    ----------
    uri, name, format : str
    outcome : str
        The probe's verdict, such as ``ok`` or ``silent``, or an error's code, such as
        ``render-crash``.
    knobs : int
        Settable ones; 0 where it did not open.
    text : str
        What a person should know.
    seconds : float
        Time it took.
    stamp : str
        State of the plugin's file; another one means that it must be scanned again.
    """

    uri: str
    name: str
    format: str
    outcome: str
    knobs: int
    text: str
    seconds: float
    stamp: str


def scan_file() -> Path:
    """Where verdicts are kept."""
    return cache_folder() / "scan.json"


def load_verdicts(path: Path) -> dict[str, Verdict]:
    """Verdicts of earlier scans by URI; none where the file is missing or of another shape.

    Parameters
    ----------
    path : Path
        Of the cache file.

    Returns
    -------
    dict of str to Verdict
    """
    try:
        data = read_json(path)
        return {uri: Verdict(**verdict) for uri, verdict in data["verdicts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A cache: what cannot be read is found out again.
        return {}


def save_verdicts(path: Path, verdicts: dict[str, Verdict]) -> None:
    """Write all verdicts in one step.

    Parameters
    ----------
    path : Path
        Of the cache file.
    verdicts : dict of str to Verdict
        By URI.
    """
    body = {"verdicts": {uri: asdict(verdict) for uri, verdict in sorted(verdicts.items())}}
    write_json(path, body, parents=True)


def stamp(entry: EffectEntry) -> str:
    """State of an effect's file: size and time of it, or of everything in its bundle.

    Parameters
    ----------
    entry : EffectEntry
        Of the list of effects.

    Returns
    -------
    str
        Another one when a file changed.
    """
    file = Path(entry.file) if entry.file else None
    if file is None or not file.exists():
        return f"dialin {dialin.__version__}"
    parts = [file, *sorted(file.rglob("*"))] if file.is_dir() else [file]
    states = [p.stat() for p in parts if p.exists()]
    return f"{sum(s.st_size for s in states)} {max(s.st_mtime_ns for s in states)}"


def scan(
    entries: Sequence[EffectEntry],
    *,
    deadline: float,
    workers: int,
    known: dict[str, Verdict],
    tell: Callable[[Verdict], None],
) -> list[Verdict]:
    """Scan effects, several at a time; those in `known` with the same stamp are taken from it.

    `tell` is called in this thread with each verdict as it comes, the known ones first.

    Parameters
    ----------
    entries : sequence of EffectEntry
        What is to be scanned.
    deadline : float
        Seconds that one effect may take.
    workers : int
        How many at a time.
    known : dict of str to Verdict
        Verdicts of earlier scans, by URI.
    tell : callable
        Called with each verdict.

    Returns
    -------
    list of Verdict
        In the order of `entries`.
    """
    verdicts: dict[str, Verdict] = {}
    todo: deque[EffectEntry] = deque()
    for entry in entries:
        old = known.get(entry.uri)
        if old is not None and old.stamp == stamp(entry):
            verdicts[entry.uri] = old
            tell(old)
        else:
            todo.append(entry)
    with ExitStack() as stack:
        under_way: dict[Future[Result], _Scan] = {}
        while todo or under_way:
            while todo and len(under_way) < workers:
                begun = stack.enter_context(_Scan(todo.popleft(), deadline))
                under_way[begun.future] = begun
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                at_work = under_way.pop(future)
                verdict = at_work.go_on()
                if verdict is None:
                    under_way[at_work.future] = at_work
                else:
                    at_work.close()
                    verdicts[verdict.uri] = verdict
                    tell(verdict)
    return [verdicts[entry.uri] for entry in entries]


class _Scan:
    """One effect under way: described first, then probed.

    It has a pool of its own, so that what one plugin leaves behind in a worker hurts no other.
    """

    def __init__(self, entry: EffectEntry, deadline: float) -> None:
        from dialin.rendering import RenderPool

        self.entry = entry
        self.knobs: int | None = None
        self.began = time.monotonic()
        self.pool = RenderPool(1, deadline=deadline, load_deadline=deadline, quarantine=0)
        self.future = self.pool.submit_describe(entry.uri)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its worker."""
        self.pool.close()

    def go_on(self) -> Verdict | None:
        """What came of it, once `future` is done, or None where there is another now."""
        outcome, text = "ok", ""
        try:
            value = self.future.result().get()
            if self.knobs is None:
                self.knobs = value.size
                self.future = self.pool.submit_probe(self.entry.uri)
                return None
            outcome, text = value.verdict, remarks(value)
        except DialinError as error:
            outcome, text = error.code, str(error)
        except Exception as error:
            # One odd plugin must not end the scan of five hundred; the table says what it was.
            outcome, text = "unexpected", f"{type(error).__name__}: {error}".splitlines()[0]
        spent = round(time.monotonic() - self.began, 2)
        entry, knobs = self.entry, self.knobs or 0
        return Verdict(
            entry.uri, entry.name, entry.format, outcome, knobs, text, spent, stamp(entry)
        )


def remarks(probe: Probe) -> str:
    """What a probe found worth saying, in a few words; empty if all is well.

    Parameters
    ----------
    probe : Probe
        Of one effect.

    Returns
    -------
    str
    """
    words = []
    dead = sum(state == "dead" for state in probe.knobs.values())
    if dead:
        words.append(f"{dead} of {len(probe.knobs)} knobs do nothing")
    if not probe.deterministic:
        words.append(f"renders differ by {probe.repeat_error_db:.0f} dBFS")
    if probe.latency:
        words.append(f"{probe.latency} samples late")
    if probe.peak_db > 24:
        knobs = f" ({', '.join(probe.loud_knobs)})" if probe.loud_knobs else ""
        words.append(f"peaks at {probe.peak_db:+.0f} dBFS{knobs}")
    words += probe.failures[:1]
    return "; ".join(words)
