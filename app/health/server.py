"""The small HTTP server of a worker process: health, metrics, and whatever routes it is given."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from agents.errors import Stop
from app.health.handlers import Health
from app.metrics.http import count_requests
from app.metrics.registry import Metrics


class HealthServer:
    """Serves `health` and `routes` on `bind`:`port` inside the running loop. Port 0 takes a free one."""

    def __init__(
        self,
        bind: str,
        port: int,
        health: Health,
        metrics: Metrics,
        routes: Iterable[web.RouteDef] = (),
    ) -> None:
        self._bind = bind
        self._port = port
        application = web.Application(middlewares=[count_requests(metrics)])
        application.add_routes([*health.routes(), *routes])
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=2.0)

    async def start(self) -> None:
        """Begin to listen. Raises Stop when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._bind, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise Stop(f"Cannot listen on {self._bind}:{self._port}: {error.strerror}") from error

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening; requests under way have two seconds. Harmless when repeated or never started."""
        await self._runner.cleanup()
