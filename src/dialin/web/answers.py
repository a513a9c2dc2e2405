"""Bodies that routes share: samples, files to keep, events of a job, an error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from dialin.audio import Audio
from dialin.web.jobs import StudioJob
from dialin.web.library import Kept, NotThereError
from dialin.web.running_studio import Studio


def samples(audio: Audio, rate: int, seconds: float = 0.0) -> Response:
    """Audio as float32 samples, one channel after the other.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        What is heard.
    rate : int
        In hertz.
    seconds : float
        That its render took.

    Returns
    -------
    Response
    """
    headers = {
        "X-Sample-Rate": str(rate),
        "X-Channels": str(audio.shape[0]),
        "X-Render-Seconds": f"{seconds:.4f}",
    }
    body = audio.astype("<f4", copy=False).tobytes()
    return Response(body, media_type="application/octet-stream", headers=headers)


def download(path: Path) -> Response:
    """A file to be kept.

    Parameters
    ----------
    path : Path
        Where it lies.

    Returns
    -------
    Response

    Raises
    ------
    NotThereError
        If it is gone.
    """
    if not path.is_file():
        raise NotThereError(f"the file {path.name!r} is not there any more")
    return FileResponse(
        path,
        media_type="application/octet-stream",
        headers={"Content-Disposition": attachment(path.name)},
    )


def attachment(name: str) -> str:
    """The header that gives a file its name, whatever letters that has.

    Parameters
    ----------
    name : str
        Of the file.

    Returns
    -------
    str
    """
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"


def events(studio: Studio, job: StudioJob) -> Response:
    """Server-sent events of a job, from now to its end.

    Parameters
    ----------
    studio : Studio
        That runs it.
    job : StudioJob
        What is followed.

    Returns
    -------
    Response
    """

    async def lines() -> AsyncIterator[str]:
        async for state in studio.jobs.events(job):
            yield ": still here\n\n" if state is None else f"data: {json.dumps(state)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def events_of_kept(kept: Kept) -> Response:
    """The one event of a match that is over.

    Parameters
    ----------
    kept : Kept
        The match.

    Returns
    -------
    Response
    """
    state: dict[str, Any] = {"status": kept.status, "result": kept.summary}
    if kept.error:
        state["error"] = {"code": kept.status, "message": kept.error}
    return Response(f"data: {json.dumps(state)}\n\n", media_type="text/event-stream")


def error_answer(status: int, code: str, message: str) -> JSONResponse:
    """What every error looks like.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        One word for scripts.
    message : str
        For a person.

    Returns
    -------
    JSONResponse
    """
    # Whoever still sends what is refused would send it to its end otherwise.
    headers = {"Connection": "close"} if status == 413 else {}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)
