"""The application: routes, and what they answer.

Scripts may use the routes below ``/api`` too; ``/api/openapi.json`` describes them. They send the
token as ``Authorization: Bearer TOKEN``.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import Scope

from dialin._version import __version__
from dialin.audio import Audio
from dialin.configuration import save_favourite
from dialin.errors import AudioError, DialinError, UsageError
from dialin.presets import Preset
from dialin.web import recordings
from dialin.web.catalogue import Catalogue
from dialin.web.explore import map_key, read_map
from dialin.web.export import export_file
from dialin.web.guard import Guard
from dialin.web.jobs import Jobs, StudioJob
from dialin.web.library import RENDERED, Kept, Library, NotThereError, Recording
from dialin.web.live import Live, slots_by_hand, slots_of_match
from dialin.web.options import StudioOptions
from dialin.web.recordings import TooLargeError
from dialin.web.requests import (
    ExportRequest,
    FavouriteRequest,
    FileRequest,
    Id,
    MapRequest,
    MatchRequest,
    StudioRenderRequest,
    WarmRequest,
)

REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; media-src data:"
)
"""A report is a page of its own, with its script in it: it is shown without any rights here."""


@dataclass(eq=False)
class Studio:
    """Everything that a running studio holds.

    Attributes
    ----------
    options : StudioOptions
    token : str
    library : Library
    catalogue : Catalogue
    live : Live
    jobs : Jobs
    """

    options: StudioOptions
    token: str
    library: Library
    catalogue: Catalogue = field(default_factory=Catalogue)
    live: Live = field(default_factory=Live)
    jobs: Jobs = field(default_factory=lambda: Jobs({"match": 1, "map": 1, "render": 2}))


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


Here = Annotated[Studio, Depends(_studio)]
api = APIRouter(prefix="/api")


def create_app(options: StudioOptions, token: str) -> FastAPI:
    """Make the application; it opens the library when it starts, and lets go of it in the end.

    Parameters
    ----------
    options : StudioOptions
        How it is set up.
    token : str
        That every request must know.

    Returns
    -------
    FastAPI

    Raises
    ------
    OutputError, UsageError
        If the library cannot be used.
    """
    studio = Studio(options, token, Library(options.library))

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await studio.jobs.close()
            studio.live.close()
            studio.library.close()

    app = FastAPI(
        title="dialin studio",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        generate_unique_id_function=lambda route: route.name.strip("_"),
        redoc_url=None,
        lifespan=life,
        middleware=[Middleware(Guard, token, options.host, options.allow_remote)],
    )
    app.state.studio = studio
    app.include_router(api)
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.summary = route.description.partition(".")[0]
    app.add_exception_handler(DialinError, _explain)
    app.add_exception_handler(RequestValidationError, _explain_request)
    app.add_exception_handler(HTTPException, _explain_http)
    app.add_exception_handler(Exception, _explain_bug)
    static = Path(str(files("dialin.web") / "static"))

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(static / "index.html", media_type="text/html; charset=utf-8")

    app.mount("/static", _Static(directory=static), "static")
    return app


class _Static(StaticFiles):
    """The page's own files; asked for again they are sent again only where they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


# -- errors -----------------------------------------------------------------------------------


def _error(status: int, code: str, message: str) -> JSONResponse:
    # Whoever still sends what is refused would send it to its end otherwise.
    headers = {"Connection": "close"} if status == 413 else {}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, DialinError)
    status = 422
    if isinstance(error, NotThereError):
        status = 404
    elif isinstance(error, TooLargeError):
        status = 413
    elif isinstance(error, AudioError):
        status = 415
    return _error(status, error.code, str(error))


async def _explain_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return _error(422, "request", f"{where or 'the request'}: {first['msg']}")


async def _explain_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", str(error.detail))


async def _explain_bug(request: Request, error: Exception) -> Response:
    reason = f"{type(error).__name__}: {error}"
    return _error(500, "unexpected", f"something went wrong inside dialin ({reason}); a bug")


# -- recordings and effects -------------------------------------------------------------------


