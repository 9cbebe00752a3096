"""OpenMeter and NATS as our two sink workers meet them."""

from __future__ import annotations

from grafana.boards.parts import flow, resources
from grafana.panel import BREAKER_NAMES, Board, Panel, Query, Row, quantile, query

SINKS = Board(
    "tollbridge-sinks",
    "Tollbridge / Sinks",
    "Breakers, requests, retries and times of both sinks.",
    (
        Row(
            "Both",
            (
                Panel(
                    "Circuit breakers",
                    "Open: nothing is sent but a canary now and then; the backlog waits in Kafka.",
                    "none",
                    "TollbridgeBreakerOpen",
                    (Query("max by (sink) (tollbridge_circuit_state)", "{{sink}}"),),
                    kind="states",
                    width=12,
                    thresholds=((0, "green"), (1, "yellow"), (2, "red")),
                    names=BREAKER_NAMES,
                ),
                Panel(
                    "Opened, last hour",
                    "Times that a breaker opened. Again and again: the sink comes and goes.",
                    "short",
                    "TollbridgeBreakerOpen",
                    (query("{{sink}}", "sum by (sink) (increase(tollbridge_circuit_opened_total[1h]))"),),
                    kind="stat",
                    width=6,
                    thresholds=((0, "green"), (1, "orange"), (5, "red")),
                    decimals=0,
                ),
                Panel(
                    "Away for",
                    "How long a sink has been away; 0 while its breaker is closed.",
                    "s",
                    "TollbridgeBreakerOpen",
                    (
                        query(
                            "{{sink}}",
                            "max by (sink) ((time() - tollbridge_circuit_since_timestamp_seconds) "
                            "* (tollbridge_circuit_state > bool 0))",
                        ),
                    ),
                    kind="stat",
                    width=6,
                    thresholds=((0, "green"), (30, "orange"), (300, "red")),
                    decimals=0,
                ),
                Panel(
                    "Webhook to sink",
                    "From a webhook's receipt to the sink's acknowledgement.",
                    "s",
                    "TollbridgeLatencyBurn",
                    (
                        Query(quantile(0.5, "tollbridge_receipt_to_sink_seconds", "sink"), "{{sink}} p50"),
                        Query(quantile(0.99, "tollbridge_receipt_to_sink_seconds", "sink"), "{{sink}} p99"),
                    ),
                    thresholds=((0, "green"), (30, "red")),
                ),
                Panel(
                    "Stripe to sink",
                    "From the event's creation at Stripe, in whole seconds. High while the panel beside it is "
                    "low: Stripe delivers late, or again.",
                    "s",
                    "TollbridgeLatencyBurn",
                    (
                        Query(quantile(0.5, "tollbridge_stripe_to_sink_seconds", "sink"), "{{sink}} p50"),
                        Query(quantile(0.99, "tollbridge_stripe_to_sink_seconds", "sink"), "{{sink}} p99"),
                    ),
                ),
                Panel(
                    "Tried again",
                    "Events that a sink could not take now.",
                    "ops",
                    "TollbridgeBreakerOpen",
                    (query("{{sink}}", "sum by (sink) (rate(tollbridge_retries_total[$__rate_interval]))"),),
                ),
            ),
        ),
        Row(
            "Requests",
            (
                Panel(
                    "OpenMeter: events",
                    "Events sent, by what came of it.",
                    "ops",
                    "TollbridgeBreakerOpen",
                    (
                        query(
                            "{{outcome}}",
                            "sum by (outcome) (rate(openmeter_events_sent_total[$__rate_interval]))",
                        ),
                    ),
                    width=6,
                ),
                Panel(
                    "OpenMeter: request time",
                    "One request, whatever its answer.",
                    "s",
                    "TollbridgeLatencyBurn",
                    tuple(
                        Query(quantile(q, "openmeter_flush_latency_seconds"), name)
                        for q, name in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    width=6,
                    thresholds=((0, "green"), (1, "orange"), (5, "red")),
                ),
                Panel(
                    "NATS: messages",
                    "Messages published, by what came of it; a duplicate is one that JetStream had already.",
                    "ops",
                    "TollbridgeBreakerOpen",
                    (
                        query(
                            "{{outcome}}",
                            "sum by (outcome) (rate(nats_messages_published_total[$__rate_interval]))",
                        ),
                    ),
                    width=6,
                ),
                Panel(
                    "NATS: publish time",
                    "From publishing to JetStream's acknowledgement.",
                    "s",
                    "TollbridgeLatencyBurn",
                    tuple(
                        Query(quantile(q, "tollbridge_nats_publish_seconds"), name)
                        for q, name in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    width=6,
                    thresholds=((0, "green"), (1, "orange"), (5, "red")),
                ),
                Panel(
                    "Events in a request",
                    "Average size of a request. Always 1 under load: the batch age is too short.",
                    "short",
                    "Scale",
                    (
                        query(
                            "{{sink}}",
                            "sum by (sink) (rate(tollbridge_batch_size_events_sum[$__rate_interval])) "
                            "/ sum by (sink) (rate(tollbridge_batch_size_events_count[$__rate_interval]))",
                        ),
                    ),
                    width=12,
                    decimals=1,
                ),
                Panel(
                    "Dead letters, last 15 minutes",
                    "Events that a sink will never take, by sink and reason.",
                    "short",
                    "TollbridgeDeadLetters",
                    (
                        query(
                            "{{stage}}: {{reason}}",
                            "sum by (stage, reason) "
                            '(increase(tollbridge_dead_letters_total{stage=~"openmeter|nats"}[15m])) > 0 '
                            'or on () label_replace(label_replace(vector(0), "stage", "all", "", ""), '
                            '"reason", "none", "", "")',
                        ),
                    ),
                    width=12,
                    stacked=True,
                ),
            ),
        ),
        flow("openmeter"),
        flow("nats"),
        resources("openmeter", "nats"),
    ),
)
