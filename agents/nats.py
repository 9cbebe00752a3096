"""The NATS sink: one message an event, many in flight, in order for each customer.

JetStream drops a message id it has seen within its duplicate window, so sending again is harmless; but
it cannot put right an order that was broken on the way. So what has one record key goes through one lane,
and a lane has one message under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from agents import envelope
from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.clock import Clock
from agents.delivery import Delivery
from agents.errors import Reject
from agents.gate import Gate
from agents.protocols import Bus, DeadLetters, Held, Message, Observer
from agents.room import Room
from agents.subject import message_id, subject
from agents.tracing import UNTRACED, Span, Tracer, cause_of
from agents.workers import run_together

STAGE = "nats"
Lane = tuple[str, int, bytes | None]


class NatsSink:
    """Takes messages with `accept`, publishes them from `run`.

    `concurrency` messages are in flight at most, `limit` in hand at most (about `limit_bytes` bytes).
    Lanes take turns, so one busy customer holds up no other.
    """

    def __init__(
        self,
        bus: Bus,
        dead_letters: DeadLetters,
        breaker: Breaker,
        clock: Clock,
        observer: Observer,
        *,
        backoff: Backoff,
        tracer: Tracer = UNTRACED,
        subject_prefix: str,
        concurrency: int = 256,
        limit: int = 1000,
        limit_bytes: int = 64 << 20,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._observer = observer
        self._prefix = subject_prefix
        self._concurrency = concurrency
        self._gate = Gate(STAGE, breaker, clock, observer)
        self._delivery = Delivery(
            STAGE, self._gate, dead_letters, clock, observer, backoff=backoff, tracer=tracer
        )
        self._room = Room(self._gate, clock, limit, limit_bytes)
        self._lanes: dict[Lane, deque[Held]] = {}
        self._ready: asyncio.Queue[Lane] = asyncio.Queue()

    @property
    def available(self) -> bool:
        """Whether the sink is being asked: its breaker is closed."""
        return self._gate.closed

    @property
    def trouble(self) -> str | None:
        """Why the sink is not being asked, a sentence for /readyz; None while its breaker is closed."""
        return self._gate.trouble

    async def accept(self, held: Held) -> None:
        """Take a message; returns when there is room for it. Blocks while the breaker is open."""
        await self._room.enter(len(held.message.value))
        lane = _lane(held.message)
        waiting = self._lanes.get(lane)
        if waiting is None:
            self._lanes[lane] = deque((held,))
            self._ready.put_nowait(lane)
        else:
            waiting.append(held)

    async def run(self) -> None:
        """Publish what comes, for ever. Raises Stop when too much must be dead-lettered."""
        await run_together(self._work() for _ in range(self._concurrency))

    def release(self) -> None:
        """Forget what has been abandoned: its partitions have another owner. What is under way notices."""
        for lane, waiting in self._lanes.items():
            kept = deque(held for held in waiting if not held.abandoned)
            for held in waiting:
                if held.abandoned:
                    self._room.leave(len(held.message.value))
            self._lanes[lane] = kept

    async def idle(self) -> None:
        """Wait until nothing is in hand."""
        await self._room.idle()

    async def drain(self, seconds: float) -> bool:
        """Wait at most `seconds` for what is in hand; say whether all is delivered.

        False comes at once while the breaker is not closed: what is in hand is not settled, and is read
        again by whoever has the partition next.
        """
        return await self._room.emptied(seconds)

    async def _work(self) -> None:
        while True:
            lane = await self._ready.get()
            if self._lanes[lane]:
                await self._deliver(self._lanes[lane].popleft())
            if self._lanes[lane]:
                self._ready.put_nowait(lane)  # behind the others
            else:
                del self._lanes[lane]

    async def _deliver(self, held: Held) -> None:
        try:
            try:
                address = envelope.read(held.message.value)
            except Reject as fault:
                await self._delivery.bury(held, fault, attempts=0)
            else:
                await self._publish(held, address)
        finally:
            self._room.leave(len(held.message.value))

    async def _publish(self, held: Held, address: envelope.Envelope) -> None:
        where = subject(
            self._prefix, livemode=address.livemode, event_type=address.type, customer=address.customer
        )
        name = message_id(address.source, address.id)

        async def send(one: Sequence[Held], span: Span) -> str:
            began = self._clock.monotonic()
            caused_by = span.traceparent or cause_of(one[0].message)
            try:
                published = await self._bus.publish(where, one[0].message.value, name, caused_by)
            finally:
                self._observer.flushed(1, self._clock.monotonic() - began)
            return "duplicate" if published.duplicate else "accepted"

        await self._delivery.deliver([held], send)


def _lane(message: Message) -> Lane:
    return message.topic, message.partition, message.key
