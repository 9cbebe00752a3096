"""What the agents need of the world outside, and nothing of how it is done.

`app/` holds the adapters that fulfil these; `tests/` holds one conformance suite for each, run against
the adapter and its fake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka record as an agent sees it. `timestamp` is the record's own, in seconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)
    timestamp: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """One record on its way to Kafka. Without `partition` the key decides (murmur2, as Java's client)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """Kafka acknowledged a record (acks=all) and put it here."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Kafka did not acknowledge a record, and the producer has given it up. `detail` is a sentence."""

    topic: str
    detail: str


OnDelivery = Callable[[Delivered | Undelivered], None]


class Outbox(Protocol):
    """Records on their way to Kafka, acks=all and idempotent, in order per partition."""

    def send(self, record: Record, on_delivery: OnDelivery) -> None:
        """Queue `record`; `on_delivery` is called once, on the event loop.

        Raises `agents.errors.Retry` when the bounded queue is full.
        """
        ...


class Held(Protocol):
    """A message in an agent's hands: its offset is not committed before it is settled."""

    @property
    def message(self) -> Message:
        """The message."""
        ...

    @property
    def abandoned(self) -> bool:
        """Whether its partition went away meanwhile: drop it, another worker has it now."""
        ...

    def settle(self) -> None:
        """Say that all its effects are durable. Harmless when repeated or abandoned."""
        ...


class DeadLetters(Protocol):
    """Where messages go that can never be delivered."""

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str, attempts: int) -> None:
        """Keep `message` with its reason; returns when Kafka has acknowledged it.

        Raises `agents.errors.Stop` when so much is being buried that the fault must be ours
        (see `agents/dead_letter_limit.py`), and `agents.errors.Retry` when Kafka cannot take it.
        """
        ...

    def passed(self, count: int = 1) -> None:
        """Note `count` messages that were delivered: the limit weighs the buried against them."""
        ...


class MeterSink(Protocol):
    """OpenMeter's ingest API."""

    async def ingest(self, events: Sequence[bytes]) -> None:
        """Send CloudEvents (structured JSON, one each) as one batch; returns when they are accepted.

        Raises `Reject` when the batch holds something that can never be accepted, `Retry` when it may be
        later, `Trip` when nothing will be until an operator acts (401, 403).
        """
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """JetStream's acknowledgement. `duplicate` means it already had this message id: a success."""

    stream: str
    sequence: int
    duplicate: bool


class Bus(Protocol):
    """A JetStream stream."""

    async def publish(
        self, subject: str, payload: bytes, message_id: str, traceparent: str | None = None
    ) -> Published:
        """Publish one message; returns when the stream has stored it. Raises `Reject`, `Retry` or `Trip`.

        `traceparent` goes with the message, so that who reads it can go on with the trace.
        """
        ...


class Observer(Protocol):
    """What an operator can see of a sink at work; app/metrics turns it into metrics."""

    def sent(self, outcome: str, count: int) -> None:
        """Count `count` events that ended as `outcome`: accepted, duplicate, rejected, retried."""
        ...

    def flushed(self, size: int, seconds: float) -> None:
        """Note one request of `size` events that took `seconds`, whatever its answer."""
        ...

    def delivered(self, message: Message) -> None:
        """Note that `message` reached the sink, for the end-to-end latency."""
        ...

    def breaker(self, state: str) -> None:
        """Note the breaker's state: closed, open, half_open."""
        ...


class LifecycleObserver(Protocol):
    """What an operator can see of the lifecycle worker; app/metrics turns it into metrics."""

    def decided(self, outcome: str, event_type: str) -> None:
        """Count one event that ended as `outcome` (billing.decide.Outcome)."""
        ...

    def told(self, fact_type: str) -> None:
        """Count one fact sent to billing.events."""
        ...

    def expired(self, count: int) -> None:
        """Count event ids forgotten because they are old."""
        ...


@dataclass(frozen=True, slots=True)
class StripeAnswer:
    """What Stripe's API said.

    `body` is a JSON object, None for 404; `at` is when, in seconds since the Unix epoch, by Stripe's clock.
    """

    body: bytes | None
    at: int


class StripeReader(Protocol):
    """Stripe's API, to read from."""

    async def get(self, path: str, context: str | None) -> StripeAnswer:
        """Read what stands at `path`, such as /v1/subscriptions/sub_1, in the account that `context` names.

        Raises `Reject` when this can never be read, `Retry` when it may be later, `Trip` when nothing can be
        until an operator acts (401, 403).
        """
        ...
