"""What a process says of itself and what the ingress does: a part of `app.metrics.names.Vocabulary`."""

from __future__ import annotations

from typing import Annotated

from prometheus_client import Counter, Gauge, Histogram

from app.metrics.labels import LOOKUP_OUTCOMES, MARK_OUTCOMES, PROCESSES
from app.metrics.spec import CALL_BUCKETS, Spec


class IngressNames:
    """What every process says of itself, and what the ingress does."""

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
