"""Timeline rows on their way to the changelog: each row's newest, once in a while.

What happens to a customer happens in bursts, and each event of a burst changes the same timeline. To send the
row every time cost the worker a fifth of its rate, for what it does costs by the record. So a row waits a
moment, and goes once for all the messages that changed it meanwhile. Nothing is promised less: each of these
messages is settled only when Kafka has the row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from agents.clock import Clock
from agents.errors import Retry, Stop
from agents.protocols import Delivered, Held, OnDelivery, Outbox, Record, Undelivered
from tables.row import Change

DELAY = 0.5
"""Seconds that a row waits at most. Facts do not wait; only the commit does, and it is made in such steps."""


@dataclass(slots=True)
class _Waiting:
    change: Change
    held: Held
    owed: list[OnDelivery]


class Notes:
    """Rows that wait. `add` belongs to the agent, `run` sends in between."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        *,
        at_once: int,
        acknowledged: Callable[[Change, int], None],
        sure: Callable[[], bool],
        failed: Callable[[Stop], None],
    ) -> None:
        """After `at_once` messages rows go without waiting: well below what a worker may have in hand.

        `acknowledged` is told the offset of each row that is there.

        `sure` says whether our partitions are ours for certain: a worker that was frozen wakes with rows that
        wait, and must not send them for another. `failed` is told when nothing can be sent any more.
        """
        self._outbox = outbox
        self._clock = clock
        self._at_once = at_once
        self._acknowledged = acknowledged
        self._sure = sure
        self._failed = failed
        self._waiting: dict[tuple[int, bytes], _Waiting] = {}
        self._added = 0
        self._some = asyncio.Event()

    def add(self, change: Change, held: Held, owed: OnDelivery) -> None:
        """Send `change` soon; `owed` is called when it is there, or a newer one of the same row is.

        Raises `Stop` when nothing can be sent any more.
        """
        key = (change.partition, change.key)
        before = self._waiting.get(key)
        earlier = [] if before is None else before.owed
        self._waiting[key] = _Waiting(change, held, [*earlier, owed])
        self._added += 1
        self._some.set()
        if self._added >= self._at_once:
            self.flush()

    async def run(self) -> None:
        """Send what waits, a moment after it came; for ever."""
        while True:
            await self._some.wait()
            await self._clock.sleep(DELAY)
            try:
                self.flush()
            except Stop as stop:
                self._failed(stop)
                return

    def flush(self) -> None:
        """Send all that waits, as far as the outbox takes it. Raises `Stop`."""
        self._added = 0
        if not self._sure():
            return
        for key, waiting in list(self._waiting.items()):
            if not waiting.held.abandoned:
                change = waiting.change
                record = Record(change.topic, change.key, change.value, (), change.partition)
                try:
                    self._outbox.send(record, partial(self._arrived, waiting))
                except Retry:
                    return
            del self._waiting[key]
        self._some.clear()

    def _arrived(self, waiting: _Waiting, report: Delivered | Undelivered) -> None:
        if isinstance(report, Delivered) and not waiting.held.abandoned:
            self._acknowledged(waiting.change, report.offset)
        for owed in waiting.owed:
            owed(report)
