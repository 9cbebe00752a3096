"""The last steps of messages to one sink: spans, one for each message and each request, and a line each.

A message's span lasts from the first attempt to the answer that settled it, waiting included. A request may
carry many messages: it belongs to the trace of the first and is linked with the others, both ways.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import structlog

from agents.protocols import Held, Message
from agents.tracing import UNTRACED, Span, Tracer, begin_processing, cause_of, trace_id

log = structlog.get_logger()


class Journeys:
    """Spans of the messages that are being delivered, none while nobody traces; debug lines of their end."""

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
                event_id = event_id_of(held.message)
                if event_id is not None:
                    span.note("tollbridge.event.id", event_id)
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

    def end(self, messages: Sequence[Held], outcome: str, problem: str | None = None) -> None:
        """End: `messages` are settled. `problem` is why they were dead-lettered."""
        if log.is_enabled_for(logging.DEBUG):
            for held in messages:
                self._log(held.message, outcome)
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

    def _log(self, message: Message, outcome: str) -> None:
        log.debug(
            "event_settled",
            sink=self._stage,
            event_id=event_id_of(message),
            outcome=outcome,
            trace_id=trace_id(cause_of(message)),
        )


def event_id_of(message: Message) -> str | None:
    """Return the id of the Stripe event that `message` tells of, by its header."""
    header = message.headers.get("event-id")
    return None if header is None else header.decode(errors="replace")
