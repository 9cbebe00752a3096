"""Every metric, once: its kind, unit, labels, what it means and what to do about it.

`Vocabulary` is only declared here; `app.metrics.registry.Metrics` builds it, so that a mistyped name fails
the type check. docs, dashboards and alerts are tested against `app.metrics.vocabulary`. The six names that
dashboards already know carry no prefix.
"""

from __future__ import annotations

from typing import Annotated

from prometheus_client import Counter, Gauge, Histogram

from app.metrics.labels import (
    DEAD_LETTER_REASONS,
    FACTS,
    LOOKUP_OUTCOMES,
    MARK_OUTCOMES,
    PROCESSES,
    SENT_OUTCOMES,
    SINKS,
    WORKERS,
)
from app.metrics.spec import CALL_BUCKETS, ROAD_BUCKETS, SIZE_BUCKETS, Spec


class Vocabulary:
    """The metrics as attributes. Label values are few: `app.metrics.bounds` sees to those from outside."""

    # Any process
    info: Annotated[
        Gauge,
        Spec(
            "tollbridge_info",
            "",
            "Always 1: this process runs, in this version.",
            "Absent: the process is gone, or Prometheus does not find it.",
            PROCESSES,
            ("process", "version"),
        ),
    ]

    # The door
    webhooks_received: Annotated[
        Counter,
        Spec(
            "stripe_webhooks_received_total",
            "webhooks",
            "Webhooks answered, by endpoint, Stripe type (unknown ones are 'other') and outcome.",
            "not_acknowledged or overloaded: look at Kafka. bad_signature: a wrong secret, or a forger.",
            ("ingress",),
            ("endpoint", "type", "outcome"),
        ),
    ]
    webhooks_verified: Annotated[
        Counter,
        Spec(
            "tollbridge_webhooks_verified_total",
            "webhooks",
            "Webhooks verified, by endpoint and by the position of the secret that did it.",
            "While a secret is rolled: when the old one's count stands still, remove it.",
            ("ingress",),
            ("endpoint", "secret"),
        ),
    ]
    webhook_secrets: Annotated[
        Gauge,
        Spec(
            "tollbridge_webhook_secrets",
            "secrets",
            "Signing secrets that an endpoint accepts; 1 unless one is being rolled.",
            "Above 1 for days: the old secret is still accepted; take it out of the settings.",
            ("ingress",),
            ("endpoint",),
        ),
    ]
    api_versions: Annotated[
        Counter,
        Spec(
            "tollbridge_stripe_api_version_events_total",
            "events",
            "Verified events by Stripe API version ('none' without one, 'other' beyond the first twenty).",
            "A new version appears: read Stripe's changelog for the objects that we read.",
            ("ingress",),
            ("api_version",),
        ),
    ]
    api_requests: Annotated[
        Counter,
        Spec(
            "api_requests_total",
            "requests",
            "HTTP requests answered, by process, route template, method and status.",
            "5xx other than a readiness 503: read the process's log.",
            PROCESSES,
            ("process", "route", "method", "status"),
        ),
    ]
    ingress_seconds: Annotated[
        Histogram,
        Spec(
            "tollbridge_ingress_seconds",
            "seconds",
            "From a webhook's headers to its answer, Kafka's acknowledgement included.",
            "p99 above a second: look at Kafka's acknowledgement time, then at the ingress's CPU.",
            ("ingress",),
            ("outcome",),
            buckets=CALL_BUCKETS,
        ),
    ]
    ingress_in_flight: Annotated[
        Gauge,
        Spec(
            "tollbridge_ingress_in_flight",
            "webhooks",
            "Webhooks that are being worked on.",
            "Near TOLLBRIDGE_INGRESS_MAX_IN_FLIGHT: Kafka is slow, or more replicas are needed.",
            ("ingress",),
        ),
    ]
    redis_lookups: Annotated[
        Counter,
        Spec(
            "tollbridge_redis_lookups_total",
            "events",
            "Events looked up in Redis at the door; skipped while it is passed by. All but hits go to Kafka.",
            "error or skipped: Redis is away, slow or refuses us; /readyz says which. Nothing is lost.",
            ("ingress",),
            ("outcome",),
            {"outcome": LOOKUP_OUTCOMES},
        ),
    ]
    redis_marks: Annotated[
        Counter,
        Spec(
            "tollbridge_redis_marks_total",
            "events",
            "Events marked in Redis after Kafka had acknowledged them.",
            "error while lookups are answered: Redis is full or read-only. Nothing is lost.",
            ("ingress",),
            ("outcome",),
            {"outcome": MARK_OUTCOMES},
        ),
    ]
    redis_circuit: Annotated[
        Gauge,
        Spec(
            "tollbridge_redis_circuit_state",
            "state",
            "The circuit breaker around the door's Redis: 0 closed, 1 half-open, 2 open.",
            "2 for minutes: Redis is away or refuses us; webhooks are kept without it.",
            ("ingress",),
        ),
    ]

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

    # The sinks
    openmeter_sent: Annotated[
        Counter,
        Spec(
            "openmeter_events_sent_total",
            "events",
            "Events sent to OpenMeter, by outcome.",
            "rejected: look into dead.letters. retried: OpenMeter or the way to it is ill.",
            ("openmeter",),
            ("outcome",),
            {"outcome": SENT_OUTCOMES},
        ),
    ]
    openmeter_flush: Annotated[
        Histogram,
        Spec(
            "openmeter_flush_latency_seconds",
            "seconds",
            "One request to OpenMeter, whatever its answer.",
            "Rises: OpenMeter is slow; lower the concurrency or speak to its operators.",
            ("openmeter",),
            buckets=CALL_BUCKETS,
        ),
    ]
    nats_published: Annotated[
        Counter,
        Spec(
            "nats_messages_published_total",
            "messages",
            "Messages published to JetStream, by outcome; duplicate means it had them already.",
            "rejected: look into dead.letters. retried: no leader, no quorum or no space.",
            ("nats",),
            ("outcome",),
            {"outcome": SENT_OUTCOMES},
        ),
    ]
    nats_publish: Annotated[
        Histogram,
        Spec(
            "tollbridge_nats_publish_seconds",
            "seconds",
            "From publishing messages to JetStream's answer.",
            "Rises: the stream's leader or its disk is slow.",
            ("nats",),
            buckets=CALL_BUCKETS,
        ),
    ]
    nats_circuit: Annotated[
        Gauge,
        Spec(
            "nats_circuit_state",
            "state",
            "The NATS sink's circuit breaker: 0 closed, 1 half-open, 2 open.",
            "2 for minutes: NATS is away or refuses us; the backlog waits in Kafka.",
            ("nats",),
        ),
    ]
    circuit: Annotated[
        Gauge,
        Spec(
            "tollbridge_circuit_state",
            "state",
            "A sink's circuit breaker: 0 closed, 1 half-open, 2 open.",
            "2 for minutes: the sink is away or refuses us; the backlog waits in Kafka.",
            SINKS,
            ("sink",),
        ),
    ]
    circuit_since: Annotated[
        Gauge,
        Spec(
            "tollbridge_circuit_since_timestamp_seconds",
            "seconds",
            "Unix time since when a sink's breaker is closed, or is not; half-open counts as open.",
            "time() less this, while tollbridge_circuit_state is above 0, is how long the sink is away.",
            SINKS,
            ("sink",),
        ),
    ]
    circuit_opened: Annotated[
        Counter,
        Spec(
            "tollbridge_circuit_opened_total",
            "times",
            "Times that a sink's breaker opened after it had been closed.",
            "Rises again and again: the sink comes and goes; speak to its operators.",
            SINKS,
            ("sink",),
        ),
    ]
    batch_size: Annotated[
        Histogram,
        Spec(
            "tollbridge_batch_size_events",
            "events",
            "Events in one request to a sink.",
            "Always 1 under load: the batch age is too short.",
            SINKS,
            ("sink",),
            buckets=SIZE_BUCKETS,
        ),
    ]
    retries: Annotated[
        Counter,
        Spec(
            "tollbridge_retries_total",
            "events",
            "Events that a sink could not take and that are tried again.",
            "Rises steadily: the sink is ill, though not ill enough to open the breaker.",
            SINKS,
            ("sink",),
        ),
    ]
    stripe_to_sink: Annotated[
        Histogram,
        Spec(
            "tollbridge_stripe_to_sink_seconds",
            "seconds",
            "From the event's `created` at Stripe (whole seconds) to a sink's acknowledgement.",
            "Rises while receipt_to_sink does not: Stripe delivers late, look at its webhook page.",
            SINKS,
            ("sink",),
            buckets=ROAD_BUCKETS,
        ),
    ]
    receipt_to_sink: Annotated[
        Histogram,
        Spec(
            "tollbridge_receipt_to_sink_seconds",
            "seconds",
            "From a webhook's receipt by the ingress to a sink's acknowledgement.",
            "Rises: see lag by process to find who is behind.",
            SINKS,
            ("sink",),
            buckets=ROAD_BUCKETS,
        ),
    ]

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
