"""Kafka, from its exporter and from our own side."""

from __future__ import annotations

from grafana.panel import Board, Panel, Query, Row, query

_SECTION = "TollbridgeKafkaUnderReplicated"

KAFKA = Board(
    "tollbridge-kafka",
    "Tollbridge / Kafka",
    "Brokers, replicas, topics, and each group's lag as we and as Kafka see it.",
    (
        Row(
            "Cluster",
            (
                Panel(
                    "Brokers",
                    "Brokers in the cluster; 3 in production.",
                    "none",
                    _SECTION,
                    (Query("max(kafka_brokers)", "brokers"),),
                    kind="stat",
                    thresholds=((0, "red"), (1, "green")),
                ),
                Panel(
                    "Under-replicated partitions",
                    "Partitions that lack a replica. With two lacking, our writes are refused: min ISR is 2.",
                    "none",
                    _SECTION,
                    (Query("sum(kafka_topic_partition_under_replicated_partition)", "partitions"),),
                    kind="stat",
                    thresholds=((0, "green"), (1, "red")),
                ),
                Panel(
                    "Partitions without a leader",
                    "Partitions that nobody can read or write.",
                    "none",
                    _SECTION,
                    (Query("count(kafka_topic_partition_leader < 0) or vector(0)", "partitions"),),
                    kind="stat",
                    thresholds=((0, "green"), (1, "red")),
                ),
                Panel(
                    "Fewest replicas in sync",
                    "The fewest in-sync replicas that any partition of a topic has.",
                    "short",
                    _SECTION,
                    (Query("min by (topic) (kafka_topic_partition_in_sync_replica)", "{{topic}}"),),
                    width=12,
                ),
                Panel(
                    "Written",
                    "Records a second by topic: by how much its partitions grow.",
                    "ops",
                    _SECTION,
                    (
                        query(
                            "{{topic}}",
                            "sum by (topic) (rate(kafka_topic_partition_current_offset[$__rate_interval]))",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "Groups",
            (
                Panel(
                    "Lag as our workers see it",
                    "Only the owner of a partition tells; nobody owns it, nobody tells.",
                    "short",
                    "TollbridgeBacklogNotDraining",
                    (query("{{process}} {{topic}}", "sum by (process, topic) (tollbridge_lag_messages)"),),
                ),
                Panel(
                    "Lag as Kafka sees it",
                    "The same from the exporter; it goes on telling when a whole group is down.",
                    "short",
                    "TollbridgeBacklogNotDraining",
                    (
                        query(
                            "{{consumergroup}} {{topic}}",
                            "sum by (consumergroup, topic) (kafka_consumergroup_lag)",
                        ),
                    ),
                ),
                Panel(
                    "Partitions owned",
                    "Partitions that have an owner among our workers, by group.",
                    "short",
                    "TollbridgeProcessDown",
                    (Query("count by (process) (tollbridge_lag_messages)", "{{process}}"),),
                ),
                Panel(
                    "Lag by group and partition",
                    "Messages not committed, partition by partition.",
                    "short",
                    "TollbridgeBacklogNotDraining",
                    (
                        query(
                            "{{process}} {{topic}} {{partition}}",
                            "max by (process, topic, partition) (tollbridge_lag_messages)",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Rebalances, last 15 minutes",
                    "Times that partitions were assigned anew, by group.",
                    "short",
                    "TollbridgeWorkerRestarting",
                    (query("{{process}}", "sum by (process) (increase(tollbridge_rebalances_total[15m]))"),),
                    width=12,
                    thresholds=((0, "green"), (10, "red")),
                ),
            ),
        ),
    ),
)
