"""The tables come back from their changelogs, whatever was lost and whatever stands there too late."""

from __future__ import annotations

import shutil
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka import Producer

from tables.row import Origin, pack, unpack
from tests.road import OpenRoad, Road, eventually
from tests.stripe_model import History, Life
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def status_of(road: Road, subscription: str) -> object:
    url = f"{road.stack.applications['lifecycle'].url}/v1/subscriptions/{subscription}"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return (await answer.json()).get("status") if answer.status == 200 else answer.status


async def lose_volume(road: Road) -> None:
    worker = road.stack.applications["lifecycle"]
    await worker.kill()
    shutil.rmtree(Path(worker.settings["TOLLBRIDGE_DATA_DIR"]))
    await worker.start()


def short_life() -> History:
    life = Life("late", customer="cus_late")
    life.subscribe("active")
    life.now += 3600
    life.upgrade("price_pro", 2)
    life.now += 3600
    life.cancel()
    return life.history


async def test_a_lost_volume_is_read_back(open_road: OpenRoad) -> None:
    before, after = town(seed=31, customers=20), town(seed=32, customers=20)
    async with open_road() as road:
        await road.post(bodies(before))
        await road.settled(before.facts)
        await lose_volume(road)
        # Seen before the loss: were `seen` empty, these would be told as if for the first time.
        await road.post([*bodies(before), *bodies(after)])
        await road.settled(before.facts | after.facts)
        told = [event["id"] for event in await road.billing_events()]
        assert len(told) == len(before.facts | after.facts)


async def test_a_late_record_of_an_earlier_owner_is_refused(open_road: OpenRoad) -> None:
    """As a frozen worker might leave it behind the new owner's: compaction would let it win."""
    history = short_life()
    async with open_road(without=frozenset({"openmeter", "nats"})) as road:
        await road.stack.applications["lifecycle"].restart()  # so that there was an earlier owner
        await road.post(bodies(history), abreast=1)

        async def canceled() -> str | None:
            status = await status_of(road, "sub_late")
            return None if status == "canceled" else f"its status is {status}"

        await eventually(canceled)
        topic = road.changelog("subscriptions")
        ((partition, rows),) = [(p, found) for p, found in (await road.by_partition(topic)).items() if found]
        key, first = rows[0]
        assert first is not None
        origin, old_state = unpack(first)
        late = pack(Origin(origin.generation - 1, origin.offset), old_state)
        producer = Producer({"bootstrap.servers": road.stack.setting("KAFKA_URL").removeprefix("kafka://")})
        producer.produce(topic, late, key, partition)
        assert producer.flush(10) == 0
        await lose_volume(road)
        await eventually(canceled)
