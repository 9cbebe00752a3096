"""What the producer promises while Kafka is away: bounded, told once, and silent after its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agents.errors import Reject, Retry
from agents.protocols import Delivered, Record, Undelivered
from app.kafka.producer import Producer
from app.metrics.registry import Metrics, new_metrics
from app.settings import read_settings

NOBODY = {"KAFKA_URL": "kafka://127.0.0.1:1"}
RECORD = Record("stripe.events", b"k", b"v")


@pytest.fixture
def metrics() -> Metrics:
    return new_metrics("ingress")


@pytest.fixture
async def producer(metrics: Metrics) -> AsyncIterator[Producer]:
    def fatal(reason: str) -> None:
        pytest.fail(reason)

    producer = Producer(read_settings(NOBODY), metrics, on_fatal=fatal, delivery_timeout=0.3, max_queued=10)
    producer.start()
    yield producer
    await producer.close(0)


async def test_a_record_that_kafka_does_not_take_is_given_up_in_time(
    producer: Producer, metrics: Metrics
) -> None:
    with pytest.raises(Retry, match=r"Kafka did not take a record for stripe\.events"):
        await producer.send_and_wait(RECORD, 10)
    labels = {"topic": "stripe.events"}
    assert metrics.registry.get_sample_value("tollbridge_kafka_undelivered_total", labels) == 1


async def test_whoever_waits_may_lose_patience_sooner(producer: Producer) -> None:
    with pytest.raises(Retry, match=r"did not acknowledge a record for stripe\.events in 0\.01 s"):
        await producer.send_and_wait(RECORD, 0.01)
    assert producer.outstanding == 1
    assert await producer.flush(10) == 0


async def test_the_queue_is_bounded(producer: Producer) -> None:
    reports: list[Delivered | Undelivered] = []
    for _ in range(10):
        producer.send(RECORD, reports.append)
    with pytest.raises(Retry, match="the queue of records for Kafka is full"):
        producer.send(RECORD, reports.append)
    assert producer.outstanding == 10


async def test_a_record_larger_than_kafka_takes_is_rejected_at_once(producer: Producer) -> None:
    with pytest.raises(Reject, match="record_too_large"):
        producer.send(Record("stripe.events", b"k", b"v" * 2_000_000), lambda _: None)
    assert producer.outstanding == 0


async def test_a_purge_tells_every_owner_once_and_leaves_a_producer_that_works(producer: Producer) -> None:
    reports: list[Delivered | Undelivered] = []
    for _ in range(5):
        producer.send(RECORD, reports.append)
    producer.purge()
    producer.send(RECORD, reports.append)
    assert await producer.flush(10) == 0
    assert [type(report) for report in reports] == [Undelivered] * 6


async def test_a_close_gives_up_what_is_left_tells_its_owners_and_calls_nobody_afterwards(
    producer: Producer,
) -> None:
    reports: list[Delivered | Undelivered] = []
    for _ in range(5):
        producer.send(RECORD, reports.append)
    assert await producer.close(0) == 5
    assert [type(report) for report in reports] == [Undelivered] * 5
    await asyncio.sleep(0)
    assert len(reports) == 5
    with pytest.raises(Retry, match="not running"):
        producer.send(RECORD, reports.append)


async def test_a_close_may_be_repeated(producer: Producer) -> None:
    assert await producer.close(0) == 0
    assert await producer.close(0) == 0


async def test_a_broker_that_does_not_answer_is_not_reachable(producer: Producer) -> None:
    assert not await producer.reachable(0.2)
    assert not producer.connected


async def test_a_producer_that_was_never_started_sends_nothing(metrics: Metrics) -> None:
    producer = Producer(read_settings(NOBODY), metrics, on_fatal=pytest.fail)
    with pytest.raises(Retry, match="not running"):
        producer.send(RECORD, lambda _: None)
    assert await producer.close(0) == 0
