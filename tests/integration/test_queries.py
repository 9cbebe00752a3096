"""Queries on real workers: each answers for every key, also when another one is killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
import pytest

from app.local.application import Application
from tests.road import OpenRoad, Road, eventually
from tests.stripe_model import History
from tests.stripe_shapes import body, event, subscription
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WITHOUT_SINKS = frozenset({"openmeter", "nats"})
LONGEST = 6.0
"""Seconds that any answer may take: two tries of two seconds, and the pause between them."""
Asked = tuple[int, dict[str, Any], Mapping[str, str]]


async def ask(http: aiohttp.ClientSession, worker: Application, path: str, query: Mapping[str, str]) -> Asked:
    started = time.monotonic()
    async with http.get(f"{worker.url}{path}", params=query) as answer:
        found = answer.status, await answer.json(content_type=None), answer.headers
    assert time.monotonic() - started < LONGEST
    return found


def keys(history: History) -> list[tuple[dict[str, str], str, str]]:
    """Query, customer and subscription of each subscription in `history`."""
    return [
        ({"account": account, "mode": mode}, customer, subscription_id)
        for account, mode, customer, subscription_id in (key.split("|") for key in history.truth)
    ]


async def worked_through(road: Road) -> None:
    await road.all_committed((("tollbridge-lifecycle", "stripe.events"),))


async def answer_all(http: aiohttp.ClientSession, workers: Sequence[Application], history: History) -> None:
    """Wait until each of `workers` answers for every key of `history`."""
    for worker in workers:
        await eventually(partial(answers_all, http, worker, history))


async def answers_all(http: aiohttp.ClientSession, worker: Application, history: History) -> str | None:
    """Say what `worker` does not answer yet, or None; a wrong answer fails at once."""
    for query, customer, subscription_id in keys(history):
        truth = history.truth[f"{query['account']}|{query['mode']}|{customer}|{subscription_id}"]
        for path in (
            f"/v1/customers/{customer}/subscriptions",
            f"/v1/subscriptions/{subscription_id}",
            f"/v1/subscriptions/{subscription_id}/timeline",
        ):
            status, document, headers = await ask(http, worker, path, query)
            if status == 503:
                assert int(headers["Retry-After"]) > 0
                assert headers["Content-Type"].startswith("application/problem+json")
                return f"{worker.name} says {document['detail']}"
            assert status == 200, f"{path} {query}: {status} {document}"
            if path.endswith("timeline"):
                assert document["entries"]
                continue
            views = {one["id"]: one for one in document.get("subscriptions", [document])}
            assert views[subscription_id]["status"] == truth["status"]
            assert views[subscription_id]["customer"] == customer
    return None


async def test_two_workers_each_answer_for_every_key_and_go_on_when_one_is_killed(
    open_road: OpenRoad,
) -> None:
    history = town(seed=51, customers=24)
    async with open_road(without=WITHOUT_SINKS) as road, aiohttp.ClientSession() as http:
        first = road.stack.applications["lifecycle"]
        second = await road.stack.add_lifecycle_worker()
        await road.post(bodies(history))
        await worked_through(road)
        await answer_all(http, (first, second), history)

        await second.kill()
        unavailable = 0
        for query, customer, subscription_id in keys(history):
            path = f"/v1/customers/{customer}/subscriptions"
            status, document, headers = await ask(http, first, path, query)
            if status == 503:
                unavailable += 1
                assert int(headers["Retry-After"]) > 0
            else:
                assert status == 200, document
                assert subscription_id in {one["id"] for one in document["subscriptions"]}
        assert unavailable, "the second worker had no partition"
        await answer_all(http, (first,), history)

        await second.start()
        await answer_all(http, (first, second), history)


async def test_a_frozen_worker_does_not_answer_from_what_it_no_longer_owns(open_road: OpenRoad) -> None:
    before = town(seed=52, customers=16)
    async with open_road(without=WITHOUT_SINKS) as road, aiohttp.ClientSession() as http:
        first = road.stack.applications["lifecycle"]
        second = await road.stack.add_lifecycle_worker()
        await road.post(bodies(before))
        await worked_through(road)
        second.pause()
        await answer_all(http, (first,), before)
        ended = [
            body(
                event(
                    "customer.subscription.deleted",
                    subscription(subscription_id, customer=customer, status="canceled"),
                    event_id=f"evt_end_{subscription_id}",
                    created=2_000_000_000,
                    livemode=query["mode"] == "live",
                    account=None if query["account"] == "platform" else query["account"],
                )
            )
            for query, customer, subscription_id in keys(before)
        ]
        await road.post(ended)
        await worked_through(road)
        second.resume()
        for _ in range(3):
            for query, customer, subscription_id in keys(before):
                status, document, _ = await ask(http, second, f"/v1/subscriptions/{subscription_id}", query)
                assert status == 503 or document["status"] in ("canceled", "incomplete_expired"), customer
            await asyncio.sleep(0.2)


async def test_a_timeline_tells_a_real_history_in_words(open_road: OpenRoad) -> None:
    def told(number: int, kind: str, status: str, created: int, **changes: Any) -> bytes:
        return body(
            event(
                f"customer.subscription.{kind}",
                subscription("sub_words", customer="cus_words", status=status),
                event_id=f"evt_{number}",
                created=created,
                **changes,
            )
        )

    opened = told(1, "created", "incomplete", 1_790_000_000)
    active = told(2, "updated", "active", 1_790_000_010, previous={"status": "incomplete"})
    gone = told(4, "deleted", "canceled", 1_790_000_030)
    late = told(3, "updated", "past_due", 1_790_000_020, previous={"status": "active"})
    async with open_road(without=WITHOUT_SINKS) as road, aiohttp.ClientSession() as http:
        worker = road.stack.applications["lifecycle"]
        for one in (opened, active, active, active, gone, late):
            await road.post([one])
        await worked_through(road)
        status, found, _ = await ask(http, worker, "/v1/subscriptions/sub_words/timeline", {})
        assert status == 200
        assert [(one["event"], one["outcome"], one["times"], one["emitted"]) for one in found["entries"]] == [
            ("evt_1", "applied", 1, []),
            ("evt_2", "applied", 1, ["subscription.started:sub_words", "subscription.updated:evt_2"]),
            ("evt_2", "duplicate", 2, []),
            ("evt_4", "applied", 1, ["subscription.ended:sub_words"]),
            ("evt_3", "stale", 1, ["subscription.updated:evt_3"]),
        ]
        assert [one["reason"] for one in found["entries"] if one["outcome"] != "duplicate"] == [
            "the subscription is incomplete",
            "the subscription is active, and was incomplete",
            "the subscription is canceled",
            "it says past_due, but it has ended: evt_4 says canceled",
        ]
        assert (found["customer"], found["livemode"]) == ("cus_words", True)

        await worker.kill()
        await worker.start()
        again = await ask(http, worker, "/v1/subscriptions/sub_words/timeline", {})
        assert [one["event"] for one in again[1]["entries"]] == [one["event"] for one in found["entries"]]


async def test_fausts_own_pages_are_off(open_road: OpenRoad) -> None:
    async with open_road(without=WITHOUT_SINKS) as road, aiohttp.ClientSession() as http:
        for worker in road.stack.applications.values():
            for path in ("/table/", "/router/", "/stats/", "/production_index/", "/docs/"):
                async with http.get(f"{worker.url}{path}") as answer:
                    assert answer.status == 404, f"{worker.name}{path}"
