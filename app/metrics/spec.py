"""What is to be known about a metric, and the buckets that histograms have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.metrics.labels import PROCESSES, Process

# From a good day's milliseconds to the three days for which Stripe retries.
_ROAD = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 43200.0)
ROAD_BUCKETS = (*_ROAD, 86400.0, 259200.0)
CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZE_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Spec:
    """What is to be known about one metric.

    `known` lists the values of labels that are known beforehand; when it lists every label, all their
    combinations begin at 0, so that rate() sees the first increment.
    """

    name: str
    unit: str
    meaning: str
    action: str
    processes: tuple[Process, ...] = PROCESSES
    labels: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
