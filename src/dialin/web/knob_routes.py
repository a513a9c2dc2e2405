"""Routes of turning knobs: a stretch as it sounds now, exported, or rendered whole."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import anyio
from fastapi import APIRouter
from fastapi.responses import Response

from dialin._version import __version__
from dialin.presets import Preset
from dialin.web import recordings
from dialin.web.answers import attachment, samples
from dialin.web.export import export_file
from dialin.web.library import RENDERED
from dialin.web.requests import ExportRequest, FileRequest, StudioRenderRequest
from dialin.web.running_studio import Here, Studio

api = APIRouter(prefix="/api")


@api.post("/render", response_class=Response)
def _render(request: StudioRenderRequest, studio: Here) -> Response:
    """A stretch of a recording through effects, as float32 samples, one channel after the other."""
    studio.catalogue.check([slot.uri for slot in request.slots])
    one = recordings.known(studio.library, request.recording)
    slots = [slot.slot() for slot in request.slots]
    heard = studio.live.hear(slots, request.amount)
    changed = None
    if request.changed is not None:
        before = request.slots[: request.changed]
        changed = sum(not slot.bypass for slot in before)
    audio, rate, seconds = studio.live.render(
        (request.recording, request.start, request.seconds),
        lambda: recordings.window(one, request.start, request.seconds),
        heard,
        changed,
    )
    return samples(audio, rate, seconds)


@api.post("/export", response_class=Response)
def _export(request: ExportRequest, studio: Here) -> Response:
    """What is heard, as a preset of dialin or of another host."""
    name, content, notes = export_file(_preset(request, studio), request.kind, request.name)
    headers = {
        "Content-Disposition": attachment(name),
        "X-Notes": json.dumps(notes),
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


@api.post("/files", status_code=202)
async def _begin_file(request: FileRequest, studio: Here) -> dict[str, Any]:
    """Begin rendering a whole recording as it is heard; see the job's ``events``."""
    one = studio.library.recording(request.recording)
    preset = await anyio.to_thread.run_sync(_preset, request, studio)
    folder = await anyio.to_thread.run_sync(_fresh_folder, studio.library.folder / RENDERED)
    preset.save(folder / "preset.json")
    order = {
        "do": "render",
        "preset": str(folder / "preset.json"),
        "input": str(one.path),
        "folder": str(folder / "audio"),
        "headroom": request.headroom,
    }
    job = studio.jobs.start("render", order, folder / "log")
    return {"id": job.id}


def _preset(request: ExportRequest | FileRequest, studio: Studio) -> Preset:
    studio.catalogue.check([slot.uri for slot in request.slots])
    heard = studio.live.hear([slot.slot() for slot in request.slots], request.amount)
    about = request.about if isinstance(request, ExportRequest) else {}
    return studio.live.preset(heard, {**about, "studio": __version__, "amount": request.amount})


def _fresh_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(dir=folder))
