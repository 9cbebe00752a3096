"""A door that remembers: a repetition is answered 200 without a second record, and only when that is true."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.ingress_door import Door, door, event, signed

__all__ = ["door"]


@pytest.fixture
def remembering(door: Door) -> Door:
    door.remembers = True
    return door


async def test_a_repetition_is_answered_200_without_a_second_record(remembering: Door) -> None:
    door = remembering
    assert [(await door.post(event())).status for _ in range(3)] == [200, 200, 200]
    assert len(door.kafka.records) == 1
    assert door.counted("accepted", "invoice.paid") == 1
    assert door.counted("already_kept", "invoice.paid") == 2


async def test_the_same_event_at_two_endpoints_is_one_event(remembering: Door) -> None:
    door = remembering
    body, older = event(), event(api_version="2018-05-21")
    assert (await door.post(body)).status == 200
    path = "/webhooks/stripe/eu-west"
    assert (await door.post(older, signed(older, "whsec_eu"), path)).status == 200
    assert len(door.kafka.records) == 1
    assert door.counted("already_kept", "invoice.paid", "eu-west") == 1


@pytest.mark.parametrize("other", [{"id": "evt_2"}, {"account": "acct_1"}, {"livemode": False}])
async def test_another_event_account_or_mode_is_no_repetition(
    remembering: Door, other: dict[str, Any]
) -> None:
    await remembering.post(event())
    assert (await remembering.post(event(**other))).status == 200
    assert len(remembering.kafka.delivered) == 2


async def test_before_kafka_has_acknowledged_nothing_is_remembered(remembering: Door) -> None:
    door = remembering
    door.kafka.mode = "withhold"
    first = asyncio.create_task(door.post(event()))
    await door.until(lambda: door.kafka.withheld == 1)
    assert door.memory.held == set()
    second = asyncio.create_task(door.post(event()))
    await door.until(lambda: door.kafka.withheld == 2)
    door.kafka.deliver()
    assert [(await first).status, (await second).status] == [200, 200]
    assert len(door.kafka.delivered) == 2
    assert door.memory.held == {"platform|live|evt_1"}


@pytest.mark.parametrize("mode", ["withhold", "refuse", "full"])
async def test_what_kafka_did_not_acknowledge_is_not_remembered(remembering: Door, mode: Any) -> None:
    door = remembering
    door.kafka.mode = mode
    assert (await door.post(event())).status == 503
    door.kafka.refuse()
    assert door.memory.held == set()
    door.kafka.mode = "deliver"
    assert (await door.post(event())).status == 200
    assert door.kafka.delivered[-1].value == event()


async def test_while_kafka_is_away_a_repetition_is_still_taken(remembering: Door) -> None:
    await remembering.post(event())
    remembering.kafka.mode = "refuse"
    assert (await remembering.post(event())).status == 200
    assert (await remembering.post(event(id="evt_2"))).status == 503


async def test_before_the_topics_have_been_seen_no_memory_is_trusted(remembering: Door) -> None:
    await remembering.post(event())
    remembering.closed = "Kafka does not answer"
    assert (await remembering.post(event())).problem == "not_ready"


async def test_a_forged_repetition_is_refused_as_any_forgery(remembering: Door) -> None:
    body = event()
    await remembering.post(body)
    assert (await remembering.post(body, signed(body, "whsec_forged"))).problem == "bad_signature"


async def test_ten_at_once_are_all_taken_and_the_eleventh_makes_no_record(remembering: Door) -> None:
    door = remembering
    answers = [answer.status for answer in await asyncio.gather(*(door.post(event()) for _ in range(10)))]
    assert set(answers) <= {200, 503}
    kept = len(door.kafka.delivered)
    assert 1 <= kept <= answers.count(200)
    assert (await door.post(event())).status == 200
    assert len(door.kafka.delivered) == kept
