"""A realistic mix of Stripe events, about 1.5 kB each, as the bytes that Stripe would post.

Each customer lives through one subscription: its beginning, payments, changes, a payment that fails and one
that recovers, the end; between them events that mean nothing here, and now and then one that comes twice.
Many customers live at the same time, so their events are interleaved.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import orjson

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
MONTH = 30 * 86400
AT_ONCE = 200
"""Customers whose lives are interleaved."""
TWICE = 10
"""Of so many customers one gets an event a second time."""


def mix(count: int, *, now: int, name: str) -> list[bytes]:
    """Return `count` events, the last created at `now` (unix seconds). `name` makes their ids unique."""
    lives = (life(f"{name}{number:06d}", now) for number in itertools.count())
    events: list[bytes] = []
    while len(events) < count:
        together = [list(one) for one in itertools.islice(lives, AT_ONCE)]
        for step in itertools.zip_longest(*together):
            events += [event for event in step if event is not None]
    return events[:count]


def life(who: str, now: int) -> Iterator[bytes]:
    """Yield what Stripe posts about the customer `who`."""
    begin, serial = now - 60, itertools.count()

    def event(kind: str, found: Json, before: Json | None = None) -> bytes:
        number = next(serial)
        data: Json = {"object": found}
        if before is not None:
            data["previous_attributes"] = changed(before, found)
        return orjson.dumps(
            {
                "id": f"evt_{who}x{number:02d}",
                "object": "event",
                "api_version": API_VERSION,
                "created": begin + number,
                "data": data,
                "livemode": True,
                "pending_webhooks": 1,
                "request": {"id": f"req_{who}x{number:02d}", "idempotency_key": f"key-{who}-{number}"},
                "type": kind,
            }
        )

    def change(now_is: Json, **changes: Any) -> tuple[Json, bytes]:
        after = {**copy.deepcopy(now_is), **changes}
        return after, event("customer.subscription.updated", after, now_is)

    sub = subscription(who, begin)
    # A checkout that came first would wait and come back: it would be two events, and not the usual case.
    yield event("customer.subscription.created", sub)
    yield event("checkout.session.completed", checkout(who, begin))
    yield event("invoice.paid", invoice(who, 1, begin))
    yield event("customer.updated", customer(who, begin))
    sub, update = change(sub, items=items(who, begin, quantity=3))
    yield update
    if int(who[-6:]) % TWICE == 0:
        yield update
    yield event("invoice.paid", invoice(who, 2, begin))
    yield event("charge.succeeded", charge(who, begin))
    yield event("invoice.payment_failed", invoice(who, 3, begin, paid=False))
    sub, update = change(sub, status="past_due", latest_invoice=f"in_{who}n3")
    yield update
    yield event("invoice.paid", invoice(who, 3, begin, attempt=2))
    sub, update = change(sub, status="active")
    yield update
    sub, update = change(sub, cancel_at_period_end=True, cancel_at=begin + MONTH)
    yield update
    ended = {**sub, "status": "canceled", "ended_at": begin + 40, "canceled_at": begin + 40}
    yield event("customer.subscription.deleted", ended)


def changed(before: Json, after: Json) -> Json:
    """Return the old values of what is different, as Stripe does: hashes in part, arrays whole."""
    old: Json = {}
    for key in before:
        if before[key] == after.get(key):
            continue
        both = isinstance(before[key], dict) and isinstance(after.get(key), dict)
        old[key] = changed(before[key], after[key]) if both else before[key]
    return old


def items(who: str, at: int, *, quantity: int) -> Json:
    """Return a subscription's items."""
    one = {
        "id": f"si_{who}",
        "object": "subscription_item",
        "created": at,
        "current_period_start": at,
        "current_period_end": at + MONTH,
        "metadata": {},
        "price": {
            "id": "price_pro_monthly",
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "currency": "usd",
            "lookup_key": None,
            "nickname": "Pro",
            "product": "prod_seat",
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
            "type": "recurring",
            "unit_amount": 2900,
            "unit_amount_decimal": "2900",
        },
        "quantity": quantity,
    }
    return {"object": "list", "data": [one], "has_more": False, "url": "/v1/subscription_items"}


