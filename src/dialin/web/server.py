"""The application: routes, and what they answer.

Scripts may use the routes below ``/api`` too; ``/api/openapi.json`` describes them. They send the
token as ``Authorization: Bearer TOKEN``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import Scope

from dialin._version import __version__
from dialin.errors import DialinError
from dialin.web import knob_routes, map_routes, match_routes, recording_routes
from dialin.web.explain_errors import explain, explain_bug, explain_http, explain_request
from dialin.web.guard import Guard
from dialin.web.library import Library
from dialin.web.options import StudioOptions
from dialin.web.running_studio import Studio


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
    for subject in (recording_routes, match_routes, knob_routes, map_routes):
        app.include_router(subject.api)
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.summary = route.description.partition(".")[0]
    app.add_exception_handler(DialinError, explain)
    app.add_exception_handler(RequestValidationError, explain_request)
    app.add_exception_handler(HTTPException, explain_http)
    app.add_exception_handler(Exception, explain_bug)
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
