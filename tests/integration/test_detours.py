"""What leaves the road comes back to it: thin events read from Stripe, events that wait for another one."""

from __future__ import annotations

import random

import pytest

from tests.road import OpenRoad, Road, eventually
from tests.stripe_model import History, Life
from tests.stripe_server import stripe_server
from tests.stripe_shapes import body, checkout_session, event
from tests.town import bodies, town

GROUPS = (("tollbridge-lifecycle", "stripe.events"), ("tollbridge-waiting", "stripe.waiting"))

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def test_thin_events_are_told_as_their_twins_and_with_them_once(open_road: OpenRoad) -> None:
    history = town(seed=11, customers=8)
    async with stripe_server() as stripe:
        stripe.refusals = [500, 429, 401, 503]
        thin = [body(stripe.hold_twin(built)) for built in history.events]
        both = bodies(history)[::3]  # a snapshot endpoint that gets some of them as well
        posted = thin + both
        random.Random(11).shuffle(posted)  # noqa: S311 - the same order every time
        async with open_road({**stripe.settings, "TOLLBRIDGE_STRIPE_API_RATE": "100"}) as road:
            await road.post(posted)
            await road.settled(history.facts)
            assert await road.dead_letters() == []
            told = [event["id"] for event in await road.billing_events()]
            assert len(told) == len(set(told)) == len(history.facts)


async def test_without_a_key_thin_events_are_dead_letters_and_the_rest_goes_on(open_road: OpenRoad) -> None:
    history = town(seed=12, customers=4)
    async with stripe_server() as stripe:
        thin = body(stripe.hold_twin(history.events[0]))
        async with open_road() as road:
            await road.post([thin, *bodies(history)])
            await road.settled(history.facts)
            assert await road.dead_letters() == [thin]
            assert not stripe.asked


def checkouts(customers: int) -> History:
    whole = History()
    for number in range(customers):
        life = Life(f"c{number}", customer=f"cus_c{number}")
        life.subscribe("checkout")
        life.now += 3600
        life.renew()
        life.pay()
        whole.add(life.history)
    return whole


def with_checkouts_apart(history: History) -> tuple[list[bytes], list[bytes]]:
    posted = bodies(history)
    apart = [one for one in posted if b'"checkout.session.completed"' in one]
    return apart, [one for one in posted if one not in apart]


def checkout_of(subscription: str, customer: str) -> bytes:
    session = checkout_session(f"cs_{subscription}", customer=customer, subscription=subscription)
    return body(event("checkout.session.completed", session, event_id=f"evt_{subscription}"))


async def wait_for(road: Road, count: int) -> None:
    async def waiting() -> str | None:
        found = len(await road.read("stripe.waiting"))
        return None if found >= count else f"only {found} events wait"

    await eventually(waiting)


async def test_the_checkouts_reference_is_the_subject_of_all_whatever_comes_first(
    open_road: OpenRoad,
) -> None:
    history = checkouts(6)
    late, early = with_checkouts_apart(history)
    async with open_road({"TOLLBRIDGE_SUBJECT": "client_reference_id"}) as road:
        await road.post(early)
        await wait_for(road, len(early) // 2)
        assert await road.billing_events() == []
        await road.post(late)
        await road.settled(history.facts)
        assert await road.customers() == {f"user_c{number}" for number in range(6)}
        assert await road.dead_letters() == []


async def plans(road: Road) -> list[str | None]:
    told = await road.billing_events()
    return [event["data"]["plan"] for event in told if event["type"] == "subscription.started"]


async def test_a_paid_checkout_that_comes_first_leaves_the_start_to_its_subscription(
    open_road: OpenRoad,
) -> None:
    """Or tells it by itself when its patience is over and no subscription has come."""
    history = checkouts(6)
    first, late = with_checkouts_apart(history)
    alone = [checkout_of(f"sub_alone{number}", customer=f"cus_c{number}") for number in range(3)]
    async with open_road({"TOLLBRIDGE_CHECKOUT_PATIENCE": "15"}) as road:
        await road.post(first + alone)
        await wait_for(road, 9)
        assert await road.billing_events() == []
        await road.post(late)
        bare = {f"platform|live|subscription.started:sub_alone{number}" for number in range(3)}
        await road.settled(history.facts | bare)
        await road.all_committed(GROUPS)
        assert sorted(await plans(road), key=str) == [None] * 3 + ["price_basic"] * 6


async def test_with_a_key_a_paid_checkout_alone_is_told_as_stripe_has_its_subscription(
    open_road: OpenRoad,
) -> None:
    history = checkouts(3)
    alone, _ = with_checkouts_apart(history)
    async with stripe_server() as stripe:
        for found in history.truth.values():
            stripe.objects[None, f"/v1/subscriptions/{found['id']}"] = found
        async with open_road({**stripe.settings, "TOLLBRIDGE_CHECKOUT_PATIENCE": "600"}) as road:
            await road.post(alone)
            await road.settled({f"platform|live|subscription.started:sub_c{number}" for number in range(3)})
            assert await plans(road) == ["price_basic"] * 3
            assert await road.dead_letters() == []
