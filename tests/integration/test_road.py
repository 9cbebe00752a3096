"""A signed webhook reaches OpenMeter and NATS, once, whatever happens on the way."""

from __future__ import annotations

import orjson
import pytest

from tests.road import OpenRoad, Road
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GROUPS = (
    ("tollbridge-lifecycle", "stripe.events"),
    ("tollbridge-openmeter", "billing.events"),
    ("tollbridge-nats", "billing.events"),
)


async def assert_state_is_the_models(road: Road, truth: dict[str, dict[str, object]]) -> None:
    states = await road.states()
    assert {key: state.status for key, state in states.items() if key in truth} == {
        key: subscription["status"] for key, subscription in truth.items()
    }


async def test_every_fact_arrives_once_at_both_sinks(open_road: OpenRoad) -> None:
    history = town(seed=1, customers=25)
    async with open_road() as road:
        await road.post(bodies(history))
        await road.settled(history.facts)
        await assert_state_is_the_models(road, history.truth)
        await road.all_committed(GROUPS)
        assert await road.dead_letters() == []


async def test_an_event_posted_twice_is_told_once(open_road: OpenRoad) -> None:
    history = town(seed=2, customers=8)
    async with open_road() as road:
        await road.post([*bodies(history), *bodies(history)])
        await road.settled(history.facts)
        told = [event["id"] for event in await road.billing_events()]
        assert len(told) == len(set(told)) == len(history.facts)


async def test_all_six_translations(open_road: OpenRoad) -> None:
    history = town(seed=3, customers=30)
    assert {orjson.loads(body)["type"] for body in bodies(history)} >= {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_failed",
    }
    async with open_road() as road:
        await road.post(bodies(history))
        await road.settled(history.facts)
        assert {event["type"] for event in await road.billing_events()} == {
            "subscription.started",
            "subscription.updated",
            "subscription.ended",
            "payment.success",
            "payment.failed",
        }
