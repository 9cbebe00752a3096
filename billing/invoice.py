"""A canonical reading of Stripe's Invoice, whichever API version rendered it.

Since 2025-03-31.basil an invoice names its subscription in `parent.subscription_details`, before that in
`subscription`; a line names its price in `pricing.price_details`, before that in `price`, before that in
`plan`. In the oldest only the lines name the subscription, and flags stand for the status. Not every invoice
has a subscription.

What an invoice is for is read from one line: among the subscription's own that are not prorations the one
with the largest amount, else the proration with the largest amount, which on an upgrade is the new price, and
only then among what somebody added, such as a setup fee or a credit. The invoice's own
`period_start` and `period_end` say when its items were gathered, not what was paid for, so the line's period
comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.money import currency
from billing.partition_key import customer_of
from billing.shape import chosen_identifier, identifier, integer, mapping, sequence, text, timestamp


@dataclass(frozen=True, slots=True)
class Line:
    """What an invoice is for."""

    price: str | None
    plan_name: str | None
    product: str | None
    quantity: int | None
    amount: int | None
    proration: bool
    one_off: bool
    period_start: int | None
    period_end: int | None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice at one moment. Amounts are in minor units, times in seconds since the Unix epoch.

    `attempt` counts payment attempts as Stripe's retry schedule does: a customer's own second try does not
    count. `next_attempt` is None when Stripe will not try again. `has_more` says that the event carries only
    the first page of the lines.
    """

    id: str
    customer: str | None
    subscription: str | None
    status: str | None
    currency: str | None
    amount_paid: int | None
    amount_due: int | None
    amount_remaining: int | None
    total: int | None
    billing_reason: str | None
    attempt: int | None
    next_attempt: int | None
    paid_at: int | None
    has_more: bool
    line: Line

    @property
    def partly_paid(self) -> bool:
        """Whether it is open and some of it is paid (partial payments, since 2025-05-28.basil)."""
        return self.status == "open" and bool(self.amount_paid) and bool(self.amount_remaining)


def subscription_of_invoice(found: Mapping[str, Any]) -> str | None:
    """Return the id of the subscription that an invoice object is for, new path first."""
    details = mapping(mapping(found.get("parent")).get("subscription_details"))
    named = identifier(details.get("subscription")) or identifier(found.get("subscription"))
    return named or _subscription_of_lines(found)


def _subscription_of_lines(found: Mapping[str, Any]) -> str | None:
    """Return the one subscription that the lines are for; None when there are none, or several."""
    lines = [mapping(entry) for entry in sequence(mapping(found.get("lines")).get("data"))]
    named = {identifier(line.get("subscription")) for line in lines if line.get("type") == "subscription"}
    return named.pop() if len(named) == 1 else None


def _status(found: Mapping[str, Any]) -> str | None:
    """Return the status; before 2018-11-08 there were only the flags."""
    status = text(found.get("status"))
    if status is None and found.get("paid") is True:
        return "paid"
    if status is None and found.get("forgiven") is True:
        return "uncollectible"
    return "open" if status is None and found.get("paid") is False else status


def _amount_paid(found: Mapping[str, Any]) -> int | None:
    """Return what was paid. Before February 2018 an invoice said only what was due, and that it is paid."""
    paid = integer(found.get("amount_paid"))
    elsewhere = paid == 0 and found.get("paid_out_of_band") is True
    if elsewhere or (paid is None and _status(found) == "paid"):
        return integer(found.get("amount_due"))
    return paid


def read_invoice(found: Mapping[str, Any]) -> Invoice | None:
    """Read an invoice object; None when it has no id (invoice.upcoming has none) and so is none."""
    invoice_id = identifier(found.get("id"))
    if invoice_id is None:
        return None
    transitions = mapping(found.get("status_transitions"))
    listed = mapping(found.get("lines"))
    return Invoice(
        id=invoice_id,
        customer=customer_of(found),
        subscription=subscription_of_invoice(found),
        status=_status(found),
        currency=currency(found.get("currency")),
        amount_paid=_amount_paid(found),
        amount_due=integer(found.get("amount_due")),
        amount_remaining=integer(found.get("amount_remaining")),
        total=integer(found.get("total")),
        billing_reason=text(found.get("billing_reason")),
        attempt=integer(found.get("attempt_count")),
        next_attempt=timestamp(found.get("next_payment_attempt")),
        paid_at=timestamp(transitions.get("paid_at")),
        has_more=listed.get("has_more") is True,
        line=_line(found, listed),
    )


def _line(found: Mapping[str, Any], listed: Mapping[str, Any]) -> Line:
    lines = [_read_line(mapping(entry)) for entry in sequence(listed.get("data"))]
    best = max(lines, key=_weight, default=None)
    if best is not None:
        return best
    start, end = timestamp(found.get("period_start")), timestamp(found.get("period_end"))
    return Line(None, None, None, None, None, False, False, start, end)


def _weight(line: Line) -> tuple[bool, bool, int]:
    added = line.one_off and not line.proration
    return (not added, not line.proration, line.amount or 0)


def _read_line(entry: Mapping[str, Any]) -> Line:
    details = mapping(mapping(entry.get("pricing")).get("price_details"))
    price = mapping(entry.get("price")) or mapping(entry.get("plan"))
    parent = mapping(entry.get("parent"))
    origin = mapping(parent.get("subscription_item_details")) or mapping(parent.get("invoice_item_details"))
    period = mapping(entry.get("period"))
    return Line(
        price=chosen_identifier(details.get("price"))
        or chosen_identifier(entry.get("price"))
        or chosen_identifier(entry.get("plan")),
        plan_name=text(price.get("lookup_key")) or text(price.get("nickname")) or text(price.get("name")),
        product=chosen_identifier(details.get("product")) or chosen_identifier(price.get("product")),
        quantity=integer(entry.get("quantity")),
        amount=integer(entry.get("amount")),
        proration=origin.get("proration") is True or entry.get("proration") is True,
        one_off=parent.get("type") == "invoice_item_details" or entry.get("type") == "invoiceitem",
        period_start=timestamp(period.get("start")),
        period_end=timestamp(period.get("end")),
    )
