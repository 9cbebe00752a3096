"""Metrics that are not ours but stand in dashboards and alerts, each with its source.

A query may use no name that is neither here nor in `app.metrics.vocabulary`; tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exporter:
    """A program that exposes metrics, where they are declared, and those that we use."""

    name: str
    source: str
    metrics: Mapping[str, str]


PROMETHEUS = Exporter(
    "Prometheus itself, and the client library's process collector",
    "prometheus.io/docs/prometheus/latest/configuration/alerting_rules, prometheus-client 0.26",
    {
        "ALERTS": "Alerts that are pending or firing.",
        "process_start_time_seconds": "When a process was started, in unix seconds.",
        "process_resident_memory_bytes": "Memory that a process holds.",
        "process_cpu_seconds_total": "Processor time that a process has used.",
        "process_open_fds": "File descriptors that a process has open.",
    },
)
NATS = Exporter(
    "natsio/prometheus-nats-exporter 0.20 with -prefix=nats -varz -jsz=all",
    "collector/jsz.go and collector/collector.go of nats-io/prometheus-nats-exporter",
    {
        "nats_server_jetstream_disabled": "1 where JetStream is off.",
        "nats_server_total_message_bytes": "Bytes that JetStream stores on a server.",
        "nats_server_max_storage": "Bytes that JetStream may store on a server.",
        "nats_server_total_streams": "Streams, as one server sees them; is_meta_leader tells the leader.",
        "nats_stream_total_messages": "Messages in a stream, once for each replica.",
        "nats_stream_total_bytes": "Bytes in a stream, once for each replica.",
        "nats_stream_last_seq": "Last sequence number of a stream, once for each replica.",
        "nats_consumer_num_pending": "Messages that a consumer has not been sent yet.",
        "nats_varz_connections": "Clients that are connected to a server.",
        "nats_varz_mem": "Memory that a server holds.",
    },
)
KAFKA = Exporter(
    "kafka_exporter, as Strimzi deploys it (spec.kafkaExporter)",
    "README of danielqsj/kafka_exporter; strimzi.io/docs, Kafka Exporter",
    {
        "kafka_brokers": "Brokers in the cluster.",
        "kafka_topic_partition_current_offset": "Where a partition ends.",
        "kafka_topic_partition_in_sync_replica": "Replicas of a partition that are in sync.",
        "kafka_topic_partition_under_replicated_partition": "1 where a partition lacks a replica.",
        "kafka_topic_partition_leader": "The broker that leads a partition, or -1.",
        "kafka_consumergroup_lag": "Records that a group has not committed, by partition.",
    },
)
EXPORTERS = (PROMETHEUS, NATS, KAFKA)
