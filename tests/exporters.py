"""Stands in for the exporters of NATS and Kafka, which cannot be run here: serves tests/exposition/."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from app.local.ports import LOOPBACK

EXPOSITION = Path(__file__).with_name("exposition")
_GROWING = re.compile(r" (?P<begin>\d+)\+(?P<slope>\d+)t$", re.MULTILINE)


def exposed(name: str, seconds: float) -> str:
    """Return what the exporter `name` shows after so many seconds."""
    text = (EXPOSITION / f"{name}.txt").read_text()
    return _GROWING.sub(lambda found: f" {int(found['begin']) + int(found['slope']) * seconds:.0f}", text)


@asynccontextmanager
async def exporters() -> AsyncIterator[str]:
    """Serve /nats and /kafka; yields host:port."""
    began = time.monotonic()

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text=exposed(request.match_info["name"], time.monotonic() - began))

    application = web.Application()
    application.add_routes([web.get("/{name:nats|kafka}", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