@api.get("/studio")
def _about(studio: Here) -> dict[str, Any]:
    """What this studio is, and which recordings come with it."""
    return {
        "version": __version__,
        "library": str(studio.library.folder),
        "examples": [one.to_dict() for one in studio.library.examples()],
        "limits": {
            "bytes": studio.options.upload_bytes,
            "seconds": studio.options.upload_seconds,
            "window": recordings.LONGEST_WINDOW,
        },
    }


@api.post("/recordings", status_code=201, openapi_extra={
    "requestBody": {"required": True, "content": {"application/octet-stream": {}}}
})  # fmt: skip
async def _upload(request: Request, studio: Here, name: str = "recording") -> dict[str, Any]:
    """Take in a recording: the body is the file as it is, ``name`` what it is called."""
    length = request.headers.get("content-length", "")
    promised = int(length) if length.isdigit() else None
    made = await recordings.take_in(
        studio.library, studio.options, name, promised, request.stream()
    )
    return made.to_dict()


@api.get("/recordings/{id}")
def _recording(id: Id, studio: Here) -> dict[str, Any]:
    """Name, length, rate and liveliest stretch of a recording."""
    return recordings.known(studio.library, id).to_dict()


@api.get("/recordings/{id}/outline")
def _outline(id: Id, studio: Here) -> dict[str, Any]:
    """The whole recording's waveform: lowest and highest sample of each column, -127 to 127."""
    low, high = recordings.outline(recordings.known(studio.library, id))
    return {"low": low, "high": high}


@api.get("/recordings/{id}/window", response_class=Response)
def _window(id: Id, start: float, seconds: float, studio: Here) -> Response:
    """A stretch of a recording as float32 samples, one channel after the other."""
    audio, rate = recordings.window(recordings.known(studio.library, id), start, seconds)
    return _samples(audio, rate)


@api.get("/effects")
def _effects(studio: Here) -> dict[str, Any]:
    """Installed effects, families, favourites, and the effects of the default chain."""
    return studio.catalogue.to_dict()


@api.post("/effects/warm", status_code=204)
def _warm(request: WarmRequest, studio: Here) -> None:
    """Open effects that will be turned soon."""
    studio.catalogue.check(request.uris)
    studio.live.warm(request.uris)


@api.post("/effects/knobs")
def _knobs(request: WarmRequest, studio: Here) -> dict[str, Any]:
    """Every knob of some effects, at its default."""
    studio.catalogue.check(request.uris)
    return slots_by_hand(request.uris, studio.live.describe)


@api.post("/favourites")
def _favourite(request: FavouriteRequest, studio: Here) -> dict[str, Any]:
    """Keep effects under a name in the user's configuration, or take that name out."""
    studio.catalogue.check(request.effects or [])
    save_favourite(request.name, request.effects, overwrite=True)
    return {"favourites": studio.catalogue.favourites()}


