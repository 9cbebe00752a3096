"""The values that labels may have: few, and known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Process = Literal["ingress", "lifecycle", "openmeter", "nats"]
Sink = Literal["openmeter", "nats"]

PROCESSES: tuple[Process, ...] = get_args(Process)
WORKERS: tuple[Process, ...] = ("lifecycle", "openmeter", "nats")
SINKS: tuple[Process, ...] = ("openmeter", "nats")

# What became of a webhook, as its `outcome` label says.
WEBHOOK_OUTCOMES = (
    "accepted",  # 200
    "already_kept",  # 200, and Redis knows that Kafka has it
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
DECISIONS = ("applied", "duplicate", "replayed", "stale", "ignored", "deferred", "rejected")
FACTS = (
    "subscription.started",
    "subscription.updated",
    "subscription.ended",
    "payment.success",
    "payment.failed",
)
DEAD_LETTER_REASONS = (
    "malformed_event",  # lifecycle: not a Stripe event
    "thin_event",  # lifecycle: an event without its object
    "wrong_shape",  # lifecycle: an object without what it must have
    "thin_event_gone",  # lifecycle: Stripe has a thin event's whole no longer
    "object_gone",  # lifecycle: Stripe has the object no longer
    "unreadable",  # lifecycle: what Stripe answered makes no sense
    "not_readable",  # lifecycle: Stripe knows neither the subscription nor its event
    "no_customer",  # lifecycle: whose subscription is it?
    "no_subject",  # lifecycle: the metered customer cannot be named
    "decision_failed",  # lifecycle: a fault of ours
    "record_too_large",  # any: Kafka takes no record of this size
    "malformed",  # a sink: the record is no CloudEvent
    "refused",  # a sink: the other side will never take it
    "too_large",  # a sink: larger than the other side takes
    "other",
)
LOOKUP_OUTCOMES = ("hit", "miss", "error", "skipped")
MARK_OUTCOMES = ("kept", "error", "skipped")
SENT_OUTCOMES = ("accepted", "duplicate", "rejected", "retried")
CIRCUIT_STATES = {"closed": 0, "half_open": 1, "open": 2}

BOUNDS: Mapping[str, str] = {
    "process": "the four processes",
    "version": "one: the release that runs",
    "endpoint": "the endpoints that have secrets, else other",
    "type": "the Stripe types in app/metrics/bounds.py, else other, or none; for facts, the five",
    "outcome": "the outcomes listed in app/metrics/labels.py",
    "secret": "the position among an endpoint's secrets, 0 for the first",
    "api_version": "the first twenty that look like one, else other, or none",
    "route": "the templates of our routes, else other",
    "method": "the seven usual ones, else other",
    "status": "the statuses that we answer",
    "decision": "the decisions in billing/decision.py",
    "table": "our tables",
    "sink": "openmeter or nats",
    "stage": "who gave up: lifecycle, openmeter or nats",
    "reason": "the reasons listed in app/metrics/labels.py, else other",
    "topic": "our topics",
    "partition": "the partitions of the topic that the worker owns",
}
"""What keeps each label's values few. A label that is not here may not be used."""
