"""/healthz, /readyz and /metrics as aiohttp handlers; docs/health-endpoints.md says what they promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from app.health.checks import Check, evaluate

Dead = Callable[[], str | None]


class Health:
    """The health of one process: its checks, and whether it has died inside."""

    def __init__(
        self,
        registry: CollectorRegistry,
        checks: Mapping[str, Check] | None = None,
        *,
        dead: Dead | None = None,
    ) -> None:
        """Take what to expose and ask. `dead` returns the reason why only a restart helps, or None."""
        self._registry = registry
        self._checks = dict(checks or {})
        self._dead = dead

    def routes(self) -> list[web.RouteDef]:
        """Return the three routes."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """Answer 200 while a restart would not help: that we answer at all shows that the loop turns."""
        reason = self._dead() if self._dead is not None else None
        if reason is None:
            return _json(200, {"status": "alive"})
        return _json(503, {"status": "dead", "reason": reason})

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer 200 when every part is ready, else 503; either way with what each part says."""
        report = await evaluate(self._checks)
        return _json(200 if report.status == "ready" else 503, report.body())

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer in the text format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _json(status: int, body: object) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers
    )
