"""Builds the vocabulary's metrics for one process."""

from __future__ import annotations

import itertools
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from app.metrics.labels import Process
from app.metrics.names import Vocabulary
from app.metrics.vocabulary import Declared, vocabulary


class Metrics(Vocabulary):
    """The metrics of one process. Nothing is global: tests and processes have each their own.

    Those of other processes exist too, so that shared code need not ask where it runs, but are not
    exposed: a NATS gauge at 0 in the ingress would be a lie.
    """

    def __init__(self, process: Process, registry: CollectorRegistry) -> None:
        """Register the metrics of `process`, and those of Python and the operating system, on `registry`."""
        # A second series beside each counter, which no dashboard of ours reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.process = process
        self.registry = registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        for declared in vocabulary():
            setattr(self, declared.attribute, self._build(declared))
        self.info.labels(process, version("tollbridge")).set(1)

    def _build(self, declared: Declared) -> object:
        spec = declared.spec
        registry = self.registry if self.process in spec.processes else None
        if declared.type is Histogram:
            return Histogram(spec.name, spec.meaning, spec.labels, buckets=spec.buckets, registry=registry)
        metric = declared.type(spec.name, spec.meaning, spec.labels, registry=registry)
        ours = (self.process,)
        known = {"process": ours, "sink": ours, "stage": ours, **spec.known}
        if isinstance(metric, Counter) and spec.labels and all(label in known for label in spec.labels):
            for values in itertools.product(*(known[label] for label in spec.labels)):
                metric.labels(*values)
        return metric


def new_metrics(process: Process) -> Metrics:
    """Build the metrics of `process` on a registry of their own."""
    return Metrics(process, CollectorRegistry())
