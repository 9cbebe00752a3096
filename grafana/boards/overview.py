"""What to look at first: is it healthy, where does it hang, is it a sink, is it our state."""

from __future__ import annotations

from app.metrics.labels import PROCESSES
from grafana.panel import BREAKER_NAMES, Board, Panel, Query, Row, quantile, query
from grafana.slo import AVAILABILITY, FAILED, LATE_AFTER, LATENCY

HEALTHY = Row(
    "Is it healthy?",
    (
        Panel(
            "Processes",
            "Running processes of each kind, as Prometheus sees them. Red: none.",
            "none",
            "TollbridgeProcessDown",
            tuple(
                Query(f'count(tollbridge_info{{process="{process}"}}) or vector(0)', process)
                for process in PROCESSES
            ),
            kind="stat",
            width=8,
            thresholds=((0, "red"), (1, "green")),
        ),
        Panel(
            "Webhooks accepted, last hour",
            f"Share of webhooks not refused by our fault. The promise is {AVAILABILITY.objective:.1%}.",
            "percentunit",
            "TollbridgeAvailabilityBurn",
            (Query(f"1 - {AVAILABILITY.record('1h')}", "accepted"),),
            kind="stat",
            width=8,
            thresholds=((0, "red"), (0.99, "orange"), (AVAILABILITY.objective, "green")),
            decimals=2,
        ),
        Panel(
            f"Delivered within {LATE_AFTER:g} s, last hour",
            f"Share of events a sink acknowledged in time. The promise is {LATENCY.objective:.0%}. What has "
            "not been delivered yet counts nowhere: see the backlog.",
            "percentunit",
            "TollbridgeLatencyBurn",
            (Query(f"1 - {LATENCY.record('1h')}", "{{sink}}"),),
            kind="stat",
            width=8,
            thresholds=((0, "red"), (0.95, "orange"), (LATENCY.objective, "green")),
            decimals=2,
        ),
        Panel(
            "Alerts",
            "Alerts of Tollbridge that fire, and since when. Each links to its section.",
            "none",
            "What to do first",
            (
                query(
                    "{{alertname}}",
                    'max by (alertname) (ALERTS{alertname=~"Tollbridge.+", alertstate="firing"}) '
                    'or on () label_replace(vector(0), "alertname", "none", "", "")',
                ),
            ),
            kind="states",
            width=24,
            thresholds=((0, "green"), (1, "red")),
            names=((0, "none", "green"), (1, "firing", "red")),
        ),
        Panel(
            "Webhooks",
            "Webhooks answered. Failed is our fault (503) and Stripe sends them again; refused is the "
            "sender's: a wrong signature, an unknown endpoint.",
            "reqps",
            "TollbridgeAvailabilityBurn",
            (
                query(
                    "accepted",
                    'sum(rate(stripe_webhooks_received_total{outcome="accepted"}[$__rate_interval]))',
                ),
                query(
                    "failed",
                    f'sum(rate(stripe_webhooks_received_total{{outcome=~"{FAILED}"}}[$__rate_interval]))',
                ),
                query(
                    "refused",
                    f'sum(rate(stripe_webhooks_received_total{{outcome!~"accepted|{FAILED}"}}'
                    "[$__rate_interval]))",
                ),
            ),
        ),
        Panel(
            "Error budget burn",
            "How many times faster than allowed the 30-day budget is spent, over an hour. At 14.4 it is gone "
            "in two days, and somebody is paged.",
            "short",
            "TollbridgeAvailabilityBurn",
            (
                Query(f"{AVAILABILITY.record('1h')} / {AVAILABILITY.budget:g}", "accepting webhooks"),
                Query(f"{LATENCY.record('1h')} / {LATENCY.budget:g}", "delivering in time: {{sink}}"),
            ),
            thresholds=((0, "green"), (1, "orange"), (14.4, "red")),
        ),
        Panel(
            "Webhook to sink",
            "From a webhook's receipt to a sink's acknowledgement.",
            "s",
            "TollbridgeLatencyBurn",
            (
                Query(quantile(0.5, "tollbridge_receipt_to_sink_seconds", "sink"), "{{sink}} p50"),
                Query(quantile(0.99, "tollbridge_receipt_to_sink_seconds", "sink"), "{{sink}} p99"),
            ),
            thresholds=((0, "green"), (LATE_AFTER, "red")),
        ),
    ),
)

