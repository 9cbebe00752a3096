"""What the lifecycle worker reports of its questions for Stripe, as metrics."""

from __future__ import annotations

from agents.protocols import Message
from app.metrics.labels import CIRCUIT_STATES
from app.metrics.registry import Metrics


class PrometheusStripeObserver:
    """`agents.protocols.Observer` for Stripe's API."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def sent(self, outcome: str, count: int) -> None:
        """Count `count` questions that ended as `outcome`: accepted, rejected, retried."""
        self._metrics.stripe_reads.labels(outcome).inc(count)

    def flushed(self, size: int, seconds: float) -> None:  # noqa: ARG002 - always one
        """Note one question that took `seconds`."""
        self._metrics.stripe_read.observe(seconds)

    def delivered(self, message: Message) -> None:
        """Do nothing: an answer has reached no sink yet."""

    def breaker(self, state: str) -> None:
        """Note the breaker's state: closed, open, half_open."""
        self._metrics.stripe_circuit.set(CIRCUIT_STATES[state])
