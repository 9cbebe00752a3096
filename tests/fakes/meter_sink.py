"""OpenMeter in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from agents.errors import Reject

REQUIRED = ("id", "source", "specversion", "type", "subject")


class FakeMeterSink:
    """`agents.protocols.MeterSink`: keeps events by source and id, refuses what has no subject or data.

    `answers` holds what the next requests meet, None for an ordinary answer; `on_request` is called before
    each with its events. `poison` holds ids that are always refused. Like the real one it goes through a
    batch in order, so what stands before a refused event has been kept.
    """

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.answers: deque[Exception | None] = deque()
        self.down: Exception | None = None
        self.poison: set[str] = set()
        self.on_request: Callable[[list[str]], object] = lambda _ids: None

    @property
    def ids(self) -> list[str]:
        """Ids that were kept, in order."""
        return [event for _, event in self.kept]

    async def ingest(self, events: Sequence[bytes]) -> None:
        batch = [orjson.loads(event) for event in events]
        ids = [str(event.get("id")) for event in batch]
        self.requests.append(ids)
        self.on_request(ids)
        answer = self.answers.popleft() if self.answers else self.down
        if answer is not None:
            raise answer
        for event in batch:
            missing = [name for name in REQUIRED if not event.get(name)]
            if missing or event["id"] in self.poison or not isinstance(event.get("data", {}), dict):
                raise Reject("refused", f"The event {event.get('id')!r} is not acceptable.")
            self.kept.setdefault((event["source"], event["id"]), event)
