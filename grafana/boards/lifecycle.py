"""What events mean: decisions, facts, tables."""

from __future__ import annotations

from grafana.boards.parts import flow, resources
from grafana.panel import BREAKER_NAMES, Board, Panel, Query, Row, query

LIFECYCLE = Board(
    "tollbridge-lifecycle",
    "Tollbridge / Lifecycle",
    "Events in, decisions and facts out, and what is remembered.",
    (
        Row(
            "Meaning",
            (
                Panel(
                    "Decisions",
                    "What became of each event: applied, duplicate, replayed after a crash, stale, ignored, "
                    "deferred or rejected.",
                    "ops",
                    "TollbridgeDeadLetters",
                    (
                        query(
                            "{{decision}}",
                            "sum by (decision) (rate(tollbridge_events_total[$__rate_interval]))",
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Duplicates and replays",
                    "Share of events that had come before. Duplicates: Stripe sends again, so look at the "
                    "ingress. Replays: a worker was killed or lost its partitions.",
                    "percentunit",
                    "TollbridgeAvailabilityBurn",
                    (
                        query(
                            "{{decision}}",
                            "sum by (decision) "
                            '(rate(tollbridge_events_total{decision=~"duplicate|replayed"}[$__rate_interval]))'
                            " / ignoring (decision) group_left "
                            "sum(rate(tollbridge_events_total[$__rate_interval]))",
                        ),
                    ),
                    decimals=1,
                ),
                Panel(
                    "Facts",
                    "Business facts told to billing.events; a replay tells again, and the sinks drop it.",
                    "ops",
                    "TollbridgeBacklogNotDraining",
                    (query("{{type}}", "sum by (type) (rate(tollbridge_facts_total[$__rate_interval]))"),),
                    stacked=True,
                ),
                Panel(
                    "Dead letters by reason, last 15 minutes",
                    "Events that make no sense, by reason.",
                    "short",
                    "TollbridgeDeadLetters",
                    (
                        query(
                            "{{reason}}",
                            'sum by (reason) (increase(tollbridge_dead_letters_total{stage="lifecycle"}[15m])) > 0 '
                            'or on () label_replace(vector(0), "reason", "none", "", "")',
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Not acknowledged by Kafka",
                    "Records given up or purged with their partition; nothing was settled for them.",
                    "ops",
                    "TollbridgeKafkaUnderReplicated",
                    (
                        query(
                            "{{topic}}",
                            "sum by (topic) (rate(tollbridge_kafka_undelivered_total[$__rate_interval])) "
                            'or on () label_replace(vector(0), "topic", "none", "", "")',
                        ),
                    ),
                ),
                Panel(
                    "Forgotten event ids",
                    "Ids removed from seen because their retention is over. 0 for longer than the retention: "
                    "the table grows without end.",
                    "ops",
                    "Restore a lost volume",
                    (query("forgotten", "sum(rate(tollbridge_seen_expired_total[$__rate_interval]))"),),
                ),
            ),
        ),
        Row(
            "Tables",
            (
                Panel(
                    "Keys",
                    "Keys in each table on each worker, indexes included; RocksDB's estimate.",
                    "short",
                    "Restore a lost volume",
                    (Query("tollbridge_table_keys", "{{table}} {{instance}}"),),
                    width=6,
                ),
                Panel(
                    "Size",
                    "Bytes of each table on each worker.",
                    "bytes",
                    "Restore a lost volume",
                    (Query("tollbridge_table_bytes", "{{table}} {{instance}}"),),
                    width=6,
                ),
                Panel(
                    "Recovery: records to go",
                    "Changelog records still to be read. It must fall to 0; meanwhile the worker is not ready.",
                    "short",
                    "TollbridgeRecoveryStuck",
                    (Query("tollbridge_recovery_remaining_records", "{{table}} {{instance}}"),),
                    width=6,
                ),
                Panel(
                    "Rebalances",
                    "Times that partitions were assigned anew, in 15 minutes.",
                    "short",
                    "TollbridgeWorkerRestarting",
                    (
                        Query(
                            'increase(tollbridge_rebalances_total{process="lifecycle"}[15m])', "{{instance}}"
                        ),
                    ),
                    width=6,
                ),
            ),
        ),
        Row(
            "Reading from Stripe (where an API key is configured)",
            (
                Panel(
                    "Questions",
                    "Questions for Stripe's API by outcome: thin events, and subscriptions whose order stays open.",
                    "ops",
                    "TollbridgeBacklogNotDraining",
                    (
                        query(
                            "{{outcome}}",
                            "sum by (outcome) (rate(tollbridge_stripe_reads_total[$__rate_interval]))",
                        ),
                    ),
                ),
                Panel(
                    "Time a question takes",
                    "On average, with its wait for a turn. Rises: more is asked than "
                    "TOLLBRIDGE_STRIPE_API_RATE lets through.",
                    "s",
                    "TollbridgeBacklogNotDraining",
                    (
                        query(
                            "mean",
                            "sum(rate(tollbridge_stripe_read_seconds_sum[$__rate_interval])) "
                            "/ clamp_min(sum(rate(tollbridge_stripe_read_seconds_count[$__rate_interval])), 0.000001)",
                        ),
                    ),
                ),
                Panel(
                    "Breaker to Stripe",
                    "Open: Stripe is away or refuses the key; what is to be read waits in Kafka.",
                    "none",
                    "TollbridgeBacklogNotDraining",
                    (Query("max(tollbridge_stripe_circuit_state)", "stripe"),),
                    kind="states",
                    thresholds=((0, "green"), (1, "yellow"), (2, "red")),
                    names=BREAKER_NAMES,
                ),
            ),
        ),
        flow("lifecycle"),
        resources("lifecycle"),
    ),
)
