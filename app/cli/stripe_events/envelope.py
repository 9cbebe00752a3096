"""The envelope around every object: Stripe's snapshot event."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

API_VERSION = "2026-10-28.endive"
_LETTERS = string.ascii_letters + string.digits

Json = dict[str, Any]


def make_id(prefix: str) -> str:
    """Return a new id that looks like Stripe's, such as sub_1 and 23 letters and digits."""
    return f"{prefix}_1{''.join(secrets.choice(_LETTERS) for _ in range(23))}"


def event(
    event_type: str,
    obj: Mapping[str, Any],
    *,
    created: int,
    event_id: str | None = None,
    previous: Mapping[str, Any] | None = None,
    account: str | None = None,
) -> Json:
    """Return an event of `event_type` about `obj`, in `obj`'s mode. `previous`: what an update changed."""
    data: Json = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    envelope: Json = {
        "id": event_id or make_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": data,
        "livemode": obj.get("livemode", False),
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }
    return envelope if account is None else {**envelope, "account": account}
