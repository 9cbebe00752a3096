"""When each alert fires and when it is silent: series as promtool writes them."""

from __future__ import annotations

from dataclasses import dataclass

RECEIVED = "stripe_webhooks_received_total"
ROAD = "tollbridge_receipt_to_sink_seconds"
ACCEPTED = f'{RECEIVED}{{endpoint="default", type="invoice.paid", outcome="accepted"}}'
FAILED = f'{RECEIVED}{{endpoint="default", type="invoice.paid", outcome="not_acknowledged"}}'
FORGED = f'{RECEIVED}{{endpoint="default", type="none", outcome="bad_signature"}}'
IN_TIME = f'{ROAD}_bucket{{sink="nats", le="30.0"}}'
DELIVERED = f'{ROAD}_count{{sink="nats"}}'
STREAM = (
    'nats_stream_total_messages{stream_name="BILLING_EVENTS", server_name="nats-%d", is_stream_leader="%s"}'
)
META = 'nats_server_total_streams{server_name="nats-%d", is_meta_leader="%s"}'
RECOVERY = 'tollbridge_recovery_remaining_records{instance="lifecycle-0", job="tollbridge", table="seen"}'
SECRET = 'tollbridge_webhooks_verified_total{endpoint="default", secret="%d"}'


@dataclass(frozen=True)
class Case:
    """Series, a moment, and the labels of the alerts that fire then; none when it is silent.

    `severity` and what the rule itself adds are left out: the test knows them from the rule.
    """

    promise: str
    alert: str
    series: dict[str, str]
    at: str
    fires: tuple[dict[str, str], ...] = ()
    interval: str = "1m"


def processes(*names: str) -> dict[str, str]:
    return {f'tollbridge_info{{process="{name}", version="1"}}': "1x30" for name in names}


def breaker(state: str, since: str) -> dict[str, str]:
    return {
        'tollbridge_circuit_state{sink="nats"}': state,
        'tollbridge_circuit_since_timestamp_seconds{sink="nats"}': since,
    }


def backlog(lag: str, committed: str) -> dict[str, str]:
    return {
        'tollbridge_lag_messages{process="nats", topic="billing.events", partition="0"}': lag,
        'tollbridge_offsets_committed_total{process="nats"}': committed,
    }


def leaders(stream: int | None, meta: int | None) -> dict[str, str]:
    return {
        **{STREAM % (number, str(number == stream).lower()): "100x10" for number in range(3)},
        **{META % (number, str(number == meta).lower()): "1x10" for number in range(3)},
    }


AVAILABILITY, LATENCY = {"slo": "availability"}, {"slo": "latency", "sink": "nats"}
NATS = {"process": "nats"}

