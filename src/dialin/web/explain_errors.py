"""Every error as the same body: a code, and a message for a person."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from dialin.errors import AudioError, DialinError
from dialin.web.answers import error_answer
from dialin.web.library import NotThereError
from dialin.web.recordings import TooLargeError


async def explain(request: Request, error: Exception) -> Response:
    """Answer an error that dialin raises on purpose.

    Parameters
    ----------
    request : Request
        That was asked.
    error : DialinError
        What was raised.

    Returns
    -------
    Response
    """
    assert isinstance(error, DialinError)
    status = 422
    if isinstance(error, NotThereError):
        status = 404
    elif isinstance(error, TooLargeError):
        status = 413
    elif isinstance(error, AudioError):
        status = 415
    return error_answer(status, error.code, str(error))


async def explain_request(request: Request, error: Exception) -> Response:
    """Answer a request that is not as described, by its first fault.

    Parameters
    ----------
    request : Request
        That was asked.
    error : RequestValidationError
        All its faults.

    Returns
    -------
    Response
    """
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return error_answer(422, "request", f"{where or 'the request'}: {first['msg']}")


async def explain_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses.

    Parameters
    ----------
    request : Request
        That was asked.
    error : HTTPException
        With its status.

    Returns
    -------
    Response
    """
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, "http", str(error.detail))


async def explain_bug(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw.

    Parameters
    ----------
    request : Request
        That was asked.
    error : Exception
        What was raised.

    Returns
    -------
    Response
    """
    reason = f"{type(error).__name__}: {error}"
    return error_answer(500, "unexpected", f"something went wrong inside dialin ({reason}); a bug")
