"""How large a run is."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is measured with how much; `FULL` takes about five minutes on two cores, `SMOKE` half of one."""

    rounds: int
    connections: int
    """At the ingress."""
    warmup_seconds: float
    """At the ingress, before anything counts."""
    ingress_seconds: float
    ingress_webhooks: int
    """At most, within those seconds."""
    lifecycle_events: int
    """The backlog."""
    road_events: int
    """Posted as fast as they are taken, to see how long the sinks need for all."""
    latency_events: int
    latency_rate: float
    """Webhooks a second, slow enough that nothing queues."""

    def as_json(self) -> dict[str, float]:
        """Return the sizes by name."""
        return asdict(self)


FULL = Sizes(
    rounds=3,
    connections=64,
    warmup_seconds=1.0,
    ingress_seconds=4.0,
    ingress_webhooks=40_000,
    lifecycle_events=15_000,
    road_events=4_000,
    latency_events=400,
    latency_rate=50.0,
)
SMOKE = Sizes(
    rounds=1,
    connections=8,
    warmup_seconds=0.1,
    ingress_seconds=0.5,
    ingress_webhooks=2_000,
    lifecycle_events=1_200,
    road_events=150,
    latency_events=20,
    latency_rate=20.0,
)
