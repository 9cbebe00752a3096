"""The door's memory, and the server under it, in a test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from agents.errors import Reject, Retry, Trip
from app.ingress.memory import event_key
from billing.stripe_event import StripeEvent


class FakeMemory:
    """`app.ingress.memory.Memory` in a set.

    `turns` says how many turns of the loop the next lookup takes, `answers` whether it is answered and
    `keeps` whether the next mark arrives; by default at once, and always.
    """

    def __init__(
        self,
        turns: Callable[[], int] = lambda: 0,
        answers: Callable[[], bool] = lambda: True,
        keeps: Callable[[], bool] = lambda: True,
    ) -> None:
        self._turns = turns
        self._answers = answers
        self._keeps = keeps
        self.held: set[str] = set()

    async def holds(self, event: StripeEvent) -> bool:
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        return self._answers() and event_key(event) in self.held

    def keep(self, event: StripeEvent) -> None:
        if self._keeps():
            self.held.add(event_key(event))

    async def settled(self) -> None:
        """Marks arrive at once."""

    async def flush(self) -> None:
        """Forget all."""
        self.held.clear()


class FakeStore:
    """`app.redis_memory.store.Store` in a set. `trouble` is raised by all requests, `refusal` by marks.

    `requests` holds the keys of each request. A request that `withheld` lets wait ends when it is set.
    """

    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        self.trouble: Retry | Trip | None = None
        self.refusal: Reject | None = None
        self.requests: list[Sequence[bytes]] = []
        self.pings = 0
        self.withheld: asyncio.Event | None = None
        self.within: list[float] = []

    async def ping(self) -> None:
        self.pings += 1
        if self.trouble is not None:
            raise self.trouble

    async def held(self, keys: Sequence[bytes], within: float) -> list[bool]:
        await self._request(keys, within)
        return [key in self.keys for key in keys]

    async def mark(self, keys: Sequence[bytes], within: float) -> None:
        await self._request(keys, within)
        if self.refusal is not None:
            raise self.refusal
        self.keys.update(keys)

    async def close(self) -> None:
        pass

    async def _request(self, keys: Sequence[bytes], within: float) -> None:
        self.requests.append(keys)
        self.within.append(within)
        if self.withheld is not None:
            await self.withheld.wait()
        if self.trouble is not None:
            raise self.trouble
