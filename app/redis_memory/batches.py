"""Many keys in one round trip: what waits while a request to Redis is under way goes with the next.

A request for each webhook would cost the ingress about as much as Kafka does, and a connection for each
webhook in flight. So there is one request at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

LIMIT = 256
"""Keys in one request."""

Answer = TypeVar("Answer")
Ask = Callable[[Sequence[bytes], float], Awaitable[Sequence[Answer] | None]]
"""Takes keys and the seconds left; returns an answer for each, or None when there is none. Never raises."""


class Batches(Generic[Answer]):
    """Asks for keys in batches, one batch at a time.

    Nobody waits for longer than `timeout`: a batch has what is left to the key that has waited longest, which
    joined when the batch before it had begun. Where one batch has no answer, all that wait get none.
    """

    def __init__(self, ask: Ask[Answer], timeout: float, room: int, *, gather: float = 0.0) -> None:
        """Take what asks, how many keys may wait at once, and for how long a batch is gathered.

        `gather` is for keys that nobody waits for; then each request has the whole of `timeout`.
        """
        self._ask = ask
        self._timeout = timeout
        self._room = room
        self._gather = gather
        self._waiting: deque[tuple[bytes, float, asyncio.Future[Answer | None]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    def put(self, key: bytes) -> asyncio.Future[Answer | None] | None:
        """Ask for `key`: a future that ends in time with the answer or None. None itself when all is full."""
        if len(self._waiting) >= self._room:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | None] = loop.create_future()
        self._waiting.append((key, loop.time(), answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._run())
        return answer

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._asking is not None:
            await asyncio.wait([self._asking])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        batch: list[tuple[bytes, float, asyncio.Future[Answer | None]]] = []
        try:
            while self._waiting:
                if self._gather and len(self._waiting) < LIMIT:
                    await asyncio.sleep(self._gather)
                batch = [self._waiting.popleft() for _ in range(min(LIMIT, len(self._waiting)))]
                waited = 0.0 if self._gather else loop.time() - batch[0][1]
                left = self._timeout - waited
                answers = await self._ask([key for key, _, _ in batch], left) if left > 0 else None
                if answers is None:
                    return
                for (_, _, told), answer in zip(batch, answers, strict=True):
                    _tell(told, answer)
        finally:
            self._asking = None
            for _, _, told in (*batch, *self._waiting):
                _tell(told, None)
            self._waiting.clear()


def _tell(told: asyncio.Future[Answer], answer: Answer) -> None:
    if not told.done():
        told.set_result(answer)
