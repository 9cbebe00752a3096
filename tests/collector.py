"""An OpenTelemetry collector in the test's own process: takes real exports, keeps the spans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

KINDS = {2: "server", 3: "client", 4: "producer", 5: "consumer"}
ERROR = 2


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: frozenset[tuple[str, str]]
    """Trace id and span id of each."""
    error: bool
    notes: dict[str, str | int]

    @property
    def context(self) -> tuple[str, str]:
        return self.trace, self.id


@dataclass
class Collector:
    """What came, and the settings with which processes send it here."""

    port: int = 0
    status: int = 200
    hangs: bool = False
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def trace(self, trace_id: str) -> dict[str, Span]:
        """The spans of one trace by service and name; fails when there are two of a kind."""
        found: dict[str, Span] = {}
        for span in self.spans:
            if span.trace == trace_id:
                key = f"{span.service.removeprefix('tollbridge-')}: {span.name}"
                assert key not in found, f"two of {key}"
                found[key] = span
        return found

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.hangs:
            await asyncio.sleep(60)
        self.authorizations.add(request.headers.get("Authorization"))
        if self.status == 200:
            self.bodies.append(body)
            self.spans += _spans(body)
        return web.Response(status=self.status)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Listen on a free port of the loopback."""
    here = Collector()
    application = web.Application(client_max_size=1 << 26)
    application.add_routes([web.post("/v1/traces", here.take)])
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.port = runner.addresses[0][1]
    try:
        yield here
    finally:
        await runner.cleanup()


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    found: list[Span] = []
    for resource in request.resource_spans:
        about = _notes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for one in scope.spans:
                found.append(
                    Span(
                        service=str(about["service.name"]),
                        name=one.name,
                        kind=KINDS[one.kind],
                        trace=one.trace_id.hex(),
                        id=one.span_id.hex(),
                        parent=one.parent_span_id.hex(),
                        links=frozenset((link.trace_id.hex(), link.span_id.hex()) for link in one.links),
                        error=one.status.code == ERROR,
                        notes=_notes(one.attributes),
                    )
                )
    return found


def _notes(attributes: Sequence[KeyValue]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for one in attributes:
        value = one.value
        found[one.key] = value.int_value if value.HasField("int_value") else value.string_value
    return found
