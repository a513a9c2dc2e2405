"""Renders on worker processes: results or typed failures, in order, with a deadline each."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection as mpc
from pathlib import Path
from typing import Any

from dialin import errors
from dialin.audio import Audio, check_audio
from dialin.effects.spec import EffectSpec
from dialin.errors import (
    DialinError,
    EffectError,
    QuarantinedError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
)
from dialin.rendering.job import Job, Result, SharedAudio, describe_settings
from dialin.rendering.memory import Arena, memory_folder, remove_folder, write_shared
from dialin.rendering.protocol import CallRequest, RenderRequest

LOOK_AHEAD = 2
"""Jobs a worker holds at a time: the one it runs, and the next, so that it never waits."""


@dataclass(eq=False)
class _Task:
    """Something a worker is to do, and where its answer goes."""

    number: int
    request: RenderRequest | CallRequest
    payload: bytes
    label: str
    settings: Any
    deadline: float
    scratch: Path | None = None


@dataclass(eq=False)
class _WorkerProcess:
    """The parent's side of one worker."""

    process: subprocess.Popen[bytes]
    connection: mpc.Connection
    folder: Path
    arenas: tuple[Arena, Arena]
    tasks: deque[tuple[_Task, int]] = field(default_factory=deque)
    busy_since: float = 0.0
    loading_since: float | None = None
    ready: bool = False
    renders: int = 0
    next_slot: int = 0


