"""The dashboards, one a module, and in which order they are listed."""

from __future__ import annotations

from grafana.boards.ingress import INGRESS
from grafana.boards.kafka import KAFKA
from grafana.boards.lifecycle import LIFECYCLE
from grafana.boards.nats import NATS
from grafana.boards.overview import OVERVIEW
from grafana.boards.sinks import SINKS

BOARDS = (OVERVIEW, INGRESS, LIFECYCLE, SINKS, NATS, KAFKA)

__all__ = ["BOARDS"]
