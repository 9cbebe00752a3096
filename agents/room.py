"""How much a sink holds: bounded in messages and bytes, and nothing new while the sink is down."""

from __future__ import annotations

from agents.clock import Clock
from agents.gate import Gate
from agents.waiting import Pulse, within

CANARIES = 2
"""Messages for which there is always room."""


class Room:
    """Counts what is in a sink's hands; who wants to bring more waits for room."""

    def __init__(self, gate: Gate, clock: Clock, messages: int, size: int) -> None:
        """Hold at most `messages` messages and about `size` bytes (a single larger message still fits)."""
        self._gate = gate
        self._clock = clock
        self._limit = messages
        self._size_limit = size
        self._messages = 0
        self._size = 0
        self._emptied = Pulse()

    @property
    def empty(self) -> bool:
        """Whether nothing is in hand."""
        return self._messages == 0

    async def enter(self, size: int) -> None:
        """Wait for room for a message of `size` bytes and take it.

        While the breaker is not closed there is room for two messages only, in case fewer are in hand: one
        to be the canary, for a breaker that opened before a rebalance took everything away; and another,
        for the first may be one that always fails.
        """
        while not self._has_room(size):
            await self._gate.changed.wait()
        self._messages += 1
        self._size += size

    def leave(self, size: int) -> None:
        """Give back the room of a message of `size` bytes."""
        self._messages -= 1
        self._size -= size
        if self._messages == 0:
            self._emptied.beat()
        self._gate.changed.beat()

    async def emptied(self, seconds: float) -> bool:
        """Wait until nothing is in hand, at most `seconds`; say whether it came to that.

        While the breaker is not closed that is not to be expected, and False comes at once.
        """
        deadline = self._clock.monotonic() + seconds
        while self._messages and self._gate.closed:
            left = deadline - self._clock.monotonic()
            if left <= 0 or not await within(self._clock, left, self._gate.changed.wait()):
                break
        return self._messages == 0

    async def idle(self) -> None:
        """Wait until nothing is in hand, however long that takes."""
        while self._messages:
            await self._emptied.wait()

    def _has_room(self, size: int) -> bool:
        if self._messages < CANARIES:
            return True
        return self._gate.closed and self._messages < self._limit and self._size + size <= self._size_limit
