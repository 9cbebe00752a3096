"""librdkafka's settings for everything that we write, each with its reason."""

from __future__ import annotations

from typing import Any

from app.kafka.address import librdkafka_security, parse_address
from app.settings import Settings

MAX_QUEUED = 100_000
MAX_QUEUED_KIB = 256 * 1024
RECORD_OVERHEAD_BYTES = 64 * 1024  # key, headers and framing of a record, generously


def largest_record(settings: Settings) -> int:
    """Return the bytes that the largest record may have: a whole webhook body and what goes with it."""
    return max(1_000_000, settings.ingress_max_body_bytes + RECORD_OVERHEAD_BYTES)


def producer_config(
    settings: Settings, delivery_timeout: float, *, max_queued: int | None = None
) -> dict[str, Any]:
    """Return the settings of an idempotent, bounded producer that gives a record up in `delivery_timeout`."""
    config: dict[str, Any] = {
        "bootstrap.servers": parse_address(settings.kafka_url).bootstrap,
        "client.id": "tollbridge",
        # Durable, and in order through retries: with idempotence up to five requests may be under way.
        "acks": "all",
        "enable.idempotence": True,
        "max.in.flight.requests.per.connection": 5,
        "message.timeout.ms": int(delivery_timeout * 1000),
        # The hash that Java's client and Faust use: the same key is on the same partition everywhere.
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "compression.type": "lz4",
        "message.max.bytes": largest_record(settings),
        "queue.buffering.max.messages": MAX_QUEUED if max_queued is None else max_queued,
        "queue.buffering.max.kbytes": MAX_QUEUED_KIB,
        # An outage is over within a second of Kafka's return; the default waits up to ten.
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
        "log_level": 4,
    }
    if settings.one_record_batches:
        # Tansu answers a log's end as its last batch's start + 1: right only with one record a batch.
        config |= {"linger.ms": 0, "batch.num.messages": 1}
    return config | librdkafka_security(settings)
