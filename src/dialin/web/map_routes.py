"""Routes of maps, and of the jobs that make maps and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from fastapi import APIRouter
from fastapi.responses import FileResponse, Response, StreamingResponse

from dialin.web import recordings
from dialin.web.answers import download, events
from dialin.web.explore import map_key, read_map
from dialin.web.jobs import StudioJob
from dialin.web.library import NotThereError
from dialin.web.requests import Id, MapRequest
from dialin.web.running_studio import Here, Studio

api = APIRouter(prefix="/api")


@api.post("/maps", status_code=202)
async def _begin_map(request: MapRequest, studio: Here) -> dict[str, Any]:
    """Begin a map of effects around where their knobs stand, or find the one that is kept."""
    uris = [slot.uri for slot in request.slots]
    studio.catalogue.check(uris)
    one = await anyio.to_thread.run_sync(recordings.known, studio.library, request.recording)
    settings = [slot.settings for slot in request.slots]
    key = map_key(uris, settings, [request.recording, request.start, request.seconds])
    folder = studio.library.folder / "maps"
    job = studio.jobs.get(key)
    if (folder / f"{key}.json").exists():
        return {"key": key, "ready": True}
    if job is None or job.is_over:
        order = {
            "do": "map",
            "key": key,
            "folder": str(folder),
            "workers": studio.options.workers,
            "input": {
                "path": str(one.path),
                "start": request.start,
                "seconds": request.seconds,
            },
            "uris": uris,
            "settings": settings,
        }
        studio.jobs.start("map", order, folder / f"{key}.log", id=key)
    return {"key": key, "ready": False}


@api.get("/maps/{key}")
def _map(key: Id, studio: Here) -> dict[str, Any]:
    """A kept map: settings on a grid, timbre on a coarser one, where the match lies."""
    facts = read_map(studio.library.folder / "maps", key)
    if facts is None:
        raise NotThereError("this map is not kept (any more); begin it again")
    return facts


@api.get("/jobs/{id}/events", response_class=StreamingResponse)
def _job_events(id: Id, studio: Here) -> Response:
    """Server-sent events of a job."""
    return events(studio, _job(studio, id))


@api.post("/jobs/{id}/cancel", status_code=202)
async def _cancel_job(id: Id, studio: Here) -> dict[str, Any]:
    """Cancel a job."""
    job = _job(studio, id)
    await studio.jobs.wish(job, "cancel")
    return {"status": job.state["status"]}


@api.get("/jobs/{id}/file", response_class=FileResponse)
def _job_file(id: Id, studio: Here) -> Response:
    """The file that a job made."""
    job = _job(studio, id)
    if job.kind != "render" or job.state.get("status") != "done":
        raise NotThereError("this job has made no file (yet)")
    return download(Path(job.state["result"]["target"]))


def _job(studio: Studio, id: str) -> StudioJob:
    job = studio.jobs.get(id)
    if job is None:
        raise NotThereError(f"there is no job {id!r} any more")
    return job