def subscription(who: str, at: int) -> Json:
    """Return an active subscription."""
    return {
        "id": f"sub_{who}",
        "object": "subscription",
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_cycle_anchor": at,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": at,
        "currency": "usd",
        "customer": f"cus_{who}",
        "days_until_due": None,
        "discounts": [],
        "ended_at": None,
        "items": items(who, at, quantity=1),
        "latest_invoice": f"in_{who}n1",
        "livemode": True,
        "metadata": {"workspace": who},
        "pause_collection": None,
        "pending_update": None,
        "schedule": None,
        "start_date": at,
        "status": "active",
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def invoice(who: str, number: int, at: int, *, paid: bool = True, attempt: int = 1) -> Json:
    """Return an invoice of the subscription."""
    line = {
        "id": f"il_{who}n{number}",
        "object": "line_item",
        "amount": 2900,
        "currency": "usd",
        "description": "1 seat of Pro (at $29.00 / month)",
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "proration": False,
                "subscription": f"sub_{who}",
                "subscription_item": f"si_{who}",
            },
        },
        "period": {"start": at, "end": at + MONTH},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": "price_pro_monthly", "product": "prod_seat"},
            "unit_amount_decimal": "2900",
        },
        "quantity": 1,
    }
    return {
        "id": f"in_{who}n{number}",
        "object": "invoice",
        "amount_due": 2900,
        "amount_paid": 2900 if paid else 0,
        "amount_remaining": 0 if paid else 2900,
        "attempt_count": attempt,
        "attempted": True,
        "billing_reason": "subscription_create" if number == 1 else "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": at,
        "currency": "usd",
        "customer": f"cus_{who}",
        "lines": {"object": "list", "data": [line], "has_more": False, "url": "/v1/invoices/lines"},
        "livemode": True,
        "next_payment_attempt": None if paid else at + 3 * 86400,
        "number": f"TB-{number:04d}",
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {"metadata": {"workspace": who}, "subscription": f"sub_{who}"},
        },
        "period_start": at - MONTH,
        "period_end": at,
        "status": "paid" if paid else "open",
        "status_transitions": {"finalized_at": at, "paid_at": at if paid else None, "voided_at": None},
        "total": 2900,
    }


def checkout(who: str, at: int) -> Json:
    """Return a paid checkout session that began the subscription."""
    return {
        "id": f"cs_{who}",
        "object": "checkout.session",
        "amount_subtotal": 2900,
        "amount_total": 2900,
        "client_reference_id": who,
        "created": at,
        "currency": "usd",
        "customer": f"cus_{who}",
        "expires_at": at + 86400,
        "invoice": f"in_{who}n1",
        "livemode": True,
        "metadata": {},
        "mode": "subscription",
        "payment_status": "paid",
        "status": "complete",
        "subscription": f"sub_{who}",
        "success_url": "https://app.example.com/welcome?session_id={CHECKOUT_SESSION_ID}",
        "ui_mode": "hosted_page",
    }


def customer(who: str, at: int) -> Json:
    """Return a customer; nothing is told of it."""
    return {
        "id": f"cus_{who}",
        "object": "customer",
        "balance": 0,
        "created": at,
        "currency": "usd",
        "delinquent": False,
        "invoice_prefix": who.upper(),
        "livemode": True,
        "metadata": {"workspace": who, "note": "n" * 700},
        "next_invoice_sequence": 2,
        "tax_exempt": "none",
    }


def charge(who: str, at: int) -> Json:
    """Return a charge; nothing is told of it."""
    return {
        "id": f"ch_{who}",
        "object": "charge",
        "amount": 2900,
        "amount_captured": 2900,
        "captured": True,
        "created": at,
        "currency": "usd",
        "customer": f"cus_{who}",
        "livemode": True,
        "metadata": {"note": "n" * 700},
        "outcome": {"network_status": "approved_by_network", "risk_level": "normal", "type": "authorized"},
        "paid": True,
        "status": "succeeded",
    }
