"""Topics of a run: made, filled, and read only by their offsets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.protocols import Record
from app.ingress.record import webhook_record
from app.kafka.producer_config import producer_config
from app.kafka.topics import TopicSpec, ensure_topics
from app.settings import Settings
from benchmarks.figures import BenchmarkFailed
from billing.stripe_event import parse_event

REQUEST_SECONDS = 10.0
FIRST_RECORD_SECONDS = 3.0


def make_topic(settings: Settings, name: str) -> None:
    """Create the topic `name` with the usual number of partitions."""
    ensure_topics(settings, [TopicSpec(name, settings.topic_partitions, settings.topic_replication)])


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete all topics that begin with `prefix`, so that the broker has no more to do for them."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=REQUEST_SECONDS).topics if name.startswith(prefix)]
    if names:
        for deleted in admin.delete_topics(names, operation_timeout=REQUEST_SECONDS).values():
            deleted.result()


def fill(settings: Settings, topic: str, bodies: Sequence[bytes]) -> None:
    """Append `bodies` to `topic` as the ingress would. Raises BenchmarkFailed unless all arrived."""
    undelivered = 0

    def delivered(error: Any, _message: Any) -> None:
        nonlocal undelivered
        undelivered += error is not None

    producer = Producer(
        producer_config(settings, REQUEST_SECONDS, max_queued=len(bodies) + 1) | {"log_level": 3}
    )
    for body in bodies:
        record = as_record(topic, body)
        producer.produce(
            record.topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered
        )
        producer.poll(0)
    left = producer.flush(60)
    if left or undelivered:
        raise BenchmarkFailed(f"{left + undelivered} of {len(bodies)} events did not reach {topic}")


def as_record(topic: str, body: bytes) -> Record:
    """Return the record that the ingress makes of `body`."""
    return webhook_record(
        topic,
        parse_event(body),
        body,
        endpoint="default",
        secret=0,
        received=time.time(),
        traceparent=None,
    )


def first_written_at(bootstrap: str, topic: str) -> float:
    """Return the time (unix seconds) of the earliest record in any partition of `topic`."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "log_level": 0})
    try:
        partitions = consumer.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
        earliest = []
        for partition in partitions:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            record = consumer.poll(FIRST_RECORD_SECONDS)
            if record is not None and record.error() is None:
                earliest.append(record.timestamp()[1] / 1000)
    finally:
        consumer.close()
    if not earliest:
        raise BenchmarkFailed(f"{topic} holds nothing, though every event should have written to it")
    return min(earliest)


class Offsets:
    """Looks at a topic and at how far a consumer group has committed in it."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        # Never subscribed and never assigned: it only asks.
        self.bootstrap = bootstrap
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
        self._partitions = [TopicPartition(topic, partition) for partition in range(partitions)]

    def committed(self) -> int:
        """Return how many messages the group has committed; 0 while the coordinator is not there yet."""
        try:
            found = self._consumer.committed(self._partitions, timeout=REQUEST_SECONDS)
        except KafkaException:
            return 0
        return sum(max(0, partition.offset) for partition in found)

    def written(self) -> int:
        """Return how many messages the topic holds."""
        marks = (
            self._consumer.get_watermark_offsets(one, timeout=REQUEST_SECONDS) for one in self._partitions
        )
        return sum(high - low for low, high in marks)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
