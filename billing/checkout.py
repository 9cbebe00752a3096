"""A canonical reading of Stripe's Checkout Session.

Completed is not paid: with bank debits and the like `payment_status` is unpaid at first, and
checkout.session.async_payment_succeeded follows. Only mode subscription starts a subscription. Sessions of
before 2020 have neither field: what they are for shows in what they name, and complete was paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.money import currency
from billing.partition_key import customer_of
from billing.shape import identifier, integer, text

_SETTLED = frozenset({"paid", "no_payment_required", None})


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout session at one moment. `amount` is in minor units."""

    id: str
    customer: str | None
    subscription: str | None
    invoice: str | None
    mode: str
    status: str | None
    payment_status: str | None
    amount: int | None
    currency: str | None
    client_reference_id: str | None

    @property
    def settled(self) -> bool:
        """Whether it is complete and nothing is left to pay. Older sessions have one status or none."""
        return self.status in ("complete", None) and self.payment_status in _SETTLED


def read_checkout(found: Mapping[str, Any]) -> Checkout | None:
    """Read a session object; None when it has no id, or nothing that says what it is for, and so is none."""
    session = identifier(found.get("id"))
    mode = text(found.get("mode")) or _older_mode(found)
    if session is None or mode is None:
        return None
    return Checkout(
        id=session,
        customer=customer_of(found),
        subscription=identifier(found.get("subscription")),
        invoice=identifier(found.get("invoice")),
        mode=mode,
        status=text(found.get("status")),
        payment_status=text(found.get("payment_status")),
        amount=integer(found.get("amount_total")),
        currency=currency(found.get("currency")),
        client_reference_id=text(found.get("client_reference_id")),
    )


def _older_mode(found: Mapping[str, Any]) -> str | None:
    if identifier(found.get("subscription")) is not None:
        return "subscription"
    if identifier(found.get("setup_intent")) is not None:
        return "setup"
    return "payment" if identifier(found.get("payment_intent")) is not None else None
