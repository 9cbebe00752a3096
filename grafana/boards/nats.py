"""NATS itself, as its exporter sees it. A stream's series exist once for each replica: the leader's count."""

from __future__ import annotations

from grafana.panel import BREAKER_NAMES, Board, Panel, Query, Row, quantile, query

_SECTION = "TollbridgeJetStreamWithoutLeader"

NATS = Board(
    "tollbridge-nats",
    "Tollbridge / NATS",
    "JetStream: leaders, streams, storage, consumers.",
    (
        Row(
            "Leaders",
            (
                Panel(
                    "Servers",
                    "Servers that the exporter reaches, and how many of them say that they lead JetStream: one.",
                    "none",
                    _SECTION,
                    (
                        Query("count(nats_server_total_streams) or vector(0)", "servers"),
                        Query(
                            'count(nats_server_total_streams{is_meta_leader="true"}) or vector(0)', "leaders"
                        ),
                    ),
                    kind="stat",
                    thresholds=((0, "red"), (1, "green")),
                ),
                Panel(
                    "Stream leaders",
                    "Leaders of each stream: one. None: nothing can be published to it.",
                    "none",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}}",
                            'sum by (stream_name) (nats_stream_total_messages{is_stream_leader="true"} >= bool 0)',
                        ),
                    ),
                    kind="stat",
                    thresholds=((0, "red"), (1, "green"), (2, "orange")),
                ),
                Panel(
                    "Our breaker",
                    "The NATS sink's circuit breaker: what our own side thinks of it.",
                    "none",
                    "TollbridgeBreakerOpen",
                    (Query("max(nats_circuit_state)", "nats"),),
                    kind="states",
                    thresholds=((0, "green"), (1, "yellow"), (2, "red")),
                    names=BREAKER_NAMES,
                ),
            ),
        ),
        Row(
            "Streams",
            (
                Panel(
                    "Messages stored",
                    "Messages in each stream.",
                    "short",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}}",
                            'max by (stream_name) (nats_stream_total_messages{is_stream_leader="true"})',
                        ),
                    ),
                ),
                Panel(
                    "Stored a second",
                    "By how much a stream's last sequence number grows: what JetStream really took.",
                    "ops",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}}",
                            'sum by (stream_name) (rate(nats_stream_last_seq{is_stream_leader="true"}'
                            "[$__rate_interval]))",
                        ),
                    ),
                ),
                Panel(
                    "Replicas behind",
                    "How many messages a replica's last sequence number lies behind its leader's.",
                    "short",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}} {{server_name}}",
                            "max by (stream_name) (nats_stream_last_seq) - on (stream_name) group_right "
                            "max by (stream_name, server_name) (nats_stream_last_seq)",
                        ),
                    ),
                ),
                Panel(
                    "Publish time, p99",
                    "From publishing to JetStream's acknowledgement, as our sink measures it.",
                    "s",
                    "TollbridgeLatencyBurn",
                    (Query(quantile(0.99, "tollbridge_nats_publish_seconds"), "p99"),),
                    thresholds=((0, "green"), (1, "orange"), (5, "red")),
                ),
                Panel(
                    "Waiting for consumers",
                    "Messages that each consumer has not been sent yet.",
                    "short",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}} {{consumer_name}}",
                            "max by (stream_name, consumer_name) "
                            '(nats_consumer_num_pending{is_consumer_leader="true"})',
                        ),
                    ),
                ),
                Panel(
                    "Stream size",
                    "Bytes in each stream.",
                    "bytes",
                    _SECTION,
                    (
                        query(
                            "{{stream_name}}",
                            'max by (stream_name) (nats_stream_total_bytes{is_stream_leader="true"})',
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Servers",
            (
                Panel(
                    "Storage used",
                    "Share of JetStream's storage that is used. At 1 nothing more is stored.",
                    "percentunit",
                    _SECTION,
                    (
                        query(
                            "{{server_name}}",
                            "max by (server_name) (nats_server_total_message_bytes) "
                            "/ max by (server_name) (nats_server_max_storage)",
                        ),
                    ),
                    thresholds=((0, "green"), (0.7, "orange"), (0.9, "red")),
                    width=6,
                ),
                Panel(
                    "JetStream off",
                    "1 where a server has switched JetStream off, as it does when its disk fails.",
                    "none",
                    _SECTION,
                    (Query("max by (server_name) (nats_server_jetstream_disabled)", "{{server_name}}"),),
                    width=6,
                    thresholds=((0, "green"), (1, "red")),
                ),
                Panel(
                    "Connections",
                    "Clients of each server.",
                    "short",
                    _SECTION,
                    (Query("nats_varz_connections", "{{server_id}}"),),
                    width=6,
                ),
                Panel(
                    "Memory",
                    "Memory of each server.",
                    "bytes",
                    _SECTION,
                    (Query("nats_varz_mem", "{{server_id}}"),),
                    width=6,
                ),
            ),
        ),
    ),
)
