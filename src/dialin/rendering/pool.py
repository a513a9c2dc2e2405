"""Renders on worker processes: results or typed failures, in order, with a deadline each."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pickle
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection as mpc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin import errors
from dialin.audio import Audio, check_audio
from dialin.effects.spec import EffectSpec
from dialin.errors import (
    DialinError,
    QuarantinedError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
)
from dialin.rendering.job import Job, Result, SharedAudio, describe_settings
from dialin.rendering.memory import MemoryFolder, write_shared
from dialin.rendering.process import Task, WorkerProcess
from dialin.rendering.protocol import CallRequest, RenderRequest
from dialin.workers.start import KILLED_STARTS, START_DEADLINE, exit_name

if TYPE_CHECKING:
    from dialin.effects.probe import Probe

LOOK_AHEAD = 2
"""Jobs a worker holds at a time: the one it runs, and the next, so that it never waits."""


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
        Gibibytes a worker may grow before it is replaced (Linux).

    Notes
    -----
    Workers start when there is work for them. Several threads may use one pool: whichever waits
    for a result tends the workers for all of them. Linux and macOS.

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
        self._numbers = itertools.count()
        self._processes: list[WorkerProcess] = []
        self._offences: Counter[str] = Counter()
        self._killed = 0
        self._specs: dict[str, EffectSpec] = {}
        self._folder: MemoryFolder | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._closed = False
        self._pid = os.getpid()
        # Guards the four below; processes and offences belong to the thread that is tending.
        self._turn = threading.Condition(threading.RLock())
        self._waiting: deque[Task] = deque()
        self._wanted: set[int] = set()
        self._finished: dict[int, Result | BaseException] = {}
        self._tended = False

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self) -> RenderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Stop the workers and delete the shared audio. Idempotent."""
        if os.getpid() != self._pid:
            return  # in a fork of the program: the workers are the original's
        with self._turn:
            self._closed = True
            self._ring()
            while self._tended:
                self._turn.wait(1.0)
            for worker in self._processes:
                if not worker.tasks:
                    with contextlib.suppress(OSError):
                        worker.connection.send(None)
            for worker in self._processes:
                worker.stop(0.0 if worker.tasks else 0.5)
            self._processes.clear()
            if self._folder is not None:
                self._folder.remove()
                self._folder = None
            if self._bell is not None:
                for end in self._bell:
                    end.close()
                self._bell = None
            atexit.unregister(self.close)

    def _root(self) -> Path:
        with self._turn:
            if self._closed:
                raise errors.UsageError("this RenderPool is closed; make a new one")
            if self._folder is None:
                self._folder = MemoryFolder()
                self._bell = socket.socketpair()
                for end in self._bell:
                    end.setblocking(False)
                atexit.register(self.close)
            return self._folder.path

    def _ring(self) -> None:
        """Wake the thread that tends the workers, if it is waiting for them."""
        if self._bell is not None:
            with contextlib.suppress(OSError):
                self._bell[1].send(b"!")

    # -- audio --------------------------------------------------------------------------------

    def share(self, audio: Audio, sample_rate: int) -> SharedAudio:
        """Put audio where workers can read it; many jobs may use it. Ends with the pool.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.

        Returns
        -------
        SharedAudio
            To be given to `Job` in place of samples.

        Raises
        ------
        AudioError
            If the audio is empty, not finite or of an odd shape.
        OutputError
            If there is no room for it.
        """
        checked = check_audio(audio, sample_rate)
        key = f"in{next(self._numbers)}"
        path = self._root() / key
        try:
            write_shared(path, checked)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise errors.OutputError(
                f"cannot share {checked.nbytes / 2**20:.0f} MiB of audio with the workers in "
                f"{str(path.parent)!r}: {error}; free some memory or disk space"
            ) from error
        shape = (checked.shape[0], checked.shape[1])
        return SharedAudio(key, str(path), shape, int(sample_rate))

    def release(self, shared: SharedAudio) -> None:
        """Free shared audio before the pool ends.

        Parameters
        ----------
        shared : SharedAudio
            From `share`; it can be used no more.
        """
        Path(shared.path).unlink(missing_ok=True)

    # -- work ---------------------------------------------------------------------------------

    def render(self, jobs: Iterable[Job]) -> list[Result]:
        """Render jobs; results stand in the order of the jobs.

        Parameters
        ----------
        jobs : iterable of Job
            What to render; see `Job`.

        Returns
        -------
        list of Result
            The audio, what `measure` made of it, or the failure, of each job.

        Raises
        ------
        RuntimeError
            If a job's `measure` raised: that is a fault of the program, not of a plugin. The
            message holds the worker's traceback.
        dialin.errors.UsageError
            If a `measure` cannot be sent to a worker, or the pool is closed.
        dialin.errors.RenderError
            If worker processes cannot start; the message ends with what they printed.
        """
        jobs = list(jobs)
        results: list[Result | None] = [None] * len(jobs)
        for place, result in self.render_iter(jobs):
            results[place] = result
        return [result for result in results if result is not None]

    def render_iter(self, jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """Render jobs, yielding ``(index, result)`` as they finish.

        Parameters
        ----------
        jobs : iterable of Job
            What to render; see `Job`.

        Yields
        ------
        (int, Result)
            Index of the job, from 0, and its result.
        """
        tasks = []
        places: dict[int, int] = {}
        try:
            for place, job in enumerate(jobs):
                task = self._render_task(job)
                places[task.number] = place
                tasks.append(task)
        except BaseException:
            _forget_scratch(tasks)
            raise
        for task, result in self._run(tasks):
            yield places[task.number], result

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        deadline: float | None = None,
        effect: str | None = None,
        label: str | None = None,
    ) -> Any:
        """Run a module-level function on a worker's main thread and return its result.

        With `effect` the function gets that effect, opened in the worker, as its first argument.
        `label` is what messages of errors and the quarantine call it.

        Parameters
        ----------
        function : callable
            Importable by the worker: at the top of a module that is not ``__main__``.
        *arguments : object
            What it is called with; picklable.
        deadline : float, optional
            Seconds it may take; the pool's by default.
        effect : str, optional
            URI of an effect that the function is given first.
        label : str, optional
            Name for messages and the quarantine; the effect or the function by default.

        Returns
        -------
        object
            What the function returned; picklable.

        Raises
        ------
        UsageError
            If the function or its arguments cannot be sent to a worker.
        RenderError
            If the worker died or took longer than the deadline.
        """
        given = [arguments]
        (result,) = self.map(function, given, deadline=deadline, effect=effect, label=label)
        return result.get()

    def map(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        deadline: float | None = None,
        effect: str | None = None,
        label: str | None = None,
    ) -> list[Result]:
        """`call` a function with many tuples of arguments, all submitted at once.

        Parameters
        ----------
        function : callable
            As for `call`.
        arguments : iterable of tuple of object
            Of each call.
        deadline : float, optional
            Seconds that each call may take; the pool's by default.
        effect : str, optional
            URI of an effect that the function is given first.
        label : str, optional
            Name for messages and the quarantine.

        Returns
        -------
        list of Result
            In the order of `arguments`; a crash or a failure costs its own call.

        Raises
        ------
        UsageError
            If the function or its arguments cannot be sent to a worker.
        """
        _check_function(function)
        name: str = label or effect or str(getattr(function, "__qualname__", function))
        limit = self.deadline if deadline is None else deadline
        tasks = []
        for given in arguments:
            request = CallRequest(function, given, effect)
            tasks.append(Task(next(self._numbers), request, _pickle(request), name, None, limit))
        results = {task.number: result for task, result in self._run(tasks)}
        return [results[task.number] for task in tasks]

    def scratch(self) -> Path:
        """A fresh path on storage that workers see too, for a file that the caller deletes."""
        return self._root() / f"scratch{next(self._numbers)}"

    def describe(self, uri: str) -> EffectSpec:
        """Spec of an effect or a chain, read in a worker.

        Parameters
        ----------
        uri : str
            Of the effect or chain.

        Returns
        -------
        EffectSpec
            Kept until the pool ends.

        Raises
        ------
        EffectLoadError
            If it cannot be opened.
        """
        if uri not in self._specs:
            self._specs[uri] = self.call(_spec_of, effect=uri)
        return self._specs[uri]

    def probe(self, uri: str, **options: Any) -> Probe:
        """Find out what an effect's knobs do; options as of `dialin.effects.probe_effect`.

        Parameters
        ----------
        uri : str
            Of the effect.
        **options : object
            Of `dialin.effects.probe_effect`.

        Returns
        -------
        Probe
        """
        probe: Probe = self.call(_probe, options, effect=uri, deadline=10 * self.deadline)
        return probe

    def _render_task(self, job: Job) -> Task:
        if job.measure is not None:
            _check_function(job.measure)
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
        return Task(number, request, _pickle(request), job.effect, job.settings, limit, scratch)

    # -- waiting for results ------------------------------------------------------------------

    def _run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
        unanswered = {task.number: task for task in tasks}
        if tasks:
            self._root()
        with self._turn:
            self._waiting.extend(tasks)
            self._wanted.update(unanswered)
            self._ring()
        try:
            while unanswered:
                with self._turn:
                    numbers = [n for n in self._finished if n in unanswered]
                    done = [(unanswered.pop(n), self._finished.pop(n)) for n in numbers]
                    self._wanted.difference_update(numbers)
                _forget_scratch([task for task, _ in done])
                for _, outcome in done:
                    if isinstance(outcome, BaseException):
                        raise outcome
                for task, outcome in done:
                    assert isinstance(outcome, Result)
                    yield task, outcome
                if unanswered and not done:
                    self._advance(unanswered)
        finally:
            with self._turn:
                self._wanted.difference_update(unanswered)
                for number in unanswered:
                    self._finished.pop(number, None)
                if unanswered:
                    kept = [t for t in self._waiting if t.number not in unanswered]
                    self._waiting.clear()
                    self._waiting.extend(kept)
            _forget_scratch(list(unanswered.values()))

    def _advance(self, unanswered: dict[int, Task]) -> None:
        """Tend the workers until something happens, or let the thread that does so finish."""
        with self._turn:
            if self._closed:
                raise errors.UsageError("this RenderPool was closed during a render")
            if any(number in unanswered for number in self._finished):
                return
            if self._tended:
                self._turn.wait(1.0)
                return
            self._tended = True
        try:
            self._refuse()
            self._feed()
            self._listen()
        except BaseException:
            # Ctrl-C may have torn a message apart, and the plugin may be what hangs.
            for worker in [w for w in self._processes if w.tasks]:
                self._remove(worker, keep_running=True)
            raise
        finally:
            with self._turn:
                self._tended = False
                self._turn.notify_all()

    def _settle(self, task: Task, outcome: Result | BaseException) -> None:
        with self._turn:
            if task.number in self._wanted:
                self._finished[task.number] = outcome

    # -- tending the workers, one thread at a time --------------------------------------------

    def _refuse(self) -> None:
        if not self._quarantine:
            return
        with self._turn:
            bad = [t for t in self._waiting if self._offences[t.label] >= self._quarantine]
            for task in bad:
                self._waiting.remove(task)
        for task in bad:
            count = self._offences[task.label]
            message = (
                f"{task.label} crashed or hung {count} times and is refused from now on; "
                "probe it (dialin effects probe) or leave it out"
            )
            self._settle(task, Result(failure=QuarantinedError(message)))

    def _feed(self) -> None:
        for worker in [w for w in self._processes if not w.tasks]:
            if worker.retiring or worker.process.poll() is not None:
                self._processes.remove(worker)
                worker.stop(0.2)
        with self._turn:
            staying = [w for w in self._processes if not w.retiring]
            wanted = min(self.workers, len(self._waiting) + sum(bool(w.tasks) for w in staying))
            missing = wanted - len(staying)
        for _ in range(missing):
            folder = self._root() / f"worker{next(self._numbers)}"
            worker = WorkerProcess.start(folder, self.load_deadline)
            self._processes.append(worker)
            staying.append(worker)
        for depth in range(1, LOOK_AHEAD + 1):
            for worker in staying:
                # A job that could start at once elsewhere is not queued behind another.
                with self._turn:
                    task = None
                    if self._waiting and len(worker.tasks) < depth and worker.is_brisk():
                        task = self._waiting.popleft()
                if task is not None:
                    worker.give(task)

    def _listen(self) -> None:
        busy: dict[Any, WorkerProcess] = {w.connection: w for w in self._processes if w.tasks}
        now = time.monotonic()
        limit = min((w.due() for w in busy.values()), default=now)
        bell = self._bell
        assert bell is not None
        for channel in mpc.wait([*busy, bell[0]], timeout=max(0.0, limit - now) + 0.005):
            if channel is bell[0]:
                with contextlib.suppress(OSError):
                    bell[0].recv(4096)
                continue
            worker = busy[channel]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError) as error:
                # A reset means that it left something unread: where it had but one task, it died
                # before that, by another's hand, and the task may have another worker.
                unread = worker.deaf or isinstance(error, ConnectionResetError)
                if unread and worker.ready and len(worker.tasks) == 1:
                    self._remove(worker, keep_running=True)
                else:
                    self._lose(worker, RenderCrashError)
            else:
                self._hear(worker, message)
        now = time.monotonic()
        for worker in list(self._processes):
            if worker.tasks and now > worker.due() and not worker.connection.poll():
                self._lose(worker, RenderTimeoutError)

    def _hear(self, worker: WorkerProcess, message: tuple[int, str, Any, float]) -> None:
        number, kind, content, seconds = message
        worker.busy_since, worker.loading_since = time.monotonic(), None
        if kind == "loading":
            worker.loading_since = worker.busy_since
        elif kind == "ready":
            worker.ready = True
        if kind in ("ready", "loading", "loaded"):
            return
        task, slot = worker.tasks.popleft()
        assert task.number == number
        worker.renders += 1
        worker.last_seconds = seconds
        outcome: Result | BaseException
        if kind == "audio":
            outcome = Result(worker.arenas[slot].read(content), seconds=seconds)
        elif kind == "value":
            outcome = Result(content, seconds=seconds)
        elif kind == "error":
            outcome = Result(failure=_rebuild(*content), seconds=seconds)
        else:
            text = f"a function run in a rendering worker failed:\n{content}"
            outcome = RuntimeError(text)
        self._settle(task, outcome)
        worker.retiring = worker.has_aged(self._recycle, self._max_growth)

    def _lose(self, worker: WorkerProcess, kind: type[RenderError]) -> None:
        """A worker died or hung: its running job fails, those behind it go elsewhere."""
        running = worker.tasks[0][0]
        loading = worker.loading_since is not None
        log = worker.log()
        if not worker.ready:
            if kind is RenderCrashError and self._killed < KILLED_STARTS and worker.was_killed():
                # It did nothing wrong: somebody killed it, or the system did for its memory.
                self._killed += 1
                self._remove(worker, keep_running=True)
                return
            code = self._remove(worker, keep_running=False)
            how = exit_name(code)
            if kind is RenderTimeoutError:
                how = f"not ready after {START_DEADLINE:g} s"
            text = f"a rendering worker could not start ({how}); it printed:\n{log or '(nothing)'}"
            self._settle(running, RenderError(text))
            return
        code = self._remove(worker, keep_running=False)
        self._offences[running.label] += 1
        what = "while opening it" if loading else "while rendering"
        if running.settings is not None and not loading:
            what += f" at settings {describe_settings(running.settings)}"
        if kind is RenderCrashError:
            how = f"crashed its worker process ({exit_name(code)}) {what}"
        else:
            limit = self.load_deadline if loading else running.deadline
            how = f"did not finish within {limit:g} s {what} and was stopped"
        hint = "leave it out" if loading else "leave it out or try other settings"
        message = f"{running.label} {how}; {hint}"
        self._settle(running, Result(failure=kind(message)))

    def _remove(self, worker: WorkerProcess, *, keep_running: bool) -> int:
        """End a worker; what it had not begun waits for another one, first in the queue."""
        if worker in self._processes:
            self._processes.remove(worker)
        tasks = [task for task, _ in worker.tasks][0 if keep_running else 1 :]
        worker.tasks.clear()
        with self._turn:
            self._waiting.extendleft(t for t in reversed(tasks) if t.number in self._wanted)
        # A crashed process is waited for a moment: its own exit status says how it died.
        if not keep_running:
            with contextlib.suppress(Exception):
                if worker.connection.poll(0):
                    worker.process.wait(1.0)
        return worker.stop()


def _spec_of(effect: Any) -> EffectSpec:
    spec: EffectSpec = effect.spec
    return spec


def _probe(effect: Any, options: dict[str, Any]) -> Probe:
    from dialin.effects.probe import probe_effect

    return probe_effect(effect, **options)


def _forget_scratch(tasks: Iterable[Task]) -> None:
    for task in tasks:
        if task.scratch is not None:
            task.scratch.unlink(missing_ok=True)


def _check_function(function: Callable[..., Any]) -> None:
    if getattr(function, "__module__", None) == "__main__":
        raise errors.UsageError(
            f"{getattr(function, '__qualname__', function)!r} is defined in the program's main "
            "script or a notebook, which worker processes do not import; move it to a module"
        )


def _pickle(request: object) -> bytes:
    try:
        return pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise errors.UsageError(
            f"this cannot be sent to a worker process: {error}; use functions defined at the top "
            "of a module, and plain data"
        ) from error


def _rebuild(name: str, message: str) -> DialinError:
    kind = getattr(errors, name, RenderError)
    if not (isinstance(kind, type) and issubclass(kind, DialinError)):
        kind = RenderError
    return kind(message)