# -- matches ----------------------------------------------------------------------------------


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
        "effects": request.effects,
        "folder": str(kept.folder / "result"),
        "workers": studio.options.workers,
        "options": options,
        "command": _command(request, [str(one.path) for one in used]),
        "command_note": _command_note(
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
        return _events_of_kept(studio.library.match(id))
    return _events(studio, job)


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
    return _download(_result(studio, id, name))


# -- turning knobs ----------------------------------------------------------------------------


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
    return _samples(audio, rate, seconds)


@api.post("/export", response_class=Response)
def _export(request: ExportRequest, studio: Here) -> Response:
    """What is heard, as a preset of dialin or of another host."""
    name, content, notes = export_file(_preset(request, studio), request.kind, request.name)
    headers = {
        "Content-Disposition": _attachment(name),
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


# -- maps -------------------------------------------------------------------------------------


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
    return _events(studio, _job(studio, id))


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
    return _download(Path(job.state["result"]["target"]))


# -- helpers ----------------------------------------------------------------------------------


def _samples(audio: Audio, rate: int, seconds: float = 0.0) -> Response:
    headers = {
        "X-Sample-Rate": str(rate),
        "X-Channels": str(audio.shape[0]),
        "X-Render-Seconds": f"{seconds:.4f}",
    }
    body = audio.astype("<f4", copy=False).tobytes()
    return Response(body, media_type="application/octet-stream", headers=headers)


def _preset(request: ExportRequest | FileRequest, studio: Studio) -> Preset:
    studio.catalogue.check([slot.uri for slot in request.slots])
    heard = studio.live.hear([slot.slot() for slot in request.slots], request.amount)
    about = request.about if isinstance(request, ExportRequest) else {}
    return studio.live.preset(heard, {**about, "studio": __version__, "amount": request.amount})


def _fresh_folder(folder: Path) -> Path:
    from tempfile import mkdtemp

    folder.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(dir=folder))


def _job(studio: Studio, id: str) -> StudioJob:
    job = studio.jobs.get(id)
    if job is None:
        raise NotThereError(f"there is no job {id!r} any more")
    return job


def _result(studio: Studio, id: str, name: str) -> Path:
    folder = (studio.library.match(id).folder / "result").resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file() or path.name.startswith("."):
        raise NotThereError(f"this match has no file {name!r}")
    return path


def _download(path: Path) -> Response:
    if not path.is_file():
        raise NotThereError(f"the file {path.name!r} is not there any more")
    return FileResponse(
        path,
        media_type="application/octet-stream",
        headers={"Content-Disposition": _attachment(path.name)},
    )


def _attachment(name: str) -> str:
    from urllib.parse import quote

    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"


def _heard(request: MatchRequest, used: Sequence[Recording]) -> dict[str, Any]:
    """Recordings of a match, as the process that works on them is told."""
    return {
        "input": {"path": str(used[0].path), "stretch": request.input.stretch},
        "references": [
            {"path": str(one.path), "stretch": part.stretch, "weight": part.weight}
            for one, part in zip(used[1:], request.references, strict=True)
        ],
    }


def _events(studio: Studio, job: StudioJob) -> Response:
    async def lines() -> AsyncIterator[str]:
        async for state in studio.jobs.events(job):
            yield ": still here\n\n" if state is None else f"data: {json.dumps(state)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def _events_of_kept(kept: Kept) -> Response:
    state: dict[str, Any] = {"status": kept.status, "result": kept.summary}
    if kept.error:
        state["error"] = {"code": kept.status, "message": kept.error}
    return Response(f"data: {json.dumps(state)}\n\n", media_type="text/event-stream")


def _command(request: MatchRequest, paths: list[str]) -> str:
    """Command that repeats a match; of stretches, which it cannot carry, see `_command_note`."""
    words = ["dialin", "match", paths[0]]
    for path, one in zip(paths[1:], request.references, strict=True):
        words.append(path if one.weight == 1 else f"{path}:{one.weight:g}")
    words += ["-o", "out/"]
    named = [request.effects] if isinstance(request.effects, str) else request.effects
    for name in named:
        words += ["--fx", name]
    words += ["--budget", str(request.budget)] if request.budget else []
    words += ["--seconds", f"{request.seconds:g}"] if request.seconds else []
    words += ["--seed", str(request.seed)]
    words += ["--only", ",".join(request.only)] if request.only else []
    for name, value in (request.weights or {}).items():
        words += ["--weight", f"{name}={value:g}"]
    for name, value in (request.lock or {}).items():
        words += ["--lock", f"{name}={value:g}"]
    words += ["--keep"] if request.keep else []
    return shlex.join(words)


def _command_note(heard: Iterable[tuple[str, float, tuple[float, float] | None]]) -> str:
    """Which stretches were heard, of (name, seconds, stretch); empty where all is whole."""
    chosen = [
        f"{name} from {stretch[0]:.2f} to {min(sum(stretch), seconds):.2f} s (of {seconds:.2f} s)"
        for name, seconds, stretch in heard
        if stretch is not None
    ]
    if not chosen:
        return ""
    return (
        f"This match heard only {' and '.join(chosen)}. The command hears whole recordings, and "
        "may find other settings: to repeat this very match, choose the same stretch in the "
        "studio, or give the command files that hold nothing else."
    )
