"""A stand-in for OpenMeter's ingest API, for development and tests: `python -m app.local.openmeter_sandbox`.

It answers as OpenMeter's v1 does. The content type is compared as a whole string. A batch is gone through
in order and is no transaction: an event that fails leaves those before it ingested. What is not here:
meters, customers, authentication (the open-source one has none on this route).

With `--control`, and only then, POST /_control tells it to misbehave and GET /_control what it has seen.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from app.local.cloud_event_rules import Unacceptable, parse_time
from app.local.event_store import EventStore
from app.local.sandbox_control import Control

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"
LIMIT = 100
BODY_BYTES = 64 << 20
"""The real route has no limit; this one only keeps a runaway test from eating the machine."""

TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Request Entity Too Large"}
_requests = itertools.count(1)


def problem(status: int, detail: str, **headers: str) -> web.Response:
    """Return an error as OpenMeter writes it (RFC 7807)."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, f"Status {status}"),
        "status": status,
        "detail": detail,
        "instance": f"urn:request:sandbox/{next(_requests):06d}",
    }
    response = web.Response(body=orjson.dumps(body), status=status, headers=headers)
    response.headers["Content-Type"] = "application/problem+json"
    return response


class Sandbox:
    """The routes, over one store."""

    def __init__(self, store: EventStore, control: Control | None = None) -> None:
        self.store = store
        self.control = control

    async def ingest(self, request: web.Request) -> web.Response:
        """POST /api/v1/events."""
        body = await request.read()
        break_after = None
        if self.control:
            self.control.requests += 1
            fault = await self.control.meet(request, len(body))
            if fault and not fault.after_events:
                return problem(fault.status, fault.detail, **fault.headers)
            break_after = fault
        try:
            events = _events(request.headers.get("Content-Type", ""), body)
            for count, event in enumerate(events):
                if break_after and count == break_after.after_events:
                    return problem(break_after.status, break_after.detail, **break_after.headers)
                self.store.ingest(event)
        except Unacceptable as fault:
            return problem(400, f"request body has an error: doesn't match schema: {fault}")
        return web.Response(status=204)

    async def list_events(self, request: web.Request) -> web.Response:
        """GET /api/v1/events?id=&subject=&from=&to=&limit=; id and subject match in part."""
        query = request.query
        try:
            limit = int(query.get("limit", str(LIMIT)))
        except ValueError:
            limit = 0
        if not 1 <= limit <= LIMIT:
            return problem(400, f'parameter "limit" in query has an error: a number from 1 to {LIMIT}')
        try:
            since, until = (_moment(query.get(name)) for name in ("from", "to"))
        except Unacceptable:
            return problem(400, 'parameters "from" and "to" in query must be RFC 3339 times')
        found = self.store.find(
            part_of_id=query.get("id", ""),
            part_of_subject=query.get("subject", ""),
            since=since,
            until=until,
            limit=limit,
        )
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def health(self, _request: web.Request) -> web.Response:
        """GET /healthz."""
        return web.json_response({"status": "ok", "events": len(self.store)})

    async def show_control(self, _request: web.Request) -> web.Response:
        """GET /_control: what came, and what is still to go wrong."""
        if self.control is None:
            raise web.HTTPNotFound
        seen = {"events": len(self.store), "duplicates": self.store.duplicates, **self.control.seen()}
        return web.json_response(seen)

    async def set_control(self, request: web.Request) -> web.Response:
        """POST /_control: see `sandbox_control.Control.set`. DELETE forgets everything."""
        if self.control is None:
            raise web.HTTPNotFound
        if request.method == "DELETE":
            self.store.clear()
            self.control.clear()
        else:
            self.control.set(orjson.loads(await request.read()))
        return web.Response(status=204)


def _events(content_type: str, body: bytes) -> list[Any]:
    if content_type not in {ONE, BATCH, EITHER}:
        raise Unacceptable(f'header Content-Type has unexpected value "{content_type}"')
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unacceptable(f"failed to decode request body: {error}") from error
    if content_type == BATCH and not isinstance(document, list):
        raise Unacceptable("value must be an array")
    if content_type == ONE or not isinstance(document, list):
        return [document]
    return document


def _moment(text: str | None) -> datetime | None:
    return parse_time(text) if text else None


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Write aiohttp's own errors as problems too."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        return problem(error.status, error.reason)


def make_app(*, control: bool = False, store: EventStore | None = None) -> web.Application:
    """Build the application; `control` opens /_control."""
    sandbox = Sandbox(EventStore() if store is None else store, Control() if control else None)
    app = web.Application(middlewares=[problems], client_max_size=BODY_BYTES)
    app.router.add_post("/api/v1/events", sandbox.ingest)
    app.router.add_get("/api/v1/events", sandbox.list_events, allow_head=False)
    app.router.add_get("/healthz", sandbox.health)
    app.router.add_get("/_control", sandbox.show_control)
    app.router.add_post("/_control", sandbox.set_control)
    app.router.add_delete("/_control", sandbox.set_control)
    return app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for OpenMeter's ingest API. It forgets on exit.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8888, help="port to listen on")
    parser.add_argument(
        "--control", action="store_true", help="open /_control, with which tests make it fail"
    )
    options = parser.parse_args()
    web.run_app(
        make_app(control=options.control),
        host=options.host,
        port=options.port,
        print=None,
        access_log=None,
        shutdown_timeout=2.0,
    )


if __name__ == "__main__":
    main()
