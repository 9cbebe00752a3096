"""Business facts: what Tollbridge tells OpenMeter and NATS.

A fact's id names the fact, not the event that told it, so that every repetition of it, by whichever event
and after whatever crash, has the same id. What a fact says comes from Stripe's object. Amounts are in minor
units; a subscription's is what one period costs before tax and discounts, a payment's what was paid or is
still due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.checkout import Checkout
from billing.invoice import Invoice
from billing.stripe_event import StripeEvent
from billing.subscription import Subscription
from billing.timestamps import rfc3339

STARTED = "subscription.started"
UPDATED = "subscription.updated"
ENDED = "subscription.ended"
PAYMENT_SUCCESS = "payment.success"
PAYMENT_FAILED = "payment.failed"


@dataclass(frozen=True, slots=True)
class Fact:
    """One business fact. `id` is unique within account and mode; `key` everywhere.

    `time` is when it happened, in seconds since the Unix epoch. `subject` is the Stripe customer.
    """

    type: str
    id: str
    time: int
    subject: str
    account: str | None
    livemode: bool
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The id with its account and mode, such as acct_1|live|payment.success:in_1."""
        return f"{self.account or 'platform'}|{'live' if self.livemode else 'test'}|{self.id}"


def started(event: StripeEvent, reading: Subscription, customer: str, *, superseded: bool) -> Fact:
    """Tell that a subscription is active or trialing for the first time; it happened when it was created.

    Stripe's object does not say when an incomplete one became active, and the time must not depend on the
    event that proves it. `reading` is to show it started.
    """
    data = _subscription_data(event, reading, customer, superseded=superseded)
    return _fact(event, STARTED, reading.id, data, reading.created)


def started_by_checkout(
    event: StripeEvent, checkout: Checkout, known: Subscription | None, customer: str, *, superseded: bool
) -> Fact:
    """Tell the same of a paid checkout: what it says is what the subscription says, if that is `known`.

    Otherwise what the session does not say stays null. Its total is not what a period costs.
    """
    if known is not None:
        return started(event, known, customer, superseded=superseded)
    data = _common(event, customer, superseded=superseded)
    data["subscription"] = checkout.subscription
    data["currency"] = checkout.currency
    data["invoice"] = checkout.invoice
    return _fact(event, STARTED, checkout.subscription or "", data, None)


def updated(event: StripeEvent, reading: Subscription, customer: str, *, superseded: bool) -> Fact:
    """Tell one update; `superseded` when a later state was already known."""
    data = _subscription_data(event, reading, customer, superseded=superseded)
    previous = event.previous_attributes.get("status")
    data["previous_status"] = previous if isinstance(previous, str) else None
    return _fact(event, UPDATED, event.id, data, event.created)


def ended(event: StripeEvent, reading: Subscription, customer: str, *, superseded: bool) -> Fact:
    """Tell that a subscription is canceled for good; it happened at its `ended_at`."""
    data = _subscription_data(event, reading, customer, superseded=superseded)
    return _fact(event, ENDED, reading.id, data, reading.ended_at)


def payment_success(event: StripeEvent, invoice: Invoice, customer: str) -> Fact:
    """Tell that an invoice is paid. Invoices of nothing, as trials have, are marked `zero_amount`.

    One that was settled outside Stripe is not of nothing: something was due.
    """
    data = _invoice_data(event, invoice, customer, invoice.amount_paid)
    data["zero_amount"] = invoice.amount_paid == 0 and not invoice.amount_due
    return _fact(event, PAYMENT_SUCCESS, invoice.id, data, invoice.paid_at)


def payment_failed(event: StripeEvent, invoice: Invoice, customer: str) -> Fact:
    """Tell one failed attempt; the amount is what is still to be paid."""
    due = invoice.amount_due if invoice.amount_remaining is None else invoice.amount_remaining
    data = _invoice_data(event, invoice, customer, due)
    data["next_attempt"] = rfc3339(invoice.next_attempt)
    attempt = event.id if invoice.attempt is None else invoice.attempt
    return _fact(event, PAYMENT_FAILED, f"{invoice.id}:{attempt}", data, event.created)


def payment_fact_id(event: StripeEvent, invoice_id: str, attempt: int | None) -> str:
    """Return the id of the fact that an invoice event tells, before it is told."""
    if event.type == "invoice.payment_failed":
        return f"{PAYMENT_FAILED}:{invoice_id}:{event.id if attempt is None else attempt}"
    return f"{PAYMENT_SUCCESS}:{invoice_id}"


def _fact(event: StripeEvent, fact_type: str, name: str, data: Mapping[str, Any], time: int | None) -> Fact:
    when = event.created if time is None else time
    subject = data["customer"]
    return Fact(fact_type, f"{fact_type}:{name}", when, subject, event.account, event.livemode, data)


def _common(event: StripeEvent, customer: str, *, superseded: bool) -> dict[str, Any]:
    return {
        "customer": customer,
        "subscription": None,
        "status": None,
        "previous_status": None,
        "plan": None,
        "plan_name": None,
        "price": None,
        "product": None,
        "quantity": None,
        "amount": None,
        "currency": None,
        "period_start": None,
        "period_end": None,
        "invoice": None,
        "attempt": None,
        "billing_reason": None,
        "zero_amount": False,
        "superseded": superseded,
        "livemode": event.livemode,
        "account": event.account,
        "stripe_event_id": event.id,
        "stripe_event_type": event.type,
    }


def _subscription_data(
    event: StripeEvent, reading: Subscription, customer: str, *, superseded: bool
) -> dict[str, Any]:
    data = _common(event, customer, superseded=superseded)
    first = reading.first
    if first is not None:
        # A plan's id is its price's id: prices took over the ids of the plans that they replaced.
        data["plan"] = data["price"] = first.price
        data["plan_name"] = first.plan_name
        data["product"] = first.product
        data["quantity"] = first.quantity
    data["subscription"] = reading.id
    data["status"] = reading.status
    data["amount"] = reading.amount
    data["currency"] = reading.currency
    data["period_start"] = rfc3339(reading.period_start)
    data["period_end"] = rfc3339(reading.period_end)
    data["invoice"] = reading.latest_invoice
    data["cancel_at_period_end"] = reading.cancel_at_period_end
    return data


def _invoice_data(event: StripeEvent, invoice: Invoice, customer: str, amount: int | None) -> dict[str, Any]:
    data = _common(event, customer, superseded=False)
    line = invoice.line
    data["subscription"] = invoice.subscription
    data["status"] = invoice.status
    data["plan"] = data["price"] = line.price
    data["plan_name"] = line.plan_name
    data["product"] = line.product
    data["quantity"] = line.quantity
    data["amount"] = amount
    data["currency"] = invoice.currency
    data["period_start"] = rfc3339(line.period_start)
    data["period_end"] = rfc3339(line.period_end)
    data["invoice"] = invoice.id
    data["attempt"] = invoice.attempt
    data["billing_reason"] = invoice.billing_reason
    return data
