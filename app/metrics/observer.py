"""What a sink reports of its work, as metrics."""

from __future__ import annotations

from agents.clock import Clock
from agents.protocols import Message
from app.metrics.labels import CIRCUIT_STATES, Sink
from app.metrics.registry import Metrics

RECEIVED = "received"
STRIPE_CREATED = "stripe-created"


class PrometheusObserver:
    """`agents.protocols.Observer` for one sink."""

    def __init__(self, sink: Sink, metrics: Metrics, clock: Clock) -> None:
        self._sink = sink
        self._metrics = metrics
        self._clock = clock
        openmeter = sink == "openmeter"
        self._sent = metrics.openmeter_sent if openmeter else metrics.nats_published
        self._latency = metrics.openmeter_flush if openmeter else metrics.nats_publish
        self._size = metrics.batch_size.labels(sink)
        self._retries = metrics.retries.labels(sink)
        self._circuit = metrics.circuit.labels(sink)
        self._since = metrics.circuit_since.labels(sink)
        self._opened = metrics.circuit_opened.labels(sink)
        self._closed: bool | None = None
        self._from_stripe = metrics.stripe_to_sink.labels(sink)
        self._from_receipt = metrics.receipt_to_sink.labels(sink)

    def sent(self, outcome: str, count: int) -> None:
        """Count `count` events that ended as `outcome`: accepted, duplicate, rejected, retried."""
        self._sent.labels(outcome).inc(count)
        if outcome == "retried":
            self._retries.inc(count)

    def flushed(self, size: int, seconds: float) -> None:
        """Note one request of `size` events that took `seconds`, whatever its answer."""
        self._size.observe(size)
        self._latency.observe(seconds)

    def delivered(self, message: Message) -> None:
        """Time the road of `message` by its headers `received` (unix ms) and `stripe-created` (unix s)."""
        now = self._clock.now()
        received = _number(message.headers.get(RECEIVED))
        if received is not None:
            self._from_receipt.observe(max(0.0, now - received / 1000))
        created = _number(message.headers.get(STRIPE_CREATED))
        if created is not None:
            self._from_stripe.observe(max(0.0, now - created))

    def breaker(self, state: str) -> None:
        """Note the breaker's state: closed, open, half_open."""
        value = CIRCUIT_STATES[state]
        self._circuit.set(value)
        closed = state == "closed"
        if closed != self._closed:  # a canary's half-open does not end the outage
            self._since.set(self._clock.now())
            if self._closed:
                self._opened.inc()
            self._closed = closed
        if self._sink == "nats":
            self._metrics.nats_circuit.set(value)


def _number(header: bytes | None) -> int | None:
    """Read ASCII digits; a header that is missing or not ours says nothing, and stops nothing."""
    return int(header) if header is not None and header.isdigit() else None
