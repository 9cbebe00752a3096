"""What the two sinks do, as metrics: a part of `app.metrics.names.Vocabulary`."""

from __future__ import annotations

from typing import Annotated

from prometheus_client import Counter, Gauge, Histogram

from app.metrics.labels import SENT_OUTCOMES, SINKS
from app.metrics.spec import CALL_BUCKETS, ROAD_BUCKETS, SIZE_BUCKETS, Spec


class SinkNames:
    """What the two sinks do."""

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
