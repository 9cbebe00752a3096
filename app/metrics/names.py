"""Every metric, once: its kind, unit, labels, what it means and what to do about it.

`Vocabulary` is only declared, here and in its parts; `app.metrics.registry.Metrics` builds it, so that a
mistyped name fails the type check. docs, dashboards and alerts are tested against `app.metrics.vocabulary`.
The six names that dashboards already know carry no prefix.
"""

from __future__ import annotations

from app.metrics.ingress_names import IngressNames
from app.metrics.lifecycle_names import LifecycleNames
from app.metrics.sink_names import SinkNames
from app.metrics.worker_names import WorkerNames

PARTS = (IngressNames, LifecycleNames, SinkNames, WorkerNames)
"""In the order in which an event meets them."""


class Vocabulary(IngressNames, LifecycleNames, SinkNames, WorkerNames):
    """The metrics as attributes. Label values are few: `app.metrics.bounds` sees to those from outside."""