class RenderPool:
    """Worker processes that keep plugins loaded and render on their main threads.

    Parameters
    ----------
    workers : int, optional
        One a processor core by default.
    deadline : float
        Seconds a render may take before its worker is killed and the job fails.
    load_deadline : float
        Seconds opening an effect may take on top.
    quarantine : int
        Crashes and timeouts of one effect after which it is refused. 0 never refuses.
    recycle : int
        Renders after which a worker is replaced by a fresh one.
    max_growth : float
        Gigabytes a worker may grow before it is replaced (Linux).

    Examples
    --------
    >>> with RenderPool(workers=2) as pool:                              # doctest: +SKIP
    ...     dry = pool.share(audio, 44_100)
    ...     results = pool.render([Job("builtin:reverb", dry, s) for s in settings])
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        deadline: float = 30.0,
        load_deadline: float = 60.0,
        quarantine: int = 3,
        recycle: int = 100_000,
        max_growth: float = 2.0,
    ) -> None:
        self.workers = workers if workers is not None else (os.cpu_count() or 1)
        if self.workers < 1:
            raise errors.UsageError(f"a pool needs at least one worker, not {workers!r}")
        self.deadline = deadline
        self.load_deadline = load_deadline
        self._quarantine = quarantine
        self._recycle = recycle
        self._max_growth = max_growth
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._processes: list[_WorkerProcess] = []
        self._offences: Counter[str] = Counter()
        self._specs: dict[str, EffectSpec] = {}
        self._folder: Path | None = None
        self._closed = False

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self) -> RenderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers and delete the shared audio. Idempotent."""
        with self._lock:
            self._closed = True
            for worker in self._processes:
                with contextlib.suppress(OSError):
                    worker.connection.send(None)
            limit = time.monotonic() + 0.5
            for worker in self._processes:
                if not worker.tasks:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        worker.process.wait(max(0.0, limit - time.monotonic()))
                self._discard(worker)
            self._processes.clear()
            if self._folder is not None:
                remove_folder(self._folder)
                self._folder = None
            atexit.unregister(self.close)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _root(self) -> Path:
        if self._closed:
            raise errors.UsageError("this RenderPool is closed; make a new one")
        if self._folder is None:
            self._folder = memory_folder()
            atexit.register(self.close)
        return self._folder

    def _start(self) -> _WorkerProcess:
        folder = self._root() / f"worker{next(self._numbers)}"
        (folder / "tmp").mkdir(parents=True)
        ours, theirs = socket.socketpair()
        environment = os.environ | {
            "TMPDIR": str(folder / "tmp"),
            "DIALIN_PARENT": str(os.getpid()),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            # Plugins that read memory they never wrote then read the same every time.
            "MALLOC_PERTURB_": "255",
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dialin.rendering.worker", str(theirs.fileno()), folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[theirs.fileno()],
            )
        theirs.close()
        arenas = (Arena(folder / "out0"), Arena(folder / "out1"))
        return _WorkerProcess(process, mpc.Connection(ours.detach()), folder, arenas)

    def _discard(self, worker: _WorkerProcess) -> None:
        worker.connection.close()
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()
        for arena in worker.arenas:
            arena.close()
        remove_folder(worker.folder)

    # -- audio --------------------------------------------------------------------------------

    def share(self, audio: Audio, sample_rate: int) -> SharedAudio:
        """Put audio where workers can read it; many jobs may use it. Ends with the pool."""
        checked = check_audio(audio, sample_rate)
        key = f"in{next(self._numbers)}"
        path = self._root() / key
        write_shared(path, checked)
        shape = (checked.shape[0], checked.shape[1])
        return SharedAudio(key, str(path), shape, int(sample_rate))

    def release(self, shared: SharedAudio) -> None:
        """Free shared audio before the pool ends."""
        Path(shared.path).unlink(missing_ok=True)

    # -- work ---------------------------------------------------------------------------------

    def render(self, jobs: Iterable[Job]) -> list[Result]:
        """Render jobs; results stand in the order of the jobs.

        Raises
        ------
        RuntimeError
            If a job's `measure` raised: that is a fault of the program, not of a plugin.
        """
        jobs = list(jobs)
        results: list[Result | None] = [None] * len(jobs)
        for place, result in self.render_iter(jobs):
            results[place] = result
        return [result for result in results if result is not None]

    def render_iter(self, jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """Render jobs, yielding ``(index, result)`` as they finish."""
        with self._lock:
            tasks = []
            places: dict[int, int] = {}
            for place, job in enumerate(jobs):
                task = self._render_task(job)
                places[task.number] = place
                tasks.append(task)
            for task, result in self._run(tasks):
                yield places[task.number], result

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        deadline: float | None = None,
        effect: str | None = None,
    ) -> Any:
        """Run a module-level function on a worker's main thread and return its result.

        With `effect` the function gets that effect, opened in the worker, as its first argument.
        """
        request = CallRequest(function, arguments, effect)
        label = effect or getattr(function, "__qualname__", repr(function))
        limit = self.deadline if deadline is None else deadline
        task = _Task(next(self._numbers), request, _pickle(request), label, None, limit)
        with self._lock:
            for _, result in self._run([task]):
                return result.get()
        raise RuntimeError("the pool gave no answer")

    def describe(self, uri: str) -> EffectSpec:
        """Spec of an effect or a chain, read in a worker."""
        if uri not in self._specs:
            self._specs[uri] = self.call(_spec_of, effect=uri)
        return self._specs[uri]

    def probe(self, uri: str, **options: Any) -> Any:
        """Find out what an effect's knobs do; see `dialin.effects.probe`."""
        from dialin.effects.probe import Probe, probe_uri

        return Probe.from_dict(self.call(probe_uri, uri, options, deadline=10 * self.deadline))

    def _render_task(self, job: Job) -> _Task:
        number = next(self._numbers)
        scratch = None
        if isinstance(job.audio, SharedAudio):
            shared, rate = job.audio, job.audio.sample_rate
        else:
            shared, rate = self.share(job.audio, job.sample_rate), job.sample_rate
            scratch = Path(shared.path)
        request = RenderRequest(
            job.effect,
            (shared.path, shared.shape),
            rate,
            job.settings,
            job.tail,
            job.measure,
            job.measure_args,
        )
        limit = self.deadline if job.deadline is None else job.deadline
        return _Task(number, request, _pickle(request), job.effect, job.settings, limit, scratch)

    # -- dispatch -----------------------------------------------------------------------------

    def _run(self, tasks: list[_Task]) -> Iterator[tuple[_Task, Result]]:
        waiting = deque(tasks)
        open_numbers = {task.number for task in tasks}
        while open_numbers:
            for task in self._refuse(waiting):
                open_numbers.discard(task.number)
                yield task, Result(failure=self._quarantined(task))
            self._feed(waiting)
            for task, result in self._collect(waiting, open_numbers):
                if task.number in open_numbers:
                    open_numbers.discard(task.number)
                    if task.scratch is not None:
                        task.scratch.unlink(missing_ok=True)
                    yield task, result

    def _refuse(self, waiting: deque[_Task]) -> list[_Task]:
        if not self._quarantine:
            return []
        bad = [t for t in waiting if self._offences[t.label] >= self._quarantine]
        for task in bad:
            waiting.remove(task)
        return bad

    def _quarantined(self, task: _Task) -> QuarantinedError:
        return QuarantinedError(
            f"{task.label} crashed or hung {self._offences[task.label]} times and is refused "
            "from now on; probe it (dialin effects probe) or leave it out"
        )

    def _feed(self, waiting: deque[_Task]) -> None:
        wanted = min(self.workers, len(waiting) + sum(bool(w.tasks) for w in self._processes))
        while len(self._processes) < wanted:
            self._processes.append(self._start())
        for depth in range(1, LOOK_AHEAD + 1):
            for worker in self._processes:
                if waiting and len(worker.tasks) < depth:
                    # A job that could start at once elsewhere is not queued behind another.
                    self._send(worker, waiting.popleft())

    def _send(self, worker: _WorkerProcess, task: _Task) -> None:
        slot = worker.next_slot
        worker.next_slot = 1 - slot
        if not worker.tasks:
            worker.busy_since = time.monotonic()
        worker.tasks.append((task, slot))
        # A worker that died has its say in _collect.
        with contextlib.suppress(OSError):
            worker.connection.send((task.number, slot, task.payload))

    def _collect(self, waiting: deque[_Task], wanted: set[int]) -> Iterator[tuple[_Task, Result]]:
        busy = {w.connection: w for w in self._processes if w.tasks}
        now = time.monotonic()
        limit = min((self._due(w) for w in busy.values()), default=now)
        ready = mpc.wait(list(busy), timeout=max(0.0, limit - now) + 0.01)
        for channel in ready:
            worker = busy[channel]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._lost(worker, waiting, wanted, RenderCrashError)
                continue
            yield from self._heard(worker, message)
        now = time.monotonic()
        for worker in list(self._processes):
            if worker.tasks and now > self._due(worker) and not worker.connection.poll():
                yield from self._lost(worker, waiting, wanted, RenderTimeoutError)

    def _due(self, worker: _WorkerProcess) -> float:
        task, _ = worker.tasks[0]
        if not worker.ready or worker.loading_since is not None:
            return (worker.loading_since or worker.busy_since) + self.load_deadline
        return worker.busy_since + task.deadline

    def _heard(
        self, worker: _WorkerProcess, message: tuple[int, str, Any, float]
    ) -> Iterator[tuple[_Task, Result]]:
        number, kind, content, seconds = message
        now = time.monotonic()
        if kind == "ready":
            worker.ready, worker.busy_since = True, now
            return
        if kind == "loading":
            worker.loading_since = now
            return
        if kind == "loaded":
            worker.loading_since, worker.busy_since = None, now
            return
        worker.loading_since, worker.busy_since = None, now
        task, slot = worker.tasks.popleft()
        assert task.number == number
        worker.renders += 1
        if kind == "audio":
            result = Result(worker.arenas[slot].read(content), seconds=seconds)
        elif kind == "value":
            result = Result(content, seconds=seconds)
        elif kind == "error":
            result = Result(failure=_rebuild(*content), seconds=seconds)
        else:
            raise RuntimeError(f"a function run in a rendering worker failed:\n{content}")
        self._retire(worker)
        yield task, result

    def _lost(
        self,
        worker: _WorkerProcess,
        waiting: deque[_Task],
        wanted: set[int],
        kind: type[RenderError],
    ) -> Iterator[tuple[_Task, Result]]:
        """A worker died or hung: its running job fails, those behind it go elsewhere."""
        tasks = [task for task, _ in worker.tasks]
        log = _tail(worker.folder / "log")
        never_started = not worker.ready
        self._processes.remove(worker)
        if kind is RenderTimeoutError:
            worker.process.kill()
        code = worker.process.wait()
        self._discard(worker)
        if never_started and kind is RenderCrashError:
            raise RuntimeError(f"a rendering worker could not start (exit status {code}):\n{log}")
        running, rest = tasks[0], tasks[1:]
        waiting.extendleft(reversed([t for t in rest if t.number in wanted]))
        self._offences[running.label] += 1
        loading = worker.loading_since is not None
        what = "while opening it" if loading else "while rendering"
        if running.settings is not None and not loading:
            what += f" at settings {describe_settings(running.settings)}"
        if kind is RenderCrashError:
            how = f"crashed its worker process ({_signal_name(code)}) {what}"
        else:
            limit = self.load_deadline if loading else running.deadline
            how = f"did not finish within {limit:g} s {what} and was stopped"
        message = f"{running.label} {how}; leave it out or try other settings"
        yield running, Result(failure=kind(message))

    def _retire(self, worker: _WorkerProcess) -> None:
        if worker.tasks:
            return
        old = worker.renders >= self._recycle
        if not old and worker.renders % 1_000 == 0:
            old = _memory_of(worker.process.pid) > self._max_growth * 2**30
        if old:
            self._processes.remove(worker)
            with contextlib.suppress(OSError):
                worker.connection.send(None)
            self._discard(worker)


def _spec_of(effect: Any) -> EffectSpec:
    spec: EffectSpec = effect.spec
    return spec


def _pickle(request: object) -> bytes:
    try:
        return pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise errors.UsageError(
            f"this cannot be sent to a worker process: {error}; use functions defined at the top "
            "of a module, and plain data"
        ) from error


def _rebuild(name: str, message: str) -> EffectError:
    kind = getattr(errors, name, RenderError)
    if not (isinstance(kind, type) and issubclass(kind, DialinError)):
        kind = RenderError
    error: EffectError = kind(message)
    return error


def _signal_name(code: int) -> str:
    import signal

    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"


def _tail(path: Path, characters: int = 2_000) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")[-characters:]
    return ""


def _memory_of(pid: int) -> int:
    """Resident bytes of a process; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
