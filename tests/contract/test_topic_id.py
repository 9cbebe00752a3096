"""A topic that was made anew has another id: what the door's memory relies on."""

from __future__ import annotations

import asyncio

import pytest

from agents.errors import Retry
from app.kafka.topic_id import topic_id
from app.kafka.topics import TopicSpec, ensure_topics
from app.local.tansu import Tansu
from app.settings import read_settings

pytestmark = pytest.mark.broker
TOPIC = "stripe.events"


async def test_a_broker_that_forgot_its_topics_gives_them_other_ids() -> None:
    broker = Tansu()
    await broker.start()
    settings = read_settings(broker.environment())
    found = []
    try:
        with pytest.raises(Retry, match="does not say the id of stripe"):
            await asyncio.to_thread(topic_id, settings, TOPIC)
        for _ in range(2):
            await asyncio.to_thread(ensure_topics, settings, [TopicSpec(TOPIC, 1, 1)])
            ids = [await asyncio.to_thread(topic_id, settings, TOPIC) for _ in range(2)]
            assert ids[0] == ids[1]
            found.append(ids[0])
            await broker.restart()
    finally:
        await broker.kill()
    assert found[0] != found[1]
