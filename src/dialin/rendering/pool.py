"""Renders on worker processes: results or typed failures, in order, with a deadline each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.errors import (
    DialinError,
    OutputError,
    QuarantinedError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
)
from dialin.rendering.job import Job, Result, SharedAudio, describe_settings
from dialin.rendering.request import CallRequest, RenderRequest, import_modules
from dialin.workers import Loss, Task, WorkerPool
from dialin.workers.memory import write_shared
from dialin.workers.sending import check_function, to_bytes

if TYPE_CHECKING:
    from dialin.audio import Audio
    from dialin.effects.probe import Probe
    from dialin.effects.spec import EffectSpec

MALLOC = {
    # Plugins that read memory they never wrote then read zeros every time (glibc fills with the
    # complement of the byte given). Its per-thread cache would hand out memory unfilled.
    "MALLOC_PERTURB_": "255",
    # Keeping freed memory saves a page fault for each 4 KiB of each buffer of each render:
    # measured 830 faults, 1.5 ms, for a 5 s stereo clip through a compressor.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=33554432"
    ":glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=67108864",
}
"""How the C library of a worker handles memory (glibc; others ignore it)."""


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
    Workers start when there is work for them, and any thread may use the pool.

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
        self._pool = WorkerPool(
            "dialin.rendering.worker",
            workers,
            blame=self._blame,
            refuse=self._refuse,
            environment=MALLOC,
            open_deadline=load_deadline,
            recycle=recycle,
            max_growth=max_growth,
        )
        self.workers = self._pool.workers
        self.deadline = deadline
        self.load_deadline = load_deadline
        self._quarantine = quarantine
        self._offences: Counter[str] = Counter()
        self._specs: dict[str, EffectSpec] = {}

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self) -> RenderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._pool.closed

    def close(self) -> None:
        """Stop the workers and delete the shared audio. Idempotent."""
        self._pool.close()

    def process_ids(self) -> list[int]:
        """Ids of the worker processes that there are now."""
        return self._pool.process_ids()

    def warm_up(self, *modules: str) -> None:
        """Have workers start, and import modules, while the program is at other things.

        One fewer than there may be, since the program takes a core meanwhile; the last starts when
        there is work for it.

        Parameters
        ----------
        *modules : str
            Names of what the work will need.
        """
        self.submit_calls(import_modules, [(modules,)] * max(1, self.workers - 1))

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
        from dialin.audio import check_audio

        checked = check_audio(audio, sample_rate)
        path = self._pool.scratch("in")
        try:
            write_shared(path, checked)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise OutputError(
                f"cannot share {checked.nbytes / 2**20:.0f} MiB of audio with the workers in "
                f"{str(path.parent)!r}: {error}; free some memory or disk space"
            ) from error
        shape = (checked.shape[0], checked.shape[1])
        return SharedAudio(path.name, str(path), shape, int(sample_rate))

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
        for index, result in self.render_iter(jobs):
            results[index] = result
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
        yield from self._pool.finished(self.submit(jobs))

    def submit(self, jobs: Iterable[Job]) -> list[Future[Result]]:
        """Have jobs rendered, as soon as there is a worker for them.

        Parameters
        ----------
        jobs : iterable of Job
            What to render; see `Job`.

        Returns
        -------
        list of Future of Result
            In the order of the jobs. A future's exception is what `render` would raise.
        """
        tasks: list[Task] = []
        try:
            for job in jobs:
                tasks.append(self._task(job))
        except BaseException:
            # Which deletes the audio that was given as arrays.
            for task in tasks:
                task.future.cancel()
            raise
        return self._pool.submit(tasks)

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
        futures = self.submit_calls(
            function, arguments, deadline=deadline, effect=effect, label=label
        )
        results = dict(self._pool.finished(futures))
        return [results[index] for index in range(len(futures))]

    def submit_calls(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        deadline: float | None = None,
        effect: str | None = None,
        label: str | None = None,
    ) -> list[Future[Result]]:
        """Have a function called, as soon as there is a worker for it; see `map`.

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
        list of Future of Result
            In the order of `arguments`.
        """
        check_function(function)
        name: str = label or effect or str(getattr(function, "__qualname__", function))
        limit = self.deadline if deadline is None else deadline
        requests = [CallRequest(function, given, effect) for given in arguments]
        return self._pool.submit([Task(to_bytes(request), name, limit) for request in requests])

    def finished(self, futures: Sequence[Future[Result]]) -> Iterator[tuple[int, Result]]:
        """Results as they come; what is not done when nobody asks any more is given up.

        Parameters
        ----------
        futures : sequence of Future of Result
            From `submit` or `submit_calls`.

        Yields
        ------
        (int, Result)
            Index of the future, and its result.
        """
        yield from self._pool.finished(futures)

    def abandon(self, futures: Sequence[Future[Result]]) -> None:
        """Give up what was submitted, and end the workers that are at it.

        Parameters
        ----------
        futures : sequence of Future of Result
            From `submit` or `submit_calls`.
        """
        self._pool.abandon(futures, kill=True)

    def scratch(self) -> Path:
        """A fresh path on storage that workers see too, for a file that the caller deletes."""
        return self._pool.scratch()

    def describe(self, uri: str) -> EffectSpec:
        """Spec of an effect or a chain, read in a worker where a plugin's code is needed for it.

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
            self._specs[uri] = _builtin_spec(uri) or self.call(_spec_of, effect=uri)
        return self._specs[uri]

    def submit_describe(self, uri: str) -> Future[Result]:
        """`describe`, as a future.

        Parameters
        ----------
        uri : str
            Of the effect or chain.

        Returns
        -------
        Future of Result of EffectSpec
        """
        return self.submit_calls(_spec_of, [()], effect=uri)[0]

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
        ((_, result),) = self.finished([self.submit_probe(uri, **options)])
        probe: Probe = result.get()
        return probe

    def submit_probe(self, uri: str, **options: Any) -> Future[Result]:
        """`probe`, as a future.

        Parameters
        ----------
        uri : str
            Of the effect.
        **options : object
            Of `dialin.effects.probe_effect`.

        Returns
        -------
        Future of Result of Probe
        """
        limit = 10 * self.deadline
        return self.submit_calls(_probe, [(options,)], effect=uri, deadline=limit)[0]

    def _task(self, job: Job) -> Task:
        if job.measure is not None:
            check_function(job.measure)
        if isinstance(job.audio, SharedAudio):
            shared, rate = job.audio, job.audio.sample_rate
        else:
            shared, rate = self.share(job.audio, job.sample_rate), job.sample_rate
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
        try:
            task = Task(to_bytes(request), job.effect, limit, job.settings, brief=True)
        except BaseException:
            if shared is not job.audio:
                self.release(shared)
            raise
        if shared is not job.audio:
            task.future.add_done_callback(lambda _: self.release(shared))
        return task

    # -- on the pool's own thread -------------------------------------------------------------

    def _refuse(self, task: Task) -> DialinError | None:
        count = self._offences[task.label]
        if not self._quarantine or count < self._quarantine:
            return None
        return QuarantinedError(
            f"{task.label} crashed or hung {count} times and is refused from now on; "
            "probe it (dialin effects probe) or leave it out"
        )

    def _blame(self, task: Task, loss: Loss) -> DialinError:
        if loss.stage == "starting":
            how = f"not ready after {loss.limit:g} s" if loss.hung else loss.how
            return RenderError(
                f"a rendering worker could not start ({how}); it printed:\n"
                f"{loss.printed or '(nothing)'}"
            )
        self._offences[task.label] += 1
        opening = loss.stage == "opening"
        what = "while opening it" if opening else "while rendering"
        if task.detail is not None and not opening:
            what += f" at settings {describe_settings(task.detail)}"
        how = f"crashed its worker process ({loss.how}) {what}"
        if loss.hung:
            how = f"did not finish within {loss.limit:g} s {what} and was stopped"
        hint = "leave it out" if opening else "leave it out or try other settings"
        kind = RenderTimeoutError if loss.hung else RenderCrashError
        return kind(f"{task.label} {how}; {hint}")


def _builtin_spec(uri: str) -> EffectSpec | None:
    """Spec of a built-in, or of a chain of them, from the table alone; None for any other."""
    from dialin.effects.builtin_table import builtin_spec
    from dialin.effects.chain import chain_spec, is_chain, parse_chain

    slots = parse_chain(uri)
    if not all(slot.startswith("builtin:") for slot in slots):
        return None
    specs = [builtin_spec(slot.partition(":")[2]) for slot in slots]
    return chain_spec(uri, specs) if is_chain(uri) else specs[0]


def _spec_of(effect: Any) -> EffectSpec:
    spec: EffectSpec = effect.spec
    return spec


def _probe(effect: Any, options: dict[str, Any]) -> Probe:
    from dialin.effects.probe import probe_effect

    return probe_effect(effect, **options)
