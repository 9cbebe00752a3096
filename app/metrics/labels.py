"""The values that labels may have: few, and known beforehand."""

from __future__ import annotations

from typing import Literal, get_args

Process = Literal["ingress", "lifecycle", "openmeter", "nats"]
Sink = Literal["openmeter", "nats"]

PROCESSES: tuple[Process, ...] = get_args(Process)
WORKERS: tuple[Process, ...] = ("lifecycle", "openmeter", "nats")
SINKS: tuple[Process, ...] = ("openmeter", "nats")

# What became of a webhook, as its `outcome` label says.
WEBHOOK_OUTCOMES = (
    "accepted",  # 200
    "bad_signature",  # 400, as are the eight that follow
    "missing_signature",
    "malformed_signature",
    "stale_timestamp",
    "future_timestamp",
    "not_utf8",
    "not_json",
    "not_an_object",
    "wrong_shape",
    "unknown_endpoint",  # 404
    "too_slow",  # 408
    "too_large",  # 413
    "client_gone",  # the client went away before it had sent its body
    "overloaded",  # 503, too many in flight
    "not_acknowledged",  # 503, Kafka did not acknowledge in time
    "not_ready",  # 503, the topics have not been seen yet
)
DECISIONS = ("applied", "duplicate", "replayed", "stale", "ignored", "rejected")
FACTS = (
    "subscription.started",
    "subscription.updated",
    "subscription.ended",
    "payment.success",
    "payment.failed",
)
SENT_OUTCOMES = ("accepted", "duplicate", "rejected", "retried")
CIRCUIT_STATES = {"closed": 0, "half_open": 1, "open": 2}
