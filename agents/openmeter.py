"""The OpenMeter sink: events in batches, several under way, none lost, none in the way of the others.

OpenMeter drops what it has by (source, id) and puts each event into the window of its own `time`, so the
order between batches does not matter and a batch may be sent again, whole or in halves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from agents import envelope
from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.clock import Clock
from agents.delivery import Delivery
from agents.errors import Reject
from agents.gate import Gate
from agents.protocols import DeadLetters, Held, MeterSink, Observer
from agents.room import Room
from agents.tracing import UNTRACED, Span, Tracer
from agents.waiting import Pulse, within
from agents.workers import run_together

STAGE = "openmeter"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the buffer, and since when (monotonic seconds)."""

    held: Held
    since: float


class OpenMeterSink:
    """Takes messages with `accept`, sends them from `run`.

    A batch leaves when it holds `batch_size` messages or `batch_bytes` bytes, or when its oldest message
    is `batch_age` seconds old; `concurrency` batches are under way at most. In hand are never more than
    the batches under way and as much again.
    """

    def __init__(
        self,
        sink: MeterSink,
        dead_letters: DeadLetters,
        breaker: Breaker,
        clock: Clock,
        observer: Observer,
        *,
        backoff: Backoff,
        tracer: Tracer = UNTRACED,
        batch_size: int,
        batch_age: float,
        concurrency: int,
        batch_bytes: int = 1 << 20,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._observer = observer
        self._batch_size = batch_size
        self._batch_age = batch_age
        self._batch_bytes = batch_bytes
        self._concurrency = concurrency
        self._gate = Gate(STAGE, breaker, clock, observer)
        self._delivery = Delivery(
            STAGE, self._gate, dead_letters, clock, observer, backoff=backoff, tracer=tracer
        )
        self._room = Room(self._gate, clock, 2 * concurrency * batch_size, 2 * concurrency * batch_bytes)
        self._buffer: deque[Waiting] = deque()
        self._buffered_bytes = 0
        self._flushing = False
        self._arrived = Pulse()
        self._taking = asyncio.Lock()

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
        self._buffer.append(Waiting(held, self._clock.monotonic()))
        self._buffered_bytes += len(held.message.value)
        if len(self._buffer) == 1 or self._due():  # a beat for each message would wake for nothing
            self._arrived.beat()

    async def run(self) -> None:
        """Send what comes, for ever. Raises Stop when too much must be dead-lettered."""
        await run_together(self._work() for _ in range(self._concurrency))

    def release(self) -> None:
        """Forget what has been abandoned: its partitions have another owner. What is under way notices."""
        for waiting in self._buffer:
            if waiting.held.abandoned:
                self._forget(waiting.held)
        self._buffer = deque(waiting for waiting in self._buffer if not waiting.held.abandoned)

    async def idle(self) -> None:
        """Wait until nothing is in hand."""
        await self._room.idle()

    async def drain(self, seconds: float) -> bool:
        """Send the buffer now, wait at most `seconds` for what is in hand; say whether all is delivered.

        False comes at once while the breaker is not closed: what is in hand is not settled, and is read
        again by whoever has the partition next.
        """
        self._flushing = True
        self._arrived.beat()
        try:
            return await self._room.emptied(seconds)
        finally:
            self._flushing = False

    async def _work(self) -> None:
        while True:
            await self._deliver(await self._next_batch())

    async def _next_batch(self) -> list[Held]:
        async with self._taking:  # one worker fills a batch; the others wait for theirs
            while not self._due():
                if self._buffer:
                    left = self._buffer[0].since + self._batch_age - self._clock.monotonic()
                    await within(self._clock, left, self._arrived.wait())
                else:
                    await self._arrived.wait()
            return self._take()

    def _due(self) -> bool:
        if not self._buffer:
            return False
        return (
            self._flushing
            or len(self._buffer) >= self._batch_size
            or self._buffered_bytes >= self._batch_bytes
            or self._clock.monotonic() >= self._buffer[0].since + self._batch_age
        )

    def _take(self) -> list[Held]:
        batch: list[Held] = []
        size = 0
        while self._buffer and len(batch) < self._batch_size:
            size += len(self._buffer[0].held.message.value)
            if batch and size > self._batch_bytes:
                break
            batch.append(self._buffer.popleft().held)
            self._buffered_bytes -= len(batch[-1].message.value)
        return batch

    async def _deliver(self, batch: list[Held]) -> None:
        try:
            sound: list[Held] = []
            for held in batch:
                try:
                    envelope.read(held.message.value)
                except Reject as fault:
                    await self._delivery.bury(held, fault, attempts=0)
                else:
                    sound.append(held)
            await self._delivery.deliver(sound, self._send)
        finally:
            for held in batch:
                self._room.leave(len(held.message.value))

    async def _send(self, batch: Sequence[Held], _: Span) -> str:
        began = self._clock.monotonic()
        try:
            await self._sink.ingest([held.message.value for held in batch])
        finally:
            self._observer.flushed(len(batch), self._clock.monotonic() - began)
        return "accepted"

    def _forget(self, held: Held) -> None:
        size = len(held.message.value)
        self._buffered_bytes -= size
        self._room.leave(size)
