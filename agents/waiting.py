"""Waiting for something, but not for ever, by the clock one is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from agents.clock import Clock


async def within(clock: Clock, seconds: float, awaited: Awaitable[object]) -> bool:
    """Wait until `awaited` is done or `seconds` have passed; say whether it is done.

    `awaited` is cancelled when its time is over, and its exception is raised.
    """
    task = asyncio.ensure_future(awaited)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        task.cancel()
        alarm.cancel()


class Pulse:
    """Wakes all who wait now, and nobody later."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next beat."""
        await self._event.wait()

    def beat(self) -> None:
        """Wake the waiting."""
        self._event.set()
        self._event.clear()
