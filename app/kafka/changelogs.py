"""The tables' changelog topics."""

from __future__ import annotations

from app.kafka.topics import TopicSpec, durable
from app.settings import Settings

HOUR_MS = 3_600_000

_CONFIG = {
    # Never "delete": recovery from a trimmed changelog gets stuck (faust-streaming issues 597, 651, 176).
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(HOUR_MS),
    # A frozen worker's late record and the one it would replace must both be there for recovery to choose.
    "min.compaction.lag.ms": str(HOUR_MS),
    "delete.retention.ms": str(24 * HOUR_MS),
}


def changelog_spec(settings: Settings, topic: str) -> TopicSpec:
    """Return how the changelog `topic` is kept: compacted, as many partitions as what its table is fed by."""
    replication = settings.topic_replication
    return TopicSpec(topic, settings.topic_partitions, replication, {**durable(replication), **_CONFIG})
