"""The last steps of messages to one sink, as spans: one for each message, one for each request.

A message's span lasts from the first attempt to the answer that settled it, waiting included. A request may
carry many messages: it belongs to the trace of the first and is linked with the others, both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.protocols import Held
from agents.tracing import UNTRACED, Span, Tracer, begin_processing


class Journeys:
    """Spans of the messages that are being delivered. Does nothing while nobody traces."""

    def __init__(self, tracer: Tracer, stage: str) -> None:
        """Follow messages to the sink called `stage`."""
        self._tracer = tracer
        self._stage = stage
        self._spans: dict[int, Span] = {}  # by identity: an abandoned message may be here again

    def begin(self, messages: Iterable[Held]) -> None:
        """Begin, for those that have not begun."""
        if not self._tracer.on:
            return
        for held in messages:
            if id(held) not in self._spans:
                span = begin_processing(self._tracer, held.message)
                span.note("tollbridge.sink", self._stage)
                event_id = held.message.headers.get("event-id")
                if event_id is not None:
                    span.note("tollbridge.event.id", event_id.decode(errors="replace"))
                self._spans[id(held)] = span

    def request(self, messages: Sequence[Held]) -> Span:
        """Begin a request that carries `messages`."""
        if not self._tracer.on:
            return UNTRACED
        causes = [self._spans[id(held)] for held in messages]
        span = self._tracer.begin(f"deliver {self._stage}", "client", *causes)
        span.note("tollbridge.sink", self._stage)
        span.note("messaging.batch.message_count", len(messages))
        return span

    def end(self, messages: Iterable[Held], outcome: str, problem: str | None = None) -> None:
        """End: `messages` are settled. `problem` is why they were dead-lettered."""
        if not self._tracer.on:
            return
        for held in messages:
            span = self._spans.pop(id(held), UNTRACED)
            span.note("tollbridge.outcome", outcome)
            span.end(problem)

    def forget(self, messages: Iterable[Held]) -> None:
        """Drop, untold, what was not settled: it was abandoned, and its next owner tells."""
        if not self._tracer.on:
            return
        for held in messages:
            self._spans.pop(id(held), None)
