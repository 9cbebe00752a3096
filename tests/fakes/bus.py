"""A JetStream stream in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agents.errors import Reject
from agents.protocols import Published

MAX_PAYLOAD = 1 << 20


@dataclass(frozen=True)
class Stored:
    subject: str
    payload: bytes
    message_id: str
    traceparent: str | None = None


class FakeBus:
    """`agents.protocols.Bus`: keeps messages in order, drops ids it has.

    `answers` holds what the next publishes meet (None: an ordinary answer), `down` what all others do. With
    `keep_then_fail` the message is kept all the same: an answer lost on the way.
    """

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.keep_then_fail = False
        self.answers: deque[Exception | None] = deque()
        self.down: Exception | None = None
        self.before: Callable[[Stored], object] = lambda _message: None

    async def publish(
        self, subject: str, payload: bytes, message_id: str, traceparent: str | None = None
    ) -> Published:
        message = Stored(subject, payload, message_id, traceparent)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            self.before(message)
            if len(payload) > MAX_PAYLOAD:
                raise Reject("too_large", f"{len(payload)} bytes are more than {MAX_PAYLOAD}.")
            answer = self.answers.popleft() if self.answers else self.down
            if answer is not None and not self.keep_then_fail:
                raise answer
            published = self._keep(message)
            if answer is not None:
                raise answer
            return published
        finally:
            self.in_flight -= 1

    def _keep(self, message: Stored) -> Published:
        for sequence, known in enumerate(self.stored, start=1):
            if known.message_id == message.message_id:
                return Published("BILLING_EVENTS", sequence, duplicate=True)
        self.stored.append(message)
        return Published("BILLING_EVENTS", len(self.stored), duplicate=False)
