"""Routes of matches: begun, followed, ended, looked around, and kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from dialin.errors import UsageError
from dialin.web import recordings
from dialin.web.answers import download, events, events_of_kept
from dialin.web.jobs import StudioJob
from dialin.web.library import NotThereError, Recording
from dialin.web.live import slots_of_match
from dialin.web.match_command import command_note, effects_of, repeat_command
from dialin.web.requests import Id, MatchRequest
from dialin.web.running_studio import Here, Studio

api = APIRouter(prefix="/api")


REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; media-src data:"
)
"""A report is a page of its own, with its script in it: it is shown without any rights here."""


@api.post("/matches", status_code=202)
async def _begin_match(request: MatchRequest, studio: Here) -> dict[str, Any]:
    """Begin a match; see its ``events``."""
    library = studio.library
    if isinstance(request.effects, list):
        studio.catalogue.check(request.effects)
    parts = [request.input, *request.references]
    used = [await anyio.to_thread.run_sync(recordings.known, library, p.recording) for p in parts]
    for part, one in zip(parts, used, strict=True):
        if part.stretch is not None and part.stretch[0] >= one.facts["seconds"]:
            raise UsageError(f"the stretch begins after the end of {one.name!r}; choose another")
    title = f"{used[0].name} → {' + '.join(one.name for one in used[1:])}"
    asked = request.model_dump(exclude_none=True)
    kept = library.add_match(title, title, asked)
    (kept.folder / "request.json").write_text(json.dumps(asked, indent=1), "utf-8")
    options = request.model_dump(
        include={"budget", "seconds", "seed", "only", "weights", "lock", "keep"}
    )
    order = {
        "do": "match",
        **_heard(request, used),
        "effects": effects_of(request),
        "folder": str(kept.folder / "result"),
        "workers": studio.options.workers,
        "options": options,
        "command": repeat_command(request, [str(one.path) for one in used]),
        "command_note": command_note(
            (one.name, one.facts["seconds"], part.stretch)
            for one, part in zip(used, parts, strict=True)
        ),
    }

    def ended(job: StudioJob) -> None:
        error = job.state.get("error", {}).get("message", "")
        library.set_match(
            kept.id, job.state["status"], summary=job.state.get("result"), error=error
        )
        shutil.rmtree(kept.folder / "cut", ignore_errors=True)

    studio.jobs.start("match", order, kept.folder / "log", id=kept.id, ended=ended)
    return {"id": kept.id}


@api.get("/matches")
def _history(
    studio: Here, search: Annotated[str, Query(max_length=200)] = ""
) -> list[dict[str, Any]]:
    """Matches of this library, the newest first."""
    return [kept.to_dict() for kept in studio.library.matches(search)]


@api.get("/matches/{id}")
def _match(id: Id, studio: Here) -> dict[str, Any]:
    """One match: what was asked, what came of it, its recordings, its effects with every knob."""
    kept = studio.library.match(id)
    asked = kept.request
    used = [asked["input"]["recording"], *(one["recording"] for one in asked["references"])]
    facts = {}
    for each in dict.fromkeys(used):
        try:
            facts[each] = recordings.known(studio.library, each).to_dict()
        except NotThereError as error:
            facts[each] = {"id": each, "name": "(gone)", "missing": str(error)}
    answer: dict[str, Any] = {**kept.to_dict(), "recordings": facts}
    if (kept.folder / "result" / "report.json").exists():
        answer |= slots_of_match(kept.folder / "result", studio.live.describe)
    return answer


@api.delete("/matches/{id}", status_code=204)
async def _remove_match(id: Id, studio: Here) -> None:
    """Delete a match and what only it needs."""
    job = studio.jobs.get(id)
    if job is not None and not job.is_over:
        await studio.jobs.wish(job, "cancel")
        if job.task is not None:
            await anyio.sleep(0)
    await anyio.to_thread.run_sync(studio.library.remove_match, id)


@api.post("/matches/{id}/around", status_code=202)
async def _begin_around(id: Id, studio: Here) -> dict[str, Any]:
    """Begin to look around a match: how far each knob may go, which effect it could do without."""
    kept = studio.library.match(id)
    key = f"{id}-around"
    job = studio.jobs.get(key)
    result = kept.folder / "result"
    if (kept.folder / "around.json").exists() or not (result / "report.json").exists():
        return {"job": None}
    request = MatchRequest.model_validate(kept.request)
    parts = [request.input, *request.references]
    used = [await anyio.to_thread.run_sync(recordings.known, studio.library, p.recording)
            for p in parts]  # fmt: skip
    if job is None or job.is_over:
        order = {
            "do": "around",
            **_heard(request, used),
            "folder": str(result),
            "workers": studio.options.workers,
            "only": request.only,
            "weights": request.weights,
        }

        def ended(job: StudioJob) -> None:
            shutil.rmtree(kept.folder / "cut", ignore_errors=True)

        studio.jobs.start("map", order, kept.folder / "around.log", id=key, ended=ended)
    return {"job": key}


@api.post("/matches/{id}/{wish}", status_code=202)
async def _end_match(id: Id, wish: str, studio: Here) -> dict[str, Any]:
    """``cancel`` a match, or ``finish`` it with the best found so far."""
    if wish not in ("cancel", "finish"):
        raise HTTPException(404, "use cancel or finish")
    job = studio.jobs.get(id)
    if job is None:
        studio.library.match(id)
        return {"status": "over"}
    await studio.jobs.wish(job, wish)
    return {"status": job.state["status"]}


@api.get("/matches/{id}/events", response_class=StreamingResponse)
def _match_events(id: Id, studio: Here) -> Response:
    """Server-sent events: how far a match is, from now to its end."""
    job = studio.jobs.get(id)
    if job is None:
        return events_of_kept(studio.library.match(id))
    return events(studio, job)


@api.get("/matches/{id}/report", response_class=FileResponse)
def _report(id: Id, studio: Here) -> Response:
    """The report of a match, a page of its own."""
    path = _result(studio, id, "report.html")
    return FileResponse(
        path,
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": REPORT_POLICY},
    )


@api.get("/matches/{id}/files/{name:path}", response_class=FileResponse)
def _match_file(id: Id, name: str, studio: Here) -> Response:
    """A file that the match wrote, to be kept."""
    return download(_result(studio, id, name))


def _result(studio: Studio, id: str, name: str) -> Path:
    folder = (studio.library.match(id).folder / "result").resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file() or path.name.startswith("."):
        raise NotThereError(f"this match has no file {name!r}")
    return path


def _heard(request: MatchRequest, used: Sequence[Recording]) -> dict[str, Any]:
    """Recordings of a match, as the process that works on them is told."""
    return {
        "input": {"path": str(used[0].path), "stretch": request.input.stretch},
        "references": [
            {"path": str(one.path), "stretch": part.stretch, "weight": part.weight}
            for one, part in zip(used[1:], request.references, strict=True)
        ],
    }
