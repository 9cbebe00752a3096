"""How often something may be asked: a token bucket, as the times at which the next asker may go."""

from __future__ import annotations

from agents.clock import Clock


class TokenBucket:
    """Lets `rate` askers a second through, first come first served, `burst` of them at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("a token bucket needs rate > 0 and burst >= 1")
        self._interval = 1 / rate
        self._credit = (burst - 1) / rate
        self._clock = clock
        self._next = clock.monotonic() - self._credit

    async def take(self) -> None:
        """Return when it is this asker's turn."""
        now = self._clock.monotonic()
        turn = max(self._next, now - self._credit)
        self._next = turn + self._interval
        if turn > now:
            await self._clock.sleep(turn - now)
