"""Who may ask the studio for something: the door that every request goes through.

A page of a stranger, open in the same browser, can send requests to this machine too. So each
request must name this studio in its ``Host`` (a name that a stranger points at 127.0.0.1 is not
it), come from its own page if it says where it comes from (``Origin``, ``Sec-Fetch-Site``), and
know the token, which is in the address that ``dialin studio`` prints: as ``?token=``, as the
cookie that the page is given for it, or as ``Authorization: Bearer``.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialin.web.options import LOOPBACK

JSON_BYTES = 2 << 20
"""Largest body of a request that is no recording."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content security policy of the page: its own files alone, and nothing written into it."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that answers itself whatever is not to be let in.

    Parameters
    ----------
    app : ASGI application
    token : str
        That a request must know.
    host : str
        That the studio listens at.
    remote : bool
        Whether requests of other machines are wanted.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, remote: bool) -> None:
        self._app = app
        self._token = token
        self._remote = remote
        self._names = {*LOOPBACK, host.casefold()}
        if remote:
            own = socket.gethostname().casefold()
            self._names |= {own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        port = scope["server"][1] if scope.get("server") else None
        refusal = self._refusal(scope, headers, port)
        if refusal is not None:
            _add(refusal.headers, HEADERS)
            await refusal(scope, receive, send)
            return
        cookie = f"{_cookie_name(port)}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        fresh = "token=" in scope.get("query_string", b"").decode("latin-1")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                _add(own, {k: v for k, v in HEADERS.items() if k not in own})
                if fresh:
                    own.append("Set-Cookie", cookie)
            await send(message)

        await self._app(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers, port: int | None) -> Response | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host, port):
            return _refuse(421, "host", "this studio is not at that address")
        origin = headers.get("origin")
        if origin is not None and not self._is_own_page(origin, host):
            return _refuse(403, "origin", "another page may not use this studio")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refuse(403, "origin", "another page may not use this studio")
        if not self._knows(scope, headers, port):
            if scope["path"] == "/":
                text = (
                    "This is the dialin studio. Its address has a token in it that this one "
                    "lacks: open the whole address that `dialin studio` printed in the terminal."
                )
                return PlainTextResponse(text, 403)
            return _refuse(403, "token", "the token is missing or wrong; use the whole address")
        length = headers.get("content-length", "0")
        if scope["path"] != "/api/recordings" and (
            not length.isdigit() or int(length) > JSON_BYTES or "transfer-encoding" in headers
        ):
            return _refuse(413, "too-large", "this request is too large")
        return None

    def _is_ours(self, host: str, port: int | None) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, said = (parts.hostname or "").casefold(), parts.port
        except ValueError:
            return False
        # A proxy before it may answer at the usual port, which a Host leaves out.
        if port is not None and said is not None and said != port:
            return False
        if name in self._names:
            return True
        # A name can be pointed anywhere by whoever owns it; a number cannot.
        return self._remote and _is_address(name)

    def _is_own_page(self, origin: str, host: str) -> bool:
        try:
            return urlsplit(origin).netloc.casefold() == host.casefold()
        except ValueError:
            return False

    def _knows(self, scope: Scope, headers: Headers, port: int | None) -> bool:
        said = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        said += [bearer.strip()] if scheme.casefold() == "bearer" else []
        said += _cookies(headers.getlist("cookie"), _cookie_name(port))
        mine = self._token.encode()
        return any([hmac.compare_digest(one.encode(), mine) for one in said])


def _cookie_name(port: int | None) -> str:
    # Cookies do not tell ports apart, and two studios may run.
    return f"dialin-{port}"


def _cookies(headers: Iterable[str], name: str) -> list[str]:
    values = []
    for header in headers:
        try:
            jar = SimpleCookie(header)
        except CookieError:
            continue
        if name in jar:
            values.append(jar[name].value)
    return values


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refuse(status: int, code: str, message: str) -> Response:
    # What comes after a refused head is not read.
    headers = {"Connection": "close"}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _add(headers: MutableHeaders, more: dict[str, str]) -> None:
    for name, value in more.items():
        headers[name] = value
