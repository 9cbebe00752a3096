"""What a sink must know of an event before it sends it: the CloudEvent's own attributes, no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from agents.errors import Reject


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent's address. `customer` is the Stripe customer, or the subject where there is none."""

    id: str
    source: str
    type: str
    livemode: bool
    customer: str


def read(value: bytes) -> Envelope:
    """Read the envelope of a structured CloudEvent (JSON format 1.0, §3).

    Raises Reject("malformed") when `value` is none: such bytes would spoil the whole batch they are in.
    """
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Reject("malformed", f"The value is not JSON: {error}.") from error
    if not isinstance(event, dict):
        raise Reject("malformed", f"The value is a JSON {type(event).__name__}, not a CloudEvent object.")
    if event.get("specversion") != "1.0":
        raise Reject("malformed", "The value is no CloudEvent 1.0: its specversion is missing or another.")
    data = event.get("data")
    if not isinstance(data, dict):
        raise Reject("malformed", "The CloudEvent's data is not an object.")
    livemode = data.get("livemode")
    if not isinstance(livemode, bool):
        raise Reject("malformed", "The CloudEvent's data.livemode is neither true nor false.")
    subject = _text(event, "subject")
    customer = data.get("customer")
    return Envelope(
        id=_text(event, "id"),
        source=_text(event, "source"),
        type=_text(event, "type"),
        livemode=livemode,
        customer=customer if isinstance(customer, str) and customer else subject,
    )


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Reject("malformed", f"The CloudEvent's {name} is missing, empty or not a string.")
    return value
