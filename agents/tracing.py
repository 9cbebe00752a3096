"""Traces as the agents see them: spans that begin, take notes and end; nothing while nobody traces.

One trace goes with an event from the webhook to the sinks. Between processes it travels in the record's
`traceparent` header (W3C Trace Context, version 00). Notes are ids, types and numbers, never bodies.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, Protocol

from agents.protocols import Delivered, Message, Record

TRACEPARENT = "traceparent"
_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Kind = Literal["server", "producer", "consumer", "client"]


class Span(Protocol):
    """One step of the road. It is told when it ends, and never if it does not."""

    @property
    def traceparent(self) -> str | None:
        """What the next step is to know of this one; None while nobody traces."""
        ...

    def note(self, name: str, value: str | int) -> None:
        """Note something about the step."""
        ...

    def end(self, problem: str | None = None) -> None:
        """End it, with a bounded label of what went wrong, if anything did. Harmless when repeated."""
        ...


Cause = Span | str | None
"""Why a step is taken: an earlier one here, or the `traceparent` of one elsewhere."""


class Tracer(Protocol):
    """Begins spans. Never raises and never waits: the road matters more than its trace."""

    @property
    def on(self) -> bool:
        """Whether anybody traces."""
        ...

    def begin(self, name: str, kind: Kind, *causes: Cause) -> Span:
        """Begin a step. `name` is one of few.

        The first cause that is sampled is the parent; all others that are, are linked both ways. Without
        any cause a trace begins.
        """
        ...


class Untraced:
    """`Span` and `Tracer` while nobody traces: does nothing."""

    __slots__ = ()
    on = False
    traceparent = None

    def begin(self, name: str, kind: Kind, *causes: Cause) -> Span:  # noqa: ARG002 - the protocol's
        """Return itself."""
        return self

    def note(self, name: str, value: str | int) -> None:
        """Do nothing."""

    def end(self, problem: str | None = None) -> None:
        """Do nothing."""


UNTRACED = Untraced()


def valid(traceparent: str) -> bool:
    """Say whether `traceparent` is one that may be handed on."""
    return _VALID.fullmatch(traceparent) is not None


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace id in `traceparent`, 32 hexadecimal digits; None when it is none."""
    found = _VALID.fullmatch(traceparent) if traceparent else None
    return found["trace"] if found else None


def cause_of(message: Message) -> str | None:
    """Return the `traceparent` with which `message` came, if it is one."""
    header = message.headers.get(TRACEPARENT)
    if header is None:
        return None
    traceparent = header.decode("latin-1")
    return traceparent if valid(traceparent) else None


def handed_on(record: Record, span: Span) -> Record:
    """Return `record` with `span` as what caused it; as it was while nobody traces."""
    traceparent = span.traceparent
    if traceparent is None:
        return record
    others = (header for header in record.headers if header[0] != TRACEPARENT)
    return replace(record, headers=(*others, (TRACEPARENT, traceparent.encode())))


def begin_processing(tracer: Tracer, message: Message) -> Span:
    """Begin the step of working through `message`."""
    if not tracer.on:
        return UNTRACED
    span = tracer.begin(f"process {message.topic}", "consumer", cause_of(message))
    _kafka(span, "process", message.topic)
    _position(span, message.partition, message.offset)
    return span


def begin_sending(tracer: Tracer, topic: str, *causes: Cause) -> Span:
    """Begin the step of sending a record to `topic`; it ends when Kafka has answered."""
    if not tracer.on:
        return UNTRACED
    span = tracer.begin(f"send {topic}", "producer", *causes)
    _kafka(span, "send", topic)
    return span


def end_sent(span: Span, at: Delivered) -> None:
    """End the step of sending a record: it is there."""
    if span is not UNTRACED:
        _position(span, at.partition, at.offset)
        span.end()


def _kafka(span: Span, operation: str, topic: str) -> None:
    span.note("messaging.system", "kafka")
    span.note("messaging.operation.type", operation)
    span.note("messaging.destination.name", topic)


def _position(span: Span, partition: int, offset: int) -> None:
    span.note("messaging.destination.partition.id", str(partition))
    span.note("messaging.kafka.offset", offset)
