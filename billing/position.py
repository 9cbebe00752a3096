"""Where a message stands in Kafka: what tells a replay from a duplicate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """One record's place. Kafka never gives it to another record."""

    topic: str
    partition: int
    offset: int
