"""One librdkafka producer and the thread that serves it: a line to Kafka that can be cut.

`app.kafka.producer.Producer` cuts its line and opens another when records have to be given up for good, or
when the broker no longer knows the line. Measured: after a purge or a timeout librdkafka goes on under a
higher producer epoch, which Apache Kafka 4.4 takes and Tansu 0.6 refuses for ever.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError

from agents.protocols import Delivered, OnDelivery, Record, Undelivered
from app.kafka.librdkafka_log import librdkafka_logger

POLL_SECONDS = 0.1  # how long the thread may take to see that it has to end
LAST_REPORTS_SECONDS = 2.0  # how long the reports of purged records may take

OnReport = Callable[["Line", OnDelivery, Delivered | Undelivered, KafkaError | None], None]
OnError = Callable[["Line", KafkaError], None]


class Line:
    """A librdkafka producer at work. `on_report` and `on_error` are called in the line's own thread."""

    def __init__(self, config: dict[str, Any], on_report: OnReport, on_error: OnError) -> None:
        """Begin at once; Kafka need not be there yet. Raises KafkaException when `config` is wrong."""
        self._on_report = on_report
        callbacks = {
            "error_cb": functools.partial(on_error, self),
            "logger": librdkafka_logger(),
        }
        self._rd = confluent_kafka.Producer(config | callbacks)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-producer", daemon=True)
        self._thread.start()

    def send(self, record: Record, on_delivery: OnDelivery) -> None:
        """Queue `record`. Raises BufferError when the queue is full, KafkaException when it is not taken."""
        self._rd.produce(
            record.topic,
            record.value,
            record.key,
            -1 if record.partition is None else record.partition,
            on_delivery=functools.partial(self._reported, record.topic, on_delivery),
            headers=list(record.headers),
        )

    def probe(self, timeout: float) -> None:
        """Ask Kafka for its brokers; blocks. Raises KafkaException when it does not answer in time."""
        self._rd.list_topics(timeout=timeout)

    def cut(self) -> None:
        """Give up what is queued and in flight and end. Its reports still come, a moment later.

        When this returns nothing more is put on the wire; what was on it may arrive.
        """
        self._rd.purge()
        self._ending.set()

    def join(self) -> None:
        """Wait until the thread has ended; blocks."""
        self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether the thread has ended, all reports given."""
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._rd.poll(POLL_SECONDS)
        deadline = time.monotonic() + LAST_REPORTS_SECONDS
        while len(self._rd) and time.monotonic() < deadline:
            self._rd.purge(blocking=False)
            self._rd.poll(POLL_SECONDS)
        self._rd.close()

    def _reported(self, topic: str, on_delivery: OnDelivery, error: KafkaError | None, message: Any) -> None:
        report: Delivered | Undelivered
        if error is None:
            report = Delivered(topic, message.partition(), message.offset())
        else:
            report = Undelivered(topic, f"Kafka did not take a record for {topic}: {error.str()}")
        self._on_report(self, on_delivery, report, error)
