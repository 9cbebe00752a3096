"""The Kafka key of an event: all that happens to one customer is folded in one place, in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.shape import identifier
from billing.stripe_event import StripeEvent


def partition_key(event: StripeEvent) -> bytes:
    """Return account, mode and customer, such as b"acct_1|live|cus_1". A pure function of the event.

    Without a customer the object's id stands in its place (for a thin event that of the object it is about),
    and without that (invoice.upcoming has none) the event's own.
    """
    found = customer_of(event.object) or identifier(event.object.get("id")) or event.id
    return f"{event.scope}|{found}".encode()


def customer_of(found: Mapping[str, Any]) -> str | None:
    """Return whom an object is about: `customer`, else `customer_account` (since 2025-11), else itself."""
    if found.get("object") == "customer":
        return identifier(found.get("id"))
    return identifier(found.get("customer")) or identifier(found.get("customer_account"))
