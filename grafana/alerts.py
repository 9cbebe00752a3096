"""What wakes somebody, or waits for the morning. Each alert has its section in docs/runbook.md.

critical: money is not being metered or webhooks are refused; act now. warning: within the working day.
info: tidy up this week. Symptoms first: a cause has an alert of its own only where it says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.metrics.labels import PROCESSES
from grafana.slo import AVAILABILITY, LATE_AFTER, LATENCY, PAGE, TICKET, burns

Severity = Literal["critical", "warning", "info"]

_UNSIGNED = "bad_signature|missing_signature|malformed_signature|stale_timestamp|future_timestamp"
_RECEIVED = "stripe_webhooks_received_total"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `lasting` is its `for`; texts may hold `{{ $labels.x }}`; `board` is where to look."""

    name: str
    severity: Severity
    summary: str
    description: str
    board: str
    expr: str
    lasting: str = "0m"


def _lines(text: str) -> str:
    """Strip the indentation that an expression has in this file."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


_BURN = "tollbridge-overview"
ALERTS = (
    Alert(
        "TollbridgeAvailabilityBurn",
        "critical",
        "Webhooks are being refused by our fault",
        f"So many webhooks are answered 503 that the month's budget for {AVAILABILITY.objective:.1%} is gone in "
        "days. Stripe sends each again for three days; nothing is lost yet.",
        "tollbridge-ingress",
        burns(AVAILABILITY, PAGE),
    ),
    Alert(
        "TollbridgeAvailabilityBurnSlow",
        "warning",
        "A few webhooks are refused all the time",
        f"The month's budget for {AVAILABILITY.objective:.1%} of webhooks accepted will not last the month.",
        "tollbridge-ingress",
        burns(AVAILABILITY, TICKET),
    ),
    Alert(
        "TollbridgeLatencyBurn",
        "critical",
        "Events reach {{ $labels.sink }} late",
        f"So many events take longer than {LATE_AFTER:g} s from webhook to {{{{ $labels.sink }}}} that the month's "
        f"budget for {LATENCY.objective:.0%} is gone in days.",
        _BURN,
        burns(LATENCY, PAGE),
    ),
    Alert(
        "TollbridgeLatencyBurnSlow",
        "warning",
        "Events often reach {{ $labels.sink }} late",
        f"The month's budget for {LATENCY.objective:.0%} of events within {LATE_AFTER:g} s will not last the month.",
        _BURN,
        burns(LATENCY, TICKET),
    ),
    Alert(
        "TollbridgeProcessDown",
        "critical",
        "No {{ $labels.process }} process is running",
        "Prometheus has seen none for five minutes. Without ingress webhooks are refused; without a worker its "
        "backlog grows in Kafka.",
        _BURN,
        "\nor\n".join(f'absent(tollbridge_info{{process="{process}"}})' for process in PROCESSES),
        "5m",
    ),
    Alert(
        "TollbridgeWorkerRestarting",
        "critical",
        "{{ $labels.process }} restarts again and again",
        "An instance was started three times or more in half an hour. It stops by itself for a reason that a "
        "restart does not mend; its last log line says which.",
        _BURN,
        _lines(
            """
            max by (process) (
            changes(process_start_time_seconds[30m])
            * on (instance, job) group_left (process) tollbridge_info
            ) >= 3
            """
        ),
    ),
    Alert(
        "TollbridgeBreakerOpen",
        "critical",
        "Nothing has been sent to {{ $labels.sink }} for five minutes",
        "Its circuit breaker is open: it is away or refuses us. The backlog waits in Kafka, for as long as "
        "billing.events is kept.",
        "tollbridge-sinks",
        _lines(
            """
            max by (sink) (
            (time() - tollbridge_circuit_since_timestamp_seconds) and tollbridge_circuit_state > 0
            ) > 300
            """
        ),
    ),
    Alert(
        "TollbridgeBacklogNotDraining",
        "critical",
        "The backlog of {{ $labels.process }} does not get smaller",
        "Either nothing has been committed for a quarter of an hour though messages wait, or more than a "
        "thousand wait and they are not fewer than a quarter of an hour ago.",
        _BURN,
        _lines(
            """
            (
            sum by (process) (tollbridge_lag_messages) > 0
            and sum by (process) (increase(tollbridge_offsets_committed_total[15m])) == 0
            )
            or
            (
            sum by (process) (tollbridge_lag_messages) > 1000
            and sum by (process) (tollbridge_lag_messages)
            >= sum by (process) (tollbridge_lag_messages offset 15m)
            )
            """
        ),
        "10m",
    ),
    Alert(
        "TollbridgeDeadLetters",
        "warning",
        "{{ $labels.stage }} has dead-lettered messages: {{ $labels.reason }}",
        "What was in them is not metered. They lie in dead.letters with their bytes and their reason, and can "
        "be sent again.",
        "tollbridge-lifecycle",
        "sum by (stage, reason) (increase(tollbridge_dead_letters_total[15m])) > 0",
    ),
    Alert(
        "TollbridgeSignatureFailures",
        "warning",
        "Many webhooks to {{ $labels.endpoint }} have a wrong signature",
        "More than a fifth of ten minutes' webhooks, and at least twenty: a wrong or rolled secret, a clock that "
        "is off, a proxy that changes bodies, or somebody who tries.",
        "tollbridge-ingress",
        _lines(
            f"""
            sum by (endpoint) (increase({_RECEIVED}{{outcome=~"{_UNSIGNED}"}}[10m])) >= 20
            and
            sum by (endpoint) (increase({_RECEIVED}{{outcome=~"{_UNSIGNED}"}}[10m]))
            > 0.2 * sum by (endpoint) (increase({_RECEIVED}[10m]))
            """
        ),
    ),
    Alert(
        "TollbridgeRolledSecretInUse",
        "warning",
        "{{ $labels.endpoint }} still gets webhooks signed with an old secret",
        "For a day and more, though Stripe lets an old secret live for 24 hours at most. Something else signs "
        "with it, or the new secret was never taken into use.",
        "tollbridge-ingress",
        _lines(
            """
            sum by (endpoint) (increase(tollbridge_webhooks_verified_total{secret!="0"}[6h])) > 0
            """
        ),
        "1d",
    ),
    Alert(
        "TollbridgeRolledSecretKept",
        "info",
        "{{ $labels.endpoint }} accepts more than one secret",
        "For three days. Nobody needs the old one any more, but whoever has it can still sign webhooks.",
        "tollbridge-ingress",
        "max by (endpoint) (tollbridge_webhook_secrets) > 1",
        "3d",
    ),
    Alert(
        "TollbridgeNoWebhooks",
        "warning",
        "No webhook has been accepted for an hour, which is unusual",
        "In the same hour yesterday and a week ago there were at least ten. Stripe may have switched the "
        "endpoint off, or nothing reaches us.",
        "tollbridge-ingress",
        _lines(
            f"""
            sum(increase({_RECEIVED}{{outcome="accepted"}}[1h])) == 0
            and sum(increase({_RECEIVED}{{outcome="accepted"}}[1h] offset 1d)) >= 10
            and sum(increase({_RECEIVED}{{outcome="accepted"}}[1h] offset 1w)) >= 10
            """
        ),
        "15m",
    ),
    Alert(
        "TollbridgeJetStreamWithoutLeader",
        "critical",
        "JetStream has no leader for {{ $labels.stream_name }}",
        "Nothing can be published until the servers have elected one; the backlog waits in Kafka.",
        "tollbridge-nats",
        _lines(
            """
            count by (stream_name) (nats_stream_total_messages)
            unless count by (stream_name) (nats_stream_total_messages{is_stream_leader="true"})
            or
            label_replace(
            count(nats_server_total_streams) unless count(nats_server_total_streams{is_meta_leader="true"}),
            "stream_name", "any stream", "", ""
            )
            """
        ),
        "1m",
    ),
    Alert(
        "TollbridgeKafkaUnderReplicated",
        "warning",
        "Kafka's {{ $labels.topic }} lacks a replica",
        "One more broker lost, and webhooks are refused: a write needs two replicas.",
        "tollbridge-kafka",
        "sum by (topic) (kafka_topic_partition_under_replicated_partition) > 0",
        "5m",
    ),
    Alert(
        "TollbridgeRecoveryStuck",
        "critical",
        "{{ $labels.instance }} does not get on with recovering {{ $labels.table }}",
        "A lifecycle worker has changelog records to read and has read none for ten minutes. It takes no events "
        "before it is through.",
        "tollbridge-lifecycle",
        _lines(
            """
            tollbridge_recovery_remaining_records > 0
            and tollbridge_recovery_remaining_records >= tollbridge_recovery_remaining_records offset 10m
            """
        ),
        "5m",
    ),
)
