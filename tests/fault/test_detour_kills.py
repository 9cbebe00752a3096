"""kill -9 of lifecycle workers while thin events are being read, and Stripe that comes and goes."""

from __future__ import annotations

import asyncio

import pytest

from tests.road import OpenRoad
from tests.stripe_server import stripe_server
from tests.stripe_shapes import body
from tests.town import town

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GROUPS = (
    ("tollbridge-lifecycle", "stripe.events"),
    ("tollbridge-reads", "stripe.reads"),
)


async def test_kills_while_thin_events_are_read_lose_nothing(open_road: OpenRoad) -> None:
    history = town(seed=31, customers=20)
    async with stripe_server() as stripe:
        thin = [body(stripe.hold_twin(built)) for built in history.events]
        async with open_road({**stripe.settings, "TOLLBRIDGE_STRIPE_API_RATE": "40"}) as road:
            second = await road.stack.add_lifecycle_worker()
            posting = asyncio.create_task(road.post(thin, abreast=2, each_second=60))
            for victim in (second, road.stack.applications["lifecycle"]):
                await asyncio.sleep(2.0)
                stripe.refusals += [503, 401, 429, 500] * 3
                await victim.kill()
                await victim.start()
            await posting
            await road.settled(history.facts)
            await road.all_committed(GROUPS)
            assert await road.dead_letters() == []
            told = {event["id"] for event in await road.billing_events()}
            assert told == {key.split("|", 2)[2] for key in history.facts}
