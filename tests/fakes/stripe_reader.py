"""Stripe's API in memory."""

from __future__ import annotations

from collections import deque

import orjson

from agents.protocols import StripeAnswer
from tests.fakes.clock import FakeClock
from tests.stripe_shapes import Json


class FakeStripeReader:
    """`agents.protocols.StripeReader`: `objects` by path; what is not there is a 404.

    `answers` holds errors that the next reads meet, `down` one that all others do.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.objects: dict[str, Json] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.answers: deque[Exception | None] = deque()
        self.down: Exception | None = None

    async def get(self, path: str, context: str | None) -> StripeAnswer:
        self.asked.append((path, context))
        answer = self.answers.popleft() if self.answers else self.down
        if answer is not None:
            raise answer
        found = self.objects.get(path)
        return StripeAnswer(None if found is None else orjson.dumps(found), int(self._clock.now()))
