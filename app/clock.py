"""The one place that reads the machine's clocks."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`agents.clock.Clock` by the machine's own clocks."""

    def now(self) -> float:
        """Return the wall clock in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, from no particular start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
