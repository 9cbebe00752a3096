"""What the three workers have in common, and Kafka, as metrics: a part of `app.metrics.names.Vocabulary`."""

from __future__ import annotations

from typing import Annotated

from prometheus_client import Counter, Gauge

from app.metrics.labels import DEAD_LETTER_REASONS, PROCESSES, WORKERS
from app.metrics.spec import Spec


class WorkerNames:
    """What the three workers have in common, and Kafka."""

    # The workers
    dead_letters: Annotated[
        Counter,
        Spec(
            "tollbridge_dead_letters_total",
            "messages",
            "Messages put into dead.letters, by stage and reason.",
            "Any: read them; they hold the original bytes and the reason.",
            WORKERS,
            ("stage", "reason"),
            {"reason": DEAD_LETTER_REASONS},
        ),
    ]
    in_flight: Annotated[
        Gauge,
        Spec(
            "tollbridge_in_flight_messages",
            "messages",
            "Messages taken and not yet settled.",
            "At TOLLBRIDGE_IN_FLIGHT for long: what comes after is the bottleneck.",
            WORKERS,
            ("process",),
        ),
    ]
    oldest_in_flight: Annotated[
        Gauge,
        Spec(
            "tollbridge_oldest_in_flight_seconds",
            "seconds",
            "Age of the oldest message taken and not yet settled; 0 with none.",
            "Grows without end: one message is stuck; its position is in the log.",
            WORKERS,
            ("process",),
        ),
    ]
    lag: Annotated[
        Gauge,
        Spec(
            "tollbridge_lag_messages",
            "messages",
            "Messages in a partition that the process's consumer group has not committed; told by its owner.",
            "Grows: more replicas (up to the partitions), or the sink is the bottleneck.",
            WORKERS,
            ("process", "topic", "partition"),
        ),
    ]
    committed: Annotated[
        Counter,
        Spec(
            "tollbridge_offsets_committed_total",
            "messages",
            "Messages whose offset has been committed.",
            "Stands still while lag grows: the worker is stuck or its breaker is open.",
            WORKERS,
            ("process",),
        ),
    ]
    rebalances: Annotated[
        Counter,
        Spec(
            "tollbridge_rebalances_total",
            "rebalances",
            "Times that partitions were assigned anew.",
            "Many without deploys: workers miss heartbeats; CPU, or a session timeout too short.",
            WORKERS,
            ("process",),
        ),
    ]
    undelivered: Annotated[
        Counter,
        Spec(
            "tollbridge_kafka_undelivered_total",
            "records",
            "Records that Kafka did not acknowledge in time, or that were purged with their partition.",
            "Rises outside rebalances: Kafka is ill; nothing was acked for them.",
            PROCESSES,
            ("topic",),
        ),
    ]
