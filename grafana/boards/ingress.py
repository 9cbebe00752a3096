"""The door: who knocks, who gets in, how long it takes."""

from __future__ import annotations

from grafana.boards.parts import resources
from grafana.panel import BREAKER_NAMES, Board, Panel, Query, Row, quantile, query
from grafana.slo import FAILED

_RECEIVED = "stripe_webhooks_received_total"

INGRESS = Board(
    "tollbridge-ingress",
    "Tollbridge / Ingress",
    "Webhooks from Stripe: signatures, answers, times.",
    (
        Row(
            "Webhooks",
            (
                Panel(
                    "By endpoint",
                    "Webhooks accepted by each endpoint.",
                    "reqps",
                    "TollbridgeNoWebhooks",
                    (
                        query(
                            "{{endpoint}}",
                            f'sum by (endpoint) (rate({_RECEIVED}{{outcome="accepted"}}[$__rate_interval]))',
                        ),
                    ),
                ),
                Panel(
                    "By type",
                    "Webhooks accepted by Stripe type; those we do not know are 'other', and are kept too.",
                    "reqps",
                    "TollbridgeNoWebhooks",
                    (
                        query(
                            "{{type}}",
                            f'sum by (type) (rate({_RECEIVED}{{outcome="accepted"}}[$__rate_interval])) > 0',
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Not accepted",
                    "Webhooks by why they were not accepted.",
                    "reqps",
                    "TollbridgeSignatureFailures",
                    (
                        query(
                            "{{outcome}}",
                            f'sum by (outcome) (rate({_RECEIVED}{{outcome!="accepted"}}[$__rate_interval]))'
                            ' > 0 or on () label_replace(vector(0), "outcome", "none", "", "")',
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Our fault",
                    "Share of webhooks answered 503: Kafka did not acknowledge, or too many at once.",
                    "percentunit",
                    "TollbridgeAvailabilityBurn",
                    (
                        query(
                            "{{endpoint}}",
                            f'sum by (endpoint) (rate({_RECEIVED}{{outcome=~"{FAILED}"}}[$__rate_interval])) '
                            f'/ sum by (endpoint) (rate({_RECEIVED}{{outcome=~"accepted|{FAILED}"}}'
                            "[$__rate_interval]))",
                        ),
                    ),
                    thresholds=((0, "green"), (0.001, "orange"), (0.0144, "red")),
                    decimals=2,
                ),
                Panel(
                    "Time to answer",
                    "From a webhook's headers to its 200, Kafka's acknowledgement included.",
                    "s",
                    "TollbridgeAvailabilityBurn",
                    tuple(
                        Query(quantile(q, "tollbridge_ingress_seconds"), name)
                        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
                    ),
                    thresholds=((0, "green"), (1, "orange"), (8, "red")),
                ),
                Panel(
                    "In flight",
                    "Webhooks being worked on. Near TOLLBRIDGE_INGRESS_MAX_IN_FLIGHT (2048): 503 follows.",
                    "short",
                    "Scale",
                    (Query("sum(tollbridge_ingress_in_flight)", "in flight"),),
                    thresholds=((0, "green"), (1500, "orange"), (2048, "red")),
                ),
            ),
        ),
        Row(
            "Secrets and versions",
            (
                Panel(
                    "Verified by secret",
                    "Webhooks by endpoint and by which of its secrets verified them; 0 is the first listed, "
                    "the new one. While a secret is rolled the others must fall to 0.",
                    "reqps",
                    "TollbridgeRolledSecretInUse",
                    (
                        query(
                            "{{endpoint}}: secret {{secret}}",
                            "sum by (endpoint, secret) "
                            "(rate(tollbridge_webhooks_verified_total[$__rate_interval]))",
                        ),
                    ),
                ),
                Panel(
                    "Secrets accepted",
                    "Signing secrets that an endpoint accepts. 2 only while one is being rolled.",
                    "none",
                    "TollbridgeRolledSecretKept",
                    (Query("max by (endpoint) (tollbridge_webhook_secrets)", "{{endpoint}}"),),
                    kind="stat",
                    thresholds=((0, "red"), (1, "green"), (2, "orange")),
                ),
                Panel(
                    "API versions",
                    "Events by the Stripe API version that wrote them. A new line: read Stripe's changelog.",
                    "ops",
                    "Roll a release",
                    (
                        query(
                            "{{api_version}}",
                            "sum by (api_version) "
                            "(rate(tollbridge_stripe_api_version_events_total[$__rate_interval]))",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Redis at the door (where it is configured)",
            (
                Panel(
                    "Looked up",
                    "Event ids looked up before Kafka. Error or skipped: Redis is away or slow, and the door works "
                    "without it.",
                    "ops",
                    "What to do first",
                    (
                        query(
                            "{{outcome}}",
                            "sum by (outcome) (rate(tollbridge_redis_lookups_total[$__rate_interval]))",
                        ),
                    ),
                ),
                Panel(
                    "Marked",
                    "Event ids marked after Kafka had acknowledged them. Error while lookups are answered: Redis is "
                    "full or read-only.",
                    "ops",
                    "What to do first",
                    (
                        query(
                            "{{outcome}}",
                            "sum by (outcome) (rate(tollbridge_redis_marks_total[$__rate_interval]))",
                        ),
                    ),
                ),
                Panel(
                    "Breaker to Redis",
                    "Open: Redis is passed by. Nothing is lost; the lifecycle drops duplicates anyway.",
                    "none",
                    "What to do first",
                    (Query("max(tollbridge_redis_circuit_state)", "redis"),),
                    kind="states",
                    thresholds=((0, "green"), (1, "yellow"), (2, "red")),
                    names=BREAKER_NAMES,
                ),
            ),
        ),
        resources("ingress"),
    ),
)
