"""With Redis at the door there is less work, and whatever becomes of Redis the facts are the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine

import aiohttp
import orjson
import pytest

from app.local.redis_server import RedisServer
from tests.real_redis import redis_server
from tests.road import OpenRoad, Road
from tests.town import bodies, town

__all__ = ["redis_server"]

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def kept(road: Road) -> Counter[str]:
    """How many records stripe.events holds of each event."""
    values = [orjson.loads(value or b"") for _, value in await road.read("stripe.events")]
    return Counter(f"{one.get('account')}|{one['livemode']}|{one['id']}" for one in values)


async def ingress(road: Road, path: str) -> str:
    url = road.stack.applications["ingress"].url
    async with aiohttp.ClientSession() as http, http.get(url + path) as answer:
        assert answer.status == 200
        return await answer.text()


async def used(road: Road) -> None:
    """Wait until the ingress has been told which topic its marks are about."""
    async with asyncio.timeout(20):
        while '"redis":{"status":"ready","detail":""}' not in await ingress(road, "/readyz"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def test_a_history_that_is_posted_twice_is_kept_once(
    open_road: OpenRoad, redis_server: RedisServer
) -> None:
    history = town(seed=41, customers=8)
    settings = {**redis_server.environment(), "TOLLBRIDGE_REDIS_TIMEOUT": "1"}
    async with open_road(settings) as road:
        await used(road)
        await road.post(bodies(history))
        await road.post(bodies(history))
        assert set((await kept(road)).values()) == {1}
        await road.settled(history.facts)
        metrics = await ingress(road, "/metrics")
        hits = f'tollbridge_redis_lookups_total{{outcome="hit"}} {float(len(history.events))}'
        assert hits in metrics


async def kill(server: RedisServer) -> None:
    await server.kill()


async def restart(server: RedisServer) -> None:
    await server.kill()
    await server.start()


async def freeze(server: RedisServer) -> None:
    server.pause()


@pytest.mark.parametrize("trouble", [kill, restart, freeze])
async def test_whatever_becomes_of_redis_in_the_middle_the_facts_are_the_same(
    open_road: OpenRoad,
    redis_server: RedisServer,
    trouble: Callable[[RedisServer], Coroutine[None, None, None]],
) -> None:
    history = town(seed=42, customers=8)
    events = bodies(history)
    half = len(events) // 2
    async with open_road(redis_server.environment()) as road:
        await used(road)
        await road.post(events[:half])
        ill = asyncio.create_task(trouble(redis_server))
        await road.post([*events[: half // 2], *events[half:]])
        await ill
        await road.post(events)
        assert set(road.statuses) == {200}
        await ingress(road, "/readyz")
        assert len(await kept(road)) == len(events)
        await road.settled(history.facts)
        assert await road.dead_letters() == []
