"""Running the studio until it is told to stop."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from dialin.errors import UsageError
from dialin.web.options import StudioOptions
from dialin.web.server import create_app


def serve(options: StudioOptions, ready: Callable[[str], None], token: str | None = None) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    options : StudioOptions
        How it is set up.
    ready : callable
        Called with the address, token included, once it answers.
    token : str, optional
        A random one by default.

    Raises
    ------
    UsageError
        If nothing can listen at that address.
    OutputError
        If the library cannot be used.
    """
    known = token or secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
        except OSError as error:
            raise UsageError(
                f"cannot listen at {options.host} port {options.port}: {error.strerror or error}; "
                "choose another --port, or 0 for any free one"
            ) from error
        app = create_app(options, known)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=30,
            lifespan="on",
        )
        name = f"[{options.host}]" if family == socket.AF_INET6 else options.host
        address = f"http://{name}:{listener.getsockname()[1]}/?token={known}"
        # Ctrl-C is how a studio is ended, and no error.
        with suppress(KeyboardInterrupt):
            _Server(config, lambda: ready(address)).run(sockets=[listener])
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()
