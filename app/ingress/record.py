"""A verified webhook as the Kafka record that keeps it."""

from __future__ import annotations

from agents.protocols import Record
from agents.tracing import TRACEPARENT, valid
from billing.partition_key import partition_key
from billing.stripe_event import StripeEvent

# The record's headers.
ENDPOINT = "endpoint"  # the webhook endpoint's name
SECRET = "secret"  # noqa: S105 - the position of the secret that verified it, never the secret
RECEIVED = "received"  # unix milliseconds, ASCII
CONTENT_TYPE = "content-type"
API_VERSION = "api-version"
# And `traceparent` (agents/tracing.py), when the webhook belongs to a trace.

_JSON = b"application/json"


def webhook_record(
    topic: str,
    event: StripeEvent,
    body: bytes,
    *,
    endpoint: str,
    secret: int,
    received: float,
    traceparent: str | None,
) -> Record:
    """Return the record: keyed by account, mode and customer, its value the exact bytes.

    `received` is in unix seconds. A `traceparent` that is none is left out.
    """
    headers = [
        (ENDPOINT, endpoint.encode()),
        (SECRET, b"%d" % secret),
        (RECEIVED, b"%d" % int(received * 1000)),
        (CONTENT_TYPE, _JSON),
    ]
    if event.api_version:
        headers.append((API_VERSION, event.api_version.encode()))
    if traceparent is not None and valid(traceparent):
        headers.append((TRACEPARENT, traceparent.encode()))
    return Record(topic, partition_key(event), body, tuple(headers))
