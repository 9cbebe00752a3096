"""A verified webhook as the Kafka record that keeps it."""

from __future__ import annotations

import re

from agents.protocols import Record
from billing.partition_key import partition_key
from billing.stripe_event import StripeEvent

# The record's headers.
ENDPOINT = "endpoint"  # the webhook endpoint's name
SECRET = "secret"  # noqa: S105 - the position of the secret that verified it, never the secret
RECEIVED = "received"  # unix milliseconds, ASCII
TRACEPARENT = "traceparent"  # W3C trace context, when the request had one
CONTENT_TYPE = "content-type"
API_VERSION = "api-version"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
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
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        headers.append((TRACEPARENT, traceparent.encode()))
    return Record(topic, partition_key(event), body, tuple(headers))
