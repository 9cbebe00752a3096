"""Kafka's producer in a test's hands."""

from __future__ import annotations

import asyncio
from typing import Literal

from agents.errors import Retry
from agents.protocols import Delivered, OnDelivery, Record, Undelivered

Mode = Literal["deliver", "withhold", "refuse", "full"]


class FakeOutbox:
    """`agents.protocols.Outbox`, and the ingress's durable log, in memory.

    `mode` says what becomes of the records sent from then on: delivered at the loop's next turn, withheld
    until `deliver` or `refuse` is called, refused at the next turn, or not taken as the queue is full.
    `records` holds all that were taken, `delivered` those that were acknowledged, each in order.
    """

    def __init__(self, mode: Mode = "deliver") -> None:
        self.mode: Mode = mode
        self.records: list[Record] = []
        self.delivered: list[Record] = []
        self._withheld: list[tuple[Record, OnDelivery]] = []

    def send(self, record: Record, on_delivery: OnDelivery) -> None:
        if self.mode == "full":
            raise Retry("the queue of records for Kafka is full")
        self.records.append(record)
        self._withheld.append((record, on_delivery))
        if self.mode == "deliver":
            asyncio.get_running_loop().call_soon(self.deliver, 1)
        elif self.mode == "refuse":
            asyncio.get_running_loop().call_soon(self.refuse, 1)

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered:  # noqa: ASYNC109 - as the producer's
        outcome: asyncio.Future[Delivered | Undelivered] = asyncio.get_running_loop().create_future()
        self.send(record, lambda report: None if outcome.done() else outcome.set_result(report))
        try:
            async with asyncio.timeout(timeout):
                report = await outcome
        except TimeoutError as error:
            raise Retry("not acknowledged in time") from error
        if isinstance(report, Undelivered):
            raise Retry(report.detail)
        return report

    @property
    def withheld(self) -> int:
        return len(self._withheld)

    def deliver(self, count: int | None = None) -> None:
        """Acknowledge the oldest `count` records that are withheld, or all."""
        for record, on_delivery in self._take(count):
            self.delivered.append(record)
            on_delivery(Delivered(record.topic, record.partition or 0, len(self.delivered) - 1))

    def refuse(self, count: int | None = None) -> None:
        """Give up the oldest `count` records that are withheld, or all."""
        for record, on_delivery in self._take(count):
            on_delivery(Undelivered(record.topic, "given up"))

    def _take(self, count: int | None) -> list[tuple[Record, OnDelivery]]:
        count = len(self._withheld) if count is None else count
        taken, self._withheld = self._withheld[:count], self._withheld[count:]
        return taken