CASES = (
    Case("an outage of the door pages within the hour", "TollbridgeAvailabilityBurn", {ACCEPTED: "0+100x70", FAILED: "0+10x70"}, "65m", (AVAILABILITY,)),
    Case("total refusal pages within minutes", "TollbridgeAvailabilityBurn", {ACCEPTED: "0+20x60 1200x20", FAILED: "0x60 0+20x20"}, "70m", (AVAILABILITY,)),
    Case("a few refusals at night wake nobody", "TollbridgeAvailabilityBurn", {ACCEPTED: "0x30 5x40", FAILED: "0x30 5x40"}, "65m"),
    Case("an outage that is over pages no more", "TollbridgeAvailabilityBurn", {ACCEPTED: "0+100x100", FAILED: "0+10x50 500x50"}, "95m"),
    Case("wrong signatures spend no budget", "TollbridgeAvailabilityBurn", {ACCEPTED: "0+100x70", FORGED: "0+100x70"}, "65m"),
    Case("a steady trickle of refusals is a ticket", "TollbridgeAvailabilityBurnSlow", {ACCEPTED: "0+199x300", FAILED: "0+1x300"}, "1500m", (AVAILABILITY,), "5m"),
    Case("a steady trickle of refusals is no page", "TollbridgeAvailabilityBurn", {ACCEPTED: "0+199x400", FAILED: "0+1x400"}, "390m"),
    Case("one refusal in ten thousand is within the promise", "TollbridgeAvailabilityBurnSlow", {ACCEPTED: "0+20000x300", FAILED: "0+1x300"}, "1500m", (), "5m"),
    Case("half of the events late pages", "TollbridgeLatencyBurn", {IN_TIME: "0+50x70", DELIVERED: "0+100x70"}, "65m", (LATENCY,)),
    Case("a handful of late events wakes nobody", "TollbridgeLatencyBurn", {IN_TIME: "0x70", DELIVERED: "0x30 8x40"}, "65m"),
    Case("events in time are silence", "TollbridgeLatencyBurn", {IN_TIME: "0+100x70", DELIVERED: "0+100x70"}, "65m"),
    Case("one event of twenty-five late, for a day, is a ticket", "TollbridgeLatencyBurnSlow", {IN_TIME: "0+96x300", DELIVERED: "0+100x300"}, "1500m", (LATENCY,), "5m"),
    Case("one event of a thousand late is within the promise", "TollbridgeLatencyBurnSlow", {IN_TIME: "0+999x300", DELIVERED: "0+1000x300"}, "1500m", (), "5m"),
    Case("a kind of process of which none is left", "TollbridgeProcessDown", processes("lifecycle", "openmeter", "nats"), "6m", ({"process": "ingress"},)),
    Case("each kind that is missing is named", "TollbridgeProcessDown", processes("ingress", "lifecycle"), "6m", ({"process": "openmeter"}, NATS)),
    Case("a restart is no outage", "TollbridgeProcessDown", processes("lifecycle", "openmeter", "nats"), "3m"),
    Case("all four run", "TollbridgeProcessDown", processes("ingress", "lifecycle", "openmeter", "nats"), "6m"),
    Case("a worker that dies again and again", "TollbridgeWorkerRestarting", {'process_start_time_seconds{instance="a", job="nats"}': "100 200 300 400x20", 'tollbridge_info{instance="a", job="nats", process="nats", version="1"}': "1x30"}, "10m", (NATS,)),
    Case("a deploy restarts each once", "TollbridgeWorkerRestarting", {'process_start_time_seconds{instance="a", job="nats"}': "100x5 200x20", 'tollbridge_info{instance="a", job="nats", process="nats", version="1"}': "1x30"}, "10m"),
    Case("a sink away for five minutes", "TollbridgeBreakerOpen", breaker("0 2x20", "0 60x20"), "7m", ({"sink": "nats"},)),
    Case("a canary now and then does not hide it", "TollbridgeBreakerOpen", breaker("0 2 1 2 1 2 1 1 2", "0 60x20"), "7m", ({"sink": "nats"},)),
    Case("a sink away for a moment", "TollbridgeBreakerOpen", breaker("0 2x20", "0 60x20"), "5m"),
    Case("a breaker that has been closed for an hour", "TollbridgeBreakerOpen", breaker("0x70", "0x70"), "65m"),
    Case("nothing is committed though something waits", "TollbridgeBacklogNotDraining", backlog("5x40", "100x40"), "12m", (NATS,)),
    Case("a backlog that grows while work goes on", "TollbridgeBacklogNotDraining", backlog("2000+10x40", "0+100x40"), "30m", (NATS,)),
    Case("a backlog that is being worked off", "TollbridgeBacklogNotDraining", backlog("9000-100x40", "0+200x40"), "30m"),
    Case("a few in hand under steady traffic", "TollbridgeBacklogNotDraining", backlog("5x40", "0+10x40"), "30m"),
    Case("nothing waits and nothing is committed", "TollbridgeBacklogNotDraining", backlog("0x40", "100x40"), "30m"),
    Case("the first dead letter", "TollbridgeDeadLetters", {'tollbridge_dead_letters_total{stage="nats", reason="refused"}': "0x5 1x30"}, "10m", ({"stage": "nats", "reason": "refused"},)),
    Case("a dead letter of half an hour ago", "TollbridgeDeadLetters", {'tollbridge_dead_letters_total{stage="nats", reason="refused"}': "0x5 1x60"}, "40m"),
    Case("a third of the webhooks forged", "TollbridgeSignatureFailures", {ACCEPTED: "0+10x20", FORGED: "0+5x20"}, "11m", ({"endpoint": "default"},)),
    Case("a forger in the crowd", "TollbridgeSignatureFailures", {ACCEPTED: "0+100x20", FORGED: "0+5x20"}, "11m"),
    Case("a scanner that tries ten times", "TollbridgeSignatureFailures", {ACCEPTED: "0x20", FORGED: "0x5 10x20"}, "11m"),
    Case("an old secret used for a day and more", "TollbridgeRolledSecretInUse", {SECRET % 0: "0+9x120", SECRET % 1: "0+9x120"}, "1500m", ({"endpoint": "default"},), "15m"),
    Case("an old secret during the roll", "TollbridgeRolledSecretInUse", {SECRET % 0: "0+9x120", SECRET % 1: "0+9x40 360x80"}, "1500m", (), "15m"),
    Case("an old secret that nobody uses", "TollbridgeRolledSecretInUse", {SECRET % 0: "0+9x120", SECRET % 1: "50x120"}, "1500m", (), "15m"),
    Case("an old secret left in the settings", "TollbridgeRolledSecretKept", {'tollbridge_webhook_secrets{endpoint="default"}': "2x150"}, "4350m", ({"endpoint": "default"},), "30m"),
    Case("an old secret taken out after a day", "TollbridgeRolledSecretKept", {'tollbridge_webhook_secrets{endpoint="default"}': "2x48 1x100"}, "4350m", (), "30m"),
    Case("silence where there was traffic yesterday and a week ago", "TollbridgeNoWebhooks", {ACCEPTED: "0+10x690 6900x40"}, "10440m", ({},), "15m"),
    Case("an hour that is always quiet", "TollbridgeNoWebhooks", {ACCEPTED: "0+10x20 200x700"}, "10440m", (), "15m"),
    Case("traffic as usual", "TollbridgeNoWebhooks", {ACCEPTED: "0+10x720"}, "10440m", (), "15m"),
    Case("a stream without a leader", "TollbridgeJetStreamWithoutLeader", leaders(None, 1), "3m", ({"stream_name": "BILLING_EVENTS"},)),
    Case("no leader of JetStream as a whole", "TollbridgeJetStreamWithoutLeader", leaders(2, None), "3m", ({"stream_name": "any stream"},)),
    Case("both are led", "TollbridgeJetStreamWithoutLeader", leaders(2, 1), "3m"),
    Case("a partition that lacks a replica", "TollbridgeKafkaUnderReplicated", {'kafka_topic_partition_under_replicated_partition{topic="stripe.events", partition="3"}': "1x10"}, "6m", ({"topic": "stripe.events"},)),
    Case("a broker that was restarted", "TollbridgeKafkaUnderReplicated", {'kafka_topic_partition_under_replicated_partition{topic="stripe.events", partition="3"}': "1 1 1 0x10"}, "6m"),
    Case("a recovery that stands still", "TollbridgeRecoveryStuck", {RECOVERY: "500x30"}, "16m", ({"instance": "lifecycle-0", "job": "tollbridge", "table": "seen"},)),
    Case("a recovery that gets on", "TollbridgeRecoveryStuck", {RECOVERY: "50000-100x30"}, "16m"),
    Case("a table that is whole", "TollbridgeRecoveryStuck", {RECOVERY: "0x30"}, "16m"),
)  # fmt: skip
