"""Counts every HTTP request, by route template: paths hold ids, and ids are no label values."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from app.metrics.bounds import OTHER
from app.metrics.registry import Metrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_requests(metrics: Metrics) -> Middleware:
    """Return a middleware that counts into `api_requests_total`."""
    # Finding a metric by its labels costs more than counting; there are few combinations.
    counter = functools.cache(functools.partial(metrics.api_requests.labels, metrics.process))

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            route = resource.canonical if resource is not None else OTHER
            method = request.method if request.method in _METHODS else OTHER
            counter(route, method, str(status)).inc()
        return response

    return middleware
