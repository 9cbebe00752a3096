"""What a worker knows of itself: readiness checks, and gauges that are measured now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery

from agents.intake import Intake
from app.health.checks import READY, Check, Result
from app.kafka.consumer import Consumer
from app.kafka.producer import Producer
from app.metrics.labels import Process
from app.metrics.registry import Metrics
from tables.table import Table

log = structlog.get_logger()

INTERVAL = 1.0
"""Seconds between measurements."""
ENDS_INTERVAL = 3.0
"""Seconds between two questions to Kafka where our partitions end."""
REACH_SECONDS = 2.0
"""Seconds that Kafka may take to answer a readiness check."""


class Watch:
    """Looks at one worker from inside."""

    def __init__(
        self,
        process: Process,
        app: faust.App,
        intake: Intake,
        metrics: Metrics,
        *,
        source: str,
        tables: Iterable[str],
    ) -> None:
        """Watch `app`, which reads `source` and has `tables`."""
        self._process = process
        self._app = app
        self._intake = intake
        self._metrics = metrics
        self._source = source
        self._tables = tuple(tables)
        self._committed = 0
        self._rebalances = 0
        self._partitions: set[int] = set()
        self._asked_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    def checks(self, producer: Producer) -> Mapping[str, Check]:
        """Return the readiness checks that all workers share."""

        async def kafka() -> Result:
            if await producer.reachable(REACH_SECONDS):
                return READY
            return Result("not_ready", "Kafka does not answer")

        return {"kafka": kafka, "partitions": self._assigned, "tables": self._recovered}

    async def run(self) -> None:
        """Measure, for ever."""
        try:
            while True:
                self._measure()
                await asyncio.sleep(INTERVAL)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    def _assigned(self) -> Result:
        consumer = self._app.consumer if self._app.started else None
        if not isinstance(consumer, Consumer) or not consumer.rebalances:
            return Result("not_ready", "joining the group")
        if self._app.rebalancing:
            return Result("not_ready", "partitions are being assigned")
        # None assigned is no fault: there are more workers than partitions, and this one stands by.
        return Result("ready", f"{len(self._partitions)} of {self._source}")

    def _recovered(self) -> Result:
        if not self._tables:
            return Result("ready", "no tables")
        if not self._app.started or self._app.in_recovery or not self._recovery.completed.is_set():
            return Result("not_ready", f"reading changelogs, {sum(self._remaining().values())} records to go")
        return READY

    @property
    def _recovery(self) -> Recovery:
        return cast("TableManager", self._app.tables).recovery

    def _remaining(self) -> dict[str, int]:
        remaining = dict.fromkeys(self._tables, 0)
        recovery = self._recovery
        for tp, highwater in recovery.active_highwaters.items():
            table = recovery.tp_to_table.get(tp)
            if table is not None and table.name in remaining:
                remaining[table.name] += max(0, highwater - (recovery.active_offsets.get(tp) or -1))
        return remaining

    def _measure(self) -> None:
        metrics, ledger = self._metrics, self._intake.ledger
        metrics.in_flight.labels(self._process).set(ledger.in_flight)
        oldest = ledger.oldest()
        metrics.oldest_in_flight.labels(self._process).set(
            0.0 if oldest is None else max(0.0, time.monotonic() - oldest)
        )
        consumer = self._app.consumer
        if isinstance(consumer, Consumer) and self._app.started and not self._app.should_stop:
            self._measure_consumer(consumer)
        self._measure_tables()
        if self._app.in_recovery:
            for name, records in self._remaining().items():
                metrics.recovery_remaining.labels(name).set(records)
        else:
            for name in self._tables:
                metrics.recovery_remaining.labels(name).set(0)

    def _measure_tables(self) -> None:
        for name in self._tables:
            table = cast("Any", self._app.tables)[name]
            keys, size = cast("Table", table).rows.measure()
            self._metrics.table_keys.labels(name).set(keys)
            self._metrics.table_bytes.labels(name).set(size)

    def _measure_consumer(self, consumer: Consumer) -> None:
        metrics = self._metrics
        metrics.committed.labels(self._process).inc(consumer.messages_committed - self._committed)
        metrics.rebalances.labels(self._process).inc(consumer.rebalances - self._rebalances)
        self._committed, self._rebalances = consumer.messages_committed, consumer.rebalances
        self._ask_for_ends(consumer)
        lags = consumer.lags(self._source)
        for gone in self._partitions - lags.keys():
            metrics.lag.remove(self._process, self._source, str(gone))
        for partition, lag in lags.items():
            metrics.lag.labels(self._process, self._source, str(partition)).set(lag)
        self._partitions = set(lags)

    def _ask_for_ends(self, consumer: Consumer) -> None:
        """Ask in a task of its own: Kafka may be away, and the other measurements go on."""
        now = time.monotonic()
        if now - self._asked_at < ENDS_INTERVAL or not (self._asking is None or self._asking.done()):
            return
        self._asked_at = now
        self._asking = asyncio.create_task(self._see_ends(consumer))

    async def _see_ends(self, consumer: Consumer) -> None:
        try:
            await consumer.see_ends(self._source)
        except (KafkaError, ConsumerNotStarted) as error:
            log.debug("ends_not_seen", topic=self._source, why=str(error))
