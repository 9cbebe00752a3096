"""Errors as RFC 9457 problem documents, so that whoever posts can see what is wrong and who has to act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson
from aiohttp import web

_TYPE = "urn:tollbridge:problem:"


class Problem(Exception):  # noqa: N818 - it is a document first
    """Why a request is not accepted. `outcome` is a bounded label, the text is for the sender."""

    def __init__(self, status: int, outcome: str, detail: str, *, retry_after: int | None = None) -> None:
        """Take the HTTP status, a label, a sentence, and when to come again, in seconds."""
        super().__init__(detail)
        self.status = status
        self.outcome = outcome
        self.detail = detail
        self.retry_after = retry_after

    def response(self) -> web.Response:
        """Return the problem as an HTTP response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        document = {
            "type": _TYPE + self.outcome.replace("_", "-"),
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(document),
            content_type="application/problem+json",
            headers=headers,
        )


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn aiohttp's own errors (no such path, wrong method) into problem documents too."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        outcome = HTTPStatus(error.status).name.lower()
        response = Problem(
            error.status, outcome, HTTPStatus(error.status).description or error.reason
        ).response()
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
