"""Long work: matches, maps, whole files. Each runs in a process of its own, which tells how it is.

The process reads its order, one line of JSON, from standard input, and writes lines of JSON (see
`dialin.web.work`). ``finish`` asks it to end with the best it has, ``cancel`` to end; one that does
neither is killed. When the studio itself goes, its end of the pipe closes and the process ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialin.files.reading import parse_json
from dialin.workers.start import ONE_THREAD

PATIENCE = 4.0
"""Seconds that a process may take to clean up after it was told to end."""

LONGEST_LINE = 8 << 20

KEPT = 200
"""Ended jobs that are remembered."""

ENDED = ("done", "failed", "cancelled")


@dataclass(eq=False)
class StudioJob:
    """One piece of work.

    Attributes
    ----------
    id, kind : str
    order : dict
        What the process is told to do.
    log : Path
        Where it prints to.
    state : dict
        What the page is told: ``status``, ``phase``, progress, ``result``, ``error``.
    ended : callable, optional
        Called with the job when its state is the last.
    version : int
        Of the state: another one whenever it changes.
    changed : asyncio.Condition
        Tells those who wait for that.
    process : asyncio.subprocess.Process, optional
        While there is one.
    wishes : list of str
        What was asked of it so far.
    task : asyncio.Task, optional
        That tends it.
    """

    id: str
    kind: str
    order: dict[str, Any]
    log: Path
    state: dict[str, Any] = field(default_factory=dict)
    ended: Callable[[StudioJob], None] | None = None
    version: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    process: asyncio.subprocess.Process | None = None
    wishes: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state.get("status") in ENDED


class Jobs:
    """All work of a studio: a few at once, the others wait.

    Parameters
    ----------
    at_once : dict of str to int
        Kind of work -> how many of it run at a time.
    """

    def __init__(self, at_once: dict[str, int]) -> None:
        self._places = {kind: asyncio.Semaphore(count) for kind, count in at_once.items()}
        self._jobs: dict[str, StudioJob] = {}

    def get(self, id: str) -> StudioJob | None:
        """A job that runs, waits, or ended not long ago.

        Parameters
        ----------
        id : str
            Of the job.

        Returns
        -------
        StudioJob or None
        """
        return self._jobs.get(id)

    def start(
        self,
        kind: str,
        order: dict[str, Any],
        log: Path,
        *,
        id: str = "",
        ended: Callable[[StudioJob], None] | None = None,
    ) -> StudioJob:
        """Begin a piece of work, at once or when there is a place for it.

        Parameters
        ----------
        kind : str
            Of `at_once`.
        order : dict
            Plain data, for `dialin.web.work`.
        log : Path
            Where it prints to.
        id : str
            A new one by default.
        ended : callable, optional
            Called with the job when it has ended.

        Returns
        -------
        StudioJob
        """
        old = [job.id for job in self._jobs.values() if job.is_over]
        for gone in old[: max(0, len(old) - KEPT)]:
            del self._jobs[gone]
        job = StudioJob(id or secrets.token_hex(8), kind, order, log, {"status": "queued"}, ended)
        self._jobs[job.id] = job
        job.task = asyncio.get_running_loop().create_task(self._run(job))
        return job

    async def wish(self, job: StudioJob, what: str) -> None:
        """Ask a job to ``finish`` with what it has, or to ``cancel``.

        Parameters
        ----------
        job : StudioJob
            One that may still run.
        what : str
            ``finish`` or ``cancel``.
        """
        if job.is_over:
            return
        job.wishes.append(what)
        if job.process is None:
            if job.task is not None and what == "cancel":
                job.task.cancel()
            return
        self._say(job, what)
        if what == "cancel":
            await self._end(job)

    async def events(
        self, job: StudioJob, every: float = 10.0
    ) -> AsyncIterator[dict[str, Any] | None]:
        """States of a job as they come, the present one first; None now and then in between.

        Parameters
        ----------
        job : StudioJob
            That is watched.
        every : float
            Seconds of silence after which there is a None, to keep connections open.

        Yields
        ------
        dict or None
        """
        seen = -1
        while True:
            async with job.changed:
                if job.version == seen:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(job.changed.wait(), every)
                state = dict(job.state) if job.version != seen else None
                seen = job.version
            yield state
            if state is not None and state.get("status") in ENDED:
                return

    async def close(self) -> None:
        """End everything."""
        running = [job for job in self._jobs.values() if not job.is_over]
        for job in running:
            await self.wish(job, "cancel")
        for job in running:
            if job.task is not None:
                with suppress(asyncio.CancelledError, Exception):
                    await asyncio.wait_for(job.task, PATIENCE)

    async def _tell(self, job: StudioJob, **facts: Any) -> None:
        job.state.update(facts)
        job.version += 1
        async with job.changed:
            job.changed.notify_all()

    def _say(self, job: StudioJob, what: str) -> None:
        assert job.process is not None and job.process.stdin is not None
        with suppress(ConnectionError, RuntimeError):
            job.process.stdin.write(f"{what}\n".encode())

    async def _end(self, job: StudioJob) -> None:
        process = job.process
        assert process is not None
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()

    async def _run(self, job: StudioJob) -> None:
        try:
            async with self._places[job.kind]:
                if "cancel" in job.wishes:
                    raise asyncio.CancelledError
                await self._work(job)
        except asyncio.CancelledError:
            if job.process is not None:
                with suppress(ProcessLookupError):
                    job.process.kill()
            await self._finish(job, status="cancelled")
        except Exception as error:
            message = f"the work could not be done: {type(error).__name__}: {error}"
            error_ = {"code": "unexpected", "message": message}
            await self._finish(job, status="failed", error=error_)

    async def _work(self, job: StudioJob) -> None:
        path = [os.path.abspath(p) for p in sys.path]  # noqa: PTH100
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), **ONE_THREAD}
        log = job.log.open("wb")
        with log:
            job.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "dialin.web.work"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment,
                limit=LONGEST_LINE,
                # Ctrl-C is for the studio alone, which then ends its work in order.
                process_group=0 if os.name == "posix" else None,
            )
        process = job.process
        assert process.stdout is not None
        await self._tell(job, status="running", phase="starting")
        self._say(job, json.dumps(job.order))
        for wish in job.wishes:
            self._say(job, wish)
        last: dict[str, Any] = {}
        while line := await process.stdout.readline():
            message = parse_json(line)
            if message["status"] in ENDED:
                last = message
            else:
                await self._tell(job, **message)
        await process.wait()
        if last:
            await self._finish(job, **last)
        elif "cancel" in job.wishes:
            await self._finish(job, status="cancelled")
        else:
            message = (
                "the process that was at it ended without a word (exit status "
                f"{process.returncode}); try again, with less at once if memory is short"
            )
            await self._finish(job, status="failed", error={"code": "worker", "message": message})

    async def _finish(self, job: StudioJob, **facts: Any) -> None:
        job.state.update(facts)
        if job.ended is not None:
            job.ended(job)
        await self._tell(job)
