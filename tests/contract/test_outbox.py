"""What every Outbox does, the real one and its fake; and what the real one does when Kafka misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from agents.errors import Retry
from agents.protocols import Delivered, OnDelivery, Record, Undelivered
from app.kafka.producer import Producer
from app.kafka.topics import TopicSpec, ensure_topics
from app.local.tansu import Tansu
from app.metrics.registry import new_metrics
from app.settings import Settings, read_settings
from tests.fakes.outbox import FakeOutbox

pytestmark = pytest.mark.broker
TOPIC = "stripe.events"


class Outbox(Protocol):
    """What is common to both; the agents need the first half of it, the ingress the second."""

    def send(self, record: Record, on_delivery: OnDelivery) -> None: ...

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered: ...  # noqa: ASYNC109 - as there


@dataclass
class Kafka:
    """A broker in memory and a producer on it."""

    broker: Tansu
    settings: Settings
    producer: Producer


@pytest.fixture
async def kafka() -> AsyncIterator[Kafka]:
    broker = Tansu()
    await broker.start()
    settings = read_settings(broker.environment())
    await asyncio.to_thread(ensure_topics, settings, [TopicSpec(TOPIC, 4, 1)])
    producer = Producer(settings, new_metrics("ingress"), on_fatal=pytest.fail, delivery_timeout=2)
    producer.start()
    yield Kafka(broker, settings, producer)
    await producer.close(1)
    await broker.stop()


@pytest.fixture(params=["fake", "librdkafka"])
def outbox(request: pytest.FixtureRequest) -> Outbox:
    if request.param == "fake":
        return FakeOutbox()
    kafka: Kafka = request.getfixturevalue("kafka")
    return kafka.producer


def record(number: int, key: bytes = b"cus_1") -> Record:
    return Record(TOPIC, key, b"%d" % number, (("n", b"%d" % number),))


async def sent(outbox: Outbox, records: list[Record]) -> list[Delivered | Undelivered]:
    """Send all, wait for all reports."""
    reports: list[Delivered | Undelivered] = []
    done = asyncio.Event()

    def report(one: Delivered | Undelivered) -> None:
        reports.append(one)
        if len(reports) == len(records):
            done.set()

    for each in records:
        outbox.send(each, report)
    assert reports == [], "a report came before the caller had time to note what it sent"
    async with asyncio.timeout(10):
        await done.wait()
    await asyncio.sleep(0.05)
    assert len(reports) == len(records), "a record was reported twice"
    return reports


async def test_every_record_is_reported_once_and_later(outbox: Outbox) -> None:
    reports = await sent(outbox, [record(n) for n in range(100)])
    assert {type(report) for report in reports} == {Delivered}


async def test_records_of_one_key_keep_their_order(outbox: Outbox) -> None:
    reports = await sent(outbox, [record(n) for n in range(100)])
    offsets = [report.offset for report in reports if isinstance(report, Delivered)]
    assert offsets == sorted(set(offsets))
    assert len({report.partition for report in reports if isinstance(report, Delivered)}) == 1


async def test_whoever_waits_learns_where_the_record_is(outbox: Outbox) -> None:
    first = await outbox.send_and_wait(record(1), 10)
    second = await outbox.send_and_wait(record(2), 10)
    assert (first.topic, second.topic) == (TOPIC, TOPIC)
    assert second.offset == first.offset + 1


async def test_a_partition_that_is_asked_for_is_the_one_it_goes_to(outbox: Outbox) -> None:
    where = await outbox.send_and_wait(Record(TOPIC, b"k", b"v", partition=3), 10)
    assert where.partition == 3


async def test_a_tombstone_is_a_record(outbox: Outbox) -> None:
    assert (await outbox.send_and_wait(Record(TOPIC, b"k", None), 10)).topic == TOPIC


async def test_keys_go_where_javas_client_and_faust_put_them(kafka: Kafka) -> None:
    # murmur2 of these keys, masked to 31 bits, modulo 4: computed with aiokafka's own partitioner.
    from aiokafka.partitioner import murmur2  # noqa: PLC0415 - used as the reference, here only

    for key in (b"platform|live|cus_1", b"acct_1|test|cus_2", b"x", b""):
        where = await kafka.producer.send_and_wait(record(1, key), 10)
        assert where.partition == (murmur2(key) & 0x7FFFFFFF) % 4


async def test_after_a_purge_new_records_are_delivered(kafka: Kafka) -> None:
    reports: list[Delivered | Undelivered] = []
    await kafka.producer.send_and_wait(record(0), 10)
    for n in range(1000):
        kafka.producer.send(record(n), reports.append)
    kafka.producer.purge()
    assert await kafka.producer.flush(10) == 0
    assert len(reports) == 1000
    assert any(isinstance(report, Undelivered) for report in reports)
    assert isinstance(await kafka.producer.send_and_wait(record(0), 10), Delivered)


async def test_after_an_outage_records_are_delivered_again(kafka: Kafka) -> None:
    await kafka.producer.send_and_wait(record(0), 10)
    kafka.broker.pause()
    with pytest.raises(Retry):
        await kafka.producer.send_and_wait(record(1), 10)
    assert not await kafka.producer.reachable(0.2)
    kafka.broker.resume()
    assert await delivered_at_last(kafka.producer)
    assert await kafka.producer.reachable(5)


async def delivered_at_last(producer: Producer) -> bool:
    """Send until one is delivered: the first may fail, as the broker does not know the line any more."""
    for n in range(5):
        try:
            await producer.send_and_wait(record(n), 10)
        except Retry:
            continue
        return True
    return False


async def test_a_close_sends_what_is_left(kafka: Kafka) -> None:
    reports: list[Delivered | Undelivered] = []
    for n in range(100):
        kafka.producer.send(record(n), reports.append)
    assert await kafka.producer.close(10) == 0
    assert [type(report) for report in reports] == [Delivered] * 100
