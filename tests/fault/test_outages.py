"""A sink goes and comes back, poison comes, everything fails: nothing is lost, and nobody else notices."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest

from tests.road import OpenRoad, Road, eventually
from tests.stripe_shapes import body, event, invoice
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def readiness(road: Road, name: str) -> tuple[int, dict[str, dict[str, str]]]:
    url = f"{road.stack.applications[name].url}/readyz"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, (await answer.json())["checks"]


async def becomes(road: Road, name: str, check: str, status: str) -> None:
    async def wrong() -> str | None:
        _, checks = await readiness(road, name)
        return None if checks[check]["status"] == status else f"{name} says {checks}"

    await eventually(wrong)


async def test_openmeter_down_and_back(open_road: OpenRoad) -> None:
    before, during = town(seed=21, customers=10), town(seed=22, customers=20)
    async with open_road() as road:
        assert road.stack.sandbox is not None
        await road.post(bodies(before))
        await road.settled(before.facts)
        url = f"{road.stack.sandbox.url}/_control"
        async with aiohttp.ClientSession() as http:
            await http.post(url, json={"fail": {"status": 503}})
            await road.post(bodies(during))
            await becomes(road, "openmeter", "openmeter", "degraded")
            assert (await readiness(road, "nats"))[0] == 200
            await road.nats_holds(before.facts | during.facts)
            assert await road.dead_letters() == []
            await http.post(url, json={"fail": None})
        await road.settled(before.facts | during.facts)
        await becomes(road, "openmeter", "openmeter", "ready")
        assert await road.dead_letters() == []


async def test_nats_down_and_back(open_road: OpenRoad) -> None:
    before, during = town(seed=23, customers=10), town(seed=24, customers=20)
    async with open_road() as road:
        assert road.stack.nats_server is not None
        await road.post(bodies(before))
        await road.settled(before.facts)
        await road.stack.nats_server.kill()
        await road.post(bodies(during))
        await becomes(road, "nats", "nats", "degraded")
        assert (await readiness(road, "openmeter"))[0] == 200
        await road.openmeter_holds(before.facts | during.facts)
        await road.stack.nats_server.start()
        await road.settled(before.facts | during.facts)
        assert await road.dead_letters() == []


async def test_a_revoked_openmeter_token_dead_letters_nothing(open_road: OpenRoad) -> None:
    history = town(seed=25, customers=10)
    async with open_road() as road:
        assert road.stack.sandbox is not None
        url = f"{road.stack.sandbox.url}/_control"
        async with aiohttp.ClientSession() as http:
            await http.post(url, json={"fail": {"status": 401}})
            await road.post(bodies(history))
            await becomes(road, "openmeter", "openmeter", "degraded")
            await road.nats_holds(history.facts)
            assert await road.dead_letters() == []
            await http.post(url, json={"fail": None})
        await road.settled(history.facts)


async def test_poison_goes_aside_and_the_rest_goes_on(open_road: OpenRoad) -> None:
    history = town(seed=26, customers=10)
    nonsense = body(event("invoice.paid", {**invoice("in_x"), "object": "toast"}, event_id="evt_poison_1"))
    nobody = invoice("in_y") | {"customer": None, "customer_account": None}
    homeless = body(event("invoice.paid", nobody, event_id="evt_poison_2"))
    good = bodies(history)
    async with open_road() as road:
        await road.post([*good[:20], nonsense, homeless, *good[20:]])
        await road.settled(history.facts)

        async def wrong() -> str | None:
            found = {orjson.loads(letter)["id"] for letter in await road.dead_letters()}
            return None if found == {"evt_poison_1", "evt_poison_2"} else f"dead letters: {found}"

        await eventually(wrong)
        await road.all_committed((("tollbridge-lifecycle", "stripe.events"),))
        assert sorted(await road.dead_letters()) == sorted([nonsense, homeless])


async def test_when_everything_fails_the_worker_stops_and_says_why(open_road: OpenRoad) -> None:
    nobody = invoice("in_z") | {"customer": None, "customer_account": None}
    poison = [body(event("invoice.paid", nobody, event_id=f"evt_bad_{n}")) for n in range(60)]
    async with open_road({"TOLLBRIDGE_DEAD_LETTER_MAX_CONSECUTIVE": "20"}) as road:
        worker = road.stack.applications["lifecycle"]
        await road.post(poison)

        async def wrong() -> str | None:
            return None if not worker.running else "the worker still runs"

        await eventually(wrong)
        assert worker.returncode == 1
        assert "in a row could not be delivered" in worker.tail
        assert 20 <= len(await road.dead_letters()) < 60


async def test_either_sink_can_be_left_out(open_road: OpenRoad) -> None:
    history = town(seed=27, customers=8)
    async with open_road(without=frozenset({"openmeter"})) as road:
        await road.post(bodies(history))
        await road.settled(history.facts)


async def test_a_worker_whose_kafka_is_gone_ends_when_it_is_told(open_road: OpenRoad) -> None:
    async with open_road(without=frozenset({"openmeter", "nats"})) as road:
        worker = road.stack.applications["lifecycle"]
        await road.stack.broker.kill()
        await asyncio.sleep(2.0)  # it notices
        await worker.stop()
        assert worker.returncode == 0, "it had to be killed"


async def test_bad_requests_are_told_apart_and_kept_out(open_road: OpenRoad) -> None:
    history = town(seed=28, customers=2)
    good = bodies(history)[0]
    async with open_road(without=frozenset({"openmeter", "nats"})) as road:
        assert await road.post_once(good, headers={}) == 400
        assert await road.post_once(good, headers={"Stripe-Signature": "t=1,v1=00"}) == 400
        assert await road.post_once(b"not json") == 400
        assert await road.post_once(b"\xff\xfe") == 400
        assert await road.post_once(good, path="/unknown") == 404
        assert await road.post_once(b'{"pad":"' + b"x" * 600_000 + b'"}') == 413
        assert await road.read("stripe.events") == []
        assert await road.post_once(good) == 200
        assert [value for _, value in await road.read("stripe.events")] == [good]
