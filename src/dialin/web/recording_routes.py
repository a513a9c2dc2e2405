"""Routes of recordings and effects: what is there to match."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dialin._version import __version__
from dialin.configuration import save_favourite
from dialin.web import recordings
from dialin.web.answers import samples
from dialin.web.live import slots_by_hand
from dialin.web.requests import FavouriteRequest, Id, WarmRequest
from dialin.web.running_studio import Here

api = APIRouter(prefix="/api")


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
    return samples(audio, rate)


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
