"""What the lifecycle worker reports of its work, as metrics."""

from __future__ import annotations

from app.metrics.bounds import bounded_type
from app.metrics.registry import Metrics


class PrometheusLifecycleObserver:
    """`agents.protocols.LifecycleObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def decided(self, outcome: str, event_type: str) -> None:
        """Count one event that ended as `outcome`."""
        self._metrics.events.labels(outcome, bounded_type(event_type)).inc()

    def told(self, fact_type: str) -> None:
        """Count one fact sent to billing.events."""
        self._metrics.facts.labels(fact_type).inc()

    def expired(self, count: int) -> None:
        """Count event ids forgotten because they are old."""
        self._metrics.seen_expired.inc(count)
