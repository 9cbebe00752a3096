"""What can go wrong with a query, as RFC 9457 problem documents."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from aiohttp import web

from app.ingress.problem import Problem

RETRY_AFTER = 2
"""Seconds after which to ask again: partitions move in about a session timeout, most waits are shorter."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(handler: Handler) -> Handler:
    """Have `handler` answer with the problem that it raises."""

    @functools.wraps(handler)
    async def telling(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            response = problem.response()
            response.headers["Cache-Control"] = "no-store"  # a 404 may be over in a second
            if problem.status == web.HTTPUnauthorized.status_code:
                response.headers["WWW-Authenticate"] = 'Bearer realm="tollbridge"'
            return response

    return telling


def wrong_parameter(detail: str) -> Problem:
    """Return 400: the request makes no sense, and asking again will not help."""
    return Problem(400, "wrong_parameter", detail)


def unauthorized() -> Problem:
    """Return 401."""
    return Problem(401, "unauthorized", "This needs the bearer token in TOLLBRIDGE_QUERY_TOKEN.")


def unknown(what: str) -> Problem:
    """Return 404: all that could know of `what` was asked."""
    return Problem(404, "unknown", f"No event has told of {what}.")


def unavailable(detail: str) -> Problem:
    """Return 503: nobody can say now; in a moment somebody can."""
    return Problem(503, "unavailable", detail, retry_after=RETRY_AFTER)
