"""The door's memory over Redis.

Whatever Redis does, a webhook is kept: no answer in time, no Redis, a Redis that is full or was flushed all
mean "not known to be held", and the event goes to Kafka as it would without Redis.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import structlog

from agents.clock import Clock
from agents.errors import Reject, Retry
from app.ingress.memory import event_key
from app.log_limit import LogLimit
from app.metrics.registry import Metrics
from app.redis_memory.batches import Batches
from app.redis_memory.circuit import Circuit
from app.redis_memory.store import Store
from billing.stripe_event import StripeEvent

log = structlog.get_logger()

ROOM = 4096
"""Keys that may wait for a lookup, and as many for a mark. Beyond it they are skipped."""
GATHER = 0.01
"""Seconds for which marks are gathered: thirty in one request cost the ingress a fifth of thirty requests."""
_ON = "Webhooks are kept without it"


class RedisMemory:
    """`app.ingress.memory.Memory` over Redis. Idle until `open` has said which log its marks are about."""

    def __init__(self, store: Store, *, timeout: float, prefix: str, clock: Clock, metrics: Metrics) -> None:
        """Take the server, the seconds that it may cost a webhook, and what begins each key."""
        self._store = store
        self._prefix = prefix
        self._start: bytes | None = None
        self._circuit = Circuit(store.ping, clock, metrics.redis_circuit)
        self._lookups = Batches[bool](self._look_up, timeout, ROOM)
        self._marks = Batches[bool](self._mark, timeout, ROOM, gather=GATHER)
        self._looked_up = functools.cache(metrics.redis_lookups.labels)
        self._marked = functools.cache(metrics.redis_marks.labels)
        self._refusal: str | None = None
        self._refusals = LogLimit(clock)

    @property
    def detail(self) -> str:
        """What an operator should know, for /readyz; empty while all is well."""
        if self._start is None:
            return f"not used yet. {_ON}"
        if self._circuit.trouble is not None:
            return f"passed by: {self._circuit.trouble.rstrip('.')}. {_ON}"
        return "" if self._refusal is None else f"takes no marks: {self._refusal.rstrip('.')}. {_ON}"

    async def open(self, log_id: str) -> None:
        """Begin to be used for the topic whose id is `log_id`; returns when Redis has been asked once.

        The id is a part of each key, so that what Redis says is never about another topic: that of a broker
        which lost its data, one made anew, or that of another Tollbridge on the same Redis.
        """
        await self._circuit.check()
        self._start = f"{self._prefix}:{log_id}:".encode()

    async def holds(self, event: StripeEvent) -> bool:
        """Say whether Redis knows `event` to be in Kafka, after at most the timeout. Never raises."""
        answer = None
        if self._start is not None and self._circuit.closed:
            answer = self._lookups.put(self._start + event_key(event).encode())
        if answer is None:
            self._looked_up("skipped").inc()
            return False
        found = await answer
        self._looked_up("error" if found is None else "hit" if found else "miss").inc()
        return found is True

    def keep(self, event: StripeEvent) -> None:
        """Mark `event` soon, beside the road. Never raises."""
        answer = None
        if self._start is not None and self._circuit.closed:
            answer = self._marks.put(self._start + event_key(event).encode())
        if answer is None:
            self._marked("skipped").inc()
            return
        answer.add_done_callback(lambda done: self._marked("kept" if done.result() else "error").inc())

    async def close(self) -> None:
        """Wait for the marks under way, which have their timeout, and close the connections."""
        await self._marks.settled()
        self._circuit.close()
        await self._store.close()

    async def _look_up(self, keys: Sequence[bytes], within: float) -> Sequence[bool] | None:
        permit = self._circuit.ask()
        if permit is None:
            return None
        try:
            found = await self._store.held(keys, within)
        except (Retry, Reject) as error:
            self._circuit.failed(permit, error)
            return None
        self._circuit.answered(permit)
        return found

    async def _mark(self, keys: Sequence[bytes], within: float) -> Sequence[bool] | None:
        permit = self._circuit.ask()
        if permit is None:
            return None
        try:
            await self._store.mark(keys, within)
        except Reject as error:
            # Full, or read-only: lookups may still be answered, so it is not passed by.
            self._circuit.answered(permit)
            self._refused(error.detail)
            return [False] * len(keys)
        except Retry as error:
            self._circuit.failed(permit, error)
            return None
        self._circuit.answered(permit)
        self._refusal = None
        return [True] * len(keys)

    def _refused(self, why: str) -> None:
        self._refusal = why
        unlogged = self._refusals.unlogged("refused")
        if unlogged is not None:
            log.warning("redis_takes_no_marks", why=why, unlogged=unlogged)
