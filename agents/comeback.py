"""The way back to stripe.events: sent until it is there, and only then is the message settled."""

from __future__ import annotations

import asyncio
from functools import partial

from agents.clock import Clock
from agents.errors import Retry
from agents.protocols import Delivered, Held, Outbox, Record, Undelivered

PAUSE = 1.0
"""Seconds until a record is sent once more that Kafka did not take, or that a rebalance purged."""


async def come_back(held: Held, record: Record, outbox: Outbox, clock: Clock) -> None:
    """Send `record` and settle `held`. Sent twice it is harmless: the event's id is seen the second time."""
    while not held.abandoned:
        outcome: asyncio.Future[Delivered | Undelivered] = asyncio.get_running_loop().create_future()

        try:
            outbox.send(record, partial(_tell, outcome))
        except Retry:
            await clock.sleep(PAUSE)
            continue
        if isinstance(await outcome, Delivered):
            held.settle()
            return
        await clock.sleep(PAUSE)


def _tell(outcome: asyncio.Future[Delivered | Undelivered], report: Delivered | Undelivered) -> None:
    if not outcome.done():  # the task may have been cancelled meanwhile
        outcome.set_result(report)
