"""Time as an argument, so that no decision reads it and no test waits for it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What the agents know of time."""

    def now(self) -> float:
        """Return the wall clock in seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, from no particular start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