ROAD = Row(
    "Where does it hang?",
    (
        Panel(
            "Each stage",
            "Events a second, stage by stage. The stage whose line falls first is the one to look at. An "
            "event can make more than one fact, and many make none.",
            "ops",
            "TollbridgeBacklogNotDraining",
            (
                query(
                    "1 accepted",
                    'sum(rate(stripe_webhooks_received_total{outcome="accepted"}[$__rate_interval]))',
                ),
                query("2 decided", "sum(rate(tollbridge_events_total[$__rate_interval]))"),
                query("3 facts told", "sum(rate(tollbridge_facts_total[$__rate_interval]))"),
                query(
                    "4 in OpenMeter",
                    'sum(rate(openmeter_events_sent_total{outcome=~"accepted|duplicate"}[$__rate_interval]))',
                ),
                query(
                    "4 in NATS",
                    'sum(rate(nats_messages_published_total{outcome=~"accepted|duplicate"}'
                    "[$__rate_interval]))",
                ),
            ),
        ),
        Panel(
            "Time in each stage, p99",
            "The slowest hundredth: a webhook's answer (Kafka's acknowledgement included), one request to "
            "OpenMeter, one publish to JetStream.",
            "s",
            "TollbridgeLatencyBurn",
            (
                Query(quantile(0.99, "tollbridge_ingress_seconds"), "webhook answered"),
                Query(quantile(0.99, "openmeter_flush_latency_seconds"), "OpenMeter answered"),
                Query(quantile(0.99, "tollbridge_nats_publish_seconds"), "JetStream answered"),
            ),
            thresholds=((0, "green"), (1, "orange"), (5, "red")),
        ),
        Panel(
            "Backlog",
            "Messages that a consumer group has not committed. It may rise; it must fall again.",
            "short",
            "TollbridgeBacklogNotDraining",
            (Query("sum by (process) (tollbridge_lag_messages)", "{{process}}"),),
            thresholds=((0, "green"), (1000, "red")),
        ),
        Panel(
            "Oldest message in hand",
            "Age of the oldest message that a worker has taken and not settled. A line that climbs steadily "
            "is one message that is stuck, or a sink that is away.",
            "s",
            "TollbridgeBacklogNotDraining",
            (Query("max by (process) (tollbridge_oldest_in_flight_seconds)", "{{process}}"),),
            width=12,
            thresholds=((0, "green"), (60, "orange"), (300, "red")),
        ),
        Panel(
            "Dead letters, last 15 minutes",
            "Messages that nobody will ever accept, by who gave up and why. They are kept in dead.letters.",
            "short",
            "TollbridgeDeadLetters",
            (
                query(
                    "{{stage}}: {{reason}}",
                    "sum by (stage, reason) (increase(tollbridge_dead_letters_total[15m])) > 0 "
                    'or on () label_replace(label_replace(vector(0), "stage", "all", "", ""), '
                    '"reason", "none", "", "")',
                ),
            ),
            width=12,
            stacked=True,
            thresholds=((0, "green"), (1, "red")),
        ),
    ),
)

SINKS = Row(
    "Is it a sink?",
    (
        Panel(
            "Circuit breakers",
            "Open: the sink is away or refuses us, nothing is sent, the backlog waits in Kafka.",
            "none",
            "TollbridgeBreakerOpen",
            (Query("max by (sink) (tollbridge_circuit_state)", "{{sink}}"),),
            kind="states",
            width=12,
            thresholds=((0, "green"), (1, "yellow"), (2, "red")),
            names=BREAKER_NAMES,
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
            width=12,
            kind="stat",
            thresholds=((0, "green"), (30, "orange"), (300, "red")),
            decimals=0,
        ),
        Panel(
            "OpenMeter",
            "Events sent, by what came of it.",
            "ops",
            "TollbridgeBreakerOpen",
            (
                query(
                    "{{outcome}}",
                    "sum by (outcome) (rate(openmeter_events_sent_total[$__rate_interval]))",
                ),
            ),
        ),
        Panel(
            "NATS",
            "Messages published, by what came of it; a duplicate is one that JetStream had already.",
            "ops",
            "TollbridgeBreakerOpen",
            (
                query(
                    "{{outcome}}",
                    "sum by (outcome) (rate(nats_messages_published_total[$__rate_interval]))",
                ),
            ),
        ),
        Panel(
            "Events in a request",
            "Average size of a request to a sink. Always 1 under load: the batch age is too short.",
            "short",
            "Scale",
            (
                query(
                    "{{sink}}",
                    "sum by (sink) (rate(tollbridge_batch_size_events_sum[$__rate_interval])) "
                    "/ sum by (sink) (rate(tollbridge_batch_size_events_count[$__rate_interval]))",
                ),
            ),
            decimals=1,
        ),
        Panel(
            "Time to catch up",
            "The backlog divided by the rate of the last minutes at which it is worked off. No line: nothing "
            "is being worked off.",
            "s",
            "TollbridgeBacklogNotDraining",
            (
                query(
                    "{{process}}",
                    "sum by (process) (tollbridge_lag_messages) "
                    "/ (sum by (process) (rate(tollbridge_offsets_committed_total[$__rate_interval])) > 0)",
                ),
            ),
            width=24,
            thresholds=((0, "green"), (300, "orange"), (1800, "red")),
        ),
    ),
)

STATE = Row(
    "Is it our state?",
    (
        Panel(
            "Decisions",
            "What became of each event. Duplicates: Stripe sends again. Rejected: look into dead.letters.",
            "ops",
            "TollbridgeDeadLetters",
            (query("{{decision}}", "sum by (decision) (rate(tollbridge_events_total[$__rate_interval]))"),),
            stacked=True,
        ),
        Panel(
            "Table keys",
            "Keys in each table, indexes included; RocksDB's estimate. seen levels off after its retention.",
            "short",
            "Restore a lost volume",
            (Query("sum by (table) (tollbridge_table_keys)", "{{table}}"),),
        ),
        Panel(
            "Table size",
            "Bytes of each table on all workers.",
            "bytes",
            "Restore a lost volume",
            (Query("sum by (table) (tollbridge_table_bytes)", "{{table}}"),),
        ),
        Panel(
            "Recovery: records to go",
            "Changelog records that a worker still has to read before it begins. It must fall to 0.",
            "short",
            "TollbridgeRecoveryStuck",
            (Query("sum by (table) (tollbridge_recovery_remaining_records)", "{{table}}"),),
            width=12,
        ),
        Panel(
            "Rebalances, last 15 minutes",
            "Times that partitions were assigned anew. Many without a deploy: workers miss heartbeats.",
            "short",
            "TollbridgeWorkerRestarting",
            (query("{{process}}", "sum by (process) (increase(tollbridge_rebalances_total[15m]))"),),
            width=12,
            thresholds=((0, "green"), (10, "red")),
        ),
    ),
)

OVERVIEW = Board(
    "tollbridge-overview",
    "Tollbridge / Overview",
    "Four questions from top to bottom: is it healthy, where does it hang, is it a sink, is it our state.",
    (HEALTHY, ROAD, SINKS, STATE),
)
