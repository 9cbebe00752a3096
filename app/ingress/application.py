"""The ingress as an aiohttp application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from agents.clock import Clock
from agents.tracing import UNTRACED, Tracer
from app.health.handlers import Health
from app.ingress.endpoints import Endpoints
from app.ingress.memory import Memory, NoMemory
from app.ingress.problem import problems
from app.ingress.webhook import DurableLog, Webhooks
from app.metrics.http import count_requests
from app.metrics.registry import Metrics
from app.settings import Settings

# For web.AppRunner. Bodies are kept as they came, so nothing is decompressed on the way in, which could be a
# small bomb besides; what is left of a refused body is read away for a moment only.
# A webhook whose sender went away is kept all the same: its handler is not cancelled.
RUNNER: Mapping[str, Any] = {
    "access_log": None,
    "auto_decompress": False,
    "lingering_time": 2.0,
    "handler_cancellation": False,
}


def _open() -> str | None:
    return None


def build_application(
    settings: Settings,
    secrets: Endpoints,
    kafka: DurableLog,
    *,
    clock: Clock,
    metrics: Metrics,
    health: Health,
    closed: Callable[[], str | None] = _open,
    memory: Memory = NoMemory(),  # noqa: B008 - it has no state
    tracer: Tracer = UNTRACED,
) -> web.Application:
    """Put the ingress together. `closed` returns why no webhook can be kept yet, or None.

    `memory` knows what Kafka has already; without it every webhook goes to Kafka.
    """
    webhooks = Webhooks(
        settings, secrets, kafka, clock=clock, metrics=metrics, closed=closed, memory=memory, tracer=tracer
    )
    application = web.Application(middlewares=[count_requests(metrics), problems])
    application.add_routes(
        [
            web.post("/webhooks/stripe", webhooks.handle),
            web.post("/webhooks/stripe/{endpoint}", webhooks.handle),
            *health.routes(),
        ]
    )
    return application
