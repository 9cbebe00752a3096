"""A clock that goes only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools

START = 1_790_000_000.0


class FakeClock:
    """`agents.clock.Clock` in a test's hands.

    By default `sleep` waits until `advance` has passed its end. With `auto=True` it moves the clock itself
    and returns at the next turn of the loop: for code under test that sleeps between tries. `slept` holds
    every sleep asked for, in order.
    """

    def __init__(self, now: float = START, *, auto: bool = False) -> None:
        self._wall = now
        self._monotonic = 1000.0
        self._auto = auto
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._auto or seconds <= 0:
            self.advance(max(seconds, 0.0))
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), done))
        await done

    @property
    def sleeping(self) -> int:
        """How many are asleep and not cancelled."""
        return sum(not done.done() for _, _, done in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time go by and wake, in order, all whose sleep is over; they run at the loop's next turn."""
        if seconds < 0:
            raise ValueError("monotonic time does not go back; jump() moves the wall clock alone")
        self._wall += seconds
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            done = heapq.heappop(self._sleepers)[2]
            if not done.done():
                done.set_result(None)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; nobody wakes."""
        self._wall += seconds
