"""What the lifecycle worker does, as metrics: a part of `app.metrics.names.Vocabulary`."""

from __future__ import annotations

from typing import Annotated

from prometheus_client import Counter, Gauge, Histogram

from app.metrics.labels import FACTS, SENT_OUTCOMES
from app.metrics.spec import CALL_BUCKETS, Spec


class LifecycleNames:
    """What the lifecycle worker does."""

    # The meaning
    events: Annotated[
        Counter,
        Spec(
            "tollbridge_events_total",
            "events",
            "Events decided upon, by decision and Stripe type.",
            "rejected rises: look into dead.letters. duplicate rises: Stripe resends; look at the ingress.",
            ("lifecycle",),
            ("decision", "type"),
        ),
    ]
    facts: Annotated[
        Counter,
        Spec(
            "tollbridge_facts_total",
            "facts",
            "Business facts told to billing.events, by type; a replay counts again.",
            "Falls to 0 while webhooks come in: the types or modes told are not those that Stripe sends.",
            ("lifecycle",),
            ("type",),
            {"type": FACTS},
        ),
    ]
    table_keys: Annotated[
        Gauge,
        Spec(
            "tollbridge_table_keys",
            "keys",
            "Keys in the local part of a table with their indexes, an estimate by RocksDB.",
            "seen grows for longer than its retention: expiry does not run.",
            ("lifecycle",),
            ("table",),
        ),
    ]
    table_bytes: Annotated[
        Gauge,
        Spec(
            "tollbridge_table_bytes",
            "bytes",
            "Size of the local part of a table: RocksDB's files and what it has not written to them yet.",
            "Nears the volume's size: a larger volume, a shorter retention, or more replicas.",
            ("lifecycle",),
            ("table",),
        ),
    ]
    recovery_remaining: Annotated[
        Gauge,
        Spec(
            "tollbridge_recovery_remaining_records",
            "records",
            "Changelog records still to be read before a table is whole again.",
            "Does not fall: the changelog cannot be read; the worker stays not ready.",
            ("lifecycle",),
            ("table",),
        ),
    ]
    seen_expired: Annotated[
        Counter,
        Spec(
            "tollbridge_seen_expired_total",
            "ids",
            "Event ids forgotten because their retention was over.",
            "0 for longer than the retention: the table grows without end.",
            ("lifecycle",),
        ),
    ]
    stripe_reads: Annotated[
        Counter,
        Spec(
            "tollbridge_stripe_reads_total",
            "questions",
            "Questions for Stripe's API, by outcome: thin events, and subscriptions whose order stays open.",
            "rejected: look into dead.letters. retried: Stripe is slow or throttles us.",
            ("lifecycle",),
            ("outcome",),
            {"outcome": SENT_OUTCOMES},
        ),
    ]
    stripe_read: Annotated[
        Histogram,
        Spec(
            "tollbridge_stripe_read_seconds",
            "seconds",
            "One question for Stripe's API with all its requests and its wait for a turn.",
            "Rises: more is asked than TOLLBRIDGE_STRIPE_API_RATE lets through.",
            ("lifecycle",),
            buckets=CALL_BUCKETS,
        ),
    ]
    stripe_circuit: Annotated[
        Gauge,
        Spec(
            "tollbridge_stripe_circuit_state",
            "state",
            "The circuit breaker to Stripe's API: 0 closed, 1 half-open, 2 open.",
            "2 for minutes: Stripe is away or refuses the key; what is to be read waits in Kafka.",
            ("lifecycle",),
        ),
    ]
