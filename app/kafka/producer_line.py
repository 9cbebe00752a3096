"""One librdkafka producer: a line to Kafka that can be cut.

`app.kafka.producer.Producer` cuts its line and opens another when records have to be given up for good, or
when the broker no longer knows the line. Measured: after a purge or a timeout librdkafka goes on under a
higher producer epoch, which Apache Kafka 4.4 takes and Tansu 0.6 refuses for ever.

While it is in use the event loop polls it. A thread that waited for reports took the interpreter from the
loop once for each of them; without it a lifecycle worker is a quarter faster (benchmarks/results/README.md).
Only a line that was cut has a thread, which ends it: its last reports may take seconds.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import confluent_kafka
from confluent_kafka import KafkaError

from agents.protocols import Delivered, OnDelivery, Record, Undelivered
from app.kafka.librdkafka_log import librdkafka_logger

POLL_SECONDS = 0.1  # how long the thread of a cut line waits for a report
LAST_REPORTS_SECONDS = 2.0  # how long the reports of purged records may take


class Report(NamedTuple):
    """What became of one record. `error` is librdkafka's, None for a record that arrived."""

    on_delivery: OnDelivery
    outcome: Delivered | Undelivered
    error: KafkaError | None


OnLate = Callable[["Line", list[Report]], None]
OnError = Callable[["Line", KafkaError], None]


class Line:
    """A librdkafka producer at work, for one event loop."""

    def __init__(self, config: dict[str, Any], on_late: OnLate, on_error: OnError) -> None:
        """Begin at once; Kafka need not be there yet. Raises KafkaException when `config` is wrong.

        `on_late` gets what is reported after the line was cut, in the line's thread; `on_error` gets
        librdkafka's errors, in whichever thread polls.
        """
        self._on_late = on_late
        callbacks = {
            "error_cb": functools.partial(on_error, self),
            "logger": librdkafka_logger(),
        }
        self._rd = confluent_kafka.Producer(config | callbacks)
        self._reports: list[Report] = []
        self._thread = threading.Thread(target=self._end, name="kafka-producer-end", daemon=True)

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

    def poll(self) -> list[Report]:
        """Return what has been reported since the last poll, without waiting. Not for a line that was cut."""
        self._rd.poll(0)
        return self._gathered()

    def probe(self, timeout: float) -> None:
        """Ask Kafka for its brokers; blocks. Raises KafkaException when it does not answer in time."""
        self._rd.list_topics(timeout=timeout)

    def cut(self) -> None:
        """Give up what is queued and in flight and end. Its reports still come, a moment later.

        When this returns nothing more is put on the wire; what was on it may arrive.
        """
        self._rd.purge()
        self._thread.start()

    def join(self) -> None:
        """Wait until a line that was cut has ended; blocks."""
        self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether a line that was cut has ended, all reports given."""
        return not self._thread.is_alive()

    def _end(self) -> None:
        deadline = time.monotonic() + LAST_REPORTS_SECONDS
        while len(self._rd) and time.monotonic() < deadline:
            self._rd.purge(blocking=False)
            self._rd.poll(POLL_SECONDS)
            self._hand_over()
        self._rd.close()
        self._hand_over()

    def _hand_over(self) -> None:
        reports = self._gathered()
        if reports:
            self._on_late(self, reports)

    def _gathered(self) -> list[Report]:
        reports, self._reports = self._reports, []
        return reports

    def _reported(self, topic: str, on_delivery: OnDelivery, error: KafkaError | None, message: Any) -> None:
        outcome: Delivered | Undelivered
        if error is None:
            outcome = Delivered(topic, message.partition(), message.offset())
        else:
            outcome = Undelivered(topic, f"Kafka did not take a record for {topic}: {error.str()}")
        self._reports.append(Report(on_delivery, outcome, error))
