"""The health endpoints as docs/health-endpoints.md promises them, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from agents.errors import Stop
from app.health.checks import READY, Result
from app.health.handlers import Health
from app.health.server import HealthServer
from app.metrics.registry import Metrics, new_metrics


class Parts:
    """What the process under test says of itself."""

    def __init__(self) -> None:
        self.breaker = READY
        self.death: str | None = None


async def greet(request: web.Request) -> web.Response:
    return web.Response(text=request.match_info["name"])


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def metrics() -> Metrics:
    return new_metrics("openmeter")


@pytest.fixture
async def url(parts: Parts, metrics: Metrics) -> AsyncIterator[str]:
    health = Health(metrics.registry, {"breaker": lambda: parts.breaker}, dead=lambda: parts.death)
    server = HealthServer("127.0.0.1", 0, health, metrics, [web.get("/v1/{name}", greet)])
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()
    await server.stop()


async def get(url: str) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json()


async def test_a_process_that_works_is_alive_and_ready(url: str) -> None:
    assert await get(f"{url}/healthz") == (200, {"status": "alive"})
    assert await get(f"{url}/readyz") == (
        200,
        {"status": "ready", "checks": {"breaker": {"status": "ready", "detail": ""}}},
    )


@pytest.mark.parametrize("status", ["degraded", "not_ready"])
async def test_readiness_tells_the_truth_and_the_reason(url: str, parts: Parts, status: str) -> None:
    parts.breaker = Result("degraded" if status == "degraded" else "not_ready", "open: 401")
    assert await get(f"{url}/readyz") == (
        503,
        {"status": status, "checks": {"breaker": {"status": status, "detail": "open: 401"}}},
    )
    assert await get(f"{url}/healthz") == (200, {"status": "alive"})


async def test_a_process_that_died_inside_asks_for_a_restart(url: str, parts: Parts) -> None:
    parts.death = "the consumer stopped"
    assert await get(f"{url}/healthz") == (503, {"status": "dead", "reason": "the consumer stopped"})


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_format_that_the_scraper_asks_for(
    url: str, accept: str, content_type: str
) -> None:
    headers = {"Accept": accept}
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == content_type
        assert 'openmeter_events_sent_total{outcome="accepted"} 0.0' in await response.text()


async def test_further_routes_are_counted_by_their_template_not_by_their_path(
    url: str, metrics: Metrics
) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/v1/cus_1", "/v1/cus_2", "/nowhere"):
            async with session.get(url + path) as response:
                await response.read()
    labels = {"process": "openmeter", "method": "GET"}
    value = metrics.registry.get_sample_value
    assert value("api_requests_total", {**labels, "route": "/v1/{name}", "status": "200"}) == 2
    assert value("api_requests_total", {**labels, "route": "other", "status": "404"}) == 1


async def test_a_taken_port_stops_the_start_with_a_sentence(url: str, metrics: Metrics) -> None:
    port = int(url.rpartition(":")[2])
    server = HealthServer("127.0.0.1", port, Health(metrics.registry), metrics)
    with pytest.raises(Stop, match=f"Cannot listen on 127.0.0.1:{port}"):
        await server.start()


async def test_a_server_that_stops_lets_its_requests_finish(metrics: Metrics) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> Result:
        asked.set()
        await answer.wait()
        return READY

    server = HealthServer("127.0.0.1", 0, Health(metrics.registry, {"slow": slow}), metrics)
    await server.start()
    request = asyncio.create_task(get(f"http://127.0.0.1:{server.port}/readyz"))
    await asked.wait()
    stopping = asyncio.create_task(server.stop())
    answer.set()
    assert (await request)[0] == 200
    await stopping
